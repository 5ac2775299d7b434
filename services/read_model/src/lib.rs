//! The documents of Daybook's reports, and the pure folds that make them from the event log.
//!
//! A fold is a function of a document and an event: no clock, no network. An event at or below a document's position
//! changes nothing, so that events may come again. The same folds serve live projection, rebuild, as-of reports and
//! verification.
//!
//! - [`store_day`] and [`store_day_change`], [`supplier_day`] and [`supplier_day_fold`], [`stock`], [`category_day`]: the
//!   reports;
//! - [`figures`], [`rare`], [`store_day_item`], [`supplier_entry`]: the sums that they hold;
//! - [`document`], [`spill`], [`entries`], [`by_id`], [`segment`], [`breakdown`]: how documents are kept, also very large ones;
//! - [`registry`]: all reports; one line there adds one; [`folded`]: a report folded in memory;
//! - [`event`]: an event on its way into documents; [`sale`], `sale_bytes`: a sale as all reports read it;
//! - [`suppliers`]: which suppliers an event concerns, without folding it;
//! - [`difference`]: what differs between two documents;
//! - [`answer`]: documents as the query service answers them;
//! - [`checkpoint`], [`collections`], [`slot`], [`text`]: what stands around them.

pub mod answer;
pub mod breakdown;
pub mod by_id;
pub mod category_day;
mod category_sales;
mod checked;
pub mod checkpoint;
pub mod collections;
pub mod difference;
pub mod document;
pub mod entries;
pub mod error;
pub mod event;
pub mod event_id;
pub mod figures;
pub mod folded;
pub mod rare;
pub mod registry;
pub mod sale;
mod sale_bytes;
pub mod segment;
pub mod slot;
pub mod spill;
pub mod stock;
pub mod store_day;
pub mod store_day_change;
mod store_day_fold;
pub mod store_day_item;
pub mod sum;
pub mod supplier_day;
pub mod supplier_day_fold;
pub mod supplier_entry;
pub mod suppliers;
pub mod text;
pub mod update;

#[cfg(test)]
mod tests;
