//! `daybook-command [serve] [--insecure]` serves; `daybook-command migrate` brings the tables to this version first.

use std::process::ExitCode;

use daybook_chassis::{
    config::{Env, Secret},
    door, process, server,
};
use daybook_command::{config::Config, store::migrate::migrate};
use tracing::info;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let insecure = door::take_insecure(&mut arguments);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] | ["serve"] => process::main("daybook-command", move |shutdown| async move {
            let mut config = Config::from_env(Env::process())?;
            config.door.insecure |= insecure;
            let listener = server::bind(config.listen).await?;
            daybook_command::run(config, listener, shutdown).await
        }),
        ["migrate"] => process::main("daybook-command", |_| async move {
            let mut env = Env::process();
            let url: Option<Secret<String>> = env.required("DAYBOOK_POSTGRES_OWNER_URL");
            let url = env.finish(url)?;
            let applied = migrate(url.expose()).await?;
            info!(applied, "the tables are at this version");
            Ok(())
        }),
        _ => {
            eprintln!("usage: daybook-command [serve [--insecure]|migrate]");
            ExitCode::from(2)
        }
    }
}
