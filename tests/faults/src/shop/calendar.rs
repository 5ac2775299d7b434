//! When what registers send has happened.

/// When what registers send has happened, as they believe.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// First seconds since 1970, and how many: one of all these.
    pub stretches: Vec<(i64, i64)>,
    /// A register's clock goes wrong by up to so many seconds, either way.
    pub skew_seconds: i64,
}

impl Calendar {
    /// Two days: a few hot store-days.
    #[must_use]
    pub fn two_days() -> Self {
        // From 2017-01-02T05:00:00Z.
        Self { stretches: vec![(1_483_333_200, 2 * 86_400)], skew_seconds: 0 }
    }

    /// The hours around each instant at which a store changes its clocks, and clocks of registers that go wrong by up to
    /// an hour.
    #[must_use]
    pub fn changing_clocks() -> Self {
        // 2017: New York on 12 March and 5 November, Berlin on 26 March and 29 October, Lord Howe on 1 April and 30
        // September (UTC).
        let changes = [1_489_302_000, 1_509_861_600, 1_490_490_000, 1_509_238_800, 1_491_058_800, 1_506_785_400];
        Self { stretches: changes.map(|at| (at - 8 * 3_600, 16 * 3_600)).to_vec(), skew_seconds: 3_600 }
    }
}
