//! Pages of any size and the stream give the same reports.

use daybook::{
    command::v1::RecordSaleRequest,
    query::v1::{
        DateRange, ListStockRequest, ListStoreDayItemsRequest, ListStoreDaysRequest, ListSupplierDaysRequest, Stock,
        StoreDay, StoreDayItem, StreamStoreDaysRequest, StreamSupplierDaysRequest, SupplierDay, SupplierDayItem,
        stream_store_days_response, stream_supplier_days_response,
    },
    reason,
};
use tonic::Code;

use crate::{
    given::{
        answer::{accepted_in, refused},
        catalogue::{self, BAKER, BERLIN, BREAD, CHEESE, FARMER, MILK, NEW_YORK},
        sale::Sale,
    },
    world::{in_world, whole::WholeWorld},
};

/// Four days in both stores, with one, two or three items.
async fn trade(world: &WholeWorld) -> i64 {
    let commands = world.commands();
    catalogue::register(&commands).await;
    let mut sales: Vec<RecordSaleRequest> = Vec::new();
    for day in 2..6 {
        for (store, hour) in [(NEW_YORK, 15), (BERLIN, 10)] {
            let sale = Sale::new("R-1").in_store(store).at(&format!("2017-01-0{day}T{hour}:00:00Z"));
            let items = [(BREAD, 250), (CHEESE, 299), (MILK, 89)];
            let sale = items.iter().take(1 + day % 3).fold(sale, |sale, (item, gross)| sale.line(item, 1_000, *gross));
            sales.push(sale.build());
        }
    }
    let outcomes = commands.upload(sales).await.expect("sales go in");
    outcomes.into_iter().map(|outcome| accepted_in(outcome).position).max().expect("several")
}

fn dates(from: &str, to: &str) -> Option<DateRange> {
    Some(DateRange { from_date: from.to_owned(), to_date: to.to_owned() })
}

