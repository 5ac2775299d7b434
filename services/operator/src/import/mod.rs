//! `daybook import`: the CSV files of a directory go in through the public API, as a register's sales would.
//!
//! The catalogue goes first, then deliveries, then sales; each waits until the one before is answered. Request ids are made
//! of the content, so importing again, or going on after a failure, records nothing twice. Rows that are not right are
//! reported with their line and written to a file; the rest goes in.

mod catalogue;
mod csv_file;
mod deliveries;
mod fault;
mod flight;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod group;
mod grouped;
mod ledger;
mod place;
mod rejects;
mod row;
mod sales;
mod source;
mod stores;
mod summary;
mod tenders;
#[cfg(test)]
mod testing;
mod uplink;
mod upload;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use daybook::{client::CommandClient, event::v1::GetLogStatusRequest};
use indicatif::ProgressBar;

pub use self::summary::{KindSummary, Summary};
use self::{
    ledger::Ledger,
    rejects::Rejects,
    source::{Reading, Sink},
    stores::Stores,
    uplink::Upload,
};
use crate::{
    calls,
    endpoints::Endpoints,
    error::{Error, Service},
    notices::Notices,
    wait,
};

/// The files of a directory; any may be missing.
const FILES: [&str; 6] = [
    catalogue::SUPPLIERS.file,
    catalogue::STORES.file,
    catalogue::ITEMS.file,
    deliveries::LAYOUT.file,
    sales::LAYOUT.file,
    tenders::LAYOUT.file,
];

// A paragraph is one line here: it is wrapped to the width of the terminal.
const AFTER_HELP: &str = "\
Files and columns, in any order, found by the names in the first line; a row is one line:
  suppliers.csv   supplier_id, name [, gln]
  stores.csv      store_id, name, time_zone, currency [, day_cut_off]
  items.csv       item_id, name, supplier_id, department, uom [, gtin]
  deliveries.csv  store_id, supplier_id, delivery_note, delivered_at, item_id,
                  quantity, unit_cost
  sales.csv       store_id, register_id, receipt_no, sold_at, item_id, quantity,
                  gross_amount, discount_amount
  tenders.csv     store_id, receipt_no, tender, amount

Instants carry Z or an offset (2017-01-02T05:05:54Z), a cut-off is HH:MM. The unit of an item (uom) is a UN/ECE code; \
what is counted (EA) has whole quantities, what is weighed or measured (KGM, LTR, GLL) three decimals. Amounts are in \
the currency of the store as it is registered.

The rows of a receipt, and of a delivery note, stand together, at most 5,000 of them; tenders may stand in any order. \
Without tenders.csv every sale counts as paid in an unrecorded way.

A row that is not right is reported as FILE:LINE and written to the file of rejects; a receipt or delivery of which one \
row is not right stays out as a whole. Importing again, or going on after a failure, records nothing twice.";

/// What to import and how.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct ImportOptions {
    /// Directory with the CSV files; any may be missing
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Where rejected rows are written, if there are any
    #[arg(long, value_name = "FILE", default_value = rejects::DEFAULT_FILE)]
    pub rejects: PathBuf,
    /// Wait at the end until the reports show everything that was imported
    #[arg(long)]
    pub wait: bool,
    /// Give up after so many seconds in which nothing moves on although it is tried again
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    pub patience: Duration,
}

impl ImportOptions {
    /// Imports a directory with the defaults.
    #[must_use]
    pub fn of(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            rejects: rejects::DEFAULT_FILE.into(),
            wait: false,
            patience: wait::DEFAULT_PATIENCE,
        }
    }
}

/// Imports a directory.
///
/// # Errors
/// If nothing can be imported, a file cannot be read or the service stays away. What was answered until then is recorded;
/// importing again goes on.
pub async fn import(endpoints: &Endpoints, options: &ImportOptions, notices: &Notices) -> Result<Summary, Error> {
    let ImportOptions { directory, rejects, patience, .. } = options;
    let present = present_files(directory)?;
    let client = endpoints.command_client()?;
    let reports = options.wait.then(|| endpoints.query_client()).transpose()?;
    let rejects = Rejects::new(rejects, &present, notices)?;
    let status = calls::ask_patiently(Service::Command, *patience, GetLogStatusRequest {}, |request| {
        let mut log = client.log.clone();
        async move { log.get_log_status(request).await }
    })
    .await?;
    let ledger = Ledger::new(rejects, status.head_position, notices);
    let mut import = Import { directory, client, patience: *patience, ledger, notices };
    let outcome = import.stages().await;
    // What was rejected until then is written down even if the rest did not go in.
    let summary = import.ledger.finish()?;
    if let Err(error) = outcome {
        notices.say(&summary.told());
        notices.say("import again to go on: what went in is not doubled");
        return Err(error);
    }
    if let Some(reports) = reports {
        wait::until_reported(&reports, summary.last_position, *patience, notices).await?;
    }
    Ok(summary)
}

