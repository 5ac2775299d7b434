//! What commands do: to the log, to the tables beside it, and to one another.

mod accepting;
mod append_only;
mod business_day;
mod ledger;
mod moving;
mod ordering;
mod repeating;
mod returning;
mod stock_lists;
mod two_services;
mod unknown_items;
mod uploading;
mod voiding;