async fn listed(world: &WholeWorld, request: ListStoreDaysRequest) -> Vec<StoreDay> {
    let (mut all, mut request) = (Vec::new(), request);
    loop {
        let page = world.queries().store_days.list_store_days(request.clone()).await.expect("a page").into_inner();
        assert!(request.page_size == 0 || page.store_days.len() <= usize::try_from(request.page_size).unwrap());
        all.extend(page.store_days);
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

async fn streamed(world: &WholeWorld, request: StreamStoreDaysRequest) -> Vec<(StoreDay, Vec<StoreDayItem>)> {
    let mut stream = world.queries().store_days.stream_store_days(request).await.expect("a stream").into_inner();
    let mut days: Vec<(StoreDay, Vec<StoreDayItem>)> = Vec::new();
    while let Some(message) = stream.message().await.expect("the stream goes on") {
        match message.part.expect("a part") {
            stream_store_days_response::Part::StoreDay(day) => days.push((day, Vec::new())),
            stream_store_days_response::Part::Items(page) => {
                days.last_mut().expect("items follow their day").1.extend(page.items);
            }
        }
    }
    days
}

fn by_id<T>(mut entries: Vec<T>, id: fn(&T) -> &str) -> Vec<T> {
    entries.sort_by(|one, other| id(one).cmp(id(other)));
    entries
}

#[test]
fn store_days_are_the_same_in_pages_of_any_size_and_streamed() {
    in_world(async |world| {
        let at_least_position = trade(world).await;
        let week =
            ListStoreDaysRequest { dates: dates("2017-01-01", "2017-01-31"), at_least_position, ..Default::default() };
        let whole = listed(world, week.clone()).await;
        let keys: Vec<_> = whole.iter().map(|day| (&*day.business_date, &*day.store_id)).collect();
        let expected: Vec<_> = ["2017-01-02", "2017-01-03", "2017-01-04", "2017-01-05"]
            .iter()
            .flat_map(|date| [(*date, NEW_YORK), (*date, BERLIN)])
            .collect();
        assert_eq!(keys, expected, "in order of date, then store");
        for page_size in [1, 2, 3, 8, 500, i32::MAX] {
            let pages = ListStoreDaysRequest { page_size, ..week.clone() };
            assert_eq!(listed(world, pages).await, whole, "pages of {page_size}");
        }
        let request = StreamStoreDaysRequest { dates: week.dates.clone(), at_least_position, ..Default::default() };
        let days: Vec<_> = streamed(world, request.clone()).await.into_iter().map(|(day, _)| day).collect();
        assert_eq!(days, whole);
        for (day, items) in streamed(world, StreamStoreDaysRequest { include_items: true, ..request }).await {
            let mut list = ListStoreDayItemsRequest {
                store_id: day.store_id.clone(),
                business_date: day.business_date.clone(),
                page_size: 1,
                ..Default::default()
            };
            let mut one_by_one = Vec::new();
            loop {
                let page = world.queries().store_days.list_store_day_items(list.clone()).await.unwrap().into_inner();
                assert!(page.items.len() <= 1);
                one_by_one.extend(page.items);
                if page.next_page_token.is_empty() {
                    break;
                }
                list.page_token = page.next_page_token;
            }
            assert!(!items.is_empty());
            assert_eq!(by_id(items, |item| &item.item_id), by_id(one_by_one, |item| &item.item_id));
        }
        let some = ListStoreDaysRequest {
            dates: dates("2017-01-03", "2017-01-04"),
            store_ids: vec![BERLIN.to_owned(), "nowhere".to_owned()],
            page_size: 1,
            ..week
        };
        let some = listed(world, some).await;
        let keys: Vec<_> = some.iter().map(|day| (&*day.business_date, &*day.store_id)).collect();
        assert_eq!(keys, [("2017-01-03", BERLIN), ("2017-01-04", BERLIN)]);
    });
}

#[test]
fn supplier_days_are_the_same_in_pages_of_any_size_and_streamed() {
    in_world(async |world| {
        let at_least_position = trade(world).await;
        let list = async |page_size| {
            let mut request = ListSupplierDaysRequest {
                dates: dates("2017-01-01", "2017-01-31"),
                page_size,
                at_least_position,
                ..Default::default()
            };
            let mut all: Vec<SupplierDay> = Vec::new();
            loop {
                let page = world.queries().supplier_days.list_supplier_days(request.clone()).await.unwrap();
                let page = page.into_inner();
                all.extend(page.supplier_days);
                if page.next_page_token.is_empty() {
                    return all;
                }
                request.page_token = page.next_page_token;
            }
        };
        let whole = list(0).await;
        let keys: Vec<_> = whole.iter().map(|day| (&*day.business_date, &*day.supplier_id)).collect();
        // On the third there is bread only.
        let expected = [
            ("2017-01-02", FARMER),
            ("2017-01-02", BAKER),
            ("2017-01-03", BAKER),
            ("2017-01-04", FARMER),
            ("2017-01-04", BAKER),
            ("2017-01-05", FARMER),
            ("2017-01-05", BAKER),
        ];
        assert_eq!(keys, expected);
        for page_size in [1, 2, 7, 500] {
            assert_eq!(list(page_size).await, whole, "pages of {page_size}");
        }
        let request = StreamSupplierDaysRequest {
            dates: dates("2017-01-01", "2017-01-31"),
            include_items: true,
            at_least_position,
            ..Default::default()
        };
        let mut stream = world.queries().supplier_days.stream_supplier_days(request).await.unwrap().into_inner();
        let (mut days, mut items): (Vec<SupplierDay>, Vec<SupplierDayItem>) = Default::default();
        while let Some(message) = stream.message().await.unwrap() {
            match message.part.unwrap() {
                stream_supplier_days_response::Part::SupplierDay(day) => days.push(day),
                stream_supplier_days_response::Part::Items(page) => items.extend(page.items),
            }
        }
        assert_eq!(days, whole);
        let net = |figures: &[daybook::query::v1::SupplierDayFigures]| -> i64 {
            figures.iter().map(|figures| figures.net_minor).sum()
        };
        let of_days: i64 = days.iter().map(|day| net(&day.figures)).sum();
        let of_items: i64 = items.iter().map(|item| net(&item.figures)).sum();
        assert_eq!((of_days, of_items), (4_150, 4_150), "eight sales: 8 loaves, 6 cheeses, 4 bottles");
    });
}

#[test]
fn stock_is_the_same_in_pages_of_any_size() {
    in_world(async |world| {
        let at_least_position = trade(world).await;
        let list = async |page_size| {
            let mut request = ListStockRequest { page_size, at_least_position, ..Default::default() };
            let mut all: Vec<Stock> = Vec::new();
            loop {
                let page = world.queries().stock.list_stock(request.clone()).await.unwrap().into_inner();
                all.extend(page.stock);
                if page.next_page_token.is_empty() {
                    return all;
                }
                request.page_token = page.next_page_token;
            }
        };
        let whole = list(0).await;
        assert_eq!(whole.len(), 6);
        assert!(whole.windows(2).all(|pair| pair[0].store_id <= pair[1].store_id), "by store");
        for page_size in [1, 2, 5, 1_000] {
            assert_eq!(list(page_size).await, whole, "pages of {page_size}");
        }
    });
}

#[test]
fn a_page_token_belongs_to_its_request() {
    in_world(async |world| {
        let position = trade(world).await;
        world.reported(position).await;
        let first =
            ListStoreDaysRequest { dates: dates("2017-01-01", "2017-01-31"), page_size: 1, ..Default::default() };
        let page = world.queries().store_days.list_store_days(first.clone()).await.unwrap().into_inner();
        let next = ListStoreDaysRequest { page_token: page.next_page_token, ..first };
        assert!(world.queries().store_days.list_store_days(next.clone()).await.is_ok());
        let other_dates = ListStoreDaysRequest { dates: dates("2017-01-01", "2017-01-30"), ..next.clone() };
        let other_stores = ListStoreDaysRequest { store_ids: vec![BERLIN.to_owned()], ..next.clone() };
        for other in [other_dates, other_stores] {
            let foreign = refused(world.queries().store_days.list_store_days(other).await);
            assert_eq!(foreign.why(), (Code::InvalidArgument, reason::INVALID_PAGE_TOKEN));
            assert_eq!(foreign.fields, ["page_token"]);
        }
    });
}
