//! A small chain: three suppliers, two stores in two currencies and zones, a few items.

use daybook::command::v1::{RegisterItemRequest, RegisterStoreRequest, RegisterSupplierRequest};

use super::{commands::Commands, request_id};

/// A store in New York whose day begins at midnight.
pub(crate) const NEW_YORK: &str = "443";
/// A store in Berlin whose day begins at four in the morning.
pub(crate) const BERLIN: &str = "B-7";

/// Supplier of [`BREAD`] and [`MILK`].
pub(crate) const BAKER: &str = "69";
/// Supplier of [`CHEESE`] and [`FUEL`].
pub(crate) const FARMER: &str = "2224";
/// A supplier of nothing.
pub(crate) const NOBODY: &str = "910";

/// An item sold by the piece.
pub(crate) const BREAD: &str = "27334";
/// Another one, of another category.
pub(crate) const MILK: &str = "4006381333931";
/// An item sold by weight.
pub(crate) const CHEESE: &str = "CHEESE";
/// An item sold by the gallon.
pub(crate) const FUEL: &str = "6534178";
/// An item that is not registered.
pub(crate) const UNHEARD_OF: &str = "NEW.2017";

/// Categories of the items.
pub(crate) const GROCERY: &str = "GROCERY";
pub(crate) const DAIRY: &str = "DAIRY";
pub(crate) const GASOLINE: &str = "KIOSK-GAS";

/// Registers the chain. Answers the position of the last registration.
pub(crate) async fn register(commands: &Commands) -> i64 {
    for supplier_id in [BAKER, FARMER, NOBODY] {
        commands.register_supplier(supplier(supplier_id)).await.expect("a supplier is registered");
    }
    for message in [store(NEW_YORK, "America/New_York", 0, "USD"), store(BERLIN, "Europe/Berlin", 240, "EUR")] {
        commands.register_store(message).await.expect("a store is registered");
    }
    let items = [
        item(BREAD, BAKER, GROCERY, "EA", 0),
        item(MILK, BAKER, DAIRY, "EA", 0),
        item(CHEESE, FARMER, DAIRY, "KGM", 3),
        item(FUEL, FARMER, GASOLINE, "GLL", 3),
    ];
    let mut position = 0;
    for message in items {
        position = commands.register_item(message).await.expect("an item is registered").position;
    }
    position
}

/// A supplier to register.
pub(crate) fn supplier(supplier_id: &str) -> RegisterSupplierRequest {
    RegisterSupplierRequest {
        request_id: request_id(),
        supplier_id: supplier_id.to_owned(),
        name: format!("Supplier {supplier_id}"),
        ..Default::default()
    }
}

/// A store to register.
pub(crate) fn store(
    store_id: &str,
    time_zone: &str,
    cut_off_minutes: i32,
    currency_code: &str,
) -> RegisterStoreRequest {
    RegisterStoreRequest {
        request_id: request_id(),
        store_id: store_id.to_owned(),
        name: format!("Store {store_id}"),
        time_zone: time_zone.to_owned(),
        cut_off_minutes,
        currency_code: currency_code.to_owned(),
        ..Default::default()
    }
}

/// An item to register.
pub(crate) fn item(
    item_id: &str,
    supplier_id: &str,
    category: &str,
    unit_code: &str,
    decimals: i32,
) -> RegisterItemRequest {
    RegisterItemRequest {
        request_id: request_id(),
        item_id: item_id.to_owned(),
        name: format!("Item {item_id}"),
        category: category.to_owned(),
        unit_code: unit_code.to_owned(),
        decimals,
        supplier_id: supplier_id.to_owned(),
        ..Default::default()
    }
}
