//! The report of what a store sold by category on a business day: its document, and how events make it.
//!
//! What an event changes by category is one rule with the store-day's own breakdown ([`crate::category_sales`]), so that the
//! sums over the categories are those of the store-day, with voids, returns and moved sales.

use std::fmt::Debug;

use daybook::event::v1::{ReceiptKey, event::Kind};
use serde::{Deserialize, Serialize};

use crate::{
    breakdown::Breakdown,
    category_sales::{self, ByCategory},
    checked,
    document::{Aside, Head, Key, Stamp, Stored},
    error::FoldError,
    figures::CategoryFigures,
    sale::{Sale, Sold},
    spill::Spilled,
    store_day_item::StoreDayItem,
    text::{Text, Word},
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
    currency_code: Text,
    categories: ByCategory,
}

/// The document that a sale changes, and how.
///
/// # Errors
/// If the sale cannot be read.
pub fn sold(_: i64, sale: &Sale) -> Result<Vec<(Key, CategoryDayChange)>, FoldError> {
    let categories = category_sales::sold(&sale.sold.lines)?;
    let key = Key::new("store_id", &sale.place.day()?.date, &sale.place.receipt()?.store_id)?;
    Ok(vec![(key, CategoryDayChange { currency_code: sale.place.currency()?, categories })])
}

/// The document that an event changes, and how; nothing for an event by which nothing is sold or brought back.
///
/// # Errors
/// If the event cannot be read.
pub fn changes(position: i64, kind: &Kind) -> Result<Vec<(Key, CategoryDayChange)>, FoldError> {
    let (day, store_id, currency_code, categories) = match kind {
        Kind::SaleRecorded(sale) => return sold(position, &sale.into()),
        // Everything is taken from where the sale put it.
        Kind::SaleVoided(void) => {
            let categories = category_sales::sold(&Sold::before(void).lines)?;
            let negated = |(category, sold): (Word, CategoryFigures)| Some((category, sold.negated()?));
            let categories = categories.into_iter().map(negated).collect::<Option<_>>();
            let categories = categories.ok_or_else(|| FoldError::overflow("the event's own sums"))?;
            (void.business_day.as_ref(), store_of(void.receipt.as_ref())?, &void.currency_code, categories)
        }
        Kind::ReturnRecorded(back) => {
            let categories = category_sales::returned(&back.lines)?;
            (back.business_day.as_ref(), store_of(back.receipt.as_ref())?, &back.currency_code, categories)
        }
        Kind::UnassignedSalesMoved(moved) => {
            let categories = category_sales::moved(moved)?;
            (moved.business_day.as_ref(), moved.store_id.as_str(), &moved.currency_code, categories)
        }
        // A return counts by its own event; goods that are only moved are not sold.
        Kind::SaleReturned(_)
        | Kind::DeliveryRecorded(_)
        | Kind::StockAdjusted(_)
        | Kind::EventDiscarded(_)
        | Kind::SupplierRegistered(_)
        | Kind::StoreRegistered(_)
        | Kind::ItemRegistered(_) => return Ok(Vec::new()),
    };
    let key = Key::new("store_id", &checked::day(day)?.date, store_id)?;
    Ok(vec![(key, CategoryDayChange { currency_code: checked::currency(currency_code)?, categories })])
}

fn store_of(receipt: Option<&ReceiptKey>) -> Result<&str, FoldError> {
    Ok(&receipt.ok_or(FoldError::Missing { field: "receipt" })?.store_id)
}

impl Head for CategoryDay {
    type Change = CategoryDayChange;
    /// The categories are all in the document: it has no pages.
    type Entry = StoreDayItem;

    fn open(key: &Key) -> Self {
        let id = key.id();
        Self {
            stamp: Stamp::new(id.to_string(), &id),
            date: key.first.to_string(),
            store_id: key.second.to_string(),
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
        if !self.categories.takes(&change.categories) {
            return Err(FoldError::overflow(id));
        }
        if self.currency_code.is_empty() {
            self.currency_code = change.currency_code.into();
            self.names_currency.0 = true;
        }
        self.categories.add(change.categories);
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

    fn scattered(&self) -> Option<u32> {
        None
    }

    fn gather(&mut self, _: Self) -> bool {
        true
    }

    fn each_entry(&self, _: &mut dyn FnMut(String, &dyn Debug)) {}

    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.stamp.id.len() * 2 + self.categories.heap_bytes()
    }
}
