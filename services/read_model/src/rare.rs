//! Figures that few entries have.

use std::fmt;

use crate::sum::Sum;

/// Figures that are mostly all zero, and then take no more memory than a pointer. Most items are sold on a day, and few of them
/// returned, delivered or adjusted.
#[derive(Clone, PartialEq, Eq)]
pub struct Rare<F>(Option<Box<F>>);

impl<F: Sum + Copy> Rare<F> {
    /// These figures.
    #[must_use]
    pub fn of(figures: F) -> Self {
        Self((figures != F::default()).then(|| Box::new(figures)))
    }

    /// The figures.
    #[must_use]
    pub fn get(&self) -> F {
        self.0.as_deref().copied().unwrap_or_default()
    }
}

impl<F> Default for Rare<F> {
    fn default() -> Self {
        Self(None)
    }
}

impl<F: Sum + Copy> Sum for Rare<F> {
    fn add(&mut self, other: &Self) -> bool {
        let Some(change) = other.0.as_deref() else { return true };
        let Some(sum) = &mut self.0 else {
            self.0 = Some(Box::new(*change));
            return true;
        };
        let fits = sum.add(change);
        // What is zero is never kept, however it came to be so: by this figures are equal that say the same.
        if **sum == F::default() {
            self.0 = None;
        }
        fits
    }

    fn weight(&self) -> u64 {
        self.0.as_deref().map_or(0, Sum::weight)
    }
}

impl<F: Sum + Copy + fmt::Debug> fmt::Debug for Rare<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::ItemMoves;

    fn received(quantity_received_milli: i64) -> Rare<ItemMoves> {
        Rare::of(ItemMoves { quantity_received_milli, ..ItemMoves::default() })
    }

    #[test]
    fn figures_that_cancel_out_are_as_if_there_were_none() {
        let mut sum = Rare::default();
        assert!(sum.add(&received(5)) && sum.add(&received(0)) && sum.add(&received(2)));
        assert_eq!((sum.get().quantity_received_milli, sum.weight()), (7, 7));
        assert!(sum.add(&received(-7)));
        assert_eq!((&sum, sum.weight()), (&Rare::default(), 0));
    }

    #[test]
    fn a_sum_that_does_not_fit_is_told() {
        let mut sum = received(i64::MAX);
        assert!(!sum.add(&received(1)));
    }
}
