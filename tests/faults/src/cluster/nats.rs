//! NATS with JetStream on files.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::environment;
use crate::Outcome;

/// Where its streams are kept.
pub(super) fn store(directory: &Path) -> PathBuf {
    directory.join("nats")
}

/// A server with its store in a directory.
pub(super) fn server(directory: &Path, port: u16) -> Outcome<Command> {
    let mut nats = Command::new(environment::nats_program()?);
    nats.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]);
    nats.arg(store(directory));
    Ok(nats)
}
