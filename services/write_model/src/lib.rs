//! What events do to the relational tables of the write side: pure, so that folding the log again gives the same tables.
//! The command service writes by it, and verification says by it what the tables should hold.

use std::collections::BTreeMap;

use compact_str::CompactString;
use daybook::{
    event::v1::{Disposition, ItemRegistered, SaleLine, StockState, StoreRegistered, SupplierRegistered, event::Kind},
    ids::UNASSIGNED,
};
use jiff::civil::Date;

/// What was sold of an unregistered item in one store on one business date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnassignedSales {
    pub store_id: String,
    pub business_date: Date,
    pub lines_sold: i64,
    pub quantity_sold_milli: i64,
    pub gross_minor: i64,
    pub discount_minor: i64,
    pub tax_minor: i64,
    pub quantity_returned_milli: i64,
    pub returns_net_minor: i64,
}

/// Where an event counts, as its envelope says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place<'a> {
    pub store_id: Option<&'a str>,
    pub business_date: Option<Date>,
}

/// What a batch of events changes. Keys are in order: two appends take rows in the same one, and lists of stock are added up easily.
#[derive(Debug, Default)]
pub struct Effects {
    pub stock: Stock,
    pub unassigned: BTreeMap<(String, String, Date), UnassignedSales>,
    /// Registrations with the number of the event in the batch, from 1.
    pub suppliers: Vec<(i64, SupplierRegistered)>,
    pub stores: Vec<(i64, StoreRegistered)>,
    pub items: Vec<(i64, ItemRegistered)>,
}

/// Changes of stock by store, then by item. Ids are short, so most need no memory of their own.
#[derive(Debug, Default)]
pub struct Stock(BTreeMap<CompactString, BTreeMap<CompactString, StockChange>>);

impl Stock {
    /// Each store and item with its change, in the order of the keys.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &str, StockChange)> {
        self.0.iter().flat_map(|(store_id, items)| {
            items.iter().map(move |(item_id, change)| (store_id.as_str(), item_id.as_str(), *change))
        })
    }

    fn store(&mut self, store_id: &str) -> &mut BTreeMap<CompactString, StockChange> {
        self.0.entry(store_id.into()).or_default()
    }
}

/// Change of an item's stock in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StockChange {
    pub on_hand_milli: i64,
    pub unsellable_milli: i64,
}

impl Effects {
    /// Adds what an event does; `number` is its place in the batch, from 1.
    pub fn add(&mut self, number: i64, event: Place<'_>, kind: &Kind) {
        match kind {
            Kind::SupplierRegistered(supplier) => self.suppliers.push((number, supplier.clone())),
            Kind::StoreRegistered(store) => self.stores.push((number, store.clone())),
            Kind::ItemRegistered(item) => self.items.push((number, item.clone())),
            Kind::DeliveryRecorded(delivery) => {
                let store = self.stock.store(&delivery.store_id);
                for line in &delivery.lines {
                    store.entry(line.item_id.as_str().into()).or_default().on_hand_milli += line.accepted_milli;
                }
            }
            Kind::SaleRecorded(sale) => self.sold(event, &sale.lines, 1),
            Kind::SaleVoided(void) => self.sold(event, &void.lines, -1),
            Kind::ReturnRecorded(back) => {
                let store_id = event.store_id.unwrap_or_default();
                for line in &back.lines {
                    match Disposition::try_from(line.disposition) {
                        Ok(Disposition::ToStock) => self.on_hand(store_id, &line.item_id, line.quantity_milli),
                        Ok(Disposition::ToSupplier) => self.unsellable(store_id, &line.item_id, line.quantity_milli),
                        // Written off goods are a change of nothing, so that the item is listed in the store.
                        Ok(Disposition::WriteOff | Disposition::Unspecified) | Err(_) => {
                            self.on_hand(store_id, &line.item_id, 0);
                        }
                    }
                    if line.supplier_id == UNASSIGNED {
                        let row = self.unassigned_row(event, &line.item_id);
                        row.quantity_returned_milli += line.quantity_milli;
                        row.returns_net_minor += line.net_minor;
                    }
                }
            }
            Kind::StockAdjusted(adjusted) => {
                for line in &adjusted.lines {
                    for (state, sign) in [(line.from_state, -1), (line.to_state, 1)] {
                        let change = sign * line.quantity_milli;
                        match StockState::try_from(state) {
                            Ok(StockState::OnHand) => self.on_hand(&adjusted.store_id, &line.item_id, change),
                            Ok(StockState::Unsellable) => self.unsellable(&adjusted.store_id, &line.item_id, change),
                            Ok(StockState::Outside | StockState::Unspecified) | Err(_) => {}
                        }
                    }
                }
            }
            Kind::UnassignedSalesMoved(moved) => {
                let row = self.unassigned_row(event, &moved.item_id);
                row.lines_sold -= moved.lines_sold;
                row.quantity_sold_milli -= moved.quantity_sold_milli;
                row.gross_minor -= moved.gross_minor;
                row.discount_minor -= moved.discount_minor;
                row.tax_minor -= moved.tax_minor;
                row.quantity_returned_milli -= moved.quantity_returned_milli;
                row.returns_net_minor -= moved.returns_net_minor;
            }
            Kind::SaleReturned(_) | Kind::EventDiscarded(_) => {}
        }
    }

