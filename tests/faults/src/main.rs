//! `daybook-faults`: breaks Daybook's parts by random pairs of faults, for as long as asked, and tells what became of it.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use daybook_chassis::process::chain;
use daybook_faults::{
    Outcome,
    soak::{Limit, Summary, soak},
};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};

/// Breaks Daybook's parts by random pairs of faults and checks its invariants.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// How long faults come.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// What to draw from; without one, another each time.
    #[arg(long)]
    seed: Option<u64>,
    /// Stop after so many faults, if the time is not over before.
    #[arg(long)]
    faults: Option<usize>,
    /// Tell of each pair of faults before it begins.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let seed = cli.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    let limit = Limit { time: Duration::from_secs(60 * cli.minutes), faults: cli.faults };
    let progress = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}") {
        progress.set_style(style);
    }
    let tell = |faults: usize, pair: [daybook_faults::fault::Fault; 2]| {
        if cli.verbose {
            println!("fault {faults}: {pair:?}");
        }
        progress.set_message(format!("{faults} faults; {pair:?}"));
        progress.tick();
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(async {
            let told = told_to_end()?;
            tokio::select! {
                outcome = Box::pin(soak(seed, limit, tell)) => outcome,
                // What was started is ended, and what was written is kept.
                () = told => Err("told to end before the time was over".into()),
            }
        }),
        Err(error) => Err(error.into()),
    };
    progress.finish_and_clear();
    match outcome {
        Ok(summary) => {
            print(seed, &summary);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("seed {seed}: {}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn told_to_end() -> Outcome<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn print(seed: u64, Summary { faults, findings, longest }: &Summary) {
    println!("seed                     {seed}");
    println!("faults injected          {faults}");
    println!("commands acknowledged    {}", findings.acknowledged);
    println!("outcomes left open       {} ({} of them recorded)", findings.open, findings.open_recorded);
    println!("lost                     {}", findings.lost);
    println!("doubled                  {}", findings.doubled);
    println!("wrong commands           {}", findings.wrong_commands);
    println!("wrong rows               {}", findings.wrong_rows);
    println!("wrong documents          {} of {}", findings.wrong_documents, findings.documents);
    println!("wrong answers            {} of {}", findings.wrong_answers, findings.answers);
    println!("longest until a command  {} ms", longest.commands.as_millis());
    println!("longest until reports    {} ms", longest.reports.as_millis());
}
