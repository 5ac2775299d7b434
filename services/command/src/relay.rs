//! Publishes the log on NATS JetStream, in order. The broker itself refuses a gap, a double or a second relay: each
//! message says which sequence must come before it, so that the stream's sequence is the log's position. Where to go on is
//! learnt from the stream; nothing about publishing is kept in the database.

use std::time::Duration;

use async_nats::{
    Client, HeaderMap, header,
    jetstream::{
        self,
        context::PublishErrorKind,
        message::PublishMessage,
        stream::{self, DiscardPolicy, RawMessageErrorKind, RetentionPolicy, StorageType},
    },
};
use daybook::{
    event::v1::{EventFilter, Metadata, RecordedEvent},
    subject,
};
use daybook_chassis::{
    BoxError, CancellationToken,
    process::chain,
    trace::{self, Kind, Span},
};
use jiff::Timestamp;
use prost::Message as _;
use thiserror::Error;
use tokio::{sync::watch, time::Instant};
use tracing::{debug, info, warn};

use uuid::Uuid;

use crate::{
    config::Nats,
    lineage::{Bookmark, Doubt},
    recent::Log,
    store::{StoreError, events::StoredEvent},
    wire,
};

/// Events that are published before it is asked whether they are in the stream. Beyond some hundred NATS gets no faster.
const WINDOW_EVENTS: usize = 1_000;

/// How long NATS may take for an acknowledgement or an answer.
const NATS_TIMEOUT: Duration = Duration::from_secs(5);

/// A dead link to NATS is noticed after two missed pings.
const PING_INTERVAL: Duration = Duration::from_secs(4);

/// From one step to the next, unless there is a window's share to publish: NATS and its readers then have less to do for
/// each event. An event that comes after a silence is published at once.
const PACE: Duration = Duration::from_millis(10);

/// A step of so many events is followed by the next one at once.
const UNPACED_EVENTS: usize = 200;

/// While nothing is to be published, the stream is looked at so often: it may have been lost meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Waits between steps that failed.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(2);

/// A stream that was lost or emptied gets at most so many of the last events again; readers find the rest in the log.
const REPUBLISHED_EVENTS: i64 = 100_000;

/// NATS forgets message ids after this time. It absorbs nothing here (the expected sequence does), so it may be short.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(10);

/// How far the log is published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    pub position: i64,
    pub healthy: bool,
    /// When everything was published last.
    pub complete_at: Option<Timestamp>,
}

/// Why a step failed.
#[derive(Debug, Error)]
pub enum RelayError {
    #[error("NATS does not answer")]
    Nats(#[source] BoxError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stream has something that the log lacks: the log was restored from before its end, or the stream belongs to another
    /// log.
    #[error("nothing is published until an operator decides: {0}")]
    Disagrees(Doubt),
    /// Somebody else published: the stream is asked where to go on.
    #[error("another relay published first")]
    Overtaken,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many events.
    Published(usize),
    /// Everything is published.
    Idle,
}

/// The relay of this process.
#[derive(Debug)]
pub struct Relay {
    log: Log,
    config: Nats,
    client: Client,
    jetstream: jetstream::Context,
    /// The step before failed.
    asks_after_each: bool,
    /// The last event in the stream, with a nil id if that is not known; unknown after an error.
    last: Option<Bookmark>,
    published: watch::Sender<Published>,
}

impl Relay {
    /// A relay. NATS need not be there yet.
    ///
    /// # Errors
    /// If the URL cannot be read.
    pub async fn new(log: Log, config: Nats, published: watch::Sender<Published>) -> Result<Self, BoxError> {
        let client = async_nats::ConnectOptions::new()
            .name("daybook-relay")
            .ping_interval(PING_INTERVAL)
            .connection_timeout(NATS_TIMEOUT)
            .request_timeout(Some(NATS_TIMEOUT))
            .reconnect_delay_callback(|attempts| {
                FIRST_RETRY.saturating_mul(u32::try_from(attempts).unwrap_or(u32::MAX)).min(LONGEST_RETRY)
            })
            .retry_on_initial_connect()
            .connect(&config.url)
            .await?;
        let jetstream = jetstream::ContextBuilder::new().timeout(NATS_TIMEOUT).build(client.clone());
        Ok(Self { log, config, client, jetstream, asks_after_each: false, last: None, published })
    }

