//! Deliveries and adjustments.

use daybook::{
    command::v1::{AdjustStockLine, AdjustStockRequest, RecordDeliveryLine, RecordDeliveryRequest},
    event::v1::StockState,
};

use super::{catalogue::NEW_YORK, instant, request_id};

/// The instant at which goods arrive and stock is adjusted: early on the day of the sales.
pub(crate) const DELIVERED_AT: &str = "2017-01-02T09:00:00Z";

/// A delivery without lines, to the store in New York.
pub(crate) fn delivery(supplier_id: &str, document_number: &str) -> RecordDeliveryRequest {
    RecordDeliveryRequest {
        request_id: request_id(),
        occurred_at: Some(instant(DELIVERED_AT)),
        store_id: NEW_YORK.to_owned(),
        supplier_id: supplier_id.to_owned(),
        document_number: document_number.to_owned(),
        ..Default::default()
    }
}

/// The delivery with one more line; what is rejected was broken.
pub(crate) fn with_goods(
    mut delivery: RecordDeliveryRequest,
    item_id: &str,
    accepted_milli: i64,
    rejected_milli: i64,
    unit_cost_minor: i64,
) -> RecordDeliveryRequest {
    delivery.lines.push(RecordDeliveryLine {
        sequence: i32::try_from(delivery.lines.len() + 1).expect("few lines"),
        item_id: item_id.to_owned(),
        delivered_milli: accepted_milli + rejected_milli,
        accepted_milli,
        rejected_milli,
        rejection_reason: if rejected_milli > 0 { "broken".to_owned() } else { String::new() },
        unit_cost_minor,
    });
    delivery
}

/// An adjustment of one item in the store in New York.
pub(crate) fn adjustment(
    document_number: &str,
    item_id: &str,
    quantity_milli: i64,
    from: StockState,
    to: StockState,
) -> AdjustStockRequest {
    AdjustStockRequest {
        request_id: request_id(),
        occurred_at: Some(instant(DELIVERED_AT)),
        store_id: NEW_YORK.to_owned(),
        document_number: document_number.to_owned(),
        operator_id: "stockkeeper".to_owned(),
        reason: "seen on the round".to_owned(),
        lines: vec![AdjustStockLine {
            sequence: 1,
            item_id: item_id.to_owned(),
            quantity_milli,
            from_state: from.into(),
            to_state: to.into(),
        }],
    }
}
