//! A day with far more items than one document holds.

use std::collections::BTreeMap;

use daybook::{
    client::QueryClient,
    command::v1::BulkRegisterItemsRequest,
    query::v1::{
        DateRange, GetStockRequest, ListStoreDayItemsRequest, ListSupplierDayItemsRequest, StoreDayItem,
        StreamStoreDaysRequest, StreamSupplierDaysRequest, stream_store_days_response, stream_supplier_days_response,
    },
};

use tokio::time::timeout;

use super::{
    recent::{following, stopped},
    scenario::DAY,
    store_day::store_day,
    supplier_day::supplier_day,
};
use crate::{
    given::{
        answer::accepted_in,
        catalogue::{self, BAKER, NEW_YORK},
        goods::{delivery, with_goods},
        sale::Sale,
    },
    world::{in_world, until::PATIENCE, whole::WholeWorld},
};

/// Items that are sold on the day: some hundred more than one document holds.
const ITEMS: i64 = 4_500;

/// What the query service folds in for a page of a list, at most.
const FOLDED_EVENTS: usize = 1_000;

/// How often the day is seen to have grown while it is streamed and traded on.
const GROWTHS: usize = 4;

fn id(nth: i64) -> String {
    format!("ITEM-{nth:05}")
}

/// Sells every item, each in a quantity and at a price of its own, twenty on a receipt; every tenth on two receipts.
async fn trade(world: &WholeWorld) -> i64 {
    register(world).await;
    sell(world, "R", (0..ITEMS).chain((0..ITEMS).filter(|nth| nth % 10 == 0))).await;
    deliver(world).await
}

async fn register(world: &WholeWorld) {
    catalogue::register(&world.commands()).await;
    let items = (0..ITEMS).map(|nth| BulkRegisterItemsRequest {
        item: Some(catalogue::item(&id(nth), BAKER, &format!("C-{}", nth % 7), "EA", 0)),
    });
    let stream = tokio_stream::iter(items.collect::<Vec<_>>());
    let mut answers = world.client().catalogue.bulk_register_items(stream).await.unwrap().into_inner();
    while let Some(answer) = answers.message().await.unwrap() {
        accepted_in(answer.outcome.unwrap());
    }
}

async fn sell(world: &WholeWorld, receipts: &str, items: impl Iterator<Item = i64>) {
    let mut sales = Vec::new();
    let sold: Vec<i64> = items.collect();
    for (number, on_receipt) in sold.chunks(20).enumerate() {
        let sale = on_receipt.iter().fold(Sale::new(&format!("{receipts}-{number}")), |sale, nth| {
            sale.line(&id(*nth), 1_000 * (1 + nth % 3), 100 + nth)
        });
        sales.push(sale.build());
    }
    for outcome in world.commands().upload(sales).await.expect("sales go in") {
        accepted_in(outcome);
    }
}

/// Delivers every item.
async fn deliver(world: &WholeWorld) -> i64 {
    let goods = (0..ITEMS).fold(delivery(BAKER, "D-1"), |goods, nth| with_goods(goods, &id(nth), 9_000, 0, 7));
    world.commands().deliver(goods).await.expect("a delivery").position
}

