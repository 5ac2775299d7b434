//! Sales whose sums agree, and voids of them.

use daybook::{
    command::v1::{LineDiscount, RecordSaleLine, RecordSaleRequest, VoidSaleRequest},
    event::v1::{LineTax, ReceiptKey, Tender, TenderType},
};

use super::{catalogue::NEW_YORK, instant, receipt, request_id};

/// The instant at which sales happen that say nothing else: morning of 2017-01-02 in New York.
pub(crate) const SOLD_AT: &str = "2017-01-02T15:30:00Z";
/// The business date of [`SOLD_AT`].
pub(crate) const SOLD_ON: &str = "2017-01-02";
/// The register of sales that say nothing else.
pub(crate) const REGISTER: &str = "3";

/// A sale in the making.
#[derive(Clone, Debug)]
pub(crate) struct Sale(RecordSaleRequest);

impl Sale {
    /// A sale without lines, in the store in New York.
    pub(crate) fn new(receipt_number: &str) -> Self {
        Self(RecordSaleRequest {
            request_id: request_id(),
            occurred_at: Some(instant(SOLD_AT)),
            store_id: NEW_YORK.to_owned(),
            register_id: REGISTER.to_owned(),
            receipt_number: receipt_number.to_owned(),
            ..Default::default()
        })
    }

    /// The same sale, in another store.
    pub(crate) fn in_store(mut self, store_id: &str) -> Self {
        self.0.store_id = store_id.to_owned();
        self
    }

    /// The same sale, at another register and by an operator.
    pub(crate) fn by(mut self, register_id: &str, operator_id: &str) -> Self {
        self.0.register_id = register_id.to_owned();
        self.0.operator_id = operator_id.to_owned();
        self
    }

    /// The same sale, at another time.
    pub(crate) fn at(mut self, text: &str) -> Self {
        self.0.occurred_at = Some(instant(text));
        self
    }

    /// With one more line.
    pub(crate) fn line(mut self, item_id: &str, quantity_milli: i64, gross_minor: i64) -> Self {
        let sequence = i32::try_from(self.0.lines.len() + 1).expect("few lines");
        let item_id = item_id.to_owned();
        self.0.lines.push(RecordSaleLine { sequence, item_id, quantity_milli, gross_minor, ..Default::default() });
        self
    }

    /// With a discount on the last line.
    pub(crate) fn less(mut self, amount_minor: i64) -> Self {
        let discount = LineDiscount { amount_minor, reason_code: "LOYALTY".to_owned() };
        self.0.lines.last_mut().expect("a line").discounts.push(discount);
        self
    }

    /// With a tax on what the last line costs so far.
    pub(crate) fn taxed(mut self, tax_code: &str, rate_ppm: i32, amount_minor: i64) -> Self {
        let line = self.0.lines.last_mut().expect("a line");
        let base_minor = line.gross_minor - line.discounts.iter().map(|one| one.amount_minor).sum::<i64>();
        line.taxes.push(LineTax { tax_code: tax_code.to_owned(), rate_ppm, base_minor, amount_minor });
        self
    }

    /// With one more payment.
    pub(crate) fn paid(mut self, r#type: TenderType, amount_minor: i64) -> Self {
        self.0.tenders.push(Tender { r#type: r#type.into(), amount_minor });
        self
    }

    /// The command, with its total. What the payments leave open is paid by card, what they exceed is change.
    pub(crate) fn build(mut self) -> RecordSaleRequest {
        let sale = &mut self.0;
        sale.total_minor = sale.lines.iter().map(line_total).sum();
        let open = sale.total_minor - sale.tenders.iter().map(|one| one.amount_minor).sum::<i64>();
        if open > 0 {
            sale.tenders.push(Tender { r#type: TenderType::Card.into(), amount_minor: open });
        }
        sale.change_minor = (-open).max(0);
        self.0
    }
}

fn line_total(line: &RecordSaleLine) -> i64 {
    let discounts: i64 = line.discounts.iter().map(|one| one.amount_minor).sum();
    let taxes: i64 = line.taxes.iter().map(|one| one.amount_minor).sum();
    line.gross_minor - discounts + taxes
}

/// The key of a sale that was made at [`SOLD_AT`] in New York.
pub(crate) fn key_of(receipt_number: &str) -> ReceiptKey {
    receipt(NEW_YORK, REGISTER, SOLD_ON, receipt_number)
}

/// A void of a sale.
pub(crate) fn void(of: ReceiptKey) -> VoidSaleRequest {
    VoidSaleRequest {
        request_id: request_id(),
        occurred_at: Some(instant("2017-01-02T15:45:00Z")),
        receipt: Some(of),
        operator_id: "supervisor".to_owned(),
        reason: "wrong customer".to_owned(),
    }
}
