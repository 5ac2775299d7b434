//! The upload against a service that fails on purpose.

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex},
};

use daybook::command::v1::{
    Accepted, BulkRegisterItemsRequest, BulkRegisterItemsResponse, BulkRegisterStoresRequest,
    BulkRegisterStoresResponse, BulkRegisterSuppliersRequest, BulkRegisterSuppliersResponse, ListItemsRequest,
    ListItemsResponse, ListStoresRequest, ListStoresResponse, ListSuppliersRequest, ListSuppliersResponse, Outcome,
    RegisterItemRequest, RegisterItemResponse, RegisterStoreRequest, RegisterStoreResponse, RegisterSupplierRequest,
    RegisterSupplierResponse,
    catalogue_service_server::{CatalogueService, CatalogueServiceServer},
};
use indicatif::ProgressBar;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Streaming};

use super::*;
use crate::{
    import::{catalogue, rejects::Rejects, summary::Summary, testing::directory},
    notices::Notices,
};

/// What the service does with one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Accepts,
    Rejects,
    PutsOff,
    BreaksOff,
    RefusesAll,
    AnswersAnother,
}

/// Registers suppliers as a script says, message by message; then accepts.
#[derive(Clone, Default)]
struct Scripted {
    script: Arc<Mutex<Vec<Does>>>,
    recorded: Arc<Mutex<Vec<String>>>,
    seen: Arc<Mutex<HashSet<String>>>,
}

impl Scripted {
    fn next(&self) -> Does {
        let mut script = self.script.lock().unwrap();
        if script.is_empty() { Does::Accepts } else { script.remove(0) }
    }

    fn record(&self, supplier: &RegisterSupplierRequest) -> Answered {
        let is_new = self.seen.lock().unwrap().insert(supplier.request_id.clone());
        let mut recorded = self.recorded.lock().unwrap();
        if is_new {
            recorded.push(supplier.supplier_id.clone());
        }
        let position = recorded.iter().position(|id| *id == supplier.supplier_id).unwrap() as i64 + 1;
        Answered::Accepted(Accepted { position, duplicate: !is_new, ..Accepted::default() })
    }
}

fn rejected(code: Code, retry_after_millis: i64) -> Answered {
    let (reason, message) = ("ALREADY_REGISTERED".to_owned(), "it is registered with other content".to_owned());
    Answered::Rejected(Rejection { code: code.into(), reason, message, violations: Vec::new(), retry_after_millis })
}

type Answers<T> = Result<Response<ReceiverStream<Result<T, Status>>>, Status>;

#[tonic::async_trait]
impl CatalogueService for Scripted {
    type BulkRegisterSuppliersStream = ReceiverStream<Result<BulkRegisterSuppliersResponse, Status>>;
    type BulkRegisterStoresStream = ReceiverStream<Result<BulkRegisterStoresResponse, Status>>;
    type BulkRegisterItemsStream = ReceiverStream<Result<BulkRegisterItemsResponse, Status>>;

    async fn bulk_register_suppliers(
        &self,
        request: Request<Streaming<BulkRegisterSuppliersRequest>>,
    ) -> Answers<BulkRegisterSuppliersResponse> {
        let (service, mut messages) = (self.clone(), request.into_inner());
        let (sender, answers) = mpsc::channel(4);
        tokio::spawn(async move {
            while let Some(Ok(message)) = messages.next().await {
                let supplier = message.supplier.unwrap();
                let mut request_id = supplier.request_id.clone();
                let result = match service.next() {
                    Does::Accepts => service.record(&supplier),
                    Does::Rejects => rejected(Code::AlreadyExists, 0),
                    Does::PutsOff => rejected(Code::ResourceExhausted, 5),
                    Does::BreaksOff => {
                        // Recorded, but the answer is lost.
                        service.record(&supplier);
                        let _ = sender.send(Err(Status::unavailable("going down"))).await;
                        return;
                    }
                    Does::RefusesAll => {
                        let _ = sender.send(Err(Status::permission_denied("not you"))).await;
                        return;
                    }
                    Does::AnswersAnother => {
                        request_id = "another".to_owned();
                        service.record(&supplier)
                    }
                };
                let outcome = Some(Outcome { request_id, result: Some(result) });
                if sender.send(Ok(BulkRegisterSuppliersResponse { outcome })).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(answers)))
    }

    async fn bulk_register_stores(
        &self,
        _: Request<Streaming<BulkRegisterStoresRequest>>,
    ) -> Answers<BulkRegisterStoresResponse> {
        Err(Status::unimplemented(""))
    }

    async fn bulk_register_items(
        &self,
        _: Request<Streaming<BulkRegisterItemsRequest>>,
    ) -> Answers<BulkRegisterItemsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn register_supplier(
        &self,
        _: Request<RegisterSupplierRequest>,
    ) -> Result<Response<RegisterSupplierResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn register_store(
        &self,
        _: Request<RegisterStoreRequest>,
    ) -> Result<Response<RegisterStoreResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn register_item(&self, _: Request<RegisterItemRequest>) -> Result<Response<RegisterItemResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_stores(&self, _: Request<ListStoresRequest>) -> Result<Response<ListStoresResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_items(&self, _: Request<ListItemsRequest>) -> Result<Response<ListItemsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_suppliers(
        &self,
        _: Request<ListSuppliersRequest>,
    ) -> Result<Response<ListSuppliersResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// Uploads so many suppliers to a service with that script; answers what it recorded and how the upload ended.
async fn uploaded(suppliers: usize, script: &[Does], patience: Duration) -> (Vec<String>, Result<Summary, Error>) {
    let service = Scripted { script: Arc::new(Mutex::new(script.to_vec())), ..Scripted::default() };
    let recorded = Arc::clone(&service.recorded);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder().add_service(CatalogueServiceServer::new(service));
    let serving = tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));

