//! Postgres: the only place that knows it.

pub mod append;
pub mod catalogue;
pub mod events;
pub mod migrate;
mod reference;
pub mod stock;
pub mod tables;

use std::{str::FromStr as _, time::Duration};

use daybook_chassis::metrics::{Counter, Metrics, pools};
use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, QueueMode, RecyclingMethod, Runtime, TimeoutType,
};
use thiserror::Error;
use tokio_postgres::{NoTls, config::TargetSessionAttrs, error::SqlState};

use crate::config::Postgres;

/// How long making a connection, or waiting for a free one, may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the server may work on one statement, and how long we wait for its answer before the connection is given up.
/// An append takes milliseconds; the second is longer, so that the server's own refusal arrives first.
const STATEMENT_TIMEOUT_MILLIS: u32 = 5_000;
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(6);

/// A link that went away without a word is noticed, at both ends, after this much silence, or so long after unacknowledged
/// data.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(3);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 2;
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(7);

/// A session that says nothing in the middle of a transaction is ended by the server after so long: if its link is lost, it
/// would otherwise hold the lock of the log, and nobody could append. Between two statements lie microseconds.
const IDLE_IN_TRANSACTION_MILLIS: u32 = 2_000;

/// Connections beside those of readers: one appends, one is asked whether Postgres is there, one adds up stock.
const APPEND_CONNECTIONS: usize = 3;

/// Settings of every session. Statements are planned once and kept while the log grows from nothing to millions of events:
/// a plan that reads a whole table, right for an empty one, must never be kept, nor one that gathers all rows of a range to sort
/// them (a bitmap: right for the few rows that a table is taken to have before it was analyzed). Every access has its index, in
/// its order. And none is planned again for each batch.
const SESSION: &str = "-c timezone=UTC -c jit=off -c enable_seqscan=off -c enable_bitmapscan=off -c enable_hashjoin=off \
    -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan";

/// Why Postgres did not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It cannot be reached, or the connection broke: nothing is known of what was under way.
    #[error("Postgres is away")]
    Away(#[source] daybook_chassis::BoxError),
    /// Somebody else took a request id or a place in a stream at the same moment.
    #[error("another append came first")]
    Conflict,
    /// It refused the statement; nothing was written.
    #[error("Postgres refused")]
    Refused(#[source] tokio_postgres::Error),
    /// The event that was read at this position is not there: this is not the log that it was read from.
    #[error("the log does not hold the event that was read at position {position}; it ends at {head}")]
    Replaced { position: i64, head: i64 },
    /// A row is not what this program writes.
    #[error("the log holds something unreadable at position {position}")]
    Unreadable { position: i64, source: daybook::event::EventError },
    /// A list of changes of stock is not what this program writes.
    #[error("a list of changes of stock is damaged: its columns differ in length, at position {position}")]
    DamagedStock { position: i64 },
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(code) if *code == SqlState::UNIQUE_VIOLATION || *code == SqlState::T_R_SERIALIZATION_FAILURE => {
                Self::Conflict
            }
            Some(code) if *code == SqlState::T_R_DEADLOCK_DETECTED => Self::Conflict,
            // A demoted primary, a session that was silent for too long, a server that stops or starts, a cancelled
            // statement, a full disk: all may pass.
            Some(code)
                if *code == SqlState::READ_ONLY_SQL_TRANSACTION
                    || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
                    || ["08", "53", "57", "58"].contains(&&code.code()[..2]) =>
            {
                Self::Away(error.into())
            }
            Some(_) => Self::Refused(error),
            None => Self::Away(error.into()),
        }
    }
}

/// Connections to the write store.
#[derive(Clone, Debug)]
pub struct Store {
    pool: Pool,
    exhausted: Counter,
}

/// A connection on which one piece of work is done. It is reused only if that was seen to end: a call that is dropped in
/// the middle closes it.
#[derive(Debug)]
pub struct Connection {
    object: Option<Object>,
    settled: bool,
    pool: Pool,
}

