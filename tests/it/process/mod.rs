//! Processes of their own, which can be killed.

pub(crate) mod child;
pub(crate) mod deployment;
pub(crate) mod port;
pub(crate) mod program;
pub(crate) mod server;
