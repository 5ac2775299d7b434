//! The links between the parts, each through a proxy of its own.

use super::{Part, mongod, ports, postgres};
use crate::{Outcome, proxy::Proxy};

/// Where the parts themselves listen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    pub(super) command: u16,
    pub(super) second_command: u16,
    pub(super) projector: u16,
    pub(super) second_projector: u16,
    pub(super) query: u16,
    pub(super) postgres: u16,
    pub(super) nats: u16,
    pub(super) mongod: u16,
}

impl Ports {
    pub(super) fn free() -> Outcome<Self> {
        Ok(Self {
            command: ports::free()?,
            second_command: ports::free()?,
            projector: ports::free()?,
            second_projector: ports::free()?,
            query: ports::free()?,
            postgres: ports::free()?,
            nats: ports::free()?,
            mongod: ports::free()?,
        })
    }

    pub(super) fn of(&self, part: Part) -> u16 {
        match part {
            Part::Command => self.command,
            Part::SecondCommand => self.second_command,
            Part::Projector => self.projector,
            Part::SecondProjector => self.second_projector,
            Part::Query => self.query,
            Part::Postgres => self.postgres,
            Part::Nats => self.nats,
            Part::Mongod => self.mongod,
        }
    }
}

/// The name of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Front,
    Postgres,
    Relay,
    Delivery,
    Log,
    Mongod,
    Back,
}

/// The proxies.
#[derive(Debug)]
pub struct Links {
    /// From registers to the command service.
    pub front: Proxy,
    /// From the command service to PostgreSQL.
    pub postgres: Proxy,
    /// From the second command service to PostgreSQL.
    pub second_postgres: Proxy,
    /// From the command services to NATS.
    pub relay: Proxy,
    /// From the projectors to NATS.
    pub delivery: Proxy,
    /// From the projectors to the log of the command service.
    pub log: Proxy,
    /// From projectors and query service to MongoDB: one, because drivers go to the address by which the set is known.
    pub mongod: Proxy,
    /// From readers to the query service.
    pub back: Proxy,
}

impl Links {
    pub(super) async fn open(ports: &Ports) -> Outcome<Self> {
        Ok(Self {
            front: Proxy::before(ports.command).await?,
            postgres: Proxy::before_postgres(ports.postgres).await?,
            second_postgres: Proxy::before_postgres(ports.postgres).await?,
            relay: Proxy::before(ports.nats).await?,
            delivery: Proxy::before(ports.nats).await?,
            log: Proxy::before(ports.command).await?,
            mongod: Proxy::before(ports.mongod).await?,
            back: Proxy::before(ports.query).await?,
        })
    }

    /// How a service is told where everything is.
    pub(super) fn environment(&self, part: Part, ports: &Ports) -> Vec<(&'static str, String)> {
        let local = |port: u16| format!("127.0.0.1:{port}");
        let (postgres, nats) = match part {
            Part::SecondCommand => (&self.second_postgres, &self.relay),
            Part::Projector | Part::SecondProjector => (&self.postgres, &self.delivery),
            _ => (&self.postgres, &self.relay),
        };
        vec![
            ("DAYBOOK_COMMAND_LISTEN", local(ports.of(part))),
            ("DAYBOOK_PROJECTOR_LISTEN", local(ports.of(part))),
            ("DAYBOOK_QUERY_LISTEN", local(ports.of(part))),
            ("DAYBOOK_POSTGRES_URL", postgres::url(postgres::APP, postgres.port())),
            ("DAYBOOK_NATS_URL", format!("nats://{}", local(nats.port()))),
            ("DAYBOOK_COMMAND_ENDPOINT", format!("http://{}", local(self.log.port()))),
            ("DAYBOOK_MONGODB_URL", mongod::url(self.mongod.port())),
        ]
    }

    /// The proxy of a link.
    #[must_use]
    pub fn of(&self, link: Link) -> &Proxy {
        match link {
            Link::Front => &self.front,
            Link::Postgres => &self.postgres,
            Link::Relay => &self.relay,
            Link::Delivery => &self.delivery,
            Link::Log => &self.log,
            Link::Mongod => &self.mongod,
            Link::Back => &self.back,
        }
    }

    /// Lets everything pass again everywhere.
    pub fn heal(&self) {
        for proxy in self.all() {
            proxy.disarm();
            proxy.set(crate::proxy::Mode::OPEN);
        }
    }

    fn all(&self) -> [&Proxy; 8] {
        [
            &self.front,
            &self.postgres,
            &self.second_postgres,
            &self.relay,
            &self.delivery,
            &self.log,
            &self.mongod,
            &self.back,
        ]
    }
}
