//! Store-days by category as they are answered.

use daybook::query::v1;

use crate::{category_day::CategoryDay, figures::CategoryFigures};

/// The day; `None` if a figure does not fit.
#[must_use]
pub fn head(head: &CategoryDay) -> Option<v1::CategoryDay> {
    let categories = head.categories.iter().map(|(category, figures)| one(category, figures));
    Some(v1::CategoryDay {
        store_id: head.store_id.clone(),
        business_date: head.date.clone(),
        currency_code: head.currency_code.clone(),
        position: head.stamp.position,
        categories: categories.collect::<Option<_>>()?,
        incomplete: false,
    })
}

fn one(category: &str, figures: &CategoryFigures) -> Option<v1::CategoryFigures> {
    Some(v1::CategoryFigures {
        category: category.to_owned(),
        transactions: figures.transactions,
        lines: figures.lines,
        quantity_sold_milli: figures.quantity_sold_milli,
        gross_minor: figures.gross_minor,
        discount_minor: figures.discount_minor,
        net_minor: figures.net_minor()?,
        tax_minor: figures.tax_minor,
        quantity_returned_milli: figures.quantity_returned_milli,
        returns_net_minor: figures.returns_net_minor,
    })
}
