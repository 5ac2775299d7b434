//! Returns whose sums agree.

use daybook::{
    command::v1::{RecordReturnLine, RecordReturnRequest},
    event::v1::{Disposition, ReceiptKey, Tender, TenderType},
};

use super::{catalogue::NEW_YORK, instant, request_id, sale::REGISTER};

/// The instant at which returns happen that say nothing else: later on the day of the sales.
pub(crate) const RETURNED_AT: &str = "2017-01-02T20:10:00Z";

/// A return in the making.
#[derive(Clone, Debug)]
pub(crate) struct Return(RecordReturnRequest);

impl Return {
    /// A return without lines and without the receipt of a sale, in the store in New York.
    pub(crate) fn new(receipt_number: &str) -> Self {
        Self(RecordReturnRequest {
            request_id: request_id(),
            occurred_at: Some(instant(RETURNED_AT)),
            store_id: NEW_YORK.to_owned(),
            register_id: REGISTER.to_owned(),
            receipt_number: receipt_number.to_owned(),
            reason: "not liked".to_owned(),
            ..Default::default()
        })
    }

    /// The same return, of a sale.
    pub(crate) fn of(mut self, sale: ReceiptKey) -> Self {
        self.0.original_receipt = Some(sale);
        self
    }

    /// The same return, at another time.
    pub(crate) fn at(mut self, text: &str) -> Self {
        self.0.occurred_at = Some(instant(text));
        self
    }

    /// With one more line, of a line of the sale.
    pub(crate) fn line(mut self, original: i32, quantity_milli: i64, net_minor: i64, to: Disposition) -> Self {
        let sequence = i32::try_from(self.0.lines.len() + 1).expect("few lines");
        self.0.lines.push(RecordReturnLine {
            sequence,
            original_sequence: original,
            quantity_milli,
            net_minor,
            disposition: to.into(),
            ..Default::default()
        });
        self
    }

    /// With one more line, of an item that was sold who knows when.
    pub(crate) fn item(mut self, item_id: &str, quantity_milli: i64, net_minor: i64, to: Disposition) -> Self {
        self = self.line(0, quantity_milli, net_minor, to);
        self.0.lines.last_mut().expect("a line").item_id = item_id.to_owned();
        self
    }

    /// With tax given back on the last line.
    pub(crate) fn taxed(mut self, tax_minor: i64) -> Self {
        self.0.lines.last_mut().expect("a line").tax_minor = tax_minor;
        self
    }

    /// The command, with its total, refunded in cash.
    pub(crate) fn build(mut self) -> RecordReturnRequest {
        let back = &mut self.0;
        back.total_minor = back.lines.iter().map(|line| line.net_minor + line.tax_minor).sum();
        if back.total_minor > 0 {
            back.refunds = vec![Tender { r#type: TenderType::Cash.into(), amount_minor: back.total_minor }];
        }
        self.0
    }
}
