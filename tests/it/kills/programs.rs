//! How the servers of a cluster are started, each with a directory of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::world::environment;

/// PostgreSQL, with an empty directory.
pub(super) fn postgres(directory: &Path, port: u16) -> Command {
    let data = directory.join("postgres");
    let programs = PathBuf::from(environment::postgres_programs());
    fs::create_dir(&data).unwrap();
    let user = environment::postgres_user();
    give_to_postgres(&data);
    let mut initdb = as_user(user.as_deref(), &programs.join("initdb"));
    initdb.args(["--auth=trust", "--username=postgres", "--locale=C", "--encoding=UTF8", "--no-sync", "-D"]).arg(&data);
    done(initdb.current_dir(&data));
    let mut postgres = as_user(user.as_deref(), &programs.join("postgres"));
    postgres.current_dir(&data).arg("-D").arg(&data).args([
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        &format!("port={port}"),
        "-c",
        "unix_socket_directories=",
        "-c",
        "shared_buffers=32MB",
        // Elsewhere a killed server leaves its shared memory behind.
        "-c",
        "dynamic_shared_memory_type=mmap",
    ]);
    postgres
}

/// Gives a directory to the user that PostgreSQL runs as.
pub(super) fn give_to_postgres(directory: &Path) {
    if let Some(user) = environment::postgres_user() {
        done(Command::new("chown").arg("-R").arg(format!("{user}:")).arg(directory));
    }
}

/// The programs of PostgreSQL's server refuse to run as root.
fn as_user(user: Option<&str>, program: &Path) -> Command {
    let Some(user) = user else { return Command::new(program) };
    let group = Command::new("id").args(["-g", user]).output().expect("id answers").stdout;
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={user}")).arg(format!("--regid={}", String::from_utf8_lossy(&group).trim()));
    command.arg("--init-groups").arg(program);
    command
}

/// Runs a program to its end, which must be good.
pub(super) fn done(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// NATS with JetStream.
pub(super) fn nats(directory: &Path, port: u16) -> Command {
    let mut nats = Command::new(environment::nats_program());
    nats.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]);
    nats.arg(directory.join("nats"));
    nats
}

/// MongoDB, with an empty directory.
pub(super) fn mongod(directory: &Path, port: u16) -> Command {
    let data = directory.join("mongod");
    fs::create_dir(&data).unwrap();
    let mut mongod = Command::new(environment::mongod_program());
    mongod.arg("--dbpath").arg(data).args(["--bind_ip", "127.0.0.1", "--port", &port.to_string()]);
    mongod.args(["--nounixsocket", "--replSet", "rs0", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"]);
    mongod
}
