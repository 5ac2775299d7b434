//! Voiding a sale: it is taken back as a whole, once.

use daybook::{
    command::v1::VoidSaleRequest,
    event::v1::{ReceiptKey, SaleLine, SaleVoided, event::Kind},
    ids::OperatorId,
    reason, stream,
};
use daybook_chassis::answer::Refusal;
use jiff::Timestamp;
use tonic::Code;

use super::{
    catalogue::Catalogue,
    check::{self, Check},
    decision::NewEvent,
    receipt,
    sale_state::SaleState,
};

/// A well-formed VoidSale.
#[derive(Clone, Debug)]
pub struct VoidSale {
    message: VoidSaleRequest,
    receipt: ReceiptKey,
    occurred_at: Timestamp,
}

impl VoidSale {
    /// Checks the message.
    ///
    /// # Errors
    /// All its faults.
    pub fn parse(mut message: VoidSaleRequest) -> Result<Self, Refusal> {
        let mut check = Check::default();
        let occurred_at = check.instant("occurred_at", message.occurred_at);
        let receipt = message.receipt.take();
        match &receipt {
            Some(receipt) => receipt::check_key(&mut check, "receipt", receipt),
            None => check.fault("receipt", reason::REQUIRED, "must name the sale"),
        }
        check.optional_id("operator_id", &message.operator_id, OperatorId::check);
        check.text("reason", &message.reason);
        match (occurred_at, receipt) {
            (Some(occurred_at), Some(receipt)) if check.is_clean() => Ok(Self { message, receipt, occurred_at }),
            _ => Err(check::refusal(check.violations())),
        }
    }

    /// Decides it, given the sale.
    ///
    /// # Errors
    /// If there is no such sale, it was voided before, or something of it was returned.
    pub fn decide(&self, sale: Option<&SaleState>, catalogue: &Catalogue) -> Result<Vec<NewEvent>, Refusal> {
        let stream = self.sale_stream();
        let Some(state) = sale else { return Err(unknown_sale("receipt", &self.receipt)) };
        if state.voided {
            let message = format!("{stream} was voided before");
            return Err(Refusal::new(Code::FailedPrecondition, reason::ALREADY_VOIDED, message));
        }
        if !state.returned.is_empty() {
            let message = format!("something of {stream} was returned; return the rest instead");
            return Err(Refusal::new(Code::FailedPrecondition, reason::HAS_RETURNS, message));
        }
        let sale = &state.sale;
        let event = SaleVoided {
            receipt: Some(self.receipt.clone()),
            business_day: sale.business_day.clone(),
            operator_id: self.message.operator_id.clone(),
            reason: self.message.reason.clone(),
            currency_code: sale.currency_code.clone(),
            lines: sale.lines.iter().map(|line| as_reported(line, catalogue)).collect(),
            tenders: sale.tenders.clone(),
            change_minor: sale.change_minor,
            gross_minor: sale.gross_minor,
            discount_minor: sale.discount_minor,
            tax_minor: sale.tax_minor,
            total_minor: sale.total_minor,
            sale_operator_id: sale.operator_id.clone(),
            date_was_claimed: !sale.claimed_business_date.is_empty(),
        };
        let version = state.version.saturating_add(1);
        let mut event = NewEvent::first(&stream, Some(self.occurred_at), Kind::SaleVoided(event))
            .at_version(version)
            .of_store(&self.receipt.store_id);
        event.business_date = daybook::business_day::parse_date(&self.receipt.business_date).ok();
        Ok(vec![event])
    }

    /// The stream of the sale.
    #[must_use]
    pub fn sale_stream(&self) -> String {
        stream::sale(&self.receipt)
    }
}

/// A line as the reports hold it today: sales of an item that was registered later stand under its supplier.
#[must_use]
pub fn as_reported(line: &SaleLine, catalogue: &Catalogue) -> SaleLine {
    let mut line = line.clone();
    if let Some(item) = catalogue.item(&line.item_id).filter(|_| line.unknown_item) {
        line.supplier_id = item.supplier_id.to_string();
        line.category = item.category.to_string();
    }
    line
}

