//! Room for so many of something at once.

use std::sync::Arc;

use daybook_chassis::metrics::{Counter, Metrics, pools::Pool};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use crate::status::QueryError;

/// Places for something.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    what: &'static str,
    places: Arc<Semaphore>,
    /// Counts those for whom there was no place.
    sent_away: Counter,
}

impl Places {
    /// So many places, all free. `what` is how a caller is told that there is none.
    #[must_use]
    pub(crate) fn new(what: &'static str, count: usize) -> Self {
        Self { what, places: Arc::new(Semaphore::new(count)), sent_away: Counter::default() }
    }

    /// The same places, told of among the metrics.
    #[must_use]
    pub(crate) fn counted(self, pool: &'static str, metrics: &Metrics) -> Self {
        Self { sent_away: metrics.pool(Pool::of(pool, &self.places)), ..self }
    }

    /// Takes a place if one is free.
    ///
    /// # Errors
    /// If none is.
    pub(crate) fn take(&self) -> Result<OwnedSemaphorePermit, QueryError> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| self.none())
    }

    /// Takes a place as soon as one is free.
    ///
    /// # Errors
    /// If none is in time.
    pub(crate) async fn take_in_time(&self, until: Instant) -> Result<OwnedSemaphorePermit, QueryError> {
        match timeout_at(until, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(self.none()),
        }
    }

    /// How many are free.
    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.places.available_permits()
    }

    fn none(&self) -> QueryError {
        self.sent_away.inc();
        QueryError::Overloaded(self.what)
    }
}
