//! `daybook-command [serve]` serves; `daybook-command migrate` brings the tables to this version first.

use std::process::ExitCode;

use daybook_chassis::{
    config::{Env, Secret},
    process,
    server::Listeners,
};
use daybook_command::{config::Config, store::migrate::migrate};
use tracing::info;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (None | Some("serve"), None) => process::main("daybook-command", |shutdown| async move {
            let config = Config::from_env(Env::process())?;
            let listeners = Listeners::bind(config.listen, config.metrics_listen).await?;
            daybook_command::run(config, listeners, shutdown).await
        }),
        (Some("migrate"), None) => process::main("daybook-command", |_| async move {
            let mut env = Env::process();
            let url: Option<Secret<String>> = env.required("DAYBOOK_POSTGRES_OWNER_URL");
            let url = env.finish(url)?;
            let applied = migrate(url.expose()).await?;
            info!(applied, "the tables are at this version");
            Ok(())
        }),
        _ => {
            eprintln!("usage: daybook-command [serve|migrate]");
            ExitCode::from(2)
        }
    }
}
