//! Nonsense for CatalogueService.

use daybook::reason;
use serde_json::{Value, json};

use super::case::{Case, Table};

/// A request id that the tables use: nothing is ever recorded under it.
pub(super) const REQUEST_ID: &str = "018cc251-f400-7000-8000-00000000beef";

const SUPPLIER: &str = "daybook.command.v1.CatalogueService/RegisterSupplier";
const STORE: &str = "daybook.command.v1.CatalogueService/RegisterStore";
const ITEM: &str = "daybook.command.v1.CatalogueService/RegisterItem";

pub(super) fn supplier() -> Value {
    json!({
        "requestId": REQUEST_ID, "occurredAt": "2017-01-02T09:00:00Z", "supplierId": "NEW", "name": "New supplier",
        "gln": "4006381333931",
    })
}

pub(super) fn store() -> Value {
    json!({
        "requestId": REQUEST_ID, "occurredAt": "2017-01-02T09:00:00Z", "storeId": "NEW", "name": "New store",
        "timeZone": "Asia/Tokyo", "cutOffMinutes": 300, "currencyCode": "JPY", "negativeStockAllowed": true,
    })
}

pub(super) fn item() -> Value {
    json!({
        "requestId": REQUEST_ID, "occurredAt": "2017-01-02T09:00:00Z", "itemId": "NEW", "name": "New item",
        "gtin": "4006381333931", "category": "NOVELTY", "unitCode": "KGM", "decimals": 3, "supplierId": "69",
    })
}

pub(super) fn cases() -> Vec<Case> {
    let (suppliers, stores, items) = (suppliers(), stores(), items());
    let mut cases = suppliers.streamed("daybook.command.v1.CatalogueService/BulkRegisterSuppliers", "supplier");
    cases.extend(stores.streamed("daybook.command.v1.CatalogueService/BulkRegisterStores", "store"));
    cases.extend(items.streamed("daybook.command.v1.CatalogueService/BulkRegisterItems", "item"));
    for table in [suppliers, stores, items] {
        cases.extend(table.cases);
    }
    for (method, foreign) in [
        ("daybook.command.v1.CatalogueService/ListSuppliers", "stores.443"),
        ("daybook.command.v1.CatalogueService/ListStores", "items.443"),
        ("daybook.command.v1.CatalogueService/ListItems", "suppliers.443"),
    ] {
        let both: &[(&str, Value)] = &[("/pageSize", json!(-1)), ("/pageToken", json!(foreign))];
        let table = Table::of(method, json!({}))
            .bad("a negative size", "/pageSize", json!(-1), "page_size")
            .wrong("a token of another list", &both[1..], reason::INVALID_PAGE_TOKEN, &["page_token"])
            .wrong("size and token", both, reason::INVALID_REQUEST, &["page_size", "page_token"]);
        cases.extend(table.cases);
    }
    cases
}

fn suppliers() -> Table {
    Table::of(SUPPLIER, supplier())
        .empty(reason::REQUIRED, &["request_id", "supplier_id", "name"])
        .bad("an id that is no UUID", "/requestId", json!("7"), "request_id")
        .bad("the nil UUID", "/requestId", json!("00000000-0000-0000-0000-000000000000"), "request_id")
        .bad("a UUID in braces", "/requestId", json!(format!("{{{REQUEST_ID}}}")), "request_id")
        .bad("before time began", "/occurredAt", json!("1969-12-31T23:59:59Z"), "occurred_at")
        .bad("in the far future", "/occurredAt", json!("9999-12-31T23:59:59Z"), "occurred_at")
        .bad("the supplier of unknown items", "/supplierId", json!("UNASSIGNED"), "supplier_id")
        .bad("a letter with dots", "/supplierId", json!("Müller"), "supplier_id")
        .bad("a separator of streams", "/supplierId", json!("a/b"), "supplier_id")
        .bad("a wildcard", "/supplierId", json!("*"), "supplier_id")
        .bad("65 characters", "/supplierId", json!("x".repeat(65)), "supplier_id")
        .bad("a line break", "/name", json!("New\nsupplier"), "name")
        .bad("a zero character", "/name", json!("New\u{0}supplier"), "name")
        .bad("201 characters", "/name", json!("ä".repeat(201)), "name")
        .wrong("only blanks", &[("/name", json!(" \u{a0} "))], reason::REQUIRED, &["name"])
        .wrong("a wrong check digit", &[("/gln", json!("4006381333932"))], reason::INVALID_GLN, &["gln"])
        .wrong(
            "digits of another script",
            &[("/gln", json!("４００６３８１３３３９３１"))],
            reason::INVALID_GLN,
            &["gln"],
        )
        .wrong(
            "everything",
            &[
                ("/requestId", json!("x")),
                ("/occurredAt", json!("0001-01-01T00:00:00Z")),
                ("/supplierId", json!("?")),
                ("/name", json!("")),
                ("/gln", json!("1")),
            ],
            reason::INVALID_REQUEST,
            &["request_id", "occurred_at", "supplier_id", "name", "gln"],
        )
}

