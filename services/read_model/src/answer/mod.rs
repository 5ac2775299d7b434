//! Documents as they are answered: pure functions from documents to the messages of `daybook.query.v1`. The query service
//! answers with them, and verification says with them what should have been answered.

pub mod category_day;
pub mod stock;
pub mod store_day;
pub mod supplier_day;
