//! The HTTP endpoint that Prometheus reads. It tells how things are and nothing of what is in the log; like any such
//! endpoint it belongs on an address that only operators reach.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::Metrics;
use crate::BoxError;

/// Where the numbers are.
const PATH: &str = "/metrics";

/// The format of the answer.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Readers at once: some Prometheus servers and an operator. Further ones wait for their turn.
const CONNECTIONS: usize = 8;

/// How long a reader may take for its request, and for everything. One answer a connection, so no reader holds its place.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes and number of headers that a request may have.
const MAX_HEADER_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// Wait after a connection could not be taken, for want of file descriptors most likely.
const ACCEPT_WAIT: Duration = Duration::from_millis(100);

/// Serves until the token is cancelled.
///
/// # Errors
/// None: a connection that fails is the reader's loss.
pub async fn serve(listener: TcpListener, metrics: Metrics, shutdown: CancellationToken) -> Result<(), BoxError> {
    info!(address = %listener.local_addr()?, "metrics can be read");
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accept = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            accepted = accept => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (metrics, shutdown) = (metrics.clone(), shutdown.clone());
                tokio::spawn(async move {
                    let _place = place;
                    tokio::select! {
                        () = answer(stream, metrics) => {}
                        () = shutdown.cancelled() => {}
                    }
                });
            }
            Err(error) => {
                warn!(error = %error, "a reader of the metrics could not be taken");
                tokio::time::sleep(ACCEPT_WAIT).await;
            }
        }
    }
}

/// Answers one request.
async fn answer(stream: TcpStream, metrics: Metrics) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = respond(request.method(), request.uri().path(), &metrics);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(error = %error, "a reader of the metrics was not answered"),
        Err(_) => debug!("a reader of the metrics took too long"),
    }
}

fn respond(method: &Method, path: &str, metrics: &Metrics) -> Response<Full<Bytes>> {
    let plain = |status, text: &'static str| {
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        response
    };
    if path != PATH {
        return plain(StatusCode::NOT_FOUND, "the numbers are at /metrics\n");
    }
    if method != Method::GET && method != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "they can only be read\n");
    }
    let Ok(text) = metrics.text() else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "the numbers cannot be written\n");
    };
    let mut response = Response::new(Full::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(CONTENT_TYPE));
    response
}

#[cfg(test)]
mod tests;
