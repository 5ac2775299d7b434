//! Given / when / then of RecordSale.

use daybook::{
    command::v1::LineDiscount,
    event::v1::{LineTax, Tender, TenderType},
    ids::UNASSIGNED,
};

use super::*;
use crate::domain::item::tests::catalogue;

pub(crate) fn instant(text: &str) -> prost_types::Timestamp {
    let instant: Timestamp = text.parse().unwrap();
    prost_types::Timestamp { seconds: instant.as_second(), nanos: instant.subsec_nanosecond() }
}

pub(crate) fn line(sequence: i32, item_id: &str, gross_minor: i64) -> RecordSaleLine {
    RecordSaleLine { sequence, item_id: item_id.into(), quantity_milli: 1_000, gross_minor, ..Default::default() }
}

pub(crate) fn message(lines: Vec<RecordSaleLine>) -> RecordSaleRequest {
    let total_minor = lines.iter().map(|line| line.gross_minor - discount(line) + tax(line)).sum();
    RecordSaleRequest {
        occurred_at: Some(instant("2017-01-03T04:59:59Z")),
        store_id: "443".into(),
        register_id: "3".into(),
        receipt_number: "31198892591".into(),
        lines,
        tenders: vec![Tender { r#type: TenderType::Card.into(), amount_minor: total_minor }],
        total_minor,
        ..Default::default()
    }
}

pub(crate) fn record(message: RecordSaleRequest, catalogue: &Catalogue) -> SaleRecorded {
    let mut events = RecordSale::parse(message, catalogue).unwrap().decide(catalogue).unwrap();
    assert_eq!(events.len(), 1);
    match events.remove(0).kind {
        Kind::SaleRecorded(sale) => sale,
        other => panic!("{other:?}"),
    }
}

fn refused(message: RecordSaleRequest, catalogue: &Catalogue) -> Refusal {
    RecordSale::parse(message, catalogue).and_then(|sale| sale.decide(catalogue)).unwrap_err()
}

#[test]
fn given_known_items_when_a_sale_is_recorded_then_supplier_category_and_day_are_frozen_on_it() {
    let mut discounted = line(1, "1", 629);
    discounted.discounts = vec![LineDiscount { amount_minor: 117, reason_code: "LOYALTY".into() }];
    let sale = record(message(vec![discounted, line(2, "2", 100)]), &catalogue(&["1", "2"]));
    assert_eq!((sale.gross_minor, sale.discount_minor, sale.total_minor), (729, 117, 612));
    let day = sale.business_day.unwrap();
    assert_eq!((day.date.as_str(), day.hour, day.time_zone.as_str()), ("2017-01-02", 23, "America/New_York"));
    assert_eq!((sale.lines[0].supplier_id.as_str(), sale.lines[0].category.as_str()), ("69", "GROCERY"));
    assert_eq!(sale.receipt.unwrap().business_date, "2017-01-02");
}

#[test]
fn given_an_unknown_item_when_a_sale_is_recorded_then_it_is_taken_under_unassigned() {
    let catalogue = catalogue(&["1"]);
    let command = RecordSale::parse(message(vec![line(1, "1", 100), line(2, "404", 50)]), &catalogue).unwrap();
    let events = command.decide(&catalogue).unwrap();
    let Kind::SaleRecorded(sale) = &events[0].kind else { panic!() };
    assert_eq!((sale.lines[1].supplier_id.as_str(), sale.lines[1].unknown_item), (UNASSIGNED, true));
    let answer = crate::domain::decision::accepted(&events[0].kind, 7, false);
    assert_eq!(answer.warnings[0].field, "lines[1].item_id");
}

#[test]
fn given_a_register_with_a_wrong_date_when_a_sale_is_recorded_then_the_claim_is_kept() {
    let mut sale = message(vec![line(1, "1", 100)]);
    sale.claimed_business_date = "2017-01-03".into();
    let recorded = record(sale.clone(), &catalogue(&["1"]));
    assert_eq!(recorded.claimed_business_date, "2017-01-03");
    sale.claimed_business_date = "2017-01-02".into();
    assert_eq!(record(sale, &catalogue(&["1"])).claimed_business_date, "");
}

#[test]
fn when_taxes_are_charged_then_they_are_part_of_the_total() {
    let mut taxed = line(1, "1", 1_000);
    taxed.taxes = vec![LineTax { tax_code: "STD".into(), rate_ppm: 75_000, base_minor: 1_000, amount_minor: 75 }];
    let sale = record(message(vec![taxed]), &catalogue(&["1"]));
    assert_eq!((sale.tax_minor, sale.total_minor), (75, 1_075));
}

#[test]
fn when_nothing_is_to_be_paid_then_there_is_no_tender() {
    let mut free = message(vec![line(1, "1", 0)]);
    free.tenders.clear();
    assert_eq!(record(free, &catalogue(&["1"])).total_minor, 0);
}

#[test]
fn when_cash_is_given_back_then_tenders_less_change_are_the_total() {
    let mut cash = message(vec![line(1, "1", 640)]);
    cash.tenders = vec![Tender { r#type: TenderType::Cash.into(), amount_minor: 1_000 }];
    cash.change_minor = 360;
    assert_eq!(record(cash, &catalogue(&["1"])).change_minor, 360);
}

#[test]
fn when_the_sums_disagree_then_both_are_named() {
    let mut wrong = message(vec![line(1, "1", 100)]);
    wrong.total_minor = 90;
    let refusal = refused(wrong, &catalogue(&["1"]));
    let reasons: Vec<_> = refusal.violations.iter().map(|violation| violation.reason).collect();
    assert_eq!(reasons, [reason::TOTAL_MISMATCH, reason::TENDER_MISMATCH]);
    assert_eq!(refusal.code, Code::InvalidArgument);
}

#[test]
fn given_an_unknown_store_when_the_message_is_malformed_too_then_both_are_in_one_answer() {
    let mut wrong = message(vec![line(1, "1", 100)]);
    wrong.store_id = "999".into();
    assert_eq!(refused(wrong.clone(), &catalogue(&[])).reason, reason::UNKNOWN_STORE);
    wrong.lines[0].quantity_milli = 0;
    wrong.lines[0].item_id = "a/b".into();
    let refusal = refused(wrong, &catalogue(&[]));
    let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["lines[0].item_id", "lines[0].quantity_milli", "store_id"]);
}

#[test]
fn when_lines_repeat_a_number_or_a_discount_exceeds_its_line_then_they_are_named() {
    let mut wrong = message(vec![line(1, "1", 100), line(1, "2", 100)]);
    wrong.lines[1].discounts = vec![LineDiscount { amount_minor: 200, reason_code: String::new() }];
    wrong.total_minor = 0;
    wrong.tenders.clear();
    let refusal = refused(wrong, &catalogue(&[]));
    let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["lines[1].sequence", "lines[1].discounts"]);
}

#[test]
fn when_another_currency_is_stated_then_the_stores_is_named() {
    let mut wrong = message(vec![line(1, "1", 100)]);
    wrong.currency_code = "EUR".into();
    assert_eq!(refused(wrong, &catalogue(&["1"])).reason, reason::CURRENCY_MISMATCH);
}

#[test]
fn when_an_empty_message_comes_then_every_field_is_named() {
    let refusal = refused(RecordSaleRequest::default(), &Catalogue::default());
    let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["occurred_at", "store_id", "register_id", "receipt_number", "lines"]);
}

#[test]
fn when_amounts_are_as_large_as_they_can_be_then_nothing_overflows() {
    let mut wrong = message(vec![line(1, "1", 100)]);
    wrong.lines = (1..=5_000).map(|sequence| line(sequence, "1", i64::MAX)).collect();
    wrong.tenders = vec![Tender { r#type: TenderType::Cash.into(), amount_minor: i64::MIN }; 100];
    wrong.change_minor = i64::MIN;
    let violations = refused(wrong, &catalogue(&["1"])).violations;
    let gross = violations.iter().find(|violation| violation.field == "lines[0].gross_minor").unwrap();
    assert!(gross.description.ends_with("also at index 1–4999"), "{violations:?}");
}
