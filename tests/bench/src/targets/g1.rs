//! G1: how Daybook grows: what a sale takes on disk, how long a start takes with a long log, and what further processes gain.

mod processes;
mod size;

use std::time::Instant;

use daybook_chassis::BoxError;

use super::history;
use crate::{
    bench::{Bench, DATE},
    measure::Figure,
    report::Row,
    service::Instance,
};

/// A start may take so many times as long as with a log that has nothing but the catalogue.
const OF_EMPTY: f64 = 1.3;

pub(super) async fn run(bench: &mut Bench) -> Result<(), BoxError> {
    let mut instance = bench.instance("growth").await?;
    bench.progress.step("starting with nothing but the catalogue");
    let empty = starts(bench, &mut instance).await?;
    let before = size::of(bench, &instance).await?;
    history::write(bench, &instance, DATE, bench.cli.history_lines).await?;
    let after = size::of(bench, &instance).await?;
    size::rows(&before, &after).into_iter().for_each(|row| bench.add(row));

    bench.progress.step("starting with a long log");
    let long = starts(bench, &mut instance).await?;
    let row = Row::new("G1", format!("start of all services, log of {} sales", after.sales), "ms").ours(long);
    let row = row.against("log of the catalogue", empty).times_as_much();
    let met = row.ratio.is_some_and(|ratio| ratio <= OF_EMPTY);
    bench.add(row.goal(format!("≤ {OF_EMPTY} ×"), met));

    processes::projectors(bench, &mut instance, after.sales).await?;
    processes::commands(bench, &mut instance).await?;
    instance.discard().await
}

/// How long the services take from being started until all of them serve.
async fn starts(bench: &Bench, instance: &mut Instance) -> Result<Option<Figure>, BoxError> {
    let mut times = Vec::new();
    for _ in 0..bench.plan.rounds {
        instance.stop_services().await?;
        let begun = Instant::now();
        instance.start_services().await?;
        times.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(Figure::of(times))
}
