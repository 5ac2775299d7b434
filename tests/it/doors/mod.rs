//! Who gets in, and how far: known callers, their scopes and objects, their limits, the transport.

mod callers;
mod hostile;
mod limits;
mod objects;
mod transport;
