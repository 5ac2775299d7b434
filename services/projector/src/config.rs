//! Configuration of the projector.
//!
//! - `DAYBOOK_PROJECTOR_LISTEN`: address to serve health on, such as `127.0.0.1:7402`;
//! - how it is reached, and by whom: see [`daybook_chassis::door`];
//! - `DAYBOOK_TOKEN_FILE`, `DAYBOOK_CA_FILE`, `DAYBOOK_CLIENT_CERT_FILE`, `DAYBOOK_CLIENT_KEY_FILE`: what it shows to the
//!   command service, and whom it believes;
//! - `DAYBOOK_PROJECTOR_METRICS_LISTEN`: address where Prometheus reads its numbers; without it nobody can;
//! - `DAYBOOK_COMMAND_ENDPOINT`: the command service, whose log is read, such as `http://127.0.0.1:7401`;
//! - `DAYBOOK_NATS_URL`, `DAYBOOK_NATS_STREAM` (default `DAYBOOK`): where the log is published;
//! - `DAYBOOK_MONGODB_URL`, `DAYBOOK_MONGODB_DATABASE` (default `daybook`): where the documents are kept;
//! - `DAYBOOK_PROJECTOR_SHARD` (default `0/1`): which share of the documents this process writes, as `i/n`; the n processes
//!   `0/n` to `n-1/n` together write all. n can change at any time: see [`Shard`];
//! - `DAYBOOK_PROJECTOR_BATCH_EVENTS` (default 5,000), `DAYBOOK_PROJECTOR_BATCH_BYTES` (default 8 MiB): most that is
//!   folded before it is written;
//! - `DAYBOOK_PROJECTOR_UNWRITTEN_EVENTS` (default 100,000): far behind the end of the log, so many events are folded before
//!   documents are written; 0 writes each batch;
//! - `DAYBOOK_PROJECTOR_CACHE_BYTES` (default 112 MiB): memory for documents that are kept between batches, twice as much
//!   far behind the end of the log;
//! - `DAYBOOK_PROJECTOR_AUDIT_SECONDS` (default 5): one document in so many seconds is compared with the log; 0 for none.

use std::{fmt, net::SocketAddr, str::FromStr, time::Duration};

use daybook::client::Credentials;
use daybook_chassis::{
    config::{ConfigErrors, Env, Secret},
    door::DoorConfig,
};
use daybook_read_model::slot;

/// Configuration of the process.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub door: DoorConfig,
    pub metrics_listen: Option<SocketAddr>,
    pub source: Source,
    pub mongodb: Mongodb,
    pub shard: Shard,
    pub bounds: Bounds,
}

/// A share of the documents: those whose slot leaves the rest `index` when divided by `count`.
///
/// Every document is written by compare-and-set on its own position, so shares may overlap while their number changes: new
/// processes are started for the new number, and the old ones are stopped when those serve. New shares begin where all
/// documents stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: u32,
}

/// Why a text is no share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoShard;

impl Shard {
    /// All documents.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// True if documents of this slot are in the share.
    #[must_use]
    pub fn owns(self, slot: i32) -> bool {
        slot::owns(self.index, self.count, slot)
    }

    /// How many shares there are.
    #[must_use]
    pub(crate) fn count(self) -> u32 {
        self.count
    }

    /// Number of this share, from 0, and of all.
    #[must_use]
    pub(crate) fn numbers(self) -> (i32, i32) {
        (i32::try_from(self.index).unwrap_or(0), i32::try_from(self.count).unwrap_or(1))
    }
}

impl FromStr for Shard {
    type Err = NoShard;

    fn from_str(text: &str) -> Result<Self, NoShard> {
        let (index, count) = text.split_once('/').ok_or(NoShard)?;
        let (index, count) = (index.parse().map_err(|_| NoShard)?, count.parse().map_err(|_| NoShard)?);
        if index < count && count <= MAX_SHARDS { Ok(Self { index, count }) } else { Err(NoShard) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl fmt::Display for NoShard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be i/n, such as 0/2 and 1/2, with i below n and n not above {MAX_SHARDS}")
    }
}

/// Where events come from.
#[derive(Clone, Debug)]
pub struct Source {
    pub command_endpoint: String,
    /// What is shown to the command service.
    pub credentials: Credentials,
    pub nats_url: Secret<String>,
    pub nats_stream: String,
}

/// Where documents go.
#[derive(Clone, Debug)]
pub struct Mongodb {
    pub url: Secret<String>,
    pub database: String,
}

/// How much is held in memory, and how often a document is audited.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub batch_events: usize,
    pub batch_bytes: usize,
    pub cache_bytes: usize,
    /// Far behind the end of the log, so many events are folded before documents are written.
    pub unwritten_events: usize,
    /// At most one document each interval; none if it is zero.
    pub audit_interval: Duration,
    /// After a document was audited, nothing is audited for so many times as long as that took.
    pub audit_rest_factor: u32,
}

/// Most shares: a hundred processes still have ten slots each.
const MAX_SHARDS: u32 = 100;

/// Events of a batch: the more, the fewer times a busy document is written; few enough that a batch takes about a second
/// on two cores. It grows with the load: what waits is taken, a lone event is not kept waiting.
const DEFAULT_BATCH_EVENTS: usize = 5_000;