    let rows: String = (0..suppliers).map(|number| format!("s{number},name\n")).collect();
    let files = directory(&[("suppliers.csv", &format!("supplier_id,name\n{rows}"))]);
    let path = files.path().to_owned();
    let reading = Reading::start(move |sink| catalogue::suppliers(&path, &ProgressBar::hidden(), sink));
    let notices = Notices::kept();
    let rejects = Rejects::new(&files.path().join("rejects.csv"), &[], &notices).unwrap();
    let mut ledger = Ledger::new(rejects, 0, &notices);
    let client = CommandClient::new(daybook::client::channel(&endpoint).unwrap());
    let outcome = upload(&client, reading, &mut ledger, patience).await;
    let summary = ledger.finish();
    serving.abort();
    let recorded = recorded.lock().unwrap().clone();
    (recorded, outcome.and(summary))
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("s{number}")).collect()
}

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn more_than_is_in_flight_goes_in_in_order() {
    let count = 3 * Flight::<BulkRegisterSuppliersRequest>::MAX_MESSAGES;
    let (recorded, summary) = uploaded(count, &[], PATIENCE).await;
    assert_eq!(recorded, names(count));
    let summary = summary.unwrap();
    assert_eq!((summary.kinds[0].accepted, summary.last_position), (count as u64, count as i64));
}

#[tokio::test]
async fn a_broken_stream_is_taken_up_where_it_was() {
    use Does::{Accepts, BreaksOff};
    let script = [Accepts, BreaksOff, BreaksOff, Accepts, Accepts, BreaksOff];
    let (recorded, summary) = uploaded(300, &script, PATIENCE).await;
    assert_eq!(recorded, names(300));
    let summary = summary.unwrap();
    // Those whose first answer was lost were recorded by this import, so they are no duplicates.
    assert_eq!((summary.kinds[0].accepted, summary.kinds[0].duplicate), (300, 0));
}

#[tokio::test]
async fn what_is_put_off_is_sent_again() {
    use Does::{Accepts, PutsOff};
    let script = [Accepts, PutsOff, Accepts, PutsOff, PutsOff];
    let (mut recorded, summary) = uploaded(20, &script, PATIENCE).await;
    recorded.sort();
    let mut all = names(20);
    all.sort();
    assert_eq!(recorded, all);
    assert_eq!(summary.unwrap().kinds[0].accepted, 20);
}

#[tokio::test]
async fn a_rejected_command_does_not_stop_the_others() {
    let (recorded, summary) = uploaded(3, &[Does::Accepts, Does::Rejects], PATIENCE).await;
    assert_eq!(recorded, ["s0", "s2"]);
    let summary = summary.unwrap();
    assert_eq!((summary.kinds[0].accepted, summary.kinds[0].rejected), (2, 1));
    assert!(summary.rejects_file.is_some());
}

#[tokio::test]
async fn patience_has_an_end() {
    let (_, summary) = uploaded(3, &[Does::PutsOff; 50], Duration::from_millis(100)).await;
    let error = summary.unwrap_err();
    assert!(matches!(error, Error::GaveUp { .. }), "{error}");
    assert_eq!(error.exit_code(), 1);
}

#[tokio::test]
async fn a_refusal_of_the_stream_is_final() {
    let (recorded, summary) = uploaded(3, &[Does::RefusesAll], PATIENCE).await;
    assert!(recorded.is_empty());
    assert_eq!(summary.unwrap_err().to_string(), "the command service refused: not you");
}

#[tokio::test]
async fn an_answer_to_another_command_is_an_error() {
    let (_, summary) = uploaded(3, &[Does::Accepts, Does::AnswersAnother], PATIENCE).await;
    assert!(summary.unwrap_err().to_string().contains("answered \"another\" where"));
}

#[tokio::test]
async fn nothing_to_send_needs_no_service() {
    let notices = Notices::kept();
    let rejects = Rejects::new(Path::new("unused"), &[], &notices).unwrap();
    let mut ledger = Ledger::new(rejects, 0, &notices);
    let client = CommandClient::new(daybook::client::channel("http://127.0.0.1:1").unwrap());
    let reading = Reading::<BulkRegisterSuppliersRequest>::start(|_| Ok(()));
    upload(&client, reading, &mut ledger, PATIENCE).await.unwrap();
}
