//! Whether the projector does its work: it does while documents can be written and events can be had from somewhere.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use daybook_chassis::{health::Health, metrics::Metrics};
use tokio::sync::Mutex;

use crate::SERVICE;

/// What the projector needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Documents can be written.
    Documents,
    /// Events can be read.
    Events,
}

/// The health of the process as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Serving {
    health: Health,
    state: Arc<Mutex<[bool; 2]>>,
    /// The same, for whoever only looks.
    seen: Arc<[AtomicBool; 2]>,
}

impl Serving {
    pub(crate) fn new(health: Health) -> Self {
        Self { health, state: Arc::new(Mutex::new([false; 2])), seen: Arc::default() }
    }

    /// Tells among the metrics what works.
    pub(crate) fn watched(self, metrics: &Metrics) -> Self {
        for (place, name) in ["mongodb", "log"].into_iter().enumerate() {
            let seen = Arc::clone(&self.seen);
            metrics.dependency(name, move || seen.get(place).is_some_and(|works| works.load(Ordering::Relaxed)));
        }
        self
    }

    /// Says whether a part works.
    pub(crate) async fn set(&self, part: Part, works: bool) {
        let mut state = self.state.lock().await;
        let place = match part {
            Part::Documents => 0,
            Part::Events => 1,
        };
        if state[place] != works {
            state[place] = works;
            self.seen[place].store(works, Ordering::Relaxed);
            self.health.set_all(&[SERVICE], *state == [true; 2]).await;
        }
    }
}
