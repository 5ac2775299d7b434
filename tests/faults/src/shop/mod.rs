//! What registers, loading docks and offices send.
//!
//! - [`catalogue`]: the stores, suppliers and items of a small chain;
//! - [`calendar`]: when it happened;
//! - [`message`]: a command of any kind, its sending, and its form in the journal;
//! - [`draw`]: commands drawn from a seed;
//! - [`goods`]: lines whose sums agree;
//! - [`nonsense`]: commands that must be refused.

pub mod calendar;
pub mod catalogue;
pub mod draw;
mod goods;
pub mod message;
mod nonsense;
