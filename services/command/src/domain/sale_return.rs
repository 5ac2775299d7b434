//! Recording a return, with the receipt of the sale or without one.

use std::collections::HashMap;

use daybook::{
    command::v1::{RecordReturnLine, RecordReturnRequest},
    event::v1::{
        BusinessDay, Disposition, ReceiptKey, ReturnLine, ReturnRecorded, SaleLine, SaleReturned, SaleReturnedLine,
        event::Kind,
    },
    ids::{ItemId, OperatorId, ReceiptNumber, RegisterId, StoreId},
    reason, stream,
};
use daybook_chassis::answer::Refusal;
use jiff::Timestamp;
use tonic::Code;

use super::{
    catalogue::Catalogue,
    check::{self, Check, In, MAX_LINES},
    decision::{self, NewEvent},
    receipt,
    sale_state::{Returned, SaleState},
    void,
};

/// A well-formed RecordReturn whose sums agree.
#[derive(Clone, Debug)]
pub struct RecordReturn {
    message: RecordReturnRequest,
    occurred_at: Timestamp,
}

impl RecordReturn {
    /// Checks the message.
    ///
    /// # Errors
    /// All its faults, with those against the catalogue if there are others.
    pub fn parse(message: RecordReturnRequest, catalogue: &Catalogue) -> Result<Self, Refusal> {
        let mut check = Check::default();
        let occurred_at = check.instant("occurred_at", message.occurred_at);
        check.id("store_id", &message.store_id, StoreId::check);
        check.id("register_id", &message.register_id, RegisterId::check);
        check.id("receipt_number", &message.receipt_number, ReceiptNumber::check);
        check.optional_id("operator_id", &message.operator_id, OperatorId::check);
        check.that(message.register_sequence >= 0, "register_sequence", reason::INVALID_VALUE, || {
            "must be 0 or more".to_owned()
        });
        if let Some(original) = &message.original_receipt {
            receipt::check_key(&mut check, "original_receipt", original);
        }
        check.optional_currency("currency_code", &message.currency_code);
        if check.count("lines", message.lines.len(), 1..=MAX_LINES) {
            check.sequences(message.lines.iter().map(|line| line.sequence));
            for (index, line) in message.lines.iter().enumerate() {
                check_line(&mut check, index, line, message.original_receipt.is_some());
            }
        }
        receipt::check_tenders(&mut check, "refunds", &message.refunds);
        check.amount("total_minor", message.total_minor);
        check.text("reason", &message.reason);
        check_sums(&mut check, &message);
        match occurred_at {
            Some(occurred_at) if check.is_clean() => Ok(Self { message, occurred_at }),
            _ => {
                catalogue.check_store(&mut check, &message.store_id, &message.currency_code);
                Err(check::refusal(check.violations()))
            }
        }
    }

    /// Decides it, given the sale if the return refers to one.
    ///
    /// # Errors
    /// If the store is not registered, there is no such sale or line, it was voided, or more would be given back than was
    /// sold and paid.
    pub fn decide(&self, sale: Option<&SaleState>, catalogue: &Catalogue) -> Result<Vec<NewEvent>, Refusal> {
        let message = &self.message;
        let mut check = Check::default();
        catalogue.check_store(&mut check, &message.store_id, &message.currency_code);
        let original = match (&message.original_receipt, sale) {
            (Some(receipt), None) => return Err(void::unknown_sale("original_receipt", receipt)),
            (Some(receipt), Some(state)) => Some((receipt, state)),
            (None, _) => None,
        };
        if let Some((receipt, state)) = original {
            if state.voided {
                let message = format!("{} was voided", stream::sale(receipt));
                return Err(Refusal::new(Code::FailedPrecondition, reason::ALREADY_VOIDED, message));
            }
            self.check_against(&mut check, state, catalogue);
        }
        let (Some(store), true) = (catalogue.store(&message.store_id), check.is_clean()) else {
            return Err(check::refusal(check.violations()));
        };
        let (day, date) = decision::business_day(&store.rule, self.occurred_at)?;
        let receipt = self.receipt(&day);
        let sold = |line: &RecordReturnLine| original.and_then(|(_, state)| sold_line(state, line.original_sequence));
        let recorded = ReturnRecorded {
            receipt: Some(receipt.clone()),
            business_day: Some(day),
            operator_id: message.operator_id.clone(),
            register_sequence: message.register_sequence,
            original_receipt: message.original_receipt.clone(),
            currency_code: store.currency.code().to_owned(),
            lines: message.lines.iter().map(|line| recorded(line, sold(line), catalogue)).collect(),
            refunds: message.refunds.clone(),
            net_minor: message.lines.iter().map(|line| line.net_minor).sum(),
            tax_minor: message.lines.iter().map(|line| line.tax_minor).sum(),
            total_minor: message.total_minor,
            reason: message.reason.clone(),
        };
        let at = Some(self.occurred_at);
        let stream = stream::sale_return(&receipt);
        let mut events =
            vec![NewEvent::first(&stream, at, Kind::ReturnRecorded(recorded)).of_store(&message.store_id).on(date)];
        if let Some((sale_receipt, state)) = original {
            let note = self.note(sale_receipt, &receipt);
            let event = NewEvent::first(&stream::sale(sale_receipt), at, Kind::SaleReturned(note))
                .at_version(state.version.saturating_add(1))
                .of_store(&sale_receipt.store_id);
            events.push(event.on(date));
        }
        Ok(events)
    }

