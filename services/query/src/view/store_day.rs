//! Store-days as they are answered.

use daybook::{
    business_day::{BusinessDayRule, parse_date},
    ids::{IdError, StoreId},
    money::divide_half_even,
    query::v1,
};
use daybook_read_model::{
    breakdown::Breakdown,
    collections::STORE_DAY_PAGES,
    document::Key,
    entries::Entries,
    figures::{ReceivingFigures, ReturnFigures, SalesFigures, StoreDayItem},
    registry::StoreDays,
    spill::{Page, Section},
    store_day::StoreDay,
};
use jiff::Timestamp;

use crate::{
    heads::{Heads, Kept},
    recent::Touching,
    report::{Listed, Report},
};

/// The items of a store-day.
#[derive(Debug)]
pub(crate) struct StoreDayItems;

impl Report for StoreDays {
    type View = v1::StoreDay;

    const NAME: &'static str = "store-day";
    const PAGE_COLLECTION: &'static str = STORE_DAY_PAGES;
    const ID_FIELD: &'static str = "store_id";
    const IDS_FIELD: &'static str = "store_ids";
    const ENTRY_FIELDS: &'static [&'static str] = &["items"];
    const UNCOUNTED_FIELDS: &'static [&'static str] = Self::ENTRY_FIELDS;

    fn kept(heads: &Heads) -> &Kept<StoreDay> {
        &heads.store_days
    }

    fn touching(key: &Key) -> Touching<'_> {
        Touching::Store(&key.second)
    }

    fn check_id(text: &str) -> Result<(), IdError> {
        StoreId::parse(text).map(drop)
    }

    fn view(head: &StoreDay) -> Option<v1::StoreDay> {
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
        })
    }

    fn counted(_: &StoreDay) -> Option<Section> {
        None
    }

    fn count(_: &mut v1::StoreDay, _: &Page<StoreDayItem>) {}
}

impl Listed for StoreDayItems {
    type Report = StoreDays;
    type View = v1::StoreDayItem;

    const SECTION: Section = Section::Items;
    const FIELD: &'static str = "items";

    fn inline(head: &StoreDay) -> &Entries<StoreDayItem> {
        &head.items.entries
    }

    fn has_pages(head: &StoreDay) -> bool {
        head.has_pages
    }

    fn view(id: &str, item: &StoreDayItem) -> Option<v1::StoreDayItem> {
        Some(v1::StoreDayItem {
            item_id: id.to_owned(),
            category: item.category.to_string(),
            unit_code: item.unit_code.to_string(),
            transactions: item.transactions,
            quantity_sold_milli: item.quantity_sold_milli,
            gross_minor: item.gross_minor,
            discount_minor: item.discount_minor,
            net_minor: item.net_minor()?,
            tax_minor: item.tax_minor,
            quantity_returned_milli: item.quantity_returned_milli,
            returns_net_minor: item.returns_net_minor,
            quantity_received_milli: item.quantity_received_milli,
            received_cost_minor: item.received_cost_minor,
            quantity_rejected_milli: item.quantity_rejected_milli,
            quantity_adjusted_milli: item.quantity_adjusted_milli,
        })
    }
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

#[cfg(test)]
mod tests {
    use daybook_read_model::{
        document::{Head as _, Key},
        figures::{StoreDayCounts, VoidFigures},
    };

    use super::*;

    fn day() -> StoreDay {
        let mut day = StoreDay::open(&Key { first: "2017-03-12".into(), second: "443".into() });
        day.time_zone = "America/New_York".into();
        day.sales = SalesFigures { transactions: 2, net_minor: 5, quantity_milli: 7_001, tax_minor: 3, ..day.sales };
        day.voids = VoidFigures { voids: 1, total_minor: 9 };
        day.returns_with_receipt = ReturnFigures { returns: 1, tax_minor: 1, ..day.returns_with_receipt };
        day.counts = StoreDayCounts { adjustments: 4, business_date_mismatches: 5, unknown_item_lines: 6 };
        day
    }

    #[test]
    fn ratios_are_rounded_half_to_even() {
        let view = StoreDays::view(&day()).unwrap();
        assert_eq!((view.average_basket_minor, view.units_per_transaction_milli), (2, 3_500));
        assert_eq!(view.total_minor, 5 + 3 - 1);
        let mut empty = day();
        empty.sales = SalesFigures::default();
        assert_eq!(StoreDays::view(&empty).unwrap().average_basket_minor, 0);
    }

    #[test]
    fn a_day_around_a_change_of_the_clocks_has_its_own_length() {
        let view = StoreDays::view(&day()).unwrap();
        let hours = (view.end_time.unwrap().seconds - view.start_time.unwrap().seconds) / 3_600;
        assert_eq!(hours, 23);
    }

    #[test]
    fn an_unknown_zone_does_not_cost_the_report() {
        let mut day = day();
        day.time_zone = "Moon/Tranquility".into();
        let view = StoreDays::view(&day).unwrap();
        assert_eq!((view.start_time, view.time_zone.as_str()), (None, "Moon/Tranquility"));
    }

    #[test]
    fn a_figure_that_does_not_fit_is_no_view() {
        let mut day = day();
        day.sales.net_minor = i64::MAX;
        assert!(StoreDays::view(&day).is_none());
        let item = StoreDayItem { gross_minor: i64::MIN, discount_minor: 1, ..StoreDayItem::default() };
        assert!(StoreDayItems::view("7", &item).is_none());
    }

    #[test]
    fn the_counts_are_told() {
        let view = StoreDays::view(&day()).unwrap();
        assert_eq!((view.adjustments, view.business_date_mismatches, view.unknown_item_lines), (4, 5, 6));
        assert_eq!(view.voids, Some(v1::VoidFigures { voids: 1, total_minor: 9 }));
        assert_eq!((view.business_date.as_str(), view.store_id.as_str()), ("2017-03-12", "443"));
    }
}
