//! Names of the collections. The documents of a generation stand in collections of their own, so that a new generation can
//! be built beside the one that is served.

/// Heads of store-days.
pub const STORE_DAYS: &str = "store_days";
/// Pages of store-days.
pub const STORE_DAY_PAGES: &str = "store_day_pages";
/// Heads of supplier-days.
pub const SUPPLIER_DAYS: &str = "supplier_days";
/// Pages of supplier-days.
pub const SUPPLIER_DAY_PAGES: &str = "supplier_day_pages";
/// Stock.
pub const STOCK: &str = "stock";
/// Store-days by category.
pub const CATEGORY_DAYS: &str = "category_days";
/// Events that could not be folded.
pub const PARKED: &str = "parked";
/// Checkpoints, generations and the pointer to the one that is served; of no generation.
pub const META: &str = "daybook_meta";

/// The name of a collection in a generation: `g1_store_days`.
#[must_use]
pub fn in_generation(generation: i64, name: &str) -> String {
    format!("g{generation}_{name}")
}
