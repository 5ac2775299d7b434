//! Events as they stand in the log, their types, and the one place where stored payloads are decoded and brought to today's
//! schema ([`upcast`]).

use std::borrow::Cow;

use prost::Message as _;
use thiserror::Error;

/// Messages and services of `daybook.event.v1`.
#[allow(missing_debug_implementations, unreachable_pub, clippy::all, reason = "generated from proto/daybook/event/v1")]
pub mod v1 {
    tonic::include_proto!("daybook.event.v1");
}

use v1::event::Kind;

pub mod encoded;
#[cfg(test)]
mod golden;
mod upcast;

/// Why a stored event cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EventError {
    #[error("event type {0:?} is not known to this version")]
    UnknownType(String),
    #[error("event type {event_type} has schema version {version}; this version reads up to {newest}")]
    UnknownVersion { event_type: &'static str, version: i32, newest: i32 },
    #[error("the payload of a {event_type} cannot be decoded: {cause}")]
    Malformed { event_type: &'static str, cause: String },
    #[error("the envelope says {event_type} but the payload is another type or empty")]
    WrongKind { event_type: &'static str },
    #[error("a {event_type} lacks its {field}")]
    Missing { event_type: &'static str, field: &'static str },
}

macro_rules! event_types {
    ($($variant:ident = $name:literal, $version:literal;)*) => {
        /// The types of events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventType { $($variant,)* }

        impl EventType {
            /// All types.
            pub const ALL: &[EventType] = &[$(Self::$variant,)*];

            /// The type's name in the log, in subjects and in filters.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The version of the schema with which events of the type are written today.
            #[must_use]
            pub fn schema_version(self) -> i32 {
                match self { $(Self::$variant => $version,)* }
            }

            /// The type of a decoded event.
            #[must_use]
            pub fn of(kind: &Kind) -> Self {
                match kind { $(Kind::$variant(_) => Self::$variant,)* }
            }

            /// The type of that name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

event_types! {
    SupplierRegistered = "supplier_registered", 1;
    StoreRegistered = "store_registered", 1;
    ItemRegistered = "item_registered", 1;
    DeliveryRecorded = "delivery_recorded", 1;
    SaleRecorded = "sale_recorded", 1;
    SaleVoided = "sale_voided", 1;
    ReturnRecorded = "return_recorded", 1;
    SaleReturned = "sale_returned", 1;
    StockAdjusted = "stock_adjusted", 1;
    UnassignedSalesMoved = "unassigned_sales_moved", 2;
    EventDiscarded = "event_discarded", 1;
}

/// Decodes the payload of a stored event (an encoded [`v1::Event`]) and brings it to today's schema.
///
/// # Errors
/// If the type or version is unknown or the payload is not what the envelope says. A future version is never guessed.
pub fn decode(event_type: &str, schema_version: i32, payload: &[u8]) -> Result<Kind, EventError> {
    let known = known_version(event_type, schema_version)?;
    let event = v1::Event::decode(payload)
        .map_err(|error| EventError::Malformed { event_type: known.as_str(), cause: error.to_string() })?;
    let kind = event.kind.filter(|kind| EventType::of(kind) == known);
    let kind = kind.ok_or(EventError::WrongKind { event_type: known.as_str() })?;
    upcast::to_newest(schema_version, kind)
}

impl v1::RecordedEvent {
    /// What happened, checked against the envelope and brought to today's schema.
    ///
    /// # Errors
    /// As [`decode`].
    pub fn kind(&self) -> Result<Cow<'_, Kind>, EventError> {
        let known = known_version(&self.event_type, self.schema_version)?;
        let kind = self.event.as_ref().and_then(|event| event.kind.as_ref());
        let kind = kind.filter(|kind| EventType::of(kind) == known);
        let kind = kind.ok_or(EventError::WrongKind { event_type: known.as_str() })?;
        upcast::newest(self.schema_version, kind)
    }
}

fn known_version(event_type: &str, schema_version: i32) -> Result<EventType, EventError> {
    let known =
        EventType::parse(event_type).ok_or_else(|| EventError::UnknownType(event_type.chars().take(64).collect()))?;
    let newest = known.schema_version();
    if (1..=newest).contains(&schema_version) {
        Ok(known)
    } else {
        Err(EventError::UnknownVersion { event_type: known.as_str(), version: schema_version, newest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supplier() -> v1::Event {
        let registered = v1::SupplierRegistered { supplier_id: "69".into(), name: "M 69".into(), gln: String::new() };
        v1::Event { kind: Some(Kind::SupplierRegistered(registered)) }
    }

    #[test]
    fn every_type_is_found_by_its_name() {
        for known in EventType::ALL {
            assert_eq!(EventType::parse(known.as_str()), Some(*known));
        }
    }

    #[test]
    fn a_payload_must_be_what_the_envelope_says() {
        let bytes = supplier().encode_to_vec();
        assert_eq!(decode("supplier_registered", 1, &bytes).ok(), supplier().kind);
        assert!(matches!(decode("store_registered", 1, &bytes), Err(EventError::WrongKind { .. })));
        assert!(matches!(decode("supplier_registered", 2, &bytes), Err(EventError::UnknownVersion { .. })));
        assert!(matches!(decode("supplier_forgotten", 1, &bytes), Err(EventError::UnknownType(_))));
        assert!(matches!(decode("supplier_registered", 1, b"\xff"), Err(EventError::Malformed { .. })));
        assert!(matches!(decode("supplier_registered", 1, b""), Err(EventError::WrongKind { .. })));
    }
}