impl Store {
    /// Connections for readers; none is made yet.
    ///
    /// # Errors
    /// If the URL cannot be read.
    pub fn new(config: &Postgres) -> Result<Self, daybook_chassis::BoxError> {
        Self::of(config, config.connections)
    }

    /// Connections of their own for appending and for the watchdog, so that readers, however many, keep neither waiting.
    ///
    /// # Errors
    /// If the URL cannot be read.
    pub fn for_appends(config: &Postgres) -> Result<Self, daybook_chassis::BoxError> {
        Self::of(config, APPEND_CONNECTIONS)
    }

    fn of(config: &Postgres, connections: usize) -> Result<Self, daybook_chassis::BoxError> {
        let mut postgres = tokio_postgres::Config::from_str(config.url.expose())
            .map_err(|_| "DAYBOOK_POSTGRES_URL is not a Postgres URL")?;
        postgres
            .application_name("daybook-command")
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES)
            .tcp_user_timeout(TCP_USER_TIMEOUT)
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .options(format!(
                "-c statement_timeout={STATEMENT_TIMEOUT_MILLIS} \
                -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MILLIS} \
                -c tcp_keepalives_idle={} -c tcp_keepalives_interval={} -c tcp_keepalives_count={KEEPALIVE_RETRIES} \
                -c tcp_user_timeout={} {SESSION}",
                KEEPALIVE_IDLE.as_secs(),
                KEEPALIVE_INTERVAL.as_secs(),
                TCP_USER_TIMEOUT.as_millis(),
            ));
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(postgres, NoTls, manager))
            .max_size(connections)
            .wait_timeout(Some(CONNECT_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .recycle_timeout(Some(CONNECT_TIMEOUT))
            // The connection used last has its statements prepared and its plans warm.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build()?;
        Ok(Self { pool, exhausted: Counter::default() })
    }

    /// The same connections, told of among the metrics.
    #[must_use]
    pub fn counted(self, name: &'static str, metrics: &Metrics) -> Self {
        let pool = self.pool.clone();
        let in_use = move || {
            let status = pool.status();
            status.size.saturating_sub(status.available)
        };
        let capacity = self.pool.status().max_size;
        Self { exhausted: metrics.pool(pools::Pool::new(name, capacity, in_use)), ..self }
    }

    /// A connection.
    ///
    /// # Errors
    /// If none can be had in time.
    pub async fn connection(&self) -> Result<Connection, StoreError> {
        let object = self.pool.get().await.map_err(|error| {
            if matches!(error, PoolError::Timeout(TimeoutType::Wait)) {
                self.exhausted.inc();
            }
            StoreError::Away(error.into())
        })?;
        Ok(Connection { object: Some(object), settled: false, pool: self.pool.clone() })
    }
}

impl Connection {
    /// The connection itself.
    ///
    /// # Errors
    /// Never before the work is ended.
    pub(crate) fn client(&mut self) -> Result<&mut Object, StoreError> {
        self.object.as_mut().ok_or_else(|| StoreError::Away("the work on this connection has ended".into()))
    }

    /// Ends the work on the connection. It goes back to the pool unless Postgres was away: then it is closed, because what
    /// it is still doing is not known. The idle ones are closed with it: whatever ended one has most likely ended all, and
    /// each would have to be waited for in vain.
    pub(crate) fn finish<T>(mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.settled = !matches!(result, Err(StoreError::Away(_)));
        if !self.settled {
            self.pool.retain(|_, _| false);
        }
        result
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(object) = self.object.take().filter(|_| !self.settled) {
            drop(Object::take(object));
        }
    }
}

/// Waits for work on a connection, for at most [`ANSWER_TIMEOUT`].
pub(crate) async fn bounded<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match tokio::time::timeout(ANSWER_TIMEOUT, work).await {
        Ok(result) => result,
        Err(elapsed) => Err(StoreError::Away(elapsed.into())),
    }
}
