//! Store-days as they are answered.

use daybook::{
    ids::{IdError, StoreId},
    query::v1,
};
use daybook_read_model::{
    answer,
    document::Key,
    entries::Entries,
    registry::StoreDays,
    spill::{Page, Section},
    store_day::StoreDay,
    store_day_change::StoreDayChange,
    store_day_item::StoreDayItem,
};

use crate::{
    heads::{Heads, Kept},
    recent::{Changed, Totals, Touching},
    report::{Listed, Report},
};

/// The items of a store-day.
#[derive(Debug)]
pub(crate) struct StoreDayItems;

impl Report for StoreDays {
    type View = v1::StoreDay;

    const NAME: &'static str = "store-day";
    const ID_FIELD: &'static str = "store_id";
    const IDS_FIELD: &'static str = "store_ids";
    const ENTRY_FIELDS: &'static [&'static str] = &["items"];
    const UNCOUNTED_FIELDS: &'static [&'static str] = Self::ENTRY_FIELDS;

    fn counted_of(change: StoreDayChange) -> StoreDayChange {
        change.without_items()
    }

    fn totals(totals: &Totals) -> &Changed<Self> {
        &totals.store_days
    }

    fn kept(heads: &Heads) -> &Kept<StoreDay> {
        &heads.store_days
    }

    fn touching(key: &Key) -> Touching<'_> {
        Touching::Store(&key.second)
    }

    fn check_id(text: &str) -> Result<(), IdError> {
        StoreId::parse(text).map(drop)
    }

    fn view(head: &StoreDay) -> Option<v1::StoreDay> {
        answer::store_day::head(head)
    }

    fn mark(view: &mut v1::StoreDay) {
        view.incomplete = true;
    }

    fn counted(_: &StoreDay) -> Option<Section> {
        None
    }

    fn count(_: &mut v1::StoreDay, _: &Page<StoreDayItem>) {}
}

impl Listed for StoreDayItems {
    type Report = StoreDays;
    type View = v1::StoreDayItem;

    const SECTION: Section = Section::Items;
    const FIELD: &'static str = "items";

    fn inline(head: &StoreDay) -> &Entries<StoreDayItem> {
        &head.items.entries
    }

    fn has_pages(head: &StoreDay) -> bool {
        head.has_pages
    }

    fn view(id: &str, item: &StoreDayItem) -> Option<v1::StoreDayItem> {
        answer::store_day::item(id, item)
    }
}

#[cfg(test)]
mod tests {
    use daybook_read_model::{
        document::{Head as _, Key},
        figures::{ItemSales, ReturnFigures, SalesFigures, StoreDayCounts, VoidFigures},
    };

    use super::*;

    fn day() -> StoreDay {
        let mut day = StoreDay::open(&Key { first: "2017-03-12".into(), second: "443".into() });
        day.time_zone = "America/New_York".into();
        day.sales = SalesFigures { transactions: 2, net_minor: 5, quantity_milli: 7_001, tax_minor: 3, ..day.sales };
        day.voids = VoidFigures { voids: 1, total_minor: 9 };
        day.returns_with_receipt = ReturnFigures { returns: 1, tax_minor: 1, ..day.returns_with_receipt };
        day.counts = StoreDayCounts { adjustments: 4, business_date_mismatches: 5, unknown_item_lines: 6 };
        day
    }

    #[test]
    fn ratios_are_rounded_half_to_even() {
        let view = StoreDays::view(&day()).unwrap();
        assert_eq!((view.average_basket_minor, view.units_per_transaction_milli), (2, 3_500));
        assert_eq!(view.total_minor, 5 + 3 - 1);
        let mut empty = day();
        empty.sales = SalesFigures::default();
        assert_eq!(StoreDays::view(&empty).unwrap().average_basket_minor, 0);
    }

    #[test]
    fn a_day_around_a_change_of_the_clocks_has_its_own_length() {
        let view = StoreDays::view(&day()).unwrap();
        let hours = (view.end_time.unwrap().seconds - view.start_time.unwrap().seconds) / 3_600;
        assert_eq!(hours, 23);
    }

    #[test]
    fn an_unknown_zone_does_not_cost_the_report() {
        let mut day = day();
        day.time_zone = "Moon/Tranquility".into();
        let view = StoreDays::view(&day).unwrap();
        assert_eq!((view.start_time, view.time_zone.as_str()), (None, "Moon/Tranquility"));
    }

    #[test]
    fn a_figure_that_does_not_fit_is_no_view() {
        let mut day = day();
        day.sales.net_minor = i64::MAX;
        assert!(StoreDays::view(&day).is_none());
        let sold = ItemSales { gross_minor: i64::MIN, discount_minor: 1, ..ItemSales::default() };
        let item = StoreDayItem { sold, ..StoreDayItem::default() };
        assert!(StoreDayItems::view("7", &item).is_none());
    }

    #[test]
    fn the_counts_are_told() {
        let view = StoreDays::view(&day()).unwrap();
        assert_eq!((view.adjustments, view.business_date_mismatches, view.unknown_item_lines), (4, 5, 6));
        assert_eq!(view.voids, Some(v1::VoidFigures { voids: 1, total_minor: 9 }));
        assert_eq!((view.business_date.as_str(), view.store_id.as_str()), ("2017-03-12", "443"));
    }
}