    /// True if tables other than the log and the stock change.
    #[must_use]
    pub fn has_reference_data(&self) -> bool {
        !(self.unassigned.is_empty() && self.suppliers.is_empty() && self.stores.is_empty() && self.items.is_empty())
    }

    fn on_hand(&mut self, store_id: &str, item_id: &str, milli: i64) {
        self.stock.store(store_id).entry(item_id.into()).or_default().on_hand_milli += milli;
    }

    fn unsellable(&mut self, store_id: &str, item_id: &str, milli: i64) {
        self.stock.store(store_id).entry(item_id.into()).or_default().unsellable_milli += milli;
    }

    /// Counts lines once forwards (a sale, sign 1) or backwards (its void, sign -1).
    fn sold(&mut self, event: Place<'_>, lines: &[SaleLine], sign: i64) {
        let store = self.stock.store(event.store_id.unwrap_or_default());
        for line in lines {
            store.entry(line.item_id.as_str().into()).or_default().on_hand_milli -= sign * line.quantity_milli;
        }
        for line in lines.iter().filter(|line| line.supplier_id == UNASSIGNED) {
            let row = self.unassigned_row(event, &line.item_id);
            row.lines_sold += sign;
            row.quantity_sold_milli += sign * line.quantity_milli;
            row.gross_minor += sign * line.gross_minor;
            row.discount_minor += sign * line.discount_minor;
            row.tax_minor += sign * line.tax_minor;
        }
    }

    fn unassigned_row(&mut self, event: Place<'_>, item_id: &str) -> &mut UnassignedSales {
        let store_id = event.store_id.unwrap_or_default().to_owned();
        let business_date = event.business_date.unwrap_or_default();
        let key = (item_id.to_owned(), store_id.clone(), business_date);
        self.unassigned.entry(key).or_insert_with(|| UnassignedSales {
            store_id,
            business_date,
            lines_sold: 0,
            quantity_sold_milli: 0,
            gross_minor: 0,
            discount_minor: 0,
            tax_minor: 0,
            quantity_returned_milli: 0,
            returns_net_minor: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use daybook::event::v1::SaleRecorded;

    use super::*;

    fn sell(effects: &mut Effects, store_id: &str, items: &[&str]) {
        let line = |item: &&str| SaleLine { item_id: (*item).to_owned(), quantity_milli: 1_000, ..SaleLine::default() };
        let lines = items.iter().map(line).collect();
        let sale = SaleRecorded { lines, ..Default::default() };
        let place = Place { store_id: Some(store_id), business_date: None };
        effects.add(1, place, &Kind::SaleRecorded(sale));
    }

    #[test]
    fn stock_is_one_row_for_each_store_and_item_in_their_order() {
        let long = "an-item-whose-id-is-longer-than-most";
        let mut effects = Effects::default();
        sell(&mut effects, "443", &["9", "10", "9"]);
        sell(&mut effects, "1000", &["10"]);
        sell(&mut effects, "443", &["10", long]);
        let rows: Vec<_> =
            effects.stock.rows().map(|(store, item, change)| (store, item, change.on_hand_milli)).collect();
        assert_eq!(rows, [("1000", "10", -1_000), ("443", "10", -2_000), ("443", "9", -2_000), ("443", long, -1_000)]);
        assert!(!effects.has_reference_data());
    }
}
