//! What each event does to a store-day.

use daybook::{
    event::v1::{Disposition, StockState, TenderType, event::Kind},
    ids::UNASSIGNED,
};

use super::given::{DATE, adjust, back, delivery, log, moves, recorded, sale, sale_line, void};
use crate::{
    breakdown::{BREAKDOWN_KEYS, OTHER},
    error::FoldError,
    figures::{
        ItemMoves, ItemSales, ReceivingFigures, ReturnFigures, SalesFigures, TaxFigures, TenderFigures, VoidFigures,
    },
    folded::Folded,
    registry::StoreDays,
    store_day::StoreDay,
    store_day_item::StoreDayItem,
};

fn after(kinds: impl IntoIterator<Item = Kind>) -> Folded<StoreDays> {
    let mut folded = Folded::default();
    for event in log(kinds) {
        folded.fold(&event).unwrap();
    }
    folded
}

fn day(folded: &Folded<StoreDays>) -> &StoreDay {
    &folded.heads[&format!("{DATE}|n1")]
}

fn item<'a>(folded: &'a Folded<StoreDays>, id: &str) -> &'a StoreDayItem {
    day(folded).items.entries.get(id).unwrap()
}

#[test]
fn a_sale_counts_in_every_breakdown() {
    // Item 4 stands on two lines of the one sale.
    let lines =
        vec![sale_line(1, "4", 2_000, 600, 100), sale_line(2, "4", 1_000, 300, 0), sale_line(3, "u1", 500, 50, 0)];
    let folded = after([Kind::SaleRecorded(sale("n1", 7, 9, lines))]);
    let day = day(&folded);
    let whole = SalesFigures {
        transactions: 1,
        lines: 3,
        quantity_milli: 3_500,
        gross_minor: 950,
        discount_minor: 100,
        net_minor: 850,
        tax_minor: 95,
    };
    assert_eq!((day.sales, day.total_minor()), (whole, Some(945)));
    assert_eq!(day.hours(), [(9, &whole)]);
    assert_eq!(day.registers.iter().collect::<Vec<_>>(), [("r1", &whole)]);
    assert_eq!(day.operators.iter().collect::<Vec<_>>(), [("o1", &whole)]);
    assert_eq!(day.taxes(), [("STD", 100_000, &TaxFigures { base_minor: 850, amount_minor: 95 })]);
    let cash = TenderFigures { count: 1, received_minor: 944, refunded_minor: 0 };
    let card = TenderFigures { count: 1, received_minor: 1, refunded_minor: 0 };
    assert_eq!(day.tenders(), [(TenderType::Cash.into(), &cash), (TenderType::Card.into(), &card)]);
    assert_eq!(day.counts.unknown_item_lines, 1);
    assert_eq!(
        (day.time_zone.as_str(), day.cut_off_minutes, day.currency_code.as_str()),
        ("America/New_York", 240, "USD")
    );
    let known = day.categories.get("C1").unwrap();
    assert_eq!((known.transactions, known.lines, known.gross_minor), (1, 2, 900));
    let unknown = day.categories.get(UNASSIGNED).unwrap();
    assert_eq!((unknown.transactions, unknown.lines, unknown.gross_minor), (1, 1, 50));
    let item = item(&folded, "4");
    assert_eq!((item.sold.transactions, item.sold.quantity_milli, item.net_minor()), (1, 3_000, Some(800)));
    assert_eq!((&*item.category, &*item.unit_code), ("C1", "EA"));
}

#[test]
fn a_void_takes_everything_back_from_where_the_sale_put_it() {
    let mut sold = sale("n1", 7, 9, vec![sale_line(1, "4", 2_000, 600, 100), sale_line(2, "u1", 500, 50, 0)]);
    sold.claimed_business_date = "2017-01-03".into();
    let other = sale("n1", 8, 10, vec![sale_line(1, "5", 1_000, 10, 0)]);
    let folded =
        after([Kind::SaleRecorded(sold.clone()), Kind::SaleRecorded(other.clone()), Kind::SaleVoided(void(&sold))]);
    let alone = after([Kind::SaleRecorded(other)]);
    let (found, expected) = (day(&folded), day(&alone));
    assert_eq!(found.voids, VoidFigures { voids: 1, total_minor: sold.total_minor });
    assert_eq!(
        (found.sales, found.counts, found.total_minor()),
        (expected.sales, expected.counts, expected.total_minor())
    );
    for (id, figures) in found.registers.iter() {
        assert_eq!(*figures, expected.registers.get(id).copied().unwrap_or_default());
    }
    for (hour, figures) in found.hours() {
        assert_eq!(*figures, if hour == 10 { expected.sales } else { SalesFigures::default() });
    }
    assert_eq!(*found.categories.get(UNASSIGNED).unwrap(), SalesFigures::default());
    assert_eq!(item(&folded, "4").sold.quantity_milli, 0);
    assert_eq!(item(&folded, "4").sold.transactions, 0);
}

