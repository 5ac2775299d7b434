//! Store-days as they are answered.

use daybook::{
    business_day::{BusinessDayRule, parse_date},
    money::divide_half_even,
    query::v1,
};
use jiff::Timestamp;

use crate::{
    breakdown::Breakdown,
    figures::{ReceivingFigures, ReturnFigures, SalesFigures},
    store_day::StoreDay,
    store_day_item::StoreDayItem,
};

/// The day without its items; `None` if a figure does not fit.
#[must_use]
pub fn head(head: &StoreDay) -> Option<v1::StoreDay> {
    let (start_time, end_time) = bounds(head).unzip();
    let sales = &head.sales;
    Some(v1::StoreDay {
        store_id: head.store_id.clone(),
        business_date: head.date.clone(),
        time_zone: head.time_zone.clone(),
        cut_off_minutes: head.cut_off_minutes,
        start_time,
        end_time,
        currency_code: head.currency_code.clone(),
        position: head.stamp.position,
        sales: Some(sales_figures(sales)),
        total_minor: head.total_minor()?,
        voids: Some(v1::VoidFigures { voids: head.voids.voids, total_minor: head.voids.total_minor }),
        returns_with_receipt: Some(returns(&head.returns_with_receipt)),
        returns_without_receipt: Some(returns(&head.returns_without_receipt)),
        receiving: Some(receiving(&head.receiving)),
        adjustments: head.counts.adjustments,
        average_basket_minor: per_transaction(sales.net_minor, sales)?,
        units_per_transaction_milli: per_transaction(sales.quantity_milli, sales)?,
        categories: broken_down(&head.categories, |category, sales| v1::CategorySales { category, sales }),
        hours: head
            .hours()
            .into_iter()
            .map(|(hour, sales)| v1::HourSales { hour, sales: Some(sales_figures(sales)) })
            .collect(),
        registers: broken_down(&head.registers, |register_id, sales| v1::RegisterSales { register_id, sales }),
        operators: broken_down(&head.operators, |operator_id, sales| v1::OperatorSales { operator_id, sales }),
        taxes: taxes(head),
        tenders: tenders(head),
        business_date_mismatches: head.counts.business_date_mismatches,
        unknown_item_lines: head.counts.unknown_item_lines,
        incomplete: false,
    })
}

/// An item of the day; `None` if a figure does not fit.
#[must_use]
pub fn item(id: &str, item: &StoreDayItem) -> Option<v1::StoreDayItem> {
    let (sold, other) = (&item.sold, item.other.get());
    Some(v1::StoreDayItem {
        item_id: id.to_owned(),
        category: item.category.to_string(),
        unit_code: item.unit_code.to_string(),
        transactions: sold.transactions,
        quantity_sold_milli: sold.quantity_milli,
        gross_minor: sold.gross_minor,
        discount_minor: sold.discount_minor,
        net_minor: item.net_minor()?,
        tax_minor: sold.tax_minor,
        quantity_returned_milli: other.quantity_returned_milli,
        returns_net_minor: other.returns_net_minor,
        quantity_received_milli: other.quantity_received_milli,
        received_cost_minor: other.received_cost_minor,
        quantity_rejected_milli: other.quantity_rejected_milli,
        quantity_adjusted_milli: other.quantity_adjusted_milli,
    })
}

/// Beginning and end of the business day; `None` if this version does not know the zone, which must not cost the report.
fn bounds(head: &StoreDay) -> Option<(prost_types::Timestamp, prost_types::Timestamp)> {
    let rule = BusinessDayRule::new(&head.time_zone, head.cut_off_minutes).ok()?;
    let (start, end) = rule.bounds(parse_date(&head.date).ok()?).ok()?;
    Some((timestamp(start), timestamp(end)))
}

fn timestamp(instant: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: instant.as_second(), nanos: instant.subsec_nanosecond() }
}

/// A figure divided by the transactions, rounded half to even; 0 without transactions.
fn per_transaction(figure: i64, sales: &SalesFigures) -> Option<i64> {
    if sales.transactions <= 0 {
        return Some(0);
    }
    divide_half_even(i128::from(figure), i128::from(sales.transactions))
}

fn sales_figures(sales: &SalesFigures) -> v1::SalesFigures {
    v1::SalesFigures {
        transactions: sales.transactions,
        lines: sales.lines,
        quantity_milli: sales.quantity_milli,
        gross_minor: sales.gross_minor,
        discount_minor: sales.discount_minor,
        net_minor: sales.net_minor,
        tax_minor: sales.tax_minor,
    }
}

fn returns(returns: &ReturnFigures) -> v1::ReturnFigures {
    v1::ReturnFigures {
        returns: returns.returns,
        quantity_milli: returns.quantity_milli,
        net_minor: returns.net_minor,
        tax_minor: returns.tax_minor,
    }
}

fn receiving(receiving: &ReceivingFigures) -> v1::ReceivingFigures {
    v1::ReceivingFigures {
        deliveries: receiving.deliveries,
        lines: receiving.lines,
        received_milli: receiving.received_milli,
        rejected_milli: receiving.rejected_milli,
        received_cost_minor: receiving.received_cost_minor,
    }
}

fn broken_down<V>(breakdown: &Breakdown<SalesFigures>, view: impl Fn(String, Option<v1::SalesFigures>) -> V) -> Vec<V> {
    breakdown.iter().map(|(key, sales)| view(key.to_owned(), Some(sales_figures(sales)))).collect()
}

fn taxes(head: &StoreDay) -> Vec<v1::TaxSales> {
    let taxes = head.taxes().into_iter().map(|(code, rate_ppm, tax)| v1::TaxSales {
        tax_code: code.to_owned(),
        rate_ppm,
        base_minor: tax.base_minor,
        amount_minor: tax.amount_minor,
    });
    taxes.collect()
}

fn tenders(head: &StoreDay) -> Vec<v1::TenderTotals> {
    let tenders = head.tenders().into_iter().map(|(number, tender)| v1::TenderTotals {
        r#type: number,
        count: tender.count,
        received_minor: tender.received_minor,
        refunded_minor: tender.refunded_minor,
    });
    tenders.collect()
}
