//! P8: a year of a grocer's sales, imported with the `daybook` program.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use daybook_chassis::BoxError;
use tempfile::TempDir;

use crate::{
    bench::Bench,
    drive::{Run, metered},
    measure::{Figure, millis},
    report::Row,
    servers::connect,
    service::Instance,
};

const SECONDS: f64 = 45.0;

/// Fewer receipts than this are no year: the time is told, but meets no target.
const YEAR_SALES: u64 = 140_000;

/// What is there before, and what is timed; deliveries are not counted.
const CATALOGUE: [&str; 3] = ["suppliers.csv", "stores.csv", "items.csv"];
const SALES: [&str; 2] = ["sales.csv", "tenders.csv"];

pub(super) async fn run(bench: &mut Bench) -> Result<(), BoxError> {
    let what = "a year of sales, imported and visible";
    let Some(year) = bench.cli.year.clone() else {
        bench.add(Row::new("P8", what, "s").note("left out: there is no --year"));
        return Ok(());
    };
    let instance = bench.empty_instance("year").await?;
    bench.progress.step("importing the catalogue");
    import(bench, &instance, &year, &CATALOGUE).await?;
    bench.ready(&instance).await?;
    let name = if bench.cli.year_name.is_empty() { "the data of --year" } else { &bench.cli.year_name };
    bench.progress.step(&format!("importing {name}"));
    let run = metered(instance.watched(), import(bench, &instance, &year, &SALES)).await?;
    let (sales, lines) = (sales_in(&instance).await?, lines_of(&year)?);
    let seconds = millis(run.elapsed) / 1_000.0;
    let row = Row::new("P8", what, "s")
        .ours(Some(Figure::once(seconds)))
        .usage(run.usage, sales)
        .note(format!("{name}: {sales} receipts, {lines} lines"));
    let row = if sales < YEAR_SALES { row } else { row.goal(format!("≤ {SECONDS} s"), seconds <= SECONDS) };
    bench.add(row);
    instance.discard().await
}

/// Imports some of the files and waits until the reports show them.
async fn import(bench: &Bench, instance: &Instance, year: &Path, files: &[&str]) -> Result<Run, BoxError> {
    let directory = only(year, files)?;
    let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    let rejects = path("rejects.csv");
    let source = directory.path().to_string_lossy().into_owned();
    let log = bench.cli.servers.logs.join("import.log");
    let begun = Instant::now();
    let mut import = instance.operator(&["import", &source, "--wait", "--rejects", &rejects], &log)?;
    import.finished().await?;
    let mut run = Run::empty();
    run.elapsed = begun.elapsed();
    run.done = 1;
    Ok(run)
}

/// A directory that has only some of the files.
fn only(year: &Path, files: &[&str]) -> Result<TempDir, BoxError> {
    let directory = tempfile::tempdir()?;
    for file in files {
        let source: PathBuf = fs::canonicalize(year.join(file)).map_err(|error| format!("{file}: {error}"))?;
        std::os::unix::fs::symlink(source, directory.path().join(file))?;
    }
    Ok(directory)
}

async fn sales_in(instance: &Instance) -> Result<u64, BoxError> {
    let client = connect(&instance.place().postgres_superuser_url).await?;
    let row = client.query_one("SELECT count(*) FROM events WHERE event_type = 'sale_recorded'", &[]).await?;
    Ok(u64::try_from(row.try_get::<_, i64>(0)?)?)
}

/// Rows of the sales without the header.
fn lines_of(year: &Path) -> Result<usize, BoxError> {
    use std::io::{BufRead as _, BufReader};
    let lines = BufReader::new(fs::File::open(year.join("sales.csv"))?).lines();
    Ok(lines.count().saturating_sub(1))
}
