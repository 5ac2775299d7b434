//! The report of what a store sold by category on a business day: its document, and how events make it.
//!
//! What an event changes by category is what it changes in the store-day's own breakdown ([`crate::store_day_change`]), so
//! that the sums over the categories are those of the store-day: one rule for voids, returns and moved sales. Beside it
//! stands what that breakdown leaves out: how much came back.

use std::fmt::Debug;

use daybook::event::v1::{RecordedEvent, event::Kind};
use serde::{Deserialize, Serialize};

use crate::{
    breakdown::Breakdown,
    checked,
    document::{Aside, Head, Key, Stamp, Stored},
    error::FoldError,
    figures::{CategoryFigures, SalesFigures, StoreDayItem},
    spill::Spilled,
    store_day_change,
    sum::merge,
    update::{EncodeError, Update},
};

/// One store's business day by category. `_id` is `{date}|{store}`. There is one once something was sold or brought back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryDay {
    #[serde(flatten)]
    pub stamp: Stamp,
    /// ISO 8601 date.
    pub date: String,
    pub store_id: String,
    /// ISO 4217 code of all amounts.
    #[serde(default)]
    pub currency_code: String,
    /// `transactions` counts as in [`crate::store_day::StoreDay::categories`].
    #[serde(default)]
    pub categories: Breakdown<CategoryFigures>,
    /// True if the currency changed since the document was stored.
    #[serde(skip)]
    names_currency: Aside<bool>,
}

/// What one event changes in one document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CategoryDayChange {
    currency_code: Box<str>,
    categories: Vec<(Box<str>, CategoryFigures)>,
}

/// The document that an event changes, and how; nothing for an event by which nothing is sold or brought back.
///
/// # Errors
/// If the event cannot be read.
pub fn changes(event: &RecordedEvent) -> Result<Vec<(Key, CategoryDayChange)>, FoldError> {
    let mut changes = Vec::new();
    for (key, of_day) in store_day_change::changes(event)? {
        let mut categories = Vec::with_capacity(of_day.categories.len());
        for (category, sales) in of_day.categories {
            categories.push((category, figures(&sales).ok_or_else(too_much)?));
        }
        if categories.is_empty() {
            continue;
        }
        categories.extend(returned(event)?);
        let categories = merge(categories).ok_or_else(too_much)?;
        changes.push((key, CategoryDayChange { currency_code: of_day.currency_code, categories }));
    }
    Ok(changes)
}

/// The figures of the store-day's breakdown, with the returns apart; `None` if they do not fit.
fn figures(sales: &SalesFigures) -> Option<CategoryFigures> {
    Some(CategoryFigures {
        transactions: sales.transactions,
        lines: sales.lines,
        quantity_sold_milli: sales.quantity_milli,
        gross_minor: sales.gross_minor,
        discount_minor: sales.discount_minor,
        tax_minor: sales.tax_minor,
        returns_net_minor: sales.gross_minor.checked_sub(sales.discount_minor)?.checked_sub(sales.net_minor)?,
        ..CategoryFigures::default()
    })
}

/// The quantities that came back, by category.
fn returned(event: &RecordedEvent) -> Result<Vec<(Box<str>, CategoryFigures)>, FoldError> {
    let quantity = |category: &str, quantity_returned_milli: i64| {
        let figures = CategoryFigures {
            quantity_returned_milli: checked::figure("quantity_milli", quantity_returned_milli)?,
            ..CategoryFigures::default()
        };
        Ok((checked::key("category", category)?, figures))
    };
    match &*checked::kind(event)? {
        Kind::ReturnRecorded(back) => {
            back.lines.iter().map(|line| quantity(&line.category, line.quantity_milli)).collect()
        }
        Kind::UnassignedSalesMoved(moved) => {
            let milli = checked::figure("quantity_returned_milli", moved.quantity_returned_milli)?;
            [quantity(&moved.from_category, -milli), quantity(&moved.category, milli)].into_iter().collect()
        }
        // A void takes back what was sold, not what came back.
        Kind::SaleRecorded(_)
        | Kind::SaleVoided(_)
        | Kind::DeliveryRecorded(_)
        | Kind::StockAdjusted(_)
        | Kind::SaleReturned(_)
        | Kind::EventDiscarded(_)
        | Kind::SupplierRegistered(_)
        | Kind::StoreRegistered(_)
        | Kind::ItemRegistered(_) => Ok(Vec::new()),
    }
}

fn too_much() -> FoldError {
    FoldError::overflow("the event's own sums")
}

impl Head for CategoryDay {
    type Change = CategoryDayChange;
    /// The categories are all in the document: it has no pages.
    type Entry = StoreDayItem;

    fn open(key: &Key) -> Self {
        let id = key.id();
        Self {
            stamp: Stamp::new(id.clone(), &id),
            date: key.first.clone(),
            store_id: key.second.clone(),
            currency_code: String::new(),
            categories: Breakdown::default(),
            names_currency: Aside::default(),
        }
    }

    fn fold(&mut self, position: i64, change: CategoryDayChange) -> Result<Vec<Spilled<StoreDayItem>>, FoldError> {
        let id = self.stamp.id.as_str();
        if !self.currency_code.is_empty() && *self.currency_code != *change.currency_code {
            let (currency, other) = (self.currency_code.clone(), change.currency_code.into());
            return Err(FoldError::OtherCurrency { document: id.to_owned(), currency, other });
        }
        if self.stamp.has(position) {
            return Ok(Vec::new());
        }
        let categories = self.categories.plan(id, change.categories)?;
        if self.currency_code.is_empty() {
            self.currency_code = change.currency_code.into();
            self.names_currency.0 = true;
        }
        self.categories.commit(categories);
        self.stamp.position = position;
        Ok(Vec::new())
    }
}

impl Stored for CategoryDay {
    const NEEDS_CONTENT: bool = true;

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    fn stamp_mut(&mut self) -> &mut Stamp {
        &mut self.stamp
    }

    fn changed(&self, update: &mut Update) -> Result<(), EncodeError> {
        if self.names_currency.0 {
            update.set("currency_code", self.currency_code.as_str())?;
        }
        self.categories.changed("categories", update)
    }

    fn settle(&mut self) {
        self.names_currency.0 = false;
        self.categories.settle();
    }

    /// The categories are kept whole.
    fn loaded(&mut self) {}

    fn is_scattered(&self) -> bool {
        false
    }

    fn gather(&mut self, _: Self) -> bool {
        true
    }

    fn each_entry(&self, _: &mut dyn FnMut(String, &dyn Debug)) {}

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.stamp.id.len() * 2 + self.categories.heap_bytes()
    }
}