#[test]
fn a_return_reduces_the_net_and_stands_beside_the_sales() {
    let sold = sale("n1", 1, 9, vec![sale_line(1, "4", 2_000, 600, 100)]);
    let folded = after([
        Kind::SaleRecorded(sold),
        Kind::ReturnRecorded(back("n1", 2, true, &[("4", 1_000, 250, Disposition::ToStock)])),
        Kind::ReturnRecorded(back("n1", 3, false, &[("5", 1_000, 30, Disposition::WriteOff)])),
    ]);
    let day = day(&folded);
    assert_eq!((day.sales.net_minor, day.sales.gross_minor, day.sales.tax_minor), (500 - 250 - 30, 600, 60));
    assert_eq!(day.sales.transactions, 1);
    assert_eq!(
        (day.returns_with_receipt, day.returns_without_receipt),
        (
            ReturnFigures { returns: 1, quantity_milli: 1_000, net_minor: 250, tax_minor: 25 },
            ReturnFigures { returns: 1, quantity_milli: 1_000, net_minor: 30, tax_minor: 3 },
        )
    );
    assert_eq!(day.total_minor(), Some(220 + 60 - 28));
    let cash = day.tenders()[0].1;
    assert_eq!((cash.count, cash.refunded_minor), (3, 275 + 33));
    assert_eq!(day.hours()[1], (20, &SalesFigures { net_minor: -280, ..SalesFigures::default() }));
    let item = item(&folded, "4");
    assert_eq!(
        (item.other.get().quantity_returned_milli, item.other.get().returns_net_minor, item.net_minor()),
        (1_000, 250, Some(250))
    );
    assert_eq!(item.sold.quantity_milli, 2_000);
}

#[test]
fn a_delivery_is_received_and_an_adjustment_counted() {
    let folded = after([
        Kind::DeliveryRecorded(delivery("n1", "s1", &[("4", 6_000, 1_000, 876), ("5", 2_000, 0, 24)])),
        Kind::StockAdjusted(adjust("n1", &[("4", 1_500, StockState::OnHand, StockState::Unsellable)])),
        Kind::StockAdjusted(adjust("n1", &[("4", 500, StockState::Outside, StockState::OnHand)])),
        Kind::StockAdjusted(adjust("n1", &[("4", 100, StockState::Unsellable, StockState::Outside)])),
    ]);
    let day = day(&folded);
    let received = ReceivingFigures {
        deliveries: 1,
        lines: 2,
        received_milli: 8_000,
        rejected_milli: 1_000,
        received_cost_minor: 900,
    };
    assert_eq!((day.receiving, day.counts.adjustments, day.sales), (received, 3, SalesFigures::default()));
    let item = item(&folded, "4");
    let expected = ItemMoves {
        quantity_received_milli: 6_000,
        received_cost_minor: 876,
        quantity_rejected_milli: 1_000,
        quantity_adjusted_milli: -1_000,
        ..ItemMoves::default()
    };
    assert_eq!((item.sold, item.other.get()), (ItemSales::default(), expected));
}

#[test]
fn moved_sales_change_category_and_a_later_void_takes_them_from_there() {
    let sold = sale("n1", 7, 9, vec![sale_line(1, "u1", 500, 50, 10), sale_line(2, "4", 1_000, 100, 0)]);
    let mut kinds = vec![
        Kind::SaleRecorded(sold.clone()),
        Kind::ReturnRecorded(back("n1", 2, true, &[("u1", 100, 7, Disposition::WriteOff)])),
    ];
    kinds.extend(moves(&kinds).into_iter().map(Kind::UnassignedSalesMoved));
    let folded = after(kinds.clone());
    assert_eq!(*day(&folded).categories.get(UNASSIGNED).unwrap(), SalesFigures::default());
    let moved = day(&folded).categories.get("C3").unwrap();
    assert_eq!((moved.transactions, moved.lines, moved.net_minor, moved.tax_minor), (1, 1, 33, 5));
    assert_eq!(&*item(&folded, "u1").category, "C3");
    assert_eq!(item(&folded, "u1").sold.gross_minor, 50);

    // The void carries the lines as they stand now; that the item was unknown stays on them.
    let mut voided = void(&sold);
    voided.lines[0].category = "C3".into();
    kinds.push(Kind::SaleVoided(voided));
    let folded = after(kinds);
    let left = day(&folded).categories.get("C3").unwrap();
    assert_eq!(*left, SalesFigures { net_minor: -7, ..SalesFigures::default() });
    assert_eq!(*day(&folded).categories.get("C1").unwrap(), SalesFigures::default());
}

