//! The published form of an event, assembled around the stored bytes: payload and metadata are embedded messages of
//! daybook.event.v1.RecordedEvent, so they go out exactly as they were written, without being decoded.

use bytes::Bytes;
use prost::Message as _;

use crate::store::events::{StoredEvent, timestamp};

/// daybook.event.v1.RecordedEvent with its embedded messages as bytes.
#[derive(Clone, PartialEq, prost::Message)]
struct Envelope {
    #[prost(int64, tag = "1")]
    position: i64,
    #[prost(bytes = "bytes", tag = "2")]
    event_id: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    stream_id: Bytes,
    #[prost(int32, tag = "4")]
    stream_version: i32,
    #[prost(string, tag = "5")]
    event_type: String,
    #[prost(int32, tag = "6")]
    schema_version: i32,
    #[prost(string, tag = "7")]
    store_id: String,
    #[prost(string, tag = "8")]
    business_date: String,
    #[prost(message, optional, tag = "9")]
    occurred_at: Option<prost_types::Timestamp>,
    #[prost(message, optional, tag = "10")]
    recorded_at: Option<prost_types::Timestamp>,
    #[prost(bytes = "bytes", tag = "11")]
    metadata: Bytes,
    #[prost(bytes = "bytes", tag = "12")]
    event: Bytes,
}

/// The bytes of an event as readers get them.
#[must_use]
pub fn encode(event: &StoredEvent) -> Bytes {
    let envelope = Envelope {
        position: event.position,
        event_id: Bytes::copy_from_slice(event.event_id.as_bytes()),
        stream_id: Bytes::copy_from_slice(event.stream_id.as_bytes()),
        stream_version: event.stream_version,
        event_type: event.event_type.clone(),
        schema_version: event.schema_version,
        store_id: event.store_id.clone().unwrap_or_default(),
        business_date: event.business_date.map(|date| date.to_string()).unwrap_or_default(),
        occurred_at: Some(timestamp(event.occurred_at)),
        recorded_at: Some(timestamp(event.recorded_at)),
        metadata: event.metadata.clone(),
        event: event.payload.clone(),
    };
    envelope.encode_to_vec().into()
}

#[cfg(test)]
mod tests {
    use daybook::event::v1::{Event, Metadata, RecordedEvent, SupplierRegistered, event::Kind};
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
            payload: Event { kind: Some(kind) }.encode_to_vec().into(),
            metadata: Metadata { actor: "anonymous".into(), ..Default::default() }.encode_to_vec().into(),
        };
        let recorded = RecordedEvent::decode(encode(&stored)).unwrap();
        assert_eq!(recorded, stored.recorded().unwrap());
        assert_eq!(recorded.business_date, "2017-01-02");
    }
}
