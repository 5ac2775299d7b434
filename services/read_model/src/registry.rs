//! All reports. To add one: its documents and fold in a file of its own, and one line here.

use daybook::event::v1::{RecordedEvent, event::Kind};

use crate::{
    category_day::{self, CategoryDay, CategoryDayChange},
    checked, collections,
    document::{Head, Key, SEPARATOR},
    error::FoldError,
    sale::Sale,
    stock::{self, StockChange, StockPage},
    store_day::StoreDay,
    store_day_change::{self, StoreDayChange},
    supplier_day::SupplierDay,
    supplier_day_fold::{self, SupplierDayChange},
};

/// A report: which documents an event touches, and what it changes in each.
pub trait Report: Send + Sync + 'static {
    type Head: Head;

    /// The collection of its heads, without the generation; also the name of the report.
    const HEADS: &'static str;

    /// The collection of its pages, if it can have some.
    const PAGES: Option<&'static str>;

    /// What its documents are of.
    const OF: Of;

    /// The documents that an event changes, each once, and how.
    ///
    /// # Errors
    /// If the event cannot be read.
    fn changes(event: &RecordedEvent) -> Result<Vec<(Key, ChangeOf<Self>)>, FoldError> {
        Self::changed(event.position, &*checked::kind(event)?)
    }

    /// The same, of what happened at a position.
    ///
    /// # Errors
    /// If it cannot be read.
    fn changed(position: i64, kind: &Kind) -> Result<Vec<(Key, ChangeOf<Self>)>, FoldError>;

    /// The same, of a sale.
    ///
    /// # Errors
    /// If it cannot be read.
    fn sold(position: i64, sale: &Sale) -> Result<Vec<(Key, ChangeOf<Self>)>, FoldError>;
}

/// What the documents of a report are of, as their ids say it. From this it is known which events can concern a document
/// without reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// A business date and a store: `{date}|{store}`.
    StoreAndDate,
    /// A business date and a supplier: `{date}|{supplier}`.
    SupplierAndDate,
    /// A store, in several parts: `{store}|{part}`.
    Store,
}

/// What one event changes in one document of a report.
pub type ChangeOf<R> = <<R as Report>::Head as Head>::Change;

/// An entry of a report.
pub type EntryOf<R> = <<R as Report>::Head as Head>::Entry;

/// Something that is done with every report.
pub trait Visitor {
    fn visit<R: Report>(&mut self);
}

macro_rules! reports {
    ($($(#[$doc:meta])* $report:ident($head:ty, $change:ty) of $of:expr, in $heads:expr, $pages:expr, by $fold:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $report;

            impl Report for $report {
                type Head = $head;
                const HEADS: &'static str = $heads;
                const PAGES: Option<&'static str> = $pages;
                const OF: Of = $of;

                fn changed(position: i64, kind: &Kind) -> Result<Vec<(Key, $change)>, FoldError> {
                    $fold::changes(position, kind)
                }

                fn sold(position: i64, sale: &Sale) -> Result<Vec<(Key, $change)>, FoldError> {
                    $fold::sold(position, sale)
                }
            }
        )*

        /// Does something with every report.
        pub fn each(visitor: &mut impl Visitor) {
            $(visitor.visit::<$report>();)*
        }

        /// The names of all reports.
        pub const NAMES: &[&str] = &[$($report::HEADS,)*];
    };
}

reports! {
    /// What a store sold and received on a business day.
    StoreDays(StoreDay, StoreDayChange) of Of::StoreAndDate,
        in collections::STORE_DAYS, Some(collections::STORE_DAY_PAGES), by store_day_change;
    /// What a supplier delivered and sold on a date.
    SupplierDays(SupplierDay, SupplierDayChange) of Of::SupplierAndDate,
        in collections::SUPPLIER_DAYS, Some(collections::SUPPLIER_DAY_PAGES), by supplier_day_fold;
    /// What the stores have.
    Stock(StockPage, StockChange) of Of::Store,
        in collections::STOCK, None, by stock;
    /// What a store sold of each category on a business day.
    CategoryDays(CategoryDay, CategoryDayChange) of Of::StoreAndDate,
        in collections::CATEGORY_DAYS, None, by category_day;
}

/// The documents of a report that an event of a business date and a store may touch, which is what its envelope tells: an id that ends with the separator
/// stands for all that begin so. An event of no store and no day touches none.
#[must_use]
pub fn touched_by_envelope<R: Report>(date: &str, store: &str) -> Option<String> {
    match R::OF {
        Of::StoreAndDate if !date.is_empty() && !store.is_empty() => Some(format!("{date}{SEPARATOR}{store}")),
        Of::SupplierAndDate if !date.is_empty() => Some(format!("{date}{SEPARATOR}")),
        Of::Store if !store.is_empty() => Some(format!("{store}{SEPARATOR}")),
        Of::StoreAndDate | Of::SupplierAndDate | Of::Store => None,
    }
}
