//! The log, folded: the documents of a share, and the rows of the relational tables.

use std::collections::BTreeSet;

use daybook::event::v1::RecordedEvent;
use daybook_read_model::{
    folded::Folded,
    registry::{CategoryDays, Report, Stock, StoreDays, SupplierDays},
};

use super::{scope::Scope, share::Share, tables::Tables};

/// Positions of events that cannot be folded which are told.
const MAX_UNFOLDED: usize = 100;

/// What the log says.
#[derive(Debug)]
pub(super) struct Fold<'a> {
    scope: &'a Scope,
    pub(super) share: Share,
    pub(super) store_days: Folded<StoreDays>,
    pub(super) supplier_days: Folded<SupplierDays>,
    pub(super) stock: Folded<Stock>,
    pub(super) category_days: Folded<CategoryDays>,
    pub(super) tables: Tables,
    /// Events that cannot be folded: they are parked, and in no document.
    pub(super) unfolded: BTreeSet<i64>,
}

impl<'a> Fold<'a> {
    pub(super) fn new(scope: &'a Scope, share: Share) -> Self {
        Self {
            scope,
            share,
            store_days: Folded::default(),
            supplier_days: Folded::default(),
            stock: Folded::default(),
            category_days: Folded::default(),
            tables: Tables::default(),
            unfolded: BTreeSet::new(),
        }
    }

    /// True if the document is to be compared.
    pub(super) fn wants<R: Report>(&self, id: &str) -> bool {
        self.share.has(id) && self.scope.wants::<R>(id)
    }

    /// Takes an event in.
    pub(super) fn take(&mut self, event: &RecordedEvent) {
        let (scope, share) = (self.scope, self.share);
        let whole = [
            take(&mut self.store_days, scope, share, event),
            take(&mut self.supplier_days, scope, share, event),
            take(&mut self.stock, scope, share, event),
            take(&mut self.category_days, scope, share, event),
        ];
        if whole.contains(&false) && self.unfolded.len() < MAX_UNFOLDED {
            self.unfolded.insert(event.position);
        }
        if scope.has_tables() {
            self.tables.take(event, share);
        }
    }

    /// Keeps a smaller share only.
    pub(super) fn keep(&mut self, share: Share) {
        self.share = share;
        self.store_days.retain(|id| share.has(id));
        self.supplier_days.retain(|id| share.has(id));
        self.stock.retain(|id| share.has(id));
        self.category_days.retain(|id| share.has(id));
        self.tables.keep(share);
    }

    /// Memory in use, roughly, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.store_days.heap_bytes()
            + self.supplier_days.heap_bytes()
            + self.stock.heap_bytes()
            + self.category_days.heap_bytes()
            + self.tables.heap_bytes()
    }
}

/// Folds an event into the documents of a report; false if it could not be.
fn take<R: Report>(folded: &mut Folded<R>, scope: &Scope, share: Share, event: &RecordedEvent) -> bool {
    if !scope.has::<R>() {
        return true;
    }
    folded.fold_some(event, |id| share.has(id) && scope.wants::<R>(id)).is_ok()
}
