//! The stock that the log says there is, added up here once more, and the stock that the table says there is.

use std::collections::BTreeMap;

use daybook::event::v1::{Disposition, RecordedEvent, StockState, event::Kind};

use crate::world::database::Database;

/// On hand and unsellable, by store and item.
pub(super) type Stock = BTreeMap<(String, String), (i64, i64)>;

/// Adds up what the events of a log did to stock.
pub(super) fn of_log(events: &[RecordedEvent]) -> Stock {
    let mut stock = Stock::new();
    for event in events {
        let mut moved = |item_id: &str, on_hand: i64, unsellable: i64| {
            let entry = stock.entry((event.store_id.clone(), item_id.to_owned())).or_default();
            entry.0 += on_hand;
            entry.1 += unsellable;
        };
        match &*event.kind().expect("the event can be read") {
            Kind::DeliveryRecorded(it) => it.lines.iter().for_each(|line| moved(&line.item_id, line.accepted_milli, 0)),
            Kind::SaleRecorded(it) => it.lines.iter().for_each(|line| moved(&line.item_id, -line.quantity_milli, 0)),
            Kind::SaleVoided(it) => it.lines.iter().for_each(|line| moved(&line.item_id, line.quantity_milli, 0)),
            Kind::ReturnRecorded(it) => {
                for line in &it.lines {
                    let quantity = line.quantity_milli;
                    match line.disposition() {
                        Disposition::ToStock => moved(&line.item_id, quantity, 0),
                        Disposition::ToSupplier => moved(&line.item_id, 0, quantity),
                        Disposition::WriteOff => moved(&line.item_id, 0, 0),
                        Disposition::Unspecified => panic!("goods came back to nowhere"),
                    }
                }
            }
            Kind::StockAdjusted(it) => {
                for line in &it.lines {
                    let of = |state: StockState| {
                        let gained = if line.to_state() == state { line.quantity_milli } else { 0 };
                        let lost = if line.from_state() == state { line.quantity_milli } else { 0 };
                        gained - lost
                    };
                    moved(&line.item_id, of(StockState::OnHand), of(StockState::Unsellable));
                }
            }
            Kind::SupplierRegistered(_)
            | Kind::StoreRegistered(_)
            | Kind::ItemRegistered(_)
            | Kind::SaleReturned(_)
            | Kind::EventDiscarded(_)
            | Kind::UnassignedSalesMoved(_) => {}
        }
    }
    stock
}

/// Reads the table of the write side.
pub(super) async fn of_table(database: &Database) -> Stock {
    let sql = "SELECT store_id, item_id, on_hand_milli, unsellable_milli FROM stock_on_hand";
    let rows = database.owner().await.query(sql, &[]).await.expect("the table can be read");
    rows.iter().map(|row| ((row.get(0), row.get(1)), (row.get(2), row.get(3)))).collect()
}

/// Checks that positions, and versions within each stream, run on from 1 without a gap, and that time never goes back.
pub(super) fn assert_gapless(events: &[RecordedEvent]) {
    let mut versions: BTreeMap<Vec<u8>, i32> = BTreeMap::new();
    let mut recorded_at = (0, 0);
    for (position, event) in (1..).zip(events) {
        assert_eq!(event.position, position, "positions run on");
        let version = versions.entry(event.stream_id.to_vec()).or_default();
        *version += 1;
        assert_eq!(event.stream_version, *version, "versions of a stream run on, at position {position}");
        let at = event.recorded_at.expect("every event says when it was recorded");
        assert!((at.seconds, at.nanos) >= recorded_at, "time goes back at position {position}");
        recorded_at = (at.seconds, at.nanos);
    }
}
