//! What the services tell of themselves.

mod alerts;
mod documents;
mod metrics;
mod table;
