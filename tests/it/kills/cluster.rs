//! Three servers and three services as processes of their own, for one test to kill.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use daybook_operator::Endpoints;
use mongodb::bson::doc;
use tempfile::TempDir;
use tokio_postgres::NoTls;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::process::{Process, own_program};
use crate::world::{environment, until::until_within};

/// How long a server or service may take until it answers, on a machine where all tests run at once.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// A process that can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    Command,
    Projector,
    Query,
    Postgres,
    Nats,
    Mongod,
}

/// Everything that runs.
#[derive(Debug)]
pub(crate) struct Cluster {
    // Services go before the servers that they use, and the directory last.
    command: Process,
    projector: Process,
    query: Process,
    postgres: Process,
    nats: Process,
    mongod: Process,
    ports: Ports,
    directory: TempDir,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    command: u16,
    projector: u16,
    query: u16,
    postgres: u16,
    nats: u16,
    mongod: u16,
}

impl Cluster {
    /// Starts everything and waits until all of it serves.
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        // The user of PostgreSQL must be able to pass.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let ports = free_ports();
        let log = |name: &str| directory.path().join(format!("{name}.log"));
        let postgres = Process::new(postgres(directory.path(), ports.postgres), log("postgres"));
        let nats = Process::new(nats(directory.path(), ports.nats), log("nats"));
        let mongod = Process::new(mongod(directory.path(), ports.mongod), log("mongod"));
        let service = |name: &str| {
            let mut command = Command::new(own_program(name));
            command.env_clear().envs(ports.environment());
            Process::new(command, log(name))
        };
        let (command, projector, query) =
            (service("daybook-command"), service("daybook-projector"), service("daybook-query"));
        let mut cluster = Self { command, projector, query, postgres, nats, mongod, ports, directory };
        for server in [Victim::Postgres, Victim::Nats, Victim::Mongod] {
            cluster.process(server).start();
        }
        cluster.prepare_postgres().await;
        cluster.prepare_mongodb().await;
        for service in [Victim::Command, Victim::Projector, Victim::Query] {
            cluster.process(service).start();
        }
        for service in [Victim::Command, Victim::Projector, Victim::Query] {
            cluster.serving(service).await;
        }
        cluster
    }

    /// Starts a service that was told to stop, and waits until it serves.
    pub(crate) async fn start_again(&mut self, service: Victim) {
        self.process(service).start();
        self.serving(service).await;
    }

    async fn serving(&mut self, service: Victim) {
        let port = match service {
            Victim::Command => self.ports.command,
            Victim::Projector => self.ports.projector,
            Victim::Query => self.ports.query,
            Victim::Postgres | Victim::Nats | Victim::Mongod => panic!("{service:?} is a server"),
        };
        until_within(START_PATIENCE, &format!("{service:?} serves"), async || {
            self.process(service).assert_running();
            serves(port).await.then_some(())
        })
        .await;
    }

    /// A directory that is deleted with the cluster.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where the services are.
    pub(crate) fn endpoints(&self) -> Endpoints {
        let local = |port: u16| Some(format!("http://127.0.0.1:{port}"));
        Endpoints { command: local(self.ports.command), query: local(self.ports.query), ..Endpoints::default() }
    }

    /// Where the log ends, asked of PostgreSQL itself; `None` while it does not answer.
    pub(crate) async fn head(&self) -> Option<i64> {
        let client = self.sql().await?;
        client.query_one("SELECT position FROM log_head", &[]).await.ok()?.try_get(0).ok()
    }

    /// Kills a process without a warning and starts it again at once.
    pub(crate) async fn kill_and_restart(&mut self, victim: Victim) {
        self.process(victim).assert_running();
        self.process(victim).kill();
        if victim == Victim::Postgres {
            // Its sessions end a moment after it; until then a new server refuses to start.
            let data = self.directory.path().join("postgres");
            until_within(START_PATIENCE, "the sessions of PostgreSQL end", async || (!in_use(&data)).then_some(()))
                .await;
            let _ = fs::remove_file(data.join("postmaster.pid"));
        }
        self.process(victim).start();
    }

    /// One of the processes.
    pub(crate) fn process(&mut self, victim: Victim) -> &mut Process {
        match victim {
            Victim::Command => &mut self.command,
            Victim::Projector => &mut self.projector,
            Victim::Query => &mut self.query,
            Victim::Postgres => &mut self.postgres,
            Victim::Nats => &mut self.nats,
            Victim::Mongod => &mut self.mongod,
        }
    }

    async fn sql(&self) -> Option<tokio_postgres::Client> {
        let url = self.ports.postgres_url("postgres");
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.ok()?;
        // Ends with the client.
        tokio::spawn(connection);
        Some(client)
    }

    async fn prepare_postgres(&mut self) {
        let client = until_within(START_PATIENCE, "PostgreSQL answers", async || {
            self.postgres.assert_running();
            self.sql().await
        })
        .await;
        client.batch_execute("CREATE ROLE daybook_app LOGIN").await.expect("the role of the service can be made");
        let url = self.ports.postgres_url("postgres");
        daybook_command::store::migrate::migrate(&url).await.expect("the tables can be made");
    }

    async fn prepare_mongodb(&mut self) {
        let host = format!("127.0.0.1:{}", self.ports.mongod);
        let url = format!("mongodb://{host}/?directConnection=true&serverSelectionTimeoutMS=2000");
        let client = mongodb::Client::with_uri_str(url).await.expect("a MongoDB address");
        let admin = client.database("admin");
        until_within(START_PATIENCE, "MongoDB is a primary", async || {
            self.mongod.assert_running();
            let set = doc! { "_id": "rs0", "members": [{ "_id": 0, "host": &host }] };
            // Refused once it is done.
            let _ = admin.run_command(doc! { "replSetInitiate": set }).await;
            let hello = admin.run_command(doc! { "hello": 1 }).await.ok()?;
            hello.get_bool("isWritablePrimary").ok().filter(|primary| *primary)
        })
        .await;
    }
}

