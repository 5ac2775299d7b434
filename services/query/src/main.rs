//! The process that serves Daybook's reports.

use std::process::ExitCode;

use daybook_chassis::{process, server::Listeners};
use daybook_query::{Config, run};

fn main() -> ExitCode {
    process::main("daybook-query", async |shutdown| {
        let config = Config::from_environment()?;
        let listeners = Listeners::bind(config.listen, config.metrics_listen).await?;
        run(config, listeners, shutdown).await
    })
}
