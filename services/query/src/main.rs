//! The process that serves Daybook's reports.

use std::process::ExitCode;

use daybook_chassis::{door, process, server::Listeners};
use daybook_query::{Config, run};

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let insecure = door::take_insecure(&mut arguments);
    if !arguments.is_empty() {
        eprintln!("usage: daybook-query [--insecure]");
        return ExitCode::from(2);
    }
    process::main("daybook-query", async move |shutdown| {
        let mut config = Config::from_environment()?;
        config.door.insecure |= insecure;
        let listeners = Listeners::bind(config.listen, config.metrics_listen).await?;
        run(config, listeners, shutdown).await
    })
}
