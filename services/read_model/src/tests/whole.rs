//! What must hold for any events: the documents do not depend on batches, crashes, redelivery or order, and their parts
//! add up.

use std::collections::BTreeMap;

use daybook::event::v1::{RecordedEvent, event::Kind};
use proptest::prelude::*;

use super::{
    database::{Database, Projector},
    given::{kinds, log},
};
use crate::{
    figures::{SalesFigures, SupplierFigures},
    folded::Folded,
    registry::{CategoryDays, Report, Stock, StoreDays, SupplierDays},
    store_day_item::StoreDayItem,
    sum::Sum,
    supplier_entry::SupplierEntry,
};

/// One attempt to go on with the log: how many events, how many of its writes land before a crash (if it crashes), how far
/// back the next attempt begins, and which documents are written first.
type Attempt = (usize, Option<usize>, usize, bool);

fn attempts() -> impl Strategy<Value = Vec<Attempt>> {
    prop::collection::vec((1_usize..12, prop::option::weighted(0.4, 0_usize..12), 0_usize..20, any::<bool>()), 1..12)
}

/// Folds the log through the database by the given attempts, then to its end.
fn projected<R: Report>(kinds: Vec<Kind>, attempts: &[Attempt]) -> (Database, Database) {
    let log = log(kinds);
    let (mut heads, mut pages) = (Database::default(), Database::default());
    let mut projector = Projector::<R>::new(0);
    let mut checkpoint = 0;
    for (count, crash, back, pages_first) in attempts {
        let end = (checkpoint + count).min(log.len());
        let batch = &log[checkpoint..end];
        if projector.batch(&mut heads, &mut pages, batch, crash.unwrap_or(usize::MAX), *pages_first) {
            checkpoint = end;
        } else {
            projector = Projector::new(0);
            checkpoint = checkpoint.saturating_sub(*back);
        }
    }
    assert!(projector.batch(&mut heads, &mut pages, &log[checkpoint..], usize::MAX, false));
    (heads, pages)
}

fn folded<R: Report>(kinds: Vec<Kind>) -> Folded<R> {
    let mut folded = Folded::default();
    for event in log(kinds) {
        folded.fold(&event).unwrap();
    }
    folded
}

fn same_after_crashes<R>(kinds: Vec<Kind>, attempts: &[Attempt]) -> Result<(), TestCaseError>
where
    R: Report,
    R::Head: PartialEq + std::fmt::Debug,
{
    let (heads, pages) = projected::<R>(kinds.clone(), attempts);
    let folded = folded::<R>(kinds);
    prop_assert_eq!(heads.decoded::<R::Head>(), folded.heads);
    prop_assert_eq!(pages.decoded(), folded.pages);
    Ok(())
}

/// An event as its first version was written.
fn make_first(event: &mut RecordedEvent) {
    if let Some(Kind::UnassignedSalesMoved(moved)) = event.event.as_mut().and_then(|event| event.kind.as_mut()) {
        event.schema_version = 1;
        (moved.from_supplier_id, moved.from_category) = (String::new(), String::new());
    }
}

fn same_folds<R>(one: &[RecordedEvent], other: &[RecordedEvent]) -> Result<(), TestCaseError>
where
    R: Report,
    R::Head: PartialEq + std::fmt::Debug,
{
    let folded = |events: &[RecordedEvent]| {
        let mut folded = Folded::<R>::default();
        events.iter().for_each(|event| folded.fold(event).unwrap());
        folded
    };
    let (one, other) = (folded(one), folded(other));
    prop_assert_eq!(one.heads, other.heads);
    prop_assert_eq!(one.pages, other.pages);
    Ok(())
}

fn all_items(folded: &Folded<StoreDays>, head_id: &str) -> BTreeMap<String, StoreDayItem> {
    let inline = folded.heads[head_id].items.entries.iter();
    let prefix = format!("{head_id}|");
    let pages = folded.pages.iter().filter(|(id, _)| id.starts_with(&prefix));
    inline
        .chain(pages.flat_map(|(_, page)| page.entries.iter()))
        .map(|(id, item)| (id.to_owned(), item.clone()))
        .collect()
}

fn all_entries(folded: &Folded<SupplierDays>, head_id: &str, letter: char) -> BTreeMap<String, SupplierEntry> {
    let head = &folded.heads[head_id];
    let inline = if letter == 'i' { &head.items } else { &head.stores };
    let prefix = format!("{head_id}|{letter}|");
    let pages = folded.pages.iter().filter(|(id, _)| id.starts_with(&prefix));
    let all = inline.entries.iter().chain(pages.flat_map(|(_, page)| page.entries.iter()));
    all.map(|(id, entry)| (id.to_owned(), entry.clone())).collect()
}