fn stores() -> Table {
    Table::of(STORE, store())
        .empty(reason::INVALID_REQUEST, &["request_id", "store_id", "name", "time_zone", "currency_code"])
        .bad("a zone of nowhere", "/timeZone", json!("Mars/Base"), "time_zone")
        .bad("a rule instead of a place", "/timeZone", json!("EST5EDT4,M3.2.0,M11.1.0"), "time_zone")
        .bad("an offset", "/timeZone", json!("+05:00"), "time_zone")
        .bad("a file", "/timeZone", json!("../../etc/passwd"), "time_zone")
        .bad("a cut-off after the day", "/cutOffMinutes", json!(1_440), "cut_off_minutes")
        .bad("a cut-off before the day", "/cutOffMinutes", json!(-1), "cut_off_minutes")
        .bad("the smallest number", "/cutOffMinutes", json!(i32::MIN), "cut_off_minutes")
        .bad("a currency in small letters", "/currencyCode", json!("jpy"), "currency_code")
        .bad("no currency", "/currencyCode", json!("EURO"), "currency_code")
        .bad("a currency without minor units", "/currencyCode", json!("XAU"), "currency_code")
        .bad("a point too much", "/storeId", json!("a b"), "store_id")
        .wrong(
            "everything",
            &[
                ("/requestId", json!("")),
                ("/storeId", json!("")),
                ("/name", json!("")),
                ("/timeZone", json!("")),
                ("/cutOffMinutes", json!(i32::MAX)),
                ("/currencyCode", json!("")),
            ],
            reason::INVALID_REQUEST,
            &["request_id", "store_id", "name", "time_zone", "cut_off_minutes", "currency_code"],
        )
}

fn items() -> Table {
    Table::of(ITEM, item())
        .empty(reason::INVALID_REQUEST, &["request_id", "item_id", "name", "category", "unit_code", "supplier_id"])
        .wrong("a wrong check digit", &[("/gtin", json!("4006381333932"))], reason::INVALID_GTIN, &["gtin"])
        .wrong("too few digits", &[("/gtin", json!("4006381"))], reason::INVALID_GTIN, &["gtin"])
        .bad("a unit that nobody knows", "/unitCode", json!("ELEPHANT"), "unit_code")
        .bad("four decimals", "/decimals", json!(4), "decimals")
        .bad("fewer than no decimals", "/decimals", json!(-1), "decimals")
        .bad("the category of unknown items", "/category", json!("UNASSIGNED"), "category")
        .bad("a category of 65 characters", "/category", json!("x".repeat(65)), "category")
        .unfit(
            "a supplier that nobody knows",
            &[("/supplierId", json!("1"))],
            reason::UNKNOWN_SUPPLIER,
            &["supplier_id"],
        )
        .unfit(
            "the supplier of unknown items",
            &[("/supplierId", json!("UNASSIGNED"))],
            reason::UNKNOWN_SUPPLIER,
            &["supplier_id"],
        )
        .wrong(
            "what is malformed and what is unknown",
            &[("/supplierId", json!("1")), ("/gtin", json!("x")), ("/decimals", json!(9))],
            reason::INVALID_REQUEST,
            &["gtin", "decimals", "supplier_id"],
        )
}
