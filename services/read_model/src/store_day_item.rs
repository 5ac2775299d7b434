//! One item of a store-day.

use crate::{
    entries::Entry,
    figures::{ItemMoves, ItemSales},
    rare::Rare,
    segment::TEXTS,
    sum::{Sum, later},
    text::Word,
};

/// What was sold of an item, and what else happened to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreDayItem {
    pub category: Word,
    pub unit_code: Word,
    pub sold: ItemSales,
    pub other: Rare<ItemMoves>,
}

impl StoreDayItem {
    /// gross − discounts − returns; `None` if it does not fit.
    #[must_use]
    pub fn net_minor(&self) -> Option<i64> {
        let sold = self.sold.gross_minor.checked_sub(self.sold.discount_minor)?;
        sold.checked_sub(self.other.get().returns_net_minor)
    }

    /// The same with the other sign; `None` if an amount does not fit.
    pub(crate) fn negated(self) -> Option<Self> {
        Some(Self { sold: self.sold.negated()?, other: Rare::of(self.other.get().negated()?), ..self })
    }
}

impl Sum for StoreDayItem {
    fn add(&mut self, change: &Self) -> bool {
        later(&mut self.category, &change.category);
        later(&mut self.unit_code, &change.unit_code);
        // Both are added up, whatever comes of the first.
        self.sold.add(&change.sold) & self.other.add(&change.other)
    }

    fn weight(&self) -> u64 {
        self.sold.weight() | self.other.weight()
    }
}

impl Entry for StoreDayItem {
    const FIGURES: usize = ItemSales::FIGURES + ItemMoves::FIGURES;

    fn rows(&self, row: &mut dyn FnMut([&str; TEXTS], &[i64])) {
        let mut figures = [0; Self::FIGURES];
        let (sold, other) = figures.split_at_mut(ItemSales::FIGURES);
        sold.copy_from_slice(&self.sold.figures());
        other.copy_from_slice(&self.other.get().figures());
        row([&self.category, &self.unit_code, ""], &figures);
    }

    fn of_row([category, unit_code, _]: [&str; TEXTS], figures: &[i64]) -> Option<Self> {
        let (sold, other) = figures.split_at_checked(ItemSales::FIGURES)?;
        Some(Self {
            category: category.into(),
            unit_code: unit_code.into(),
            sold: ItemSales::of_figures(sold)?,
            other: Rare::of(ItemMoves::of_figures(other)?),
        })
    }
}
