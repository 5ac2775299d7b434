//! What each event does to a store-day by category.

use daybook::{
    event::v1::{Disposition, StockState, event::Kind},
    ids::UNASSIGNED,
};

use super::given::{DATE, adjust, back, delivery, log, moves, recorded, sale, sale_line, void};
use crate::{
    category_day::CategoryDay, error::FoldError, figures::CategoryFigures, folded::Folded, registry::CategoryDays,
};

fn after(kinds: impl IntoIterator<Item = Kind>) -> Folded<CategoryDays> {
    let mut folded = Folded::default();
    for event in log(kinds) {
        folded.fold(&event).unwrap();
    }
    folded
}

fn day(folded: &Folded<CategoryDays>) -> &CategoryDay {
    &folded.heads[&format!("{DATE}|n1")]
}

fn categories(folded: &Folded<CategoryDays>) -> Vec<(&str, CategoryFigures)> {
    day(folded).categories.iter().map(|(name, figures)| (name, *figures)).collect()
}

/// Item 4 is in category C1 and item 1 in C2; item u1 is unknown, and in C3 once it is registered.
fn sold() -> daybook::event::v1::SaleRecorded {
    let lines = vec![
        sale_line(1, "4", 2_000, 600, 100),
        sale_line(2, "4", 1_000, 300, 0),
        sale_line(3, "1", 250, 40, 0),
        sale_line(4, "u1", 500, 50, 10),
    ];
    sale("n1", 7, 9, lines)
}

#[test]
fn a_sale_counts_once_in_each_of_its_categories() {
    let folded = after([Kind::SaleRecorded(sold())]);
    let two = CategoryFigures {
        transactions: 1,
        lines: 2,
        quantity_sold_milli: 3_000,
        gross_minor: 900,
        discount_minor: 100,
        tax_minor: 90,
        ..CategoryFigures::default()
    };
    let one = |quantity_sold_milli, gross_minor, discount_minor| CategoryFigures {
        transactions: 1,
        lines: 1,
        quantity_sold_milli,
        gross_minor,
        discount_minor,
        tax_minor: gross_minor / 10,
        ..CategoryFigures::default()
    };
    assert_eq!(categories(&folded), [("C1", two), ("C2", one(250, 40, 0)), (UNASSIGNED, one(500, 50, 10))]);
    assert_eq!(two.net_minor(), Some(800));
    let day = day(&folded);
    assert_eq!((day.date.as_str(), day.store_id.as_str(), day.currency_code.as_str()), (DATE, "n1", "USD"));
}

#[test]
fn a_void_leaves_nothing_behind() {
    let folded = after([Kind::SaleRecorded(sold()), Kind::SaleVoided(void(&sold()))]);
    assert!(categories(&folded).iter().all(|(_, figures)| *figures == CategoryFigures::default()));
}

#[test]
fn what_comes_back_counts_on_its_category_with_and_without_receipt() {
    let folded = after([
        Kind::SaleRecorded(sold()),
        Kind::ReturnRecorded(back("n1", 2, true, &[("4", 1_000, 250, Disposition::ToStock)])),
        Kind::ReturnRecorded(back("n1", 3, false, &[("4", 500, 30, Disposition::WriteOff)])),
    ]);
    let figures = day(&folded).categories.get("C1").unwrap();
    assert_eq!((figures.quantity_returned_milli, figures.returns_net_minor), (1_500, 280));
    assert_eq!((figures.quantity_sold_milli, figures.gross_minor, figures.net_minor()), (3_000, 900, Some(520)));
    assert_eq!((figures.transactions, figures.lines), (1, 2));
}

#[test]
fn moved_sales_and_returns_leave_unassigned_empty() {
    let mut kinds = vec![
        Kind::SaleRecorded(sold()),
        Kind::ReturnRecorded(back("n1", 2, true, &[("u1", 100, 7, Disposition::WriteOff)])),
    ];
    kinds.extend(moves(&kinds).into_iter().map(Kind::UnassignedSalesMoved));
    let folded = after(kinds);
    assert_eq!(*day(&folded).categories.get(UNASSIGNED).unwrap(), CategoryFigures::default());
    let moved = CategoryFigures {
        transactions: 1,
        lines: 1,
        quantity_sold_milli: 500,
        gross_minor: 50,
        discount_minor: 10,
        tax_minor: 5,
        quantity_returned_milli: 100,
        returns_net_minor: 7,
    };
    assert_eq!(day(&folded).categories.get("C3"), Some(&moved));
}

#[test]
fn goods_that_are_only_moved_make_no_report() {
    let folded = after([
        Kind::DeliveryRecorded(delivery("n1", "s1", &[("4", 6_000, 1_000, 876)])),
        Kind::StockAdjusted(adjust("n1", &[("4", 1_500, StockState::OnHand, StockState::Unsellable)])),
    ]);
    assert!(folded.heads.is_empty());
}

#[test]
fn what_cannot_be_folded_changes_nothing_and_an_event_counts_once() {
    let mut folded = after([Kind::SaleRecorded(sold())]);
    let before = day(&folded).clone();
    let mut other = sold();
    other.currency_code = "EUR".into();
    let refused = folded.fold(&recorded(2, Kind::SaleRecorded(other)));
    assert!(matches!(refused, Err(FoldError::OtherCurrency { .. })));
    folded.fold(&recorded(1, Kind::SaleRecorded(sold()))).unwrap();
    assert_eq!(*day(&folded), before);
}
