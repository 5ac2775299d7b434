//! What a decision gives: new events with their places in streams, and the answer that follows from them.

use daybook::{
    business_day::BusinessDayRule,
    command::v1::{Accepted, Warning},
    event::{
        EventType,
        v1::{BusinessDay, ReceiptKey, event::Kind},
    },
    reason, stream,
};
use daybook_chassis::answer::Refusal;
use jiff::{Timestamp, civil::Date};
use uuid::Uuid;

use super::check::{self, Check};

/// An event that is decided but not recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    pub stream_id: Uuid,
    pub stream_version: i32,
    pub store_id: Option<String>,
    pub business_date: Option<Date>,
    /// Absent where the command did not say: then it happened when it is recorded.
    pub occurred_at: Option<Timestamp>,
    pub kind: Kind,
}

impl NewEvent {
    /// The first event of a stream, of no store and no day.
    #[must_use]
    pub fn first(stream: &str, occurred_at: Option<Timestamp>, kind: Kind) -> Self {
        let stream_id = stream::id_of(stream);
        Self { stream_id, stream_version: 1, store_id: None, business_date: None, occurred_at, kind }
    }

    /// The same event, of a store.
    #[must_use]
    pub fn of_store(mut self, store_id: &str) -> Self {
        self.store_id = Some(store_id.to_owned());
        self
    }

    /// The same event, on a business date.
    #[must_use]
    pub fn on(mut self, date: Date) -> Self {
        self.business_date = Some(date);
        self
    }

    /// The same event, at another place of its stream.
    #[must_use]
    pub fn at_version(mut self, version: i32) -> Self {
        self.stream_version = version;
        self
    }

    #[must_use]
    pub fn event_type(&self) -> EventType {
        EventType::of(&self.kind)
    }
}

/// The answer to an accepted command, from its first event: the same when it is given again.
#[must_use]
pub fn accepted(first: &Kind, last_position: i64, duplicate: bool) -> Accepted {
    let mut warnings = Vec::new();
    let unknown = |warnings: &mut Vec<Warning>, lines: &mut dyn Iterator<Item = (bool, &str)>| {
        for (index, (_, item_id)) in lines.enumerate().filter(|(_, (unknown, _))| *unknown) {
            warnings.push(Warning {
                reason: reason::UNKNOWN_ITEM.to_owned(),
                field: format!("lines[{index}].item_id"),
                message: format!("item {item_id} is not registered; it is reported under UNASSIGNED until it is"),
            });
        }
    };
    let (stream, business_date) = match first {
        Kind::SupplierRegistered(event) => (stream::supplier(&event.supplier_id), None),
        Kind::StoreRegistered(event) => (stream::store(&event.store_id), None),
        Kind::ItemRegistered(event) => (stream::item(&event.item_id), None),
        Kind::DeliveryRecorded(event) => {
            unknown(&mut warnings, &mut event.lines.iter().map(|line| (line.unknown_item, line.item_id.as_str())));
            (stream::delivery(&event.supplier_id, &event.document_number), event.business_day.as_ref())
        }
        Kind::SaleRecorded(event) => {
            unknown(&mut warnings, &mut event.lines.iter().map(|line| (line.unknown_item, line.item_id.as_str())));
            if !event.claimed_business_date.is_empty() {
                let booked = event.business_day.as_ref().map_or("", |day| day.date.as_str());
                warnings.push(Warning {
                    reason: reason::BUSINESS_DATE_MISMATCH.to_owned(),
                    field: "claimed_business_date".to_owned(),
                    message: format!("booked on {booked}, by the store's time zone and cut-off"),
                });
            }
            (of_receipt(event.receipt.as_ref(), stream::sale), event.business_day.as_ref())
        }
        Kind::SaleVoided(event) => (of_receipt(event.receipt.as_ref(), stream::sale), event.business_day.as_ref()),
        Kind::ReturnRecorded(event) => {
            unknown(&mut warnings, &mut event.lines.iter().map(|line| (line.unknown_item, line.item_id.as_str())));
            (of_receipt(event.receipt.as_ref(), stream::sale_return), event.business_day.as_ref())
        }
        Kind::StockAdjusted(event) => {
            unknown(&mut warnings, &mut event.lines.iter().map(|line| (line.unknown_item, line.item_id.as_str())));
            (stream::adjustment(&event.store_id, &event.document_number), event.business_day.as_ref())
        }
        Kind::SaleReturned(event) => (of_receipt(event.sale_receipt.as_ref(), stream::sale), None),
        Kind::EventDiscarded(event) => (stream::discard(event.position), None),
        Kind::UnassignedSalesMoved(event) => (stream::item(&event.item_id), event.business_day.as_ref()),
    };
    let business_date = business_date.map(|day| day.date.clone()).unwrap_or_default();
    Accepted { position: last_position, duplicate, stream, business_date, warnings }
}

/// The business day of an instant, as an event carries it and as a date.
///
/// # Errors
/// If the date would lie outside the years that dates can have.
pub fn business_day(rule: &BusinessDayRule, instant: Timestamp) -> Result<(BusinessDay, Date), Refusal> {
    let booked = rule.booked_on(instant).map_err(|_| {
        let mut check = Check::default();
        check.fault("occurred_at", reason::INVALID_VALUE, "has no business day");
        check::refusal(check.violations())
    })?;
    Ok((rule.stamp(booked), booked.date))
}

fn of_receipt(receipt: Option<&ReceiptKey>, name: fn(&ReceiptKey) -> String) -> String {
    receipt.map(name).unwrap_or_default()
}
