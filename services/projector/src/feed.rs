//! Events in order and without a gap.
//!
//! The log is read first, until its end is reached. Then JetStream is listened to; what it delivers is taken if it is the
//! next position, left out if it is known, and if something is missing the log is read again. JetStream may be silent, away,
//! emptied or lag behind: so the log is also asked when nothing has come for a while.

use std::{sync::Arc, time::Duration};

use daybook_chassis::{CancellationToken, process::chain};
use daybook_read_model::event::Event;
use futures_util::future::{BoxFuture, FutureExt as _};
use thiserror::Error;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::Instant,
};
use tonic::Status;
use tracing::{debug, info, warn};

use crate::{
    jetstream::{Broker, BrokerError, Messages},
    log::{Bookmark, Log, is_replaced},
    metrics::{Counts, Source},
    serving::{Part, Serving},
};

/// Events that wait for being folded: what is read and decoded while a batch is written, so that the next one can be as
/// large. JetStream brings them in chunks of one or of hundreds, so they are counted, not the chunks.
const WAITING_EVENTS: usize = 5_000;

/// Kibibytes of events that wait, encoded.
const WAITING_KIB: usize = 8 * 1024;

/// While JetStream delivers, the log is asked after so long a silence.
const SILENCE: Duration = Duration::from_secs(1);

/// While JetStream does not deliver, the log is asked so often.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// JetStream is opened again so long after it failed.
const REOPEN_INTERVAL: Duration = Duration::from_secs(2);

/// From so many events on, catching up is told of when it is done.
const NOTABLE_EVENTS: i64 = 10_000;

/// Some events that follow each other, and how large they are.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) events: Vec<Event>,
    pub(crate) bytes: usize,
    /// Where the log ended when they were read from it; 0 if JetStream brought them.
    pub(crate) head: i64,
    /// Room that they take up while they wait.
    _room: Vec<OwnedSemaphorePermit>,
}

/// Room for events that wait.
#[derive(Clone, Debug)]
struct Room {
    events: Arc<Semaphore>,
    kib: Arc<Semaphore>,
}

impl Room {
    fn new() -> Self {
        Self { events: Arc::new(Semaphore::new(WAITING_EVENTS)), kib: Arc::new(Semaphore::new(WAITING_KIB)) }
    }

    /// Waits for room; a chunk that is larger than all there is takes all.
    async fn take(&self, events: usize, bytes: usize) -> Result<Vec<OwnedSemaphorePermit>, Stop> {
        let permits = |wanted: usize, most: usize| u32::try_from(wanted.clamp(1, most)).unwrap_or(u32::MAX);
        let of_events = Arc::clone(&self.events).acquire_many_owned(permits(events, WAITING_EVENTS)).await;
        let of_kib = Arc::clone(&self.kib).acquire_many_owned(permits(bytes / 1024, WAITING_KIB)).await;
        Ok(vec![of_events.map_err(|_| Stop::Unwanted)?, of_kib.map_err(|_| Stop::Unwanted)?])
    }
}

/// Why there can be no more events.
#[derive(Debug, Error)]
pub(crate) enum FeedError {
    #[error("the log ends at position {head}, but position {expected} is folded already: it was cut or replaced")]
    LogIsBehind { head: i64, expected: i64 },
    #[error("the log does not hold the event that was folded at position {0}: it was cut or replaced")]
    Replaced(i64),
    #[error("the log answered position {found} where {expected} is next")]
    Gap { found: i64, expected: i64 },
    #[error("reading events failed: {0}")]
    Task(#[source] tokio::task::JoinError),
}

/// Events from somewhere.
#[derive(Debug)]
pub(crate) struct Feed {
    chunks: mpsc::UnboundedReceiver<Chunk>,
    task: tokio::task::JoinHandle<Result<(), FeedError>>,
}

impl Feed {
    /// Begins to read the events after one.
    pub(crate) fn after(
        last: Bookmark,
        log: Log,
        broker: Broker,
        serving: Serving,
        counts: Counts,
        shutdown: CancellationToken,
    ) -> Self {
        // Bounded by the room that a chunk needs.
        let (sender, chunks) = mpsc::unbounded_channel();
        let room = Room::new();
        let reader = Reader {
            next: last.position + 1,
            last,
            log,
            broker,
            serving,
            counts,
            room,
            sender,
            delivers: false,
            log_is_away: false,
        };
        let task = tokio::spawn(async move {
            tokio::select! {
                ended = reader.run() => ended,
                () = shutdown.cancelled() => Ok(()),
            }
        });
        Self { chunks, task }
    }

