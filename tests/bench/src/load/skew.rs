//! Skewed popularity.

use fastrand::Rng;

/// The weight of a thing of rank 0 with offset 1; large, so that the weights of high ranks differ too.
const SCALE: u64 = 1_000_000_000_000;

/// Ranks that are drawn with a probability of `1 / (rank + offset)`: Zipf's law with exponent 1, whose peak is the
/// lower the larger the offset is.
#[derive(Clone, Debug)]
pub(super) struct Skew {
    /// Sums of the weights up to and with each rank.
    sums: Vec<u64>,
}

impl Skew {
    /// So many ranks. The offset is at least 1.
    pub(super) fn new(ranks: usize, offset: u64) -> Self {
        let sums = (offset.max(1)..).take(ranks).scan(0, |sum, place| {
            *sum += SCALE / place;
            Some(*sum)
        });
        Self { sums: sums.collect() }
    }

    /// Draws a rank, from 0.
    pub(super) fn draw(&self, rng: &mut Rng) -> usize {
        let Some(all) = self.sums.last() else { return 0 };
        let point = rng.u64(..*all);
        self.sums.partition_point(|sum| *sum <= point)
    }
}
