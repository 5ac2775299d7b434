//! The process that serves Daybook's reports.

use std::process::ExitCode;

use daybook_chassis::{process, server};
use daybook_query::{Config, run};

fn main() -> ExitCode {
    process::main("query", async |shutdown| {
        let config = Config::from_environment()?;
        let listener = server::bind(config.listen).await?;
        run(config, listener, shutdown).await
    })
}
