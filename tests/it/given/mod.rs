//! What tests begin with, and what they compare.

pub(crate) mod answer;
pub(crate) mod catalogue;
pub(crate) mod commands;
pub(crate) mod goods;
pub(crate) mod sale;
pub(crate) mod sale_return;

use daybook::{event::v1::ReceiptKey, ids::RequestId};
use prost_types::Timestamp;

/// A new request id.
pub(crate) fn request_id() -> String {
    RequestId::random().to_string()
}

/// An instant, written as `2017-01-02T15:00:00Z`.
pub(crate) fn instant(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = text.parse().expect("an instant");
    Timestamp { seconds: instant.as_second(), nanos: instant.subsec_nanosecond() }
}

/// The key of a receipt.
pub(crate) fn receipt(store_id: &str, register_id: &str, business_date: &str, receipt_number: &str) -> ReceiptKey {
    ReceiptKey {
        store_id: store_id.to_owned(),
        register_id: register_id.to_owned(),
        business_date: business_date.to_owned(),
        receipt_number: receipt_number.to_owned(),
    }
}
