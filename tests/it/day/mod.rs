//! The sample trading day: in through the `daybook` program, out again, and compared in every cell.

pub(crate) mod expectation;
mod importing;
mod rejecting;
pub(crate) mod sample;
pub(crate) mod sheets;
