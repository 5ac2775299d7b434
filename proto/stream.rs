//! Names and ids of streams. A stream is one aggregate; its name says what makes it unique, so that the log itself refuses
//! a second receipt or delivery note of the same key.

use uuid::Uuid;

use crate::event::v1::ReceiptKey;

/// Namespace of the ids of streams (UUID version 5 of the name).
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0c_25c4_9a0e_4b0f_8a49_30d3_1c0b_7d55);

/// The id under which a stream is stored.
#[must_use]
pub fn id_of(name: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

/// Name of a supplier's stream.
#[must_use]
pub fn supplier(supplier_id: &str) -> String {
    format!("supplier/{supplier_id}")
}

/// Name of a store's stream.
#[must_use]
pub fn store(store_id: &str) -> String {
    format!("store/{store_id}")
}

/// Name of an item's stream.
#[must_use]
pub fn item(item_id: &str) -> String {
    format!("item/{item_id}")
}

/// Name of a sale's stream: its recording, its void, and a note of each return that refers to it.
#[must_use]
pub fn sale(receipt: &ReceiptKey) -> String {
    receipt_stream("sale", receipt)
}

/// Name of the stream of a return, by the return's own receipt.
#[must_use]
pub fn sale_return(receipt: &ReceiptKey) -> String {
    receipt_stream("return", receipt)
}

/// Name of a delivery's stream.
#[must_use]
pub fn delivery(supplier_id: &str, document_number: &str) -> String {
    format!("delivery/{supplier_id}/{document_number}")
}

/// Name of a stock adjustment's stream.
#[must_use]
pub fn adjustment(store_id: &str, document_number: &str) -> String {
    format!("adjustment/{store_id}/{document_number}")
}

/// Name of the stream of what is said about an event that the reports cannot take in.
#[must_use]
pub fn discard(position: i64) -> String {
    format!("discard/{position}")
}

fn receipt_stream(kind: &str, receipt: &ReceiptKey) -> String {
    let ReceiptKey { store_id, register_id, business_date, receipt_number } = receipt;
    [kind, store_id, register_id, business_date, receipt_number].join("/")
}
