//! The projector as a process; `daybook-projector drop-documents` deletes all reports, to be folded anew from the log.

use std::process::ExitCode;

use daybook_chassis::{config::Env, process, server};
use daybook_projector::config::Config;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (None | Some("serve"), None) => process::main("daybook-projector", |shutdown| async {
            let config = Config::from_env(Env::process())?;
            let listener = server::bind(config.listen).await?;
            daybook_projector::run(config, listener, shutdown).await
        }),
        (Some("drop-documents"), None) => process::main("daybook-projector", |_| async {
            daybook_projector::drop_documents(&Config::from_env(Env::process())?).await
        }),
        _ => {
            eprintln!("usage: daybook-projector [serve|drop-documents]");
            ExitCode::from(2)
        }
    }
}
