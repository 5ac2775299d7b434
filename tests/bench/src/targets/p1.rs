//! P1: RecordSale, a call for each sale.

use std::{sync::Arc, time::Duration};

use daybook_chassis::BoxError;
use futures_util::FutureExt as _;

use super::contenders::{self, Behind, CQRS_ES, CRUD, CRUD_SET};
use crate::{
    bench::{Bench, Draws},
    drive::{Caller, Contender, Run, alternate, closed, metered},
    load::Sales,
    measure::{Figure, Latency},
    peers::{
        cqrs_es::CqrsEs,
        crud::Crud,
        crud_set::CrudSet,
        limits::{
            append::{Batch, LARGE_BATCH, Log},
            call::BareCall,
        },
    },
    report::Row,
    service::Registers,
};

/// Sales that are unanswered at once, and over how many connections.
pub(super) const IN_FLIGHT: usize = 64;
const CONNECTIONS: usize = 4;

const OF_CRUD: f64 = 6.0;
const OF_CRUD_SET: f64 = 3.0;
const P99_MS: f64 = 30.0;

const WHAT: &str = "RecordSale, 64 in flight";

pub(super) async fn run(bench: &mut Bench) -> Result<(), BoxError> {
    let crud = contenders::crud(bench).await?;
    let url = bench.cli.servers.postgres_url.clone();
    let crud_set = Arc::new(CrudSet::open(&url, bench.world()).await?);
    let cqrs_es = Arc::new(CqrsEs::open(&url, bench.world()).await?);
    let log = Arc::new(Log::open(&url).await?);
    let bare = Arc::new(BareCall::open().await?);
    bench.start_main().await?;

    let behind = Behind::default();
    let registers = Arc::new(Registers::open(bench.main()?, bench.world(), CONNECTIONS)?);
    let all = vec![
        contenders::daybook(bench, bench.main()?, &registers, IN_FLIGHT, &behind),
        contenders::peer(bench, CRUD, &crud, Crud::CONCURRENCY),
        contenders::peer(bench, CRUD_SET, &crud_set, CrudSet::CONCURRENCY),
        contenders::peer(bench, CQRS_ES, &cqrs_es, CqrsEs::CONCURRENCY),
        bare_calls(bench, &bare),
        bare_appends(bench, &log),
    ];
    let series = alternate(&bench.progress, bench.plan, all).await?;
    let [ours, crud, crud_set, cqrs_es, bare, log] = series.as_slice() else {
        return Err("a contender is missing".into());
    };

    let p99 = Figure::of(ours.runs.iter().filter_map(|run| Some(run.latency.percentiles()?.p99_ms)));
    let refused = registers.refused();
    let mut rows = vec![
        Row::new("P1", WHAT, "sales/s").of(ours).against(CRUD, crud.rate()).times_as_much().at_least(OF_CRUD),
        Row::new("P1", WHAT, "sales/s")
            .ours(ours.rate())
            .against(CRUD_SET, crud_set.rate())
            .times_as_much()
            .at_least(OF_CRUD_SET),
        Row::new("P1", "its p99", "ms")
            .ours(p99)
            .goal(format!("≤ {P99_MS} ms"), p99.is_some_and(|p99| p99.median <= P99_MS)),
        Row::new("P1", WHAT, "sales/s").ours(ours.rate()).against(CQRS_ES, cqrs_es.rate()).times_as_much(),
        Row::new("P1", WHAT, "sales/s")
            .ours(ours.rate())
            .against("bare call, 64 in flight", bare.rate())
            .times_as_much(),
        Row::new("P1", WHAT, "sales/s")
            .ours(ours.rate())
            .against(format!("bare append of {LARGE_BATCH}"), log.rate())
            .times_as_much(),
    ];
    for (name, series) in
        [(CRUD, crud), (CRUD_SET, crud_set), (CQRS_ES, cqrs_es), ("bare call", bare), ("bare append", log)]
    {
        let without = ["command", "projector", "query"];
        rows.push(Row::new("P1", name, "sales/s").of(series).usage(series.usage().without(&without), series.done()));
    }
    if let Some(first) = rows.first_mut() {
        first.notes.push(format!("{}; {refused} calls were refused for want of room", behind.told()));
    }
    bench.crud_rate = crud.rate();
    rows.into_iter().for_each(|row| bench.add(row));
    Ok(())
}

/// Calls whose handler does nothing.
fn bare_calls<'a>(bench: &'a Bench, bare: &Arc<BareCall>) -> Contender<'a> {
    let bare = Arc::clone(bare);
    Contender::new("bare call", move |time| {
        let callers = bench.draws.many(BareCall::CONCURRENCY).into_iter();
        let callers =
            callers.map(|sales| BareCaller { bare: Arc::clone(&bare), draws: Arc::clone(&bench.draws), sales });
        metered(bench.cli.servers.watched().to_vec(), closed(time, callers.collect())).boxed_local()
    })
}

/// One who makes bare calls.
pub(super) struct BareCaller {
    pub(super) bare: Arc<BareCall>,
    pub(super) draws: Arc<Draws>,
    pub(super) sales: Sales<'static>,
}

impl Caller for BareCaller {
    async fn step(&mut self) -> Result<Duration, BoxError> {
        let sale = self.sales.next_sale();
        let begun = std::time::Instant::now();
        // Making the message counts, as it does with Daybook.
        self.bare.call(sale.request(self.draws.world)).await?;
        Ok(begun.elapsed())
    }
}

/// Appends of large batches by one writer. Making the batches takes longer than appending them and is left out.
fn bare_appends<'a>(bench: &'a Bench, log: &Arc<Log>) -> Contender<'a> {
    let log = Arc::clone(log);
    Contender::new("bare append", move |time| {
        let (log, sales) = (Arc::clone(&log), bench.draws.sales());
        metered(bench.cli.servers.watched().to_vec(), append(log, bench.draws.world, sales, LARGE_BATCH, time))
            .boxed_local()
    })
}

/// Appends batches one after the other; only the appending counts.
async fn append(
    log: Arc<Log>,
    world: &'static crate::load::World,
    mut sales: Sales<'static>,
    size: usize,
    time: Duration,
) -> Result<Run, BoxError> {
    let mut run = Run::empty();
    let mut latency = Latency::new();
    while run.elapsed < time {
        let sales: Vec<_> = (0..size).map(|_| sales.next_sale()).collect();
        let batch = Batch::of(&sales, world);
        let begun = std::time::Instant::now();
        run.done += log.append(&batch).await?;
        let took = begun.elapsed();
        latency.record(took);
        run.elapsed += took;
    }
    run.latency = latency;
    Ok(run)
}
