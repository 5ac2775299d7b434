//! Documents as they are answered.

pub(crate) mod category_day;
pub(crate) mod stock;
pub(crate) mod store_day;
pub(crate) mod supplier_day;
