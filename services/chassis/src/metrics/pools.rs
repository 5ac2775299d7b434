//! What there is only so much of: connections, places, room in queues.

use std::{fmt, sync::Arc};

use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use tokio::sync::Semaphore;

use super::{Labels, size, watched::WatchedFamily};

/// Something of which there is only so much.
pub struct Pool {
    name: &'static str,
    capacity: usize,
    in_use: Box<dyn Fn() -> usize + Send + Sync>,
}

impl Pool {
    /// A pool with a look at how much of it is in use.
    pub fn new(name: &'static str, capacity: usize, in_use: impl Fn() -> usize + Send + Sync + 'static) -> Self {
        Self { name, capacity, in_use: Box::new(in_use) }
    }

    /// The places that a semaphore hands out; all of them are free now.
    #[must_use]
    pub fn of(name: &'static str, places: &Arc<Semaphore>) -> Self {
        let (capacity, places) = (places.available_permits(), Arc::clone(places));
        Self::new(name, capacity, move || capacity.saturating_sub(places.available_permits()))
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("name", &self.name).field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

/// All pools of a service.
#[derive(Clone, Debug)]
pub(super) struct Pools {
    capacity: WatchedFamily,
    in_use: WatchedFamily,
    exhausted: Family<Labels<1>, Counter>,
}

impl Pools {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let capacity = WatchedFamily::new("daybook_pool_capacity", "How much of it there is", "pool");
        let in_use = WatchedFamily::new("daybook_pool_in_use", "How much of it is in use", "pool");
        registry.register_collector(Box::new(capacity.clone()));
        registry.register_collector(Box::new(in_use.clone()));
        let (help, exhausted) = ("How often somebody found all of it in use and was sent away", Family::default());
        registry.register("daybook_pool_exhausted", help, exhausted.clone());
        Self { capacity, in_use, exhausted }
    }

    /// Adds a pool; the counter is for those who found all of it in use and were sent away.
    pub(super) fn add(&self, pool: Pool) -> Counter {
        let Pool { name, capacity, in_use } = pool;
        self.capacity.add(name, move || size(capacity));
        self.in_use.add(name, move || size(in_use()));
        self.exhausted.get_or_create_owned(&[("pool", name)])
    }
}