    /// Publishes until the token is cancelled.
    ///
    /// # Errors
    /// None today; a task of the process ends with a result.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), BoxError> {
        let mut heads = self.log.heads();
        let mut retry = FIRST_RETRY;
        let mut failing = false;
        while !shutdown.is_cancelled() {
            let begun = Instant::now();
            heads.mark_unchanged();
            let step = self.step().await;
            match &step {
                Ok(_) => self.log.lineage().broker_agrees(),
                Err(RelayError::Disagrees(doubt)) => self.log.lineage().broker_disagrees(*doubt),
                Err(RelayError::Nats(_)) => self.log.lineage().broker_is_away(),
                Err(RelayError::Store(_) | RelayError::Overtaken) => {}
            }
            let wait = match step {
                Ok(Step::Published(events)) => {
                    (retry, failing) = (FIRST_RETRY, recovered(failing));
                    if events < UNPACED_EVENTS {
                        tokio::select! {
                            () = shutdown.cancelled() => {}
                            () = tokio::time::sleep_until(begun + PACE) => {}
                        }
                    }
                    continue;
                }
                Ok(Step::Idle) => {
                    (retry, failing) = (FIRST_RETRY, recovered(failing));
                    LOOK_INTERVAL
                }
                Err(RelayError::Overtaken) => {
                    debug!("another relay published first");
                    FIRST_RETRY
                }
                Err(error) => {
                    if !failing {
                        warn!(error = %chain(&error), "the log cannot be published");
                        failing = true;
                    }
                    self.published.send_modify(|published| published.healthy = false);
                    retry = (retry * 2).min(LONGEST_RETRY);
                    retry
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(wait) => self.last = None,
                // While something fails, growth is no reason to hurry.
                changed = heads.changed(), if !failing => {
                    if changed.is_err() {
                        shutdown.cancelled().await;
                    }
                }
            }
        }
        Ok(())
    }

    /// Publishes the next events, at most a window of them.
    ///
    /// # Errors
    /// If NATS or Postgres do not answer, or the stream is not the log's.
    pub async fn step(&mut self) -> Result<Step, RelayError> {
        let last = match self.last {
            Some(last) => last,
            None => self.align().await?,
        };
        self.last = None;
        if last.position == *self.log.heads().borrow() {
            self.last = Some(last);
            self.tell(last.position, last.position);
            return Ok(Step::Idle);
        }
        let known = Some(last.event_id).filter(|id| !id.is_nil());
        let read = self.log.read(last.position, known, 0, WINDOW_EVENTS, &EventFilter::default()).await;
        let page = read.map_err(|error| match error {
            StoreError::Replaced { position, head } if position > head => behind(position, head),
            StoreError::Replaced { position, .. } => RelayError::Disagrees(Doubt::Differs { position }),
            error => RelayError::Store(error),
        })?;
        if page.head < last.position {
            return Err(behind(last.position, page.head));
        }
        let step = if page.events.is_empty() { Step::Idle } else { Step::Published(page.events.len()) };
        let mut end = last;
        // Each message says what must come before it: once the last one is acknowledged, all are in the stream. After a failure
        // each is asked after, so that it is known which one is refused, and why.
        let asks_after_each = std::mem::replace(&mut self.asks_after_each, true);
        let (mut acks, mut spans) = (Vec::new(), Vec::new());
        let mut left = page.events.len();
        for event in page.events {
            left -= 1;
            let subject = subject::of_event(
                &self.config.subjects,
                &event.event_type,
                event.store_id.as_deref().unwrap_or_default(),
            );
            let before = u64::try_from(event.position - 1).unwrap_or(0);
            end = Bookmark { position: event.position, event_id: event.event_id };
            let span = traced(&event);
            let mut headers = HeaderMap::new();
            headers.insert(header::NATS_EXPECTED_LAST_SEQUENCE, before.to_string());
            if let Some(span) = &span {
                headers.insert(trace::TRACEPARENT, span.traceparent());
            }
            spans.extend(span);
            let payload = wire::encode(event);
            if left == 0 || asks_after_each {
                let message = PublishMessage::build().headers(headers).payload(payload);
                acks.push(self.jetstream.send_publish(subject, message).await.map_err(nats)?);
            } else {
                self.client.publish_with_headers(subject, headers, payload).await.map_err(nats)?;
            }
        }
        for ack in acks {
            ack.await.map_err(|error| match error.kind() {
                PublishErrorKind::WrongLastSequence => RelayError::Overtaken,
                _ => nats(error),
            })?;
        }
        drop(spans);
        self.asks_after_each = false;
        self.last = Some(end);
        self.tell(end.position, page.head);
        Ok(step)
    }

