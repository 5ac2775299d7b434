//! The export against services that break off in the middle.

#![allow(clippy::unwrap_used, reason = "what does not hold in a test fails it")]

use std::{
    fs,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use daybook::{
    business_day::parse_date,
    query::v1::{
        AsOf, DateRange, GetProjectionStatusRequest, GetProjectionStatusResponse, GetStockRequest, GetStockResponse,
        GetStoreDayRequest, GetStoreDayResponse, GetSupplierDayRequest, GetSupplierDayResponse, ListStockRequest,
        ListStockResponse, ListStoreDayItemsRequest, ListStoreDayItemsResponse, ListStoreDaysRequest,
        ListStoreDaysResponse, ListSupplierDayItemsRequest, ListSupplierDayItemsResponse, ListSupplierDayStoresRequest,
        ListSupplierDayStoresResponse, ListSupplierDaysRequest, ListSupplierDaysResponse, Stock, StoreDay,
        StoreDayItem, StoreDayItemPage, StreamStoreDaysRequest, StreamStoreDaysResponse, StreamSupplierDaysRequest,
        StreamSupplierDaysResponse, SupplierDay, SupplierDayFigures,
        projection_service_server::{ProjectionService, ProjectionServiceServer},
        stock_service_server::{StockService, StockServiceServer},
        store_day_service_server::{StoreDayService, StoreDayServiceServer},
        stream_store_days_response, stream_supplier_days_response,
        supplier_day_service_server::{SupplierDayService, SupplierDayServiceServer},
    },
};
use daybook_operator::{
    Endpoints, Error, Notices,
    export::{ExportOptions, ExportSummary, export},
};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_stream::{Stream, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status};

/// The days that the service has: each store, with two items.
const DAYS: [(&str, &str); 4] =
    [("2017-01-02", "154"), ("2017-01-02", "286"), ("2017-01-03", "154"), ("2017-01-03", "286")];

/// A query service that breaks the stream of store-days after so many messages, so many times.
#[derive(Clone, Default)]
struct Fragile {
    breaks_left: Arc<AtomicU32>,
    break_after: usize,
    /// Currencies of the one supplier-day.
    currencies: Vec<String>,
    ranges: Arc<Mutex<Vec<DateRange>>>,
    projection_asked: Arc<AtomicU32>,
}

fn missing<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not of this test"))
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn covers(dates: &DateRange, date: &str) -> bool {
    dates.from_date.as_str() <= date && date <= dates.to_date.as_str()
}

#[tonic::async_trait]
impl StoreDayService for Fragile {
    type StreamStoreDaysStream = Answers<StreamStoreDaysResponse>;

    async fn get_store_day(&self, _: Request<GetStoreDayRequest>) -> Result<Response<GetStoreDayResponse>, Status> {
        missing()
    }

    async fn list_store_days(
        &self,
        _: Request<ListStoreDaysRequest>,
    ) -> Result<Response<ListStoreDaysResponse>, Status> {
        missing()
    }

    async fn list_store_day_items(
        &self,
        _: Request<ListStoreDayItemsRequest>,
    ) -> Result<Response<ListStoreDayItemsResponse>, Status> {
        missing()
    }

    async fn stream_store_days(
        &self,
        request: Request<StreamStoreDaysRequest>,
    ) -> Result<Response<Self::StreamStoreDaysStream>, Status> {
        let dates = request.into_inner().dates.unwrap();
        let mut answers = Vec::new();
        for (date, store_id) in DAYS.iter().filter(|(date, _)| covers(&dates, date)) {
            let day = StoreDay {
                store_id: (*store_id).into(),
                business_date: (*date).into(),
                currency_code: "USD".into(),
                ..StoreDay::default()
            };
            answers.push(Ok(stream_store_days_response::Part::StoreDay(day)));
            for item_id in ["b", "a"] {
                let item = StoreDayItem { item_id: item_id.into(), quantity_sold_milli: 9_530, ..Default::default() };
                let page = StoreDayItemPage { items: vec![item] };
                answers.push(Ok(stream_store_days_response::Part::Items(page)));
            }
        }
        self.ranges.lock().unwrap().push(dates);
        let may_break = !answers.is_empty() && self.breaks_left.load(Ordering::Relaxed) > 0;
        if may_break {
            self.breaks_left.fetch_sub(1, Ordering::Relaxed);
            answers.truncate(self.break_after);
            answers.push(Err(Status::unavailable("going down")));
        }
        let answers =
            answers.into_iter().map(|part| part.map(|part| StreamStoreDaysResponse { part: Some(part), as_of: None }));
        Ok(Response::new(Box::pin(tokio_stream::iter(answers.collect::<Vec<_>>()))))
    }
}

#[tonic::async_trait]
impl SupplierDayService for Fragile {
    type StreamSupplierDaysStream = Answers<StreamSupplierDaysResponse>;

    async fn get_supplier_day(
        &self,
        _: Request<GetSupplierDayRequest>,
    ) -> Result<Response<GetSupplierDayResponse>, Status> {
        missing()
    }

    async fn list_supplier_days(
        &self,
        _: Request<ListSupplierDaysRequest>,
    ) -> Result<Response<ListSupplierDaysResponse>, Status> {
        missing()
    }

    async fn list_supplier_day_items(
        &self,
        _: Request<ListSupplierDayItemsRequest>,
    ) -> Result<Response<ListSupplierDayItemsResponse>, Status> {
        missing()
    }

    async fn list_supplier_day_stores(
        &self,
        _: Request<ListSupplierDayStoresRequest>,
    ) -> Result<Response<ListSupplierDayStoresResponse>, Status> {
        missing()
    }

    async fn stream_supplier_days(
        &self,
        request: Request<StreamSupplierDaysRequest>,
    ) -> Result<Response<Self::StreamSupplierDaysStream>, Status> {
        let dates = request.into_inner().dates.unwrap();
        let figures =
            |code: &String| SupplierDayFigures { currency_code: code.clone(), ..SupplierDayFigures::default() };
        let day = SupplierDay {
            supplier_id: "69".into(),
            business_date: "2017-01-02".into(),
            figures: self.currencies.iter().map(figures).collect(),
            ..SupplierDay::default()
        };
        let part = covers(&dates, "2017-01-02").then_some(stream_supplier_days_response::Part::SupplierDay(day));
        let answers: Vec<_> =
            part.into_iter().map(|part| Ok(StreamSupplierDaysResponse { part: Some(part), as_of: None })).collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(answers))))
    }
}

