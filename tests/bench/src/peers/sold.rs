//! A sale as CRUD writes it: with numbers for keys, and its lines in the order of the items.

use daybook_chassis::BoxError;
use jiff::{Timestamp, civil::Date};

use crate::load::{Sale, World};

/// The ids of the chain as numbers, and the supplier of each item: what a service keeps in memory of its catalogue.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) stores: Vec<i32>,
    pub(super) suppliers: Vec<i32>,
    pub(super) items: Vec<i32>,
    /// By item.
    supplier_of: Vec<i32>,
}

/// A sale to write.
#[derive(Clone, Debug)]
pub(super) struct Sold {
    pub(super) store_id: i32,
    pub(super) register_id: i32,
    pub(super) business_date: Date,
    pub(super) receipt_number: i64,
    pub(super) occurred_at: Timestamp,
    pub(super) operator_id: i32,
    pub(super) gross_minor: i64,
    pub(super) discount_minor: i64,
    pub(super) tax_minor: i64,
    pub(super) total_minor: i64,
    /// In the order of the items: sales that wait for each other's stock always do so in the same direction.
    pub(super) lines: Vec<SoldLine>,
}

/// A line to write.
#[derive(Clone, Copy, Debug)]
pub(super) struct SoldLine {
    pub(super) line: i32,
    pub(super) item_id: i32,
    pub(super) supplier_id: i32,
    pub(super) quantity_milli: i64,
    pub(super) gross_minor: i64,
    pub(super) discount_minor: i64,
    pub(super) tax_minor: i64,
}

impl Keys {
    /// The keys of a chain.
    pub(super) fn of(world: &World) -> Result<Self, BoxError> {
        let stores = world.stores.iter().map(|store| store.store_id.parse()).collect::<Result<_, _>>()?;
        let suppliers: Vec<i32> =
            world.suppliers.iter().map(|supplier| supplier.supplier_id.parse()).collect::<Result<_, _>>()?;
        let items = world.items.iter().map(|item| item.item_id.parse()).collect::<Result<_, _>>()?;
        let supplier_of = world.items.iter().map(|item| suppliers[item.supplier]).collect();
        Ok(Self { stores, suppliers, items, supplier_of })
    }

    /// The sale as it is written.
    pub(super) fn sold(&self, sale: &Sale) -> Result<Sold, BoxError> {
        let line = |(line, one): (i32, &crate::load::Line)| SoldLine {
            line,
            item_id: self.items[one.item],
            supplier_id: self.supplier_of[one.item],
            quantity_milli: one.quantity_milli,
            gross_minor: one.gross_minor,
            discount_minor: one.discount_minor,
            tax_minor: one.tax_minor,
        };
        let mut lines: Vec<SoldLine> = (1..).zip(&sale.lines).map(line).collect();
        lines.sort_unstable_by_key(|line| line.item_id);
        Ok(Sold {
            store_id: self.stores[sale.store],
            register_id: i32::try_from(sale.register)?,
            business_date: sale.date,
            receipt_number: i64::try_from(sale.receipt)?,
            occurred_at: sale.occurred_at,
            operator_id: i32::try_from(sale.operator)?,
            gross_minor: sale.sum(|line| line.gross_minor),
            discount_minor: sale.sum(|line| line.discount_minor),
            tax_minor: sale.sum(|line| line.tax_minor),
            total_minor: sale.total_minor,
            lines,
        })
    }
}

impl Sold {
    /// One column of the lines.
    pub(super) fn column<T>(&self, value: impl Fn(&SoldLine) -> T) -> Vec<T> {
        self.lines.iter().map(value).collect()
    }
}
