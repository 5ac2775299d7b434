//! The texts of documents: ids, categories, units, currencies.

/// A text that is mostly short. Up to 24 bytes stand in itself, so that folding a sale needs no memory for each.
pub type Text = compact_str::CompactString;
