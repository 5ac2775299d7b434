//! D1: honest callers, while others mean harm. All of it comes over TLS, with tokens, from this same machine.

use std::{sync::Arc, time::Duration};

use daybook_chassis::BoxError;
use futures_util::FutureExt as _;

use self::attack::{Attack, Attacker};
use crate::{
    bench::Bench,
    drive::{Arrivals, Contender, Series, alternate, metered, open},
    load::Sale,
    measure::Figure,
    report::Row,
    service::{Doors, Instance, Registers, Setup, catalogue},
};

mod attack;

/// How fast honest sales come.
const SALES_PER_SECOND: f64 = 200.0;

/// Their p99 may be so many times the usual.
const TIMES_USUAL: f64 = 2.0;

/// Bound of the command service's memory, in MiB, as in P9.
const COMMAND_MEBIBYTES: f64 = 150.0;

pub(super) async fn run(bench: &mut Bench) -> Result<(), BoxError> {
    let doors = Doors::make()?;
    let setup = Setup { variables: doors.variables(), credentials: doors.credentials() };
    bench.progress.step("starting Daybook behind its doors");
    let instance = Instance::start_as(&bench.cli.servers, "doors", setup).await?;
    catalogue(&instance, bench.world()).await?;
    bench.ready(&instance).await?;
    let registers = Registers::open(&instance, bench.world(), 2)?;
    let attacker = Arc::new(Attacker::new(instance.command_endpoint(), doors));

    let mut contenders = vec![honest(bench, &instance, &registers, None)];
    contenders.extend(Attack::ALL.map(|attack| honest(bench, &instance, &registers, Some((attack, &attacker)))));
    let series = alternate(&bench.progress, bench.plan, contenders).await?;
    let Some((calm, attacked)) = series.split_first() else { return Err("a contender is missing".into()) };
    let usual = p99(calm);
    for (attack, series) in Attack::ALL.into_iter().zip(attacked) {
        let what = format!("p99 of {SALES_PER_SECOND} sales/s under {}", attack.name());
        let row = Row::new("D1", what, "ms").of(series).ours(p99(series)).against("nobody attacks", usual);
        let row = row.times_as_much();
        let met = row.ratio.is_some_and(|ratio| ratio <= TIMES_USUAL);
        let row = row.goal(format!("≤ {TIMES_USUAL} ×"), met).note(attacker.told(attack));
        bench.add(row);
    }
    let memory = attacked.last().and_then(|series| series.usage().memory.get("command").copied()).unwrap_or_default();
    let [before, after] = [calm.usage().memory.get("command").copied().unwrap_or_default().now_kib, memory.peak_kib]
        .map(|kib| f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0);
    let row = Row::new("D1", "most memory of command in all of it", "MiB").ours(Some(Figure::once(after)));
    let row = row.against("after a calm round", Some(Figure::once(before)));
    bench.add(row.goal(format!("≤ {COMMAND_MEBIBYTES} MiB"), after <= COMMAND_MEBIBYTES));
    instance.discard().await
}

fn p99(series: &Series) -> Option<Figure> {
    Figure::of(series.runs.iter().filter_map(|run| Some(run.latency.percentiles()?.p99_ms)))
}

/// Honest sales for a round, with or without somebody beside them.
fn honest<'a>(
    bench: &'a Bench,
    instance: &'a Instance,
    registers: &Registers,
    beside: Option<(Attack, &Arc<Attacker>)>,
) -> Contender<'a> {
    let registers = registers.clone();
    let beside = beside.map(|(attack, attacker)| (attack, Arc::clone(attacker)));
    let name = beside.as_ref().map_or("nobody attacks", |(attack, _)| attack.name());
    Contender::new(name, move |time: Duration| {
        let (registers, beside) = (registers.clone(), beside.clone());
        async move {
            let attack = beside.map(|(attack, attacker)| tokio::spawn(attacker.attack(attack)));
            let sell = move |_: u64, sale: Sale| {
                let registers = registers.clone();
                async move { registers.sell(&sale).await.map(drop) }
            };
            let arrivals = Arrivals { per_second: SALES_PER_SECOND, time };
            let run = metered(instance.watched(), open(arrivals, bench.draws.sales(), sell)).await?;
            if let Some(attack) = attack {
                if attack.is_finished() {
                    attack.await??;
                    return Err("the attack ended by itself".into());
                }
                attack.abort();
            }
            instance.caught_up().await?;
            Ok(run)
        }
        .boxed_local()
    })
}
