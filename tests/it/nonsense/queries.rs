//! Nonsense for the query services.

use daybook::reason;
use serde_json::{Value, json};

use super::case::{Case, Table, changed};

const WEEK: (&str, &str) = ("2017-01-02", "2017-01-08");

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (day, id, ids, has_items) in [
        ("StoreDay", "store_id", "store_ids", true),
        ("SupplierDay", "supplier_id", "supplier_ids", true),
        ("CategoryDay", "store_id", "store_ids", false),
    ] {
        let method = |verb: &str, noun: &str| -> &'static str {
            format!("daybook.query.v1.{day}Service/{verb}{day}{noun}").leak()
        };
        cases.extend(one(Table::of(method("Get", ""), of_day(id)), id).cases);
        cases.extend(range(Table::of(method("List", "s"), of_range()), ids, true).cases);
        cases.extend(range(Table::of(method("Stream", "s"), of_range()), ids, false).cases);
        if has_items {
            cases.extend(entries(Table::of(method("List", "Items"), of_day(id)), id).cases);
        }
    }
    let stores = "daybook.query.v1.SupplierDayService/ListSupplierDayStores";
    cases.extend(entries(Table::of(stores, of_day("supplier_id")), "supplier_id").cases);
    cases.extend(stock());
    let status = Table::of("daybook.query.v1.ProjectionService/GetProjectionStatus", json!({}));
    cases.extend(positions(status).cases);
    cases
}

fn of_day(id: &str) -> Value {
    json!({ camel(id): "443", "businessDate": WEEK.0 })
}

fn of_range() -> Value {
    json!({"dates": {"fromDate": WEEK.0, "toDate": WEEK.1}})
}

fn camel(field: &str) -> String {
    let mut words = field.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}

fn positions(table: Table) -> Table {
    let before = ("/atLeastPosition", json!("-1"));
    table.wrong("a position before the first", &[before], reason::INVALID_REQUEST, &["at_least_position"])
}

fn one(table: Table, id: &str) -> Table {
    positions(table)
        .empty(reason::INVALID_REQUEST, &[id, "business_date"])
        .wrong(
            "everything",
            &[
                (&format!("/{}", camel(id)), json!("a|b")),
                ("/businessDate", json!("2017-1-2")),
                ("/atLeastPosition", json!(i64::MIN.to_string())),
            ],
            reason::INVALID_REQUEST,
            &[id, "business_date", "at_least_position"],
        )
        .missing("a day on which nothing happened", &[("/businessDate", json!("2016-02-29"))])
        .missing("somebody whom nobody knows", &[(&format!("/{}", camel(id)), json!("nobody"))])
}

fn entries(table: Table, id: &str) -> Table {
    paged(one(table, id))
}

fn paged(table: Table) -> Table {
    let token = ("/pageToken", json!("AAAA"));
    table
        .wrong("a negative size", &[("/pageSize", json!(-1))], reason::INVALID_REQUEST, &["page_size"])
        .wrong("a token that nobody made", std::slice::from_ref(&token), reason::INVALID_PAGE_TOKEN, &["page_token"])
        .wrong("no token at all", &[("/pageToken", json!("?"))], reason::INVALID_PAGE_TOKEN, &["page_token"])
        .wrong(
            "size and token",
            &[("/pageSize", json!(i32::MIN)), token],
            reason::INVALID_REQUEST,
            &["page_size", "page_token"],
        )
}

fn range(table: Table, ids: &str, is_paged: bool) -> Table {
    let restricted = format!("/{}", camel(ids));
    let first = format!("{ids}[0]");
    let dates = |from: &str, to: &str| [("/dates", json!({"fromDate": from, "toDate": to}))];
    let table = positions(table)
        .empty(reason::INVALID_REQUEST, &["dates"])
        .wrong("no dates", &[("/dates", json!({}))], reason::INVALID_REQUEST, &["dates.from_date", "dates.to_date"])
        .wrong(
            "days that are not",
            &dates("2017-02-29", "today"),
            reason::INVALID_REQUEST,
            &["dates.from_date", "dates.to_date"],
        )
        .wrong("backwards", &dates(WEEK.1, WEEK.0), reason::INVALID_REQUEST, &["dates.to_date"])
        .wrong("eleven years", &dates("2017-01-01", "2028-01-01"), reason::INVALID_REQUEST, &["dates.to_date"])
        .wrong("all of time", &dates("0001-01-01", "9999-12-31"), reason::INVALID_REQUEST, &["dates.to_date"])
        .wrong("1,001 ids", &[(&restricted, vec!["443"; 1_001].into())], reason::INVALID_REQUEST, &[ids])
        .wrong("an empty id", &[(&restricted, json!([""]))], reason::INVALID_REQUEST, &[&first]);
    if is_paged { paged(table) } else { table }
}

fn stock() -> Vec<Case> {
    let right = json!({"storeId": "443", "itemId": "27334"});
    let get = positions(Table::of("daybook.query.v1.StockService/GetStock", right.clone()))
        .empty(reason::INVALID_REQUEST, &["store_id", "item_id"])
        .missing("an item that the store never had", &[("/itemId", json!("NEVER"))])
        .missing("a store that nobody knows", &[("/storeId", json!("NEVER"))]);
    let list = paged(positions(Table::of("daybook.query.v1.StockService/ListStock", json!({}))))
        .wrong("1,001 stores", &[("/storeIds", vec!["443"; 1_001].into())], reason::INVALID_REQUEST, &["store_ids"])
        .wrong(
            "a store with a blank",
            &[("/storeIds", json!(["443", "4 3"]))],
            reason::INVALID_REQUEST,
            &["store_ids[1]"],
        );
    let everything = changed(&right, &[("/storeId", json!("")), ("/itemId", json!("a b"))]);
    let get = Table::of("daybook.query.v1.StockService/GetStock", everything)
        .wrong(
            "everything",
            &[("/atLeastPosition", json!("-9"))],
            reason::INVALID_REQUEST,
            &["store_id", "item_id", "at_least_position"],
        )
        .cases
        .into_iter()
        .chain(get.cases);
    get.chain(list.cases).collect()
}
