//! Calls that are safe to repeat: every call has a deadline, every command keeps its request id, and only what can be
//! repeated without doubling is repeated.

use std::{future::Future, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use thiserror::Error;
use tonic::{
    Code, Request, Response, Status,
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

pub use crate::credentials::{Bearer, CredentialError, Credentials};
use crate::{
    command::v1::{
        catalogue_service_client::CatalogueServiceClient, inventory_service_client::InventoryServiceClient,
        parking_service_client::ParkingServiceClient, sale_service_client::SaleServiceClient,
        table_service_client::TableServiceClient,
    },
    event::v1::event_log_service_client::EventLogServiceClient,
    query::v1::{
        category_day_service_client::CategoryDayServiceClient, projection_service_client::ProjectionServiceClient,
        stock_service_client::StockServiceClient, store_day_service_client::StoreDayServiceClient,
        supplier_day_service_client::SupplierDayServiceClient,
    },
};

/// Largest answer that a client takes: a page of the log may have 3 MiB and one event more.
pub const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// How long to wait for a TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A silent connection is probed so often, and given up when the probe is not answered in as long.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// How calls are made.
#[derive(Clone, Copy, Debug)]
pub struct CallPolicy {
    /// Deadline of one attempt; sent to the service.
    pub deadline: Duration,
    /// How often a call is tried in all.
    pub attempts: usize,
    /// Wait before the second attempt; it doubles, with jitter, up to `longest_wait`.
    pub first_wait: Duration,
    pub longest_wait: Duration,
}

impl Default for CallPolicy {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            attempts: 8,
            first_wait: Duration::from_millis(50),
            longest_wait: Duration::from_secs(5),
        }
    }
}

impl CallPolicy {
    /// Makes a call, and makes it again with the same message (so with the same request id) while that can help.
    ///
    /// # Errors
    /// The last status, if the call is refused or no attempt is left.
    pub async fn call<Req, Res, F, Fut>(&self, message: &Req, mut send: F) -> Result<Res, Status>
    where
        Req: Clone,
        F: FnMut(Request<Req>) -> Fut,
        Fut: Future<Output = Result<Response<Res>, Status>>,
    {
        let mut waits = self.waits();
        loop {
            let mut request = Request::new(message.clone());
            request.set_timeout(self.deadline);
            let status = match send(request).await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => status,
            };
            let Some(wait) = waits.next().filter(|_| is_worth_repeating(&status)) else { return Err(status) };
            tokio::time::sleep(wait.max(asked_wait(&status))).await;
        }
    }

    /// The waits between the attempts.
    pub fn waits(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        ExponentialBuilder::default()
            .with_min_delay(self.first_wait)
            .with_max_delay(self.longest_wait)
            .with_max_times(self.attempts.saturating_sub(1))
            .with_jitter()
            .build()
    }
}

/// True if the same command, with the same request id, may get another answer when it is sent again. That is never unsafe:
/// what was recorded answers as a duplicate.
#[must_use]
pub fn is_worth_repeating(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Aborted | Code::Cancelled => true,
        // hyper reports a connection that broke in the middle of a call as Unknown.
        Code::Unknown => std::error::Error::source(status).is_some(),
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => false,
    }
}

/// The wait that the service asked for (google.rpc.RetryInfo), or none.
#[must_use]
pub fn asked_wait(status: &Status) -> Duration {
    status.get_details_retry_info().and_then(|info| info.retry_delay).unwrap_or_default()
}

/// What calls are sent over: a channel, with the token on every call.
pub type Link = InterceptedService<Channel, Bearer>;

/// Why an endpoint cannot be used.
#[derive(Debug, Error)]
pub enum EndpointError {
    #[error("{0:?} is not a URL such as http://127.0.0.1:7401")]
    NoUrl(String),
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    #[error("TLS cannot be used with these files")]
    Tls(#[source] tonic::transport::Error),
}

/// A lazily connecting link to one service, such as `http://127.0.0.1:7401`, without credentials.
///
/// # Errors
/// If the endpoint is no URI.
pub fn channel(endpoint: &str) -> Result<Link, EndpointError> {
    link(endpoint, &Credentials::default())
}

/// A lazily connecting link to one service, such as `https://command.example:7401`.
///
/// # Errors
/// If the endpoint is no URI or the credentials cannot be used.
pub fn link(endpoint: &str, credentials: &Credentials) -> Result<Link, EndpointError> {
    let mut address =
        Endpoint::from_shared(endpoint.to_owned()).map_err(|_| EndpointError::NoUrl(endpoint.to_owned()))?;
    if address.uri().scheme_str() == Some("https") {
        address = address.tls_config(credentials.tls()?).map_err(EndpointError::Tls)?;
    }
    let channel = address
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true)
        .connect_lazy();
    Ok(InterceptedService::new(channel, credentials.bearer()?))
}

/// Clients of the command service.
#[derive(Clone, Debug)]
pub struct CommandClient {
    pub catalogue: CatalogueServiceClient<Link>,
    pub sales: SaleServiceClient<Link>,
    pub inventory: InventoryServiceClient<Link>,
    pub log: EventLogServiceClient<Link>,
    pub tables: TableServiceClient<Link>,
    pub parking: ParkingServiceClient<Link>,
}

impl CommandClient {
    /// Clients over one link.
    #[must_use]
    pub fn new(link: Link) -> Self {
        Self {
            catalogue: CatalogueServiceClient::new(link.clone()),
            sales: SaleServiceClient::new(link.clone()),
            inventory: InventoryServiceClient::new(link.clone()),
            log: EventLogServiceClient::new(link.clone()).max_decoding_message_size(MAX_ANSWER_BYTES),
            tables: TableServiceClient::new(link.clone()).max_decoding_message_size(MAX_ANSWER_BYTES),
            parking: ParkingServiceClient::new(link),
        }
    }
}

/// Clients of the query service.
#[derive(Clone, Debug)]
pub struct QueryClient {
    pub store_days: StoreDayServiceClient<Link>,
    pub supplier_days: SupplierDayServiceClient<Link>,
    pub stock: StockServiceClient<Link>,
    pub category_days: CategoryDayServiceClient<Link>,
    pub projection: ProjectionServiceClient<Link>,
}

impl QueryClient {
    /// Clients over one link.
    #[must_use]
    pub fn new(link: Link) -> Self {
        Self {
            store_days: StoreDayServiceClient::new(link.clone()).max_decoding_message_size(MAX_ANSWER_BYTES),
            supplier_days: SupplierDayServiceClient::new(link.clone()).max_decoding_message_size(MAX_ANSWER_BYTES),
            stock: StockServiceClient::new(link.clone()).max_decoding_message_size(MAX_ANSWER_BYTES),
            category_days: CategoryDayServiceClient::new(link.clone()).max_decoding_message_size(MAX_ANSWER_BYTES),
            projection: ProjectionServiceClient::new(link),
        }
    }
}
