//! What makes no sense is refused with the right code and the fields at fault, and changes nothing.
//!
//! The tables hold, for every call of the contract, a message that is in order and what is wrong with variations of it.

mod bytes;
mod case;
mod catalogue;
mod events;
mod goods;
mod queries;
pub(crate) mod raw;
mod sales;
mod tables;
