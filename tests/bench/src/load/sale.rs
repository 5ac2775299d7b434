//! One sale.

use daybook::{
    command::v1::{LineDiscount, RecordSaleLine, RecordSaleRequest},
    event::v1::{LineTax, Tender, TenderType},
};
use jiff::{Timestamp, civil::Date};
use uuid::Uuid;

use super::world::{CURRENCY, World};

/// The one rate of tax, in millionths, and its code.
pub(super) const TAX_RATE_PPM: i32 = 75_000;
const TAX_CODE: &str = "STD";

/// Why the discounts are given.
const DISCOUNT_REASON: &str = "LOYALTY";

/// A sale with its sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sale {
    pub(crate) request_id: Uuid,
    /// Place in [`World::stores`].
    pub(crate) store: usize,
    pub(crate) register: u32,
    /// Unique in the whole chain; less than 2⁶³.
    pub(crate) receipt: u64,
    pub(crate) occurred_at: Timestamp,
    /// The business date of `occurred_at`.
    pub(crate) date: Date,
    pub(crate) operator: u32,
    /// No item stands on two of them.
    pub(crate) lines: Vec<Line>,
    /// Σ lines of gross − discount + tax.
    pub(crate) total_minor: i64,
}

/// One item of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Place in [`World::items`].
    pub(crate) item: usize,
    pub(crate) quantity_milli: i64,
    pub(crate) gross_minor: i64,
    pub(crate) discount_minor: i64,
    pub(crate) tax_minor: i64,
}

impl Line {
    /// What is paid for it.
    pub(crate) fn total_minor(&self) -> i64 {
        self.gross_minor - self.discount_minor + self.tax_minor
    }

    /// Its tax as messages carry it.
    pub(crate) fn taxes(&self) -> Vec<LineTax> {
        let tax = || LineTax {
            tax_code: TAX_CODE.to_owned(),
            rate_ppm: TAX_RATE_PPM,
            base_minor: self.gross_minor - self.discount_minor,
            amount_minor: self.tax_minor,
        };
        (self.tax_minor > 0).then(tax).into_iter().collect()
    }
}

impl Sale {
    /// The sum over the lines of one of their amounts.
    pub(crate) fn sum(&self, amount: impl Fn(&Line) -> i64) -> i64 {
        self.lines.iter().map(amount).sum()
    }

    /// The sale as a command.
    pub(crate) fn request(&self, world: &World) -> RecordSaleRequest {
        RecordSaleRequest {
            request_id: self.request_id.to_string(),
            occurred_at: Some(prost_types::Timestamp {
                seconds: self.occurred_at.as_second(),
                nanos: self.occurred_at.subsec_nanosecond(),
            }),
            store_id: world.stores[self.store].store_id.clone(),
            register_id: self.register.to_string(),
            receipt_number: self.receipt.to_string(),
            operator_id: self.operator.to_string(),
            register_sequence: 0,
            claimed_business_date: self.date.to_string(),
            currency_code: CURRENCY.to_owned(),
            lines: (1..).zip(&self.lines).map(|(sequence, line)| line.message(sequence, world)).collect(),
            tenders: vec![Tender { r#type: TenderType::Card.into(), amount_minor: self.total_minor }],
            change_minor: 0,
            total_minor: self.total_minor,
        }
    }
}

impl Line {
    fn message(&self, sequence: i32, world: &World) -> RecordSaleLine {
        let discount = || LineDiscount { amount_minor: self.discount_minor, reason_code: DISCOUNT_REASON.to_owned() };
        RecordSaleLine {
            sequence,
            item_id: world.items[self.item].item_id.clone(),
            quantity_milli: self.quantity_milli,
            gross_minor: self.gross_minor,
            discounts: (self.discount_minor > 0).then(discount).into_iter().collect(),
            taxes: self.taxes(),
        }
    }
}
