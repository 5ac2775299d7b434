//! Latencies in a histogram, so that the slow ones are not lost in a mean.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Latencies from a microsecond to [`LONGEST`], to three digits.
#[derive(Clone, Debug)]
pub(crate) struct Latency(Histogram<u64>);

/// What lasted longer counts as this long.
const LONGEST: Duration = Duration::from_secs(300);

const DIGITS: u8 = 3;

/// Some percentiles in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) count: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
}

impl Latency {
    #[allow(clippy::expect_used, reason = "the bounds are constants, and right")]
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, micros(LONGEST), DIGITS).expect("the bounds are right"))
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(micros(latency).max(1));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        // Both have the same bounds, so nothing can be out of range.
        let _ = self.0.add(&other.0);
    }

    /// `None` if nothing was recorded.
    pub(crate) fn percentiles(&self) -> Option<Percentiles> {
        let at = |quantile: f64| in_millis(self.0.value_at_quantile(quantile));
        (!self.0.is_empty()).then(|| Percentiles {
            count: self.0.len(),
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: in_millis(self.0.max()),
        })
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[allow(clippy::cast_precision_loss, reason = "minutes at most")]
fn in_millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

/// A time in milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_told_in_milliseconds() {
        let mut latency = Latency::new();
        assert_eq!(latency.percentiles(), None);
        (1..=1_000).for_each(|millis| latency.record(Duration::from_millis(millis)));
        let percentiles = latency.percentiles().unwrap();
        assert_eq!(percentiles.count, 1_000);
        assert!((percentiles.p50_ms - 500.0).abs() < 1.0, "{percentiles:?}");
        assert!((percentiles.p99_ms - 990.0).abs() < 2.0, "{percentiles:?}");
        let mut both = Latency::new();
        both.add(&latency);
        both.record(Duration::from_secs(10_000));
        assert_eq!(both.percentiles().unwrap().count, 1_001);
    }
}
