//! The log: read in pages, followed while it grows, published as it stands.

mod following;
mod publishing;
mod reading;
