//! What each event does to stock.

use daybook::event::v1::{Disposition, StockState, event::Kind};

use super::given::{adjust, back, delivery, log, moves, sale, sale_line, void};
use crate::{
    folded::Folded,
    registry::Stock,
    stock::{StockEntry, document_key},
};

fn after(kinds: impl IntoIterator<Item = Kind>) -> Folded<Stock> {
    let mut folded = Folded::default();
    for event in log(kinds) {
        folded.fold(&event).unwrap();
    }
    folded
}

fn of<'a>(folded: &'a Folded<Stock>, item: &str) -> Option<&'a StockEntry> {
    folded.heads.get(&*document_key("n1", item).id())?.entries.get(item)
}

fn figures(folded: &Folded<Stock>, item: &str) -> Option<(i64, i64, i64)> {
    of(folded, item).map(|entry| (entry.on_hand_milli, entry.unsellable_milli, entry.position))
}

#[test]
fn deliveries_sales_and_voids_move_what_is_on_hand() {
    let sold = sale("n1", 1, 9, vec![sale_line(1, "4", 2_500, 10, 0), sale_line(2, "4", 500, 10, 0)]);
    let mut kinds = vec![Kind::DeliveryRecorded(delivery("n1", "s1", &[("4", 2_000, 9_000, 10), ("5", 0, 1_000, 0)]))];
    assert_eq!(figures(&after(kinds.clone()), "4"), Some((2_000, 0, 1)));
    assert_eq!(of(&after(kinds.clone()), "5"), None);
    kinds.push(Kind::SaleRecorded(sold.clone()));
    assert_eq!(figures(&after(kinds.clone()), "4"), Some((-1_000, 0, 2)));
    kinds.push(Kind::SaleVoided(void(&sold)));
    assert_eq!(figures(&after(kinds.clone()), "4"), Some((2_000, 0, 3)));
    assert_eq!(&*of(&after(kinds), "4").unwrap().unit_code, "EA");
}

#[test]
fn a_return_goes_where_its_disposition_says() {
    let folded = after([
        Kind::ReturnRecorded(back("n1", 1, true, &[("4", 1_000, 10, Disposition::ToStock)])),
        Kind::ReturnRecorded(back("n1", 2, true, &[("4", 300, 10, Disposition::ToSupplier)])),
        Kind::ReturnRecorded(back("n1", 3, true, &[("4", 77, 10, Disposition::WriteOff)])),
        Kind::ReturnRecorded(back("n1", 4, true, &[("5", 77, 10, Disposition::WriteOff)])),
    ]);
    assert_eq!(figures(&folded, "4"), Some((1_000, 300, 2)));
    assert_eq!(figures(&folded, "5"), None);
}

#[test]
fn an_adjustment_moves_between_states() {
    let folded = after([
        Kind::StockAdjusted(adjust("n1", &[("4", 5_000, StockState::Outside, StockState::OnHand)])),
        Kind::StockAdjusted(adjust("n1", &[("4", 2_000, StockState::OnHand, StockState::Unsellable)])),
        Kind::StockAdjusted(adjust("n1", &[("4", 500, StockState::Unsellable, StockState::Outside)])),
    ]);
    assert_eq!(figures(&folded, "4"), Some((3_000, 1_500, 3)));
}

#[test]
fn moving_sales_to_another_supplier_moves_no_goods() {
    let mut kinds = vec![Kind::SaleRecorded(sale("n1", 1, 9, vec![sale_line(1, "u1", 1_000, 10, 0)]))];
    let before = figures(&after(kinds.clone()), "u1");
    kinds.extend(moves(&kinds).into_iter().map(Kind::UnassignedSalesMoved));
    assert_eq!(figures(&after(kinds), "u1"), before);
}

#[test]
fn an_unspecified_state_is_refused() {
    let odd = adjust("n1", &[("4", 1, StockState::Unspecified, StockState::OnHand)]);
    let odd = log([Kind::StockAdjusted(odd)]).remove(0);
    assert!(Folded::<Stock>::default().fold(&odd).is_err());
}
