//! A queue that nobody empties.

use daybook::command::v1::RegisterSupplierRequest;
use daybook_chassis::config::Secret;

use super::*;
use crate::{config::Postgres, domain::supplier::RegisterSupplier, recent::Log, store::Store};

fn submission(bytes: usize) -> Submission {
    let message = RegisterSupplierRequest {
        supplier_id: "69".to_owned(),
        name: "Farmer".to_owned(),
        ..RegisterSupplierRequest::default()
    };
    let command = Command::RegisterSupplier(RegisterSupplier::parse(message).unwrap()).into();
    let (request_id, fingerprint) = (RequestId::random(), Fingerprint::default());
    Submission { command, request_id, fingerprint, metadata: Metadata::default().into(), bytes }
}

/// The way into a pipeline that does not run, the pipeline, and its numbers. Nothing of it connects to Postgres.
fn queue() -> (Appends, Pipeline, Metrics) {
    let postgres = Postgres { url: Secret::new("postgres://nobody@127.0.0.1:1/nothing".to_owned()), connections: 2 };
    let metrics = Metrics::new("test", &[]).unwrap();
    let store = Store::for_appends(&postgres).unwrap();
    let (healthy, _) = tokio::sync::watch::channel(false);
    let (pipeline, appends) = Pipeline::new(store.clone(), Log::new(store), healthy, &metrics);
    (appends, pipeline, metrics)
}

fn has(metrics: &Metrics, line: &str) -> bool {
    metrics.text().unwrap().lines().any(|found| found == line)
}

fn shed(metrics: &Metrics) -> u64 {
    let text = metrics.text().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(r#"daybook_shed_total{what="commands"} "#));
    line.and_then(|count| count.parse().ok()).expect("it is told from the start")
}

#[test]
fn a_full_queue_sends_commands_away_and_says_so() {
    let (appends, _pipeline, metrics) = queue();
    let waiting: Vec<_> = (0..QUEUE_COMMANDS).map(|_| appends.try_submit(submission(1)).unwrap()).collect();
    assert!(has(&metrics, &format!(r#"daybook_pool_in_use{{pool="append_queue"}} {QUEUE_COMMANDS}.0"#)));
    assert!(has(&metrics, r#"daybook_pool_exhausted_total{pool="append_queue"} 0"#));
    let before = shed(&metrics);
    let refusal = appends.try_submit(submission(1)).unwrap_err();
    assert_eq!((refusal.code, refusal.reason), (Code::ResourceExhausted, reason::OVERLOADED));
    assert!(has(&metrics, r#"daybook_pool_exhausted_total{pool="append_queue"} 1"#));
    // It belongs to the whole process, in which other tests run as well.
    assert!(shed(&metrics) > before);
    drop(waiting);
}

#[test]
fn large_commands_fill_the_queue_before_there_are_many() {
    let (appends, _pipeline, metrics) = queue();
    let _waiting = appends.try_submit(submission(QUEUE_BYTES)).unwrap();
    let refusal = appends.try_submit(submission(1)).unwrap_err();
    assert_eq!(refusal.code, Code::ResourceExhausted);
    assert!(has(&metrics, &format!(r#"daybook_pool_in_use{{pool="append_queue_bytes"}} {QUEUE_BYTES}.0"#)));
    assert!(has(&metrics, r#"daybook_pool_exhausted_total{pool="append_queue_bytes"} 1"#));
}

#[tokio::test]
async fn the_metrics_do_not_keep_the_queue_open() {
    let (appends, pipeline, metrics) = queue();
    drop(appends);
    let drained = tokio::time::timeout(Duration::from_secs(10), pipeline.run(Default::default())).await;
    assert!(drained.is_ok_and(|ended| ended.is_ok()), "nothing can come any more");
    assert!(has(&metrics, r#"daybook_pool_in_use{pool="append_queue"} 0.0"#));
}