    /// Waits for the next events. `None` if there are no more: see [`Feed::end`].
    pub(crate) async fn next(&mut self) -> Option<Chunk> {
        self.chunks.recv().await
    }

    /// Further events that are already there.
    pub(crate) fn more(&mut self) -> Option<Chunk> {
        self.chunks.try_recv().ok()
    }

    /// Why there are no more.
    pub(crate) async fn end(mut self) -> Result<(), FeedError> {
        (&mut self.task).await.map_err(FeedError::Task)?
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Reader {
    /// The position to come next.
    next: i64,
    /// The event before it.
    last: Bookmark,
    log: Log,
    broker: Broker,
    serving: Serving,
    counts: Counts,
    room: Room,
    sender: mpsc::UnboundedSender<Chunk>,
    /// JetStream delivered, or has nothing to deliver.
    delivers: bool,
    log_is_away: bool,
}

/// Nobody wants events any more, or there can be none.
enum Stop {
    Unwanted,
    Failed(FeedError),
}

type Opening = BoxFuture<'static, Result<Messages, BrokerError>>;

/// Where JetStream stands.
enum Delivery {
    Closed { until: Instant },
    Opening(Opening),
    Open(Box<Messages>),
}

impl Reader {
    async fn run(mut self) -> Result<(), FeedError> {
        match self.read().await {
            Ok(()) | Err(Stop::Unwanted) => Ok(()),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    async fn read(&mut self) -> Result<(), Stop> {
        let first = self.next;
        self.read_log().await?;
        if self.next - first >= NOTABLE_EVENTS {
            info!(events = self.next - first, position = self.next - 1, "caught up with the log");
        }
        let mut delivery = Delivery::Opening(self.open());
        let mut ask_log = Instant::now() + POLL_INTERVAL;
        loop {
            let wake = match &delivery {
                Delivery::Closed { until } => ask_log.min(*until),
                Delivery::Opening(_) | Delivery::Open(_) => ask_log,
            };
            tokio::select! {
                step = advance(&mut delivery) => match step {
                    Step::Opened(messages) => {
                        delivery = Delivery::Open(messages);
                        self.delivered();
                    }
                    Step::Delivered(events, bytes) => {
                        self.delivered();
                        self.serving.set(Part::Events, true).await;
                        if self.take(events, bytes, Source::JetStream, 0).await? {
                            // Something is missing: the log has it.
                            let before = self.next;
                            self.read_log().await?;
                            debug!(from = before, to = self.next, "filled a gap from the log");
                        }
                        ask_log = Instant::now() + SILENCE;
                    }
                    Step::Failed(error) => {
                        self.undelivered(&error);
                        delivery = Delivery::Closed { until: Instant::now() + REOPEN_INTERVAL };
                    }
                },
                () = tokio::time::sleep_until(wake) => {
                    if let Delivery::Closed { until } = &delivery && *until <= Instant::now() {
                        delivery = Delivery::Opening(self.open());
                    }
                    if ask_log <= Instant::now() {
                        let before = self.next;
                        self.read_log().await?;
                        let missed = self.next - before;
                        if missed > 0 && self.delivers {
                            // Open or not, it did not bring them: perhaps only the relay is behind.
                            self.delivers = false;
                            warn!(events = missed, position = self.next - 1, "JetStream lags: reading the log");
                        }
                        ask_log = Instant::now() + if self.delivers { SILENCE } else { POLL_INTERVAL };
                    }
                }
            }
        }
    }

    fn open(&self) -> Opening {
        self.broker.clone().open(self.log.clone(), self.next).boxed()
    }

    fn delivered(&mut self) {
        if !std::mem::replace(&mut self.delivers, true) {
            info!(position = self.next, "JetStream delivers");
        }
    }

    fn undelivered(&mut self, error: &BrokerError) {
        if self.delivers {
            self.delivers = false;
            warn!(error = %chain(error), "JetStream does not deliver: reading the log");
        } else {
            debug!(error = %chain(error), "JetStream does not deliver");
        }
    }

    /// Reads the log to its end, or as far as it can be read.
    async fn read_log(&mut self) -> Result<(), Stop> {
        loop {
            let page = match self.log.read(&self.last).await {
                Ok(page) => page,
                Err(status) if is_replaced(&status) => {
                    return Err(Stop::Failed(FeedError::Replaced(self.last.position)));
                }
                Err(status) => {
                    self.log_failed(&status).await;
                    return Ok(());
                }
            };
            if std::mem::take(&mut self.log_is_away) {
                info!(position = self.next, "the log can be read again");
            }
            self.serving.set(Part::Events, true).await;
            let expected = self.next - 1;
            if page.head < expected {
                return Err(Stop::Failed(FeedError::LogIsBehind { head: page.head, expected }));
            }
            if page.events.is_empty() {
                return Ok(());
            }
            let first = page.events.first().map_or(0, Event::position);
            if self.take(page.events, page.bytes, Source::Log, page.head).await? {
                return Err(Stop::Failed(FeedError::Gap { found: first, expected: self.next }));
            }
            if self.next > page.head {
                return Ok(());
            }
        }
    }

    async fn log_failed(&mut self, status: &Status) {
        if !self.delivers {
            self.serving.set(Part::Events, false).await;
        }
        if !std::mem::replace(&mut self.log_is_away, true) {
            warn!(code = ?status.code(), error = status.message(), "the log cannot be read");
        }
    }

    /// Hands on what comes next of events that have so many bytes, leaves out what is known; answers if something is missing before
    /// the rest.
    async fn take(&mut self, events: Vec<Event>, bytes: usize, source: Source, head: i64) -> Result<bool, Stop> {
        let all = events.len();
        let mut taken = Vec::with_capacity(all);
        let mut gap = false;
        for event in events {
            if event.position() == self.next {
                self.next += 1;
                self.last = Bookmark::of(&event);
                taken.push(event);
            } else if event.position() > self.next {
                gap = true;
                break;
            }
        }
        if !taken.is_empty() {
            // Each is taken for as large as the others: nearly always all are taken.
            let bytes = bytes * taken.len() / all;
            self.counts.fed(source, taken.len());
            let room = self.room.take(taken.len(), bytes).await?;
            self.sender.send(Chunk { events: taken, bytes, head, _room: room }).map_err(|_| Stop::Unwanted)?;
        }
        Ok(gap)
    }
}

enum Step {
    Opened(Box<Messages>),
    /// With the bytes that they have.
    Delivered(Vec<Event>, usize),
    Failed(BrokerError),
}

async fn advance(delivery: &mut Delivery) -> Step {
    match delivery {
        Delivery::Closed { .. } => std::future::pending().await,
        Delivery::Opening(opening) => match opening.await {
            Ok(messages) => Step::Opened(Box::new(messages)),
            Err(error) => Step::Failed(error),
        },
        Delivery::Open(messages) => match messages.next().await {
            Ok((events, bytes)) => Step::Delivered(events, bytes),
            Err(error) => Step::Failed(error),
        },
    }
}
