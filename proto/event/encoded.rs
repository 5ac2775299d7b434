//! Recorded events whose metadata and payload stay encoded, as the log keeps them. The log's own server answers with these:
//! readers get the very bytes that were written, and nobody decodes them on the way. A client that only keeps events, and unpacks
//! those that are asked for, takes them the same way.

use bytes::Bytes;
use prost::Message;

use super::v1 as plain;

/// Server and client of `daybook.event.v1.EventLogService`, with events that stay encoded in its answers.
#[allow(missing_debug_implementations, unreachable_pub, clippy::all, reason = "generated from proto/daybook/event/v1")]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/encoded/daybook.event.v1.rs"));
}

/// `daybook.event.v1.RecordedEvent` with its embedded messages as bytes: the same on the wire.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RecordedEvent {
    #[prost(int64, tag = "1")]
    pub position: i64,
    #[prost(bytes = "bytes", tag = "2")]
    pub event_id: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub stream_id: Bytes,
    #[prost(int32, tag = "4")]
    pub stream_version: i32,
    #[prost(string, tag = "5")]
    pub event_type: String,
    #[prost(int32, tag = "6")]
    pub schema_version: i32,
    #[prost(string, tag = "7")]
    pub store_id: String,
    #[prost(string, tag = "8")]
    pub business_date: String,
    #[prost(message, optional, tag = "9")]
    pub occurred_at: Option<prost_types::Timestamp>,
    #[prost(message, optional, tag = "10")]
    pub recorded_at: Option<prost_types::Timestamp>,
    #[prost(bytes = "bytes", tag = "11")]
    pub metadata: Bytes,
    #[prost(bytes = "bytes", tag = "12")]
    pub event: Bytes,
}

impl RecordedEvent {
    /// How many bytes its embedded messages have, which is nearly all of it.
    #[must_use]
    pub fn embedded_len(&self) -> usize {
        self.metadata.len() + self.event.len()
    }

    /// The same with its embedded messages decoded.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn decoded(&self) -> Result<plain::RecordedEvent, prost::DecodeError> {
        self.clone().into_decoded()
    }

    /// The same, of an event that is not needed any more.
    ///
    /// # Errors
    /// As [`Self::decoded`].
    pub fn into_decoded(self) -> Result<plain::RecordedEvent, prost::DecodeError> {
        Ok(plain::RecordedEvent {
            position: self.position,
            event_id: self.event_id,
            stream_id: self.stream_id,
            stream_version: self.stream_version,
            event_type: self.event_type,
            schema_version: self.schema_version,
            store_id: self.store_id,
            business_date: self.business_date,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            metadata: embedded(&self.metadata)?,
            event: embedded(&self.event)?,
        })
    }
}

/// An embedded message; what has no bytes is not there.
fn embedded<M: Message + Default>(bytes: &[u8]) -> Result<Option<M>, prost::DecodeError> {
    if bytes.is_empty() { Ok(None) } else { M::decode(bytes).map(Some) }
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

    use super::*;

    #[test]
    fn what_is_decoded_is_what_was_encoded() {
        let plain = plain::RecordedEvent {
            position: 7,
            event_id: Bytes::from_static(&[1; 16]),
            stream_id: Bytes::from_static(&[2; 16]),
            stream_version: 3,
            event_type: "sale_voided".to_owned(),
            schema_version: 1,
            store_id: "443".to_owned(),
            business_date: "2017-01-02".to_owned(),
            occurred_at: Some(Timestamp { seconds: 5, nanos: 6 }),
            recorded_at: Some(Timestamp { seconds: 7, nanos: 8 }),
            metadata: Some(plain::Metadata { actor: "anna".to_owned(), ..plain::Metadata::default() }),
            event: Some(plain::Event {
                kind: Some(plain::event::Kind::SaleVoided(plain::SaleVoided {
                    total_minor: -9,
                    ..plain::SaleVoided::default()
                })),
            }),
        };
        for event in [plain.clone(), plain::RecordedEvent { metadata: None, event: None, ..plain.clone() }] {
            let encoded = RecordedEvent::decode(event.encode_to_vec().as_slice()).unwrap();
            assert_eq!(encoded.decoded().unwrap(), event);
            assert_eq!(encoded.encode_to_vec(), event.encode_to_vec());
        }
        let broken = RecordedEvent { event: Bytes::from_static(&[0xff]), ..RecordedEvent::default() };
        assert!(broken.into_decoded().is_err());
    }
}
