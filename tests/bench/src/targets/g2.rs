//! G2: what P3 and P5 come to when the history is ten and a hundred times as long.

use std::{sync::Arc, time::Duration};

use daybook_chassis::BoxError;
use jiff::ToSpan as _;

use super::{history, p3, p5};
use crate::{
    bench::{Bench, DATE},
    measure::Figure,
    peers::crud_report::CrudReport,
    report::Row,
    service::{Instance, Registers},
};

/// The day that is reported, and how many more days come before it, with how many times its lines: after each the history is ten
/// times as long.
const FURTHER: [(i32, usize); 2] = [(9, 1), (9, 10)];

/// For so long sales come at a rate.
const SELLING: Duration = Duration::from_secs(20);

pub(super) async fn run(bench: &mut Bench) -> Result<(), BoxError> {
    let rate = p3::OFFERED * p3::crud_rate(bench).await?.median;
    let instance = bench.instance("growing").await?;
    let crud = Arc::new(CrudReport::open(&bench.cli.servers.postgres_url, bench.world()).await?);
    let day = bench.cli.history_lines / 100;
    let (mut date, mut lines) = (DATE, 0);
    for (days, times) in [(1, 1)].into_iter().chain(FURTHER) {
        for _ in 0..days {
            history::record(bench, &instance, date, day * times).await?;
            bench.progress.step("filling the tables of CRUD");
            crud.fill(&mut bench.draws.sales_on(date), day * times).await?;
            lines += day * times;
            date = date.checked_sub(1.day())?;
        }
        bench.progress.step("waiting until the reports have it");
        instance.caught_up().await?;
        crud.settle().await?;
        let what = format!("{day} lines on the day, {lines} in all");
        p5::compare(bench, "G2", &instance, &crud, &what).await?;
        sell(bench, &instance, rate, lines).await?;
    }
    instance.discard().await
}

/// P3's load with such a history.
async fn sell(bench: &mut Bench, instance: &Instance, rate: f64, lines: usize) -> Result<(), BoxError> {
    let registers = Arc::new(Registers::open(instance, bench.world(), p3::CONNECTIONS)?);
    instance.caught_up().await?;
    // On a day of their own, so that the day that is reported stays as large on both sides.
    let sales = bench.draws.sales_on(DATE.checked_add(1.day())?);
    let attempt = p3::attempt(bench, instance, &registers, rate, SELLING, sales).await?;
    let row = Row::new("G2", format!("P3's load, {lines} lines in all"), "sales/s");
    let row = row.ours(Some(Figure::once(attempt.run.per_second()))).latency(&attempt.run.latency);
    let row = row.usage(attempt.run.usage.clone(), attempt.run.done);
    bench.add(row.note(attempt.told()));
    instance.caught_up().await.map(drop)
}
