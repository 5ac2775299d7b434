//! The load: a chain of stores and the sales it makes, drawn from a seed.
//!
//! - [`world`]: stores, suppliers and items;
//! - [`sale`]: one sale, and the same as a command;
//! - [`sales`]: an endless source of them;
//! - [`skew`]: how the few popular things are drawn more often than the many others.
//!
//! The same seed gives the same chain everywhere, and the same run number gives the same sales.

mod sale;
mod sales;
mod skew;
#[cfg(test)]
mod tests;
mod world;

pub(crate) use sale::{Line, Sale};
pub(crate) use sales::Sales;
pub(crate) use world::{CURRENCY, TIME_ZONE, World};
