//! On which ports the parts of a cluster are.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
};

/// One port for each part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) command: u16,
    pub(super) projector: u16,
    pub(super) query: u16,
    pub(super) postgres: u16,
    pub(super) nats: u16,
    pub(super) mongod: u16,
}

impl Ports {
    /// Address of the database, as a role.
    pub(super) fn postgres_url(self, user: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/postgres", self.postgres)
    }

    /// What the services are told.
    pub(super) fn environment(self) -> Vec<(&'static str, String)> {
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

/// A free one for each part.
pub(super) fn free_ports() -> Ports {
    let [command, projector, query, postgres, nats, mongod] = std::array::from_fn(|_| free_port());
    Ports { command, projector, query, postgres, nats, mongod }
}
