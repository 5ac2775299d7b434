//! End-to-end tests of Daybook over gRPC, against real PostgreSQL, NATS and MongoDB servers.
//!
//! Each test has a database, a stream and a report database of its own, so all of them run at the same time. What they
//! are told of the servers stands in [`world::environment`]; `deploy/local.sh test` starts servers and tells them.
//!
//! - [`world`]: the services and stores that a test runs in, made for it and taken down after it;
//! - [`given`]: a small catalogue, builders of commands, answers in a form that can be compared;
//! - [`write_side`]: what commands do;
//! - [`doors`]: who gets in, and how far;
//! - [`nonsense`]: what every call answers to a message that makes no sense;
//! - [`log`]: reading, following and publishing the log;
//! - [`day`]: the committed trading day, imported and exported;
//! - [`disasters`]: servers lose what they had, and backups bring it back;
//! - [`kills`]: every process is killed in the middle of an import;
//! - [`tables`]: exported files, compared;
//! - [`rejecting`]: the program with rows that are not right;
//! - [`resuming`]: an import that is cut off goes on;
//! - [`shutdown`]: every service is told to stop in the middle of its work;
//! - [`verifying`]: documents and tables are compared with the log, also while sales come in;
//! - [`observing`]: what the services tell of themselves: metrics, alerts, traces and logs;
//! - [`parking`]: events that cannot be folded;
//! - [`added_later`]: a report that is new is folded from the log so far;
//! - [`generations`]: reports are rebuilt and gone back from;
//! - [`reports`]: what the reports say of a small day of which every figure is known.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends at the first thing that is not as it should be"
)]
#![allow(clippy::large_futures, reason = "a test is one future, polled on one thread and never moved")]

mod added_later;
mod day;
mod disasters;
mod doors;
mod generations;
mod given;
mod kills;
mod log;
mod nonsense;
mod observing;
mod parking;
mod rejecting;
mod reports;
mod resuming;
mod shutdown;
mod tables;
mod verifying;
mod world;
mod write_side;
