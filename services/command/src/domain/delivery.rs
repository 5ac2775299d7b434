//! Recording a delivery: goods arrived from a supplier.

use daybook::{
    command::v1::{RecordDeliveryLine, RecordDeliveryRequest},
    event::v1::{DeliveryLine, DeliveryRecorded, event::Kind},
    ids::{DocumentNumber, ItemId, StoreId, SupplierId},
    money, reason, stream,
};
use daybook_chassis::answer::Refusal;
use jiff::Timestamp;
use tonic::Code;

use super::{
    catalogue::Catalogue,
    check::{self, Check, In, MAX_AMOUNT_MINOR, MAX_LINES},
    decision::{self, NewEvent},
};

/// A well-formed RecordDelivery.
#[derive(Clone, Debug)]
pub struct RecordDelivery {
    message: RecordDeliveryRequest,
    occurred_at: Timestamp,
}

impl RecordDelivery {
    /// Checks the message.
    ///
    /// # Errors
    /// All its faults, with those against the catalogue if there are others.
    pub fn parse(message: RecordDeliveryRequest, catalogue: &Catalogue) -> Result<Self, Refusal> {
        let mut check = Check::default();
        let occurred_at = check.instant("occurred_at", message.occurred_at);
        check.id("store_id", &message.store_id, StoreId::check);
        check.id("supplier_id", &message.supplier_id, SupplierId::check);
        check.id("document_number", &message.document_number, DocumentNumber::check);
        check.optional_currency("currency_code", &message.currency_code);
        if check.count("lines", message.lines.len(), 1..=MAX_LINES) {
            check.sequences(message.lines.iter().map(|line| line.sequence));
            for (index, line) in message.lines.iter().enumerate() {
                check_line(&mut check, index, line);
            }
        }
        match occurred_at {
            Some(occurred_at) if check.is_clean() => Ok(Self { message, occurred_at }),
            _ => {
                check_references(&mut check, &message, catalogue);
                Err(check::refusal(check.violations()))
            }
        }
    }

    /// Decides it.
    ///
    /// # Errors
    /// If store or supplier are not registered, the store trades in another currency, or an item in fewer decimals.
    pub fn decide(&self, catalogue: &Catalogue) -> Result<Vec<NewEvent>, Refusal> {
        let message = &self.message;
        let mut check = Check::default();
        check_references(&mut check, message, catalogue);
        let (Some(store), true) = (catalogue.store(&message.store_id), check.is_clean()) else {
            return Err(check::refusal(check.violations()));
        };
        let (day, date) = decision::business_day(&store.rule, self.occurred_at)?;
        let lines: Vec<_> = message.lines.iter().map(|line| recorded(line, catalogue)).collect();
        let event = DeliveryRecorded {
            store_id: message.store_id.clone(),
            supplier_id: message.supplier_id.clone(),
            document_number: message.document_number.clone(),
            business_day: Some(day),
            currency_code: store.currency.code().to_owned(),
            accepted_cost_minor: lines.iter().map(|line| line.accepted_cost_minor).sum(),
            lines,
        };
        let stream = stream::delivery(&message.supplier_id, &message.document_number);
        let event = NewEvent::first(&stream, Some(self.occurred_at), Kind::DeliveryRecorded(event));
        Ok(vec![event.of_store(&message.store_id).on(date)])
    }

    /// The refusal where the supplier's document number was used for another delivery.
    #[must_use]
    pub fn clash(&self) -> Refusal {
        let RecordDeliveryRequest { supplier_id, document_number, .. } = &self.message;
        let message = format!("delivery {document_number} of supplier {supplier_id} is recorded with other content");
        Refusal::new(Code::AlreadyExists, reason::DUPLICATE_DOCUMENT, message)
    }
}

fn check_line(check: &mut Check, index: usize, line: &RecordDeliveryLine) {
    let field = |name| In("lines", index, name);
    check.id(field("item_id"), &line.item_id, ItemId::check);
    check.quantity(field("delivered_milli"), line.delivered_milli);
    check.quantity_or_none(field("accepted_milli"), line.accepted_milli);
    check.quantity_or_none(field("rejected_milli"), line.rejected_milli);
    let taken = i128::from(line.accepted_milli) + i128::from(line.rejected_milli);
    check.that(taken == i128::from(line.delivered_milli), field("delivered_milli"), reason::QUANTITY_MISMATCH, || {
        format!("must be {taken}, what was accepted and rejected, not {}", line.delivered_milli)
    });
    let explained = line.rejected_milli == 0 || !line.rejection_reason.trim().is_empty();
    check.that(explained, field("rejection_reason"), reason::REQUIRED, || {
        "must be given where something is rejected".to_owned()
    });
    check.optional_text(field("rejection_reason"), &line.rejection_reason);
    check.amount(field("unit_cost_minor"), line.unit_cost_minor);
    let cost = money::cost(line.accepted_milli, line.unit_cost_minor);
    let fits = cost.is_some_and(|cost| cost <= MAX_AMOUNT_MINOR);
    check.that(fits, field("unit_cost_minor"), reason::INVALID_VALUE, || {
        format!("times the accepted quantity must not exceed {MAX_AMOUNT_MINOR} minor units")
    });
}

