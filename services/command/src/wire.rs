//! The form in which readers get an event, assembled around the stored bytes: payload and metadata are embedded messages of
//! daybook.event.v1.RecordedEvent, so they go out exactly as they were written, without being decoded.

use bytes::Bytes;
use daybook::event::encoded::RecordedEvent;
use prost::Message as _;

use crate::store::events::{StoredEvent, timestamp};

impl From<StoredEvent> for RecordedEvent {
    fn from(event: StoredEvent) -> Self {
        Self {
            position: event.position,
            event_id: Bytes::copy_from_slice(event.event_id.as_bytes()),
            stream_id: Bytes::copy_from_slice(event.stream_id.as_bytes()),
            stream_version: event.stream_version,
            event_type: event.event_type,
            schema_version: event.schema_version,
            store_id: event.store_id.unwrap_or_default(),
            business_date: event.business_date.map(|date| date.to_string()).unwrap_or_default(),
            occurred_at: Some(timestamp(event.occurred_at)),
            recorded_at: Some(timestamp(event.recorded_at)),
            metadata: event.metadata,
            event: event.payload,
        }
    }
}

/// The bytes of an event as NATS gets them.
#[must_use]
pub fn encode(event: StoredEvent) -> Bytes {
    RecordedEvent::from(event).encode_to_vec().into()
}

#[cfg(test)]
mod tests {
    use daybook::event::v1::{self, Event, Metadata, SupplierRegistered, event::Kind};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_published_bytes_are_the_recorded_event() {
        let kind = Kind::SupplierRegistered(SupplierRegistered { supplier_id: "69".into(), ..Default::default() });
        let stored = StoredEvent {
            position: 7,
            event_id: Uuid::now_v7(),
            stream_id: Uuid::now_v7(),
            stream_version: 1,
            event_type: "supplier_registered".into(),
            schema_version: 1,
            store_id: None,
            business_date: Some(jiff::civil::date(2017, 1, 2)),
            occurred_at: "2017-01-02T05:00:00.000001Z".parse().unwrap(),
            recorded_at: "2026-01-02T05:00:00Z".parse().unwrap(),
            payload: Event { kind: Some(kind.clone()) }.encode_to_vec().into(),
            metadata: Metadata { actor: "anonymous".into(), ..Default::default() }.encode_to_vec().into(),
        };
        let recorded = v1::RecordedEvent::decode(encode(stored.clone())).unwrap();
        let expected = v1::RecordedEvent {
            position: 7,
            event_id: stored.event_id.as_bytes().to_vec().into(),
            stream_id: stored.stream_id.as_bytes().to_vec().into(),
            stream_version: 1,
            event_type: "supplier_registered".into(),
            schema_version: 1,
            store_id: String::new(),
            business_date: "2017-01-02".into(),
            occurred_at: Some(timestamp(stored.occurred_at)),
            recorded_at: Some(timestamp(stored.recorded_at)),
            metadata: Some(Metadata { actor: "anonymous".into(), ..Default::default() }),
            event: Some(Event { kind: Some(kind) }),
        };
        assert_eq!(recorded, expected);
    }
}
