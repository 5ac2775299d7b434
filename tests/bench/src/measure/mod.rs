//! What is measured beside the clock: CPU seconds and resident memory by process, latencies, and medians of rounds.

mod cpu;
mod figure;
mod latency;
mod memory;
mod meter;
mod procfs;

pub(crate) use self::{
    figure::Figure,
    latency::{Latency, Percentiles, millis},
    memory::Memory,
    meter::{Meter, Usage},
    procfs::{Children, Watched},
};