fn check_references(check: &mut Check, message: &RecordDeliveryRequest, catalogue: &Catalogue) {
    catalogue.check_store(check, &message.store_id, &message.currency_code);
    catalogue.check_supplier(check, &message.supplier_id);
    for (index, line) in message.lines.iter().enumerate().take(MAX_LINES) {
        let field = |name| In("lines", index, name);
        catalogue.check_decimals(check, field("accepted_milli"), &line.item_id, line.accepted_milli);
        catalogue.check_decimals(check, field("rejected_milli"), &line.item_id, line.rejected_milli);
    }
}

fn recorded(line: &RecordDeliveryLine, catalogue: &Catalogue) -> DeliveryLine {
    let frozen = catalogue.freeze(&line.item_id);
    DeliveryLine {
        sequence: line.sequence,
        item_id: line.item_id.clone(),
        category: frozen.category.to_owned(),
        unit_code: frozen.unit_code.to_owned(),
        delivered_milli: line.delivered_milli,
        accepted_milli: line.accepted_milli,
        rejected_milli: line.rejected_milli,
        rejection_reason: line.rejection_reason.clone(),
        unit_cost_minor: line.unit_cost_minor,
        // Within bounds: the message was checked.
        accepted_cost_minor: money::cost(line.accepted_milli, line.unit_cost_minor).unwrap_or(0),
        unknown_item: frozen.unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{item::tests::catalogue, sale::tests::instant};

    fn message() -> RecordDeliveryRequest {
        RecordDeliveryRequest {
            occurred_at: Some(instant("2017-01-02T09:00:00Z")),
            store_id: "443".into(),
            supplier_id: "69".into(),
            document_number: "DN-1".into(),
            lines: vec![RecordDeliveryLine {
                sequence: 1,
                item_id: "1".into(),
                delivered_milli: 7_000,
                accepted_milli: 6_000,
                rejected_milli: 1_000,
                rejection_reason: "BROKEN".into(),
                unit_cost_minor: 146,
            }],
            ..Default::default()
        }
    }

    fn refused(message: RecordDeliveryRequest, catalogue: &Catalogue) -> Refusal {
        RecordDelivery::parse(message, catalogue).and_then(|delivery| delivery.decide(catalogue)).unwrap_err()
    }

    #[test]
    fn when_goods_are_accepted_in_part_then_only_they_cost() {
        let catalogue = catalogue(&["1"]);
        let events = RecordDelivery::parse(message(), &catalogue).unwrap().decide(&catalogue).unwrap();
        let Kind::DeliveryRecorded(delivery) = &events[0].kind else { panic!() };
        assert_eq!((delivery.accepted_cost_minor, delivery.lines[0].rejected_milli), (876, 1_000));
        assert_eq!(delivery.business_day.as_ref().unwrap().date, "2017-01-02");
    }

    #[test]
    fn when_the_cost_has_a_half_then_it_goes_to_the_even_neighbour() {
        let catalogue = catalogue(&[]);
        let mut half = message();
        half.lines[0] = RecordDeliveryLine {
            sequence: 1,
            item_id: "gas".into(),
            delivered_milli: 500,
            accepted_milli: 500,
            unit_cost_minor: 3,
            ..Default::default()
        };
        let events = RecordDelivery::parse(half, &catalogue).unwrap().decide(&catalogue).unwrap();
        let Kind::DeliveryRecorded(delivery) = &events[0].kind else { panic!() };
        assert_eq!((delivery.accepted_cost_minor, delivery.lines[0].unknown_item), (2, true));
    }

    #[test]
    fn when_quantities_disagree_then_the_line_is_named() {
        let mut wrong = message();
        wrong.lines[0].accepted_milli = 5_000;
        let refusal = refused(wrong, &catalogue(&["1"]));
        assert_eq!((refusal.reason, refusal.code), (reason::QUANTITY_MISMATCH, Code::InvalidArgument));
    }

    #[test]
    fn when_a_rejection_has_no_reason_and_pieces_have_decimals_then_both_are_named() {
        let mut wrong = message();
        wrong.lines[0].rejection_reason.clear();
        wrong.lines[0].accepted_milli = 6_500;
        wrong.lines[0].rejected_milli = 500;
        let refusal = refused(wrong, &catalogue(&["1"]));
        let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["lines[0].rejection_reason", "lines[0].accepted_milli", "lines[0].rejected_milli"]);
    }

    #[test]
    fn when_an_empty_message_comes_then_every_field_is_named() {
        let refusal = refused(RecordDeliveryRequest::default(), &Catalogue::default());
        let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["occurred_at", "store_id", "supplier_id", "document_number", "lines"]);
    }

    #[test]
    fn given_neither_store_nor_supplier_then_both_are_named() {
        let refusal = refused(message(), &Catalogue::default());
        let reasons: Vec<_> = refusal.violations.iter().map(|violation| violation.reason).collect();
        assert_eq!(reasons, [reason::UNKNOWN_STORE, reason::UNKNOWN_SUPPLIER]);
        assert_eq!(refusal.code, Code::FailedPrecondition);
    }
}