async fn listed_items(queries: &QueryClient, page_size: i32, position: i64) -> BTreeMap<String, StoreDayItem> {
    let mut request = ListStoreDayItemsRequest {
        store_id: NEW_YORK.to_owned(),
        business_date: DAY.to_owned(),
        page_size,
        at_least_position: position,
        ..Default::default()
    };
    let mut all = BTreeMap::new();
    loop {
        let page = queries.store_days.clone().list_store_day_items(request.clone()).await.unwrap().into_inner();
        assert!(page.items.len() <= usize::try_from(page_size).unwrap());
        for item in page.items {
            assert!(all.insert(item.item_id.clone(), item).is_none(), "each item once");
        }
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

#[test]
fn the_items_of_a_large_day_are_listed_as_new_as_the_log() {
    in_world(async |world| {
        register(world).await;
        let few = 2_000;
        sell(world, "R", 0..few).await;
        world.reported(world.head().await).await;
        stopped(&world.projector).await;
        let stored = world.another_query_of_documents_only().await;

        // The day has no pages yet: they begin with these sales.
        sell(world, "S", few..ITEMS - 100).await;
        let delivered = deliver(world).await;
        following(world, delivered).await;
        let first = listed_items(&world.queries(), 1_000, 0).await;
        assert_eq!(first.len(), usize::try_from(ITEMS).unwrap());
        assert!(first.values().all(|item| item.quantity_received_milli == 9_000));
        assert_eq!(first.values().map(|item| item.transactions).sum::<i64>(), ITEMS - 100);
        assert_eq!(listed_items(&world.queries(), 137, 0).await, first);
        let projector = world.another_projector().await;
        let documents = QueryClient::new(stored.channel());
        assert_eq!(listed_items(&documents, 1_000, delivered).await, first);

        // It has pages, and items in the head and on them change.
        world.reported(delivered).await;
        stopped(&projector).await;
        sell(world, "T", (0..ITEMS).step_by(7)).await;
        let sold = world.head().await;
        following(world, sold).await;
        let second = listed_items(&world.queries(), 1_000, 0).await;
        assert_eq!(listed_items(&world.queries(), 137, 0).await, second);
        let grown = |(id, item): (&String, &StoreDayItem)| item.transactions - first[id].transactions;
        let grown: Vec<i64> = second.iter().map(grown).collect();
        let expected: Vec<i64> = (0..ITEMS).map(|nth| i64::from(nth % 7 == 0)).collect();
        assert_eq!(grown, expected);
        let projector_again = world.another_projector().await;
        assert_eq!(listed_items(&documents, 1_000, sold).await, second);
        for service in [projector, projector_again, stored] {
            service.stop().await.unwrap();
        }
    });
}

#[test]
fn a_large_day_of_which_too_much_is_not_stored_is_listed_as_it_is_stored() {
    in_world(async |world| {
        let position = trade(world).await;
        let before = listed_items(&world.queries(), 1_000, position).await;
        world.reported(position).await;
        stopped(&world.projector).await;
        let sales =
            (0..FOLDED_EVENTS + 1).map(|number| Sale::new(&format!("L-{number}")).line(&id(7), 1_000, 100).build());
        for outcome in world.commands().upload(sales.collect()).await.expect("sales go in") {
            accepted_in(outcome);
        }
        following(world, world.head().await).await;
        assert_eq!(listed_items(&world.queries(), 1_000, 0).await, before);
    });
}

#[test]
fn a_day_with_more_items_than_a_document_holds_is_served_whole_and_equals_its_sums() {
    in_world(async |world| {
        let position = trade(world).await;
        let day = store_day(world, NEW_YORK, position).await;
        let items = listed_items(&world.queries(), 1_000, position).await;
        assert_eq!(items.len(), usize::try_from(ITEMS).unwrap());
        assert_eq!(listed_items(&world.queries(), 137, position).await, items);
        for nth in 0..ITEMS {
            let item = &items[&id(nth)];
            let times = if nth % 10 == 0 { 2 } else { 1 };
            let found = (item.transactions, item.quantity_sold_milli, item.gross_minor, item.net_minor);
            assert_eq!(found, (times, times * 1_000 * (1 + nth % 3), times * (100 + nth), times * (100 + nth)));
            assert_eq!((item.quantity_received_milli, item.received_cost_minor), (9_000, 63));
            assert_eq!(item.category, format!("C-{}", nth % 7));
        }
        let sales = day.sales.unwrap();
        let sum = |figure: fn(&StoreDayItem) -> i64| items.values().map(figure).sum::<i64>();
        assert_eq!(sales.lines, ITEMS + ITEMS / 10);
        assert_eq!(sales.quantity_milli, sum(|item| item.quantity_sold_milli));
        assert_eq!((sales.gross_minor, sales.net_minor), (sum(|item| item.gross_minor), sum(|item| item.net_minor)));
        assert_eq!(day.receiving.unwrap().received_cost_minor, ITEMS * 63);
        let by_category: i64 = day.categories.iter().map(|row| row.sales.unwrap().net_minor).sum();
        assert_eq!((day.categories.len(), by_category), (7, sales.net_minor));

        let dates = Some(DateRange { from_date: DAY.to_owned(), to_date: DAY.to_owned() });
        let request =
            StreamStoreDaysRequest { dates, include_items: true, at_least_position: position, ..Default::default() };
        let mut stream = world.queries().store_days.stream_store_days(request).await.unwrap().into_inner();
        let mut streamed = BTreeMap::new();
        while let Some(message) = stream.message().await.unwrap() {
            if let Some(stream_store_days_response::Part::Items(page)) = message.part {
                assert!(page.items.len() <= 1_000);
                streamed.extend(page.items.into_iter().map(|item| (item.item_id.clone(), item)));
            }
        }
        assert_eq!(streamed, items);
    });
}

#[test]
fn the_supplier_of_all_these_items_has_them_on_his_day() {
    in_world(async |world| {
        let position = trade(world).await;
        let day = supplier_day(world, BAKER, position).await;
        let mut request = ListSupplierDayItemsRequest {
            supplier_id: BAKER.to_owned(),
            business_date: DAY.to_owned(),
            page_size: 1_000,
            ..Default::default()
        };
        let mut items = BTreeMap::new();
        loop {
            let page = world.queries().supplier_days.list_supplier_day_items(request.clone()).await.unwrap();
            let page = page.into_inner();
            for item in page.items {
                let [figures] = item.figures.as_slice() else { panic!("one currency: {item:?}") };
                assert!(items.insert(item.item_id.clone(), figures.clone()).is_none(), "each item once");
            }
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        assert_eq!(items.len(), usize::try_from(ITEMS).unwrap());
        let [total] = day.figures.as_slice() else { panic!("one currency: {day:?}") };
        assert_eq!(total.lines_sold, items.values().map(|item| item.lines_sold).sum::<i64>());
        assert_eq!(total.net_minor, items.values().map(|item| item.net_minor).sum::<i64>());
        assert_eq!((total.deliveries, total.received_cost_minor), (1, ITEMS * 63));
        for nth in [0, 1, ITEMS / 2, ITEMS - 1] {
            let (store_id, item_id) = (NEW_YORK.to_owned(), id(nth));
            let request = GetStockRequest { store_id, item_id, at_least_position: position };
            let stock = world.queries().stock.get_stock(request).await.unwrap().into_inner().stock.unwrap();
            let times = if nth % 10 == 0 { 2 } else { 1 };
            assert_eq!(stock.on_hand_milli, 9_000 - times * 1_000 * (1 + nth % 3));
        }
    });
}

/// The lines that were sold as the day says, and as its items say, from one stream.
async fn streamed_lines(world: &WholeWorld) -> (i64, i64) {
    let dates = Some(DateRange { from_date: DAY.to_owned(), to_date: DAY.to_owned() });
    let request = StreamSupplierDaysRequest {
        dates,
        supplier_ids: vec![BAKER.to_owned()],
        include_items: true,
        ..Default::default()
    };
    let mut stream = world.queries().supplier_days.stream_supplier_days(request).await.unwrap().into_inner();
    let (mut of_day, mut of_items) = (0, 0);
    while let Some(message) = stream.message().await.expect("a day that is written can be read") {
        match message.part {
            Some(stream_supplier_days_response::Part::SupplierDay(day)) => {
                of_day += day.figures.iter().map(|figures| figures.lines_sold).sum::<i64>();
            }
            Some(stream_supplier_days_response::Part::Items(page)) => {
                let figures = page.items.iter().flat_map(|item| &item.figures);
                of_items += figures.map(|figures| figures.lines_sold).sum::<i64>();
            }
            None => panic!("a message says something"),
        }
    }
    (of_day, of_items)
}

#[test]
fn a_day_that_is_traded_on_all_the_time_is_streamed_whole() {
    in_world(async |world| {
        let position = trade(world).await;
        supplier_day(world, BAKER, position).await;
        let commands = world.commands();
        // Items in the head and on pages, at a pace at which the projector never has nothing to write.
        let trading = async {
            for number in 0.. {
                let sale = Sale::new(&format!("L-{number}")).line(&id(number * 7 % ITEMS), 1_000, 100);
                commands.sell(sale.build()).await.expect("a sale");
            }
        };
        let reading = async {
            let (mut last, mut grown) = (0, 0);
            while grown < GROWTHS {
                let (of_day, of_items) = streamed_lines(world).await;
                assert_eq!(of_day, of_items);
                assert!(of_day >= last, "{of_day} lines after {last}");
                grown += usize::from(of_day > last);
                last = of_day;
            }
        };
        tokio::select! {
            () = trading => panic!("trading does not end"),
            read = timeout(PATIENCE, reading) => read.expect("what is sold comes into the day"),
        }
    });
}
