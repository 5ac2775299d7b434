//! The projector as a process.

use std::process::ExitCode;

use daybook_chassis::{config::Env, door, process, server};
use daybook_projector::config::Config;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let insecure = door::take_insecure(&mut arguments);
    if !arguments.is_empty() {
        eprintln!("usage: daybook-projector [--insecure]");
        return ExitCode::from(2);
    }
    process::main("daybook-projector", move |shutdown| async move {
        let mut config = Config::from_env(Env::process())?;
        config.door.insecure |= insecure;
        let listener = server::bind(config.listen).await?;
        daybook_projector::run(config, listener, shutdown).await
    })
}
