//! The metrics of running services, read over HTTP.

use std::collections::BTreeSet;

use daybook_operator::metrics::Samples;

use super::table::{self, metric_of};
use crate::{
    given::catalogue::{BAKER, BERLIN, BREAD, NEW_YORK},
    reports::scenario,
    world::{in_world, until::until, whole::WholeWorld},
};

/// Most series that one service has after everything has happened once: what Prometheus must keep of it.
const MOST_SERIES: usize = 1_500;

/// A sample that must be there.
pub(super) fn value(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> f64 {
    samples.sum(name, labels).unwrap_or_else(|| panic!("{name} {labels:?} is not among the metrics"))
}

/// The metrics of all services, by name.
async fn all(world: &WholeWorld) -> [(&'static str, Samples); 3] {
    [
        ("command", world.command.numbers().await),
        ("projector", world.projector.numbers().await),
        ("query", world.query.numbers().await),
    ]
}

#[test]
fn the_table_and_the_endpoints_tell_of_the_same_metrics() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        world.reported(position).await;
        let rows = table::rows();
        for (service, samples) in all(world).await {
            let told: BTreeSet<String> = samples
                .types
                .iter()
                .map(|(name, kind)| match kind.as_str() {
                    "counter" => format!("{name}_total"),
                    "info" => format!("{name}_info"),
                    _ => name.clone(),
                })
                .collect();
            let written: BTreeSet<String> =
                rows.iter().filter(|(_, row)| row.services.contains(service)).map(|(name, _)| name.clone()).collect();
            assert_eq!(told, written, "of {service}");
            for sample in &samples.samples {
                let name = metric_of(&rows, &sample.name);
                let row = rows.get(name).unwrap_or_else(|| panic!("{name} is not in the table"));
                let labels: BTreeSet<String> = sample.labels.keys().filter(|label| *label != "le").cloned().collect();
                assert_eq!(labels, row.labels, "of {name}");
                let bare = name.trim_end_matches("_total").trim_end_matches("_info");
                let kind = samples.types.get(name).or_else(|| samples.types.get(bare));
                assert_eq!(kind, Some(&row.kind), "of {name}");
            }
        }
    });
}

#[test]
fn labels_have_few_values_and_none_of_them_is_an_id() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        world.reported(position).await;
        for (service, samples) in all(world).await {
            assert!(samples.samples.len() < MOST_SERIES, "{service} has {} series", samples.samples.len());
            for sample in &samples.samples {
                let values: Vec<&String> =
                    sample.labels.iter().filter(|(name, _)| *name != "le").map(|(_, value)| value).collect();
                for id in [NEW_YORK, BERLIN, BREAD, BAKER, "R-A", "anna", world.id.as_str()] {
                    assert!(!values.iter().any(|value| value.as_str() == id), "{id} is in {sample:?}");
                }
            }
        }
    });
}

#[test]
fn what_happens_is_counted() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        world.reported(position).await;
        let events = f64::from(i32::try_from(position).unwrap());

        let command = until("the end of the log is told", async || {
            let command = world.command.numbers().await;
            (command.sum("daybook_log_head_position", &[]) == Some(events)).then_some(command)
        })
        .await;
        let sale = [("grpc_method", "RecordSale"), ("grpc_code", "OK")];
        let sales = value(&command, "grpc_server_handled_total", &sale);
        let recorded = [("command", "record_sale"), ("outcome", "accepted")];
        assert_eq!(value(&command, "daybook_commands_total", &recorded), sales);
        let timed = [("grpc_method", "RecordSale")];
        assert_eq!(value(&command, "grpc_server_handling_seconds_count", &timed), sales);
        assert_eq!(value(&command, "daybook_append_batch_events_sum", &[]), events);
        assert_eq!(value(&command, "daybook_pool_in_use", &[("pool", "append_queue")]), 0.0);
        until("all is published, and that is told", async || {
            let command = world.command.numbers().await;
            let published = value(&command, "daybook_log_published_position", &[]);
            let is_up = |dependency| value(&command, "daybook_dependency_up", &[("dependency", dependency)]) == 1.0;
            let are_up = is_up("postgres") && is_up("nats");
            (are_up && published == events && value(&command, "daybook_relay_lag_seconds", &[]) == 0.0).then_some(())
        })
        .await;

        until("the projector tells of all events", async || {
            let projector = world.projector.numbers().await;
            (projector.sum("daybook_projected_position", &[]) == Some(events)).then_some(())
        })
        .await;
        let projector = world.projector.numbers().await;
        assert_eq!(value(&projector, "daybook_projected_events_total", &[]), events);
        assert_eq!(value(&projector, "daybook_feed_events_total", &[]), events);
        for report in ["store_days", "supplier_days", "stock", "category_days"] {
            assert!(value(&projector, "daybook_document_writes_total", &[("report", report)]) > 0.0, "{report}");
        }

        until("the reports are level with the log, and that is told", async || {
            let query = world.query.numbers().await;
            let level = query.sum("daybook_reports_position", &[]) == Some(events)
                && query.sum("daybook_reports_lag_events", &[]) == Some(0.0)
                && query.sum("daybook_reports_lag_seconds", &[]) == Some(0.0);
            level.then_some(())
        })
        .await;
    });
}
