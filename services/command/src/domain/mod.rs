//! What commands mean. Everything here is pure: no clock, no I/O; the same command against the same state always gives the
//! same events or the same refusal.

pub mod adjustment;
pub mod catalogue;
pub mod check;
pub mod command;
pub mod decision;
pub mod delivery;
pub mod discard;
pub mod item;
pub mod moves;
pub mod receipt;
pub mod sale;
pub mod sale_return;
pub mod sale_state;
pub mod store;
pub mod supplier;
pub mod void;
