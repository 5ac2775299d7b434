//! What the reports say of a small day of which every figure is known.

mod beginning;
mod expected;
mod health;
mod large_day;
mod moved;
mod pages;
mod positions;
mod recent;
pub(crate) mod scenario;
mod stock;
mod store_day;
mod supplier_day;
