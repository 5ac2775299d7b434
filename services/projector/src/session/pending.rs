//! What is folded and not written yet, and what is on its way to the database.

use std::{
    future::pending,
    num::NonZero,
    sync::Arc,
    thread::available_parallelism,
    time::{Duration, Instant},
};

use daybook_chassis::trace::{self, Span};
use tokio::{sync::Semaphore, task::JoinSet};
use tracing::debug;

use crate::{
    meta::Reached,
    projection::Load,
    store::{Store, StoreError},
};

/// Fewer events are written at once: little happens.
pub(super) const FEW_EVENTS: usize = 8;

/// So long at most after an event was folded it shall be written. Documents are written for as many events as come in half of
/// that or more, because most of them change again and again. Whoever waits for one report does not wait for the documents: the
/// query service knows the end of the log.
const AIM: Duration = Duration::from_millis(1_000);

/// Events that are folded in memory, and documents that are being written meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// How many are folded and have not departed.
    pub(super) events: usize,
    /// The last of them.
    pub(super) reached: Option<Reached>,
    /// How many events the log has beyond, as far as that is known.
    pub(super) behind: i64,
    flight: Option<Flight>,
    /// What is folded departs then, unless there is a reason to do it sooner.
    due: Option<Instant>,
    /// The span of the last batch that is traced, of those that have not departed: their writing is a part of it.
    span: Option<Arc<Span>>,
}

/// Documents on their way, and where the checkpoint goes once all have arrived.
#[derive(Debug)]
struct Flight {
    reached: Reached,
    begun: Instant,
    writes: JoinSet<Result<(), StoreError>>,
}

impl Pending {
    /// True if everything is written, and the checkpoint says so.
    pub(crate) fn is_empty(&self) -> bool {
        self.reached.is_none() && self.flight.is_none()
    }

    /// Takes note of the span of a batch, and answers that in which it is to be folded.
    pub(super) fn traced(&mut self, span: Option<Span>) -> Option<Arc<Span>> {
        if let Some(span) = span {
            self.span = Some(Arc::new(span));
        }
        self.span.clone()
    }

    /// The span in which documents are to be written.
    pub(super) fn departing(&mut self) -> Option<Arc<Span>> {
        self.span.take()
    }

    /// True while documents are on their way.
    pub(super) fn flies(&self) -> bool {
        self.flight.is_some()
    }

    /// The position of the last event that is folded and not known to be written.
    pub(super) fn last_folded(&self) -> Option<i64> {
        let of_flight = self.flight.as_ref().map(|flight| &flight.reached);
        self.reached.as_ref().or(of_flight).map(|reached| reached.position)
    }

    /// When that which is folded shall depart: at once if it is little, or if the last time is long ago. `None` if nothing is
    /// folded, or documents are still on their way.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.reached.is_none() || self.flies() {
            return None;
        }
        let now = Instant::now();
        Some(if self.events < FEW_EVENTS { now } else { self.due.unwrap_or(now) })
    }

    /// Sends documents on their way.
    pub(super) fn depart(&mut self, store: &Store, loads: Vec<Load>) {
        let Some(reached) = self.reached.take() else { return };
        self.events = 0;
        let mut writes = JoinSet::new();
        // The server works on each command in a thread of its own: more of them than processors only take those from registers.
        let turns = Arc::new(Semaphore::new(available_parallelism().map_or(1, NonZero::get)));
        for load in loads {
            let (store, turns) = (store.clone(), Arc::clone(&turns));
            writes.spawn(trace::carried(async move {
                let _turn = turns.acquire_owned().await;
                load.arrive(&store).await
            }));
        }
        self.flight = Some(Flight { reached, begun: Instant::now(), writes });
    }

    /// Waits until all documents have arrived, and answers where the checkpoint goes. For ever if none is on its way; may be
    /// given up and asked again.
    pub(super) async fn arrive(&mut self) -> Result<Reached, StoreError> {
        let Some(flight) = &mut self.flight else { return pending().await };
        while let Some(done) = flight.writes.join_next().await {
            done.map_err(StoreError::Task)??;
        }
        let Some(Flight { reached, begun, .. }) = self.flight.take() else { return pending().await };
        // An event that is folded as documents depart waits until the next time, and until those have arrived.
        let took = begun.elapsed();
        debug!(position = reached.position, micros = took.as_micros(), "written");
        self.due = Some(begun + AIM.saturating_sub(took).max(took));
        Ok(reached)
    }
}
