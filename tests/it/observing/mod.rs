//! What the services tell of themselves.

mod alerts;
mod collector;
mod documents;
mod fleet;
mod glance;
mod logs;
mod metrics;
mod table;
mod traces;
