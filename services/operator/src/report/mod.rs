//! `daybook report`: one report for reading, or for a program.
//!
//! Tables and CSV write amounts and quantities in whole units; JSON writes the answers of the API as they are, each line of
//! its names and units documented in proto/.

mod category_day;
mod stock;
mod store_day;
mod store_days;
mod supplier_day;

use std::io::Write;

use clap::Subcommand;
use daybook::{client::QueryClient, query::v1::AsOf};
use jiff::civil::Date;

use crate::{
    endpoints::Endpoints,
    error::Error,
    export::date,
    figures,
    notices::Notices,
    output::Format,
    wait::{DEFAULT_PATIENCE, until_reported},
};

/// Which report.
#[derive(Clone, Debug, Subcommand)]
pub enum WhichReport {
    /// One business day of one store
    ///
    /// With --items: CSV has the items only, JSON has them in "items" beside the day.
    StoreDay(StoreDayOptions),
    /// The business days of all stores or of some
    StoreDays(StoreDaysOptions),
    /// What one supplier delivered and sold on one business day, in all stores
    ///
    /// With --items: CSV has the items only, JSON has them in "items" beside the day.
    SupplierDay(SupplierDayOptions),
    /// What is in a store, or how much there is of one item
    Stock(StockOptions),
    /// What one store sold of each category on one business day
    CategoryDay(CategoryDayOptions),
}

/// A store-day.
#[derive(Clone, Debug, clap::Args)]
pub struct StoreDayOptions {
    #[arg(long, value_name = "ID")]
    pub store: String,
    /// Business date, for example 2017-01-02
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub date: Date,
    /// With its items
    #[arg(long)]
    pub items: bool,
    #[command(flatten)]
    pub at: At,
}

/// Store-days of a range.
#[derive(Clone, Debug, clap::Args)]
pub struct StoreDaysOptions {
    /// First business date
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub from: Date,
    /// Last business date, at most 3,660 days later
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub to: Date,
    /// Only this store; can be given several times
    #[arg(long, value_name = "ID")]
    pub store: Vec<String>,
    #[command(flatten)]
    pub at: At,
}

/// A supplier-day.
#[derive(Clone, Debug, clap::Args)]
pub struct SupplierDayOptions {
    #[arg(long, value_name = "ID")]
    pub supplier: String,
    /// Business date, for example 2017-01-02
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub date: Date,
    /// With its items
    #[arg(long)]
    pub items: bool,
    #[command(flatten)]
    pub at: At,
}

/// Stock.
#[derive(Clone, Debug, clap::Args)]
pub struct StockOptions {
    #[arg(long, value_name = "ID")]
    pub store: String,
    /// Only this item
    #[arg(long, value_name = "ID")]
    pub item: Option<String>,
    #[command(flatten)]
    pub at: At,
}

/// A store-day by category.
#[derive(Clone, Debug, clap::Args)]
pub struct CategoryDayOptions {
    #[arg(long, value_name = "ID")]
    pub store: String,
    /// Business date, for example 2017-01-02
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub date: Date,
    #[command(flatten)]
    pub at: At,
}

/// The state of the log that the report must have.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct At {
    /// Wait until the report has everything up to this position of the log
    #[arg(long, value_name = "POSITION", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    pub at_least_position: i64,
}

/// Writes a report.
///
/// # Errors
/// If the query service refuses (there is no such report, for example) or stays away, or the output cannot be written.
pub async fn report(
    endpoints: &Endpoints,
    which: &WhichReport,
    format: Format,
    out: &mut impl Write,
) -> Result<(), Error> {
    let client = endpoints.query_client()?;
    let At { at_least_position } = match which {
        WhichReport::StoreDay(options) => options.at,
        WhichReport::StoreDays(options) => options.at,
        WhichReport::SupplierDay(options) => options.at,
        WhichReport::Stock(options) => options.at,
        WhichReport::CategoryDay(options) => options.at,
    };
    if at_least_position > 0 {
        // One call waits only as long as its deadline; this waits as long as the reports move on.
        until_reported(&client, at_least_position, DEFAULT_PATIENCE, &Notices::stderr()).await?;
    }
    let mut page = Page { client: &client, at_least_position, format, out };
    match which {
        WhichReport::StoreDay(options) => store_day::write(&mut page, options).await,
        WhichReport::StoreDays(options) => store_days::write(&mut page, options).await,
        WhichReport::SupplierDay(options) => supplier_day::write(&mut page, options).await,
        WhichReport::Stock(options) => stock::write(&mut page, options).await,
        WhichReport::CategoryDay(options) => category_day::write(&mut page, options).await,
    }
}

/// Where a report comes from and where it goes.
struct Page<'a, W> {
    client: &'a QueryClient,
    at_least_position: i64,
    format: Format,
    out: &'a mut W,
}

impl<W: Write> Page<'_, W> {
    fn line(&mut self, line: &str) -> Result<(), Error> {
        writeln!(self.out, "{line}").map_err(Error::output)
    }

    fn piece(&mut self, piece: &str) -> Result<(), Error> {
        self.out.write_all(piece.as_bytes()).map_err(Error::output)
    }

    fn as_of(&mut self, as_of: Option<&AsOf>) -> Result<(), Error> {
        let Some(as_of) = as_of else { return Ok(()) };
        let recorded = figures::instant(as_of.recorded_at.as_ref());
        let when = if recorded.is_empty() { String::new() } else { format!(", recorded {recorded}") };
        self.line(&format!("as of position {}{when}", as_of.position))
    }
}

/// JSON of an object that is going to get a further field with a list: everything but its last brace.
fn without_end(object: &str) -> &str {
    object.strip_suffix('}').unwrap_or(object)
}
