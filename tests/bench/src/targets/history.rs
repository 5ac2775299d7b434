//! A history to report on: a day of sales, written through the API as registers upload them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use daybook_chassis::BoxError;
use futures_util::future::try_join_all;
use jiff::civil::Date;

use crate::{
    bench::{Bench, DATE},
    service::{Instance, upload},
};

/// Streams that write it.
const STREAMS: usize = 4;

/// An instance whose reports have a day with as many lines as asked for.
pub(super) async fn instance(bench: &mut Bench) -> Result<Instance, BoxError> {
    let instance = bench.instance("reports").await?;
    write(bench, &instance, DATE, bench.cli.history_lines).await?;
    Ok(instance)
}

/// Writes sales of a date with at least so many lines, and waits until they are in the reports.
pub(super) async fn write(bench: &Bench, instance: &Instance, date: Date, lines: usize) -> Result<(), BoxError> {
    record(bench, instance, date, lines).await?;
    bench.progress.step("waiting until the reports have it");
    instance.caught_up().await.map(drop)
}

/// Writes sales of a date with at least so many lines.
pub(super) async fn record(bench: &Bench, instance: &Instance, date: Date, lines: usize) -> Result<(), BoxError> {
    bench.progress.step(&format!("writing {lines} lines of {date}"));
    let world = bench.world();
    let written = Arc::new(AtomicUsize::new(0));
    let uploads = (0..STREAMS).map(|_| {
        let (mut sales, written) = (bench.draws.sales_on(date), Arc::clone(&written));
        let more = move || {
            let sale = sales.next_sale();
            let before = written.fetch_add(sale.lines.len(), Ordering::Relaxed);
            (before < lines).then(|| sale.request(world))
        };
        upload(instance, std::iter::from_fn(more))
    });
    try_join_all(uploads).await.map(drop)
}
