//! What events change in store-days: events in, figures out. How they come into the document is said in `store_day_fold`.

use compact_str::{ToCompactString as _, format_compact};
use daybook::event::v1::{
    AdjustmentLine, BusinessDay, DeliveryLine, DeliveryRecorded, ReturnLine, ReturnRecorded, SaleVoided, StockAdjusted,
    TenderType, UnassignedSalesMoved, event::Kind,
};
use smallvec::SmallVec;

use crate::{
    category_sales, checked,
    document::Key,
    error::FoldError,
    figures::{
        ItemMoves, ItemSales, ReceivingFigures, ReturnFigures, SalesFigures, StoreDayCounts, TaxFigures, TenderFigures,
        VoidFigures,
    },
    rare::Rare,
    sale::{Line, Paid, Sale, Sold, Tax},
    stock::adjustment,
    store_day_item::StoreDayItem,
    sum::{Sum as _, later, merge, sum_lines},
    text::{Text, Word},
};

/// What one event changes in one store-day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoreDayChange {
    pub(crate) time_zone: Text,
    pub(crate) cut_off_minutes: i32,
    pub(crate) currency_code: Text,
    pub(crate) sales: SalesFigures,
    pub(crate) voids: VoidFigures,
    pub(crate) returns_with_receipt: ReturnFigures,
    pub(crate) returns_without_receipt: ReturnFigures,
    pub(crate) receiving: ReceivingFigures,
    pub(crate) counts: StoreDayCounts,
    pub(crate) categories: Changes<SalesFigures>,
    pub(crate) at: Option<At>,
    pub(crate) taxes: Changes<TaxFigures>,
    pub(crate) tenders: Changes<TenderFigures>,
    pub(crate) items: Changes<StoreDayItem>,
}

/// Where and when the sales of an event came about: by these they are broken down.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct At {
    pub(crate) hour: Word,
    pub(crate) register_id: Word,
    pub(crate) operator_id: Word,
}

type Changes<S> = Vec<(Word, S)>;

/// The store-day that a sale changes, and how.
///
/// # Errors
/// If the sale cannot be read.
pub fn sold(_: i64, sale: &Sale) -> Result<Vec<(Key, StoreDayChange)>, FoldError> {
    let (receipt, day) = (sale.place.receipt()?, sale.place.day()?);
    let mut change = of_sold(&sale.sold)?.at(day.hour, &receipt.register_id, &sale.operator_id)?;
    change.currency_code = sale.place.currency()?;
    change.counts.business_date_mismatches = i64::from(sale.claims_date);
    change.time_zone = checked::key("time_zone", &day.time_zone)?;
    change.cut_off_minutes = day.cut_off_minutes;
    Ok(vec![(Key::new("store_id", &day.date, &receipt.store_id)?, change)])
}

/// The store-day that an event changes, and how; nothing for an event that changes none.
///
/// # Errors
/// If the event cannot be read.
pub fn changes(position: i64, kind: &Kind) -> Result<Vec<(Key, StoreDayChange)>, FoldError> {
    let (day, store_id, change) = match kind {
        Kind::SaleRecorded(sale) => return sold(position, &sale.into()),
        Kind::SaleVoided(void) => {
            let (register, store) = receipt(void.receipt.as_ref())?;
            let day = checked::day(void.business_day.as_ref())?;
            (day, store, voided(void, day, register)?)
        }
        Kind::ReturnRecorded(back) => {
            let (register, store) = receipt(back.receipt.as_ref())?;
            let day = checked::day(back.business_day.as_ref())?;
            (day, store, returned(back, day, register)?)
        }
        Kind::DeliveryRecorded(delivery) => {
            (checked::day(delivery.business_day.as_ref())?, delivery.store_id.as_str(), delivered(delivery)?)
        }
        Kind::StockAdjusted(adjusted) => {
            (checked::day(adjusted.business_day.as_ref())?, adjusted.store_id.as_str(), self::adjusted(adjusted)?)
        }
        Kind::UnassignedSalesMoved(moved) => {
            (checked::day(moved.business_day.as_ref())?, moved.store_id.as_str(), self::moved(moved)?)
        }
        // A return counts by its own event; what is registered has no figures.
        Kind::SaleReturned(_)
        | Kind::EventDiscarded(_)
        | Kind::SupplierRegistered(_)
        | Kind::StoreRegistered(_)
        | Kind::ItemRegistered(_) => {
            return Ok(Vec::new());
        }
    };
    let key = Key::new("store_id", &day.date, store_id)?;
    let change = StoreDayChange {
        time_zone: checked::key("time_zone", &day.time_zone)?,
        cut_off_minutes: day.cut_off_minutes,
        ..change
    };
    Ok(vec![(key, change)])
}

