//! What events change in store-days: events in, figures out. How they come into the document is said in `store_day_fold`.

use compact_str::{ToCompactString as _, format_compact};
use daybook::event::v1::{
    AdjustmentLine, BusinessDay, DeliveryLine, DeliveryRecorded, RecordedEvent, ReturnLine, ReturnRecorded, SaleLine,
    SaleRecorded, SaleVoided, StockAdjusted, Tender, TenderType, UnassignedSalesMoved, event::Kind,
};

use crate::{
    category_sales, checked,
    document::Key,
    error::FoldError,
    figures::{
        ItemMoves, ItemSales, ReceivingFigures, ReturnFigures, SalesFigures, StoreDayCounts, TaxFigures, TenderFigures,
        VoidFigures,
    },
    rare::Rare,
    stock::adjustment,
    store_day_item::StoreDayItem,
    sum::{Sum as _, merge, sum_lines},
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

/// The store-day that an event changes, and how; nothing for an event that changes none.
///
/// # Errors
/// If the event cannot be read.
pub fn changes(event: &RecordedEvent) -> Result<Vec<(Key, StoreDayChange)>, FoldError> {
    let kind = checked::kind(event)?;
    let (day, store_id, change) = match &*kind {
        Kind::SaleRecorded(sale) => {
            let (register, store) = receipt(sale.receipt.as_ref())?;
            let day = checked::day(sale.business_day.as_ref())?;
            (day, store, recorded(sale, day, register)?)
        }
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

fn recorded(sale: &SaleRecorded, day: &BusinessDay, register_id: &str) -> Result<StoreDayChange, FoldError> {
    let mut change = sold(&sale.lines, &sale.tenders, sale.change_minor)?.at(day, register_id, &sale.operator_id)?;
    change.currency_code = checked::currency(&sale.currency_code)?;
    change.counts.business_date_mismatches = i64::from(!sale.claimed_business_date.is_empty());
    Ok(change)
}

/// Everything is taken from where the sale put it; what remains is that there was a void.
fn voided(void: &SaleVoided, day: &BusinessDay, register_id: &str) -> Result<StoreDayChange, FoldError> {
    let mut sale = sold(&void.lines, &void.tenders, void.change_minor)?.at(day, register_id, &void.sale_operator_id)?;
    sale.counts.business_date_mismatches = i64::from(void.date_was_claimed);
    let mut change = sale.negated().ok_or_else(too_much)?;
    change.currency_code = checked::currency(&void.currency_code)?;
    change.voids = VoidFigures { voids: 1, total_minor: checked::figure("total_minor", void.total_minor)? };
    Ok(change)
}

fn sold(lines: &[SaleLine], tenders: &[Tender], change_minor: i64) -> Result<StoreDayChange, FoldError> {
    let mut change = StoreDayChange {
        categories: category_sales::of_store_day(category_sales::sold(lines)?)?,
        ..StoreDayChange::default()
    };
    let mut taxes: Vec<(&str, i32, TaxFigures)> = Vec::with_capacity(lines.len());
    for line in lines {
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
        for tax in &line.taxes {
            let base_minor = checked::figure("lines.taxes.base_minor", tax.base_minor)?;
            let amount_minor = checked::figure("lines.taxes.amount_minor", tax.amount_minor)?;
            taxes.push((&tax.tax_code, tax.rate_ppm, TaxFigures { base_minor, amount_minor }));
        }
    }
    change.taxes = merge(taxed(taxes)?).ok_or_else(too_much)?;
    change.tenders = merge(paid(tenders, change_minor)?).ok_or_else(too_much)?;
    change.sales.transactions = 1;
    change.items = sum_lines(lines, ITEM_ID, |line| &line.item_id, item_sold)?;
    for (_, item) in &mut change.items {
        item.sold.transactions = 1;
    }
    Ok(change)
}

/// What a line changes of its item. Its figures were looked at for the sums.
fn item_sold(line: &SaleLine) -> Result<StoreDayItem, FoldError> {
    Ok(StoreDayItem {
        category: checked::key("lines.category", &line.category)?,
        unit_code: checked::key("lines.unit_code", &line.unit_code)?,
        sold: ItemSales {
            transactions: 0,
            quantity_milli: line.quantity_milli,
            gross_minor: line.gross_minor,
            discount_minor: line.discount_minor,
            tax_minor: line.tax_minor,
        },
        other: Rare::default(),
    })
}

/// By code and rate, each once.
fn taxed(mut taxes: Vec<(&str, i32, TaxFigures)>) -> Result<Changes<TaxFigures>, FoldError> {
    taxes.sort_unstable_by_key(|(code, rate_ppm, _)| (*code, *rate_ppm));
    let mut changes = Vec::new();
    for of_rate in taxes.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1)) {
        let mut sum = TaxFigures::default();
        if !of_rate.iter().all(|(_, _, figures)| sum.add(figures)) {
            return Err(too_much());
        }
        let Some((code, rate_ppm, _)) = of_rate.first() else { continue };
        changes.push((checked::key("lines.taxes.tax_code", &format_compact!("{code}|{rate_ppm}"))?, sum));
    }
    Ok(changes)
}

fn paid(tenders: &[Tender], change_minor: i64) -> Result<Changes<TenderFigures>, FoldError> {
    let mut paid = Vec::with_capacity(tenders.len() + 1);
    for tender in tenders {
        let received_minor = checked::figure("tenders.amount_minor", tender.amount_minor)?;
        paid.push((tender_key(tender.r#type)?, TenderFigures { count: 1, received_minor, refunded_minor: 0 }));
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
    change.at(day, register_id, &back.operator_id)
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

/// What items are told apart by.
const ITEM_ID: &str = "lines.item_id";

impl StoreDayChange {
    /// With the figures broken down by where and when they came about.
    fn at(mut self, day: &BusinessDay, register_id: &str, operator_id: &str) -> Result<Self, FoldError> {
        self.at = Some(At {
            hour: numbered(day.hour),
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
