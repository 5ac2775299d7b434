//! The gRPC services: each checks a request, asks for the report and words the answer.

pub(crate) mod category_day;
pub(crate) mod projection;
pub(crate) mod stock;
pub(crate) mod store_day;
pub(crate) mod supplier_day;
pub(crate) mod wanted;