#[test]
fn further_items_stand_on_pages_and_never_move() {
    let lines = |ids: &[&str]| (1..).zip(ids).map(|(n, id)| sale_line(n, id, 1_000, 10, 0)).collect();
    let folded = after([
        Kind::SaleRecorded(sale("n1", 1, 9, lines(&["1", "2", "3", "4", "5"]))),
        Kind::SaleRecorded(sale("n1", 2, 9, lines(&["6", "7", "8", "1"]))),
        Kind::SaleRecorded(sale("n1", 3, 9, lines(&["8", "6"]))),
    ]);
    let inline: Vec<&str> = day(&folded).items.entries.sorted().into_iter().map(|(id, _)| id).collect();
    assert_eq!(inline, ["1", "2", "3", "4", "5", "6"]);
    assert!(day(&folded).has_pages);
    let on_pages: Vec<(&str, i64)> = folded
        .pages
        .values()
        .flat_map(|page| page.entries.iter().map(|(id, item)| (id, item.sold.quantity_milli)))
        .collect();
    assert_eq!(on_pages.len(), 2);
    assert!(on_pages.contains(&("8", 2_000)) && on_pages.contains(&("7", 1_000)));
    assert!(
        folded
            .pages
            .iter()
            .all(|(id, page)| id.starts_with("2017-01-02|n1|i|") && page.stamp.slot == day(&folded).stamp.slot)
    );
}

#[test]
fn operators_beyond_the_limit_are_summed_together() {
    let sale_by = |number: i64| {
        let mut sold = sale("n1", number, 9, vec![sale_line(1, "4", 1_000, 10, 0)]);
        sold.operator_id = format!("operator-{number}");
        sold
    };
    let count = i64::try_from(BREAKDOWN_KEYS).unwrap() + 5;
    let last = sale_by(count);
    let folded = after((1..=count).map(|n| Kind::SaleRecorded(sale_by(n))).chain([Kind::SaleVoided(void(&last))]));
    let operators = &day(&folded).operators;
    assert_eq!(operators.len(), BREAKDOWN_KEYS + 1);
    assert_eq!(operators.get(OTHER).unwrap().transactions, 4);
    assert_eq!(operators.iter().map(|(_, figures)| figures.transactions).sum::<i64>(), count - 1);
}

#[test]
fn what_cannot_be_folded_changes_nothing() {
    let good = sale("n1", 1, 9, vec![sale_line(1, "4", 1_000, 10, 0)]);
    let mut folded = after([Kind::SaleRecorded(good.clone())]);
    let before = day(&folded).clone();
    let refusals = [
        {
            let mut other = good.clone();
            other.currency_code = "EUR".into();
            Kind::SaleRecorded(other)
        },
        {
            let mut other = good.clone();
            other.lines[0].gross_minor = i64::MAX;
            Kind::SaleRecorded(other)
        },
        {
            let mut other = good.clone();
            other.business_day.as_mut().unwrap().date = "2017-02-30".into();
            Kind::SaleRecorded(other)
        },
        {
            let mut other = good.clone();
            other.tenders[0].r#type = 99;
            Kind::SaleRecorded(other)
        },
        {
            let mut other = good.clone();
            other.receipt.as_mut().unwrap().store_id = "n1|n2".into();
            Kind::SaleRecorded(other)
        },
    ];
    for (position, kind) in (2..).zip(refusals) {
        assert!(folded.fold(&recorded(position, kind)).is_err());
        assert_eq!(*day(&folded), before);
    }
    assert_eq!(folded.heads.len(), 1);
}

#[test]
fn a_sum_that_would_not_fit_is_an_error_and_no_wrap() {
    let large = 900_000_000_000_000;
    let sold = |number| sale("n1", number, 9, vec![sale_line(1, "4", 1_000, large, 0)]);
    let mut folded = Folded::<StoreDays>::default();
    let outcomes: Vec<Result<(), FoldError>> =
        (1..11_000).map(|n| folded.fold(&recorded(n, Kind::SaleRecorded(sold(n))))).collect();
    let fitting = outcomes.iter().take_while(|outcome| outcome.is_ok()).count();
    assert!((9_300..9_400).contains(&fitting), "{fitting}");
    assert!(outcomes[fitting..].iter().all(|outcome| matches!(outcome, Err(FoldError::Overflow { .. }))));
    assert_eq!(day(&folded).sales.gross_minor, large * i64::try_from(fitting).unwrap());
    assert_eq!(day(&folded).stamp.position, i64::try_from(fitting).unwrap());
}
