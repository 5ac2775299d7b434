//! The `daybook` command-line program: what an operator does with a running Daybook.
//!
//! - [`import`]: CSV files in, through the public API, resumable and repeatable;
//! - [`export`]: reports out, as CSV files;
//! - [`report`]: one report for reading;
//! - [`log`]: the event log as JSON lines;
//! - [`generations`]: rebuilding the reports, and going back;
//! - [`parked`]: events that could not be folded;
//! - [`metrics`]: the services' numbers; [`top`] shows them live;
//! - [`status`]: how far everything is, and whether it is well;
//! - [`token`]: tokens and keys for callers;
//! - [`verify`]: whether documents and tables are what the log says.
//!
//! All of it goes through the public gRPC API: the program has no other way into the services.

mod calls;
mod cli;
mod endpoints;
mod env_file;
mod error;
pub mod export;
mod figures;
pub mod generations;
pub mod import;
mod json;
pub mod log;
pub mod metrics;
mod notices;
mod output;
pub mod parked;
pub mod report;
pub mod status;
pub mod token;
pub mod top;
pub mod verify;
mod wait;

use std::{
    env::ArgsOs,
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::{CommandFactory as _, Parser as _};

pub use crate::{
    endpoints::Endpoints,
    error::Error,
    notices::Notices,
    output::Format,
    wait::{DEFAULT_PATIENCE, until_reported},
};

/// How long threads that still read a file may take after everything else has ended.
const READERS_STOP_BUDGET: Duration = Duration::from_millis(200);

/// Everything was done, and nothing was rejected.
const DONE: u8 = 0;
/// It was done, but something of it was rejected.
const REJECTED: u8 = 2;
/// Something differs from the log.
const DIFFERENT: u8 = 3;

/// Runs the program with its arguments (the first one is its own name) and answers its exit code. Not generic: otherwise whoever
/// calls it compiles all of the program once more.
pub fn run(args: ArgsOs) -> ExitCode {
    let cli = match cli::Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and the version are answers, not errors; they may be cut short by a closed pipe.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(REJECTED));
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(cause) => return report_error(&Error::io("cannot start", cause)),
    };
    // What is followed has no other end.
    let ends_by_ctrl_c = match &cli.command {
        cli::Command::Log(options) => options.follow,
        cli::Command::Top(_) => true,
        _ => false,
    };
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = Box::pin(perform(cli)) => outcome,
            _ = tokio::signal::ctrl_c() => if ends_by_ctrl_c { Ok(DONE) } else { Err(Error::Interrupted) },
        }
    });
    runtime.shutdown_timeout(READERS_STOP_BUDGET);
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => report_error(&error),
    }
}

async fn perform(cli: cli::Cli) -> Result<u8, Error> {
    let format = cli.format;
    let endpoints = || cli.endpoints.resolve();
    let mut out = output::stdout();
    let notices = Notices::stderr();
    let code = match cli.command {
        cli::Command::Import(options) => {
            let summary = import::import(&endpoints()?, &options, &notices).await?;
            summary.write(&mut out, format.unwrap_or_default())?;
            if summary.rejected() > 0 { REJECTED } else { DONE }
        }
        cli::Command::Export(options) => {
            let summary = export::export(&endpoints()?, &options, &notices).await?;
            summary.write(&mut out, format.unwrap_or_default())?;
            DONE
        }
        cli::Command::Report(which) => {
            report::report(&endpoints()?, &which, format.unwrap_or_default(), &mut out).await?;
            DONE
        }
        cli::Command::Log(options) => {
            if !matches!(format, None | Some(Format::Json)) {
                return Err(Error::Usage("the log is written as JSON lines only: leave --format out".to_owned()));
            }
            log::log(&endpoints()?, &options, &mut out).await?;
            DONE
        }
        cli::Command::Top(options) => {
            if !matches!(format, None | Some(Format::Table)) {
                return Err(Error::Usage("what is shown live is a table only: leave --format out".to_owned()));
            }
            top::top(&endpoints()?, &options, &mut out).await?;
            DONE
        }
        cli::Command::Status(metrics) => {
            let (endpoints, metrics) = (endpoints()?, metrics.resolve()?);
            let (status, loads) = tokio::join!(status::status(&endpoints), metrics.loads());
            let status = status::Status { loads, ..status? };
            status.write(&mut out, format.unwrap_or_default())?;
            u8::from(!status.is_well())
        }
        cli::Command::Rebuild(options) => {
            let generations = generations::rebuild(&endpoints()?, &options, &notices).await?;
            generations.write(&mut out, format.unwrap_or_default())?;
            if generations.is_refused { DIFFERENT } else { DONE }
        }
        cli::Command::Rollback(options) => {
            let generations = generations::rollback(&endpoints()?, &options, &notices).await?;
            generations.write(&mut out, format.unwrap_or_default())?;
            DONE
        }
        cli::Command::Parked(command) => {
            let outcome = parked::parked(&endpoints()?, &command).await?;
            outcome.write(&mut out, format.unwrap_or_default())?;
            if outcome.is_done() { DONE } else { REJECTED }
        }
        cli::Command::Verify(options) => {
            let summary = verify::verify(&endpoints()?, &options, &notices).await?;
            summary.write(&mut out, format.unwrap_or_default())?;
            if summary.is_equal() { u8::from(!summary.is_decided()) } else { DIFFERENT }
        }
        cli::Command::Token(command) => {
            token::token(&command, &mut out)?;
            DONE
        }
        cli::Command::Completions { shell } => {
            clap_complete::generate(shell, &mut cli::Cli::command(), "daybook", &mut out);
            DONE
        }
    };
    out.flush().map_err(Error::output)?;
    Ok(code)
}

fn report_error(error: &Error) -> ExitCode {
    if !error.is_quiet() {
        let _ = writeln!(io::stderr(), "daybook: {error}");
    }
    ExitCode::from(error.exit_code())
}
