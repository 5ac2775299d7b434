//! `daybook export`: reports and stock as CSV files, through the query API.
//!
//! The log's end is asked first and the reports are read only once they have reached it, so that the export holds all that
//! was recorded before it began. Rows go to disk day by day, and each file gets its name only when it is complete.

mod dates;
mod days;
mod file;
mod stock;
mod store_days;
mod supplier_days;

use std::{fs, io::Write, path::PathBuf, time::Duration};

use daybook::event::v1::GetLogStatusRequest;
use jiff::civil::Date;
use serde::Serialize;

pub(crate) use self::dates::{date, ranges};
use crate::{
    calls,
    endpoints::Endpoints,
    error::{Error, Service},
    import::seconds,
    json,
    notices::Notices,
    output::{Format, Sheet, number, text},
    wait,
};

const AFTER_HELP: &str = "\
Writes store_days.csv, store_day_items.csv, supplier_days.csv, supplier_day_items.csv and stock.csv: amounts with the \
decimals of their currency, quantities without trailing zeros, days in order of date, items in order of their id. \
stock.csv is the stock on hand now, whatever the dates. The rows of a supplier's day have no room for a second currency: \
if a supplier traded in several on one day, the export fails and says so.

The export holds everything that was recorded before it began.";

/// What to export and where to.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct ExportOptions {
    /// Directory for the files; it is made if it is missing, files of the same names are replaced
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// First business date, for example 2017-01-02 [default: the first there is]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub from: Option<Date>,
    /// Last business date [default: the last there is]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub to: Option<Date>,
    /// Export as soon as the reports have reached this position, not the end of the log
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(0..))]
    pub at_least_position: Option<i64>,
    /// Give up after so many seconds in which nothing moves on although it is tried again
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    pub patience: Duration,
}

impl ExportOptions {
    /// Exports everything to a directory.
    #[must_use]
    pub fn to(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            from: None,
            to: None,
            at_least_position: None,
            patience: wait::DEFAULT_PATIENCE,
        }
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportSummary {
    pub files: Vec<ExportedFile>,
    /// All events up to here are in the files.
    pub position: i64,
}

/// A file and its rows without the header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportedFile {
    pub file: &'static str,
    pub rows: u64,
}

/// Exports reports and stock.
///
/// # Errors
/// If a file cannot be written, a service refuses or stays away, or a supplier has several currencies on one day.
pub async fn export(endpoints: &Endpoints, options: &ExportOptions, notices: &Notices) -> Result<ExportSummary, Error> {
    let ExportOptions { directory, patience, .. } = options;
    let ranges = ranges(options.from, options.to)?;
    let client = endpoints.query_client()?;
    let position = match options.at_least_position {
        Some(position) => position,
        None => head_position(endpoints, *patience).await?,
    };
    fs::create_dir_all(directory).map_err(|cause| Error::io(format!("cannot make {}", directory.display()), cause))?;
    wait::until_reported(&client, position, *patience, notices).await?;
    let scope = days::Scope { directory, client: &client, ranges: &ranges, position, patience: *patience, notices };
    let mut files = Vec::with_capacity(5);
    files.extend(Box::pin(days::export(&scope, store_days::StoreDays::default())).await?);
    files.extend(Box::pin(days::export(&scope, supplier_days::SupplierDays::default())).await?);
    files.push(Box::pin(stock::export(&scope)).await?);
    Ok(ExportSummary { files, position })
}

/// Where the log ends.
pub(crate) async fn head_position(endpoints: &Endpoints, patience: Duration) -> Result<i64, Error> {
    let client = endpoints.command_client()?;
    let status = calls::ask_patiently(Service::Command, patience, GetLogStatusRequest {}, |request| {
        let mut log = client.log.clone();
        async move { log.get_log_status(request).await }
    })
    .await?;
    Ok(status.head_position)
}

impl ExportSummary {
    pub(crate) fn write(&self, out: &mut impl Write, format: Format) -> Result<(), Error> {
        let mut sheet = Sheet::new(&[text("file"), number("rows")]);
        for ExportedFile { file, rows } in &self.files {
            sheet.row(vec![(*file).to_owned(), rows.to_string()]);
        }
        match format {
            Format::Json => writeln!(out, "{}", json::line(self)?).map_err(Error::output),
            Format::Csv => sheet.write_csv(out, true),
            Format::Table => {
                sheet.write_table(out)?;
                writeln!(out, "as of position {}", self.position).map_err(Error::output)
            }
        }
    }
}
