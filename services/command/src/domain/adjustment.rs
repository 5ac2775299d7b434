//! Adjusting stock: goods change their state for a stated reason.

use daybook::{
    command::v1::{AdjustStockLine, AdjustStockRequest},
    event::v1::{AdjustmentLine, StockAdjusted, StockState, event::Kind},
    ids::{DocumentNumber, ItemId, OperatorId, StoreId},
    reason, stream,
};
use daybook_chassis::answer::Refusal;
use jiff::Timestamp;
use tonic::Code;

use super::{
    catalogue::Catalogue,
    check::{self, Check, In, MAX_LINES},
    decision::{self, NewEvent},
};

/// A well-formed AdjustStock.
#[derive(Clone, Debug)]
pub struct AdjustStock {
    message: AdjustStockRequest,
    occurred_at: Timestamp,
}

impl AdjustStock {
    /// Checks the message.
    ///
    /// # Errors
    /// All its faults, with those against the catalogue if there are others.
    pub fn parse(message: AdjustStockRequest, catalogue: &Catalogue) -> Result<Self, Refusal> {
        let mut check = Check::default();
        let occurred_at = check.instant("occurred_at", message.occurred_at);
        check.id("store_id", &message.store_id, StoreId::check);
        check.id("document_number", &message.document_number, DocumentNumber::check);
        check.optional_id("operator_id", &message.operator_id, OperatorId::check);
        check.text("reason", &message.reason);
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
    /// If the store is not registered, or an item is traded in fewer decimals.
    pub fn decide(&self, catalogue: &Catalogue) -> Result<Vec<NewEvent>, Refusal> {
        let message = &self.message;
        let mut check = Check::default();
        check_references(&mut check, message, catalogue);
        let (Some(store), true) = (catalogue.store(&message.store_id), check.is_clean()) else {
            return Err(check::refusal(check.violations()));
        };
        let (day, date) = decision::business_day(&store.rule, self.occurred_at)?;
        let event = StockAdjusted {
            store_id: message.store_id.clone(),
            document_number: message.document_number.clone(),
            business_day: Some(day),
            operator_id: message.operator_id.clone(),
            reason: message.reason.clone(),
            lines: message.lines.iter().map(|line| recorded(line, catalogue)).collect(),
            currency_code: store.currency.code().to_owned(),
        };
        let stream = stream::adjustment(&message.store_id, &message.document_number);
        let event = NewEvent::first(&stream, Some(self.occurred_at), Kind::StockAdjusted(event));
        Ok(vec![event.of_store(&message.store_id).on(date)])
    }

    /// The refusal where the store's document number was used for another adjustment.
    #[must_use]
    pub fn clash(&self) -> Refusal {
        let AdjustStockRequest { store_id, document_number, .. } = &self.message;
        let message = format!("adjustment {document_number} of store {store_id} is recorded with other content");
        Refusal::new(Code::AlreadyExists, reason::DUPLICATE_DOCUMENT, message)
    }
}

fn check_line(check: &mut Check, index: usize, line: &AdjustStockLine) {
    let field = |name| In("lines", index, name);
    check.id(field("item_id"), &line.item_id, ItemId::check);
    check.quantity(field("quantity_milli"), line.quantity_milli);
    for (name, state) in [("from_state", line.from_state), ("to_state", line.to_state)] {
        let known = !matches!(StockState::try_from(state), Err(_) | Ok(StockState::Unspecified));
        check.that(known, field(name), reason::INVALID_VALUE, || "must be one of the states of stock".to_owned());
    }
    check.that(line.from_state != line.to_state, field("to_state"), reason::INVALID_VALUE, || {
        "must not be the state that the goods are in already".to_owned()
    });
}

fn check_references(check: &mut Check, message: &AdjustStockRequest, catalogue: &Catalogue) {
    catalogue.check_store(check, &message.store_id, "");
    for (index, line) in message.lines.iter().enumerate().take(MAX_LINES) {
        let field = In("lines", index, "quantity_milli");
        catalogue.check_decimals(check, field, &line.item_id, line.quantity_milli);
    }
}

fn recorded(line: &AdjustStockLine, catalogue: &Catalogue) -> AdjustmentLine {
    let frozen = catalogue.freeze(&line.item_id);
    AdjustmentLine {
        sequence: line.sequence,
        item_id: line.item_id.clone(),
        supplier_id: frozen.supplier_id.to_owned(),
        category: frozen.category.to_owned(),
        unit_code: frozen.unit_code.to_owned(),
        quantity_milli: line.quantity_milli,
        from_state: line.from_state,
        to_state: line.to_state,
        unknown_item: frozen.unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{item::tests::catalogue, sale::tests::instant};

    fn message() -> AdjustStockRequest {
        AdjustStockRequest {
            occurred_at: Some(instant("2017-01-02T09:00:00Z")),
            store_id: "443".into(),
            document_number: "A-1".into(),
            reason: "BROKEN".into(),
            lines: vec![AdjustStockLine {
                sequence: 1,
                item_id: "1".into(),
                quantity_milli: 2_000,
                from_state: StockState::OnHand.into(),
                to_state: StockState::Unsellable.into(),
            }],
            ..Default::default()
        }
    }

    #[test]
    fn when_goods_break_then_they_change_their_state() {
        let catalogue = catalogue(&["1"]);
        let events = AdjustStock::parse(message(), &catalogue).unwrap().decide(&catalogue).unwrap();
        let Kind::StockAdjusted(adjusted) = &events[0].kind else { panic!() };
        assert_eq!((adjusted.lines[0].supplier_id.as_str(), adjusted.lines[0].quantity_milli), ("69", 2_000));
    }

    #[test]
    fn when_a_line_moves_nothing_nowhere_then_all_of_it_is_named() {
        let mut wrong = message();
        wrong.reason.clear();
        wrong.lines[0] =
            AdjustStockLine { sequence: 1, item_id: "1".into(), from_state: 9, to_state: 9, quantity_milli: 0 };
        let refusal = AdjustStock::parse(wrong, &catalogue(&["1"])).unwrap_err();
        let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
        let expected =
            ["reason", "lines[0].quantity_milli", "lines[0].from_state", "lines[0].to_state", "lines[0].to_state"];
        assert_eq!(fields, expected);
    }
}
