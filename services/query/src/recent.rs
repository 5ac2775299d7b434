//! The end of the log in memory, so that a report shows a sale as soon as it is recorded, not only when its documents have
//! been written: those are written for many sales at once.
//!
//! One report is answered as the stored document with the events after it folded in, by the same pure fold that made the
//! document. What is here only ever adds to what MongoDB answers: without it (no endpoint was given, the command service
//! is away, the documents are too far behind) reports are answered as they are stored.

mod event;
mod follow;
mod tail;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use daybook::query::v1::AsOf;
use daybook_chassis::trace;
use daybook_read_model::checkpoint::Generation;
use prost_types::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

pub(crate) use event::{Changed, RecentEvent, Totals, Unfoldable};
pub(crate) use follow::Follower;
use tail::Tail;
pub(crate) use tail::Touching;

use crate::status::QueryError;

/// What was read of the log last.
#[derive(Clone, Debug)]
pub(crate) struct Recent {
    tail: Arc<RwLock<Tail>>,
    followed: watch::Sender<Followed>,
    /// Documents that hold what the log lacks.
    foreign: watch::Sender<Option<Generation>>,
}

/// How far the log is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Followed {
    position: i64,
    /// False while the command service is away: then nothing is waited for here.
    connected: bool,
}

/// What happened after a position.
#[derive(Debug)]
pub(crate) struct After {
    /// The last event that was looked at, and when it was recorded.
    pub(crate) position: i64,
    pub(crate) recorded_at: Option<Timestamp>,
    /// Those of the events that were asked for, in order; perhaps some others.
    pub(crate) events: Vec<Arc<RecentEvent>>,
}

impl After {
    /// As answers say it.
    #[must_use]
    pub(crate) fn as_of(&self) -> AsOf {
        AsOf { position: self.position, recorded_at: self.recorded_at }
    }
}

impl Recent {
    /// Nothing: to be followed, or to stay so.
    #[must_use]
    pub(crate) fn new() -> Self {
        let (followed, _) = watch::channel(Followed::default());
        let (foreign, _) = watch::channel(None);
        Self { tail: Arc::default(), followed, foreign }
    }

    /// Waits until the log is followed to the position; false if it is not followed now.
    ///
    /// # Errors
    /// If the position is not reached in time.
    pub(crate) async fn reaches(&self, position: i64, until: Instant) -> Result<bool, QueryError> {
        let _span = trace::child("wait for the log", trace::Kind::Internal);
        let mut followed = self.followed.subscribe();
        let settled = followed.wait_for(|followed| !followed.connected || followed.position >= position);
        match timeout_at(until, settled).await {
            Ok(Ok(followed)) => Ok(followed.connected),
            Ok(Err(_)) => Ok(false),
            Err(_) => Err(QueryError::PositionNotReached { asked: position, applied: self.followed.borrow().position }),
        }
    }

    /// True if the documents of a generation hold what the log lacks.
    #[must_use]
    pub(crate) fn refuses(&self, generation: &Generation) -> bool {
        self.foreign.borrow().as_ref() == Some(generation)
    }

    /// True if there are such documents.
    #[must_use]
    pub(crate) fn refuses_any(&self) -> bool {
        self.foreign.borrow().is_some()
    }

    /// What came after a position, if all of it is here.
    #[must_use]
    pub(crate) fn after(&self, position: i64, wanted: Touching<'_>) -> Option<After> {
        self.read().after(position, wanted)
    }

    /// Up to where the log is followed, and whether it is now.
    #[must_use]
    pub(crate) fn followed(&self) -> (i64, bool) {
        let followed = *self.followed.borrow();
        (followed.position, followed.connected)
    }

    /// When the event after a position was recorded, if it is here.
    #[must_use]
    pub(crate) fn recorded_after(&self, position: i64) -> Option<Timestamp> {
        self.read().recorded_after(position)
    }

    fn read(&self) -> RwLockReadGuard<'_, Tail> {
        self.tail.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Tail) -> T) -> T {
        change(&mut self.tail.write().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
