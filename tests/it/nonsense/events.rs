//! Nonsense for EventLogService, and for what is said about events.

use daybook::reason;
use serde_json::{Value, json};

use super::case::{Case, Table};

const READ: &str = "daybook.event.v1.EventLogService/ReadEvents";
const FOLLOW: &str = "daybook.event.v1.EventLogService/FollowEvents";
const DISCARD: &str = "daybook.command.v1.ParkingService/DiscardEvent";
const STREAM: &str = "daybook.event.v1.EventLogService/GetStream";

pub(super) fn cases() -> Vec<Case> {
    let read = filters(Table::of(READ, json!({})))
        .bad("an end before the beginning", "/untilPosition", json!("-1"), "until_position")
        .bad("a negative size", "/pageSize", json!(-1), "page_size")
        .wrong(
            "everything",
            &[
                ("/afterPosition", json!(i64::MIN.to_string())),
                ("/untilPosition", json!("-1")),
                ("/pageSize", json!(i32::MIN)),
                ("/filter", json!({"eventTypes": [""], "storeIds": ["a b"]})),
            ],
            reason::INVALID_VALUE,
            &["after_position", "until_position", "page_size", "filter.event_types[0]", "filter.store_ids[0]"],
        );
    let stream = Table::of(STREAM, json!({"stream": "store/443"}))
        .empty(reason::REQUIRED, &["stream"])
        .wrong("a name of 321 characters", &[("/stream", json!("x".repeat(321)))], reason::REQUIRED, &["stream"])
        .bad("a version before the first", "/afterVersion", json!(-1), "after_version")
        .bad("a negative size", "/pageSize", json!(-1), "page_size")
        .missing("a stream that is not", &[("/stream", json!("store/1"))]);
    let right = json!({"requestId": super::catalogue::REQUEST_ID, "position": "1", "reason": "a test"});
    let discard = Table::of(DISCARD, right)
        .empty(reason::INVALID_REQUEST, &["request_id", "position", "reason"])
        .bad("a position before the first", "/position", json!("-1"), "position")
        .unfit("an event that is not", &[("/position", json!("1000000"))], reason::NOT_FOUND, &[]);
    [read.cases, discard.cases, filters(Table::of(FOLLOW, json!({}))).cases, stream.cases].concat()
}

fn filters(table: Table) -> Table {
    let types: Value = vec!["sale_recorded"; 33].into();
    let stores: Value = vec!["443"; 257].into();
    table
        .bad("a position before the first", "/afterPosition", json!("-1"), "after_position")
        .bad("a type that is not", "/filter", json!({"eventTypes": ["sale_recorded", "sale"]}), "filter.event_types[1]")
        .bad("a date that is not", "/filter", json!({"businessDates": ["2017-1-2"]}), "filter.business_dates[0]")
        .bad("a store with a blank", "/filter", json!({"storeIds": ["443", "4 3"]}), "filter.store_ids[1]")
        .wrong(
            "33 types and 257 stores",
            &[("/filter", json!({"eventTypes": types, "storeIds": stores}))],
            reason::OUT_OF_BOUNDS,
            &["filter.event_types", "filter.store_ids"],
        )
}
