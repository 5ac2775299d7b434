//! One trace from the register's call to the reader's answer.

use std::collections::BTreeSet;

use daybook::{
    command::v1::RecordSaleRequest,
    query::v1::{GetProjectionStatusRequest, GetStoreDayRequest},
};
use tonic::{Request, metadata::MetadataValue};

use super::{
    collector::{Collector, Sent, hex},
    fleet::{Fleet, in_fleet},
};
use crate::{
    given::{
        catalogue::{self, BREAD, NEW_YORK},
        sale::{SOLD_ON, Sale},
    },
    world::until::until_complete,
};

/// The trace of a register, and the span in which it calls.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const REGISTER: &str = "00f067aa0ba902b7";
/// The span of the same trace in which the report is asked for.
const READER: &str = "00f067aa0ba902b8";
/// A trace of which its caller decided that it is not kept.
const UNSAMPLED: &str = "4bf92f3577b34da6a3ce929d0e0e4737";

fn traced<T>(message: T, trace: &str, span: &str, flags: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(std::time::Duration::from_secs(30));
    let traceparent = format!("00-{trace}-{span}-{flags}");
    request.metadata_mut().insert("traceparent", MetadataValue::try_from(traceparent).expect("plain text"));
    request
}

fn sale(number: &str) -> RecordSaleRequest {
    Sale::new(number).line(BREAD, 1_000, 250).build()
}

async fn sell(fleet: &Fleet, number: &str, trace: &str, flags: &str) -> i64 {
    let mut sales = daybook::client::CommandClient::new(fleet.command()).sales;
    let answer = sales.record_sale(traced(sale(number), trace, REGISTER, flags)).await.expect("a sale");
    answer.into_inner().accepted.expect("an answer is not empty").position
}

fn names(spans: &[Sent]) -> BTreeSet<(&str, &str)> {
    spans.iter().map(|sent| (sent.service.as_str(), sent.span.name.as_str())).collect()
}

/// All pieces of work that a sale and its report are made of.
fn expected() -> BTreeSet<(&'static str, &'static str)> {
    BTreeSet::from([
        ("daybook-command", "daybook.command.v1.SaleService/RecordSale"),
        ("daybook-command", "append"),
        ("daybook-command", "postgres append"),
        ("daybook-command", "publish"),
        ("daybook-projector", "project"),
        ("daybook-projector", "mongodb write"),
        ("daybook-query", "daybook.query.v1.ProjectionService/GetProjectionStatus"),
        ("daybook-query", "wait for the checkpoint"),
        ("daybook-query", "daybook.query.v1.StoreDayService/GetStoreDay"),
        ("daybook-query", "wait for the log"),
        ("daybook-query", "mongodb find"),
    ])
}

#[test]
fn a_sale_is_one_trace_from_the_register_to_the_report() {
    // The collector needs a runtime that lasts as long as the processes.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be started");
    let (collector, endpoint) = runtime.block_on(Collector::start());
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_BSP_SCHEDULE_DELAY", 100.to_string())];
    in_fleet(&variables, async |fleet| {
        catalogue::register(&fleet.commands()).await;
        let unsampled = sell(fleet, "R-A", UNSAMPLED, "00").await;
        // The span of a batch belongs to the first traced call in it: those of the catalogue are traced as well.
        let earlier = GetProjectionStatusRequest { at_least_position: unsampled };
        fleet.queries().projection.get_projection_status(earlier).await.expect("a status");
        let position = sell(fleet, "R-B", TRACE, "01").await;
        let asked = GetProjectionStatusRequest { at_least_position: position };
        let asked = traced(asked, TRACE, READER, "01");
        fleet.queries().projection.get_projection_status(asked).await.expect("a status");
        let asked = GetStoreDayRequest {
            store_id: NEW_YORK.to_owned(),
            business_date: SOLD_ON.to_owned(),
            at_least_position: position,
        };
        fleet.queries().store_days.get_store_day(traced(asked, TRACE, READER, "01")).await.expect("a report");

        until_complete("the whole trace is collected", async || {
            let trace = collector.trace(TRACE);
            let collected = names(&trace);
            expected().into_iter().filter(|span| !collected.contains(span)).collect()
        })
        .await;
        assert_tree(&collector.trace(TRACE));

        // Whoever follows NATS goes on in the same trace.
        let message = fleet.stream.message(u64::try_from(position).unwrap()).await;
        let header = message.headers.get("traceparent").expect("the message names its trace").as_str().to_owned();
        let publishing = collector.trace(TRACE).into_iter().find(|sent| sent.span.name == "publish").unwrap();
        assert_eq!(header, format!("00-{TRACE}-{}-01", hex(&publishing.span.span_id)));

        // What its caller did not want to be kept was sent before all of this.
        assert!(collector.trace(UNSAMPLED).is_empty(), "{:?}", names(&collector.trace(UNSAMPLED)));
        let message = fleet.stream.message(u64::try_from(unsampled).unwrap()).await;
        assert!(message.headers.get("traceparent").is_none());
    });
}

/// Every span belongs to another one of the trace, or to a caller's.
fn assert_tree(trace: &[Sent]) {
    let mut known: BTreeSet<String> = trace.iter().map(|sent| hex(&sent.span.span_id)).collect();
    known.extend([REGISTER.to_owned(), READER.to_owned()]);
    for Sent { service, span } in trace {
        assert!(known.contains(&hex(&span.parent_span_id)), "{service}: {} belongs to nobody", span.name);
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{span:?}");
    }
    let of = |name: &str| trace.iter().find(|sent| sent.span.name == name).expect("it is there").span.clone();
    let call = of("daybook.command.v1.SaleService/RecordSale");
    assert_eq!(hex(&call.parent_span_id), REGISTER);
    for child in ["append", "publish", "project"] {
        assert_eq!(of(child).parent_span_id, call.span_id, "{child}");
    }
    assert_eq!(of("postgres append").parent_span_id, of("append").span_id);
    assert_eq!(of("mongodb write").parent_span_id, of("project").span_id);
}
