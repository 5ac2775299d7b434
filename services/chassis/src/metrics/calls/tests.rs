//! A server with two answers, and what is counted of it.

use std::convert::Infallible;

use http_body_util::{BodyExt as _, StreamBody};
use tower::ServiceExt as _;

use super::*;
use crate::metrics::Metrics;

const CHECK: &str = "/grpc.health.v1.Health/Check";

type Frames = StreamBody<tokio_stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

/// Answers OK in trailers, or another code in headers if it is asked for in the query.
async fn answer(request: Request<()>) -> Result<Response<Frames>, Infallible> {
    let trailers = HeaderMap::from_iter([(http::HeaderName::from_static(STATUS), "0".parse().unwrap())]);
    let frames = vec![Ok(Frame::data(Bytes::from_static(b"data"))), Ok(Frame::trailers(trailers))];
    let mut response = Response::new(StreamBody::new(tokio_stream::iter(frames)));
    if let Some(code) = request.uri().query() {
        response.headers_mut().insert(STATUS, code.parse().unwrap());
    }
    Ok(response)
}

async fn called(metrics: &Metrics, uri: &str) -> Response<Answer<Frames>> {
    let server = metrics.calls().layer(tower::service_fn(answer));
    server.oneshot(Request::get(uri).body(()).unwrap()).await.unwrap()
}

fn assert_has(metrics: &Metrics, lines: &[&str]) {
    let text = metrics.text().unwrap();
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_call_is_counted_by_the_code_with_which_it_ends() {
    let metrics = Metrics::new("test", &[]).unwrap();
    called(&metrics, CHECK).await.into_body().collect().await.unwrap();
    called(&metrics, &format!("{CHECK}?14")).await;
    drop(called(&metrics, CHECK).await);
    let method = r#"{grpc_type="unary",grpc_service="grpc.health.v1.Health",grpc_method="Check""#;
    assert_has(
        &metrics,
        &[
            &format!("grpc_server_started_total{method}}} 3"),
            &format!(r#"grpc_server_handled_total{method},grpc_code="OK"}} 1"#),
            &format!(r#"grpc_server_handled_total{method},grpc_code="Unavailable"}} 1"#),
            &format!(r#"grpc_server_handled_total{method},grpc_code="Canceled"}} 1"#),
            &format!("grpc_server_handling_seconds_count{method}}} 3"),
        ],
    );
}

#[tokio::test]
async fn paths_that_are_no_methods_have_one_series() {
    let metrics = Metrics::new("test", &[]).unwrap();
    for path in ["/a", "/b", "/grpc.health.v1.Health/Guess"] {
        called(&metrics, path).await.into_body().collect().await.unwrap();
    }
    let method = r#"{grpc_type="unknown",grpc_service="unknown",grpc_method="unknown""#;
    assert_has(&metrics, &[&format!("grpc_server_started_total{method}}} 3")]);
    assert_eq!(metrics.text().unwrap().matches("grpc_server_started_total{").count(), 1);
}
