//! The gRPC server of a process: limits, health, reflection, and a shutdown that keeps to its budget.

use std::{net::SocketAddr, time::Duration};

use http::Response;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{body::Body, service::Routes, transport::Server};
use tonic_web::GrpcWebLayer;
use tower::util::{MapResponseLayer, option_layer};
use tracing::{info, warn};

use crate::{BoxError, connection, door::Door, metrics::calls::Calls};

/// Largest request: a sale of 5,000 lines stays below 1 MiB.
pub const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// Streams that one connection may have open at once; further ones wait at the client.
const MAX_STREAMS_PER_CONNECTION: u32 = 512;

/// A connection that is silent for so long is probed, and closed if the probe is not answered in as long.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of headers that a call may carry.
const MAX_HEADER_BYTES: u32 = 16 * 1024;

/// Streams that a peer may open and reset before they were accepted, before the connection is closed.
const MAX_PENDING_RESETS: usize = 64;

/// Bytes that may be under way to a stream and to a connection before they are read.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// How long a shutdown may take in all: what is in hand is finished, then connections are dropped.
pub const SHUTDOWN_BUDGET: Duration = Duration::from_secs(10);

/// Takes an address; port 0 takes any free one.
///
/// # Errors
/// If the address is not free.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BoxError> {
    TcpListener::bind(address).await.map_err(|error| format!("{address} cannot be listened on: {error}").into())
}

/// Where a service is called, and where its numbers are read.
#[derive(Debug)]
pub struct Listeners {
    pub calls: TcpListener,
    /// None if nobody shall read them.
    pub metrics: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(calls: TcpListener) -> Self {
        Self { calls, metrics: None }
    }
}

impl Listeners {
    /// Takes both addresses.
    ///
    /// # Errors
    /// If one is not free.
    pub async fn bind(calls: SocketAddr, metrics: Option<SocketAddr>) -> Result<Self, BoxError> {
        let metrics = match metrics {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        Ok(Self { calls: bind(calls).await?, metrics })
    }
}

/// The service by which clients learn the contract from the process itself.
///
/// # Errors
/// If the descriptor set is broken.
pub fn add_reflection(routes: Routes, descriptor_set: &'static [u8]) -> Result<Routes, BoxError> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(descriptor_set)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    Ok(routes.add_service(builder().build_v1()?).add_service(builder().build_v1alpha()?))
}

/// Serves, and counts the calls, until the token is cancelled, then finishes what is in hand for at most the budget.
///
/// # Errors
/// If the transport fails.
pub async fn serve(
    listener: TcpListener,
    routes: Routes,
    door: Door,
    counted: Calls,
    shutdown: CancellationToken,
    budget: Duration,
) -> Result<(), BoxError> {
    let address = listener.local_addr()?;
    let encrypted = door.tls.is_some();
    let incoming = connection::accept(listener, door.tls, door.connections);
    let by_http1 = door.web.is_some();
    // Where no web page may call, no call is looked at, and no answer added to, for the sake of one.
    let web = option_layer(door.web.map(|cors| (cors, GrpcWebLayer::new())));
    let mut server = Server::builder()
        .accept_http1(by_http1)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(MAX_STREAMS_PER_CONNECTION)
        .layer(web)
        .layer(MapResponseLayer::new(|answer: Response<_>| answer.map(Body::new)))
        .layer(counted)
        .layer(door.guard);
    info!(%address, encrypted, "listening");
    let serving = server.add_routes(routes).serve_with_incoming_shutdown(incoming, shutdown.clone().cancelled_owned());
    let overrun = async {
        shutdown.cancelled().await;
        tokio::time::sleep(budget).await;
    };
    tokio::select! {
        result = serving => result.map_err(Into::into),
        () = overrun => {
            // A silent connection would hold a graceful shutdown for ever.
            warn!(budget_seconds = budget.as_secs(), "connections are still open after the shutdown budget: dropped");
            Ok(())
        }
    }
}
