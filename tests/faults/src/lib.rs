//! Shows that Daybook keeps its invariants while its parts are killed, stopped and cut off from each other.
//!
//! - I1: a command answered OK is in the log exactly once, with the content that was sent;
//! - I2: one whose answer was lost is there once or not at all, and sending it again converges;
//! - I3: one answered with an error is not there;
//! - I4: positions and versions run on without a gap, and stock is the sum of what moved it;
//! - I5: folding the log afresh gives the documents and the relational tables;
//! - I6: after a fault everything recovers by itself within a stated time, and what is used stays bounded.
//!
//! The parts:
//!
//! - [`cluster`], [`process`], [`proxy`]: what runs and how it is broken;
//! - [`shop`], [`journal`], [`drive`]: what is sent, and what was answered;
//! - [`check`]: the invariants;
//! - [`trial`]: all of it together, for one test;
//! - [`fault`], [`soak`]: faults drawn from a seed, for as long as one likes.

pub mod check;
pub mod cluster;
pub mod drive;
pub mod fault;
pub mod journal;
pub mod process;
pub mod proxy;
pub mod seed;
pub mod shop;
pub mod soak;
pub mod trial;
pub mod until;

/// What may fail ends the trial: there is no remedy, only a message.
pub type Outcome<T = ()> = Result<T, daybook_chassis::BoxError>;