    /// The stream of the sale that is returned.
    #[must_use]
    pub fn sale_stream(&self) -> Option<String> {
        self.message.original_receipt.as_ref().map(stream::sale)
    }

    /// The stream that the return begins; `None` while its store is not registered.
    #[must_use]
    pub fn stream(&self, catalogue: &Catalogue) -> Option<String> {
        let store = catalogue.store(&self.message.store_id)?;
        let (day, _) = decision::business_day(&store.rule, self.occurred_at).ok()?;
        Some(stream::sale_return(&self.receipt(&day)))
    }

    /// The refusal where the return's receipt number was used for another return.
    #[must_use]
    pub fn clash(&self) -> Refusal {
        let RecordReturnRequest { store_id, register_id, receipt_number, .. } = &self.message;
        let message = format!(
            "return {receipt_number} of register {register_id} in store {store_id} is recorded with other content"
        );
        Refusal::new(Code::AlreadyExists, reason::DUPLICATE_RECEIPT, message)
    }

    fn receipt(&self, day: &BusinessDay) -> ReceiptKey {
        ReceiptKey {
            store_id: self.message.store_id.clone(),
            register_id: self.message.register_id.clone(),
            business_date: day.date.clone(),
            receipt_number: self.message.receipt_number.clone(),
        }
    }

    fn check_against(&self, check: &mut Check, state: &SaleState, catalogue: &Catalogue) {
        if let Some(store) = catalogue.store(&self.message.store_id) {
            let currency = &state.sale.currency_code;
            check.that(currency == store.currency.code(), "original_receipt", reason::CURRENCY_MISMATCH, || {
                format!("the sale was paid in {currency}, the store gives back {}", store.currency)
            });
        }
        // Several lines of a return may give back parts of the same line of the sale.
        let mut back: HashMap<i32, Returned> = state.returned.clone();
        for (index, line) in self.message.lines.iter().enumerate() {
            let field = |name| In("lines", index, name);
            let Some(sold) = sold_line(state, line.original_sequence) else {
                let description = format!("the sale has no line {}", line.original_sequence);
                check.fault(field("original_sequence"), reason::UNKNOWN_LINE, description);
                continue;
            };
            let same = line.item_id.is_empty() || line.item_id == sold.item_id;
            check.that(same, field("item_id"), reason::INVALID_VALUE, || {
                format!("must be {}, the item of the sale's line, or empty", sold.item_id)
            });
            let back = back.entry(sold.sequence).or_default();
            let (quantity_left, paid) = (sold.quantity_milli - back.quantity_milli, paid(sold));
            check.that(
                line.quantity_milli <= quantity_left,
                field("quantity_milli"),
                reason::RETURN_EXCEEDS_SOLD,
                || format!("must not exceed {quantity_left}, what was sold and not yet returned"),
            );
            let (amount, amount_left) = (line.net_minor + line.tax_minor, paid - back.amount_minor);
            check.that(amount <= amount_left, field("net_minor"), reason::REFUND_EXCEEDS_PAID, || {
                format!("must with tax not exceed {amount_left}, what was paid and not yet given back")
            });
            back.quantity_milli = back.quantity_milli.saturating_add(line.quantity_milli);
            back.amount_minor = back.amount_minor.saturating_add(amount);
        }
    }