fn receipt(receipt: Option<&daybook::event::v1::ReceiptKey>) -> Result<(&str, &str), FoldError> {
    let receipt = receipt.ok_or(FoldError::Missing { field: "receipt" })?;
    Ok((&receipt.register_id, &receipt.store_id))
}

/// Everything is taken from where the sale put it; what remains is that there was a void.
fn voided(void: &SaleVoided, day: &BusinessDay, register_id: &str) -> Result<StoreDayChange, FoldError> {
    let mut sale = of_sold(&Sold::before(void))?.at(day.hour, register_id, &void.sale_operator_id)?;
    sale.counts.business_date_mismatches = i64::from(void.date_was_claimed);
    let mut change = sale.negated().ok_or_else(too_much)?;
    change.currency_code = checked::currency(&void.currency_code)?;
    change.voids = VoidFigures { voids: 1, total_minor: checked::figure("total_minor", void.total_minor)? };
    Ok(change)
}

fn of_sold(sold: &Sold) -> Result<StoreDayChange, FoldError> {
    let mut change = StoreDayChange {
        categories: category_sales::of_store_day(category_sales::sold(&sold.lines)?)?,
        ..StoreDayChange::default()
    };
    for line in &sold.lines {
        let gross_minor = checked::figure("lines.gross_minor", line.gross_minor)?;
        let discount_minor = checked::figure("lines.discount_minor", line.discount_minor)?;
        let figures = SalesFigures {
            transactions: 0,
            lines: 1,
            quantity_milli: checked::figure("lines.quantity_milli", line.quantity_milli)?,
            gross_minor,
            discount_minor,
            net_minor: gross_minor - discount_minor,
            tax_minor: checked::figure("lines.tax_minor", line.tax_minor)?,
        };
        change.sales = change.sales.plus(&figures).ok_or_else(too_much)?;
        change.counts.unknown_item_lines += i64::from(line.unknown_item);
    }
    change.taxes = merge(taxed(&sold.taxes)?).ok_or_else(too_much)?;
    change.tenders = merge(paid(&sold.tenders, sold.change_minor)?).ok_or_else(too_much)?;
    change.sales.transactions = 1;
    change.items.reserve_exact(sold.lines.len());
    for lines in sold.by_item() {
        let [first, ..] = lines else { continue };
        change.items.push((checked::word(ITEM_ID, &first.item_id)?, item_sold(lines)?));
    }
    Ok(change)
}

/// What lines change of their item. Their figures were looked at for the sums.
fn item_sold(lines: &[Line]) -> Result<StoreDayItem, FoldError> {
    let mut item = StoreDayItem::default();
    for line in lines {
        later(&mut item.category, &checked::word("lines.category", &line.category)?);
        later(&mut item.unit_code, &checked::word("lines.unit_code", &line.unit_code)?);
        let sold = ItemSales {
            transactions: 0,
            quantity_milli: line.quantity_milli,
            gross_minor: line.gross_minor,
            discount_minor: line.discount_minor,
            tax_minor: line.tax_minor,
        };
        if !item.sold.add(&sold) {
            return Err(too_much());
        }
    }
    item.sold.transactions = 1;
    Ok(item)
}

