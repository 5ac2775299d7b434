//! Configuration of the command service.
//!
//! - `DAYBOOK_COMMAND_LISTEN`: address to serve gRPC on, such as `127.0.0.1:7401`;
//! - how it is reached, and by whom: see [`daybook_chassis::door`];
//! - `DAYBOOK_COMMAND_METRICS_LISTEN`: address where Prometheus reads its numbers; without it nobody can;
//! - `DAYBOOK_POSTGRES_URL`: the write store, as the role that can only append (`postgres://daybook_app:…@host/daybook`);
//! - `DAYBOOK_POSTGRES_OWNER_URL`: the write store as its owner; only `daybook-command migrate` needs it;
//! - `DAYBOOK_POSTGRES_CONNECTIONS`: connections for reading (default 16; three more append, watch and add up stock);
//! - `DAYBOOK_NATS_URL`, `DAYBOOK_NATS_STREAM` (default `DAYBOOK`), `DAYBOOK_NATS_SUBJECTS` (default `daybook.event`):
//!   where the log is published;
//! - `DAYBOOK_NATS_REPLICAS` (default 1) and `DAYBOOK_NATS_MAX_BYTES` (default 8 GiB): of the stream, when the relay makes
//!   it.

use std::net::SocketAddr;

use daybook_chassis::{
    config::{ConfigErrors, Env, Secret},
    door::DoorConfig,
};

/// Configuration of a serving process.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub door: DoorConfig,
    pub metrics_listen: Option<SocketAddr>,
    pub postgres: Postgres,
    pub nats: Nats,
}

/// The write store.
#[derive(Clone, Debug)]
pub struct Postgres {
    pub url: Secret<String>,
    pub connections: usize,
}

/// Where the log is published.
#[derive(Clone, Debug)]
pub struct Nats {
    pub url: String,
    pub stream: String,
    pub subjects: String,
    pub replicas: usize,
    pub max_bytes: i64,
}

/// Disk that the stream may take by default: the log in Postgres has everything, so the stream may forget its beginning.
const DEFAULT_STREAM_BYTES: i64 = 8 * 1024 * 1024 * 1024;

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_env(mut env: Env) -> Result<Self, ConfigErrors> {
        let listen = env.required("DAYBOOK_COMMAND_LISTEN");
        let metrics_listen = env.optional("DAYBOOK_COMMAND_METRICS_LISTEN");
        let url = env.required("DAYBOOK_POSTGRES_URL");
        let connections = env.within("DAYBOOK_POSTGRES_CONNECTIONS", 16, 2..=256);
        let nats = env.required("DAYBOOK_NATS_URL");
        let nats = nats.map(|url| Nats {
            url,
            stream: env.or("DAYBOOK_NATS_STREAM", "DAYBOOK".to_owned()),
            subjects: env.or("DAYBOOK_NATS_SUBJECTS", daybook::subject::DEFAULT_PREFIX.to_owned()),
            replicas: env.within("DAYBOOK_NATS_REPLICAS", 1, 1..=5),
            max_bytes: env.within("DAYBOOK_NATS_MAX_BYTES", DEFAULT_STREAM_BYTES, 1024 * 1024..=i64::MAX),
        });
        let door = DoorConfig::read(&mut env);
        let config = match (listen, url, nats) {
            (Some(listen), Some(url), Some(nats)) => {
                Some(Self { listen, door, metrics_listen, postgres: Postgres { url, connections }, nats })
            }
            _ => None,
        };
        env.finish(config)
    }
}
