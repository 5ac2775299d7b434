//! What each event does to supplier-days.

use daybook::{
    event::v1::{Disposition, StockState, event::Kind},
    ids::UNASSIGNED,
};

use super::given::{DATE, adjust, back, delivery, log, moves, sale, sale_line, void};
use crate::{figures::SupplierFigures, folded::Folded, registry::SupplierDays, supplier_day::SupplierDay};

fn after(kinds: impl IntoIterator<Item = Kind>) -> Folded<SupplierDays> {
    let mut folded = Folded::default();
    for event in log(kinds) {
        folded.fold(&event).unwrap();
    }
    folded
}

fn day<'a>(folded: &'a Folded<SupplierDays>, supplier: &str) -> &'a SupplierDay {
    &folded.heads[&format!("{DATE}|{supplier}")]
}

#[test]
fn a_sale_counts_for_the_supplier_of_each_line() {
    // The last digit of an item tells its supplier.
    let lines =
        vec![sale_line(1, "1", 1_000, 100, 10), sale_line(2, "4", 2_000, 200, 0), sale_line(3, "2", 3_000, 300, 0)];
    let sold = sale("n1", 7, 9, lines);
    let folded = after([Kind::SaleRecorded(sold.clone())]);
    assert_eq!(folded.heads.len(), 2);
    let figures = SupplierFigures {
        lines_sold: 2,
        quantity_sold_milli: 3_000,
        gross_minor: 300,
        discount_minor: 10,
        ..SupplierFigures::default()
    };
    let s1 = day(&folded, "s1");
    assert_eq!(s1.figures(), [("USD", figures)]);
    assert_eq!(s1.stores.entries.get("n1").unwrap().figures(), [("USD", figures)]);
    assert_eq!(s1.items.entries.get("4").unwrap().figures()[0].1.net_minor(), Some(200));
    assert_eq!((s1.selling_stores_inline, s1.items.count()), (1, 2));

    let folded = after([Kind::SaleRecorded(sold.clone()), Kind::SaleVoided(void(&sold))]);
    let s1 = day(&folded, "s1");
    assert_eq!(s1.figures(), [("USD", SupplierFigures::default())]);
    assert_eq!(s1.selling_stores_inline, 0);
}

#[test]
fn a_delivery_counts_once_for_the_day_and_once_for_each_item() {
    let folded = after([Kind::DeliveryRecorded(delivery(
        "n1",
        "s9",
        &[("1", 6_000, 500, 876), ("1", 1_000, 0, 10), ("2", 2_000, 0, 24)],
    ))]);
    let day = day(&folded, "s9");
    let figures = day.figures()[0].1;
    assert_eq!((figures.deliveries, figures.quantity_received_milli, figures.received_cost_minor), (1, 9_000, 910));
    assert_eq!(figures.quantity_rejected_milli, 500);
    let item = day.items.entries.get("1").unwrap().figures()[0].1;
    assert_eq!((item.deliveries, item.quantity_received_milli), (1, 7_000));
    assert_eq!(day.selling_stores_inline, 0);
}

#[test]
fn returns_and_adjustments_count_for_the_supplier_of_the_line() {
    let folded = after([
        Kind::ReturnRecorded(back("n1", 2, true, &[("1", 1_000, 70, Disposition::ToStock)])),
        Kind::StockAdjusted(adjust("n1", &[("1", 300, StockState::OnHand, StockState::Outside)])),
    ]);
    let figures = day(&folded, "s1").figures()[0].1;
    assert_eq!((figures.quantity_returned_milli, figures.returns_net_minor), (1_000, 70));
    assert_eq!((figures.net_minor(), figures.quantity_adjusted_milli, figures.lines_sold), (Some(-70), -300, 0));
}

#[test]
fn moved_sales_go_from_unassigned_to_the_supplier() {
    let mut kinds = vec![
        Kind::SaleRecorded(sale("n1", 7, 9, vec![sale_line(1, "u1", 500, 50, 10)])),
        Kind::ReturnRecorded(back("n1", 2, true, &[("u1", 100, 7, Disposition::WriteOff)])),
    ];
    let before = day(&after(kinds.clone()), UNASSIGNED).figures()[0].1;
    kinds.extend(moves(&kinds).into_iter().map(Kind::UnassignedSalesMoved));
    let folded = after(kinds);
    let from = day(&folded, UNASSIGNED);
    assert_eq!((from.figures(), from.selling_stores_inline), (vec![("USD", SupplierFigures::default())], 0));
    let to = day(&folded, "s1");
    assert_eq!((to.figures(), to.selling_stores_inline), (vec![("USD", before)], 1));
    assert_eq!(&*to.items.entries.get("u1").unwrap().category, "C3");
}

#[test]
fn each_currency_has_its_own_figures() {
    let mut abroad = sale("n2", 8, 9, vec![sale_line(1, "1", 1_000, 900, 0)]);
    abroad.currency_code = "EUR".into();
    let here = sale("n1", 7, 9, vec![sale_line(1, "1", 1_000, 100, 0)]);
    let folded = after([Kind::SaleRecorded(here), Kind::SaleRecorded(abroad)]);
    let day = day(&folded, "s1");
    let gross = |figures: Vec<(&str, SupplierFigures)>| -> Vec<(String, i64)> {
        figures.into_iter().map(|(code, figures)| (code.to_owned(), figures.gross_minor)).collect()
    };
    let both = [("EUR".to_owned(), 900), ("USD".to_owned(), 100)];
    assert_eq!(gross(day.figures()), both);
    assert_eq!(gross(day.items.entries.get("1").unwrap().figures()), both);
    assert_eq!(gross(day.stores.entries.get("n2").unwrap().figures()), both[..1]);
}

#[test]
fn further_stores_stand_on_pages() {
    let sales = ["n1", "n2", "n3", "n4"].map(|store| sale(store, 1, 9, vec![sale_line(1, "1", 1_000, 10, 0)]));
    let folded = after(sales.map(Kind::SaleRecorded));
    let day = day(&folded, "s1");
    assert_eq!((day.stores.count(), day.selling_stores_inline, day.has_store_pages), (2, 2, true));
    let on_pages: usize = folded.pages.values().map(|page| page.entries.len()).sum();
    assert_eq!(on_pages, 2);
    assert!(folded.pages.keys().all(|id| id.starts_with("2017-01-02|s1|s|")));
}
