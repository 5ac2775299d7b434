//! Streams of commands: sales that a register stored while it was offline, and the catalogue.

use std::time::Duration;

use daybook::{
    client::{CommandClient, channel},
    command::v1::{
        BulkRegisterItemsRequest, BulkRegisterStoresRequest, BulkRegisterSuppliersRequest, Outcome, RecordSaleRequest,
        RegisterItemRequest, RegisterStoreRequest, RegisterSupplierRequest, UploadSalesRequest, outcome,
    },
};
use daybook_chassis::BoxError;
use tokio::time::timeout;
use uuid::Uuid;

use super::{Instance, registers};
use crate::load::{CURRENCY, TIME_ZONE, World};

/// How long one answer of a stream may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Sends sales as one stream, as fast as the service reads them; answers how many were accepted. The iterator decides when
/// it is enough.
///
/// # Errors
/// If a sale was not accepted, or not for the first time.
pub(crate) async fn upload(
    instance: &Instance,
    sales: impl Iterator<Item = RecordSaleRequest> + Send + 'static,
) -> Result<u64, BoxError> {
    // A connection of its own, as a register has.
    let mut client = CommandClient::new(channel(&instance.command_endpoint())?).sales;
    let messages = sales.map(|sale| UploadSalesRequest { sale: Some(sale) });
    let mut answers = client.upload_sales(tokio_stream::iter(messages)).await?.into_inner();
    let mut accepted = 0;
    while let Some(answer) = timeout(ANSWER_TIMEOUT, answers.message()).await?? {
        check(answer.outcome)?;
        accepted += 1;
    }
    Ok(accepted)
}

/// Registers suppliers, stores and items of a chain.
///
/// # Errors
/// If one of them is refused.
pub(crate) async fn catalogue(instance: &Instance, world: &'static World) -> Result<(), BoxError> {
    let mut client = instance.commands.catalogue.clone();
    let suppliers = world.suppliers.iter().map(|supplier| BulkRegisterSuppliersRequest {
        supplier: Some(RegisterSupplierRequest {
            request_id: new_id(),
            occurred_at: None,
            supplier_id: supplier.supplier_id.clone(),
            name: supplier.name.clone(),
            gln: String::new(),
        }),
    });
    let mut answers = client.bulk_register_suppliers(tokio_stream::iter(suppliers)).await?.into_inner();
    while let Some(answer) = timeout(ANSWER_TIMEOUT, answers.message()).await?? {
        check(answer.outcome)?;
    }
    let stores = world.stores.iter().map(|store| BulkRegisterStoresRequest {
        store: Some(RegisterStoreRequest {
            request_id: new_id(),
            occurred_at: None,
            store_id: store.store_id.clone(),
            name: store.name.clone(),
            time_zone: TIME_ZONE.to_owned(),
            cut_off_minutes: 0,
            currency_code: CURRENCY.to_owned(),
            negative_stock_allowed: false,
        }),
    });
    let mut answers = client.bulk_register_stores(tokio_stream::iter(stores)).await?.into_inner();
    while let Some(answer) = timeout(ANSWER_TIMEOUT, answers.message()).await?? {
        check(answer.outcome)?;
    }
    let items = world.items.iter().map(|item| BulkRegisterItemsRequest {
        item: Some(RegisterItemRequest {
            request_id: new_id(),
            occurred_at: None,
            item_id: item.item_id.clone(),
            name: item.name.clone(),
            gtin: String::new(),
            category: item.category.clone(),
            unit_code: item.unit_code.to_owned(),
            decimals: item.decimals,
            supplier_id: world.suppliers.get(item.supplier).map(|it| it.supplier_id.clone()).unwrap_or_default(),
        }),
    });
    let mut answers = client.bulk_register_items(tokio_stream::iter(items)).await?.into_inner();
    while let Some(answer) = timeout(ANSWER_TIMEOUT, answers.message()).await?? {
        check(answer.outcome)?;
    }
    Ok(())
}

fn new_id() -> String {
    Uuid::new_v4().to_string()
}

fn check(outcome: Option<Outcome>) -> Result<(), BoxError> {
    match outcome.and_then(|outcome| outcome.result).ok_or("an answer without a result")? {
        outcome::Result::Accepted(accepted) => registers::position(Some(accepted), false).map(drop),
        outcome::Result::Rejected(rejection) => Err(format!("{}: {}", rejection.reason, rejection.message).into()),
    }
}
