//! P9: resident memory while P3 runs.

use crate::{
    bench::Bench,
    measure::{Figure, Usage},
    report::Row,
};

/// The most that a service may have, in MiB.
const MOST_MIB: [(&str, f64); 3] = [("command", 150.0), ("projector", 300.0), ("query", 100.0)];

/// The services were started for P3, so their high-water marks are of it.
pub(super) fn run(bench: &mut Bench, usage: &Usage) {
    for (name, most) in MOST_MIB {
        let mib = usage.memory.get(name).map(|memory| mib(memory.peak_kib));
        let row = Row::new("P9", format!("memory of {name}, the most during P3"), "MiB").ours(mib.map(Figure::once));
        bench.add(row.goal(format!("≤ {most} MiB"), mib.is_some_and(|mib| mib <= most)));
    }
}

#[allow(clippy::cast_precision_loss, reason = "far below what a float holds exactly")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1_024.0
}
