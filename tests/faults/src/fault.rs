//! Faults that are drawn from a seed, put in, and taken away again.

use std::time::Duration;

use fastrand::Rng;
use futures_util::TryStreamExt as _;
use rustix::process::Signal;

use crate::{
    Outcome,
    check::documents::DATABASE,
    cluster::{Cluster, Link, Part},
    process,
    proxy::{
        Cut, Mode,
        trap::{Awaits, Then, Trap},
    },
};

/// How long a fault lasts, in milliseconds.
const LASTS_MILLIS: std::ops::Range<u64> = 50..1_500;

/// How long a service that is told to end may take.
const END_PATIENCE: Duration = Duration::from_secs(16);

/// The stream: the services' default.
const STREAM: &str = "DAYBOOK";

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL, and a new start.
    Kill(Part),
    /// SIGSTOP, and SIGCONT.
    Pause(Part),
    /// SIGTERM, and a new start.
    End(Part),
    /// SIGKILL for one session of PostgreSQL, which ends all others.
    KillSession,
    /// PostgreSQL takes no writes.
    ReadOnly,
    /// Nothing passes, both ways.
    Hold(Link),
    /// Nothing comes back.
    HoldAnswers(Link),
    /// Each piece comes late.
    Delay(Link),
    /// All connections are cut.
    Cut(Link, Cut),
    /// All connections fall silent for ever; new ones work.
    Forget(Link),
    /// New connections are reset, and those there are as well.
    Refuse(Link),
    /// The answer to a commit is swallowed.
    Swallow(Then),
    /// The stream is deleted.
    DeleteStream,
    /// All consumers are deleted.
    DeleteConsumers,
    /// The documents are dropped.
    DropDatabase,
}

/// What a fault concerns: two faults at once concern different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Part(Part),
    Link(Link),
}

impl Fault {
    /// Draws one.
    pub fn draw(rng: &mut Rng) -> Self {
        let part = |rng: &mut Rng| match rng.u32(..6) {
            0 => Part::Command,
            1 => Part::Projector,
            2 => Part::Query,
            3 => Part::Postgres,
            4 => Part::Nats,
            _ => Part::Mongod,
        };
        let link = |rng: &mut Rng| match rng.u32(..7) {
            0 => Link::Front,
            1 => Link::Postgres,
            2 => Link::Relay,
            3 => Link::Delivery,
            4 => Link::Log,
            5 => Link::Mongod,
            _ => Link::Back,
        };
        match rng.u32(..100) {
            0..20 => Self::Kill(part(rng)),
            20..33 => Self::Pause(part(rng)),
            33..38 => Self::End(rng.choice([Part::Command, Part::Projector, Part::Query]).unwrap_or(Part::Command)),
            38..42 => Self::KillSession,
            42..45 => Self::ReadOnly,
            45..53 => Self::Hold(link(rng)),
            53..59 => Self::HoldAnswers(link(rng)),
            59..65 => Self::Delay(link(rng)),
            65..71 => Self::Cut(link(rng), Cut::Reset),
            71..75 => Self::Cut(link(rng), Cut::Close),
            75..79 => Self::Forget(link(rng)),
            79..84 => Self::Refuse(link(rng)),
            84..91 => Self::Swallow(Then::Cut(Cut::Reset)),
            91..93 => Self::Swallow(Then::Forget),
            93..95 => Self::DeleteStream,
            95..98 => Self::DeleteConsumers,
            _ => Self::DropDatabase,
        }
    }

    /// Draws how long it lasts.
    pub fn draw_length(rng: &mut Rng) -> Duration {
        Duration::from_millis(rng.u64(LASTS_MILLIS))
    }

    /// Draws two that concern different things.
    pub fn draw_pair(rng: &mut Rng) -> [Self; 2] {
        let first = Self::draw(rng);
        loop {
            let second = Self::draw(rng);
            if second.target() != first.target() {
                return [first, second];
            }
        }
    }

    /// True if a connection is lost without a word: that has to be noticed before anything can recover.
    #[must_use]
    pub fn is_silent(self) -> bool {
        matches!(self, Self::Forget(_) | Self::Swallow(Then::Forget))
    }

    /// What it concerns.
    #[must_use]
    pub fn target(self) -> Target {
        match self {
            Self::Kill(part) | Self::Pause(part) | Self::End(part) => Target::Part(part),
            Self::KillSession | Self::ReadOnly => Target::Part(Part::Postgres),
            Self::DeleteStream | Self::DeleteConsumers => Target::Part(Part::Nats),
            Self::DropDatabase => Target::Part(Part::Mongod),
            Self::Hold(link)
            | Self::HoldAnswers(link)
            | Self::Delay(link)
            | Self::Cut(link, _)
            | Self::Forget(link)
            | Self::Refuse(link) => Target::Link(link),
            Self::Swallow(_) => Target::Link(Link::Postgres),
        }
    }

