//! Supplier-days as they are answered.

use daybook::query::v1;

use crate::{
    entries::Entry as _, figures::SupplierFigures, spill::Page, supplier_day::SupplierDay,
    supplier_entry::SupplierEntry,
};

/// The day as far as its head tells it; `None` if a figure does not fit.
#[must_use]
pub fn head(head: &SupplierDay) -> Option<v1::SupplierDay> {
    Some(v1::SupplierDay {
        supplier_id: head.supplier_id.clone(),
        business_date: head.date.clone(),
        position: head.stamp.position,
        selling_stores: head.selling_stores_inline,
        figures: figures(&head.figures())?,
        incomplete: false,
    })
}

/// Adds the stores of a page to those of the head.
pub fn count(view: &mut v1::SupplierDay, page: &Page<SupplierEntry>) {
    let selling = page.entries.iter().filter(|(_, store)| store.lines_sold() > 0).count();
    view.selling_stores += i64::try_from(selling).unwrap_or(i64::MAX);
}

/// An item of the day; `None` if a figure does not fit.
#[must_use]
pub fn item(id: &str, item: &SupplierEntry) -> Option<v1::SupplierDayItem> {
    Some(v1::SupplierDayItem {
        item_id: id.to_owned(),
        category: item.category.to_string(),
        unit_code: item.unit_code.to_string(),
        figures: figures(&item.figures())?,
    })
}

/// A store of the day; `None` if a figure does not fit.
#[must_use]
pub fn store(id: &str, store: &SupplierEntry) -> Option<v1::SupplierDayStore> {
    // A store has one currency; where everything has cancelled out it has no figures.
    let figures = figures(&store.figures())?.pop().unwrap_or_default();
    Some(v1::SupplierDayStore { store_id: id.to_owned(), figures: Some(figures) })
}

fn figures(by_currency: &[(&str, SupplierFigures)]) -> Option<Vec<v1::SupplierDayFigures>> {
    by_currency.iter().map(|(currency_code, figures)| one(currency_code, figures)).collect()
}

fn one(currency_code: &str, figures: &SupplierFigures) -> Option<v1::SupplierDayFigures> {
    Some(v1::SupplierDayFigures {
        currency_code: currency_code.to_owned(),
        lines_sold: figures.lines_sold,
        quantity_sold_milli: figures.quantity_sold_milli,
        gross_minor: figures.gross_minor,
        discount_minor: figures.discount_minor,
        net_minor: figures.net_minor()?,
        quantity_returned_milli: figures.quantity_returned_milli,
        returns_net_minor: figures.returns_net_minor,
        deliveries: figures.deliveries,
        quantity_received_milli: figures.quantity_received_milli,
        received_cost_minor: figures.received_cost_minor,
        quantity_rejected_milli: figures.quantity_rejected_milli,
        quantity_adjusted_milli: figures.quantity_adjusted_milli,
    })
}
