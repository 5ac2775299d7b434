//! Stock as it is answered.

use daybook::query::v1;

use crate::stock::StockEntry;

/// What a store has of an item.
#[must_use]
pub fn entry(store_id: &str, item_id: &str, entry: &StockEntry) -> v1::Stock {
    v1::Stock {
        store_id: store_id.to_owned(),
        item_id: item_id.to_owned(),
        unit_code: entry.unit_code.to_string(),
        on_hand_milli: entry.on_hand_milli,
        unsellable_milli: entry.unsellable_milli,
        position: entry.position,
        incomplete: false,
    }
}
