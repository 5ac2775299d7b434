//! What sales and returns have in common: receipts, tenders, taxes.

use daybook::{
    business_day,
    event::v1::{ReceiptKey, Tender, TenderType},
    ids::{ReceiptNumber, RegisterId, StoreId},
    reason,
};

use super::check::{Check, In, MAX_TENDERS};

/// Checks the key of a receipt that a command refers to. The field is a path such as `receipt`.
pub fn check_key(check: &mut Check, field: &str, key: &ReceiptKey) {
    check.id(format!("{field}.store_id"), &key.store_id, StoreId::check);
    check.id(format!("{field}.register_id"), &key.register_id, RegisterId::check);
    check.id(format!("{field}.receipt_number"), &key.receipt_number, ReceiptNumber::check);
    let date = business_day::parse_date(&key.business_date);
    check.that(date.is_ok(), format!("{field}.business_date"), reason::INVALID_VALUE, || {
        "must be an ISO 8601 date such as 2017-01-02".to_owned()
    });
}

/// Checks payments or refunds.
pub fn check_tenders(check: &mut Check, field: &str, tenders: &[Tender]) {
    if !check.count(field, tenders.len(), 0..=MAX_TENDERS) {
        return;
    }
    for (index, tender) in tenders.iter().enumerate() {
        let known = !matches!(TenderType::try_from(tender.r#type), Err(_) | Ok(TenderType::Unspecified));
        check.that(known, In(field, index, "type"), reason::INVALID_VALUE, || {
            "must be one of the tender types".to_owned()
        });
        let amount = In(field, index, "amount_minor");
        check.that(tender.amount_minor != 0, amount, reason::INVALID_VALUE, || "must be more than 0".to_owned());
        check.amount(amount, tender.amount_minor);
    }
}

/// Sum of the tenders. The amounts are within bounds that no sum of them can leave.
#[must_use]
pub fn sum(tenders: &[Tender]) -> i64 {
    tenders.iter().map(|tender| tender.amount_minor).sum()
}
