//! What is folded and not written yet, and what is on its way to the database.
//!
//! Documents are written by turns: each flight takes those that have waited longest, as many as must be written in its time for
//! all to be written once in [`AIM`]. So the database has the same work at all times, and the checkpoint follows at the same distance.

use std::{
    collections::VecDeque,
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
    projection::{Load, Turn},
    store::{Store, StoreError},
};

/// Fewer events are written at once: little happens.
pub(super) const FEW_EVENTS: usize = 8;

/// So long after an event was folded its documents shall depart. They are written for as many events as come in that time, because
/// most of them change again and again. Whoever waits for one report does not wait for the documents: the query service knows
/// the end of the log.
const AIM: Duration = Duration::from_millis(750);

/// The next flight departs no sooner than so long after the last one: each has commands and a checkpoint of its own.
const BETWEEN: Duration = Duration::from_millis(100);

/// Events that are folded in memory, and documents that are being written meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Batches of which not all has departed, in order; together as many events as may be folded and not written, and some.
    folded: VecDeque<Folded>,
    /// How many events they have.
    pub(super) events: usize,
    /// How many events the log has beyond, as far as that is known.
    pub(super) behind: i64,
    flight: Option<Flight>,
    /// When the last flight departed.
    departed: Option<Instant>,
}

/// A batch that was folded.
#[derive(Debug)]
struct Folded {
    at: Instant,
    events: usize,
    reached: Reached,
    /// Its span, if it is traced: the writing of its documents is a part of it.
    span: Option<Arc<Span>>,
}

/// Documents on their way, and where the checkpoint goes once all have arrived.
#[derive(Debug)]
struct Flight {
    /// `None` if documents of the first batch are left behind.
    reached: Option<Reached>,
    /// The last event that was folded when it departed.
    folded: Option<i64>,
    begun: Instant,
    writes: JoinSet<Result<(), StoreError>>,
}

impl Pending {
    /// True if everything is written, and the checkpoint says so.
    pub(crate) fn is_empty(&self) -> bool {
        self.folded.is_empty() && self.flight.is_none()
    }

    /// Takes note of a batch.
    pub(super) fn folded(&mut self, events: usize, reached: Reached, span: Option<Arc<Span>>) {
        self.events += events;
        self.folded.push_back(Folded { at: Instant::now(), events, reached, span });
    }

    /// True if something is folded of which not all has departed.
    pub(super) fn waits(&self) -> bool {
        !self.folded.is_empty()
    }

    /// The span in which documents are to be written: that of the oldest batch that is traced.
    pub(super) fn span(&self) -> Option<Arc<Span>> {
        self.folded.iter().find_map(|folded| folded.span.clone())
    }

    /// True while documents are on their way.
    pub(super) fn flies(&self) -> bool {
        self.flight.is_some()
    }

    /// The position of the last event that is folded and not known to be written.
    pub(super) fn last_folded(&self) -> Option<i64> {
        let waiting = self.folded.back().map(|folded| folded.reached.position);
        waiting.or(self.flight.as_ref().and_then(|flight| flight.folded))
    }

    /// When the next documents shall depart: at once if little has happened. `None` if nothing is folded, or documents are still on
    /// their way.
    pub(super) fn due(&self) -> Option<Instant> {
        if !self.waits() || self.flies() {
            return None;
        }
        let now = Instant::now();
        let is_little = self.events < FEW_EVENTS;
        Some(self.departed.filter(|_| !is_little).map_or(now, |departed| departed + BETWEEN))
    }

    /// Which documents have their turn now.
    pub(super) fn turn(&self) -> Turn {
        if self.events < FEW_EVENTS {
            return Turn::ALL;
        }
        let now = Instant::now();
        let is_old = |folded: &&Folded| now.saturating_duration_since(folded.at) >= AIM;
        let since = self.folded.iter().take_while(is_old).last().map_or(0, |folded| folded.reached.position);
        // What is left when nothing has flown for long has little to wait for.
        let passed = self.departed.map_or(BETWEEN, |departed| now.saturating_duration_since(departed)).min(AIM);
        let millis = |duration: Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
        Turn { since, part: (millis(passed), millis(AIM)) }
    }

    /// Sends documents on their way; of batches from `oldest` on some are left behind.
    pub(super) fn depart(&mut self, store: &Store, loads: Vec<Load>, oldest: Option<i64>) {
        let begun = Instant::now();
        let folded = self.last_folded();
        let mut reached = None;
        while let Some(first) =
            self.folded.pop_front_if(|first| oldest.is_none_or(|oldest| first.reached.position < oldest))
        {
            self.events -= first.events;
            reached = Some(first.reached);
        }
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
        self.departed = Some(begun);
        self.flight = Some(Flight { reached, folded, begun, writes });
    }

    /// Waits until all documents have arrived, and answers where the checkpoint goes. For ever if none is on its way; may be
    /// given up and asked again.
    pub(super) async fn arrive(&mut self) -> Result<Option<Reached>, StoreError> {
        let Some(flight) = &mut self.flight else { return pending().await };
        while let Some(done) = flight.writes.join_next().await {
            done.map_err(StoreError::Task)??;
        }
        let Some(Flight { reached, begun, .. }) = self.flight.take() else { return pending().await };
        let position = reached.as_ref().map(|reached| reached.position);
        debug!(position, micros = begun.elapsed().as_micros(), "written");
        Ok(reached)
    }
}
