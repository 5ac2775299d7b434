//! The document of a store-day. How events make it: [`crate::store_day_change`] and `store_day_fold`.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::{
    breakdown::Breakdown,
    document::{Aside, Stamp, Stored},
    entries::Entry,
    figures::{ReceivingFigures, ReturnFigures, SalesFigures, StoreDayCounts, TaxFigures, TenderFigures, VoidFigures},
    spill::{Inline, Page, Section},
    store_day_item::StoreDayItem,
    update::{EncodeError, Update},
};

/// Most items in the head: what a mid-size store sells and receives on a day fits, at about 20 bytes each.
#[cfg(not(test))]
pub const INLINE_ITEMS: usize = 4_000;

/// In tests of the folds pages shall come into play with few items.
#[cfg(test)]
pub const INLINE_ITEMS: usize = 6;

/// One store's business day: the head of the report. `_id` is `{date}|{store}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoreDay {
    #[serde(flatten)]
    pub stamp: Stamp,
    /// ISO 8601 date.
    pub date: String,
    pub store_id: String,
    /// Zone and cut-off as the last event says.
    #[serde(default)]
    pub time_zone: String,
    #[serde(default)]
    pub cut_off_minutes: i32,
    /// ISO 4217 code of all amounts; empty until an event with amounts.
    #[serde(default)]
    pub currency_code: String,
    #[serde(default)]
    pub sales: SalesFigures,
    #[serde(default)]
    pub voids: VoidFigures,
    #[serde(default)]
    pub returns_with_receipt: ReturnFigures,
    #[serde(default)]
    pub returns_without_receipt: ReturnFigures,
    #[serde(default)]
    pub receiving: ReceivingFigures,
    #[serde(default)]
    pub counts: StoreDayCounts,
    /// `transactions` counts the sales that hold a line of the category. A line of an item that was unknown when it was
    /// sold counts as a sale of its own: so the count stays exact when such a line is moved to another category.
    #[serde(default)]
    pub categories: Breakdown<SalesFigures>,
    /// By hour of the business day; see [`StoreDay::hours`].
    #[serde(default)]
    pub(crate) hours: Breakdown<SalesFigures>,
    #[serde(default)]
    pub registers: Breakdown<SalesFigures>,
    #[serde(default)]
    pub operators: Breakdown<SalesFigures>,
    /// By code and rate; see [`StoreDay::taxes`].
    #[serde(default)]
    pub(crate) taxes: Breakdown<TaxFigures>,
    /// By number of the type; see [`StoreDay::tenders`].
    #[serde(default)]
    pub(crate) tenders: Breakdown<TenderFigures>,
    /// True if there are items on pages; they are in `store_day_pages`.
    #[serde(default)]
    pub has_pages: bool,
    /// Last, so that the figures are found without reading over the items.
    #[serde(default)]
    pub items: Inline<StoreDayItem>,
    #[serde(skip)]
    pub(crate) changed: Aside<Changed>,
}

/// Which parts of a head changed since it was stored, beside those that keep track themselves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Changed {
    pub(crate) description: bool,
    pub(crate) sales: bool,
    pub(crate) voids: bool,
    pub(crate) returns_with_receipt: bool,
    pub(crate) returns_without_receipt: bool,
    pub(crate) receiving: bool,
    pub(crate) counts: bool,
}

/// A page of a store-day. `_id` is `{date}|{store}|i|{page}`.
pub type StoreDayPage = Page<StoreDayItem>;

impl StoreDay {
    /// net + tax, less the tax on returns; `None` if it does not fit.
    #[must_use]
    pub fn total_minor(&self) -> Option<i64> {
        let sold = self.sales.net_minor.checked_add(self.sales.tax_minor)?;
        sold.checked_sub(self.returns_with_receipt.tax_minor)?.checked_sub(self.returns_without_receipt.tax_minor)
    }

    /// Sales by hour of the business day, in order.
    #[must_use]
    pub fn hours(&self) -> Vec<(i32, &SalesFigures)> {
        numbered(&self.hours)
    }

    /// Payments by number of their type, in order.
    #[must_use]
    pub fn tenders(&self) -> Vec<(i32, &TenderFigures)> {
        numbered(&self.tenders)
    }

    /// Taxes by code and rate in millionths, in order of the code.
    #[must_use]
    pub fn taxes(&self) -> Vec<(&str, i32, &TaxFigures)> {
        let split = |(key, figures)| {
            let (code, rate) = str::rsplit_once(key, '|').unwrap_or((key, ""));
            (code, rate.parse().unwrap_or(0), figures)
        };
        self.taxes.iter().map(split).collect()
    }
}

fn numbered<F: Entry>(breakdown: &Breakdown<F>) -> Vec<(i32, &F)> {
    let number = |(key, figures): (&str, _)| key.parse().ok().map(|number| (number, figures));
    let mut numbered: Vec<(i32, &F)> = breakdown.iter().filter_map(number).collect();
    numbered.sort_unstable_by_key(|(number, _)| *number);
    numbered
}

impl Stored for StoreDay {
    const NEEDS_CONTENT: bool = true;

    fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    fn stamp_mut(&mut self) -> &mut Stamp {
        &mut self.stamp
    }

    fn changed(&self, update: &mut Update) -> Result<(), EncodeError> {
        if self.changed.0.description {
            update.set("time_zone", self.time_zone.as_str())?;
            update.set("cut_off_minutes", self.cut_off_minutes)?;
            update.set("currency_code", self.currency_code.as_str())?;
            update.set("has_pages", self.has_pages)?;
        }
        if self.changed.0.sales {
            update.set_document("sales", &self.sales)?;
        }
        if self.changed.0.voids {
            update.set_document("voids", &self.voids)?;
        }
        if self.changed.0.returns_with_receipt {
            update.set_document("returns_with_receipt", &self.returns_with_receipt)?;
        }
        if self.changed.0.returns_without_receipt {
            update.set_document("returns_without_receipt", &self.returns_without_receipt)?;
        }
        if self.changed.0.receiving {
            update.set_document("receiving", &self.receiving)?;
        }
        if self.changed.0.counts {
            update.set_document("counts", &self.counts)?;
        }
        self.categories.changed("categories", update)?;
        self.hours.changed("hours", update)?;
        self.registers.changed("registers", update)?;
        self.operators.changed("operators", update)?;
        self.taxes.changed("taxes", update)?;
        self.tenders.changed("tenders", update)?;
        self.items.changed("items", update)
    }

    fn settle(&mut self) {
        self.changed = Aside::default();
        self.categories.settle();
        self.hours.settle();
        self.registers.settle();
        self.operators.settle();
        self.taxes.settle();
        self.tenders.settle();
        self.items.settle();
    }

    fn loaded(&mut self) {
        self.items.loaded(Section::Items);
    }

    fn scattered(&self) -> Option<u32> {
        self.items.entries.scattered()
    }

    fn gather(&mut self, stored: Self) -> bool {
        self.items.entries.gather(stored.items.entries)
    }

    fn each_entry(&self, entry: &mut dyn FnMut(String, &dyn Debug)) {
        self.items.entries.iter().for_each(|(id, item)| entry(format!("items[{id}]"), item));
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
            + self.stamp.id.len() * 2
            + self.categories.heap_bytes()
            + self.hours.heap_bytes()
            + self.registers.heap_bytes()
            + self.operators.heap_bytes()
            + self.taxes.heap_bytes()
            + self.tenders.heap_bytes()
            + self.items.heap_bytes()
    }
}