impl Ports {
    fn postgres_url(self, user: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/postgres", self.postgres)
    }

    fn environment(self) -> Vec<(&'static str, String)> {
        let local = |port: u16| format!("127.0.0.1:{port}");
        vec![
            ("DAYBOOK_COMMAND_LISTEN", local(self.command)),
            ("DAYBOOK_PROJECTOR_LISTEN", local(self.projector)),
            ("DAYBOOK_QUERY_LISTEN", local(self.query)),
            ("DAYBOOK_POSTGRES_URL", self.postgres_url("daybook_app")),
            ("DAYBOOK_NATS_URL", format!("nats://{}", local(self.nats))),
            ("DAYBOOK_COMMAND_ENDPOINT", format!("http://{}", local(self.command))),
            ("DAYBOOK_MONGODB_URL", format!("mongodb://{}/?replicaSet=rs0", local(self.mongod))),
        ]
    }
}

async fn serves(port: u16) -> bool {
    let Ok(channel) = daybook::client::channel(&format!("http://127.0.0.1:{port}")) else { return false };
    let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}

/// Where ports are taken from: below the range from which the kernel picks ports for clients, so that nobody takes the
/// port of a killed process while it is away.
const FIRST_PORT: u16 = 27_000;
const PORTS: u16 = 5_000;

/// A port that is free at this moment, each time another one.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Another run of the tests begins somewhere else.
    let begin = u16::try_from(std::process::id() % u32::from(PORTS)).expect("it fits");
    let tried = (0..PORTS).map(|_| FIRST_PORT + (begin + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS) % PORTS);
    let mut free = tried.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().expect("a port is free")
}

fn free_ports() -> Ports {
    Ports {
        command: free_port(),
        projector: free_port(),
        query: free_port(),
        postgres: free_port(),
        nats: free_port(),
        mongod: free_port(),
    }
}

/// True if a process works in the directory.
fn in_use(directory: &Path) -> bool {
    let Ok(directory) = fs::canonicalize(directory) else { return false };
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    processes.flatten().any(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == directory))
}

fn postgres(directory: &Path, port: u16) -> Command {
    let data = directory.join("postgres");
    let programs = PathBuf::from(environment::postgres_programs());
    fs::create_dir(&data).unwrap();
    let user = environment::postgres_user();
    if let Some(user) = &user {
        done(Command::new("chown").arg(format!("{user}:")).arg(&data));
    }
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
    ]);
    postgres
}

/// The programs of PostgreSQL refuse to run as root.
fn as_user(user: Option<&str>, program: &Path) -> Command {
    let Some(user) = user else { return Command::new(program) };
    let group = Command::new("id").args(["-g", user]).output().expect("id answers").stdout;
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={user}")).arg(format!("--regid={}", String::from_utf8_lossy(&group).trim()));
    command.arg("--init-groups").arg(program);
    command
}

fn done(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn nats(directory: &Path, port: u16) -> Command {
    let mut nats = Command::new(environment::nats_program());
    nats.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]);
    nats.arg(directory.join("nats"));
    nats
}

fn mongod(directory: &Path, port: u16) -> Command {
    let data = directory.join("mongod");
    fs::create_dir(&data).unwrap();
    let mut mongod = Command::new(environment::mongod_program());
    mongod.arg("--dbpath").arg(data).args(["--bind_ip", "127.0.0.1", "--port", &port.to_string()]);
    mongod.args(["--nounixsocket", "--replSet", "rs0", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"]);
    mongod
}
