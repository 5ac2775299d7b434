//! Requests of the command service: decoded, parsed and decided against a small catalogue. What is decided is added to the
//! relational tables.
#![no_main]

use std::sync::LazyLock;

use daybook::{
    command::v1::{
        AdjustStockRequest, DiscardEventRequest, RecordDeliveryRequest, RecordReturnRequest, RecordSaleRequest,
        RegisterItemRequest, RegisterStoreRequest, RegisterSupplierRequest, VoidSaleRequest,
    },
    event::v1::{ItemRegistered, StoreRegistered, SupplierRegistered, event::Kind},
    ids::RequestId,
};
use daybook_command::{domain::catalogue::Catalogue, grpc::execute::CommandMessage};
use daybook_fuzz::choice;
use daybook_write_model::{Effects, Place};
use libfuzzer_sys::fuzz_target;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let mut catalogue = Catalogue::default();
    let text = str::to_owned;
    catalogue.apply(&Kind::SupplierRegistered(SupplierRegistered { supplier_id: text("69"), ..Default::default() }));
    catalogue.apply(&Kind::StoreRegistered(StoreRegistered {
        store_id: text("443"),
        time_zone: text("America/New_York"),
        currency_code: text("USD"),
        ..Default::default()
    }));
    catalogue.apply(&Kind::ItemRegistered(ItemRegistered {
        item_id: text("27334"),
        unit_code: text("EA"),
        supplier_id: text("69"),
        category: text("GROCERY"),
        ..Default::default()
    }));
    catalogue
});

fn request<M: CommandMessage + Default>(bytes: &[u8]) {
    let Ok(mut message) = M::decode(bytes) else { return };
    let _ = RequestId::parse(&message.take_request_id());
    let Ok(command) = message.parse(&CATALOGUE) else { return };
    let _ = (command.clash(), command.begins(&CATALOGUE), command.registers_item());
    let Ok(events) = command.decide(&CATALOGUE, &[]) else { return };
    let (mut effects, mut after) = (Effects::default(), CATALOGUE.clone());
    for (number, event) in (1..).zip(&events) {
        after.apply(&event.kind);
        let place = Place { store_id: event.store_id.as_deref(), business_date: event.business_date };
        effects.add(number, place, &event.kind);
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = choice(data) else { return };
    match kind % 9 {
        0 => request::<RecordSaleRequest>(bytes),
        1 => request::<RecordDeliveryRequest>(bytes),
        2 => request::<RecordReturnRequest>(bytes),
        3 => request::<VoidSaleRequest>(bytes),
        4 => request::<AdjustStockRequest>(bytes),
        5 => request::<RegisterItemRequest>(bytes),
        6 => request::<RegisterStoreRequest>(bytes),
        7 => request::<RegisterSupplierRequest>(bytes),
        _ => request::<DiscardEventRequest>(bytes),
    }
});
