//! What is folded and written at once: all that is waiting, up to a bound. A lone event is written at once, and batches
//! grow when writing takes longer than events take to come.

use std::{sync::Arc, time::SystemTime};

use daybook::event::v1::Metadata;
use daybook_chassis::trace::{self, Kind, Span};
use daybook_read_model::event::Event;

use crate::{
    config::Bounds,
    feed::{Chunk, Feed},
};

/// Request ids of one batch that stand in its log line.
const LOGGED_REQUESTS: usize = 20;

/// Events that follow each other.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) events: Arc<Vec<Event>>,
    pub(crate) bytes: usize,
    /// Where the log ended, as far as that is known.
    head: i64,
}

impl Batch {
    /// A first chunk, and what waits besides.
    pub(crate) fn gather(first: Chunk, feed: &mut Feed, bounds: Bounds) -> Self {
        let (mut events, mut bytes, mut head) = (first.events, first.bytes, first.head);
        while events.len() < bounds.batch_events && bytes < bounds.batch_bytes {
            let Some(chunk) = feed.more() else { break };
            events.extend(chunk.events);
            bytes += chunk.bytes;
            head = head.max(chunk.head);
        }
        Self { events: Arc::new(events), bytes, head }
    }

    /// These events, of a log that ends at a position.
    pub(crate) fn of(events: Vec<Event>, head: i64) -> Self {
        Self { events: Arc::new(events), bytes: 0, head }
    }

    /// How many events of the log come after it, at least.
    pub(crate) fn behind(&self) -> i64 {
        self.last().map_or(0, |last| self.head.saturating_sub(last.position()).max(0))
    }

    /// The last event.
    pub(crate) fn last(&self) -> Option<&Event> {
        self.events.last()
    }

    /// The span of folding and writing the batch, in the trace of a call that recorded some of it. None if none is traced.
    pub(crate) fn traced(&self) -> Option<Span> {
        if !trace::is_on() {
            return None;
        }
        let is_recent = |event: &&Event| {
            let recorded_at = event.recorded.recorded_at.and_then(|at| SystemTime::try_from(at).ok());
            recorded_at.is_some_and(trace::is_recent)
        };
        let metadata: Vec<Metadata> = self.events.iter().filter(is_recent).filter_map(Event::metadata).collect();
        let parents = metadata.iter().map(|metadata| metadata.traceparent.as_str());
        let span = trace::joined("project", Kind::Consumer, parents)?;
        span.tell("daybook.events", i64::try_from(self.events.len()).unwrap_or(i64::MAX));
        span.tell("daybook.last_position", self.last().map_or(0, Event::position));
        Some(span)
    }

    /// The request ids of the first events, for the log.
    pub(crate) fn requests(&self) -> Vec<String> {
        let metadata = self.events.iter().filter_map(Event::metadata);
        metadata.map(|metadata| metadata.request_id).take(LOGGED_REQUESTS).collect()
    }
}
