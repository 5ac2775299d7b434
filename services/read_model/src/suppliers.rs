//! Which suppliers' days an event may change: cheaper to tell than what it changes, and most events are sales, of which nothing
//! but that is read.

use std::str::from_utf8;

use daybook::event::{
    EventType,
    encoded::RecordedEvent,
    v1::{self, event::Kind},
};
use prost::{DecodeError, Message, bytes::Bytes};

use crate::checked;

/// Of `daybook.event.v1.Event`, a sale's suppliers. What else there is is passed over.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(message, optional, tag = "5")]
    sale_recorded: Option<Sale>,
}

#[derive(Clone, PartialEq, Message)]
struct Sale {
    #[prost(message, repeated, tag = "6")]
    lines: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(bytes = "bytes", tag = "3")]
    supplier_id: Bytes,
}

/// Gives the suppliers whose days an event may change, some more than once.
///
/// # Errors
/// If the event cannot be decoded.
pub fn each_supplier(event: &RecordedEvent, mut supplier: impl FnMut(&str)) -> Result<(), DecodeError> {
    let of_today = EventType::SaleRecorded;
    if event.event_type == of_today.as_str() && event.schema_version == of_today.schema_version() {
        let Event { sale_recorded } = Event::decode(event.event.clone())?;
        if let Some(sale) = sale_recorded {
            for line in &sale.lines {
                from_utf8(&line.supplier_id).map(&mut supplier).map_err(|_| not_utf8())?;
            }
            return Ok(());
        }
    }
    of_decoded(&event.decoded()?, supplier);
    Ok(())
}

#[allow(deprecated, reason = "the crate offers no other way to make one")]
fn not_utf8() -> DecodeError {
    DecodeError::new("the id of a supplier is not UTF-8")
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
