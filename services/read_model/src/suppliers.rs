//! Which suppliers' days an event may change: cheaper to tell than what it changes, and most events are sales, of which nothing
//! but that is read.

use daybook::event::{
    EventType,
    encoded::RecordedEvent,
    v1::{self, event::Kind},
};
use prost::DecodeError;

use crate::{checked, sale_bytes};

/// Gives the suppliers whose days an event may change, some more than once.
///
/// # Errors
/// If the event cannot be decoded.
pub fn each_supplier(event: &RecordedEvent, mut supplier: impl FnMut(&str)) -> Result<(), DecodeError> {
    let of_today = EventType::SaleRecorded;
    let is_sale = event.event_type == of_today.as_str() && event.schema_version == of_today.schema_version();
    if is_sale && sale_bytes::each_supplier(&event.event, &mut supplier).is_some() {
        return Ok(());
    }
    of_decoded(&event.decoded()?, supplier);
    Ok(())
}

pub(crate) fn of_decoded(event: &v1::RecordedEvent, mut supplier: impl FnMut(&str)) {
    let Ok(kind) = checked::kind(event) else { return };
    match &*kind {
        Kind::SaleRecorded(sale) => sale.lines.iter().for_each(|line| supplier(&line.supplier_id)),
        Kind::SaleVoided(void) => void.lines.iter().for_each(|line| supplier(&line.supplier_id)),
        Kind::ReturnRecorded(back) => back.lines.iter().for_each(|line| supplier(&line.supplier_id)),
        Kind::DeliveryRecorded(delivery) => supplier(&delivery.supplier_id),
        Kind::StockAdjusted(adjusted) => adjusted.lines.iter().for_each(|line| supplier(&line.supplier_id)),
        Kind::UnassignedSalesMoved(moved) => {
            supplier(&moved.from_supplier_id);
            supplier(&moved.supplier_id);
        }
        Kind::SaleReturned(_)
        | Kind::EventDiscarded(_)
        | Kind::SupplierRegistered(_)
        | Kind::StoreRegistered(_)
        | Kind::ItemRegistered(_) => {}
    }
}
