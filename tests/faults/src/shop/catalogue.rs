//! A small chain: its few stores are hot, and their zones and cut-offs differ.

use daybook::command::v1::{RegisterItemRequest, RegisterStoreRequest, RegisterSupplierRequest};

use super::message::Message;

/// A store.
#[derive(Clone, Copy, Debug)]
pub struct Store {
    pub id: &'static str,
    pub zone: &'static str,
    /// Minutes after midnight at which a business day begins.
    pub cut_off_minutes: i32,
    pub currency: &'static str,
}

/// The stores. All of them change their clocks, on different days and at different instants.
pub const STORES: [Store; 4] = [
    Store { id: "101", zone: "America/New_York", cut_off_minutes: 0, currency: "USD" },
    Store { id: "102", zone: "America/New_York", cut_off_minutes: 240, currency: "USD" },
    Store { id: "201", zone: "Europe/Berlin", cut_off_minutes: 180, currency: "EUR" },
    Store { id: "301", zone: "Australia/Lord_Howe", cut_off_minutes: 330, currency: "AUD" },
];

/// The suppliers.
pub const SUPPLIERS: [&str; 3] = ["11", "12", "13"];

/// How many items are registered at first.
pub const ITEMS: usize = 40;

/// An item.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: String,
    /// True if it is weighed.
    pub weighed: bool,
    /// Of one whole unit.
    pub price_minor: i64,
}

/// The item of a number.
#[must_use]
pub fn item(number: usize) -> Item {
    let price_minor = 49 + i64::try_from(number * 61 % 950).unwrap_or(0);
    Item { id: format!("{}", 4_000 + number), weighed: number.is_multiple_of(5), price_minor }
}

/// An item that nobody has registered yet, by register and number.
#[must_use]
pub fn new_item(register: usize, number: u64) -> Item {
    Item { id: format!("N{register}-{number}"), weighed: false, price_minor: 199 }
}

/// The registration of an item.
#[must_use]
pub fn registration(request_id: String, item: &Item, turn: usize) -> RegisterItemRequest {
    let (unit_code, decimals) = if item.weighed { ("KGM", 3) } else { ("EA", 0) };
    RegisterItemRequest {
        request_id,
        occurred_at: None,
        item_id: item.id.clone(),
        name: format!("Item {}", item.id),
        gtin: String::new(),
        category: if turn.is_multiple_of(3) { "PRODUCE" } else { "GROCERY" }.to_owned(),
        unit_code: unit_code.to_owned(),
        decimals,
        supplier_id: SUPPLIERS.get(turn % SUPPLIERS.len()).copied().unwrap_or_default().to_owned(),
    }
}

/// The commands that register the chain; request ids are asked for.
pub fn commands(mut request_id: impl FnMut() -> String) -> Vec<Message> {
    let suppliers = SUPPLIERS.map(|supplier_id| {
        Message::Supplier(RegisterSupplierRequest {
            request_id: request_id(),
            occurred_at: None,
            supplier_id: supplier_id.to_owned(),
            name: format!("Supplier {supplier_id}"),
            gln: String::new(),
        })
    });
    let stores = STORES.map(|store| {
        Message::Store(RegisterStoreRequest {
            request_id: request_id(),
            occurred_at: None,
            store_id: store.id.to_owned(),
            name: format!("Store {}", store.id),
            time_zone: store.zone.to_owned(),
            cut_off_minutes: store.cut_off_minutes,
            currency_code: store.currency.to_owned(),
            negative_stock_allowed: true,
        })
    });
    let items = (0..ITEMS).map(|number| Message::Item(registration(request_id(), &item(number), number)));
    let items: Vec<Message> = items.collect();
    suppliers.into_iter().chain(stores).chain(items).collect()
}
