//! Work beside the session: another generation, or a report that is new, folded from the log.

use daybook_read_model::event::Event;

use super::{Pending, Projector, SessionError};
use crate::{batch::Batch, config::Bounds, log::Bookmark, meta::Place, projection::Projection};

impl Projector {
    /// The same, for work beside the session.
    pub(crate) fn twin(&self) -> Self {
        Self {
            store: self.store.clone(),
            log: self.log.clone(),
            broker: self.broker.clone(),
            shard: self.shard,
            // Half of the memory for documents: the other half is for those that are served.
            bounds: Bounds { cache_bytes: self.bounds.cache_bytes / 2, ..self.bounds },
            serving: self.serving.clone(),
            shutdown: self.shutdown.clone(),
            careful_until: std::sync::Arc::clone(&self.careful_until),
            outage: None,
        }
    }

    /// Where the log ends.
    pub(crate) async fn head(&self) -> Result<i64, SessionError> {
        self.log.head().await.map_err(SessionError::Log)
    }

    /// True once the process is to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.shutdown.is_cancelled()
    }

    /// Reads the events after one that was read and up to a position, as many as make a batch.
    pub(crate) async fn read(&self, after: Bookmark, until: i64) -> Result<Vec<Event>, SessionError> {
        let mut events: Vec<Event> = Vec::new();
        while events.len() < self.bounds.batch_events {
            let after = events.last().map_or_else(|| after.clone(), Bookmark::of);
            let page = self.log.read(&after).await.map_err(SessionError::Log)?.events;
            let before = events.len();
            events.extend(page.into_iter().filter(|event| event.position() <= until));
            if events.len() == before {
                break;
            }
        }
        Ok(events)
    }

    /// Folds the log from where a generation stands to a position.
    pub(crate) async fn catch_up(
        &self,
        place: &mut Place,
        projections: &mut Vec<Box<dyn Projection>>,
        until: i64,
    ) -> Result<(), SessionError> {
        let (mut after, mut pending) = (Bookmark::in_checkpoint(&place.checkpoint), Pending::default());
        while after.position < until && !self.is_stopping() {
            let batch = Batch::of(self.read(after, until).await?, until);
            let Some(last) = batch.last() else { break };
            after = Bookmark::of(last);
            self.step(place, projections, &batch, None, &mut pending, false).await?;
        }
        self.write(place, projections, &mut pending).await
    }
}
