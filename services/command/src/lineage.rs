//! Whether the log is still the one that others have read.
//!
//! Postgres may come back with less than it had: restored from a backup, or a replica took over that lacked the end. What is
//! missing was acknowledged, published and folded. Nothing may be appended then: the positions would be given out twice, and
//! reports would mix two pasts. So commands are refused until an operator has decided.
//!
//! It is found out by bookmarks. Ids of events are drawn at random and never used again, so two logs that have the same event
//! at a position are the same up to there. This process keeps a bookmark of the last event that it saw in the log; every
//! append and every look at Postgres is made only if the log still holds it. The broker keeps one, too: the last message of
//! the stream.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use thiserror::Error;
use tokio::{sync::watch, time::timeout};
use tracing::{error, info};
use uuid::Uuid;

/// How long a process that starts waits for a look at the broker before it takes commands without one: the broker is no part
/// of a commit, so it may be away.
pub const FIRST_LOOK: Duration = Duration::from_secs(3);

/// What helps, for the log of the process.
const WAY_OUT: &str =
    "restore the log that has these events, or give them up: docs/operations.md, \"The log has lost its end\"";

/// An event by its position and id. At position 0, before the first event, the id is nil.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bookmark {
    pub position: i64,
    pub event_id: Uuid,
}

/// Why the log is not taken for the one that it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Doubt {
    /// The broker has more than the log.
    #[error("the broker has events up to position {stream}, but the log ends at {log}: it lost its end")]
    Behind { stream: i64, log: i64 },
    /// The broker's last message is another event than the log's.
    #[error(
        "the broker's event at position {position} is not the log's: the log lost its end and went on, or is another one"
    )]
    Differs { position: i64 },
    /// An event that this process saw in the log is gone.
    #[error(
        "the event at position {position} was in the log and is there no more: the log lost its end, or is another one"
    )]
    Gone { position: i64 },
}

/// What is known of the log.
#[derive(Clone, Debug)]
pub struct Lineage {
    state: watch::Sender<State>,
    last: Arc<Mutex<Bookmark>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// The broker was looked at, or is away.
    looked: bool,
    doubt: Option<Doubt>,
}

impl Default for Lineage {
    fn default() -> Self {
        let (state, _) = watch::channel(State::default());
        Self { state, last: Arc::default() }
    }
}

impl Lineage {
    /// The last event that was seen in the log; position 0 if none was.
    #[must_use]
    pub fn last(&self) -> Bookmark {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of an event that is in the log.
    pub fn saw(&self, seen: Bookmark) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.position > last.position {
            *last = seen;
        }
    }

    /// Why commands are refused, if they are.
    #[must_use]
    pub fn doubt(&self) -> Option<Doubt> {
        self.state.borrow().doubt
    }

    /// True if an event that this process saw is gone: what it remembers is of another log, and it must be started anew.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self.doubt(), Some(Doubt::Gone { .. }))
    }

    /// True once commands can be taken.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let state = *self.state.borrow();
        state.looked && state.doubt.is_none()
    }

    /// Tells whenever that may have changed.
    pub(crate) fn changes(&self) -> watch::Receiver<impl Sized + use<>> {
        self.state.subscribe()
    }

    /// The broker has nothing that the log lacks.
    pub(crate) fn broker_agrees(&self) {
        self.change(None);
    }

    /// The broker has something that the log lacks.
    pub(crate) fn broker_disagrees(&self, doubt: Doubt) {
        self.change(Some(doubt));
    }

    /// The broker does not answer: what is known stays, and nothing is waited for.
    pub(crate) fn broker_is_away(&self) {
        self.state.send_if_modified(|state| !std::mem::replace(&mut state.looked, true));
    }

    /// An event that was seen is gone; that stays so.
    pub(crate) fn gone(&self, position: i64) {
        self.change(Some(Doubt::Gone { position }));
    }

    /// Waits until the broker was looked at, for at most [`FIRST_LOOK`]; after that it counts as away.
    pub(crate) async fn first_look(&self) {
        let mut state = self.state.subscribe();
        let looked = timeout(FIRST_LOOK, state.wait_for(|state| state.looked)).await.is_ok();
        if !looked {
            self.broker_is_away();
        }
    }

    fn change(&self, doubt: Option<Doubt>) {
        self.state.send_if_modified(|state| {
            if matches!(state.doubt, Some(Doubt::Gone { .. })) {
                return false;
            }
            match (state.doubt, doubt) {
                (before, Some(now)) if before != doubt => {
                    error!(error = %now, way_out = WAY_OUT, "commands are refused")
                }
                (Some(_), None) => {
                    info!("the broker has nothing any more that the log lacks: commands are taken again")
                }
                _ => {}
            }
            let next = State { looked: true, doubt };
            std::mem::replace(state, next) != next
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_broker_says_may_change_but_what_was_seen_stays() {
        let lineage = Lineage::default();
        assert!(!lineage.is_sound(), "nothing is known yet");
        lineage.broker_is_away();
        assert!(lineage.is_sound());
        let behind = Doubt::Behind { stream: 9, log: 7 };
        lineage.broker_disagrees(behind);
        lineage.broker_is_away();
        assert_eq!((lineage.is_sound(), lineage.doubt(), lineage.is_gone()), (false, Some(behind), false));
        lineage.broker_agrees();
        assert!(lineage.is_sound());
        lineage.gone(7);
        lineage.broker_agrees();
        assert_eq!((lineage.is_sound(), lineage.is_gone()), (false, true));
    }

    #[test]
    fn a_bookmark_only_goes_forward() {
        let lineage = Lineage::default();
        let [first, second] = [3, 5].map(|position| Bookmark { position, event_id: Uuid::now_v7() });
        lineage.saw(second);
        lineage.saw(first);
        assert_eq!(lineage.last(), second);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_for_a_broker() {
        let lineage = Lineage::default();
        let begun = tokio::time::Instant::now();
        lineage.first_look().await;
        assert!(lineage.is_sound() && begun.elapsed() < 2 * FIRST_LOOK);
    }
}
