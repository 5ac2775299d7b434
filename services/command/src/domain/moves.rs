//! What was sold of an item before it was registered, on its way to the item's supplier and category.

use daybook::{
    event::v1::{BusinessDay, UnassignedSalesMoved, event::Kind},
    ids::UNASSIGNED,
    stream,
};
pub use daybook_write_model::UnassignedSales;
use jiff::Timestamp;

use super::{catalogue::Catalogue, decision::NewEvent};

/// Where sales of an item are moved.
#[derive(Clone, Copy, Debug)]
pub struct Moves<'a> {
    pub item_id: &'a str,
    pub supplier_id: &'a str,
    pub category: &'a str,
    /// When the item was registered.
    pub occurred_at: Option<Timestamp>,
}

impl Moves<'_> {
    /// One event for each store-day, from a version of the item's stream on.
    #[must_use]
    pub fn of(&self, sold: &[UnassignedSales], catalogue: &Catalogue, first_version: i32) -> Vec<NewEvent> {
        let stores = sold.iter().filter_map(|sold| catalogue.store(&sold.store_id).map(|store| (sold, store)));
        let stream = stream::item(self.item_id);
        let event = |(version, (sold, store)): (i32, (&UnassignedSales, &super::catalogue::Store))| {
            let day = BusinessDay {
                date: sold.business_date.to_string(),
                time_zone: store.rule.zone_name().to_owned(),
                cut_off_minutes: store.rule.cut_off_minutes(),
                hour: 0,
            };
            let moved = UnassignedSalesMoved {
                item_id: self.item_id.to_owned(),
                store_id: sold.store_id.clone(),
                business_day: Some(day),
                supplier_id: self.supplier_id.to_owned(),
                category: self.category.to_owned(),
                currency_code: store.currency.code().to_owned(),
                lines_sold: sold.lines_sold,
                quantity_sold_milli: sold.quantity_sold_milli,
                gross_minor: sold.gross_minor,
                discount_minor: sold.discount_minor,
                tax_minor: sold.tax_minor,
                quantity_returned_milli: sold.quantity_returned_milli,
                returns_net_minor: sold.returns_net_minor,
                from_supplier_id: UNASSIGNED.to_owned(),
                from_category: UNASSIGNED.to_owned(),
            };
            NewEvent::first(&stream, self.occurred_at, Kind::UnassignedSalesMoved(moved))
                .at_version(version)
                .of_store(&sold.store_id)
                .on(sold.business_date)
        };
        (first_version..).zip(stores).map(event).collect()
    }
}
