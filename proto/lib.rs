//! The contract of Daybook.
//!
//! - [`access`]: who may call what;
//! - [`command::v1`]: what clients ask for, and how each command is answered;
//! - [`event`]: what happened, as it stands in the log, with the one place where stored events are decoded;
//! - [`query::v1`]: the reports;
//! - [`projector::v1`]: how the reports are rebuilt;
//! - [`money`], [`quantity`], [`business_day`], [`ids`], [`stream`], [`subject`]: the values of all three, checked once
//!   at the edge;
//! - [`client`]: calls with deadlines, request ids and retries that cannot double a command;
//! - [`reason`]: the stable reasons that errors carry.
//!
//! Units: money is `i64` minor units beside an ISO 4217 code, a quantity is `i64` thousandths beside a UN/ECE unit code,
//! dates are ISO 8601 text. No floating point touches either.

pub mod access;
pub mod business_day;
pub mod client;
mod credentials;
pub mod event;
pub mod ids;
pub mod money;
pub mod quantity;
pub mod reason;
pub mod stream;
pub mod subject;

/// Messages and services of `daybook.command.v1`.
pub mod command {
    #[allow(
        missing_debug_implementations,
        unreachable_pub,
        clippy::all,
        reason = "generated from proto/daybook/command/v1"
    )]
    pub mod v1 {
        tonic::include_proto!("daybook.command.v1");
    }
}

/// Messages and services of `daybook.projector.v1`: for operators.
pub mod projector {
    #[allow(
        missing_debug_implementations,
        unreachable_pub,
        clippy::all,
        reason = "generated from proto/daybook/projector/v1"
    )]
    pub mod v1 {
        tonic::include_proto!("daybook.projector.v1");
    }
}

/// Messages and services of `daybook.query.v1`.
pub mod query {
    pub mod encoded;

    #[allow(
        missing_debug_implementations,
        unreachable_pub,
        clippy::all,
        reason = "generated from proto/daybook/query/v1"
    )]
    pub mod v1 {
        tonic::include_proto!("daybook.query.v1");
    }
}

/// The encoded `FileDescriptorSet` of all of proto/, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/daybook.binpb"));
