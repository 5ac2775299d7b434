//! Reading a metrics endpoint.

use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{
    Request, StatusCode, Uri,
    body::Bytes,
    client::conn::http1,
    header::{ACCEPT, HOST},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::Samples;
use crate::error::Error;

/// How long an endpoint may take. It answers from memory.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Largest answer: several times what a service has to say.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Reads the endpoint of one service, such as `http://127.0.0.1:9401`.
///
/// # Errors
/// If it does not answer, or not with metrics.
pub async fn scrape(endpoint: &str) -> Result<Samples, Error> {
    let failed = |why: String| Error::Unexpected(format!("the metrics at {endpoint} cannot be read: {why}"));
    match timeout(ANSWER_TIMEOUT, read(endpoint)).await {
        Ok(Ok(text)) => Samples::parse(&text).ok_or_else(|| failed("they are not in the format".to_owned())),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()))),
    }
}

async fn read(endpoint: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let with_scheme = if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") };
    let uri: Uri = with_scheme.parse()?;
    let authority = uri.authority().ok_or("it is not a URL such as http://127.0.0.1:9401")?;
    if uri.scheme_str() != Some("http") {
        return Err("it is not an http URL".into());
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the answer.
    let connection = tokio::spawn(connection);
    let path = if uri.path() == "/" { "/metrics" } else { uri.path() };
    let request = Request::get(path).header(HOST, authority.as_str()).header(ACCEPT, "application/openmetrics-text");
    let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    if response.status() != StatusCode::OK {
        return Err(format!("it answered {}", response.status()).into());
    }
    let body = Limited::new(response.into_body(), MAX_BYTES).collect().await?.to_bytes();
    connection.abort();
    Ok(String::from_utf8(body.to_vec())?)
}
