//! What an event must say, computed from the command once more.

use daybook::{
    command::v1::{
        AdjustStockRequest, RecordDeliveryRequest, RecordReturnRequest, RecordSaleRequest, RegisterItemRequest,
        VoidSaleRequest,
    },
    event::v1::{
        AdjustmentLine, BusinessDay, DeliveryLine, RecordedEvent, ReturnLine, ReturnRecorded, SaleLine, SaleRecorded,
        event::Kind,
    },
    ids::UNASSIGNED,
    money,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::log::Log;
use crate::shop::{
    catalogue::{STORES, Store},
    message::Message,
};

/// What the events of a command say otherwise than the command; `None` if nothing.
#[must_use]
pub fn difference(message: &Message, events: &[&RecordedEvent], log: &Log) -> Option<String> {
    let event = events.first()?;
    let Ok(kind) = event.kind() else { return Some("its event cannot be read".to_owned()) };
    let sent = Sent { event, log };
    let found = match (message, &*kind) {
        (Message::Supplier(it), Kind::SupplierRegistered(found)) => {
            compare(&(&it.supplier_id, &it.name, &it.gln), &(&found.supplier_id, &found.name, &found.gln))
        }
        (Message::Store(it), Kind::StoreRegistered(found)) => compare(
            &(&it.store_id, &it.name, &it.time_zone, it.cut_off_minutes, &it.currency_code),
            &(&found.store_id, &found.name, &found.time_zone, found.cut_off_minutes, &found.currency_code),
        ),
        (Message::Item(it), Kind::ItemRegistered(found)) => item(it, found).or_else(|| moved(events)),
        (Message::Sale(it), Kind::SaleRecorded(found)) => sent.sale(it, found),
        (Message::Void(it), Kind::SaleVoided(found)) => sent.void(it, found.receipt.as_ref(), &found.reason),
        (Message::Return(it), Kind::ReturnRecorded(found)) => {
            sent.take_back(it, found).or_else(|| note(it, events.get(1)))
        }
        (Message::Delivery(it), Kind::DeliveryRecorded(found)) => {
            let day = found.business_day.as_ref();
            sent.delivery(it, &found.lines, day).or_else(|| {
                compare(
                    &(&it.store_id, &it.supplier_id, &it.document_number),
                    &(&found.store_id, &found.supplier_id, &found.document_number),
                )
            })
        }
        (Message::Adjustment(it), Kind::StockAdjusted(found)) => {
            sent.adjustment(it, &found.lines, found.business_day.as_ref()).or_else(|| {
                compare(
                    &(&it.store_id, &it.document_number, &it.reason),
                    &(&found.store_id, &found.document_number, &found.reason),
                )
            })
        }
        _ => Some(format!("it is a {}", event.event_type)),
    };
    found.map(|difference| format!("at position {}: {difference}", event.position))
}

struct Sent<'a> {
    event: &'a RecordedEvent,
    log: &'a Log,
}

