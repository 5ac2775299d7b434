//! `daybook-command [serve] [--insecure]` serves; `daybook-command migrate` brings the tables to this version first.
//!
//! Once the log has lost its end, `daybook-command lost-events FILE` writes down what only the broker still has, and
//! `daybook-command drop-stream` gives it up; docs/operations.md says when.

use std::{fs::File, io::BufWriter, process::ExitCode};

use daybook_chassis::{
    config::{Env, Secret},
    door, process,
    server::Listeners,
};
use tracing::info;

use crate::{config::Config, lost, store::migrate::migrate};

/// Does what the arguments of the process ask for.
pub fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let insecure = door::take_insecure(&mut arguments);
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["serve"] => process::main("daybook-command", move |shutdown| async move {
            let mut config = Config::from_env(Env::process())?;
            config.door.insecure |= insecure;
            let listeners = Listeners::bind(config.listen, config.metrics_listen).await?;
            crate::run(config, listeners, shutdown).await
        }),
        ["migrate"] => process::main("daybook-command", |_| async move {
            let mut env = Env::process();
            let url: Option<Secret<String>> = env.required("DAYBOOK_POSTGRES_OWNER_URL");
            let url = env.finish(url)?;
            let applied = migrate(url.expose()).await?;
            info!(applied, "the tables are at this version");
            Ok(())
        }),
        ["lost-events", file] => process::main("daybook-command", move |_| async move {
            let config = Config::from_env(Env::process())?;
            let mut out = BufWriter::new(File::create_new(file).map_err(|error| format!("{file}: {error}"))?);
            let lost::Lost { common, head, events } = lost::write_lost(&config, &mut out).await?;
            info!(common, head, events, file, "what the log lacks is written down");
            Ok(())
        }),
        ["drop-stream"] => process::main("daybook-command", |_| async move {
            let config = Config::from_env(Env::process())?;
            lost::drop_stream(&config.nats).await?;
            info!(stream = config.nats.stream, "the stream is deleted");
            Ok(())
        }),
        _ => {
            eprintln!("usage: daybook-command [serve [--insecure]|migrate|lost-events FILE|drop-stream]");
            ExitCode::from(2)
        }
    }
}
