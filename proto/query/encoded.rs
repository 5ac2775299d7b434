//! Answers of one report whose report stays encoded. The query service answers the same report again and again between two
//! events that change it, and then sends the bytes of the last time.

use bytes::Bytes;

use super::v1::AsOf;

/// The services of `daybook.query.v1` that answer one report of many, with such answers.
#[allow(missing_debug_implementations, unreachable_pub, clippy::all, reason = "generated from proto/daybook/query/v1")]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/encoded/daybook.query.v1.rs"));
}

/// `GetStoreDayResponse`, `GetSupplierDayResponse` and `GetCategoryDayResponse` of `daybook.query.v1`, with the report as bytes:
/// the same on the wire.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OneReport {
    /// An encoded `StoreDay`, `SupplierDay` or `CategoryDay`.
    #[prost(bytes = "bytes", tag = "1")]
    pub report: Bytes,
    #[prost(message, optional, tag = "2")]
    pub as_of: Option<AsOf>,
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::query::v1::{
        CategoryDay, GetCategoryDayResponse, GetStoreDayResponse, GetSupplierDayResponse, StoreDay, SupplierDay,
    };

    #[test]
    fn the_answers_are_the_same_on_the_wire() {
        let as_of = Some(AsOf { position: 7, recorded_at: None });
        let day = StoreDay { store_id: "443".to_owned(), total_minor: -5, ..StoreDay::default() };
        let one = OneReport { report: day.encode_to_vec().into(), as_of };
        assert_eq!(one.encode_to_vec(), GetStoreDayResponse { store_day: Some(day), as_of }.encode_to_vec());
        let day = SupplierDay { supplier_id: "69".to_owned(), position: 6, ..SupplierDay::default() };
        let one = OneReport { report: day.encode_to_vec().into(), as_of };
        assert_eq!(one.encode_to_vec(), GetSupplierDayResponse { supplier_day: Some(day), as_of }.encode_to_vec());
        let day = CategoryDay { store_id: "443".to_owned(), position: 6, ..CategoryDay::default() };
        let one = OneReport { report: day.encode_to_vec().into(), as_of };
        assert_eq!(one.encode_to_vec(), GetCategoryDayResponse { category_day: Some(day), as_of }.encode_to_vec());
    }
}
