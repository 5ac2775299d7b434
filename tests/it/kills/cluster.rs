//! Three servers and three services as processes of their own, for one test to kill.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command, time::Duration};

use daybook_operator::Endpoints;
use mongodb::bson::doc;
use tempfile::TempDir;
use tokio_postgres::NoTls;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{
    ports::{Ports, free_ports},
    process::{Process, own_program},
    programs::{self, done, mongod, nats, postgres},
};
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
        cluster.migrate().await;
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

    /// Kills a server and deletes all that it had. It is not started again.
    pub(crate) async fn lose(&mut self, server: Victim) {
        self.process(server).kill();
        let name = directory_of(server);
        let data = self.directory.path().join(name);
        until_within(START_PATIENCE, "the sessions of the server end", async || (!in_use(&data)).then_some(())).await;
        fs::remove_dir_all(data).expect("the data can be deleted");
    }

    /// Starts a server that has lost everything, as empty as a new one; PostgreSQL with the role of the service and without
    /// tables.
    pub(crate) async fn start_empty(&mut self, server: Victim) {
        let log = self.directory.path().join(format!("{}.log", directory_of(server)));
        let directory = self.directory.path();
        let command = match server {
            Victim::Postgres => postgres(directory, self.ports.postgres),
            Victim::Nats => nats(directory, self.ports.nats),
            Victim::Mongod => mongod(directory, self.ports.mongod),
            Victim::Command | Victim::Projector | Victim::Query => panic!("{server:?} is a service"),
        };
        *self.process(server) = Process::new(command, log);
        self.process(server).start();
        match server {
            Victim::Postgres => self.prepare_postgres().await,
            Victim::Mongod => self.prepare_mongodb().await,
            _ => {}
        }
    }

    /// Runs a program of PostgreSQL on the database, as its owner.
    pub(crate) fn postgres_program(&self, name: &str, arguments: &[&str]) {
        let program = Path::new(&environment::postgres_programs()).join(name);
        let url = format!("--dbname={}", self.ports.postgres_url("postgres"));
        done(Command::new(program).arg(url).args(arguments));
    }

    /// Gives a directory to the user that PostgreSQL runs as.
    pub(crate) fn give_to_postgres(&self, directory: &Path) {
        programs::give_to_postgres(directory);
    }

    /// Runs the program of a service with arguments, in the environment of the services.
    pub(crate) fn service_program(&self, name: &str, arguments: &[&str]) {
        done(Command::new(own_program(name)).env_clear().envs(self.ports.environment()).args(arguments));
    }

    /// Waits until a service says that it does not serve.
    pub(crate) async fn refusing(&mut self, service: Victim) {
        let port = self.port(service);
        until_within(START_PATIENCE, &format!("{service:?} refuses to serve"), async || {
            self.process(service).assert_running();
            (health(port).await == Some(ServingStatus::NotServing)).then_some(())
        })
        .await;
    }

    /// Where a service is.
    pub(crate) fn port(&self, service: Victim) -> u16 {
        match service {
            Victim::Command => self.ports.command,
            Victim::Projector => self.ports.projector,
            Victim::Query => self.ports.query,
            Victim::Postgres | Victim::Nats | Victim::Mongod => panic!("{service:?} is a server"),
        }
    }

    /// Waits until a service serves.
    pub(crate) async fn serving(&mut self, service: Victim) {
        let port = self.port(service);
        until_within(START_PATIENCE, &format!("{service:?} serves"), async || {
            self.process(service).assert_running();
            (health(port).await == Some(ServingStatus::Serving)).then_some(())
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
        let (command, projector, query) = (self.ports.command, self.ports.projector, self.ports.query);
        Endpoints { command: local(command), query: local(query), projector: local(projector), ..Endpoints::default() }
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

    /// A session of PostgreSQL itself; `None` while it does not answer.
    pub(crate) async fn sql(&self) -> Option<tokio_postgres::Client> {
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
    }

    async fn migrate(&self) {
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

async fn health(port: u16) -> Option<ServingStatus> {
    let channel = daybook::client::channel(&format!("http://127.0.0.1:{port}")).ok()?;
    let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    answer.ok().map(|answer| answer.into_inner().status())
}

/// Where a server has its data, in the directory of the cluster.
fn directory_of(server: Victim) -> &'static str {
    match server {
        Victim::Postgres => "postgres",
        Victim::Nats => "nats",
        Victim::Mongod => "mongod",
        Victim::Command | Victim::Projector | Victim::Query => panic!("{server:?} is a service"),
    }
}

/// True if a process works in the directory.
fn in_use(directory: &Path) -> bool {
    let Ok(directory) = fs::canonicalize(directory) else { return false };
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    processes.flatten().any(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == directory))
}
