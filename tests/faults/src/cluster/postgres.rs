//! PostgreSQL: a cluster is made once for all trials of a process, and copied for each.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

use super::{environment, ports};
use crate::{Outcome, process::Process, until::until};

/// How long a server may take until it answers, on a machine where several trials run.
pub(super) const START_PATIENCE: Duration = Duration::from_secs(60);

/// How long one question may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// The role as which the command service connects, and the one that owns everything.
pub(super) const APP: &str = "daybook_app";
pub(super) const OWNER: &str = "postgres";

/// The address of a server on this port, as a role.
pub(super) fn url(role: &str, port: u16) -> String {
    format!("postgres://{role}@127.0.0.1:{port}/postgres")
}

/// Where files are kept if there is room for so much: a killed process loses nothing there either, and a disk that is busy
/// with other things does not pass for a fault.
const MEMORY: &str = "/dev/shm";
const MEMORY_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// A directory for a trial that PostgreSQL's user can pass through: in memory, unless `DAYBOOK_FAULTS_DIRECTORY` says
/// where, or there is too little of it.
pub(super) fn directory() -> Outcome<TempDir> {
    let free = rustix::fs::statvfs(MEMORY).map_or(0, |found| found.f_bavail.saturating_mul(found.f_frsize));
    let place = match env::var_os("DAYBOOK_FAULTS_DIRECTORY") {
        Some(place) => PathBuf::from(place),
        None if free >= MEMORY_BYTES => PathBuf::from(MEMORY),
        None => env::temp_dir(),
    };
    let directory = tempfile::Builder::new().prefix("daybook-faults-").tempdir_in(place)?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o711))?;
    Ok(directory)
}

/// A copy of the cluster with Daybook's tables, in a directory.
pub(super) async fn copied(into: &Path) -> Outcome<PathBuf> {
    static TEMPLATE: OnceCell<TempDir> = OnceCell::const_new();
    let template = TEMPLATE.get_or_try_init(template).await?;
    done(Command::new("cp").arg("-a").arg(data_of(template.path())).arg(into))?;
    Ok(data_of(into))
}

fn data_of(directory: &Path) -> PathBuf {
    directory.join("postgres")
}

/// A server on the data of a directory.
pub(super) fn server(data: &Path, port: u16) -> Outcome<Command> {
    let mut postgres = as_user(&environment::postgres_programs()?.join("postgres"))?;
    postgres.current_dir(data).arg("-D").arg(data);
    for setting in [
        "listen_addresses=127.0.0.1",
        &format!("port={port}"),
        "unix_socket_directories=",
        "shared_buffers=32MB",
        // Elsewhere a killed server leaves its shared memory behind.
        "dynamic_shared_memory_type=mmap",
        "log_checkpoints=off",
    ] {
        postgres.args(["-c", setting]);
    }
    Ok(postgres)
}

/// A connection to a server as its owner.
///
/// # Errors
/// If the server does not answer in time.
pub(super) async fn connect(port: u16) -> Outcome<Client> {
    let (client, connection) = tokio::time::timeout(ASK_TIMEOUT, async {
        let mut config: tokio_postgres::Config = url(OWNER, port).parse()?;
        config.connect_timeout(ASK_TIMEOUT).application_name("daybook-faults").connect(NoTls).await
    })
    .await??;
    // Ends with the client.
    tokio::spawn(connection);
    Ok(client)
}

/// True if a process works in the directory: the sessions of a killed server end a moment after it.
pub(super) fn in_use(directory: &Path) -> bool {
    let Ok(directory) = fs::canonicalize(directory) else { return false };
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    processes.flatten().any(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == directory))
}

async fn template() -> Outcome<TempDir> {
    let directory = directory()?;
    let data = data_of(directory.path());
    fs::create_dir(&data)?;
    if let Some(user) = environment::postgres_user() {
        done(Command::new("chown").arg(format!("{user}:")).arg(&data))?;
    }
    let mut initdb = as_user(&environment::postgres_programs()?.join("initdb"))?;
    initdb.args(["--auth=trust", "--username=postgres", "--locale=C", "--encoding=UTF8", "--no-sync"]);
    // Small segments make a small copy.
    initdb.args(["--wal-segsize=1", "-D"]).arg(&data);
    done(initdb.current_dir(&data))?;
    let port = ports::free()?;
    let mut server = Process::new(server(&data, port)?, directory.path().join("postgres.log"));
    server.start()?;
    let client = until(START_PATIENCE, "PostgreSQL answers", async || {
        server.check_running()?;
        Ok(connect(port).await.ok())
    })
    .await?;
    client.batch_execute(&format!("CREATE ROLE {APP} LOGIN")).await?;
    daybook_command::store::migrate::migrate(&url(OWNER, port)).await?;
    drop(client);
    // An orderly end: the copies need no recovery.
    server.signal(rustix::process::Signal::INT)?;
    server.ended(START_PATIENCE).await?;
    Ok(directory)
}

/// The programs of PostgreSQL refuse to run as root.
fn as_user(program: &Path) -> Outcome<Command> {
    let Some(user) = environment::postgres_user() else { return Ok(Command::new(program)) };
    let group = String::from_utf8(Command::new("id").args(["-g", &user]).output()?.stdout)?;
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={user}")).arg(format!("--regid={}", group.trim()));
    command.arg("--init-groups").arg(program);
    Ok(command)
}

fn done(command: &mut Command) -> Outcome {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}