fn total<'a, S: Sum + 'a>(parts: impl IntoIterator<Item = &'a S>) -> S {
    parts.into_iter().fold(S::default(), |sum, part| sum.plus(part).unwrap())
}

fn without_transactions(figures: SalesFigures) -> SalesFigures {
    SalesFigures { transactions: 0, ..figures }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn batches_crashes_and_redelivery_give_the_same_documents(kinds in kinds(), attempts in attempts()) {
        same_after_crashes::<StoreDays>(kinds.clone(), &attempts)?;
        same_after_crashes::<SupplierDays>(kinds.clone(), &attempts)?;
        same_after_crashes::<Stock>(kinds.clone(), &attempts)?;
        same_after_crashes::<CategoryDays>(kinds, &attempts)?;
    }

    #[test]
    fn events_of_the_first_version_fold_as_those_of_the_second(kinds in kinds(), choice in any::<u64>()) {
        let newest = log(kinds);
        let mut mixed = newest.clone();
        for (index, event) in mixed.iter_mut().enumerate() {
            if choice >> (index % 64) & 1 == 1 {
                make_first(event);
            }
        }
        same_folds::<StoreDays>(&newest, &mixed)?;
        same_folds::<SupplierDays>(&newest, &mixed)?;
        same_folds::<Stock>(&newest, &mixed)?;
        same_folds::<CategoryDays>(&newest, &mixed)?;
    }

    #[test]
    fn the_order_within_a_day_does_not_matter(
        (kinds, shuffled) in kinds()
            .prop_map(|kinds| kinds.into_iter().filter(|kind| !matches!(kind, Kind::UnassignedSalesMoved(_))).collect())
            .prop_flat_map(|kinds: Vec<Kind>| (Just(kinds.clone()), Just(kinds).prop_shuffle())),
    ) {
        let (one, other) = (folded::<StoreDays>(kinds.clone()), folded::<StoreDays>(shuffled.clone()));
        for (id, head) in &one.heads {
            let mut expected = head.clone();
            let mut found = other.heads[id].clone();
            prop_assert_eq!(all_items(&one, id), all_items(&other, id));
            // Which items are in the head, and the position, tell of the order.
            (expected.items, found.items) = Default::default();
            found.stamp.position = expected.stamp.position;
            prop_assert_eq!(expected, found);
        }
        let (one, other) = (folded::<SupplierDays>(kinds.clone()), folded::<SupplierDays>(shuffled.clone()));
        for (id, head) in &one.heads {
            prop_assert_eq!(head.figures(), other.heads[id].figures());
            prop_assert_eq!(all_entries(&one, id, 'i'), all_entries(&other, id, 'i'));
            prop_assert_eq!(all_entries(&one, id, 's'), all_entries(&other, id, 's'));
        }
        let (one, other) = (folded::<Stock>(kinds), folded::<Stock>(shuffled));
        for (id, page) in &one.heads {
            for (item, entry) in page.entries.iter() {
                let found = other.heads[id].entries.get(item).unwrap();
                prop_assert_eq!(entry.on_hand_milli, found.on_hand_milli);
                prop_assert_eq!(entry.unsellable_milli, found.unsellable_milli);
            }
        }
    }

    #[test]
    fn the_parts_of_a_store_day_add_up(kinds in kinds()) {
        let folded = folded::<StoreDays>(kinds);
        for (id, day) in &folded.heads {
            for breakdown in [&day.hours, &day.registers, &day.operators] {
                prop_assert_eq!(total(breakdown.iter().map(|(_, figures)| figures)), day.sales);
            }
            let categories = total(day.categories.iter().map(|(_, figures)| figures));
            prop_assert_eq!(without_transactions(categories), without_transactions(day.sales));
            let items = total(all_items(&folded, id).values());
            prop_assert_eq!(items.sold.quantity_milli, day.sales.quantity_milli);
            prop_assert_eq!(items.sold.gross_minor, day.sales.gross_minor);
            prop_assert_eq!(items.sold.discount_minor, day.sales.discount_minor);
            prop_assert_eq!(items.net_minor(), Some(day.sales.net_minor));
            prop_assert_eq!(items.sold.tax_minor, day.sales.tax_minor);
            prop_assert_eq!(items.other.get().quantity_received_milli, day.receiving.received_milli);
            prop_assert_eq!(items.other.get().received_cost_minor, day.receiving.received_cost_minor);
            prop_assert_eq!(items.other.get().quantity_rejected_milli, day.receiving.rejected_milli);
            let returns = total([&day.returns_with_receipt, &day.returns_without_receipt]);
            prop_assert_eq!(items.other.get().quantity_returned_milli, returns.quantity_milli);
            prop_assert_eq!(items.other.get().returns_net_minor, returns.net_minor);
            let paid = total(day.tenders.iter().map(|(_, tender)| tender));
            prop_assert_eq!(paid.received_minor - paid.refunded_minor, day.total_minor().unwrap());
        }
    }

    #[test]
    fn the_categories_of_a_day_add_up_to_the_store_day(kinds in kinds()) {
        let days = folded::<StoreDays>(kinds.clone());
        let by_category = folded::<CategoryDays>(kinds);
        for (id, day) in &days.heads {
            let returns = total([&day.returns_with_receipt, &day.returns_without_receipt]);
            let Some(categories) = by_category.heads.get(id) else {
                prop_assert_eq!((day.sales, returns.returns, day.voids.voids), (SalesFigures::default(), 0, 0));
                continue;
            };
            prop_assert_eq!(&categories.currency_code, &day.currency_code);
            let sums = total(categories.categories.iter().map(|(_, figures)| figures));
            prop_assert_eq!(sums.lines, day.sales.lines);
            prop_assert_eq!(sums.quantity_sold_milli, day.sales.quantity_milli);
            prop_assert_eq!((sums.gross_minor, sums.discount_minor), (day.sales.gross_minor, day.sales.discount_minor));
            prop_assert_eq!(sums.net_minor(), Some(day.sales.net_minor));
            prop_assert_eq!(sums.tax_minor, day.sales.tax_minor);
            prop_assert_eq!(sums.quantity_returned_milli, returns.quantity_milli);
            prop_assert_eq!(sums.returns_net_minor, returns.net_minor);
            let names = |all: Vec<&str>| all.into_iter().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(
                names(categories.categories.iter().map(|(name, _)| name).collect()),
                names(day.categories.iter().map(|(name, _)| name).collect())
            );
            for (name, figures) in categories.categories.iter() {
                let of_day = day.categories.get(name).unwrap();
                prop_assert_eq!((figures.transactions, figures.lines), (of_day.transactions, of_day.lines));
                prop_assert_eq!(figures.net_minor(), Some(of_day.net_minor));
            }
        }
        prop_assert!(by_category.heads.keys().all(|id| days.heads.contains_key(id)));
        prop_assert!(by_category.pages.is_empty());
    }

    #[test]
    fn the_parts_of_a_supplier_day_add_up(kinds in kinds()) {
        let days = folded::<StoreDays>(kinds.clone());
        let folded = folded::<SupplierDays>(kinds);
        let day_of = |entry: &SupplierEntry| total(entry.figures().iter().map(|(_, figures)| figures));
        for (id, day) in &folded.heads {
            let all = total(day.figures().iter().map(|(_, figures)| figures));
            let stores: Vec<SupplierFigures> = all_entries(&folded, id, 's').values().map(day_of).collect();
            prop_assert_eq!(total(&stores), all);
            let items: Vec<SupplierFigures> = all_entries(&folded, id, 'i').values().map(day_of).collect();
            let of_items = total(&items);
            // A delivery counts once for each item that it holds.
            prop_assert_eq!(SupplierFigures { deliveries: all.deliveries, ..of_items }, all);
            let selling = |entry: &&SupplierEntry| day_of(entry).lines_sold > 0;
            let on_pages = folded.pages.iter().filter(|(page, _)| page.starts_with(&format!("{id}|s|")));
            let on_pages = on_pages.flat_map(|(_, page)| page.entries.iter().map(|(_, entry)| entry)).filter(selling).count();
            let selling = stores.iter().filter(|figures| figures.lines_sold > 0).count();
            prop_assert_eq!(usize::try_from(day.selling_stores_inline).unwrap() + on_pages, selling);
        }
        let sold = |net: Option<i64>| net.unwrap();
        let of_suppliers: i64 = folded
            .heads
            .values()
            .flat_map(|day| day.figures().into_iter().map(|(_, figures)| sold(figures.net_minor())).collect::<Vec<_>>())
            .sum();
        prop_assert_eq!(of_suppliers, days.heads.values().map(|day| day.sales.net_minor).sum::<i64>());
    }
}
