//! Recording a sale. It has happened: only a malformed or contradictory message is refused.

use daybook::{
    business_day,
    command::v1::{RecordSaleLine, RecordSaleRequest},
    event::v1::{ReceiptKey, SaleLine, SaleRecorded, event::Kind},
    ids::{ItemId, OperatorId, ReceiptNumber, RegisterId, StoreId},
    reason, stream,
};
use daybook_chassis::answer::Refusal;
use jiff::Timestamp;
use tonic::Code;

use super::{
    catalogue::Catalogue,
    check::{self, Check, In, MAX_DISCOUNTS, MAX_LINES, MAX_TAXES},
    decision::NewEvent,
    receipt,
};

/// A well-formed RecordSale whose sums agree.
#[derive(Clone, Debug)]
pub struct RecordSale {
    message: RecordSaleRequest,
    occurred_at: Timestamp,
}

impl RecordSale {
    /// Checks the message.
    ///
    /// # Errors
    /// All its faults, with those against the catalogue if there are others.
    pub fn parse(message: RecordSaleRequest, catalogue: &Catalogue) -> Result<Self, Refusal> {
        let mut check = Check::default();
        let occurred_at = check.instant("occurred_at", message.occurred_at);
        check.id("store_id", &message.store_id, StoreId::check);
        check.id("register_id", &message.register_id, RegisterId::check);
        check.id("receipt_number", &message.receipt_number, ReceiptNumber::check);
        check.optional_id("operator_id", &message.operator_id, OperatorId::check);
        check.that(message.register_sequence >= 0, "register_sequence", reason::INVALID_VALUE, || {
            "must be 0 or more".to_owned()
        });
        let claimed = &message.claimed_business_date;
        let readable = claimed.is_empty() || business_day::parse_date(claimed).is_ok();
        check.that(readable, "claimed_business_date", reason::INVALID_VALUE, || {
            "must be an ISO 8601 date such as 2017-01-02, or empty".to_owned()
        });
        check.optional_currency("currency_code", &message.currency_code);
        if check.count("lines", message.lines.len(), 1..=MAX_LINES) {
            check.sequences(message.lines.iter().map(|line| line.sequence));
            for (index, line) in message.lines.iter().enumerate() {
                check_line(&mut check, index, line);
            }
        }
        receipt::check_tenders(&mut check, "tenders", &message.tenders);
        check.amount("change_minor", message.change_minor);
        check.amount("total_minor", message.total_minor);
        check_sums(&mut check, &message);
        match occurred_at {
            Some(occurred_at) if check.is_clean() => Ok(Self { message, occurred_at }),
            _ => {
                catalogue.check_store(&mut check, &message.store_id, &message.currency_code);
                Err(check::refusal(check.violations()))
            }
        }
    }

    /// Decides it.
    ///
    /// # Errors
    /// If the store is not registered or trades in another currency.
    pub fn decide(&self, catalogue: &Catalogue) -> Result<Vec<NewEvent>, Refusal> {
        let message = &self.message;
        let mut check = Check::default();
        catalogue.check_store(&mut check, &message.store_id, &message.currency_code);
        let (Some(store), true) = (catalogue.store(&message.store_id), check.is_clean()) else {
            return Err(check::refusal(check.violations()));
        };
        let (day, date) = super::decision::business_day(&store.rule, self.occurred_at)?;
        let claimed = &message.claimed_business_date;
        let receipt = ReceiptKey {
            store_id: message.store_id.clone(),
            register_id: message.register_id.clone(),
            business_date: day.date.clone(),
            receipt_number: message.receipt_number.clone(),
        };
        let stream = stream::sale(&receipt);
        let event = SaleRecorded {
            receipt: Some(receipt),
            claimed_business_date: if *claimed == day.date { String::new() } else { claimed.clone() },
            business_day: Some(day),
            operator_id: message.operator_id.clone(),
            register_sequence: message.register_sequence,
            currency_code: store.currency.code().to_owned(),
            lines: message.lines.iter().map(|line| recorded(line, catalogue)).collect(),
            tenders: message.tenders.clone(),
            change_minor: message.change_minor,
            gross_minor: message.lines.iter().map(|line| line.gross_minor).sum(),
            discount_minor: message.lines.iter().map(discount).sum(),
            tax_minor: message.lines.iter().map(tax).sum(),
            total_minor: message.total_minor,
        };
        let event = NewEvent::first(&stream, Some(self.occurred_at), Kind::SaleRecorded(event));
        Ok(vec![event.of_store(&message.store_id).on(date)])
    }

