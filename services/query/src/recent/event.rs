//! An event of the end of the log, and what it changes in reports.

use std::sync::OnceLock;

use daybook::event::encoded::RecordedEvent;
use daybook_read_model::{
    document::Key,
    registry::{CategoryDays, ChangeOf, Report, StoreDays, SupplierDays},
    sale::Sale,
};

use crate::report;

/// An event. Read, a sale takes some 2 kB, so it is read for whoever asks for it.
#[derive(Debug)]
pub(crate) struct RecentEvent {
    event: RecordedEvent,
    totals: Totals,
}

/// What an event changes in the totals of each report, once somebody asked for it: a sale has goods of several suppliers, and
/// whoever looks at one of them finds what was worked out for another.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) store_days: Changed<StoreDays>,
    pub(crate) supplier_days: Changed<SupplierDays>,
    pub(crate) category_days: Changed<CategoryDays>,
}

/// What an event changes in documents of one report.
pub(crate) type Changes<R> = Box<[(Key, ChangeOf<R>)]>;

/// The same, once it was worked out.
pub(crate) type Changed<R> = OnceLock<Result<Changes<R>, Unfoldable>>;

/// An event cannot be folded: the projector parks it, and says in the documents what lacks it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unfoldable;

impl RecentEvent {
    pub(super) fn new(event: RecordedEvent) -> Self {
        Self { event, totals: Totals::default() }
    }

    pub(crate) fn position(&self) -> i64 {
        self.event.position
    }

    /// What the event changes in documents of a report.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn changes<R: Report>(&self) -> Result<Changes<R>, Unfoldable> {
        let changes = match Sale::of_encoded(&self.event) {
            Some(sale) => R::sold(self.position(), &sale),
            None => R::changes(&self.event.decoded().map_err(|_| Unfoldable)?),
        };
        changes.map(Vec::into_boxed_slice).map_err(|_| Unfoldable)
    }

    /// What it changes in what a report says without its entries.
    ///
    /// # Errors
    /// As [`Self::changes`].
    pub(crate) fn totals<R: report::Report>(&self) -> Result<&[(Key, ChangeOf<R>)], Unfoldable> {
        let totals = R::totals(&self.totals).get_or_init(|| {
            let changes = self.changes::<R>()?.into_iter();
            Ok(changes.map(|(key, change)| (key, R::counted_of(change))).collect())
        });
        totals.as_deref().map_err(|unfoldable| *unfoldable)
    }

    #[cfg(test)]
    pub(super) fn event(&self) -> &RecordedEvent {
        &self.event
    }
}

#[cfg(test)]
mod tests {
    use daybook::event::v1::{self, BusinessDay, Event, ReceiptKey, SaleLine, SaleRecorded, event::Kind};
    use prost::Message as _;

    use super::*;
    use crate::report::Report as Answered;

    fn recorded(event: &v1::RecordedEvent) -> RecentEvent {
        RecentEvent::new(RecordedEvent::decode(event.encode_to_vec().as_slice()).unwrap())
    }

    /// A sale of an item of each of two suppliers.
    fn sale() -> v1::RecordedEvent {
        let line = |supplier: &str| SaleLine {
            item_id: format!("item of {supplier}"),
            supplier_id: supplier.to_owned(),
            gross_minor: 100,
            ..SaleLine::default()
        };
        let sale = SaleRecorded {
            receipt: Some(ReceiptKey { store_id: "443".to_owned(), ..ReceiptKey::default() }),
            business_day: Some(BusinessDay { date: "2017-01-02".to_owned(), ..BusinessDay::default() }),
            currency_code: "USD".to_owned(),
            lines: vec![line("1"), line("2")],
            ..SaleRecorded::default()
        };
        v1::RecordedEvent {
            position: 7,
            event_type: "sale_recorded".to_owned(),
            schema_version: 1,
            event: Some(Event { kind: Some(Kind::SaleRecorded(sale)) }),
            ..v1::RecordedEvent::default()
        }
    }

    /// How many documents an event changes; all of its totals are those of its changes.
    fn touched<R: Answered>(event: &RecentEvent) -> usize {
        let counted = |(key, change)| (key, R::counted_of(change));
        let expected: Vec<_> = event.changes::<R>().unwrap().into_iter().map(counted).collect();
        assert_eq!(event.totals::<R>().unwrap(), expected);
        assert!(std::ptr::eq(event.totals::<R>().unwrap(), event.totals::<R>().unwrap()), "worked out once");
        expected.len()
    }

    #[test]
    fn totals_are_changes_without_what_is_not_counted() {
        let event = recorded(&sale());
        let touched = [touched::<StoreDays>(&event), touched::<SupplierDays>(&event), touched::<CategoryDays>(&event)];
        assert_eq!(touched, [1, 2, 1]);
        assert_eq!(event.position(), 7);
    }

    #[test]
    fn what_cannot_be_read_has_no_totals() {
        for unreadable in [
            v1::RecordedEvent { schema_version: 99, ..sale() },
            v1::RecordedEvent { event_type: "sale_sung".to_owned(), ..sale() },
            v1::RecordedEvent { event: None, ..sale() },
        ] {
            let event = recorded(&unreadable);
            assert!(event.totals::<SupplierDays>().is_err() && event.changes::<SupplierDays>().is_err());
        }
    }
}
