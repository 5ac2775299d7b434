//! Nonsense for SaleService.

use daybook::reason;
use serde_json::{Value, json};

use super::{
    case::{Case, Table},
    catalogue::REQUEST_ID,
    goods::lines_of,
};

const SALE: &str = "daybook.command.v1.SaleService/RecordSale";
const VOID: &str = "daybook.command.v1.SaleService/VoidSale";
const RETURN: &str = "daybook.command.v1.SaleService/RecordReturn";

pub(super) fn sale() -> Value {
    json!({
        "requestId": REQUEST_ID, "occurredAt": "2017-01-02T15:30:00Z", "storeId": "443", "registerId": "3",
        "receiptNumber": "R-NEW", "operatorId": "anna", "registerSequence": "17", "claimedBusinessDate": "2017-01-02",
        "currencyCode": "USD",
        "lines": [
            {"sequence": 1, "itemId": "27334", "quantityMilli": "2000", "grossMinor": "629",
                "discounts": [{"amountMinor": "117", "reasonCode": "LOYALTY"}],
                "taxes": [{"taxCode": "STD", "ratePpm": 75000, "baseMinor": "512", "amountMinor": "38"}]},
            {"sequence": 2, "itemId": "CHEESE", "quantityMilli": "333", "grossMinor": "299"},
        ],
        "tenders": [
            {"type": "TENDER_TYPE_CASH", "amountMinor": "900"},
            {"type": "TENDER_TYPE_MANUFACTURER_COUPON", "amountMinor": "49"},
        ],
        "changeMinor": "100", "totalMinor": "849",
    })
}

/// Of the sale `R-1`, which the test has recorded: 3,000 of item 27334 for 750.
pub(super) fn void() -> Value {
    json!({
        "requestId": REQUEST_ID, "occurredAt": "2017-01-02T15:45:00Z", "operatorId": "anna", "reason": "wrong customer",
        "receipt": {"storeId": "443", "registerId": "3", "businessDate": "2017-01-02", "receiptNumber": "R-1"},
    })
}

pub(super) fn return_with_receipt() -> Value {
    json!({
        "requestId": REQUEST_ID, "occurredAt": "2017-01-02T20:10:00Z", "storeId": "443", "registerId": "3",
        "receiptNumber": "B-NEW", "operatorId": "anna", "currencyCode": "USD", "reason": "not liked",
        "originalReceipt": {"storeId": "443", "registerId": "3", "businessDate": "2017-01-02", "receiptNumber": "R-1"},
        "lines": [{"sequence": 1, "originalSequence": 1, "quantityMilli": "1000", "netMinor": "250",
            "disposition": "DISPOSITION_TO_STOCK"}],
        "refunds": [{"type": "TENDER_TYPE_CASH", "amountMinor": "250"}],
        "totalMinor": "250",
    })
}

pub(super) fn cases() -> Vec<Case> {
    let mut sales = sales();
    sales.cases.extend(sums().cases);
    let mut cases = sales.streamed("daybook.command.v1.SaleService/UploadSales", "sale");
    cases.extend(sales.cases);
    cases.extend(voids().cases);
    cases.extend(returns().cases);
    cases
}