    /// The refusal where the receipt number was used for another sale.
    #[must_use]
    pub fn clash(&self) -> Refusal {
        let RecordSaleRequest { store_id, register_id, receipt_number, .. } = &self.message;
        let message = format!(
            "receipt {receipt_number} of register {register_id} in store {store_id} is recorded with other content"
        );
        Refusal::new(Code::AlreadyExists, reason::DUPLICATE_RECEIPT, message)
    }
}

fn check_line(check: &mut Check, index: usize, line: &RecordSaleLine) {
    let field = |name| In("lines", index, name);
    check.id(field("item_id"), &line.item_id, ItemId::check);
    check.quantity(field("quantity_milli"), line.quantity_milli);
    check.amount(field("gross_minor"), line.gross_minor);
    if check.count(field("discounts"), line.discounts.len(), 0..=MAX_DISCOUNTS) {
        for (nth, discount) in line.discounts.iter().enumerate() {
            let field = |name| In("lines", index, In("discounts", nth, name));
            check.amount(field("amount_minor"), discount.amount_minor);
            check.optional_text(field("reason_code"), &discount.reason_code);
        }
        let (given, gross) =
            (i128_sum(line.discounts.iter().map(|one| one.amount_minor)), i128::from(line.gross_minor));
        check.that(given <= gross, field("discounts"), reason::INVALID_VALUE, || {
            format!("must together not exceed the gross amount {gross}, not be {given}")
        });
    }
    if check.count(field("taxes"), line.taxes.len(), 0..=MAX_TAXES) {
        for (nth, tax) in line.taxes.iter().enumerate() {
            let field = |name| In("lines", index, In("taxes", nth, name));
            check.id(field("tax_code"), &tax.tax_code, ItemId::check);
            check.amount(field("base_minor"), tax.base_minor);
            check.amount(field("amount_minor"), tax.amount_minor);
            check.that((0..=1_000_000).contains(&tax.rate_ppm), field("rate_ppm"), reason::INVALID_VALUE, || {
                format!("must lie between 0 and 1000000 millionths, not {}", tax.rate_ppm)
            });
        }
    }
}

fn check_sums(check: &mut Check, message: &RecordSaleRequest) {
    let lines = i128_sum(message.lines.iter().map(|line| line.gross_minor))
        - i128_sum(message.lines.iter().flat_map(|line| &line.discounts).map(|discount| discount.amount_minor))
        + i128_sum(message.lines.iter().flat_map(|line| &line.taxes).map(|tax| tax.amount_minor));
    let total = i128::from(message.total_minor);
    check.that(lines == total, "total_minor", reason::TOTAL_MISMATCH, || {
        format!("must be {lines}, the sum of the lines' gross − discounts + taxes, not {total}")
    });
    let paid = i128_sum(message.tenders.iter().map(|tender| tender.amount_minor)) - i128::from(message.change_minor);
    check.that(paid == total, "tenders", reason::TENDER_MISMATCH, || {
        format!("must together, less the change, be {total}, the total, not {paid}")
    });
}

fn i128_sum(values: impl Iterator<Item = i64>) -> i128 {
    values.map(i128::from).sum()
}

fn discount(line: &RecordSaleLine) -> i64 {
    line.discounts.iter().map(|discount| discount.amount_minor).sum()
}

fn tax(line: &RecordSaleLine) -> i64 {
    line.taxes.iter().map(|tax| tax.amount_minor).sum()
}

fn recorded(line: &RecordSaleLine, catalogue: &Catalogue) -> SaleLine {
    let frozen = catalogue.freeze(&line.item_id);
    SaleLine {
        sequence: line.sequence,
        item_id: line.item_id.clone(),
        supplier_id: frozen.supplier_id.to_owned(),
        category: frozen.category.to_owned(),
        unit_code: frozen.unit_code.to_owned(),
        quantity_milli: line.quantity_milli,
        gross_minor: line.gross_minor,
        discount_minor: discount(line),
        tax_minor: tax(line),
        taxes: line.taxes.clone(),
        unknown_item: frozen.unknown,
    }
}

#[cfg(test)]
#[path = "sale_tests.rs"]
pub(crate) mod tests;
