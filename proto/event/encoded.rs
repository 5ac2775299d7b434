//! Recorded events whose metadata and payload stay encoded, as the log keeps them. The log's own server answers with these:
//! readers get the very bytes that were written, and nobody decodes them on the way. A client that only keeps events, and unpacks
//! those that are asked for, takes them the same way.

use bytes::Bytes;
use prost::Message as _;

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
    /// The same with its embedded messages decoded.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn decoded(&self) -> Result<plain::RecordedEvent, prost::DecodeError> {
        plain::RecordedEvent::decode(self.encode_to_vec().as_slice())
    }
}
