//! Tests of the folds: what each event does, and what must hold for any events in any order, batches and crashes.

mod category_days;
mod database;
mod given;
mod sales;
mod stock;
mod store_days;
mod supplier_days;
mod suppliers;
mod totals;
mod whole;
mod writing;
