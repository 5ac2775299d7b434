//! A server that one test has for itself, to kill it.

use std::{
    fs,
    os::unix::fs::chown,
    path::Path,
    process::Command,
    time::Duration,
};

use mongodb::bson::doc;
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_postgres::NoTls;

use super::{child::Child, port::free_port};
use crate::world::{environment, until::until_within};

/// How long a server may take to answer, also after it was killed.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// How long one question to a server that may not be there yet may take.
const QUESTION: Duration = Duration::from_secs(3);

/// Password of PostgreSQL's superuser: the server lives for one test, on loopback only.
const PASSWORD: &str = "only-for-this-test";

const REPLICA_SET: &str = "rs0";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Postgres,
    Nats,
    Mongod,
}

/// A running server with data of its own.
#[derive(Debug)]
pub(crate) struct Server {
    kind: Kind,
    port: u16,
    child: Option<Child>,
    directory: TempDir,
}

impl Server {
    /// A PostgreSQL server.
    pub(crate) async fn postgres() -> Self {
        let server = Self::new(Kind::Postgres);
        let home = server.directory.path();
        fs::write(home.join("password"), PASSWORD).expect("a file can be written");
        if let Some(user) = environment::postgres_user() {
            let (uid, gid) = ids_of(&user);
            for path in [home.to_owned(), home.join("password")] {
                chown(path, Some(uid), Some(gid)).expect("a directory can be given away");
            }
        }
        let mut initdb = as_postgres(&environment::postgres_bin().join("initdb"));
        initdb.current_dir(home).arg("--pgdata").arg(home.join("data")).arg("--pwfile").arg(home.join("password"));
        initdb.args(["--username=postgres", "--auth=scram-sha-256", "--locale=C", "--encoding=UTF8", "--no-sync"]);
        let made = initdb.output().expect("initdb can be run");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.up().await
    }

    /// A NATS server with JetStream.
    pub(crate) async fn nats() -> Self {
        let server = Self::new(Kind::Nats);
        let (port, store) = (server.port, server.directory.path().join("store"));
        let config = format!(
            "server_name: test\nlisten: \"127.0.0.1:{port}\"\nmax_payload: 8MB\n\
             jetstream {{ store_dir: {store:?}, max_memory_store: 64MB, max_file_store: 4GB }}\n"
        );
        fs::write(server.directory.path().join("server.conf"), config).expect("a file can be written");
        server.up().await
    }

    /// A MongoDB server, the only member of a replica set.
    pub(crate) async fn mongod() -> Self {
        let server = Self::new(Kind::Mongod);
        fs::create_dir(server.directory.path().join("data")).expect("a directory can be made");
        server.up().await
    }

    /// Kills the server and starts it again.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.child.take().expect("the server runs").kill();
        self.wait().await;
    }

    /// Where the server is.
    pub(crate) fn url(&self) -> String {
        let port = self.port;
        match self.kind {
            Kind::Postgres => format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/postgres"),
            Kind::Nats => format!("nats://127.0.0.1:{port}"),
            Kind::Mongod => format!("mongodb://127.0.0.1:{port}/?replicaSet={REPLICA_SET}"),
        }
    }

    fn new(kind: Kind) -> Self {
        let directory = tempfile::Builder::new().prefix("daybook-it-").tempdir().expect("a directory can be made");
        Self { kind, port: free_port(), child: None, directory }
    }

    async fn up(mut self) -> Self {
        self.wait().await;
        self
    }

    async fn wait(&mut self) {
        let what = format!("{:?} answers", self.kind);
        until_within(START_PATIENCE, &what, async || {
            // PostgreSQL refuses to start until the last process of a killed server is gone.
            if self.child.as_mut().is_none_or(|child| child.ended().is_some()) {
                let name = format!("{:?}", self.kind).to_lowercase();
                self.child = Some(Child::start(&name, self.command(), self.directory.path()));
            }
            timeout(QUESTION, self.answers()).await.ok().flatten()
        })
        .await;
    }

    fn command(&self) -> Command {
        let (home, port) = (self.directory.path(), self.port.to_string());
        match self.kind {
            Kind::Postgres => {
                let mut command = as_postgres(&environment::postgres_bin().join("postgres"));
                command.current_dir(home).arg("-D").arg(home.join("data"));
                let port = format!("port={port}");
                for setting in ["listen_addresses=127.0.0.1", &port, "unix_socket_directories=", "max_connections=60"] {
                    command.args(["-c", setting]);
                }
                command
            }
            Kind::Nats => {
                let mut command = Command::new(environment::nats_server());
                command.arg("--config").arg(home.join("server.conf"));
                command
            }
            Kind::Mongod => {
                let mut command = Command::new(environment::mongod());
                command.arg("--dbpath").arg(home.join("data")).args(["--port", &port, "--bind_ip", "127.0.0.1"]);
                command.args(["--nounixsocket", "--replSet", REPLICA_SET, "--oplogSize", "64"]);
                command.args(["--wiredTigerCacheSizeGB", "0.25"]);
                command
            }
        }
    }

    async fn answers(&self) -> Option<()> {
        match self.kind {
            Kind::Postgres => {
                let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await.ok()?;
                tokio::spawn(connection);
                client.simple_query("SELECT 1").await.ok().map(drop)
            }
            Kind::Nats => {
                let client = async_nats::connect(self.url()).await.ok()?;
                async_nats::jetstream::new(client).query_account().await.ok().map(drop)
            }
            Kind::Mongod => self.mongod_is_primary().await,
        }
    }

    /// True once the server is the primary of its set, which is made if need be.
    async fn mongod_is_primary(&self) -> Option<()> {
        let host = format!("127.0.0.1:{}", self.port);
        let url = format!("mongodb://{host}/?directConnection=true&serverSelectionTimeoutMS=2000");
        let admin = mongodb::Client::with_uri_str(url).await.ok()?.database("admin");
        let hello = admin.run_command(doc! { "hello": 1 }).await.ok()?;
        if hello.get_bool("isWritablePrimary") == Ok(true) {
            return Some(());
        }
        let members = [doc! { "_id": 0, "host": host }];
        let set = doc! { "replSetInitiate": { "_id": REPLICA_SET, "members": members.to_vec() } };
        // Refused where the set is made already: then it is only waited for.
        let _ = admin.run_command(set).await;
        None
    }
}

/// A program as the user that PostgreSQL runs as.
fn as_postgres(program: &Path) -> Command {
    let Some(user) = environment::postgres_user() else { return Command::new(program) };
    let (uid, gid) = ids_of(&user);
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--init-groups".to_owned()]).arg(program);
    command
}

/// Numbers of a user and of his group.
fn ids_of(user: &str) -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").expect("the users can be read");
    let found = users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.first() == Some(&user)).then(|| (fields[2].parse().expect("a number"), fields[3].parse().expect("one")))
    });
    found.unwrap_or_else(|| panic!("there is no user {user}"))
}
