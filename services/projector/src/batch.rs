//! What is folded and written at once: all that is waiting, up to a bound. A lone event is written at once, and batches
//! grow when writing takes longer than events take to come.

use std::sync::Arc;

use daybook::event::v1::RecordedEvent;

use crate::{
    config::Bounds,
    feed::{Chunk, Feed},
};

/// Request ids of one batch that stand in its log line.
const LOGGED_REQUESTS: usize = 20;

/// Events that follow each other.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) events: Arc<Vec<RecordedEvent>>,
    pub(crate) bytes: usize,
}

impl Batch {
    /// A first chunk, and what waits besides.
    pub(crate) fn gather(first: Chunk, feed: &mut Feed, bounds: Bounds) -> Self {
        let (mut events, mut bytes) = (first.events, first.bytes);
        while events.len() < bounds.batch_events && bytes < bounds.batch_bytes {
            let Some(chunk) = feed.more() else { break };
            events.extend(chunk.events);
            bytes += chunk.bytes;
        }
        Self { events: Arc::new(events), bytes }
    }

    /// These events.
    pub(crate) fn of(events: Vec<RecordedEvent>) -> Self {
        Self { events: Arc::new(events), bytes: 0 }
    }

    /// The last event.
    pub(crate) fn last(&self) -> Option<&RecordedEvent> {
        self.events.last()
    }

    /// The request ids of the first events, for the log.
    pub(crate) fn requests(&self) -> Vec<&str> {
        let ids = self.events.iter().filter_map(|event| event.metadata.as_ref());
        ids.map(|metadata| metadata.request_id.as_str()).take(LOGGED_REQUESTS).collect()
    }
}