/// The refusal where there is no such sale.
#[must_use]
pub fn unknown_sale(field: &str, receipt: &ReceiptKey) -> Refusal {
    let mut check = Check::default();
    let description = format!("{} is not recorded", stream::sale(receipt));
    check.fault(field, reason::UNKNOWN_SALE, description);
    check::refusal(check.violations())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{item::tests::catalogue, sale, sale_return};

    fn void(receipt: ReceiptKey) -> VoidSale {
        let occurred_at = Some(sale::tests::instant("2017-01-03T05:30:00Z"));
        let receipt = Some(receipt);
        VoidSale::parse(VoidSaleRequest { occurred_at, receipt, reason: "MISTAKE".into(), ..Default::default() })
            .unwrap()
    }

    fn sold(items: &[&str], catalogue: &Catalogue) -> SaleState {
        let lines = (1..).zip(items).map(|(sequence, item)| sale::tests::line(sequence, item, 100)).collect();
        let sale = sale::tests::record(sale::tests::message(lines), catalogue);
        SaleState::fold([(1, Kind::SaleRecorded(sale))]).unwrap()
    }

    #[test]
    fn given_a_sale_when_it_is_voided_then_all_of_it_is_taken_back_on_its_own_day() {
        let catalogue = catalogue(&["1"]);
        let state = sold(&["1", "1"], &catalogue);
        let void = void(state.sale.receipt.clone().unwrap());
        let events = void.decide(Some(&state), &catalogue).unwrap();
        let Kind::SaleVoided(voided) = &events[0].kind else { panic!() };
        assert_eq!((events[0].stream_version, voided.total_minor, voided.lines.len()), (2, 200, 2));
        assert_eq!(voided.business_day, state.sale.business_day);
    }

    #[test]
    fn given_a_voided_sale_when_it_is_voided_again_then_it_is_refused() {
        let catalogue = catalogue(&["1"]);
        let state = sold(&["1"], &catalogue);
        let void = void(state.sale.receipt.clone().unwrap());
        let voided = void.decide(Some(&state), &catalogue).unwrap().remove(0).kind;
        let state = SaleState::fold([(1, Kind::SaleRecorded(state.sale)), (2, voided)]).unwrap();
        assert_eq!(void.decide(Some(&state), &catalogue).unwrap_err().reason, reason::ALREADY_VOIDED);
    }

    #[test]
    fn given_no_sale_when_it_is_voided_then_it_is_named() {
        let void = void(ReceiptKey {
            store_id: "443".into(),
            register_id: "1".into(),
            business_date: "2017-01-02".into(),
            receipt_number: "7".into(),
        });
        assert_eq!(void.decide(None, &Catalogue::default()).unwrap_err().reason, reason::UNKNOWN_SALE);
    }

    #[test]
    fn given_a_returned_line_when_the_sale_is_voided_then_it_is_refused() {
        let catalogue = catalogue(&["1"]);
        let state = sold(&["1"], &catalogue);
        let note = sale_return::tests::note(1, 1_000, 100);
        let void = void(state.sale.receipt.clone().unwrap());
        let state = SaleState::fold([(1, Kind::SaleRecorded(state.sale)), (2, note)]).unwrap();
        assert_eq!(void.decide(Some(&state), &catalogue).unwrap_err().reason, reason::HAS_RETURNS);
    }

    #[test]
    fn given_an_item_registered_after_its_sale_when_the_sale_is_voided_then_its_supplier_gives_it_back() {
        let state = sold(&["404"], &catalogue(&[]));
        let void = void(state.sale.receipt.clone().unwrap());
        let events = void.decide(Some(&state), &catalogue(&["404"])).unwrap();
        let Kind::SaleVoided(voided) = &events[0].kind else { panic!() };
        assert_eq!(voided.lines[0].supplier_id, "69");
    }

    #[test]
    fn when_an_empty_message_comes_then_every_field_is_named() {
        let refusal = VoidSale::parse(VoidSaleRequest::default()).unwrap_err();
        let fields: Vec<_> = refusal.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["occurred_at", "receipt", "reason"]);
    }
}
