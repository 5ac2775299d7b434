//! What the services tell of themselves.

mod alerts;
mod collector;
mod documents;
mod fleet;
mod logs;
mod metrics;
mod table;
mod traces;
