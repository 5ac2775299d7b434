//! What a user would have otherwise, and the bare limits of the parts. All of it uses the same Postgres server as Daybook,
//! each peer in a database of its own, and is durable when it answers.
//!
//! - [`crud`]: tables that are changed in place, as usually written: one transaction a sale, one statement a line;
//! - [`crud_set`]: the same tables at their best: one statement a sale;
//! - [`crud_report`]: their reports by GROUP BY;
//! - [`cqrs_es`]: the crates cqrs-es and postgres-es, one event a command;
//! - [`limits`]: the bare log, the bare copy out of it, and the bare call;
//! - [`schema`], [`sold`], [`database`]: what the first three have in common.

pub(crate) mod cqrs_es;
pub(crate) mod crud;
pub(crate) mod crud_report;
pub(crate) mod crud_set;
mod database;
pub(crate) mod limits;
mod schema;
mod sold;
#[cfg(test)]
mod tests;
