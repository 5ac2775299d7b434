//! Several projectors on one set of documents, and two command services on one log.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use daybook_chassis::BoxError;
use tokio::time::sleep;

use crate::{
    bench::Bench,
    drive::{Run, Series, alternate, metered},
    report::Row,
    service::{Instance, Registers},
    targets::{
        contenders::{self, Behind},
        p1::IN_FLIGHT,
    },
};

const PROJECTORS: [usize; 3] = [1, 2, 4];

/// What is folded until then counts.
const LONGEST: Duration = Duration::from_secs(30);

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Connections of all registers together.
const CONNECTIONS: usize = 4;

/// The whole log folded by one, two and four projectors, into an empty database each.
pub(super) async fn projectors(bench: &mut Bench, instance: &mut Instance, sales: i64) -> Result<(), BoxError> {
    let mut alone = None;
    for count in PROJECTORS {
        bench.progress.step(&format!("{count} projectors fold the log"));
        let old = instance.documents().to_owned();
        instance.stop_readers().await?;
        instance.empty_documents(&format!("{}_by_{count}", instance.place().database)).await?;
        bench.cli.servers.clear_documents(&old).await?;
        let begun = Instant::now();
        instance.share_documents(count).await?;
        let run = metered(instance.watched(), folded(instance, sales, begun)).await?;
        let series = Series { runs: vec![run] };
        let row = Row::new("G1", format!("log folded by {count} projectors"), "sales/s").of(&series);
        bench.add(match alone {
            None => row,
            Some(_) => row.against("one projector", alone).times_as_much(),
        });
        alone = alone.or(series.rate());
    }
    instance.stop_readers().await?;
    instance.start_services().await?;
    instance.caught_up().await.map(drop)
}

async fn folded(instance: &Instance, sales: i64, begun: Instant) -> Result<Run, BoxError> {
    let head = instance.log_status().await?.head_position;
    let mut reached = 0;
    while reached < head && begun.elapsed() < LONGEST {
        sleep(LOOK_EVERY).await;
        reached = instance.projected().await?.position;
    }
    let mut run = Run::empty();
    run.elapsed = begun.elapsed();
    run.done = u64::try_from(i128::from(sales) * i128::from(reached) / i128::from(head.max(1)))?;
    Ok(run)
}

/// P1's load on one command service and, in turn, on two of one log.
pub(super) async fn commands(bench: &mut Bench, instance: &mut Instance) -> Result<(), BoxError> {
    bench.progress.step("starting another command service");
    let other = instance.start_another_command().await?;
    let own = instance.command_endpoint();
    let open = |endpoints: &[String]| Registers::over(endpoints, instance.credentials(), bench.world(), CONNECTIONS);
    let (one, two) = (Arc::new(open(std::slice::from_ref(&own))?), Arc::new(open(&[own.clone(), other])?));
    let behind = Behind::default();
    let contenders = vec![
        contenders::daybook(bench, instance, &two, IN_FLIGHT, &behind),
        contenders::daybook(bench, instance, &one, IN_FLIGHT, &behind),
    ];
    let series = alternate(&bench.progress, bench.plan, contenders).await?;
    let [two, one] = series.as_slice() else { return Err("a contender is missing".into()) };
    let row = Row::new("G1", "RecordSale, 64 in flight, two command services", "sales/s").of(two);
    bench.add(row.against("one command service", one.rate()).times_as_much());
    Ok(())
}
