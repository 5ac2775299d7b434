//! The `daybook` program.

use std::{path::Path, process::Command, time::Duration};

use super::{child::Child, deployment::binary};

/// Where the services are that the program talks to.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pub(crate) command: String,
    pub(crate) query: String,
}

/// How a run of the program ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

/// Starts the program in a directory, in which it also finds and leaves its files.
pub(crate) fn start(endpoints: &Endpoints, name: &str, arguments: &[&str], directory: &Path) -> Child {
    let mut command = Command::new(binary("daybook"));
    command.current_dir(directory).args(arguments);
    command.env("DAYBOOK_COMMAND_ENDPOINT", &endpoints.command).env("DAYBOOK_QUERY_ENDPOINT", &endpoints.query);
    command.env_remove("DAYBOOK_PROJECTOR_ENDPOINT");
    Child::start(name, command, directory)
}

/// Runs the program to its end.
pub(crate) async fn run(
    endpoints: &Endpoints,
    name: &str,
    arguments: &[&str],
    directory: &Path,
    patience: Duration,
) -> Ended {
    let mut child = start(endpoints, name, arguments, directory);
    let status = child.end(patience).await;
    Ended { code: status.code(), output: child.output(), errors: child.errors() }
}
