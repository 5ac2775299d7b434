//! Supplier-days as they are answered.

use daybook::{
    ids::{IdError, SupplierId},
    query::v1,
};
use daybook_read_model::{
    answer,
    document::Key,
    entries::Entries,
    registry::SupplierDays,
    spill::{Page, Section},
    supplier_day::SupplierDay,
    supplier_day_fold::SupplierDayChange,
    supplier_entry::SupplierEntry,
};

use crate::{
    heads::{Heads, Kept},
    recent::{Changed, Totals, Touching},
    report::{Listed, Report},
};

/// The items of a supplier-day.
#[derive(Debug)]
pub(crate) struct SupplierDayItems;

/// The stores of a supplier-day.
#[derive(Debug)]
pub(crate) struct SupplierDayStores;

impl Report for SupplierDays {
    type View = v1::SupplierDay;

    const NAME: &'static str = "supplier-day";
    const ID_FIELD: &'static str = "supplier_id";
    const IDS_FIELD: &'static str = "supplier_ids";
    const ENTRY_FIELDS: &'static [&'static str] = &["items", "stores"];
    /// In how many stores something was sold is told from the stores.
    const UNCOUNTED_FIELDS: &'static [&'static str] = &["items"];

    fn counted_of(change: SupplierDayChange) -> SupplierDayChange {
        change.without_items()
    }

    fn totals(totals: &Totals) -> &Changed<Self> {
        &totals.supplier_days
    }

    fn kept(heads: &Heads) -> &Kept<SupplierDay> {
        &heads.supplier_days
    }

    fn touching(key: &Key) -> Touching<'_> {
        Touching::Supplier(&key.second)
    }

    fn check_id(text: &str) -> Result<(), IdError> {
        SupplierId::parse(text).map(drop)
    }

    fn view(head: &SupplierDay) -> Option<v1::SupplierDay> {
        answer::supplier_day::head(head)
    }

    fn mark(view: &mut v1::SupplierDay) {
        view.incomplete = true;
    }

    fn counted(head: &SupplierDay) -> Option<Section> {
        head.has_store_pages.then_some(Section::Stores)
    }

    fn count(view: &mut v1::SupplierDay, page: &Page<SupplierEntry>) {
        answer::supplier_day::count(view, page);
    }
}

impl Listed for SupplierDayItems {
    type Report = SupplierDays;
    type View = v1::SupplierDayItem;

    const SECTION: Section = Section::Items;
    const FIELD: &'static str = "items";

    fn inline(head: &SupplierDay) -> &Entries<SupplierEntry> {
        &head.items.entries
    }

    fn has_pages(head: &SupplierDay) -> bool {
        head.has_item_pages
    }

    fn view(id: &str, item: &SupplierEntry) -> Option<v1::SupplierDayItem> {
        answer::supplier_day::item(id, item)
    }
}

impl Listed for SupplierDayStores {
    type Report = SupplierDays;
    type View = v1::SupplierDayStore;

    const SECTION: Section = Section::Stores;
    const FIELD: &'static str = "stores";

    fn inline(head: &SupplierDay) -> &Entries<SupplierEntry> {
        &head.stores.entries
    }

    fn has_pages(head: &SupplierDay) -> bool {
        head.has_store_pages
    }

    fn view(id: &str, store: &SupplierEntry) -> Option<v1::SupplierDayStore> {
        answer::supplier_day::store(id, store)
    }
}

#[cfg(test)]
mod tests {
    use daybook_read_model::{breakdown::Breakdown, entries::Entry as _, figures::SupplierFigures};
    use mongodb::bson::{deserialize_from_document, doc, serialize_to_bson};

    use super::*;

    fn entry(figures: &SupplierFigures) -> SupplierEntry {
        SupplierEntry::of_row(["", "", "USD"], &figures.figures()).unwrap()
    }

    #[test]
    fn stores_on_pages_are_counted_if_they_sold_something() {
        let sold = SupplierFigures { lines_sold: 2, quantity_sold_milli: 2_000, ..SupplierFigures::default() };
        let received = SupplierFigures { deliveries: 1, quantity_received_milli: 6_000, ..SupplierFigures::default() };
        let mut page = Page::open("2017-01-02|69|s|00".into(), "2017-01-02|69");
        page.fold(9, vec![("31".into(), entry(&sold)), ("443".into(), entry(&received))]).unwrap();
        let mut view = v1::SupplierDay { selling_stores: 1_000, ..v1::SupplierDay::default() };
        SupplierDays::count(&mut view, &page);
        assert_eq!(view.selling_stores, 1_001);
    }

    #[test]
    fn a_store_has_the_figures_of_its_currency() {
        let store = entry(&SupplierFigures {
            lines_sold: 2,
            gross_minor: 500,
            discount_minor: 20,
            returns_net_minor: 30,
            quantity_adjusted_milli: -1_000,
            ..SupplierFigures::default()
        });
        let figures = SupplierDayStores::view("31", &store).unwrap().figures.unwrap();
        assert_eq!((figures.currency_code.as_str(), figures.net_minor), ("USD", 450));
        assert_eq!((figures.lines_sold, figures.quantity_adjusted_milli), (2, -1_000));
    }

    #[test]
    fn a_head_read_without_entries_is_whole() {
        let sold = SupplierFigures { lines_sold: 2, ..SupplierFigures::default() };
        let figures: Breakdown<SupplierFigures> = [("USD".into(), sold)].into_iter().collect();
        let head = doc! {
            "_id": "2017-01-02|69", "slot": 1, "epoch": 1_i64, "position": 9_i64,
            "date": "2017-01-02", "supplier_id": "69", "selling_stores_inline": 3_i64, "has_store_pages": true,
            "figures": serialize_to_bson(&figures).unwrap(),
        };
        let head: SupplierDay = deserialize_from_document(head).unwrap();
        let view = SupplierDays::view(&head).unwrap();
        assert_eq!((view.position, view.selling_stores, view.figures.len()), (9, 3, 1));
        assert_eq!(SupplierDays::counted(&head), Some(Section::Stores));
    }
}