fn sales() -> Table {
    Table::of(SALE, sale())
        .empty(
            reason::INVALID_REQUEST,
            &["request_id", "occurred_at", "store_id", "register_id", "receipt_number", "lines"],
        )
        .unfit("a store that nobody knows", &[("/storeId", json!("1"))], reason::UNKNOWN_STORE, &["store_id"])
        .unfit(
            "the currency of another store",
            &[("/currencyCode", json!("EUR"))],
            reason::CURRENCY_MISMATCH,
            &["currency_code"],
        )
        .wrong(
            "what is malformed and what is unknown",
            &[("/storeId", json!("1")), ("/operatorId", json!("?"))],
            reason::INVALID_REQUEST,
            &["operator_id", "store_id"],
        )
        .bad("a register with a blank", "/registerId", json!("3 a"), "register_id")
        .bad("a receipt with a separator", "/receiptNumber", json!("R/1"), "receipt_number")
        .bad("a number below nothing", "/registerSequence", json!("-1"), "register_sequence")
        .bad("a day that is not", "/claimedBusinessDate", json!("2017-02-30"), "claimed_business_date")
        .bad("a date of another style", "/claimedBusinessDate", json!("02/01/2017"), "claimed_business_date")
        .bad("before time began", "/occurredAt", json!("1969-12-31T23:59:59.999Z"), "occurred_at")
        .wrong(
            "5,001 lines",
            &[("/lines", lines_of(&sale(), 5_001))],
            reason::INVALID_REQUEST,
            &["lines", "total_minor"],
        )
        .wrong("a number twice", &[("/lines/1/sequence", json!(1))], reason::DUPLICATE_SEQUENCE, &["lines[1].sequence"])
        .bad("nothing is sold", "/lines/0/quantityMilli", json!("0"), "lines[0].quantity_milli")
        .bad("less than nothing is sold", "/lines/0/quantityMilli", json!("-2000"), "lines[0].quantity_milli")
        .bad("an item with a wildcard", "/lines/0/itemId", json!("27334.>"), "lines[0].item_id")
        .bad("a tax of more than all", "/lines/0/taxes/0/ratePpm", json!(1_000_001), "lines[0].taxes[0].rate_ppm")
        .bad("a tax on less than nothing", "/lines/0/taxes/0/baseMinor", json!("-1"), "lines[0].taxes[0].base_minor")
        .wrong(
            "a tax without a code",
            &[("/lines/0/taxes/0/taxCode", json!(""))],
            reason::REQUIRED,
            &["lines[0].taxes[0].tax_code"],
        )
        .bad(
            "a reason with a line break",
            "/lines/0/discounts/0/reasonCode",
            json!("a\nb"),
            "lines[0].discounts[0].reason_code",
        )
        .bad("a payment by nothing", "/tenders/1/type", json!("TENDER_TYPE_UNSPECIFIED"), "tenders[1].type")
        .bad("a payment by who knows what", "/tenders/1/type", json!(77), "tenders[1].type")
}

fn sums() -> Table {
    let largest = || json!(i64::MAX.to_string());
    Table::of(SALE, sale())
        .wrong("no payment", &[("/tenders", json!([]))], reason::TENDER_MISMATCH, &["tenders"])
        .wrong("a cent too much", &[("/tenders/0/amountMinor", json!("901"))], reason::TENDER_MISMATCH, &["tenders"])
        .wrong(
            "another total",
            &[("/totalMinor", json!("850")), ("/changeMinor", json!("99"))],
            reason::TOTAL_MISMATCH,
            &["total_minor"],
        )
        .wrong(
            "a total that nothing agrees with",
            &[("/totalMinor", json!("0"))],
            reason::INVALID_REQUEST,
            &["total_minor", "tenders"],
        )
        .wrong(
            "a payment of nothing",
            &[("/tenders/1/amountMinor", json!("0")), ("/changeMinor", json!("51"))],
            reason::INVALID_VALUE,
            &["tenders[1].amount_minor"],
        )
        .wrong(
            "change below nothing",
            &[("/changeMinor", json!("-1")), ("/tenders/0/amountMinor", json!("799"))],
            reason::INVALID_VALUE,
            &["change_minor"],
        )
        .wrong(
            "a discount of more than the price",
            &[
                ("/lines/1/discounts", json!([{"amountMinor": "200"}, {"amountMinor": "100"}])),
                ("/totalMinor", json!("549")),
                ("/changeMinor", json!("400")),
            ],
            reason::INVALID_VALUE,
            &["lines[1].discounts"],
        )
        .wrong(
            "21 discounts and 11 taxes",
            &[
                ("/lines/1/discounts", vec![json!({}); 21].into()),
                ("/lines/1/taxes", vec![json!({"taxCode": "A"}); 11].into()),
            ],
            reason::OUT_OF_BOUNDS,
            &["lines[1].discounts", "lines[1].taxes"],
        )
        .wrong(
            "101 payments",
            &[
                ("/tenders", vec![json!({"type": "TENDER_TYPE_CASH", "amountMinor": "9"}); 101].into()),
                ("/changeMinor", json!("60")),
            ],
            reason::OUT_OF_BOUNDS,
            &["tenders"],
        )
        .wrong(
            "amounts whose sum no number holds",
            &[
                ("/lines/0/grossMinor", largest()),
                ("/lines/1/grossMinor", largest()),
                ("/lines/0/taxes/0/amountMinor", largest()),
                ("/lines/0/discounts/0/amountMinor", json!(i64::MIN.to_string())),
                ("/tenders/0/amountMinor", largest()),
                ("/tenders/1/amountMinor", largest()),
                ("/changeMinor", json!(i64::MIN.to_string())),
                ("/totalMinor", largest()),
            ],
            reason::INVALID_REQUEST,
            &[
                "lines[0].gross_minor",
                "lines[1].gross_minor",
                "lines[0].taxes[0].amount_minor",
                "lines[0].discounts[0].amount_minor",
                "tenders[0].amount_minor",
                "tenders[1].amount_minor",
                "change_minor",
                "total_minor",
                "tenders",
            ],
        )
}