#[tonic::async_trait]
impl StockService for Fragile {
    async fn get_stock(&self, _: Request<GetStockRequest>) -> Result<Response<GetStockResponse>, Status> {
        missing()
    }

    async fn list_stock(&self, request: Request<ListStockRequest>) -> Result<Response<ListStockResponse>, Status> {
        let is_first = request.into_inner().page_token.is_empty();
        let (item, next) = if is_first { ("1", "more") } else { ("2", "") };
        let stock = Stock { store_id: "154".into(), item_id: item.into(), on_hand_milli: -2_500, ..Stock::default() };
        Ok(Response::new(ListStockResponse { stock: vec![stock], next_page_token: next.into(), as_of: None }))
    }
}

#[tonic::async_trait]
impl ProjectionService for Fragile {
    /// The reports reach position 42 at the third question.
    async fn get_projection_status(
        &self,
        request: Request<GetProjectionStatusRequest>,
    ) -> Result<Response<GetProjectionStatusResponse>, Status> {
        let asked = i64::from(self.projection_asked.fetch_add(1, Ordering::Relaxed));
        let position = 40 + asked;
        if request.into_inner().at_least_position > position {
            return Err(Status::deadline_exceeded("not yet"));
        }
        let as_of = Some(AsOf { position, recorded_at: None });
        Ok(Response::new(GetProjectionStatusResponse { as_of, generation: 1, ..Default::default() }))
    }
}

