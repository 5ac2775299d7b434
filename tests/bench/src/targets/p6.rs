//! P6: all reports anew from the log.

use std::time::{Duration, Instant};

use daybook_chassis::BoxError;
use mongodb::bson::{Bson, Document, doc};
use tokio::time::sleep;

use super::history;
use crate::{
    bench::{Bench, DATE},
    drive::{Run, Series, metered},
    measure::Figure,
    peers::limits::copy_out::copy_out,
    report::Row,
    servers::connect,
    service::Instance,
};

const SALES_PER_SECOND: f64 = 150_000.0;
const OF_COPY: f64 = 0.2;

/// A log with fewer sales than this tells more of the start than of the folding: so many are written first.
const FEWEST_SALES: i64 = 300_000;
const LINES_A_SALE: i64 = 9;

/// A rebuild that takes longer is broken off; what was folded until then counts.
const LONGEST_REBUILD: Duration = Duration::from_secs(60);

/// No further round begins after this.
const ROUNDS_BEGIN_WITHIN: Duration = Duration::from_secs(60);

/// How often it is looked how far a rebuild is.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(super) async fn run(bench: &mut Bench) -> Result<(), BoxError> {
    bench.start_main().await?;
    // Nothing is to be folded until it is measured.
    main(bench)?.stop_readers().await?;
    let url = bench.main()?.place().postgres_superuser_url.clone();
    let missing = FEWEST_SALES - sales_in(&url).await?;
    if missing > 0 {
        let lines = usize::try_from(missing * LINES_A_SALE)?;
        history::record(bench, bench.main()?, DATE, lines).await?;
    }
    let sales = sales_in(&url).await?;
    let (mut rebuilds, mut copies, mut written) = (Series::default(), Series::default(), Written::default());
    let begun = Instant::now();
    for round in 1..=bench.plan.rounds {
        if round > 1 && begun.elapsed() > ROUNDS_BEGIN_WITHIN {
            break;
        }
        bench.progress.step(&format!("COPY out of the log, round {round} of {}", bench.plan.rounds));
        copies.runs.push(metered(bench.cli.servers.watched().to_vec(), copied(&url)).await?);
        bench.progress.step(&format!("rebuild, round {round} of {}", bench.plan.rounds));
        let (run, counts) = rebuild(bench, sales, round).await?;
        rebuilds.runs.push(run);
        written = counts;
    }
    let row = Row::new("P6", "rebuild of all reports", "sales/s").of(&rebuilds);
    let met = row.ours.is_some_and(|rate| rate.median >= SALES_PER_SECOND);
    let row = row
        .goal(format!("≥ {SALES_PER_SECOND} sales/s"), met)
        .note(format!(
            "the log has {sales} sales, {} of them were folded",
            rebuilds.runs.last().map_or(0, |run| run.done)
        ))
        .note(written.told());
    bench.add(row);
    let row =
        Row::new("P6", "rebuild, beside COPY out", "rows/s").ours(rebuilds.rate()).against("COPY out", copies.rate());
    bench.add(row.times_as_much().at_least(OF_COPY));
    Ok(())
}

/// Documents that were written and that are there.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    writes: i64,
    there: i64,
}

impl Written {
    fn told(&self) -> String {
        let (writes, there) = (as_figure(self.writes), as_figure(self.there));
        let each = writes.times(&there).unwrap_or_default();
        format!("{} writes for {} documents: {each:.2} each", self.writes, self.there)
    }
}

#[allow(clippy::cast_precision_loss, reason = "a count of documents")]
fn as_figure(count: i64) -> Figure {
    Figure::once(count as f64)
}

async fn sales_in(url: &str) -> Result<i64, BoxError> {
    let client = connect(url).await?;
    let row = client.query_one("SELECT count(*) FROM events WHERE event_type = 'sale_recorded'", &[]).await?;
    Ok(row.try_get(0)?)
}

async fn copied(url: &str) -> Result<Run, BoxError> {
    let client = connect(url).await?;
    let begun = Instant::now();
    let mut run = Run::empty();
    run.done = copy_out(&client).await?.events;
    run.elapsed = begun.elapsed();
    Ok(run)
}

fn main(bench: &mut Bench) -> Result<&mut Instance, BoxError> {
    bench.main.as_mut().ok_or_else(|| "the main instance does not run".into())
}

/// Lets a projector fold the whole log into an empty database.
async fn rebuild(bench: &mut Bench, sales: i64, round: usize) -> Result<(Run, Written), BoxError> {
    let servers = bench.cli.servers.clone();
    let main = main(bench)?;
    main.stop_readers().await?;
    let old = main.documents().to_owned();
    let new = format!("{}_rebuilt_{round}", main.place().database);
    main.empty_documents(&new).await?;
    servers.clear_documents(&old).await?;

    let mongodb = servers.mongodb().await?;
    let before = writes(&mongodb).await?;
    let begun = Instant::now();
    main.start_services().await?;
    let run = metered(main.watched(), async {
        let head = main.log_status().await?.head_position;
        let mut folded = 0;
        while folded < head && begun.elapsed() < LONGEST_REBUILD {
            sleep(LOOK_EVERY).await;
            folded = main.projected().await?.position;
        }
        let mut run = Run::empty();
        run.elapsed = begun.elapsed();
        // The few events of the catalogue are spread over all sales: it makes no difference that can be seen.
        run.done = u64::try_from(i128::from(sales) * i128::from(folded) / i128::from(head.max(1)))?;
        Ok(run)
    })
    .await?;
    let writes = writes(&mongodb).await? - before;
    Ok((run, Written { writes, there: documents(&mongodb, &new).await? }))
}

/// Documents that the server has inserted or updated since it began.
async fn writes(mongodb: &mongodb::Client) -> Result<i64, BoxError> {
    let status = mongodb.database("admin").run_command(doc! { "serverStatus": 1 }).await?;
    let counts = status.get_document("metrics").and_then(|metrics| metrics.get_document("document"))?;
    Ok(number(counts, "inserted") + number(counts, "updated"))
}

fn number(counts: &Document, name: &str) -> i64 {
    match counts.get(name) {
        Some(Bson::Int64(number)) => *number,
        Some(Bson::Int32(number)) => i64::from(*number),
        _ => 0,
    }
}

/// Documents in all collections of a database.
async fn documents(mongodb: &mongodb::Client, name: &str) -> Result<i64, BoxError> {
    let database = mongodb.database(name);
    let mut count = 0;
    for collection in database.list_collection_names().await? {
        let there = database.collection::<Document>(&collection).estimated_document_count().await?;
        count += i64::try_from(there)?;
    }
    Ok(count)
}