/// Bytes of a batch, encoded: several times that in memory while it is folded.
const DEFAULT_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Events that are folded in memory before documents are written, while more than as many come after them: most documents
/// change in every batch. It is so many that a burst of sales does not make reports wait for it. If the process ends in between, they are folded again: a few seconds of work.
const DEFAULT_UNWRITTEN_EVENTS: usize = 100_000;

/// Bytes of documents between batches: the heads of today's reports of some hundred stores.
const DEFAULT_CACHE_BYTES: usize = 112 * 1024 * 1024;

/// Between two audits: 17,000 documents a day, at a cost that cannot be noticed.
const DEFAULT_AUDIT_INTERVAL: Duration = Duration::from_secs(5);

/// The audit takes a fiftieth of one core at most.
const AUDIT_REST_FACTOR: u32 = 50;

const MIB: usize = 1024 * 1024;

impl Default for Bounds {
    fn default() -> Self {
        Self {
            batch_events: DEFAULT_BATCH_EVENTS,
            batch_bytes: DEFAULT_BATCH_BYTES,
            cache_bytes: DEFAULT_CACHE_BYTES,
            unwritten_events: DEFAULT_UNWRITTEN_EVENTS,
            audit_interval: DEFAULT_AUDIT_INTERVAL,
            audit_rest_factor: AUDIT_REST_FACTOR,
        }
    }
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_env(mut env: Env) -> Result<Self, ConfigErrors> {
        let listen = env.required("DAYBOOK_PROJECTOR_LISTEN");
        let metrics_listen = env.optional("DAYBOOK_PROJECTOR_METRICS_LISTEN");
        let command_endpoint = env.required("DAYBOOK_COMMAND_ENDPOINT");
        let nats_url = env.required("DAYBOOK_NATS_URL");
        let nats_stream = env.or("DAYBOOK_NATS_STREAM", "DAYBOOK".to_owned());
        let url = env.required("DAYBOOK_MONGODB_URL");
        let database = env.or("DAYBOOK_MONGODB_DATABASE", "daybook".to_owned());
        let shard = env.or("DAYBOOK_PROJECTOR_SHARD", Shard::WHOLE);
        let bounds = Bounds {
            batch_events: env.within("DAYBOOK_PROJECTOR_BATCH_EVENTS", DEFAULT_BATCH_EVENTS, 1..=100_000),
            batch_bytes: env.within("DAYBOOK_PROJECTOR_BATCH_BYTES", DEFAULT_BATCH_BYTES, MIB..=256 * MIB),
            cache_bytes: env.within("DAYBOOK_PROJECTOR_CACHE_BYTES", DEFAULT_CACHE_BYTES, 0..=64 * 1024 * MIB),
            unwritten_events: env.within("DAYBOOK_PROJECTOR_UNWRITTEN_EVENTS", DEFAULT_UNWRITTEN_EVENTS, 0..=1_000_000),
            audit_interval: Duration::from_secs(env.within(
                "DAYBOOK_PROJECTOR_AUDIT_SECONDS",
                DEFAULT_AUDIT_INTERVAL.as_secs(),
                0..=86_400,
            )),
            audit_rest_factor: AUDIT_REST_FACTOR,
        };
        let door = DoorConfig::read(&mut env);
        let credentials = Credentials::from_settings(|name| env.optional(name));
        let config = match (listen, command_endpoint, nats_url, url) {
            (Some(listen), Some(command_endpoint), Some(nats_url), Some(url)) => Some(Self {
                listen,
                door,
                metrics_listen,
                source: Source { command_endpoint, credentials, nats_url, nats_stream },
                mongodb: Mongodb { url, database },
                shard,
                bounds,
            }),
            _ => None,
        };
        env.finish(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: [(&str, &str); 4] = [
        ("DAYBOOK_PROJECTOR_LISTEN", "127.0.0.1:0"),
        ("DAYBOOK_COMMAND_ENDPOINT", "http://127.0.0.1:7401"),
        ("DAYBOOK_NATS_URL", "nats://127.0.0.1:4222"),
        ("DAYBOOK_MONGODB_URL", "mongodb://daybook:secret@127.0.0.1:27017"),
    ];

    #[test]
    fn what_is_not_set_has_a_default() {
        let config = Config::from_env(Env::of(COMPLETE)).unwrap();
        assert_eq!((config.source.nats_stream.as_str(), config.mongodb.database.as_str()), ("DAYBOOK", "daybook"));
        assert_eq!(config.bounds.batch_events, DEFAULT_BATCH_EVENTS);
        assert!(!format!("{config:?}").contains("secret"));
    }

    #[test]
    fn shares_are_numbered_from_0() {
        assert_eq!("1/2".parse::<Shard>().unwrap().to_string(), "1/2");
        for wrong in ["", "1", "2/2", "0/0", "-1/2", "0/101", "a/b"] {
            assert_eq!(wrong.parse::<Shard>(), Err(NoShard), "{wrong}");
        }
    }

    #[test]
    fn all_mistakes_are_reported_together() {
        let wrong = [("DAYBOOK_PROJECTOR_LISTEN", "here"), ("DAYBOOK_PROJECTOR_BATCH_EVENTS", "0")];
        let message = Config::from_env(Env::of(wrong)).unwrap_err().to_string();
        for name in ["LISTEN", "COMMAND_ENDPOINT", "NATS_URL", "MONGODB_URL", "BATCH_EVENTS"] {
            assert!(message.contains(name), "{message}");
        }
    }
}
