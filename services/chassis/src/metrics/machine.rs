//! Processor time, memory and files of this process, under the names that all Prometheus clients use.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use procfs::process::{LimitValue, Process};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use super::{size, value, watched::sentence};

/// The process.
#[derive(Debug)]
pub(super) struct Machine {
    started: f64,
}

impl Machine {
    /// The process, as if it had begun now.
    pub(super) fn new() -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        Self { started }
    }
}

impl Collector for Machine {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut gauge = |name, help, value: Option<f64>| -> fmt::Result {
            let Some(value) = value else { return Ok(()) };
            let help = sentence(help);
            let metric = encoder.encode_descriptor(name, &help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)
        };
        gauge("process_start_time_seconds", "When the process started, since 1970", Some(self.started))?;
        // Where there is no /proc, there is nothing to tell.
        let Ok(process) = Process::myself() else { return Ok(()) };
        let stat = process.stat().ok();
        let resident = stat.as_ref().map(|stat| stat.rss.saturating_mul(procfs::page_size()));
        let resident = resident.map(|bytes| value(i64::try_from(bytes).unwrap_or(i64::MAX)));
        gauge("process_resident_memory_bytes", "Resident memory", resident)?;
        gauge("process_open_fds", "Open files and connections", process.fd_count().ok().map(size))?;
        let most = process.limits().ok().and_then(|limits| match limits.max_open_files.soft_limit {
            LimitValue::Value(most) => i64::try_from(most).ok().map(value),
            LimitValue::Unlimited => None,
        });
        gauge("process_max_fds", "How many files and connections may be open", most)?;
        let Some(stat) = stat else { return Ok(()) };
        let ticks = stat.utime.saturating_add(stat.stime);
        let millis = ticks.saturating_mul(1_000) / procfs::ticks_per_second().max(1);
        let help = sentence("Processor time, of the process and of the kernel for it");
        let metric = encoder.encode_descriptor("process_cpu_seconds", &help, None, MetricType::Counter)?;
        ConstCounter::new(Duration::from_millis(millis).as_secs_f64()).encode(metric)
    }
}
