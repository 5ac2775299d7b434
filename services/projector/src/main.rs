//! The projector as a process.

use std::process::ExitCode;

use daybook_chassis::{config::Env, process, server::Listeners};
use daybook_projector::config::Config;

fn main() -> ExitCode {
    process::main("daybook-projector", |shutdown| async {
        let config = Config::from_env(Env::process())?;
        let listeners = Listeners::bind(config.listen, config.metrics_listen).await?;
        daybook_projector::run(config, listeners, shutdown).await
    })
}
