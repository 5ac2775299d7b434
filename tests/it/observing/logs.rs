//! What services log: with the ids by which a call is found, and nothing that is nobody's business.

use daybook::query::v1::GetStoreDayRequest;
use serde_json::Value;
use tonic::{Request, metadata::MetadataValue};

use super::fleet::{NATS_SECRET, in_fleet};
use crate::{
    given::{
        catalogue::{self, BREAD, NEW_YORK},
        sale::{SOLD_ON, Sale},
    },
    world::{environment, until::until},
};

/// Who sells, and the number of a gift card: personal data.
const OPERATOR: &str = "operator-7f3a";

/// A token that a caller sends.
const TOKEN: &str = "t0ken-of-a-caller";

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4738-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4738";

fn authorized<T>(message: T, request_id: &str) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    let text = |text: String| MetadataValue::try_from(text).expect("plain text");
    metadata.insert("authorization", text(format!("Bearer {TOKEN}")));
    metadata.insert("x-request-id", text(request_id.to_owned()));
    metadata.insert("traceparent", text(TRACEPARENT.to_owned()));
    request
}

#[test]
fn a_call_is_found_by_its_ids_and_no_secret_is_told() {
    // Everything that can be logged, by all libraries.
    in_fleet(&[("DAYBOOK_LOG", "trace".to_owned())], async |fleet| {
        catalogue::register(&fleet.commands()).await;
        let mut sales = daybook::client::CommandClient::new(fleet.command()).sales;
        let sale = Sale::new("R-A").by("3", OPERATOR).line(BREAD, 1_000, 250).build();
        let request_id = sale.request_id.clone();
        let accepted = sales.record_sale(authorized(sale.clone(), &request_id)).await.expect("a sale").into_inner();
        let position = accepted.accepted.expect("an answer is not empty").position;
        // One that is refused, and one that is wrong.
        let mut other = sale.clone();
        other.request_id = crate::given::request_id();
        other.total_minor += 1;
        sales.record_sale(authorized(other, &request_id)).await.expect_err("it does not add up");
        let asked = GetStoreDayRequest {
            store_id: NEW_YORK.to_owned(),
            business_date: SOLD_ON.to_owned(),
            at_least_position: position,
        };
        fleet.queries().store_days.get_store_day(authorized(asked, "asked-for-7")).await.expect("a report");

        until("the projector has told of the sale", async || {
            let of_projector = &fleet.logs()[1].1;
            of_projector.lines().any(|line| line.contains("projected") && line.contains(&request_id)).then_some(())
        })
        .await;
        let logs = fleet.logs();
        let has = |service: &str, words: &[&str]| {
            let (_, text) = logs.iter().find(|(program, _)| *program == service).expect("it has a log");
            assert!(
                text.lines().any(|line| words.iter().all(|word| line.contains(word))),
                "no line of {service} has {words:?}"
            );
        };
        has("daybook-command", &["recorded", &request_id, TRACE]);
        has("daybook-projector", &["projected", &request_id]);
        has("daybook-query", &["answered", "asked-for-7", TRACE]);

        let password = environment::app_password();
        for (program, text) in &logs {
            for line in text.lines() {
                let parsed: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{program}: {line}"));
                assert!(parsed["timestamp"].is_string() && parsed["level"].is_string(), "{line}");
                for secret in [password.as_str(), NATS_SECRET, TOKEN, OPERATOR] {
                    assert!(!line.contains(secret), "{program} tells {secret}: {line}");
                }
            }
        }
    });
}
