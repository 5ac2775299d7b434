//! A sale as the folds read it: its lines in order of their items, and its texts in the form in which entries hold them. Nearly all
//! events are sales, and four reports need the same of each; so it is read once, and not from the message but from its bytes where
//! those are at hand ([`crate::sale_bytes`]): a message has some sixty texts, each in memory of its own.
//!
//! Nothing is checked here: what of a sale a report cannot use is an error of that report.

use daybook::{
    business_day::parse_date,
    event::v1::{BusinessDay, ReceiptKey, SaleLine, SaleRecorded, SaleVoided, Tender},
    money::Currency,
};
use smallvec::SmallVec;

use crate::{
    checked,
    error::FoldError,
    text::{Text, Word},
};

/// What was recorded of a sale, as far as reports have it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sale {
    pub(crate) place: Place,
    pub(crate) operator_id: Word,
    pub(crate) claims_date: bool,
    pub(crate) sold: Sold,
}

/// Where and when a sale counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Place {
    pub(crate) receipt: Option<Receipt>,
    pub(crate) day: Option<Day>,
    pub(crate) currency_code: Word,
    pub(crate) is_currency: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Receipt {
    pub(crate) store_id: Word,
    pub(crate) register_id: Word,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Day {
    pub(crate) date: Text,
    is_date: bool,
    pub(crate) time_zone: Text,
    pub(crate) cut_off_minutes: i32,
    pub(crate) hour: i32,
}

/// What is sold, or taken back by a void.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sold {
    /// In order of the items; those of one item as they stand on the receipt.
    pub(crate) lines: Vec<Line>,
    /// Of all lines.
    pub(crate) taxes: Vec<Tax>,
    pub(crate) tenders: SmallVec<[Paid; 2]>,
    pub(crate) change_minor: i64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Line {
    pub(crate) item_id: Word,
    pub(crate) supplier_id: Word,
    pub(crate) category: Word,
    pub(crate) unit_code: Word,
    pub(crate) quantity_milli: i64,
    pub(crate) gross_minor: i64,
    pub(crate) discount_minor: i64,
    pub(crate) tax_minor: i64,
    pub(crate) unknown_item: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tax {
    pub(crate) tax_code: Word,
    pub(crate) rate_ppm: i32,
    pub(crate) base_minor: i64,
    pub(crate) amount_minor: i64,
}

/// A payment, by the number of its type.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Paid {
    pub(crate) tender: i32,
    pub(crate) amount_minor: i64,
}

impl From<&SaleRecorded> for Sale {
    fn from(sale: &SaleRecorded) -> Self {
        Self {
            place: Place::new(sale.receipt.as_ref(), sale.business_day.as_ref(), &sale.currency_code),
            operator_id: sale.operator_id.as_str().into(),
            claims_date: !sale.claimed_business_date.is_empty(),
            sold: Sold::new(&sale.lines, &sale.tenders, sale.change_minor),
        }
    }
}

impl Sold {
    /// What a void takes back.
    pub(crate) fn before(void: &SaleVoided) -> Self {
        Self::new(&void.lines, &void.tenders, void.change_minor)
    }

    fn new(lines: &[SaleLine], tenders: &[Tender], change_minor: i64) -> Self {
        let mut sold = Self { change_minor, ..Self::default() };
        sold.lines.reserve_exact(lines.len());
        for line in lines {
            sold.lines.push(Line {
                item_id: line.item_id.as_str().into(),
                supplier_id: line.supplier_id.as_str().into(),
                category: line.category.as_str().into(),
                unit_code: line.unit_code.as_str().into(),
                quantity_milli: line.quantity_milli,
                gross_minor: line.gross_minor,
                discount_minor: line.discount_minor,
                tax_minor: line.tax_minor,
                unknown_item: line.unknown_item,
            });
            sold.taxes.extend(line.taxes.iter().map(|tax| Tax {
                tax_code: tax.tax_code.as_str().into(),
                rate_ppm: tax.rate_ppm,
                base_minor: tax.base_minor,
                amount_minor: tax.amount_minor,
            }));
        }
        let paid = |tender: &Tender| Paid { tender: tender.r#type, amount_minor: tender.amount_minor };
        sold.tenders = tenders.iter().map(paid).collect();
        sold.sort();
        sold
    }

    /// Brings the lines into their order.
    pub(crate) fn sort(&mut self) {
        // Stable: of texts the last line of an item has the word.
        self.lines.sort_by(|one, other| one.item_id.cmp(&other.item_id));
    }

    /// The lines of each item.
    pub(crate) fn by_item(&self) -> impl Iterator<Item = &[Line]> {
        self.lines.chunk_by(|one, next| one.item_id == next.item_id)
    }
}

impl Place {
    pub(crate) fn new(receipt: Option<&ReceiptKey>, day: Option<&BusinessDay>, currency_code: &str) -> Self {
        let receipt = receipt.map(|receipt| Receipt {
            store_id: receipt.store_id.as_str().into(),
            register_id: receipt.register_id.as_str().into(),
        });
        let day = day.map(|day| {
            Day::new(day.date.as_str().into(), day.time_zone.as_str().into(), day.cut_off_minutes, day.hour)
        });
        Self { receipt, day, ..Self::in_currency(currency_code.into()) }
    }

    /// Nowhere yet, in a currency.
    pub(crate) fn in_currency(currency_code: Word) -> Self {
        Self { is_currency: Currency::parse(&currency_code).is_ok(), currency_code, ..Self::default() }
    }

    pub(crate) fn receipt(&self) -> Result<&Receipt, FoldError> {
        self.receipt.as_ref().ok_or(FoldError::Missing { field: "receipt" })
    }

    /// The business day, with a date that is one.
    pub(crate) fn day(&self) -> Result<&Day, FoldError> {
        let day = self.day.as_ref().ok_or(FoldError::Missing { field: "business_day" })?;
        if !day.is_date {
            return Err(FoldError::malformed("business_day.date", &day.date));
        }
        checked::hour(day.hour)?;
        Ok(day)
    }

    pub(crate) fn currency<T: for<'t> From<&'t str>>(&self) -> Result<T, FoldError> {
        if self.is_currency {
            Ok(self.currency_code.as_str().into())
        } else {
            Err(FoldError::malformed("currency_code", &self.currency_code))
        }
    }
}

impl Day {
    pub(crate) fn new(date: Text, time_zone: Text, cut_off_minutes: i32, hour: i32) -> Self {
        Self { is_date: parse_date(&date).is_ok(), date, time_zone, cut_off_minutes, hour }
    }
}
