//! Values that are not kept but looked at, whenever somebody reads them.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, gauge::ConstGauge},
};

use super::Labels;

/// A gauge whose value is looked at.
pub(super) struct Watched<F> {
    name: &'static str,
    help: String,
    look: F,
}

impl<F> Watched<F> {
    pub(super) fn new(name: &'static str, help: &str, look: F) -> Self {
        Self { name, help: sentence(help), look }
    }
}

/// Registered metrics get their full stop from the library; what is collected gets it here.
pub(super) fn sentence(help: &str) -> String {
    format!("{help}.")
}

impl<F> fmt::Debug for Watched<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<F: Fn() -> Option<f64> + Send + Sync + 'static> Collector for Watched<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let metric = encoder.encode_descriptor(self.name, &self.help, None, MetricType::Gauge)?;
        match (self.look)() {
            Some(value) => ConstGauge::new(value).encode(metric),
            None => Ok(()),
        }
    }
}

type Look = Box<dyn Fn() -> f64 + Send + Sync>;

/// Gauges of one name whose values are looked at, told apart by one label.
#[derive(Clone)]
pub(super) struct WatchedFamily {
    name: &'static str,
    help: &'static str,
    label: &'static str,
    looks: Arc<RwLock<Vec<(&'static str, Look)>>>,
}

impl WatchedFamily {
    pub(super) fn new(name: &'static str, help: &'static str, label: &'static str) -> Self {
        Self { name, help, label, looks: Arc::default() }
    }

    /// Adds the gauge with a value of the label.
    pub(super) fn add(&self, value: &'static str, look: impl Fn() -> f64 + Send + Sync + 'static) {
        self.looks.write().unwrap_or_else(PoisonError::into_inner).push((value, Box::new(look)));
    }
}

impl fmt::Debug for WatchedFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedFamily").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Collector for WatchedFamily {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let looks = self.looks.read().unwrap_or_else(PoisonError::into_inner);
        if looks.is_empty() {
            return Ok(());
        }
        let help = sentence(self.help);
        let mut family = encoder.encode_descriptor(self.name, &help, None, MetricType::Gauge)?;
        for (value, look) in looks.iter() {
            let labels: Labels<1> = [(self.label, value)];
            ConstGauge::new(look()).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
