//! Servers of one test's own, to be stopped, frozen and killed.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use mongodb::bson::doc;
use tempfile::TempDir;

use crate::world::variable;

/// A server is up within a second or two.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// A server process with its data.
pub(crate) struct Server {
    program: String,
    arguments: Vec<String>,
    port: u16,
    child: Child,
    _data: TempDir,
}

impl Server {
    /// A NATS server with JetStream.
    pub(crate) async fn nats() -> Self {
        let server = Self::start("DAYBOOK_TEST_NATS_SERVER", |port, data| {
            ["-a", "127.0.0.1", "-p", port, "-js", "-sd", data].map(str::to_owned).to_vec()
        });
        for _ in 0..ATTEMPTS {
            if async_nats::connect(server.nats_url()).await.is_ok() {
                return server;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("nats-server does not come up");
    }

    pub(crate) fn nats_url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// A MongoDB replica set of one.
    pub(crate) async fn mongodb() -> Self {
        let server = Self::start("DAYBOOK_TEST_MONGOD", |port, data| {
            let set =
                ["--bind_ip", "127.0.0.1", "--nounixsocket", "--replSet", "rs0", "--wiredTigerCacheSizeGB", "0.25"];
            [&["--port", port, "--dbpath", data][..], &set].concat().into_iter().map(str::to_owned).collect()
        });
        let direct = format!("mongodb://127.0.0.1:{}/?directConnection=true", server.port);
        let admin = mongodb::Client::with_uri_str(direct).await.unwrap().database("admin");
        let host = format!("127.0.0.1:{}", server.port);
        let set = doc! { "_id": "rs0", "members": [ { "_id": 0, "host": host } ] };
        for _ in 0..ATTEMPTS {
            let _ = admin.run_command(doc! { "replSetInitiate": set.clone() }).await;
            if let Ok(hello) = admin.run_command(doc! { "hello": 1 }).await
                && hello.get_bool("isWritablePrimary").unwrap_or(false)
            {
                return server;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("mongod does not come up");
    }

    pub(crate) fn mongodb_url(&self) -> String {
        format!("mongodb://127.0.0.1:{}/?replicaSet=rs0", self.port)
    }

    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again with the data that it left.
    pub(crate) fn restart(&mut self) {
        self.child = run(&self.program, &self.arguments);
    }

    fn start(program: &str, arguments: impl Fn(&str, &str) -> Vec<String>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let arguments = arguments(&port.to_string(), text(data.path()));
        let program = variable(program);
        let child = run(&program, &arguments);
        Self { program, arguments, port, child, _data: data }
    }

    fn signal(&self, signal: &str) {
        // The shell's own `kill`: a small machine has no program of that name.
        let done = Command::new("sh").arg("-c").arg(format!("kill {signal} {}", self.child.id())).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(program: &str, arguments: &[String]) -> Child {
    Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
