//! P5: reports while sales are written, against CRUD's GROUP BY over the same number of lines.

mod reader;

use std::{sync::Arc, time::Duration};

use daybook_chassis::BoxError;
use futures_util::FutureExt as _;
use jiff::{ToSpan as _, civil::Date};

use self::reader::{Reader, Side, Which};
use super::{history, p4::SALES_PER_SECOND};
use crate::{
    bench::{Bench, DATE},
    drive::{Arrivals, Contender, Plan, Run, Sell, alone, alternate, metered, open},
    measure::Watched,
    peers::crud_report::CrudReport,
    report::Row,
    service::{Instance, Registers},
};

const OF_CRUD: f64 = 25.0;

/// Part of a round that each report is read for: there are many of them.
const PART_OF_ROUND: f64 = 0.6;

/// How many times as long the long history is; its other days come before.
const LONGER: i32 = 10;

/// Longer than any round: the writing ends with the reading.
const WRITING: Duration = Duration::from_secs(3_600);

const GROUP_BY: &str = "CRUD, GROUP BY";

pub(super) async fn run(bench: &mut Bench, instance: &Instance) -> Result<(), BoxError> {
    bench.progress.step("filling the tables of CRUD");
    let crud = Arc::new(CrudReport::open(&bench.cli.servers.postgres_url, bench.world()).await?);
    fill(bench, &crud, DATE).await?;
    crud.settle().await?;
    let lines = bench.cli.history_lines;
    compare(bench, "P5", instance, &crud, &format!("{lines} lines on each of 1 days")).await?;
    if bench.cli.long {
        for back in 1..LONGER {
            let date = DATE.checked_sub(back.days())?;
            history::write(bench, instance, date, bench.cli.history_lines).await?;
            bench.progress.step(&format!("filling the tables of CRUD, {date}"));
            fill(bench, &crud, date).await?;
        }
        crud.settle().await?;
        compare(bench, "P5", instance, &crud, &format!("{lines} lines on each of {LONGER} days")).await?;
    }
    Ok(())
}

pub(super) async fn fill(bench: &Bench, crud: &CrudReport, date: Date) -> Result<(), BoxError> {
    crud.fill(&mut bench.draws.sales_on(date), bench.cli.history_lines).await.map(drop)
}

/// Reads reports of a day on both sides in turn, with such a history.
pub(super) async fn compare(
    bench: &mut Bench,
    target: &'static str,
    instance: &Instance,
    crud: &Arc<CrudReport>,
    history: &str,
) -> Result<(), BoxError> {
    let registers = Arc::new(Registers::open(instance, bench.world(), 1)?);
    let plan = Plan {
        round: bench.plan.round.mul_f64(PART_OF_ROUND),
        warm_up: bench.plan.warm_up.mul_f64(PART_OF_ROUND),
        ..bench.plan
    };
    let mut all = Vec::new();
    for which in Which::ALL {
        let (ours, theirs) = (Side::daybook(instance), Side::Crud(Arc::clone(crud)));
        all.push(reports(bench, which, &ours, &registers, instance.watched()));
        all.push(reports(bench, which, &theirs, crud, bench.cli.servers.watched().to_vec()));
    }
    let series = alternate(&bench.progress, plan, all).await?;
    for (which, pair) in Which::ALL.into_iter().zip(series.chunks_exact(2)) {
        let [ours, theirs] = pair else { continue };
        let (what, peer) = match which {
            Which::Nothing => (which.name().to_owned(), "CRUD"),
            _ => (format!("{}, of {history}", which.name()), GROUP_BY),
        };
        let row = Row::new(target, what, "ms").of(ours).ours(ours.p50_ms()).against(peer, theirs.p50_ms());
        // The usage is that of the writing too, so none of it is of one report.
        let row = row.times_as_fast().usage(ours.usage(), 0);
        let row = if which.is_target() { row.at_least(OF_CRUD) } else { row };
        let peer = theirs.latency().percentiles();
        let peer = peer.map(|peer| format!("the peer's p99 is {:.1} ms, p99.9 {:.1} ms", peer.p99_ms, peer.p999_ms));
        bench.add(peer.into_iter().fold(row, Row::note));
    }
    Ok(())
}

/// One kind of report, read over and over while sales are written on the same side.
fn reports<'a, P: Sell>(
    bench: &'a Bench,
    which: Which,
    side: &Side,
    writer: &Arc<P>,
    watched: Vec<Watched>,
) -> Contender<'a> {
    let (side, writer) = (side.clone(), Arc::clone(writer));
    Contender::new(&format!("{}, {}", side.name(), which.name()), move |time| {
        let (side, draws) = (side.clone(), Arc::clone(&bench.draws));
        let reading =
            under_writes(bench, Arc::clone(&writer), alone(time, async move || Reader::open(which, side, draws).await));
        metered(watched.clone(), reading).boxed_local()
    })
}

/// Something while sales are written at their rate.
async fn under_writes<P: Sell>(
    bench: &Bench,
    writer: Arc<P>,
    reading: impl Future<Output = Result<Run, BoxError>>,
) -> Result<Run, BoxError> {
    let arrivals = Arrivals { per_second: SALES_PER_SECOND, time: WRITING };
    let sell = move |_, sale| {
        let writer = Arc::clone(&writer);
        async move { writer.sell(&sale).await }
    };
    tokio::select! {
        read = reading => read,
        written = open(arrivals, bench.draws.sales(), sell) => {
            written?;
            Err("the writing ended before the reading".into())
        }
    }
}
