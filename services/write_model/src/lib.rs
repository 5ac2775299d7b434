//! What events do to the relational tables of the write side: pure, so that folding the log again gives the same tables.
//! The command service writes by it, and verification says by it what the tables should hold.

use std::collections::BTreeMap;

use daybook::{
    event::v1::{Disposition, ItemRegistered, StockState, StoreRegistered, SupplierRegistered, event::Kind},
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

/// What a batch of events changes. Keys are in order, so that two appends take rows in the same order.
#[derive(Debug, Default)]
pub struct Effects {
    pub stock: BTreeMap<(String, String), StockChange>,
    pub unassigned: BTreeMap<(String, String, Date), UnassignedSales>,
    /// Registrations with the number of the event in the batch, from 1.
    pub suppliers: Vec<(i64, SupplierRegistered)>,
    pub stores: Vec<(i64, StoreRegistered)>,
    pub items: Vec<(i64, ItemRegistered)>,
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
                for line in &delivery.lines {
                    self.on_hand(&delivery.store_id, &line.item_id, line.accepted_milli);
                }
            }
            Kind::SaleRecorded(sale) => {
                for line in &sale.lines {
                    self.sold(event, &line.item_id, &line.supplier_id, &Sold::of(line, 1));
                }
            }
            Kind::SaleVoided(void) => {
                for line in &void.lines {
                    self.sold(event, &line.item_id, &line.supplier_id, &Sold::of(line, -1));
                }
            }
            Kind::ReturnRecorded(back) => {
                let store_id = event.store_id.unwrap_or_default();
                for line in &back.lines {
                    match Disposition::try_from(line.disposition) {
                        Ok(Disposition::ToStock) => self.on_hand(store_id, &line.item_id, line.quantity_milli),
                        Ok(Disposition::ToSupplier) => self.unsellable(store_id, &line.item_id, line.quantity_milli),
                        // Written off goods touch the stock row all the same, so that the item is listed in the store.
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
        self.stock.entry((store_id.to_owned(), item_id.to_owned())).or_default().on_hand_milli += milli;
    }

    fn unsellable(&mut self, store_id: &str, item_id: &str, milli: i64) {
        self.stock.entry((store_id.to_owned(), item_id.to_owned())).or_default().unsellable_milli += milli;
    }

    fn sold(&mut self, event: Place<'_>, item_id: &str, supplier_id: &str, sold: &Sold) {
        self.on_hand(event.store_id.unwrap_or_default(), item_id, -sold.quantity_milli);
        if supplier_id == UNASSIGNED {
            let row = self.unassigned_row(event, item_id);
            row.lines_sold += sold.lines;
            row.quantity_sold_milli += sold.quantity_milli;
            row.gross_minor += sold.gross_minor;
            row.discount_minor += sold.discount_minor;
            row.tax_minor += sold.tax_minor;
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

/// Figures of a line, counted once forwards (a sale) or backwards (its void).
struct Sold {
    lines: i64,
    quantity_milli: i64,
    gross_minor: i64,
    discount_minor: i64,
    tax_minor: i64,
}

impl Sold {
    fn of(line: &daybook::event::v1::SaleLine, sign: i64) -> Self {
        Self {
            lines: sign,
            quantity_milli: sign * line.quantity_milli,
            gross_minor: sign * line.gross_minor,
            discount_minor: sign * line.discount_minor,
            tax_minor: sign * line.tax_minor,
        }
    }
}