/// By code and rate, each once.
fn taxed(taxes: &[Tax]) -> Result<Changes<TaxFigures>, FoldError> {
    fn rate(tax: &Tax) -> (&str, i32) {
        (&tax.tax_code, tax.rate_ppm)
    }
    let mut taxes: SmallVec<[&Tax; USUAL_TAXES]> = taxes.iter().collect();
    taxes.sort_unstable_by_key(|tax| rate(tax));
    let mut changes = Vec::new();
    for of_rate in taxes.chunk_by(|one, next| rate(one) == rate(next)) {
        let [first, ..] = of_rate else { continue };
        let mut sum = TaxFigures::default();
        for tax in of_rate {
            let base_minor = checked::figure("lines.taxes.base_minor", tax.base_minor)?;
            let amount_minor = checked::figure("lines.taxes.amount_minor", tax.amount_minor)?;
            if !sum.add(&TaxFigures { base_minor, amount_minor }) {
                return Err(too_much());
            }
        }
        let (code, rate_ppm) = rate(first);
        changes.push((checked::key("lines.taxes.tax_code", &format_compact!("{code}|{rate_ppm}"))?, sum));
    }
    Ok(changes)
}

fn paid(tenders: &[Paid], change_minor: i64) -> Result<Changes<TenderFigures>, FoldError> {
    let mut paid = Vec::with_capacity(tenders.len() + 1);
    for Paid { tender, amount_minor } in tenders {
        let received_minor = checked::figure("tenders.amount_minor", *amount_minor)?;
        paid.push((tender_key(*tender)?, TenderFigures { count: 1, received_minor, refunded_minor: 0 }));
    }
    if change_minor != 0 {
        let received_minor = -checked::figure("change_minor", change_minor)?;
        paid.push((tender_key(TenderType::Cash.into())?, TenderFigures { received_minor, ..TenderFigures::default() }));
    }
    Ok(paid)
}

fn tender_key(number: i32) -> Result<Word, FoldError> {
    let known = TenderType::try_from(number).ok().filter(|known| *known != TenderType::Unspecified);
    known.map(|_| numbered(number)).ok_or_else(|| FoldError::malformed("tenders.type", number))
}

/// A number as a key.
fn numbered(number: i32) -> Word {
    number.to_compact_string().as_str().into()
}

