//! Given / when / then of RecordReturn.

use daybook::event::v1::{Tender, TenderType};

use super::*;
use crate::domain::{item::tests::catalogue, sale};

/// A note in the stream of a sale that something of a line was returned.
pub(crate) fn note(original_sequence: i32, quantity_milli: i64, net_minor: i64) -> Kind {
    let line = SaleReturnedLine { original_sequence, quantity_milli, net_minor, tax_minor: 0 };
    Kind::SaleReturned(SaleReturned { lines: vec![line], ..Default::default() })
}

/// A sale of two lines: 1.000 of item 1 for 100, 1.000 of item 2 for 50.
fn sold(catalogue: &Catalogue) -> SaleState {
    let lines = vec![sale::tests::line(1, "1", 100), sale::tests::line(2, "2", 50)];
    let sale = sale::tests::record(sale::tests::message(lines), catalogue);
    SaleState::fold([(1, Kind::SaleRecorded(sale))]).unwrap()
}

fn line(sequence: i32, original_sequence: i32, quantity_milli: i64, net_minor: i64) -> RecordReturnLine {
    RecordReturnLine {
        sequence,
        original_sequence,
        quantity_milli,
        net_minor,
        disposition: Disposition::ToStock.into(),
        ..Default::default()
    }
}

fn message(original: Option<ReceiptKey>, lines: Vec<RecordReturnLine>) -> RecordReturnRequest {
    let total_minor = lines.iter().map(|line| line.net_minor + line.tax_minor).sum();
    RecordReturnRequest {
        occurred_at: Some(sale::tests::instant("2017-01-05T15:00:00Z")),
        store_id: "443".into(),
        register_id: "1".into(),
        receipt_number: "R-1".into(),
        original_receipt: original,
        lines,
        refunds: (total_minor > 0)
            .then(|| Tender { r#type: TenderType::Cash.into(), amount_minor: total_minor })
            .into_iter()
            .collect(),
        total_minor,
        reason: "UNWANTED".into(),
        ..Default::default()
    }
}

fn decide(state: &SaleState, lines: Vec<RecordReturnLine>, catalogue: &Catalogue) -> Result<Vec<NewEvent>, Refusal> {
    let message = message(state.sale.receipt.clone(), lines);
    RecordReturn::parse(message, catalogue)?.decide(Some(state), catalogue)
}

#[test]
fn given_a_sale_when_a_line_is_returned_then_the_return_and_a_note_on_the_sale_are_recorded() {
    let catalogue = catalogue(&["1", "2"]);
    let state = sold(&catalogue);
    let events = decide(&state, vec![line(1, 1, 400, 40)], &catalogue).unwrap();
    let Kind::ReturnRecorded(recorded) = &events[0].kind else { panic!() };
    assert_eq!((recorded.lines[0].item_id.as_str(), recorded.lines[0].supplier_id.as_str()), ("1", "69"));
    assert_eq!(recorded.business_day.as_ref().unwrap().date, "2017-01-05");
    assert_eq!(events[1].stream_version, 2);
    assert_eq!(events[1].stream_id, stream::id_of(&stream::sale(state.sale.receipt.as_ref().unwrap())));
}

#[test]
fn given_a_part_returned_when_more_than_the_rest_comes_back_then_both_excesses_are_named() {
    let catalogue = catalogue(&["1", "2"]);
    let state = sold(&catalogue);
    let state = SaleState::fold([(1, Kind::SaleRecorded(state.sale)), (2, note(1, 600, 60))]).unwrap();
    assert!(decide(&state, vec![line(1, 1, 400, 40)], &catalogue).is_ok());
    let refusal = decide(&state, vec![line(1, 1, 401, 41)], &catalogue).unwrap_err();
    let reasons: Vec<_> = refusal.violations.iter().map(|violation| violation.reason).collect();
    assert_eq!(reasons, [reason::RETURN_EXCEEDS_SOLD, reason::REFUND_EXCEEDS_PAID]);
}

#[test]
fn when_two_lines_of_a_return_share_a_line_of_the_sale_then_they_are_summed() {
    let catalogue = catalogue(&["1", "2"]);
    let state = sold(&catalogue);
    let refusal = decide(&state, vec![line(1, 1, 600, 10), line(2, 1, 600, 10)], &catalogue).unwrap_err();
    assert_eq!(refusal.violations[0].field, "lines[1].quantity_milli");
}

#[test]
fn when_the_line_or_the_item_is_not_the_sales_then_it_is_named() {
    let catalogue = catalogue(&["1", "2"]);
    let state = sold(&catalogue);
    let mut other_item = line(2, 2, 1_000, 50);
    other_item.item_id = "1".into();
    let refusal = decide(&state, vec![line(1, 7, 1_000, 0), other_item], &catalogue).unwrap_err();
    let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["lines[0].original_sequence", "lines[1].item_id"]);
}

#[test]
fn given_a_voided_sale_when_it_is_returned_then_it_is_refused() {
    let catalogue = catalogue(&["1", "2"]);
    let mut state = sold(&catalogue);
    state.voided = true;
    assert_eq!(decide(&state, vec![line(1, 1, 1, 0)], &catalogue).unwrap_err().reason, reason::ALREADY_VOIDED);
}

#[test]
fn when_there_is_no_receipt_then_the_supplier_in_force_takes_it() {
    let catalogue = catalogue(&["1"]);
    let mut blind = line(1, 0, 1_000, 90);
    blind.item_id = "1".into();
    let events = RecordReturn::parse(message(None, vec![blind]), &catalogue).unwrap().decide(None, &catalogue).unwrap();
    assert_eq!(events.len(), 1);
    let Kind::ReturnRecorded(recorded) = &events[0].kind else { panic!() };
    assert_eq!((recorded.lines[0].supplier_id.as_str(), recorded.net_minor), ("69", 90));
}

#[test]
fn given_no_sale_when_it_is_returned_then_the_receipt_is_named() {
    let catalogue = catalogue(&["1", "2"]);
    let state = sold(&catalogue);
    let message = message(state.sale.receipt, vec![line(1, 1, 1, 0)]);
    let refusal = RecordReturn::parse(message, &catalogue).unwrap().decide(None, &catalogue).unwrap_err();
    assert_eq!((refusal.reason, refusal.violations[0].field.as_str()), (reason::UNKNOWN_SALE, "original_receipt"));
}

#[test]
fn when_refunds_and_total_disagree_with_the_lines_then_both_are_named() {
    let catalogue = catalogue(&["1"]);
    let mut wrong = message(None, vec![line(1, 0, 1_000, 90)]);
    wrong.total_minor = 80;
    let refusal = RecordReturn::parse(wrong, &catalogue).unwrap_err();
    let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["lines[0].item_id", "total_minor", "refunds"]);
}
