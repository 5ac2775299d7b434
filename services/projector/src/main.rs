//! The projector as a process.

use std::process::ExitCode;

use daybook_chassis::{config::Env, process, server};
use daybook_projector::config::Config;

fn main() -> ExitCode {
    process::main("daybook-projector", |shutdown| async {
        let config = Config::from_env(Env::process())?;
        let listener = server::bind(config.listen).await?;
        daybook_projector::run(config, listener, shutdown).await
    })
}