fn returned(back: &ReturnRecorded, day: &BusinessDay, register_id: &str) -> Result<StoreDayChange, FoldError> {
    let mut change = StoreDayChange {
        currency_code: checked::currency(&back.currency_code)?,
        categories: category_sales::of_store_day(category_sales::returned(&back.lines)?)?,
        ..StoreDayChange::default()
    };
    let mut returns = ReturnFigures { returns: 1, ..ReturnFigures::default() };
    for line in &back.lines {
        let figures = ReturnFigures {
            returns: 0,
            quantity_milli: checked::figure("lines.quantity_milli", line.quantity_milli)?,
            net_minor: checked::figure("lines.net_minor", line.net_minor)?,
            tax_minor: checked::figure("lines.tax_minor", line.tax_minor)?,
        };
        returns = returns.plus(&figures).ok_or_else(too_much)?;
    }
    change.items = sum_lines(&back.lines, ITEM_ID, |line| &line.item_id, item_returned)?;
    for refund in &back.refunds {
        let refunded_minor = checked::figure("refunds.amount_minor", refund.amount_minor)?;
        change
            .tenders
            .push((tender_key(refund.r#type)?, TenderFigures { count: 1, received_minor: 0, refunded_minor }));
    }
    change.sales.net_minor = -returns.net_minor;
    match back.original_receipt {
        Some(_) => change.returns_with_receipt = returns,
        None => change.returns_without_receipt = returns,
    }
    change.tenders = merge(change.tenders).ok_or_else(too_much)?;
    change.at(day.hour, register_id, &back.operator_id)
}

fn item_returned(line: &ReturnLine) -> Result<StoreDayItem, FoldError> {
    let other = ItemMoves {
        quantity_returned_milli: line.quantity_milli,
        returns_net_minor: line.net_minor,
        ..ItemMoves::default()
    };
    item_moved(&line.category, &line.unit_code, other)
}

fn delivered(delivery: &DeliveryRecorded) -> Result<StoreDayChange, FoldError> {
    let mut change =
        StoreDayChange { currency_code: checked::currency(&delivery.currency_code)?, ..StoreDayChange::default() };
    change.receiving.deliveries = 1;
    for line in &delivery.lines {
        let figures = ReceivingFigures {
            deliveries: 0,
            lines: 1,
            received_milli: checked::figure("lines.accepted_milli", line.accepted_milli)?,
            rejected_milli: checked::figure("lines.rejected_milli", line.rejected_milli)?,
            received_cost_minor: checked::figure("lines.accepted_cost_minor", line.accepted_cost_minor)?,
        };
        change.receiving = change.receiving.plus(&figures).ok_or_else(too_much)?;
    }
    change.items = sum_lines(&delivery.lines, ITEM_ID, |line| &line.item_id, item_delivered)?;
    Ok(change)
}

fn item_delivered(line: &DeliveryLine) -> Result<StoreDayItem, FoldError> {
    let other = ItemMoves {
        quantity_received_milli: line.accepted_milli,
        received_cost_minor: line.accepted_cost_minor,
        quantity_rejected_milli: line.rejected_milli,
        ..ItemMoves::default()
    };
    item_moved(&line.category, &line.unit_code, other)
}

fn adjusted(adjusted: &StockAdjusted) -> Result<StoreDayChange, FoldError> {
    let mut change =
        StoreDayChange { currency_code: checked::currency(&adjusted.currency_code)?, ..StoreDayChange::default() };
    change.counts.adjustments = 1;
    change.items = sum_lines(&adjusted.lines, ITEM_ID, |line| &line.item_id, item_adjusted)?;
    Ok(change)
}

fn item_adjusted(line: &AdjustmentLine) -> Result<StoreDayItem, FoldError> {
    let other = ItemMoves { quantity_adjusted_milli: adjustment(line)?.on_hand_milli, ..ItemMoves::default() };
    item_moved(&line.category, &line.unit_code, other)
}

/// What a line changes of its item without selling it.
fn item_moved(category: &str, unit_code: &str, other: ItemMoves) -> Result<StoreDayItem, FoldError> {
    Ok(StoreDayItem {
        category: checked::key("lines.category", category)?,
        unit_code: checked::key("lines.unit_code", unit_code)?,
        sold: ItemSales::default(),
        other: Rare::of(other),
    })
}

/// Only the categories change.
fn moved(moved: &UnassignedSalesMoved) -> Result<StoreDayChange, FoldError> {
    let item = StoreDayItem { category: checked::key("category", &moved.category)?, ..StoreDayItem::default() };
    Ok(StoreDayChange {
        currency_code: checked::currency(&moved.currency_code)?,
        categories: category_sales::of_store_day(category_sales::moved(moved)?)?,
        items: vec![(checked::key("item_id", &moved.item_id)?, item)],
        ..StoreDayChange::default()
    })
}

fn too_much() -> FoldError {
    FoldError::overflow("the event's own sums")
}

/// So many taxes are sorted without memory of their own.
const USUAL_TAXES: usize = 16;

/// What items are told apart by.
const ITEM_ID: &str = "lines.item_id";

impl StoreDayChange {
    /// The same for a document of which the items are not looked at: all that is said of the others comes out as with them.
    #[must_use]
    pub fn without_items(self) -> Self {
        Self { items: Vec::new(), ..self }
    }

    /// With the figures broken down by where and when they came about.
    fn at(mut self, hour: i32, register_id: &str, operator_id: &str) -> Result<Self, FoldError> {
        self.at = Some(At {
            hour: numbered(hour),
            register_id: checked::key("receipt.register_id", register_id)?,
            operator_id: checked::key("operator_id", operator_id)?,
        });
        Ok(self)
    }

    fn negated(self) -> Option<Self> {
        fn all<S>(changes: Changes<S>, negated: impl Fn(S) -> Option<S>) -> Option<Changes<S>> {
            changes.into_iter().map(|(key, change)| Some((key, negated(change)?))).collect()
        }
        Some(Self {
            sales: self.sales.negated()?,
            counts: self.counts.negated()?,
            categories: all(self.categories, SalesFigures::negated)?,
            taxes: all(self.taxes, TaxFigures::negated)?,
            tenders: all(self.tenders, TenderFigures::negated)?,
            items: all(self.items, StoreDayItem::negated)?,
            ..self
        })
    }
}
