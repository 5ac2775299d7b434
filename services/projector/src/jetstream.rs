//! The log as JetStream delivers it: at once, but perhaps not at all.
//!
//! A pull consumer of our own, without acknowledgements: the checkpoint in MongoDB says where to go on, so the broker need
//! not remember it. The client's ordered consumer is not used: when it has to make its consumer anew before the first
//! message it begins at the first message of the stream, and it tries for ever without a word. Here the consumer is opened
//! again at the wanted position after any trouble.
//!
//! The stream may hold events that the log does not have any more, if that was restored from before its end. So before
//! anything is taken from it, its last message must be the log's event; what comes later was published on top of that.

use std::time::Duration;

use async_nats::{
    Client, ConnectOptions,
    jetstream::{
        self,
        consumer::{AckPolicy, DeliverPolicy, pull},
        stream::{RawMessageErrorKind, Stream},
    },
};
use bytes::Bytes;
use daybook::event::encoded::RecordedEvent;
use daybook_read_model::event::Event;
use futures_util::{FutureExt as _, StreamExt as _};
use prost::Message as _;
use thiserror::Error;

use crate::{
    config::Source,
    log::{Bookmark, Log},
};

/// A dead link is noticed after two missed answers.
const PING_INTERVAL: Duration = Duration::from_secs(4);

/// How long to wait for a connection or an answer of the server.
const SERVER_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait between two attempts to connect: short, because a broker that is back should be used again soon.
const MAX_RECONNECT_DELAY: Duration = Duration::from_secs(2);

/// Messages that are asked for at once: what may be under way, while a batch is written.
const PULL_MESSAGES: usize = 500;

/// Bytes of messages that may be under way.
const PULL_BYTES: usize = 4 * 1024 * 1024;

/// A pull that found nothing is renewed after so long.
const PULL_EXPIRES: Duration = Duration::from_secs(20);

/// The server says so often that it is there although it has nothing.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// The server forgets the consumer of a projector that went away.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

/// Most events that are handed on at once.
const CHUNK_EVENTS: usize = 500;

/// Most bytes that are handed on at once; one message more may be in.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Connects to the broker.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    client: Client,
    stream: String,
}

/// Messages from a position on.
pub(crate) struct Messages {
    stream: pull::Stream,
}

