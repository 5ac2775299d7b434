//! Store-days by category as they are answered.

use daybook::{
    ids::{IdError, StoreId},
    query::v1,
};
use daybook_read_model::{
    answer,
    category_day::{CategoryDay, CategoryDayChange},
    document::Key,
    registry::CategoryDays,
    spill::{Page, Section},
    store_day_item::StoreDayItem,
};

use crate::{
    heads::{Heads, Kept},
    recent::{Changed, Totals, Touching},
    report::Report,
};

impl Report for CategoryDays {
    type View = v1::CategoryDay;

    const NAME: &'static str = "store-day by category";
    const ID_FIELD: &'static str = "store_id";
    const IDS_FIELD: &'static str = "store_ids";
    /// The categories are the view.
    const ENTRY_FIELDS: &'static [&'static str] = &[];
    const UNCOUNTED_FIELDS: &'static [&'static str] = &[];

    fn counted_of(change: CategoryDayChange) -> CategoryDayChange {
        change
    }

    fn totals(totals: &Totals) -> &Changed<Self> {
        &totals.category_days
    }

    fn kept(heads: &Heads) -> &Kept<CategoryDay> {
        &heads.category_days
    }

    fn touching(key: &Key) -> Touching<'_> {
        Touching::Store(&key.second)
    }

    fn check_id(text: &str) -> Result<(), IdError> {
        StoreId::parse(text).map(drop)
    }

    fn view(head: &CategoryDay) -> Option<v1::CategoryDay> {
        answer::category_day::head(head)
    }

    fn mark(view: &mut v1::CategoryDay) {
        view.incomplete = true;
    }

    fn counted(_: &CategoryDay) -> Option<Section> {
        None
    }

    fn count(_: &mut v1::CategoryDay, _: &Page<StoreDayItem>) {}
}

#[cfg(test)]
mod tests {
    use daybook_read_model::{breakdown::Breakdown, figures::CategoryFigures};
    use mongodb::bson::{deserialize_from_document, doc, serialize_to_bson};

    use super::*;

    fn day(gross: i64, discount: i64) -> CategoryDay {
        let figures = CategoryFigures {
            transactions: 2,
            lines: 3,
            quantity_sold_milli: 4_000,
            gross_minor: gross,
            discount_minor: discount,
            quantity_returned_milli: 1_000,
            returns_net_minor: 30,
            ..CategoryFigures::default()
        };
        let categories: Breakdown<CategoryFigures> = [("GROCERY".into(), figures)].into_iter().collect();
        let stored = doc! {
            "_id": "2017-01-02|443", "slot": 1, "epoch": 1_i64, "position": 9_i64,
            "date": "2017-01-02", "store_id": "443", "currency_code": "USD",
            "categories": serialize_to_bson(&categories).unwrap(),
        };
        deserialize_from_document(stored).unwrap()
    }

    #[test]
    fn the_net_is_without_discounts_and_returns() {
        let view = CategoryDays::view(&day(500, 20)).unwrap();
        assert_eq!((view.store_id.as_str(), view.business_date.as_str(), view.position), ("443", "2017-01-02", 9));
        let grocery = &view.categories[0];
        assert_eq!((grocery.category.as_str(), grocery.net_minor, grocery.transactions), ("GROCERY", 450, 2));
        assert_eq!((grocery.quantity_returned_milli, grocery.returns_net_minor), (1_000, 30));
    }

    #[test]
    fn a_figure_that_does_not_fit_is_no_view() {
        assert!(CategoryDays::view(&day(i64::MIN, 1)).is_none());
    }
}
