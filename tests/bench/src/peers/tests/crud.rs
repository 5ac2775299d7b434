use std::{collections::HashMap, sync::Arc};

use super::{
    super::crud::Crud,
    super::crud_report,
    super::crud_report::{CrudReader, CrudReport},
    super::crud_set::CrudSet,
    *,
};

#[tokio::test]
async fn crud_line_by_line_keeps_what_was_sold_once() {
    let (url, world) = (postgres_url(), World::drawn(1));
    let peer = Crud::open_as(&name("crud"), &url, &world).await.unwrap();
    let sales = sales(&world, 1);
    sell_all(&sales, Crud::CONCURRENCY, |number| peer.sell(&sales[number])).await;
    assert_sold(peer.database(), &world, &sales).await;
    peer.database().clone().discard(&url).await.unwrap();
}

#[tokio::test]
async fn crud_at_its_best_keeps_what_was_sold_once() {
    let (url, world) = (postgres_url(), World::drawn(1));
    let peer = CrudSet::open_as(&name("crud_set"), &url, &world).await.unwrap();
    let sales = sales(&world, 1);
    sell_all(&sales, CrudSet::CONCURRENCY, |number| peer.sell(&sales[number])).await;
    assert_sold(peer.database(), &world, &sales).await;
    peer.database().clone().discard(&url).await.unwrap();
}

#[tokio::test]
async fn reports_add_up_what_was_filled_in_and_sold() {
    let (url, world) = (postgres_url(), World::drawn(1));
    let peer = Arc::new(CrudReport::open_as(&name("crud_report"), &url, &world).await.unwrap());
    let (filled, lines) = peer.fill(&mut world.sales(1, DAY), 2_000).await.unwrap();
    assert!(lines >= 2_000);
    peer.settle().await.unwrap();
    let sold = sales(&world, 2);
    sell_all(&sold, CrudSet::CONCURRENCY, |number| peer.sell(&sold[number])).await;

    let mut first = world.sales(1, DAY);
    let all: Vec<Sale> = (0..filled).map(|_| first.next_sale()).chain(sold).collect();
    let store = all[0].store;
    let supplier = world.items[all[0].lines[0].item].supplier;
    let reader = CrudReader::open(Arc::clone(&peer)).await.unwrap();
    let report = reader.store_day(store, DAY).await.unwrap();
    assert_report(&report, &world, &all, |sale, _| sale.store == store);
    let report = reader.supplier_day(supplier, DAY).await.unwrap();
    assert_report(&report, &world, &all, |_, item| world.items[item].supplier == supplier);
    assert_eq!(reader.store_day(store, DAY.tomorrow().unwrap()).await.unwrap(), crud_report::Report::default());
    peer.tables().database().clone().discard(&url).await.unwrap();
}

fn assert_report(report: &crud_report::Report, world: &World, sales: &[Sale], counts: impl Fn(&Sale, usize) -> bool) {
    let keys = Keys::of(world).unwrap();
    let mut items: HashMap<i32, (i64, i64, i64)> = HashMap::new();
    for (sale, line) in sales.iter().flat_map(|sale| sale.lines.iter().map(move |line| (sale, line))) {
        if counts(sale, line.item) {
            let (lines, quantity, total) = items.entry(keys.items[line.item]).or_default();
            *lines += 1;
            *quantity += line.quantity_milli;
            *total += line.total_minor();
        }
    }
    let total = |figures: &crud_report::Figures| figures.gross_minor - figures.discount_minor + figures.tax_minor;
    let found: HashMap<_, _> = report
        .items
        .iter()
        .map(|(item, figures)| (*item, (figures.lines, figures.quantity_milli, total(figures))))
        .collect();
    assert_eq!(found, items);
    assert_eq!(report.total.lines, items.values().map(|item| item.0).sum::<i64>());
    assert_eq!(total(&report.total), items.values().map(|item| item.2).sum::<i64>());
}