    /// Puts it in.
    ///
    /// # Errors
    /// If that cannot be done.
    pub async fn begin(self, cluster: &mut Cluster) -> Outcome {
        match self {
            Self::Kill(part) => cluster.kill(part)?,
            Self::Pause(part) => cluster.process(part)?.pause()?,
            Self::End(part) => {
                if !cluster.end(part, END_PATIENCE).await? {
                    return Err(format!("{part:?} did not end well").into());
                }
            }
            Self::KillSession => kill_session(cluster).await?,
            Self::ReadOnly => read_only(cluster, true).await?,
            Self::Hold(link) => cluster.links.of(link).set(Mode::HELD),
            Self::HoldAnswers(link) => cluster.links.of(link).set(Mode { hold_down: true, ..Mode::OPEN }),
            Self::Delay(link) => {
                cluster.links.of(link).set(Mode { delay: Duration::from_millis(150), ..Mode::OPEN });
            }
            Self::Cut(link, how) => cluster.links.of(link).cut(how),
            Self::Forget(link) => cluster.links.of(link).forget(),
            Self::Refuse(link) => {
                cluster.links.of(link).set(Mode { refuse: true, ..Mode::OPEN });
                cluster.links.of(link).cut(Cut::Reset);
            }
            // Nobody listens: if nothing is committed meanwhile, nothing is swallowed.
            Self::Swallow(then) => cluster.links.postgres.arm(Trap::new(Awaits::Committed, then).0),
            // What is away at this moment cannot lose anything.
            Self::DeleteStream => {
                if let Ok(broker) = cluster.broker().await {
                    let _ = broker.delete_stream(STREAM).await;
                }
            }
            Self::DeleteConsumers => drop(delete_consumers(cluster).await),
            Self::DropDatabase => drop(cluster.documents().await?.database(DATABASE).drop().await),
        }
        Ok(())
    }

    /// Takes it away. What was killed is started again, but need not answer yet.
    ///
    /// # Errors
    /// If that cannot be done.
    pub async fn end(self, cluster: &mut Cluster) -> Outcome {
        match self {
            Self::Kill(part) | Self::End(part) => cluster.start_again(part).await,
            Self::Pause(part) => cluster.process(part)?.resume(),
            Self::ReadOnly => {
                // It may just have been killed, by the other fault of the pair.
                cluster.answering(Part::Postgres).await?;
                read_only(cluster, false).await
            }
            Self::Hold(link) | Self::HoldAnswers(link) | Self::Delay(link) | Self::Refuse(link) => {
                cluster.links.of(link).set(Mode::OPEN);
                Ok(())
            }
            Self::Swallow(_) => {
                cluster.links.postgres.disarm();
                Ok(())
            }
            Self::KillSession
            | Self::Cut(..)
            | Self::Forget(_)
            | Self::DeleteStream
            | Self::DeleteConsumers
            | Self::DropDatabase => Ok(()),
        }
    }
}

/// Kills a session of the command service, one that works if there is one.
///
/// # Errors
/// If PostgreSQL does not answer.
pub async fn kill_session(cluster: &Cluster) -> Outcome {
    let sql = cluster.sql().await?;
    let text = "SELECT pid FROM pg_stat_activity WHERE application_name = 'daybook-command'
        ORDER BY state = 'active' DESC LIMIT 1";
    let Some(row) = sql.query_opt(text, &[]).await? else { return Ok(()) };
    let pid: i32 = row.try_get(0)?;
    // It may have ended meanwhile.
    let _ = process::send(u32::try_from(pid)?, Signal::KILL);
    Ok(())
}

/// Lets PostgreSQL take no writes, or take them again.
///
/// # Errors
/// If it does not answer.
pub async fn read_only(cluster: &Cluster, on: bool) -> Outcome {
    let sql = cluster.sql().await?;
    let setting = if on { "on" } else { "off" };
    sql.batch_execute("SET default_transaction_read_only = off").await?;
    sql.batch_execute(&format!("ALTER SYSTEM SET default_transaction_read_only = {setting}")).await?;
    Ok(sql.batch_execute("SELECT pg_reload_conf()").await?)
}

/// Deletes all consumers of the stream.
///
/// # Errors
/// If NATS does not answer.
pub async fn delete_consumers(cluster: &Cluster) -> Outcome {
    let broker = cluster.broker().await?;
    let stream = broker.get_stream(STREAM).await?;
    let names: Vec<String> = stream.consumer_names().try_collect().await?;
    for name in names {
        // It may have gone by itself.
        let _ = stream.delete_consumer(&name).await;
    }
    Ok(())
}
