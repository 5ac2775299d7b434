//! One item or one store of a supplier-day.

use smallvec::{SmallVec, smallvec};

use crate::{
    entries::Entry,
    figures::{SupplierFigures, SupplierMoves, SupplierSales},
    rare::Rare,
    segment::TEXTS,
    sum::{Sum, later},
    text::Word,
};

/// What is known of one item or one store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SupplierEntry {
    /// Empty for a store.
    pub category: Word,
    /// Empty for a store.
    pub unit_code: Word,
    pub(crate) by_currency: ByCurrency,
}

/// Figures by currency, in order of the code: nearly always one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ByCurrency(pub(crate) SmallVec<[(Word, SupplierSums); 1]>);

/// A supplier's figures in one currency, as entries hold them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SupplierSums {
    pub(crate) sold: SupplierSales,
    pub(crate) other: Rare<SupplierMoves>,
}

impl SupplierSums {
    /// The same in one piece.
    pub(crate) fn figures(&self) -> SupplierFigures {
        let (sold, other) = (self.sold, self.other.get());
        SupplierFigures {
            lines_sold: sold.lines,
            quantity_sold_milli: sold.quantity_milli,
            gross_minor: sold.gross_minor,
            discount_minor: sold.discount_minor,
            quantity_returned_milli: other.quantity_returned_milli,
            returns_net_minor: other.returns_net_minor,
            deliveries: other.deliveries,
            quantity_received_milli: other.quantity_received_milli,
            received_cost_minor: other.received_cost_minor,
            quantity_rejected_milli: other.quantity_rejected_milli,
            quantity_adjusted_milli: other.quantity_adjusted_milli,
        }
    }

    /// The same with the other sign; `None` if an amount does not fit.
    pub(crate) fn negated(self) -> Option<Self> {
        Some(Self { sold: self.sold.negated()?, other: Rare::of(self.other.get().negated()?) })
    }

    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl From<SupplierFigures> for SupplierSums {
    fn from(figures: SupplierFigures) -> Self {
        Self {
            sold: SupplierSales {
                lines: figures.lines_sold,
                quantity_milli: figures.quantity_sold_milli,
                gross_minor: figures.gross_minor,
                discount_minor: figures.discount_minor,
            },
            other: Rare::of(SupplierMoves {
                quantity_returned_milli: figures.quantity_returned_milli,
                returns_net_minor: figures.returns_net_minor,
                deliveries: figures.deliveries,
                quantity_received_milli: figures.quantity_received_milli,
                received_cost_minor: figures.received_cost_minor,
                quantity_rejected_milli: figures.quantity_rejected_milli,
                quantity_adjusted_milli: figures.quantity_adjusted_milli,
            }),
        }
    }
}

impl Sum for SupplierSums {
    fn add(&mut self, change: &Self) -> bool {
        // Both are added up, whatever comes of the first.
        self.sold.add(&change.sold) & self.other.add(&change.other)
    }

    fn weight(&self) -> u64 {
        self.sold.weight() | self.other.weight()
    }
}

impl ByCurrency {
    pub(crate) fn one(code: &Word, figures: SupplierSums) -> Self {
        if figures.is_nothing() { Self::default() } else { Self(smallvec![(code.clone(), figures)]) }
    }
}

impl SupplierEntry {
    /// The figures by currency, in order of the code.
    #[must_use]
    pub fn figures(&self) -> Vec<(&str, SupplierFigures)> {
        self.by_currency.0.iter().map(|(code, sums)| (&**code, sums.figures())).collect()
    }
}

impl Sum for SupplierEntry {
    fn add(&mut self, other: &Self) -> bool {
        later(&mut self.category, &other.category);
        later(&mut self.unit_code, &other.unit_code);
        let mut fits = true;
        let sums = &mut self.by_currency.0;
        if let ([(known, sum)], [(code, change)]) = (sums.as_mut_slice(), other.by_currency.0.as_slice())
            && known == code
        {
            fits = sum.add(change);
            if sum.is_nothing() {
                sums.clear();
            }
            return fits;
        }
        for (code, change) in &other.by_currency.0 {
            match sums.binary_search_by(|(known, _)| known.cmp(code)) {
                Ok(at) => fits &= sums[at].1.add(change),
                Err(at) => sums.insert(at, (code.clone(), change.clone())),
            }
        }
        // What cancels out is left out, here and when a document is read, however it came to be written.
        sums.retain(|(_, sum)| !sum.is_nothing());
        fits
    }

    fn weight(&self) -> u64 {
        self.by_currency.0.iter().map(|(_, sums)| sums.weight()).max().unwrap_or(0)
    }
}

impl Entry for SupplierEntry {
    const FIGURES: usize = SupplierFigures::FIGURES;

    fn rows(&self, row: &mut dyn FnMut([&str; TEXTS], &[i64])) {
        let texts = |currency| [&*self.category, &*self.unit_code, currency];
        for (code, sums) in &self.by_currency.0 {
            row(texts(code), &sums.figures().figures());
        }
        if self.by_currency.0.is_empty() {
            row(texts(""), &SupplierFigures::default().figures());
        }
    }

    fn of_row([category, unit_code, currency]: [&str; TEXTS], figures: &[i64]) -> Option<Self> {
        let figures = SupplierFigures::of_figures(figures)?;
        Some(Self {
            category: category.into(),
            unit_code: unit_code.into(),
            by_currency: ByCurrency::one(&currency.into(), figures.into()),
        })
    }

    fn lines_sold(&self) -> i64 {
        self.by_currency.0.iter().fold(0, |sum: i64, (_, sums)| sum.saturating_add(sums.sold.lines))
    }
}