struct Exported {
    directory: TempDir,
    outcome: Result<ExportSummary, Error>,
    ranges: Vec<DateRange>,
}

impl Exported {
    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.directory.path().join(file)).unwrap()
    }
}

async fn exported(service: Fragile) -> Exported {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder()
        .add_service(StoreDayServiceServer::new(service.clone()))
        .add_service(SupplierDayServiceServer::new(service.clone()))
        .add_service(StockServiceServer::new(service.clone()))
        .add_service(ProjectionServiceServer::new(service.clone()));
    let serving = tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let directory = tempfile::tempdir().unwrap();
    let endpoints = Endpoints { query: Some(endpoint), ..Endpoints::default() };
    let options = ExportOptions {
        at_least_position: Some(42),
        patience: Duration::from_secs(10),
        ..ExportOptions::to(directory.path())
    };
    let outcome = export(&endpoints, &options, &Notices::kept()).await;
    serving.abort();
    let ranges = service.ranges.lock().unwrap().clone();
    Exported { directory, outcome, ranges }
}

fn usd() -> Vec<String> {
    vec!["USD".to_owned()]
}

#[tokio::test]
async fn an_export_is_complete_however_often_the_stream_breaks() {
    let whole = exported(Fragile { currencies: usd(), ..Fragile::default() }).await;
    let days = whole.text("store_days.csv");
    assert_eq!(days.lines().count(), 1 + DAYS.len());
    assert!(days.starts_with("store_id,business_date,transactions,"));
    let items = whole.text("store_day_items.csv");
    assert_eq!(items.lines().nth(1), Some("154,2017-01-02,a,9.53,0.00,0.00,0.00,0"));
    assert_eq!(whole.text("stock.csv"), "store_id,item_id,on_hand\n154,1,-2.5\n154,2,-2.5\n");
    let summary = whole.outcome.as_ref().unwrap();
    let rows: Vec<_> = summary.files.iter().map(|file| (file.file, file.rows)).collect();
    let all = [
        ("store_days.csv", 4),
        ("store_day_items.csv", 8),
        ("supplier_days.csv", 1),
        ("supplier_day_items.csv", 0),
        ("stock.csv", 2),
    ];
    assert_eq!((rows.as_slice(), summary.position), (all.as_slice(), 42));

    let mut all_broken = JoinSet::new();
    for break_after in 0..11 {
        let breaks_left = Arc::new(AtomicU32::new(3));
        all_broken.spawn(exported(Fragile { breaks_left, break_after, currencies: usd(), ..Fragile::default() }));
    }
    while let Some(broken) = all_broken.join_next().await {
        let broken = broken.unwrap();
        assert!(broken.outcome.is_ok(), "{:?}", broken.outcome);
        assert_eq!(broken.text("store_days.csv"), days);
        assert_eq!(broken.text("store_day_items.csv"), items);
    }
}

#[tokio::test]
async fn ranges_are_as_long_as_the_api_takes_them() {
    let exported = exported(Fragile { currencies: usd(), ..Fragile::default() }).await;
    assert!(exported.ranges.len() > 10);
    for range in &exported.ranges {
        let (from, to) = (parse_date(&range.from_date).unwrap(), parse_date(&range.to_date).unwrap());
        assert!(from.until(to).unwrap().get_days() <= 3_660, "{range:?}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_completed_is_not_there() {
    let currencies = vec!["CAD".to_owned(), "USD".to_owned()];
    let exported = exported(Fragile { currencies, ..Fragile::default() }).await;
    let error = exported.outcome.unwrap_err().to_string();
    assert!(error.starts_with("supplier 69 has figures in 2 currencies (CAD, USD) on 2017-01-02"), "{error}");
    let mut names: Vec<_> =
        fs::read_dir(exported.directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["store_day_items.csv", "store_days.csv"]);
}
