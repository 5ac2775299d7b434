//! The projector as a process; `daybook-projector drop-documents` deletes all reports, to be folded anew from the log.

use std::process::ExitCode;

use daybook_chassis::{config::Env, door, process, server::Listeners};
use daybook_projector::config::Config;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let insecure = door::take_insecure(&mut arguments);
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["serve"] => process::main("daybook-projector", move |shutdown| async move {
            let mut config = Config::from_env(Env::process())?;
            config.door.insecure |= insecure;
            let listeners = Listeners::bind(config.listen, config.metrics_listen).await?;
            daybook_projector::run(config, listeners, shutdown).await
        }),
        ["drop-documents"] => process::main("daybook-projector", |_| async {
            daybook_projector::drop_documents(&Config::from_env(Env::process())?).await
        }),
        _ => {
            eprintln!("usage: daybook-projector [serve [--insecure]|drop-documents]");
            ExitCode::from(2)
        }
    }
}
