//! `daybook verify`: folds the log afresh and compares it, field by field, with what the query service answers and with the
//! relational tables of the command service. It may run while Daybook works.
//!
//! How nothing is reported that is only a matter of moments: every answer says up to which position it is true. The log is
//! folded on to that position before the answer is compared, and an answer that is older than the fold is asked for again.
//! What differs is asked for again as well, on its own, and reported only if it still does.
//!
//! Memory is bounded: if the documents of all slots ([`daybook_read_model::slot`]) need more than is allowed, the log is
//! folded several times, each time for some of them.

mod answers;
mod category_days;
mod compare;
mod days;
mod fold;
mod log;
mod run;
mod sample;
mod scope;
mod share;
mod stock;
mod store_days;
mod summary;
mod supplier_days;
mod tables;

use std::time::Duration;

use jiff::civil::Date;

pub use self::{compare::Difference, summary::VerifySummary};
use self::{run::Run, scope::Scope, share::Shares};
use crate::{
    endpoints::Endpoints,
    error::Error,
    export::{date, head_position},
    import::seconds,
    notices::Notices,
    wait,
};

const AFTER_HELP: &str = "\
Without a restriction all reports and the relational tables are verified. With dates only the reports of days, of those \
dates; with --store the store-days and the stock of the store; with --supplier its supplier-days; with --sample so many \
documents of all reports, chosen at random.

Nothing is changed. A difference names the document, the field, what the log says and what was found. Amounts are in minor \
units, quantities in thousandths. The exit code is 0 if all is equal and 3 if something differs.";

/// Memory for the documents of one fold unless it is said otherwise: those of some weeks of a hundred stores.
const DEFAULT_MEMORY_MIB: u32 = 1_024;

/// What to verify.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct VerifyOptions {
    /// First business date, for example 2017-01-02
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub from: Option<Date>,
    /// Last business date
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub to: Option<Date>,
    /// Only the store-days, also by category, and the stock of this store
    #[arg(long, value_name = "ID", conflicts_with = "supplier")]
    pub store: Option<String>,
    /// Only the supplier-days of this supplier
    #[arg(long, value_name = "ID")]
    pub supplier: Option<String>,
    /// Only so many documents, chosen at random
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..),
        conflicts_with_all = ["from", "to", "store", "supplier"])]
    pub sample: Option<u32>,
    /// Choose the same documents as another run with this seed [default: a random one, which is told]
    #[arg(long, value_name = "NUMBER", requires = "sample")]
    pub seed: Option<u64>,
    /// Memory for folded documents; with less the log is read more often
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(16..),
        default_value_t = DEFAULT_MEMORY_MIB)]
    pub memory_mib: u32,
    /// Give up after so many seconds in which nothing moves on although it is tried again
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "60")]
    pub patience: Duration,
}

impl VerifyOptions {
    /// Verifies everything.
    #[must_use]
    pub fn all() -> Self {
        Self {
            from: None,
            to: None,
            store: None,
            supplier: None,
            sample: None,
            seed: None,
            memory_mib: DEFAULT_MEMORY_MIB,
            patience: wait::DEFAULT_PATIENCE,
        }
    }
}

/// Compares documents and tables with the log.
///
/// # Errors
/// If a service refuses or stays away. A difference is no error: it is the answer.
pub async fn verify(endpoints: &Endpoints, options: &VerifyOptions, notices: &Notices) -> Result<VerifySummary, Error> {
    let (command, query) = (endpoints.command_client()?, endpoints.query_client()?);
    let mut scope = Scope::of(options)?;
    let mut summary = VerifySummary::default();
    if let Some(size) = options.sample {
        let seed = options.seed.unwrap_or_else(sample::random_seed);
        summary.seed = Some(seed);
        let head = head_position(endpoints, options.patience).await?;
        scope.chosen = Some(sample::choose(&command, head, size, seed, options.patience, notices).await?);
    }
    let mut shares = Shares::default();
    while let Some(share) = shares.next() {
        let head = head_position(endpoints, options.patience).await?;
        let memory = usize::try_from(options.memory_mib).unwrap_or(usize::MAX).saturating_mul(1024 * 1024);
        let mut run = Run::new(&command, &query, &scope, share, notices, options.patience, &mut summary);
        run.fold_to(head, memory, &mut shares).await?;
        wait::until_all_reported(&query, head, options.patience, notices).await?;
        Box::pin(run.compare()).await?;
    }
    Ok(summary)
}