impl Sent<'_> {
    /// Supplier, category and unit of an item as they were in force.
    fn in_force(&self, item_id: &str) -> (String, String, bool) {
        match self.log.item_before(item_id, self.event.position) {
            Some(item) => (item.supplier_id.clone(), item.category.clone(), false),
            None => (UNASSIGNED.to_owned(), UNASSIGNED.to_owned(), true),
        }
    }

    fn day(&self, store_id: &str, at: Option<prost_types::Timestamp>, found: Option<&BusinessDay>) -> Option<String> {
        compare(&booked_on(store_id, at), &found.map(|day| day.date.clone()))
            .or_else(|| compare(&micros(at), &micros(self.event.occurred_at)))
            .or_else(|| compare(&store_id, &self.event.store_id.as_str()))
    }

    fn sale(&self, sent: &RecordSaleRequest, found: &SaleRecorded) -> Option<String> {
        let line = |line: &daybook::command::v1::RecordSaleLine| {
            let (supplier_id, category, unknown) = self.in_force(&line.item_id);
            let discount: i64 = line.discounts.iter().map(|one| one.amount_minor).sum();
            let tax: i64 = line.taxes.iter().map(|one| one.amount_minor).sum();
            let sums = (line.quantity_milli, line.gross_minor, discount, tax);
            (line.sequence, line.item_id.clone(), supplier_id, category, sums, unknown)
        };
        let told = |line: &SaleLine| {
            let sums = (line.quantity_milli, line.gross_minor, line.discount_minor, line.tax_minor);
            let (supplier_id, category) = (line.supplier_id.clone(), line.category.clone());
            (line.sequence, line.item_id.clone(), supplier_id, category, sums, line.unknown_item)
        };
        let receipt = found.receipt.as_ref();
        self.day(&sent.store_id, sent.occurred_at, found.business_day.as_ref())
            .or_else(|| compare(&each(&sent.lines, line), &each(&found.lines, told)))
            .or_else(|| compare(&sent.tenders, &found.tenders))
            .or_else(|| compare(&(sent.total_minor, sent.change_minor), &(found.total_minor, found.change_minor)))
            .or_else(|| compare(&Some(&sent.receipt_number), &receipt.map(|it| &it.receipt_number)))
            .or_else(|| compare(&Some(&sent.register_id), &receipt.map(|it| &it.register_id)))
            .or_else(|| compare(&sent.operator_id, &found.operator_id))
            .or_else(|| compare(&sent.register_sequence, &found.register_sequence))
    }

    fn void(
        &self,
        sent: &VoidSaleRequest,
        found: Option<&daybook::event::v1::ReceiptKey>,
        reason: &String,
    ) -> Option<String> {
        compare(&sent.receipt.as_ref(), &found)
            .or_else(|| compare(&&sent.reason, &reason))
            .or_else(|| compare(&micros(sent.occurred_at), &micros(self.event.occurred_at)))
    }

    fn take_back(&self, sent: &RecordReturnRequest, found: &ReturnRecorded) -> Option<String> {
        let line = |line: &daybook::command::v1::RecordReturnLine| {
            let sums = (line.quantity_milli, line.net_minor, line.tax_minor);
            (line.sequence, line.original_sequence, line.item_id.clone(), sums, line.disposition)
        };
        let told = |line: &ReturnLine| {
            let sums = (line.quantity_milli, line.net_minor, line.tax_minor);
            (line.sequence, line.original_sequence, line.item_id.clone(), sums, line.disposition)
        };
        self.day(&sent.store_id, sent.occurred_at, found.business_day.as_ref())
            .or_else(|| compare(&each(&sent.lines, line), &each(&found.lines, told)))
            .or_else(|| compare(&sent.original_receipt, &found.original_receipt))
            .or_else(|| compare(&sent.refunds, &found.refunds))
            .or_else(|| compare(&sent.total_minor, &found.total_minor))
    }

    fn delivery(
        &self,
        sent: &RecordDeliveryRequest,
        found: &[DeliveryLine],
        day: Option<&BusinessDay>,
    ) -> Option<String> {
        let line = |line: &daybook::command::v1::RecordDeliveryLine| {
            let cost =
                money::divide_half_even(i128::from(line.accepted_milli) * i128::from(line.unit_cost_minor), 1_000);
            let sums = (line.delivered_milli, line.accepted_milli, line.rejected_milli, cost);
            (line.sequence, line.item_id.clone(), sums)
        };
        let told = |line: &DeliveryLine| {
            let cost = Some(line.accepted_cost_minor);
            let sums = (line.delivered_milli, line.accepted_milli, line.rejected_milli, cost);
            (line.sequence, line.item_id.clone(), sums)
        };
        self.day(&sent.store_id, sent.occurred_at, day)
            .or_else(|| compare(&each(&sent.lines, line), &each(found, told)))
    }

    fn adjustment(
        &self,
        sent: &AdjustStockRequest,
        found: &[AdjustmentLine],
        day: Option<&BusinessDay>,
    ) -> Option<String> {
        let line = |line: &daybook::command::v1::AdjustStockLine| {
            (line.item_id.clone(), line.quantity_milli, line.from_state, line.to_state)
        };
        let told = |line: &AdjustmentLine| (line.item_id.clone(), line.quantity_milli, line.from_state, line.to_state);
        self.day(&sent.store_id, sent.occurred_at, day)
            .or_else(|| compare(&each(&sent.lines, line), &each(found, told)))
    }
}

fn item(sent: &RegisterItemRequest, found: &daybook::event::v1::ItemRegistered) -> Option<String> {
    compare(
        &(&sent.item_id, &sent.name, &sent.category, &sent.unit_code, sent.decimals, &sent.supplier_id),
        &(&found.item_id, &found.name, &found.category, &found.unit_code, found.decimals, &found.supplier_id),
    )
}

/// A registration is followed by what it moves, and by nothing else.
fn moved(events: &[&RecordedEvent]) -> Option<String> {
    let is_move = |event: &&&RecordedEvent| matches!(event.kind().as_deref(), Ok(Kind::UnassignedSalesMoved(_)));
    let other = events.iter().skip(1).find(|event| !is_move(event))?;
    Some(format!("a {} follows it", other.event_type))
}

/// A return with a receipt leaves a note in the sale's stream.
fn note(sent: &RecordReturnRequest, found: Option<&&RecordedEvent>) -> Option<String> {
    let kind = found.map(|event| event.kind());
    let noted = match kind.as_ref().map(Result::as_deref) {
        Some(Ok(Kind::SaleReturned(note))) => note.sale_receipt.clone(),
        _ => None,
    };
    compare(&sent.original_receipt, &noted)
}

fn each<T, U>(lines: &[T], of: impl Fn(&T) -> U) -> Vec<U> {
    lines.iter().map(of).collect()
}

fn compare<T: PartialEq + std::fmt::Debug>(sent: &T, found: &T) -> Option<String> {
    (sent != found).then(|| format!("sent {sent:?}, found {found:?}"))
}

/// Instants are kept to the microsecond.
fn micros(at: Option<prost_types::Timestamp>) -> Option<(i64, i32)> {
    at.map(|at| (at.seconds, at.nanos / 1_000))
}

/// The business date of an instant: the date of the local time that is the cut-off earlier.
fn booked_on(store_id: &str, at: Option<prost_types::Timestamp>) -> Option<String> {
    let store: &Store = STORES.iter().find(|store| store.id == store_id)?;
    let instant = Timestamp::new(at?.seconds, 0).ok()?;
    let local = instant.to_zoned(TimeZone::get(store.zone).ok()?).datetime();
    let begun = local.checked_sub(SignedDuration::from_mins(store.cut_off_minutes.into())).ok()?;
    Some(begun.date().to_string())
}
