//! P2: what a register stored while it was offline, as one stream.

use std::time::{Duration, Instant};

use daybook_chassis::BoxError;
use futures_util::{FutureExt as _, future::try_join_all};

use super::contenders::{self, Behind, CRUD};
use crate::{
    bench::Bench,
    drive::{Contender, Run, alternate, metered},
    peers::crud::Crud,
    report::Row,
    service::{Instance, upload},
};

const OF_CRUD: f64 = 12.0;

/// Registers that upload at the same time, for the row that is only told.
const SEVERAL: usize = 4;

pub(super) async fn run(bench: &mut Bench) -> Result<(), BoxError> {
    let crud = contenders::crud(bench).await?;
    bench.start_main().await?;

    let (behind, behind_several) = (Behind::default(), Behind::default());
    let instance = bench.main()?;
    let all = vec![
        uploads(bench, instance, 1, &behind),
        contenders::peer(bench, CRUD, &crud, Crud::CONCURRENCY),
        uploads(bench, instance, SEVERAL, &behind_several),
    ];
    let series = alternate(&bench.progress, bench.plan, all).await?;
    let [one, crud, several] = series.as_slice() else { return Err("a contender is missing".into()) };

    let rate = crud.rate();
    let row = Row::new("P2", "UploadSales, one stream of one store", "sales/s").of(one).against(CRUD, rate);
    bench.add(row.times_as_much().at_least(OF_CRUD).note(behind.told()));
    let row = Row::new("P2", format!("UploadSales, {SEVERAL} streams"), "sales/s").of(several).against(CRUD, rate);
    bench.add(row.times_as_much().note(behind_several.told()));
    bench.crud_rate = bench.crud_rate.or(rate);
    Ok(())
}

/// So many registers of different stores that upload until the time is over.
fn uploads<'a>(bench: &'a Bench, instance: &'a Instance, streams: usize, behind: &Behind) -> Contender<'a> {
    let behind = behind.clone();
    Contender::new(&format!("Daybook, uploads: {streams}"), move |time| {
        let behind = behind.clone();
        async move {
            let run = metered(instance.watched(), upload_for(bench, instance, streams, time)).await?;
            behind.settle(instance).await?;
            Ok(run)
        }
        .boxed_local()
    })
}

async fn upload_for(bench: &Bench, instance: &Instance, streams: usize, time: Duration) -> Result<Run, BoxError> {
    let begun = Instant::now();
    let world = bench.world();
    let uploads = (0..streams).map(|store| {
        let mut sales = bench.draws.register(store);
        let more = move || (begun.elapsed() < time).then(|| sales.next_sale().request(world));
        upload(instance, std::iter::from_fn(more))
    });
    let accepted = try_join_all(uploads).await?;
    let mut run = Run::empty();
    run.done = accepted.into_iter().sum();
    run.elapsed = begun.elapsed();
    Ok(run)
}
