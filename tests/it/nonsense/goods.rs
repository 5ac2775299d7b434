//! Nonsense for InventoryService.

use daybook::reason;
use serde_json::{Value, json};

use super::{
    case::{Case, Table},
    catalogue::REQUEST_ID,
};

const DELIVERY: &str = "daybook.command.v1.InventoryService/RecordDelivery";
const ADJUSTMENT: &str = "daybook.command.v1.InventoryService/AdjustStock";

pub(super) fn delivery() -> Value {
    json!({
        "requestId": REQUEST_ID, "occurredAt": "2017-01-02T09:00:00Z", "storeId": "443", "supplierId": "69",
        "documentNumber": "DN-NEW", "currencyCode": "USD",
        "lines": [
            {"sequence": 1, "itemId": "27334", "deliveredMilli": "7000", "acceptedMilli": "6000", "rejectedMilli": "1000",
                "rejectionReason": "broken", "unitCostMinor": "146"},
            {"sequence": 2, "itemId": "CHEESE", "deliveredMilli": "1250", "acceptedMilli": "1250", "unitCostMinor": "899"},
        ],
    })
}

pub(super) fn adjustment() -> Value {
    json!({
        "requestId": REQUEST_ID, "occurredAt": "2017-01-02T09:00:00Z", "storeId": "443", "documentNumber": "A-NEW",
        "operatorId": "anna", "reason": "broken",
        "lines": [{"sequence": 1, "itemId": "27334", "quantityMilli": "1000", "fromState": "STOCK_STATE_ON_HAND",
            "toState": "STOCK_STATE_UNSELLABLE"}],
    })
}

pub(super) fn cases() -> Vec<Case> {
    let deliveries = deliveries();
    let mut cases = deliveries.streamed("daybook.command.v1.InventoryService/UploadDeliveries", "delivery");
    cases.extend(deliveries.cases);
    cases.extend(adjustments().cases);
    cases
}

/// As many lines as asked for, each a copy of the first with a number of its own.
pub(super) fn lines_of(message: &Value, count: usize) -> Value {
    let lines = (1..=count).map(|sequence| {
        let mut line = message["lines"][0].clone();
        line["sequence"] = json!(sequence);
        line
    });
    lines.collect()
}

fn deliveries() -> Table {
    let largest = json!(i64::MAX.to_string());
    let smallest = json!(i64::MIN.to_string());
    Table::of(DELIVERY, delivery())
        .empty(
            reason::INVALID_REQUEST,
            &["request_id", "occurred_at", "store_id", "supplier_id", "document_number", "lines"],
        )
        .unfit("a store that nobody knows", &[("/storeId", json!("1"))], reason::UNKNOWN_STORE, &["store_id"])
        .unfit(
            "neither store nor supplier",
            &[("/storeId", json!("1")), ("/supplierId", json!("1"))],
            reason::INVALID_REQUEST,
            &["store_id", "supplier_id"],
        )
        .unfit(
            "the currency of another store",
            &[("/currencyCode", json!("EUR"))],
            reason::CURRENCY_MISMATCH,
            &["currency_code"],
        )
        .wrong("no currency", &[("/currencyCode", json!("$"))], reason::INVALID_REQUEST, &["currency_code"])
        .wrong("no lines", &[("/lines", json!([]))], reason::OUT_OF_BOUNDS, &["lines"])
        .wrong("5,001 lines", &[("/lines", lines_of(&delivery(), 5_001))], reason::OUT_OF_BOUNDS, &["lines"])
        .wrong("a number twice", &[("/lines/1/sequence", json!(1))], reason::DUPLICATE_SEQUENCE, &["lines[1].sequence"])
        .bad("a line before the first", "/lines/1/sequence", json!(0), "lines[1].sequence")
        .wrong("an item without a name", &[("/lines/1/itemId", json!(""))], reason::REQUIRED, &["lines[1].item_id"])
        .wrong(
            "more accepted than delivered",
            &[("/lines/0/acceptedMilli", json!("7000"))],
            reason::QUANTITY_MISMATCH,
            &["lines[0].delivered_milli"],
        )
        .wrong(
            "less than nothing rejected",
            &[("/lines/0/rejectedMilli", json!("-1000")), ("/lines/0/acceptedMilli", json!("8000"))],
            reason::INVALID_VALUE,
            &["lines[0].rejected_milli"],
        )
        .wrong(
            "rejected for no reason",
            &[("/lines/0/rejectionReason", json!(" "))],
            reason::REQUIRED,
            &["lines[0].rejection_reason"],
        )
        .bad("a cost below nothing", "/lines/0/unitCostMinor", json!("-1"), "lines[0].unit_cost_minor")
        .bad("a cost beyond all bounds", "/lines/0/unitCostMinor", largest.clone(), "lines[0].unit_cost_minor")
        .wrong(
            "half a piece",
            &[("/lines/0/acceptedMilli", json!("500")), ("/lines/0/deliveredMilli", json!("1500"))],
            reason::INVALID_VALUE,
            &["lines[0].accepted_milli"],
        )
        .wrong(
            "numbers at both ends of their range",
            &[
                ("/lines/0/deliveredMilli", largest.clone()),
                ("/lines/0/acceptedMilli", largest),
                ("/lines/0/rejectedMilli", smallest.clone()),
                ("/lines/0/unitCostMinor", smallest),
                ("/lines/0/sequence", json!(i32::MIN)),
            ],
            reason::INVALID_REQUEST,
            &[
                "lines[0].sequence",
                "lines[0].delivered_milli",
                "lines[0].accepted_milli",
                "lines[0].rejected_milli",
                "lines[0].unit_cost_minor",
            ],
        )
}

fn adjustments() -> Table {
    Table::of(ADJUSTMENT, adjustment())
        .empty(
            reason::INVALID_REQUEST,
            &["request_id", "occurred_at", "store_id", "document_number", "reason", "lines"],
        )
        .unfit("a store that nobody knows", &[("/storeId", json!("1"))], reason::UNKNOWN_STORE, &["store_id"])
        .bad("a document with a blank", "/documentNumber", json!("A 1"), "document_number")
        .bad("an operator with a blank", "/operatorId", json!("a b"), "operator_id")
        .bad("nothing is moved", "/lines/0/quantityMilli", json!("0"), "lines[0].quantity_milli")
        .bad("less than nothing is moved", "/lines/0/quantityMilli", json!("-1000"), "lines[0].quantity_milli")
        .wrong(
            "half a piece",
            &[("/lines/0/quantityMilli", json!("500"))],
            reason::INVALID_VALUE,
            &["lines[0].quantity_milli"],
        )
        .bad("from nowhere", "/lines/0/fromState", json!("STOCK_STATE_UNSPECIFIED"), "lines[0].from_state")
        .bad("to where nobody knows", "/lines/0/toState", json!(99), "lines[0].to_state")
        .bad("from a state to itself", "/lines/0/toState", json!("STOCK_STATE_ON_HAND"), "lines[0].to_state")
        .wrong("5,001 lines", &[("/lines", lines_of(&adjustment(), 5_001))], reason::OUT_OF_BOUNDS, &["lines"])
        .wrong(
            "everything of a line",
            &[("/lines/0", json!({"sequence": -1, "itemId": "?", "quantityMilli": i64::MIN.to_string()}))],
            reason::INVALID_VALUE,
            &[
                "lines[0].sequence",
                "lines[0].item_id",
                "lines[0].quantity_milli",
                "lines[0].from_state",
                "lines[0].to_state",
            ],
        )
}
