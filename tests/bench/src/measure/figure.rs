//! The median of several rounds, with its spread.

use serde::Serialize;

/// What several rounds came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Figure {
    /// `None` if there was no round.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            *values.get(middle)?
        } else {
            (values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0
        };
        Some(Self { median, min, max })
    }

    /// A figure that was measured once.
    pub(crate) fn once(value: f64) -> Self {
        Self { median: value, min: value, max: value }
    }

    /// By how many times the medians differ; `None` if the other one is nothing.
    pub(crate) fn times(&self, other: &Self) -> Option<f64> {
        (other.median > 0.0).then(|| self.median / other.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(Figure::of([3.0, 1.0, 2.0]), Some(Figure { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Figure::of([4.0, 1.0]), Some(Figure { median: 2.5, min: 1.0, max: 4.0 }));
        assert_eq!(Figure::of([]), None);
        assert_eq!(Figure::once(6.0).times(&Figure::once(2.0)), Some(3.0));
        assert_eq!(Figure::once(6.0).times(&Figure::once(0.0)), None);
    }
}
