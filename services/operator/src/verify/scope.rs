//! Which documents are verified.

use std::collections::HashSet;

use daybook::{event::v1::EventFilter, query::v1::DateRange};
use daybook_read_model::{
    document::SEPARATOR,
    registry::{Of, Report},
};

use super::VerifyOptions;
use crate::{error::Error, export::ranges};

/// A document: the name of its report and its id.
pub(super) type Document = (&'static str, String);

/// What is verified.
#[derive(Debug)]
pub(super) struct Scope {
    /// Dates of the days, in ranges that the API takes.
    pub(super) ranges: Vec<DateRange>,
    has_dates: bool,
    pub(super) store: Option<String>,
    pub(super) supplier: Option<String>,
    /// Only these.
    pub(super) chosen: Option<HashSet<Document>>,
}

impl Scope {
    pub(super) fn of(options: &VerifyOptions) -> Result<Self, Error> {
        Ok(Self {
            ranges: ranges(options.from, options.to)?,
            has_dates: options.from.is_some() || options.to.is_some(),
            store: options.store.clone(),
            supplier: options.supplier.clone(),
            chosen: None,
        })
    }

    /// True if documents of this report are verified.
    pub(super) fn has<R: Report>(&self) -> bool {
        match R::OF {
            Of::StoreAndDate => self.supplier.is_none(),
            Of::SupplierAndDate => self.store.is_none(),
            Of::Store => self.supplier.is_none() && !self.has_dates,
        }
    }

    /// True if the relational tables are verified.
    pub(super) fn has_tables(&self) -> bool {
        self.store.is_none() && self.supplier.is_none() && !self.has_dates && self.chosen.is_none()
    }

    /// True if this document is verified.
    pub(super) fn wants<R: Report>(&self, id: &str) -> bool {
        if !self.has::<R>() {
            return false;
        }
        if let Some(chosen) = &self.chosen {
            return chosen.contains(&(R::HEADS, id.to_owned()));
        }
        let (first, second) = id.split_once(SEPARATOR).unwrap_or((id, ""));
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        match R::OF {
            Of::Store => is(&self.store, first),
            Of::StoreAndDate => is(&self.store, second) && self.has_date(first),
            Of::SupplierAndDate => is(&self.supplier, second) && self.has_date(first),
        }
    }

    fn has_date(&self, date: &str) -> bool {
        // ISO dates are in the order of their text.
        self.ranges.iter().any(|range| (range.from_date.as_str()..=range.to_date.as_str()).contains(&date))
    }

    /// The events that concern what is verified, as far as a filter can tell.
    pub(super) fn filter(&self) -> EventFilter {
        EventFilter { store_ids: self.store.iter().cloned().collect(), ..EventFilter::default() }
    }
}

#[cfg(test)]
mod tests {
    use daybook_read_model::registry::{CategoryDays, Stock, StoreDays, SupplierDays};

    use super::*;

    fn scope(change: impl FnOnce(&mut VerifyOptions)) -> Scope {
        let mut options = VerifyOptions::all();
        change(&mut options);
        Scope::of(&options).unwrap()
    }

    #[test]
    fn without_a_restriction_all_is_verified() {
        let all = scope(|_| {});
        assert!(all.has_tables());
        assert!(all.wants::<StoreDays>("2017-01-02|443") && all.wants::<Stock>("443|01"));
    }

    #[test]
    fn a_store_leaves_out_suppliers_and_other_stores() {
        let store = scope(|options| options.store = Some("443".into()));
        assert!(store.wants::<StoreDays>("2017-01-02|443") && store.wants::<Stock>("443|01"));
        assert!(!store.wants::<StoreDays>("2017-01-02|44") && !store.has_tables());
        assert!(!store.wants::<SupplierDays>("2017-01-02|443"));
        assert!(store.wants::<CategoryDays>("2017-01-02|443") && !store.wants::<CategoryDays>("2017-01-02|44"));
        assert_eq!(store.filter().store_ids, ["443"]);
    }

    #[test]
    fn dates_leave_out_stock() {
        let day = Some(jiff::civil::date(2017, 1, 2));
        let dates = scope(|options| (options.from, options.to) = (day, day));
        assert!(dates.wants::<SupplierDays>("2017-01-02|69"));
        assert!(!dates.wants::<SupplierDays>("2017-01-03|69") && !dates.has::<Stock>());
    }
}
