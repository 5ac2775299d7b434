//! What commands are decided against: the suppliers, stores and items that are registered.

use std::collections::BTreeSet;

use ahash::{HashMap, HashSet};
use compact_str::CompactString;
use daybook::{business_day::BusinessDayRule, event::v1::event::Kind, ids::UNASSIGNED, money::Currency, reason};

use super::check::Check;

/// The registered suppliers, stores and items, as of one position of the log. Texts are short, and stand beside each other
/// in the tables: each line of a sale looks for an item that is most likely in no cache.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Position of the last event that changed it.
    pub position: i64,
    suppliers: HashSet<CompactString>,
    stores: HashMap<CompactString, Store>,
    items: HashMap<CompactString, Item>,
    /// Items that were sold but are not registered.
    unassigned: HashSet<CompactString>,
    /// Items that are registered, and of which sales from before are not all moved yet.
    to_move: BTreeSet<CompactString>,
}

/// What a decision needs to know of a store.
#[derive(Clone, Debug)]
pub struct Store {
    pub rule: BusinessDayRule,
    pub currency: Currency,
}

/// What a decision needs to know of an item.
#[derive(Clone, Debug)]
pub struct Item {
    pub supplier_id: CompactString,
    pub category: CompactString,
    pub unit_code: CompactString,
    pub decimals: u32,
}

/// What is frozen on a line when it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frozen<'a> {
    pub supplier_id: &'a str,
    pub category: &'a str,
    pub unit_code: &'a str,
    pub unknown: bool,
}

impl Catalogue {
    #[must_use]
    pub fn store(&self, store_id: &str) -> Option<&Store> {
        self.stores.get(store_id)
    }

    #[must_use]
    pub fn item(&self, item_id: &str) -> Option<&Item> {
        self.items.get(item_id)
    }

    #[must_use]
    pub fn has_supplier(&self, supplier_id: &str) -> bool {
        self.suppliers.contains(supplier_id)
    }

    /// True if the item was sold but is not registered.
    #[must_use]
    pub fn is_unassigned(&self, item_id: &str) -> bool {
        self.unassigned.contains(item_id)
    }

    /// What a line of the item carries: an unknown one is counted as pieces of nobody.
    #[must_use]
    pub fn freeze(&self, item_id: &str) -> Frozen<'_> {
        match self.items.get(item_id) {
            Some(item) => Frozen {
                supplier_id: &item.supplier_id,
                category: &item.category,
                unit_code: &item.unit_code,
                unknown: false,
            },
            None => Frozen { supplier_id: UNASSIGNED, category: UNASSIGNED, unit_code: "EA", unknown: true },
        }
    }

    /// Checks that a store is registered and that a stated currency is the store's.
    pub fn check_store(&self, check: &mut Check, store_id: &str, currency_code: &str) {
        let Some(store) = self.store(store_id) else {
            if daybook::ids::StoreId::check(store_id).is_ok() {
                check.fault("store_id", reason::UNKNOWN_STORE, format!("store {store_id} is not registered"));
            }
            return;
        };
        let currency = store.currency;
        let same = currency_code.is_empty() || currency_code == currency.code();
        check.that(same, "currency_code", reason::CURRENCY_MISMATCH, || {
            format!("must be {currency}, the currency of store {store_id}, or empty")
        });
    }

    /// Checks that a supplier is registered.
    pub fn check_supplier(&self, check: &mut Check, supplier_id: &str) {
        if !self.has_supplier(supplier_id) && daybook::ids::SupplierId::check(supplier_id).is_ok() {
            let description = format!("supplier {supplier_id} is not registered");
            check.fault("supplier_id", reason::UNKNOWN_SUPPLIER, description);
        }
    }

    /// Checks that a quantity has no more decimals than its item is traded in.
    pub fn check_decimals(&self, check: &mut Check, field: impl std::fmt::Display, item_id: &str, milli: i64) {
        let Some(item) = self.item(item_id) else { return };
        let decimals = item.decimals;
        check.that(daybook::quantity::fits_decimals(milli, decimals), field, reason::INVALID_VALUE, || {
            format!("item {item_id} is traded in at most {decimals} decimals of {}", item.unit_code)
        });
    }

    /// Folds an event into the catalogue. True if it changed.
    pub fn apply(&mut self, event: &Kind) -> bool {
        match event {
            Kind::SupplierRegistered(supplier) => self.suppliers.insert(supplier.supplier_id.as_str().into()),
            Kind::StoreRegistered(store) => {
                let rule = BusinessDayRule::new(&store.time_zone, store.cut_off_minutes);
                let (Ok(rule), Ok(currency)) = (rule, Currency::parse(&store.currency_code)) else { return false };
                self.stores.insert(store.store_id.as_str().into(), Store { rule, currency });
                true
            }
            Kind::ItemRegistered(item) => {
                let known = Item {
                    supplier_id: item.supplier_id.as_str().into(),
                    category: item.category.as_str().into(),
                    unit_code: item.unit_code.as_str().into(),
                    decimals: u32::try_from(item.decimals).unwrap_or(0),
                };
                self.unassigned.remove(item.item_id.as_str());
                self.items.insert(item.item_id.as_str().into(), known);
                true
            }
            Kind::SaleRecorded(sale) => {
                let unknown = sale.lines.iter().filter(|line| line.unknown_item);
                let mut changed = false;
                for line in unknown {
                    self.unassigned.insert(line.item_id.as_str().into());
                    changed = true;
                }
                changed
            }
            // Both change what must be moved when the item is registered.
            Kind::SaleVoided(void) => void.lines.iter().any(|line| line.supplier_id == UNASSIGNED),
            Kind::ReturnRecorded(back) => {
                let mut changed = false;
                for line in back.lines.iter().filter(|line| line.supplier_id == UNASSIGNED) {
                    self.unassigned.insert(line.item_id.as_str().into());
                    changed = true;
                }
                changed
            }
            Kind::DeliveryRecorded(_)
            | Kind::SaleReturned(_)
            | Kind::EventDiscarded(_)
            | Kind::StockAdjusted(_)
            | Kind::UnassignedSalesMoved(_) => false,
        }
    }

    /// An item that is registered, and of which sales from before are not all moved yet.
    #[must_use]
    pub fn next_to_move(&self) -> Option<&str> {
        self.to_move.first().map(CompactString::as_str)
    }

    /// Notes an item that is registered, and of which sales from before may be left to be moved.
    pub fn note_to_move(&mut self, item_id: &str) {
        self.to_move.insert(item_id.into());
    }

    /// Notes that nothing of an item is left to be moved.
    pub fn all_moved(&mut self, item_id: &str) {
        self.to_move.remove(item_id);
    }

    /// Notes an item that was sold but is not registered, when the catalogue is loaded.
    pub fn note_unassigned(&mut self, item_id: &str) {
        self.unassigned.insert(item_id.into());
    }
}
