//! P7: a lone sale, while nothing else happens. Told beside it: sales one right after the other, where each meets what the one
//! before has left for relay, projector and reports to do.

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

/// Lone sales in all, over the rounds. With their rests, and those of the bare parts, they take more than a minute.
const LONE_SALES: usize = 1_000;

/// Sales one right after the other in all, over the rounds.
const SALES: usize = 2_000;

/// From an answer to the next call, so that a sale is alone: the one before is in the stored reports 11 ms after its answer at p50,
/// nearly always within 20. The bare parts rest as long, because whatever has slept wakes more slowly.
const REST: Duration = Duration::from_millis(20);

pub(super) async fn run(bench: &mut Bench) -> Result<(), BoxError> {
    let instance = bench.instance("lone").await?;
    let log = Arc::new(Log::open(&bench.cli.servers.postgres_url).await?);
    let bare = Arc::new(BareCall::open().await?);
    let registers = Arc::new(Registers::open(&instance, bench.world(), 1)?);
    let mut all = Vec::new();
    for (sales, rest) in [(LONE_SALES, REST), (SALES, Duration::ZERO)] {
        let count = sales.div_ceil(bench.plan.rounds);
        all.push(lone(bench, &instance, &registers, count, rest));
        all.push(commits(bench, &log, count, rest));
        all.push(calls(bench, &bare, count, rest));
    }
    let series = alternate(&bench.progress, bench.plan, all).await?;
    let [alone, alone_commit, alone_call, ours, commit, call] = series.as_slice() else {
        return Err("a contender is missing".into());
    };
    let row = against_parts("a lone sale", alone, alone_commit, alone_call);
    let met = row.ratio.is_some_and(|ratio| ratio <= OF_THE_BARE_PARTS);
    bench.add(row.goal(format!("≤ {OF_THE_BARE_PARTS} ×"), met));
    bench.add(against_parts("sales one right after the other", ours, commit, call));
    instance.discard().await
}

/// One sale against a commit and a call together, at p50.
fn against_parts(what: &str, ours: &Series, commit: &Series, call: &Series) -> Row {
    let p50s = |series: &Series| series.runs.iter().filter_map(|run| Some(run.latency.percentiles()?.p50_ms)).collect();
    let (commits, calls): (Vec<f64>, Vec<f64>) = (p50s(commit), p50s(call));
    let parts = Figure::of(commits.iter().zip(&calls).map(|(commit, call)| commit + call));
    let told = |figure: Option<Figure>| figure.map(|figure| figure.median).unwrap_or_default();
    let note = format!("bare commit {:.3} ms, bare call {:.3} ms", told(commit.p50_ms()), told(call.p50_ms()));
    let row = Row::new("P7", what, "ms").of(ours).ours(ours.p50_ms());
    row.against("bare commit and bare call", parts).times_as_much().note(note)
}

fn lone<'a>(
    bench: &'a Bench,
    instance: &'a Instance,
    registers: &Arc<Registers>,
    count: usize,
    rest: Duration,
) -> Contender<'a> {
    let registers = Arc::clone(registers);
    Contender::new(&named(DAYBOOK, rest), move |_| {
        let caller = sellers(&registers, [bench.draws.sales()]).pop();
        async move {
            let caller = caller.ok_or("there is no caller")?;
            let run = metered(instance.watched(), repeated(count, rest, caller)).await?;
            instance.caught_up().await?;
            Ok(run)
        }
        .boxed_local()
    })
}

fn commits<'a>(bench: &'a Bench, log: &Arc<Log>, count: usize, rest: Duration) -> Contender<'a> {
    let log = Arc::clone(log);
    Contender::new(&named("bare commit", rest), move |_| {
        let (log, draws) = (Arc::clone(&log), Arc::clone(&bench.draws));
        let caller = Committer { log, draws, sales: bench.draws.sales() };
        metered(bench.cli.servers.watched().to_vec(), repeated(count, rest, caller)).boxed_local()
    })
}

fn calls<'a>(bench: &'a Bench, bare: &Arc<BareCall>, count: usize, rest: Duration) -> Contender<'a> {
    let bare = Arc::clone(bare);
    Contender::new(&named("bare call", rest), move |_| {
        let (bare, draws) = (Arc::clone(&bare), Arc::clone(&bench.draws));
        let caller = BareCaller { bare, draws, sales: bench.draws.sales() };
        metered(bench.cli.servers.watched().to_vec(), repeated(count, rest, caller)).boxed_local()
    })
}

/// What progress says of one.
fn named(name: &str, rest: Duration) -> String {
    if rest.is_zero() { format!("{name}, without rest") } else { name.to_owned() }
}

/// One call after the other, so many times.
async fn repeated<C: Caller>(count: usize, rest: Duration, mut caller: C) -> Result<Run, BoxError> {
    let begun = Instant::now();
    let (mut run, mut latency) = (Run::empty(), Latency::new());
    for _ in 0..count {
        latency.record(caller.step().await?);
        run.done += 1;
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
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