    /// Tells how far the log is published, and where it ended when that was looked at.
    fn tell(&self, position: i64, head: i64) {
        let complete_at = if position >= head { Some(Timestamp::now()) } else { self.published.borrow().complete_at };
        self.published.send_replace(Published { position, healthy: true, complete_at });
    }

    /// Learns from the stream where to go on; makes it if it is not there.
    async fn align(&self) -> Result<Bookmark, RelayError> {
        let mut stream = self.jetstream.get_or_create_stream(stream_config(&self.config)).await.map_err(nats)?;
        let state = stream.info().await.map_err(nats)?.state.clone();
        let last = i64::try_from(state.last_sequence).unwrap_or(i64::MAX);
        let event_id = if state.messages == 0 { None } else { last_id(&stream, state.last_sequence).await? };
        // Asked after the stream was: only what is in the log is published.
        let head = self.log.head().await?.position;
        if last > head {
            return Err(behind(last, head));
        }
        if let Some(event_id) = event_id
            && !self.log.look(Bookmark { position: last, event_id }).await?.holds
        {
            return Err(RelayError::Disagrees(Doubt::Differs { position: last }));
        }
        if last == 0 && head > REPUBLISHED_EVENTS {
            let next = head - REPUBLISHED_EVENTS + 1;
            info!(from = next, "the stream is empty: it begins anew with the last events");
            stream.purge().sequence(u64::try_from(next).unwrap_or(1)).await.map_err(nats)?;
            return Ok(Bookmark { position: next - 1, event_id: Uuid::nil() });
        }
        debug!(position = last, "the stream says where to go on");
        Ok(Bookmark { position: last, event_id: event_id.unwrap_or_default() })
    }
}

/// The id of the last event in the stream; nil if it cannot be read, `None` if it was deleted.
async fn last_id(stream: &stream::Stream, sequence: u64) -> Result<Option<Uuid>, RelayError> {
    let message = match stream.get_raw_message(sequence).await {
        Ok(message) => message,
        Err(error) if matches!(error.kind(), RawMessageErrorKind::NoMessageFound) => return Ok(None),
        Err(error) => return Err(nats(error)),
    };
    let event = RecordedEvent::decode(message.payload).ok();
    Ok(Some(event.and_then(|event| Uuid::from_slice(&event.event_id).ok()).unwrap_or_default()))
}

fn behind(stream: i64, log: i64) -> RelayError {
    RelayError::Disagrees(Doubt::Behind { stream, log })
}

/// The span of publishing an event, if the call that recorded it is traced.
fn traced(event: &StoredEvent) -> Option<Span> {
    if !trace::is_on() || !trace::is_recent(event.recorded_at.into()) {
        return None;
    }
    let metadata = Metadata::decode(event.metadata.clone()).ok()?;
    trace::joined("publish", Kind::Producer, [metadata.traceparent.as_str()])
}

fn recovered(failing: bool) -> bool {
    if failing {
        info!("the log is published again");
    }
    false
}

fn nats(error: impl Into<BoxError>) -> RelayError {
    RelayError::Nats(error.into())
}

fn stream_config(config: &Nats) -> stream::Config {
    stream::Config {
        name: config.stream.clone(),
        description: Some("The log of Daybook: the sequence is the position".to_owned()),
        subjects: vec![format!("{}.>", config.subjects)],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::Old,
        max_bytes: config.max_bytes,
        num_replicas: config.replicas,
        duplicate_window: DUPLICATE_WINDOW,
        ..Default::default()
    }
}
