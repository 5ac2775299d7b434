//! What a process tells of itself in numbers, for Prometheus: counters, gauges and histograms, read over HTTP.
//!
//! Whoever counts something gets a handle once, when the service starts; counting is then one atomic addition. What has a
//! value anyway (the length of a queue, the end of the log) is not counted but looked at when somebody reads the endpoint.
//! Labels have few values, all known beforehand: never the id of a store, an item or a caller. `docs/metrics.md` lists all.
//!
//! - [`calls`]: every gRPC call by method and code;
//! - [`refusals`]: calls that were refused or shed, of the whole process;
//! - [`pools`]: what there is only so much of;
//! - [`machine`]: processor, memory and files of the process;
//! - [`endpoint`]: the HTTP endpoint.

pub mod calls;
pub mod endpoint;
mod machine;
pub mod pools;
pub mod refusals;
mod watched;

use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::{
    encoding::{EncodeMetric, text},
    metrics::{TypedMetric, family::Family, info::Info},
    registry::Registry,
};

pub use prometheus_client::metrics::{counter::Counter, gauge::Gauge, histogram::Histogram};
pub use refusals::{Refused, Shed, certificate_expires, refused, shed};

use calls::Calls;
use pools::{Pool, Pools};
use watched::{Watched, WatchedFamily};

/// Labels of one series: names and values.
pub type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Bounds of buckets for times, in seconds: from a fast commit to the longest deadline in common use.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Bounds of buckets for how many there are of something in one batch.
const COUNTS: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0];

/// The numbers of one service.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<RwLock<Registry>>,
    calls: Calls,
    pools: Pools,
    dependencies: WatchedFamily,
}

impl Metrics {
    /// Numbers that every service has: its calls, its pools, its process and its version.
    ///
    /// # Errors
    /// If the descriptor set, which names the methods, is broken.
    pub fn new(service: &'static str, descriptor_set: &[u8]) -> Result<Self, prost::DecodeError> {
        let mut registry = Registry::default();
        let build: Labels<2> = [("service", service), ("version", env!("CARGO_PKG_VERSION"))];
        registry.register("daybook_build", "Which service this is, and its version", Info::new(build));
        registry.register_collector(Box::new(machine::Machine::new()));
        refusals::register(&mut registry);
        let calls = Calls::new(descriptor_set, &mut registry)?;
        let pools = Pools::new(&mut registry);
        let help = "1 while what the service depends on is there, 0 while it is away";
        let dependencies = WatchedFamily::new("daybook_dependency_up", help, "dependency");
        registry.register_collector(Box::new(dependencies.clone()));
        Ok(Self { registry: Arc::new(RwLock::new(registry)), calls, pools, dependencies })
    }

    /// Everything as text, in the format of OpenMetrics.
    ///
    /// # Errors
    /// Never for lack of memory; the formatter may refuse.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry.read().unwrap_or_else(PoisonError::into_inner))?;
        Ok(text)
    }

    /// The layer that counts calls, to be put around a server.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.calls.clone()
    }

    /// Tells of something of which there is only so much.
    #[must_use]
    pub fn pool(&self, pool: Pool) -> Counter {
        self.pools.add(pool)
    }

    /// Tells whether something that the service depends on is there.
    pub fn dependency(&self, name: &'static str, is_there: impl Fn() -> bool + Send + Sync + 'static) {
        self.dependencies.add(name, move || f64::from(u8::from(is_there())));
    }

    /// A counter; its name ends in `_total`.
    #[must_use]
    pub fn counter(&self, name: &'static str, help: &'static str) -> Counter {
        self.register(name.trim_end_matches("_total"), help, Counter::default())
    }

    /// Counters with labels. All of their series should be asked for at the start, so that they begin at 0.
    #[must_use]
    pub fn counters<const N: usize>(&self, name: &'static str, help: &'static str) -> Family<Labels<N>, Counter> {
        self.register(name.trim_end_matches("_total"), help, Family::default())
    }

    /// A value that is set.
    #[must_use]
    pub fn gauge(&self, name: &'static str, help: &'static str) -> Gauge {
        self.register(name, help, Gauge::default())
    }

    /// Values that are set, with labels.
    #[must_use]
    pub fn gauges<const N: usize>(&self, name: &'static str, help: &'static str) -> Family<Labels<N>, Gauge> {
        self.register(name, help, Family::default())
    }

    /// How long something takes, in seconds.
    #[must_use]
    pub fn seconds(&self, name: &'static str, help: &'static str) -> Histogram {
        self.register(name, help, Histogram::new(SECONDS))
    }

    /// How many there are of something at a time.
    #[must_use]
    pub fn counts(&self, name: &'static str, help: &'static str) -> Histogram {
        self.register(name, help, Histogram::new(COUNTS))
    }

    /// A value that is looked at whenever the endpoint is read; `None` while it is not known.
    pub fn watch<F>(&self, name: &'static str, help: &'static str, look: F)
    where
        F: Fn() -> Option<f64> + Send + Sync + 'static,
    {
        self.write(|registry| registry.register_collector(Box::new(Watched::new(name, help, look))));
    }

    fn register<M>(&self, name: &'static str, help: &'static str, metric: M) -> M
    where
        M: EncodeMetric + TypedMetric + Clone + std::fmt::Debug + Send + Sync + 'static,
    {
        self.write(|registry| registry.register(name, help, metric.clone()));
        metric
    }

    fn write(&self, change: impl FnOnce(&mut Registry)) {
        change(&mut self.registry.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A whole number as a value of a gauge. Positions and counts stay below 2^53, up to which this is exact.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "exact up to 2^53")]
pub fn value(number: i64) -> f64 {
    number as f64
}

/// As [`value`], of a size.
#[must_use]
pub fn size(number: usize) -> f64 {
    value(i64::try_from(number).unwrap_or(i64::MAX))
}
