//! What an operator needs once the log has lost its end: the events that only the broker still has, written down before they
//! are given up, and a stream that begins anew.

use std::io::Write;

use async_nats::jetstream::{self, stream::Stream};
use daybook::{FILE_DESCRIPTOR_SET, event::v1::RecordedEvent};
use daybook_chassis::BoxError;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use uuid::Uuid;

use crate::{
    config::{Config, Nats},
    lineage::Bookmark,
    store::Store,
};

/// As `daybook log` writes events.
const JSON: SerializeOptions =
    SerializeOptions::new().stringify_64_bit_integers(false).use_proto_field_name(true).skip_default_fields(false);

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Log and stream have the same events up to here.
    pub common: i64,
    /// Where the log ends.
    pub head: i64,
    /// Events that were written.
    pub events: i64,
}

/// Writes the events that the stream has and the log lacks, in their order, each as a line of JSON.
///
/// # Errors
/// If a server does not answer, or the stream does not reach back to where log and stream part.
pub async fn write_lost(config: &Config, out: &mut impl Write) -> Result<Lost, BoxError> {
    let store = Store::new(&config.postgres)?;
    let mut stream = context(&config.nats).await?.get_stream(&config.nats.stream).await?;
    let state = stream.info().await?.state.clone();
    let (first, last) = (i64::try_from(state.first_sequence)?, i64::try_from(state.last_sequence)?);
    let head = store.head().await?.position;
    let common = if state.messages == 0 { last } else { common(&store, &stream, first, last.min(head)).await? };
    let event_message = descriptor()?;
    let mut events = 0;
    for position in common + 1..=last {
        let event = event_at(&stream, position).await?;
        let mut message = DynamicMessage::new(event_message.clone());
        message.transcode_from(&event)?;
        message.serialize_with_options(&mut serde_json::Serializer::new(&mut *out), &JSON)?;
        writeln!(out)?;
        events += 1;
    }
    out.flush()?;
    Ok(Lost { common, head, events })
}

/// Deletes the stream; the relay makes a new one with the last events of the log.
///
/// # Errors
/// If the broker does not answer or has no such stream.
pub async fn drop_stream(config: &Nats) -> Result<(), BoxError> {
    context(config).await?.delete_stream(&config.stream).await?;
    Ok(())
}

async fn context(config: &Nats) -> Result<jetstream::Context, BoxError> {
    let client = async_nats::ConnectOptions::new().name("daybook-command lost").connect(&config.url).await?;
    Ok(jetstream::new(client))
}

/// The last position up to which both have the same events. They part once, so halving finds it.
async fn common(store: &Store, stream: &Stream, first: i64, until: i64) -> Result<i64, BoxError> {
    let holds = async |position| -> Result<bool, BoxError> {
        let event_id = Uuid::from_slice(&event_at(stream, position).await?.event_id)?;
        Ok(store.look(Bookmark { position, event_id }).await?.holds)
    };
    // Both have all up to `low`; they have parted before `high`.
    let (mut low, mut high) = (first - 1, until + 1);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if holds(middle).await? {
            low = middle;
        } else {
            high = middle;
        }
    }
    if low < first && first > 1 {
        return Err(
            format!("log and stream part before position {first}, which is the first one that the stream has").into()
        );
    }
    Ok(low)
}

async fn event_at(stream: &Stream, position: i64) -> Result<RecordedEvent, BoxError> {
    let message = stream.get_raw_message(u64::try_from(position)?).await?;
    Ok(RecordedEvent::decode(message.payload)?)
}

fn descriptor() -> Result<MessageDescriptor, BoxError> {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET)?;
    Ok(pool.get_message_by_name("daybook.event.v1.RecordedEvent").ok_or("the contract has no RecordedEvent")?)
}