fn voids() -> Table {
    let key = ["receipt.store_id", "receipt.register_id", "receipt.receipt_number", "receipt.business_date"];
    Table::of(VOID, void())
        .empty(reason::REQUIRED, &["request_id", "occurred_at", "receipt", "reason"])
        .wrong("an empty key", &[("/receipt", json!({}))], reason::INVALID_REQUEST, &key)
        .bad("a day that is not", "/receipt/businessDate", json!("2017-13-01"), "receipt.business_date")
        .bad("an operator with a blank", "/operatorId", json!("a b"), "operator_id")
        .bad("a reason with a bell", "/reason", json!("\u{7}"), "reason")
        .unfit("a sale that is not", &[("/receipt/receiptNumber", json!("R-2"))], reason::UNKNOWN_SALE, &["receipt"])
        .unfit(
            "a sale of another day",
            &[("/receipt/businessDate", json!("2017-01-03"))],
            reason::UNKNOWN_SALE,
            &["receipt"],
        )
}

fn returns() -> Table {
    let line = |name: &str, value: Value| (format!("/lines/0/{name}"), value);
    let (item, original) = (line("itemId", json!("CHEESE")), line("originalSequence", json!(0)));
    Table::of(RETURN, return_with_receipt())
        .empty(
            reason::INVALID_REQUEST,
            &["request_id", "occurred_at", "store_id", "register_id", "receipt_number", "lines", "reason"],
        )
        .unfit("a store that nobody knows", &[("/storeId", json!("1"))], reason::UNKNOWN_STORE, &["store_id"])
        .unfit(
            "a sale that is not",
            &[("/originalReceipt/receiptNumber", json!("R-2"))],
            reason::UNKNOWN_SALE,
            &["original_receipt"],
        )
        .unfit(
            "a line that is not",
            &[("/lines/0/originalSequence", json!(2))],
            reason::UNKNOWN_LINE,
            &["lines[0].original_sequence"],
        )
        .wrong("another item", &[(&item.0, item.1)], reason::INVALID_VALUE, &["lines[0].item_id"])
        .wrong("no line of the sale", &[(&original.0, original.1)], reason::REQUIRED, &["lines[0].original_sequence"])
        .wrong(
            "a line of no sale",
            &[("/originalReceipt", Value::Null)],
            reason::INVALID_REQUEST,
            &["lines[0].original_sequence", "lines[0].item_id"],
        )
        .unfit(
            "more than was sold",
            &[("/lines/0/quantityMilli", json!("3001"))],
            reason::RETURN_EXCEEDS_SOLD,
            &["lines[0].quantity_milli"],
        )
        .wrong("to nowhere", &[("/lines/0/disposition", json!(0))], reason::INVALID_VALUE, &["lines[0].disposition"])
        .wrong("no refund", &[("/refunds", json!([]))], reason::TENDER_MISMATCH, &["refunds"])
        .wrong("another total", &[("/totalMinor", json!("251"))], reason::INVALID_REQUEST, &["total_minor", "refunds"])
        .wrong(
            "an empty key",
            &[("/originalReceipt", json!({}))],
            reason::INVALID_REQUEST,
            &[
                "original_receipt.store_id",
                "original_receipt.register_id",
                "original_receipt.receipt_number",
                "original_receipt.business_date",
            ],
        )
}
