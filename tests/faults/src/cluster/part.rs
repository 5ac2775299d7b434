//! The processes of a trial.

/// A process of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Command,
    /// A second command service on the same log.
    SecondCommand,
    Projector,
    /// A second projector beside the first.
    SecondProjector,
    Query,
    Postgres,
    Nats,
    Mongod,
}

impl Part {
    /// What always runs.
    pub(super) const FIRST: [Self; 6] =
        [Self::Postgres, Self::Nats, Self::Mongod, Self::Command, Self::Projector, Self::Query];

    /// True for Daybook's own processes.
    #[must_use]
    pub fn is_service(self) -> bool {
        !matches!(self, Self::Postgres | Self::Nats | Self::Mongod)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Command | Self::SecondCommand => "daybook-command",
            Self::Projector | Self::SecondProjector => "daybook-projector",
            Self::Query => "daybook-query",
            Self::Postgres => "postgres",
            Self::Nats => "nats",
            Self::Mongod => "mongod",
        }
    }
}