struct Import<'a> {
    directory: &'a Path,
    client: CommandClient,
    patience: Duration,
    ledger: Ledger<'a>,
    notices: &'a Notices,
}

impl Import<'_> {
    /// Catalogue, deliveries, sales: each refers to what went in before.
    async fn stages(&mut self) -> Result<(), Error> {
        let (suppliers, stores, items) = (catalogue::SUPPLIERS.file, catalogue::STORES.file, catalogue::ITEMS.file);
        self.stage("suppliers", &[suppliers], catalogue::suppliers).await?;
        self.stage("stores", &[stores], catalogue::stores).await?;
        self.stage("items", &[items], catalogue::items).await?;

        let registered = Stores::fetch(&self.client, self.patience).await?;
        let (deliveries, sales, tenders) = (deliveries::LAYOUT.file, sales::LAYOUT.file, tenders::LAYOUT.file);
        let of_deliveries = registered.clone();
        let read = move |directory: &Path, bar: &ProgressBar, sink: Sink<'_, _>| {
            deliveries::deliveries(directory, &of_deliveries, bar, sink)
        };
        self.stage("deliveries", &[deliveries; 2], read).await?;

        let is_there = |file: &str| self.directory.join(file).exists();
        if is_there(sales) && !is_there(tenders) {
            self.ledger.warn("there is no tenders.csv: every sale counts as paid in an unrecorded way");
        }
        let read = move |directory: &Path, bar: &ProgressBar, sink: Sink<'_, _>| {
            sales::sales(directory, &registered, bar, sink)
        };
        self.stage("sales", &[tenders, sales, sales], read).await
    }

    /// Reads files and sends what is in them; `passes` names a file as often as it is read.
    async fn stage<M, F>(&mut self, name: &str, passes: &[&str], read: F) -> Result<(), Error>
    where
        M: Upload,
        F: FnOnce(&Path, &ProgressBar, Sink<'_, M>) -> Result<(), Error> + Send + 'static,
    {
        let length = |file: &&str| fs::metadata(self.directory.join(file)).map_or(0, |metadata| metadata.len());
        let bar = self.notices.bytes(name, passes.iter().map(length).sum());
        let (directory, drawn) = (self.directory.to_owned(), bar.clone());
        let reading = Reading::start(move |sink| read(&directory, &drawn, sink));
        let outcome = Box::pin(upload::upload(&self.client, reading, &mut self.ledger, self.patience)).await;
        bar.finish_and_clear();
        outcome
    }
}

fn present_files(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let told = directory.display();
    if !directory.is_dir() {
        return Err(Error::Usage(format!("{told} is not a directory with CSV files")));
    }
    let present: Vec<_> = FILES.iter().map(|file| directory.join(file)).filter(|path| path.exists()).collect();
    if present.is_empty() {
        return Err(Error::Usage(format!("{told} has none of {}", FILES.join(", "))));
    }
    Ok(present)
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    // A day: whoever wants to wait longer does not watch anyway.
    const MAX_SECONDS: u64 = 86_400;
    text.parse::<u64>()
        .ok()
        .filter(|seconds| *seconds <= MAX_SECONDS)
        .map(Duration::from_secs)
        .ok_or_else(|| format!("must be whole seconds from 0 to {MAX_SECONDS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_any_of_the_files_is_named() {
        let empty = tempfile::tempdir().unwrap();
        let error = present_files(empty.path()).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("has none of suppliers.csv, stores.csv, items.csv, deliveries.csv, sales.csv, tenders.csv")
        );
        assert_eq!(error.exit_code(), 2);
        let error = present_files(&empty.path().join("missing")).unwrap_err();
        assert!(error.to_string().ends_with("missing is not a directory with CSV files"));
    }
}
