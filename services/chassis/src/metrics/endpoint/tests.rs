//! The endpoint over real connections.

use std::{net::SocketAddr, time::UNIX_EPOCH};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::metrics::{Refused, Shed, certificate_expires, refused, shed};

/// How long a test waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

async fn start() -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<Result<(), BoxError>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let metrics = Metrics::new("test", &[]).unwrap();
    (address, shutdown.clone(), tokio::spawn(serve(listener, metrics, shutdown)))
}

/// Sends something and reads all that is answered.
async fn answer_to(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an answer in time").unwrap();
    answer
}

#[tokio::test]
async fn the_numbers_are_read_over_http() {
    refused(Refused::Scope);
    shed(Shed::Caller);
    certificate_expires(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let (address, shutdown, serving) = start().await;
    let answer = answer_to(address, "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains(CONTENT_TYPE), "{head}");
    assert!(body.ends_with("# EOF\n"), "{body}");
    for line in [
        r#"daybook_build_info{service="test",version=""#,
        r#"daybook_refused_calls_total{reason="scope"} "#,
        r#"daybook_refused_calls_total{reason="object"} "#,
        r#"daybook_shed_total{what="caller"} "#,
        "daybook_certificate_expiry_timestamp_seconds ",
        "process_resident_memory_bytes ",
        "process_cpu_seconds_total ",
        "process_open_fds ",
    ] {
        assert!(body.lines().any(|found| found.starts_with(line)), "{line} is not in\n{body}");
    }
    shutdown.cancel();
    assert!(serving.await.unwrap().is_ok());
}

#[tokio::test]
async fn everything_else_is_refused() {
    let (address, _shutdown, _serving) = start().await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nhost: x\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n", "405"),
        ("nonsense\r\n\r\n", "400"),
    ] {
        let answer = answer_to(address, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
    }
    let many: String = (0..2 * MAX_HEADERS).map(|number| format!("x-{number}: y\r\n")).collect();
    let answer = answer_to(address, &format!("GET /metrics HTTP/1.1\r\n{many}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn silent_readers_hold_their_places_only_for_a_while() {
    let (address, _shutdown, _serving) = start().await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let answer = answer_to(address, "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
