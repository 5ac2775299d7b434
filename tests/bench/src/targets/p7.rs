//! P7: a lone sale, while nothing else happens.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use daybook_chassis::BoxError;
use futures_util::FutureExt as _;

use super::{contenders::DAYBOOK, p1::BareCaller};
use crate::{
    bench::{Bench, Draws},
    drive::{Caller, Contender, Run, Series, alternate, metered, sellers},
    load::Sales,
    measure::{Figure, Latency},
    peers::limits::{
        append::{Batch, Log},
        call::BareCall,
    },
    report::Row,
    service::{Instance, Registers},
};

const OF_THE_BARE_PARTS: f64 = 1.3;

/// Sales in all, over the rounds.
const SALES: usize = 2_000;

pub(super) async fn run(bench: &mut Bench) -> Result<(), BoxError> {
    let instance = bench.instance("lone").await?;
    let log = Arc::new(Log::open(&bench.cli.servers.postgres_url).await?);
    let bare = Arc::new(BareCall::open().await?);
    let registers = Arc::new(Registers::open(&instance, bench.world(), 1)?);
    let count = SALES.div_ceil(bench.plan.rounds);
    let all = vec![lone(bench, &instance, &registers, count), commits(bench, log, count), calls(bench, bare, count)];
    let series = alternate(&bench.progress, bench.plan, all).await?;
    let [ours, commit, call] = series.as_slice() else { return Err("a contender is missing".into()) };
    let p50s = |series: &Series| series.runs.iter().filter_map(|run| Some(run.latency.percentiles()?.p50_ms)).collect();
    let (commits, calls): (Vec<f64>, Vec<f64>) = (p50s(commit), p50s(call));
    let parts = Figure::of(commits.iter().zip(&calls).map(|(commit, call)| commit + call));
    let row = Row::new("P7", "a lone sale", "ms").of(ours).ours(ours.p50_ms());
    let row = row.against("bare commit and bare call", parts).times_as_much();
    let met = row.ratio.is_some_and(|ratio| ratio <= OF_THE_BARE_PARTS);
    let told = |figure: Option<Figure>| figure.map(|figure| figure.median).unwrap_or_default();
    let note = format!("bare commit {:.3} ms, bare call {:.3} ms", told(commit.p50_ms()), told(call.p50_ms()));
    bench.add(row.goal(format!("≤ {OF_THE_BARE_PARTS} ×"), met).note(note));
    instance.discard().await
}

fn lone<'a>(bench: &'a Bench, instance: &'a Instance, registers: &Arc<Registers>, count: usize) -> Contender<'a> {
    let registers = Arc::clone(registers);
    Contender::new(DAYBOOK, move |_| {
        let caller = sellers(&registers, [bench.draws.sales()]).pop();
        async move {
            let caller = caller.ok_or("there is no caller")?;
            let run = metered(instance.watched(), repeated(count, caller)).await?;
            instance.caught_up().await?;
            Ok(run)
        }
        .boxed_local()
    })
}

fn commits(bench: &Bench, log: Arc<Log>, count: usize) -> Contender<'_> {
    Contender::new("bare commit", move |_| {
        let (log, draws) = (Arc::clone(&log), Arc::clone(&bench.draws));
        let caller = Committer { log, draws, sales: bench.draws.sales() };
        metered(bench.cli.servers.watched().to_vec(), repeated(count, caller)).boxed_local()
    })
}

fn calls(bench: &Bench, bare: Arc<BareCall>, count: usize) -> Contender<'_> {
    Contender::new("bare call", move |_| {
        let (bare, draws) = (Arc::clone(&bare), Arc::clone(&bench.draws));
        let caller = BareCaller { bare, draws, sales: bench.draws.sales() };
        metered(bench.cli.servers.watched().to_vec(), repeated(count, caller)).boxed_local()
    })
}

/// One call after the other, so many times.
async fn repeated<C: Caller>(count: usize, mut caller: C) -> Result<Run, BoxError> {
    let begun = Instant::now();
    let (mut run, mut latency) = (Run::empty(), Latency::new());
    for _ in 0..count {
        latency.record(caller.step().await?);
        run.done += 1;
    }
    run.latency = latency;
    run.elapsed = begun.elapsed();
    Ok(run)
}

/// One who appends one event at a time.
struct Committer {
    log: Arc<Log>,
    draws: Arc<Draws>,
    sales: Sales<'static>,
}

impl Caller for Committer {
    async fn step(&mut self) -> Result<Duration, BoxError> {
        let batch = Batch::of(&[self.sales.next_sale()], self.draws.world);
        let begun = Instant::now();
        self.log.append(&batch).await?;
        Ok(begun.elapsed())
    }
}
