//! The document of a supplier-day. How events make it: [`crate::supplier_day_fold`].

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::{
    breakdown::Breakdown,
    document::{Aside, Stamp, Stored},
    figures::SupplierFigures,
    spill::{Inline, Page, Section},
    supplier_entry::SupplierEntry,
    update::{EncodeError, Update},
};

/// Most items in the head: nearly all suppliers have fewer.
#[cfg(not(test))]
pub const INLINE_ITEMS: usize = 4_000;

/// Most stores in the head: a chain of a thousand stores has no pages.
#[cfg(not(test))]
pub const INLINE_STORES: usize = 1_000;

/// In tests of the folds pages shall come into play with few items.
#[cfg(test)]
pub const INLINE_ITEMS: usize = 4;

/// In tests of the folds pages shall come into play with few stores.
#[cfg(test)]
pub const INLINE_STORES: usize = 2;

/// What one supplier delivered and sold in all stores on one business date: the head of the report. `_id` is
/// `{date}|{supplier}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SupplierDay {
    #[serde(flatten)]
    pub stamp: Stamp,
    /// ISO 8601 date.
    pub date: String,
    pub supplier_id: String,
    /// By currency; see [`SupplierDay::figures`].
    #[serde(rename = "figures", default)]
    pub(crate) by_currency: Breakdown<SupplierFigures>,
    /// Stores of the head in which something was sold; those on pages have to be added.
    #[serde(default)]
    pub selling_stores_inline: i64,
    /// True if there are items on pages; they are in `supplier_day_pages`.
    #[serde(default)]
    pub has_item_pages: bool,
    /// True if there are stores on pages.
    #[serde(default)]
    pub has_store_pages: bool,
    #[serde(default)]
    pub stores: Inline<SupplierEntry>,
    /// Last, so that the figures are found without reading over the items.
    #[serde(default)]
    pub items: Inline<SupplierEntry>,
    /// True if the fields about stores and pages changed since the document was stored.
    #[serde(skip)]
    pub(crate) changed: Aside<bool>,
}

/// A page of a supplier-day: items in `{date}|{supplier}|i|{page}`, stores in `{date}|{supplier}|s|{page}`.
pub type SupplierDayPage = Page<SupplierEntry>;

impl SupplierDay {
    /// The day's figures by currency, in order of the code.
    #[must_use]
    pub fn figures(&self) -> Vec<(&str, SupplierFigures)> {
        self.by_currency.iter().map(|(code, figures)| (code, *figures)).collect()
    }
}

impl Stored for SupplierDay {
    const NEEDS_CONTENT: bool = true;

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    fn stamp_mut(&mut self) -> &mut Stamp {
        &mut self.stamp
    }

    fn changed(&self, update: &mut Update) -> Result<(), EncodeError> {
        if self.changed.0 {
            update.set("selling_stores_inline", self.selling_stores_inline)?;
            update.set("has_item_pages", self.has_item_pages)?;
            update.set("has_store_pages", self.has_store_pages)?;
        }
        self.by_currency.changed("figures", update)?;
        self.stores.changed("stores", update)?;
        self.items.changed("items", update)
    }

    fn settle(&mut self) {
        self.changed = Aside(false);
        self.by_currency.settle();
        self.stores.settle();
        self.items.settle();
    }

    fn loaded(&mut self) {
        self.stores.loaded(Section::Stores);
        self.items.loaded(Section::Items);
    }

    fn scattered(&self) -> Option<u32> {
        self.stores.entries.scattered().max(self.items.entries.scattered())
    }

    fn gather(&mut self, stored: Self) -> bool {
        self.stores.entries.gather(stored.stores.entries) && self.items.entries.gather(stored.items.entries)
    }

    fn each_entry(&self, entry: &mut dyn FnMut(String, &dyn Debug)) {
        self.stores.entries.iter().for_each(|(id, store)| entry(format!("stores[{id}]"), store));
        self.items.entries.iter().for_each(|(id, item)| entry(format!("items[{id}]"), item));
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
            + self.stamp.id.len() * 2
            + self.by_currency.heap_bytes()
            + self.stores.heap_bytes()
            + self.items.heap_bytes()
    }
}
