//! A unary call of a sale whose handler does nothing, over the loopback interface.

use std::{net::Ipv4Addr, thread, time::Duration};

use daybook::access;
use daybook::command::v1::{
    Accepted, RecordReturnRequest, RecordReturnResponse, RecordSaleRequest, RecordSaleResponse, UploadSalesRequest,
    UploadSalesResponse, VoidSaleRequest, VoidSaleResponse,
    sale_service_client::SaleServiceClient,
    sale_service_server::{SaleService, SaleServiceServer},
};
use daybook_chassis::{
    BoxError, CancellationToken,
    access::Policy,
    door::{Door, DoorConfig},
    metrics::calls::Calls,
};
use futures_util::stream::Empty;
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status, Streaming,
    service::Routes,
    transport::{Channel, Endpoint},
};

/// How long what is in hand may take when the server is closed.
const CLOSING_BUDGET: Duration = Duration::from_secs(1);

/// Threads of the server, as a service has on two cores.
const SERVER_THREADS: usize = 2;

/// A server in threads of its own, and a connection to it. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct BareCall {
    client: SaleServiceClient<Channel>,
    closing: CancellationToken,
    server: Option<thread::JoinHandle<Result<(), BoxError>>>,
}

impl BareCall {
    /// Calls that are made at once, as in the target for unary sales.
    pub(crate) const CONCURRENCY: usize = 64;

    /// Starts the server and connects to it.
    pub(crate) async fn open() -> Result<Self, BoxError> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let closing = CancellationToken::new();
        let until = closing.clone();
        let server = thread::Builder::new().name("bare-server".to_owned()).spawn(move || serve(listener, until))?;
        let channel = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true).connect().await?;
        Ok(Self { client: SaleServiceClient::new(channel), closing, server: Some(server) })
    }

    /// Makes one call.
    pub(crate) async fn call(&self, message: RecordSaleRequest) -> Result<Accepted, BoxError> {
        let answer = self.client.clone().record_sale(message).await?.into_inner();
        answer.accepted.ok_or_else(|| "the answer is empty".into())
    }
}

impl Drop for BareCall {
    fn drop(&mut self) {
        self.closing.cancel();
        if let Some(server) = self.server.take() {
            // Its end is waited for, so that it takes no time from what is measured next.
            drop(server.join());
        }
    }
}

/// Serves as Daybook's own services do.
fn serve(listener: std::net::TcpListener, until: CancellationToken) -> Result<(), BoxError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(SERVER_THREADS).enable_all().build()?;
    runtime.block_on(async {
        let routes = Routes::new(SaleServiceServer::new(Nothing));
        let policy =
            Policy { methods: access::methods(), scopes: access::SCOPES, whole: access::WHOLE, kinds: access::KINDS };
        let door = Door::open(&DoorConfig::default(), listener.local_addr()?, &policy)?;
        let (listener, counted) = (TcpListener::from_std(listener)?, Calls::default());
        daybook_chassis::server::serve(listener, routes, door, counted, until, CLOSING_BUDGET).await
    })
}

/// Answers as if a sale had been recorded.
#[derive(Debug)]
struct Nothing;

#[tonic::async_trait]
impl SaleService for Nothing {
    async fn record_sale(&self, _: Request<RecordSaleRequest>) -> Result<Response<RecordSaleResponse>, Status> {
        let accepted = Accepted { position: 1, ..Default::default() };
        Ok(Response::new(RecordSaleResponse { accepted: Some(accepted) }))
    }

    type UploadSalesStream = Empty<Result<UploadSalesResponse, Status>>;

    async fn upload_sales(
        &self,
        _: Request<Streaming<UploadSalesRequest>>,
    ) -> Result<Response<Self::UploadSalesStream>, Status> {
        Err(Status::unimplemented("only single sales"))
    }

    async fn void_sale(&self, _: Request<VoidSaleRequest>) -> Result<Response<VoidSaleResponse>, Status> {
        Err(Status::unimplemented("only sales"))
    }

    async fn record_return(&self, _: Request<RecordReturnRequest>) -> Result<Response<RecordReturnResponse>, Status> {
        Err(Status::unimplemented("only sales"))
    }
}
