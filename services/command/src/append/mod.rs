//! The append pipeline: all commands of the process pass through it, one batch at a time.
//!
//! Handlers put well-formed commands into a bounded queue. One task takes everything that is waiting, decides it in order
//! against the catalogue, writes all of it in one transaction and answers after the commit. While one commit waits for the
//! disk the next batch gathers, so throughput grows with load, and a lone command waits for nobody.
//!
//! The task is not the caller's: a caller who goes away leaves no half-known commit behind.

mod answers;
mod pipeline;
mod plan;

use std::{
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use daybook::{command::v1::Accepted, event::v1::Metadata, ids::RequestId, reason};
use daybook_chassis::{
    answer::Refusal,
    metrics::{self, Counter, Metrics, Shed, pools::Pool},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tonic::Code;

pub use pipeline::Pipeline;

use crate::{
    domain::{catalogue::Catalogue, command::Command},
    metrics::Appending,
};

/// Commands that may wait. At the rate of a busy pipeline that is well below a second of work.
pub const QUEUE_COMMANDS: usize = 4_096;

/// Bytes of commands that may wait: a queue full of large deliveries must not take the memory of the process.
pub const QUEUE_BYTES: usize = 32 * 1024 * 1024;

/// When to come back if the queue is full.
const OVERLOAD_WAIT: Duration = Duration::from_millis(250);

/// A command with everything that is needed to record and answer it.
#[derive(Clone, Debug)]
pub struct Submission {
    pub command: Arc<Command>,
    pub request_id: RequestId,
    /// Digest of the command's content without its request id.
    pub fingerprint: Fingerprint,
    pub metadata: Arc<Metadata>,
    /// Size of the message: what it takes of [`QUEUE_BYTES`].
    pub bytes: usize,
}

/// Digest of a command's content.
pub type Fingerprint = [u8; 16];

/// What became of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Accepted(Accepted),
    Refused(Refusal),
    /// The stream that it was decided on has changed: load it again and decide again.
    Again,
}

/// A submission in the queue.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) submission: Submission,
    answer: oneshot::Sender<Answer>,
    /// It was sent to Postgres, and what became of that is not known: where the log ended before, as far as was known.
    pub(crate) sent_after: Option<i64>,
    /// Given back when the command is answered.
    _bytes: OwnedSemaphorePermit,
    counts: Appending,
}

impl Queued {
    pub(crate) fn answer(self, answer: Answer) {
        self.counts.answered(&self.submission.command, &answer);
        // The caller may be gone; what was recorded stays recorded.
        let _ = self.answer.send(answer);
    }
}

/// The way into the pipeline.
#[derive(Clone, Debug)]
pub struct Appends {
    queue: mpsc::Sender<Queued>,
    bytes: Arc<Semaphore>,
    catalogue: Arc<RwLock<Catalogue>>,
    counts: Appending,
    full: Counter,
    full_of_bytes: Counter,
}

impl Appends {
    /// The way into a queue, told of among the metrics.
    fn new(queue: mpsc::Sender<Queued>, catalogue: Arc<RwLock<Catalogue>>, metrics: &Metrics) -> Self {
        let bytes = Arc::new(Semaphore::new(QUEUE_BYTES));
        // A strong one would keep the queue open.
        let watched = queue.downgrade();
        let waiting = move || watched.upgrade().map_or(0, |queue| QUEUE_COMMANDS.saturating_sub(queue.capacity()));
        Self {
            full: metrics.pool(Pool::new("append_queue", QUEUE_COMMANDS, waiting)),
            full_of_bytes: metrics.pool(Pool::of("append_queue_bytes", &bytes)),
            counts: Appending::new(metrics),
            queue,
            bytes,
            catalogue,
        }
    }

    /// Puts a command into the queue, if there is room.
    ///
    /// # Errors
    /// If the queue is full or the pipeline has stopped.
    pub fn try_submit(&self, submission: Submission) -> Result<oneshot::Receiver<Answer>, Refusal> {
        let permit = Arc::clone(&self.bytes).try_acquire_many_owned(permits(&submission));
        let permit = permit.map_err(|_| overloaded(&self.full_of_bytes))?;
        let (queued, answered) = self.queued(submission, permit);
        self.queue.try_send(queued).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => overloaded(&self.full),
            mpsc::error::TrySendError::Closed(_) => stopping(),
        })?;
        Ok(answered)
    }

    /// Puts a command into the queue as soon as there is room: for streams, whose senders then wait.
    ///
    /// # Errors
    /// If the pipeline has stopped.
    pub async fn submit(&self, submission: Submission) -> Result<oneshot::Receiver<Answer>, Refusal> {
        let permit = Arc::clone(&self.bytes).acquire_many_owned(permits(&submission)).await.map_err(|_| stopping())?;
        let (queued, answered) = self.queued(submission, permit);
        self.queue.send(queued).await.map_err(|_| stopping())?;
        Ok(answered)
    }

    fn queued(&self, submission: Submission, permit: OwnedSemaphorePermit) -> (Queued, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        let counts = self.counts.clone();
        (Queued { submission, answer, sent_after: None, _bytes: permit, counts }, answered)
    }

    /// The catalogue as it is now, to tell all that is wrong with a message that is refused anyway. Decisions are made in
    /// the pipeline.
    pub fn catalogue(&self) -> RwLockReadGuard<'_, Catalogue> {
        self.catalogue.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn permits(submission: &Submission) -> u32 {
    u32::try_from(submission.bytes.clamp(1, QUEUE_BYTES)).unwrap_or(u32::MAX)
}

/// The refusal where one of the queue's bounds is reached, which is counted.
fn overloaded(bound: &Counter) -> Refusal {
    bound.inc();
    metrics::shed(Shed::Commands);
    let message = "too many commands are waiting; send it again after the stated delay";
    Refusal::new(Code::ResourceExhausted, reason::OVERLOADED, message).with_retry_after(OVERLOAD_WAIT)
}

/// The refusal while the service stops.
#[must_use]
pub fn stopping() -> Refusal {
    Refusal::new(Code::Unavailable, reason::SHUTTING_DOWN, "the service is stopping; send it again")
        .with_retry_after(OVERLOAD_WAIT)
}

#[cfg(test)]
mod tests;
