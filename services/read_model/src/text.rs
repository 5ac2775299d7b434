//! The texts of documents.

/// What documents are told apart by, and what stands in them once. Up to 24 bytes stand in itself, so that folding a sale needs no
/// memory for each.
pub type Text = compact_str::CompactString;

/// What stands in each of many entries: its id, category, unit and currency. Up to 15 bytes stand in itself, as a GTIN does: there are
/// millions of them, so what counts is how little of the processor's cache each takes.
pub type Word = ecow::EcoString;
