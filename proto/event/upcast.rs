//! Events of older versions, brought to today's schema when they are read. The log keeps them as they were written.
//!
//! Each step fills what its version added with what was true of the older events, never with a guess. A new version is: its
//! number in the list of types, a step here, and its golden files (`proto/golden`).

use std::borrow::Cow;

use super::{
    EventError, EventType,
    v1::{UnassignedSalesMoved, event::Kind},
};
use crate::ids::UNASSIGNED;

/// Brings an event of a known version to the newest one of its type.
///
/// # Errors
/// If it lacks what events of its version say.
pub(super) fn to_newest(version: i32, kind: Kind) -> Result<Kind, EventError> {
    let kind = match (version, kind) {
        (1, Kind::UnassignedSalesMoved(moved)) => second(moved),
        (_, newest) => newest,
    };
    complete(&kind)?;
    Ok(kind)
}

/// The same, of an event that stays where it is. Nearly all are of the newest version, and an event is large: it is not moved.
///
/// # Errors
/// As [`to_newest`].
pub(super) fn newest(version: i32, kind: &Kind) -> Result<Cow<'_, Kind>, EventError> {
    if let (1, Kind::UnassignedSalesMoved(_)) = (version, kind) {
        return to_newest(version, kind.clone()).map(Cow::Owned);
    }
    complete(kind)?;
    Ok(Cow::Borrowed(kind))
}

/// The first version was written only for sales of items that nobody had registered, and those were booked there.
fn second(moved: UnassignedSalesMoved) -> Kind {
    let (from_supplier_id, from_category) = (UNASSIGNED.to_owned(), UNASSIGNED.to_owned());
    Kind::UnassignedSalesMoved(UnassignedSalesMoved { from_supplier_id, from_category, ..moved })
}

fn complete(kind: &Kind) -> Result<(), EventError> {
    match missing(kind) {
        Some(field) => Err(EventError::Missing { event_type: EventType::of(kind).as_str(), field }),
        None => Ok(()),
    }
}

/// A field that a later version added and that no event of it may lack.
fn missing(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::UnassignedSalesMoved(moved) if moved.from_supplier_id.is_empty() => Some("from_supplier_id"),
        Kind::UnassignedSalesMoved(moved) if moved.from_category.is_empty() => Some("from_category"),
        _ => None,
    }
}