/// Why JetStream does not deliver.
#[derive(Debug, Error)]
pub(crate) enum BrokerError {
    #[error("NATS cannot be used: {0}")]
    Connect(#[source] async_nats::ConnectError),
    #[error("no messages from JetStream: {0}")]
    Open(#[source] async_nats::Error),
    #[error("the log cannot be asked whether it holds what the stream has: {}", .0.message())]
    Log(#[source] tonic::Status),
    #[error("the stream's event at position {0} is not in the log: the log lost its end, or is another one")]
    NotTheLog(i64),
    #[error("JetStream did not answer within {} s", SERVER_TIMEOUT.as_secs())]
    Silent,
    #[error("JetStream stopped delivering: {0}")]
    Delivery(#[source] pull::MessagesError),
    #[error("the delivery ended")]
    Ended,
    #[error("message {sequence} is not the event of this position: {cause}")]
    NotTheEvent { sequence: u64, cause: String },
}

impl Broker {
    /// A broker that is connected to in the background, now and whenever the connection is lost.
    pub(crate) async fn new(source: &Source) -> Result<Self, BrokerError> {
        let options = ConnectOptions::new()
            .name("daybook-projector")
            .retry_on_initial_connect()
            .ping_interval(PING_INTERVAL)
            .connection_timeout(SERVER_TIMEOUT)
            .request_timeout(Some(SERVER_TIMEOUT))
            .reconnect_delay_callback(|attempts| {
                let doubled = Duration::from_millis(50).saturating_mul(1 << attempts.min(6));
                doubled.min(MAX_RECONNECT_DELAY)
            });
        let client = options.connect(source.nats_url.expose()).await.map_err(BrokerError::Connect)?;
        Ok(Self { client, stream: source.nats_stream.clone() })
    }

    /// Opens the delivery of messages from a sequence on, if the stream is the log's.
    pub(crate) async fn open(self, log: Log, first: i64) -> Result<Messages, BrokerError> {
        let last = match tokio::time::timeout(SERVER_TIMEOUT, self.last()).await {
            Ok(last) => last.map_err(BrokerError::Open)?,
            Err(_) => return Err(BrokerError::Silent),
        };
        if !log.holds(&last).await.map_err(BrokerError::Log)? {
            return Err(BrokerError::NotTheLog(last.position));
        }
        let opening = self.messages(u64::try_from(first).unwrap_or(1).max(1));
        match tokio::time::timeout(SERVER_TIMEOUT, opening).await {
            Ok(opened) => opened.map(|stream| Messages { stream }).map_err(BrokerError::Open),
            Err(_) => Err(BrokerError::Silent),
        }
    }

    /// The last event in the stream.
    async fn last(&self) -> Result<Bookmark, async_nats::Error> {
        let stream = self.context().get_stream(&self.stream).await?;
        let state = &stream.cached_info().state;
        let sequence = state.last_sequence;
        let id = if state.messages == 0 { None } else { id_in(&stream, sequence).await? };
        Ok(Bookmark { position: i64::try_from(sequence)?, event_id: id.unwrap_or_default() })
    }

    fn context(&self) -> jetstream::Context {
        let mut context = jetstream::new(self.client.clone());
        context.set_timeout(SERVER_TIMEOUT);
        context
    }

    async fn messages(&self, start_sequence: u64) -> Result<pull::Stream, async_nats::Error> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
            ack_policy: AckPolicy::None,
            inactive_threshold: FORGOTTEN_AFTER,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let consumer = self.context().create_consumer_on_stream(config, self.stream.as_str()).await?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(PULL_MESSAGES)
            .max_bytes_per_batch(PULL_BYTES)
            .expires(PULL_EXPIRES)
            .heartbeat(HEARTBEAT)
            .messages();
        Ok(messages.await?)
    }
}

impl Messages {
    /// Waits for an event, and takes with it what has arrived besides; with the bytes that they have, encoded. Nothing is lost if it
    /// is not waited for to its end.
    pub(crate) async fn next(&mut self) -> Result<(Vec<Event>, usize), BrokerError> {
        let first = self.stream.next().await;
        let mut bytes = 0;
        let mut events = vec![event(first, &mut bytes)?];
        while events.len() < CHUNK_EVENTS && bytes < CHUNK_BYTES {
            match self.stream.next().now_or_never() {
                Some(Some(Ok(message))) => events.push(event(Some(Ok(message)), &mut bytes)?),
                // An error comes again, or the silence tells.
                Some(_) | None => break,
            }
        }
        Ok((events, bytes))
    }
}

/// The id of the event that a message of the stream holds; none if it was deleted.
async fn id_in(stream: &Stream, sequence: u64) -> Result<Option<Bytes>, async_nats::Error> {
    match stream.get_raw_message(sequence).await {
        Ok(message) => Ok(Some(RecordedEvent::decode(message.payload)?.event_id)),
        Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn event(
    message: Option<Result<jetstream::Message, pull::MessagesError>>,
    bytes: &mut usize,
) -> Result<Event, BrokerError> {
    let message = message.ok_or(BrokerError::Ended)?.map_err(BrokerError::Delivery)?;
    let info = message.info().map_err(BrokerError::Open)?;
    *bytes += message.payload.len();
    decode(info.stream_sequence, message.payload.clone())
}

pub(crate) fn decode(sequence: u64, payload: Bytes) -> Result<Event, BrokerError> {
    let wrong = |cause| BrokerError::NotTheEvent { sequence, cause };
    let event = RecordedEvent::decode(payload).and_then(Event::read).map_err(|error| wrong(error.to_string()))?;
    if u64::try_from(event.position()) == Ok(sequence) {
        Ok(event)
    } else {
        Err(wrong(format!("it says position {}", event.position())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_must_be_the_event_of_its_sequence() {
        let event = RecordedEvent { position: 7, event_type: "sale_recorded".into(), ..RecordedEvent::default() };
        let payload = Bytes::from(event.encode_to_vec());
        assert_eq!(decode(7, payload.clone()).unwrap().recorded, event);
        assert!(matches!(decode(8, payload), Err(BrokerError::NotTheEvent { sequence: 8, .. })));
        assert!(decode(7, Bytes::from_static(b"\xff\xff")).is_err());
    }
}
