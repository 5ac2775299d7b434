//! The bare limits of the parts that Daybook is made of, taken in the same run.
//!
//! - [`append`]: events into a log with `log_head`, and nothing else;
//! - [`copy_out`]: a log out of Postgres, in order;
//! - [`call`]: a unary call whose handler does nothing.

pub(crate) mod append;
pub(crate) mod call;
pub(crate) mod copy_out;