    fn note(&self, sale_receipt: &ReceiptKey, return_receipt: &ReceiptKey) -> SaleReturned {
        let lines = self.message.lines.iter().map(|line| SaleReturnedLine {
            original_sequence: line.original_sequence,
            quantity_milli: line.quantity_milli,
            net_minor: line.net_minor,
            tax_minor: line.tax_minor,
        });
        SaleReturned {
            sale_receipt: Some(sale_receipt.clone()),
            return_receipt: Some(return_receipt.clone()),
            lines: lines.collect(),
        }
    }
}

fn check_line(check: &mut Check, index: usize, line: &RecordReturnLine, with_receipt: bool) {
    let field = |name| In("lines", index, name);
    if with_receipt {
        check.that(line.original_sequence >= 1, field("original_sequence"), reason::REQUIRED, || {
            "must name the line of the sale".to_owned()
        });
        check.optional_id(field("item_id"), &line.item_id, ItemId::check);
    } else {
        check.that(line.original_sequence == 0, field("original_sequence"), reason::INVALID_VALUE, || {
            "must be 0 where original_receipt is absent".to_owned()
        });
        check.id(field("item_id"), &line.item_id, ItemId::check);
    }
    check.quantity(field("quantity_milli"), line.quantity_milli);
    check.amount(field("net_minor"), line.net_minor);
    check.amount(field("tax_minor"), line.tax_minor);
    let known = !matches!(Disposition::try_from(line.disposition), Err(_) | Ok(Disposition::Unspecified));
    check.that(known, field("disposition"), reason::INVALID_VALUE, || "must be one of the dispositions".to_owned());
}

fn check_sums(check: &mut Check, message: &RecordReturnRequest) {
    let lines: i128 = message.lines.iter().map(|line| i128::from(line.net_minor) + i128::from(line.tax_minor)).sum();
    let total = i128::from(message.total_minor);
    check.that(lines == total, "total_minor", reason::TOTAL_MISMATCH, || {
        format!("must be {lines}, the sum of the lines' net and tax, not {total}")
    });
    let refunds: i128 = message.refunds.iter().map(|refund| i128::from(refund.amount_minor)).sum();
    check.that(refunds == total, "refunds", reason::TENDER_MISMATCH, || {
        format!("must together be {total}, the total, not {refunds}")
    });
}

fn sold_line(state: &SaleState, sequence: i32) -> Option<&SaleLine> {
    state.sale.lines.iter().find(|line| line.sequence == sequence)
}

fn paid(line: &SaleLine) -> i64 {
    line.gross_minor - line.discount_minor + line.tax_minor
}

fn recorded(line: &RecordReturnLine, sold: Option<&SaleLine>, catalogue: &Catalogue) -> ReturnLine {
    let (item_id, supplier_id, category, unit_code, unknown_item) = match sold {
        Some(sold) => {
            let sold = void::as_reported(sold, catalogue);
            let unknown = catalogue.item(&sold.item_id).is_none();
            (sold.item_id, sold.supplier_id, sold.category, sold.unit_code, unknown)
        }
        None => {
            let frozen = catalogue.freeze(&line.item_id);
            let text = str::to_owned;
            let (supplier_id, category) = (text(frozen.supplier_id), text(frozen.category));
            (line.item_id.clone(), supplier_id, category, text(frozen.unit_code), frozen.unknown)
        }
    };
    ReturnLine {
        sequence: line.sequence,
        original_sequence: line.original_sequence,
        item_id,
        supplier_id,
        category,
        unit_code,
        quantity_milli: line.quantity_milli,
        net_minor: line.net_minor,
        tax_minor: line.tax_minor,
        disposition: line.disposition,
        unknown_item,
    }
}

#[cfg(test)]
#[path = "sale_return_tests.rs"]
pub(crate) mod tests;
