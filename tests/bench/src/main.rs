//! The benchmark of Daybook: its targets, measured in one run side by side with what one would have otherwise.
//!
//! The servers run already; this program starts and stops the services, each as a process of its own, and speaks with them
//! through their public API. `docs/performance.md` says how it measures.
//!
//! - [`load`]: the chain and its sales, drawn from a seed;
//! - [`peers`]: the others, and the bare limits of the parts;
//! - [`service`]: Daybook's processes and what is asked of them;
//! - [`drive`]: closed and open loops, and rounds in turn;
//! - [`measure`]: CPU, memory and latencies;
//! - [`targets`]: one file a target;
//! - [`report`]: what came out.
#![allow(clippy::float_arithmetic, reason = "figures of measurements, never money")]

mod bench;
mod cli;
mod drive;
mod durability;
mod load;
mod measure;
mod peers;
mod progress;
mod report;
mod servers;
mod service;
mod targets;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use daybook_chassis::BoxError;
use tokio::signal::unix::{SignalKind, signal};

use crate::{bench::Bench, cli::Cli};

/// The exit code of a run that was interrupted.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // Whatever ends first: with the work its processes end too.
    let ended = tokio::select! {
        ended = Box::pin(run(cli)) => ended,
        () = interrupted() => return ExitCode::from(INTERRUPTED),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("daybook-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), BoxError> {
    let json = cli.json;
    let mut bench = Bench::open(cli).await?;
    // What was measured before something failed is told as well.
    let ended = Box::pin(targets::run(&mut bench)).await;
    let report = Box::pin(bench.finish()).await;
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        report::write(&mut out, &report)?;
    }
    ended
}

/// Returns when somebody wants the run to end.
async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
