//! One who reads reports of one kind, or asks for nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use daybook::{
    client::{Credentials, Link, QueryClient, link},
    query::v1::{GetStoreDayRequest, GetSupplierDayRequest, ListStoreDayItemsRequest, ListSupplierDayItemsRequest},
};
use daybook_chassis::BoxError;
use tonic::{Code, Response, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    bench::{DATE, Draws},
    drive::Caller,
    load::Sales,
    peers::crud_report::{CrudReader, CrudReport},
    service::Instance,
};

/// Items of a page: the most that the service gives.
const PAGE_SIZE: i32 = 1_000;

/// The run of sales from which it is drawn which stores and suppliers are asked for, the same on both sides: a busy one is
/// looked at more often, as it sells more often. No sale of it is made.
const ASKED_FOR: u64 = u64::MAX;

/// The kinds of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    StoreDay,
    SupplierDay,
    StoreDayItems,
    SupplierDayItems,
    /// No report: what an answer takes of which nothing has to be read.
    Nothing,
}

impl Which {
    pub(super) const ALL: [Self; 5] =
        [Self::StoreDay, Self::SupplierDay, Self::StoreDayItems, Self::SupplierDayItems, Self::Nothing];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::StoreDay => "GetStoreDay",
            Self::SupplierDay => "GetSupplierDay",
            Self::StoreDayItems => "GetStoreDay and all its items",
            Self::SupplierDayItems => "GetSupplierDay and all its items",
            Self::Nothing => "no report: the service's health, and SELECT 1",
        }
    }

    /// True if the target speaks of it; the others are only told.
    pub(super) fn is_target(self) -> bool {
        matches!(self, Self::StoreDay | Self::SupplierDay)
    }
}

/// Who is asked.
#[derive(Clone, Debug)]
pub(super) enum Side {
    Daybook { endpoint: String, credentials: Credentials },
    Crud(Arc<CrudReport>),
}

impl Side {
    pub(super) fn daybook(instance: &Instance) -> Self {
        Self::Daybook { endpoint: instance.query_endpoint(), credentials: instance.credentials().clone() }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Daybook { .. } => "Daybook",
            Self::Crud(_) => "CRUD",
        }
    }
}

/// Reads one report after the other, of stores and suppliers as they come in sales.
#[derive(Debug)]
pub(super) struct Reader {
    which: Which,
    connection: Connection,
    draws: Arc<Draws>,
    asked_for: Sales<'static>,
}

/// What a reader alone uses.
#[derive(Debug)]
enum Connection {
    Daybook(Box<(QueryClient, HealthClient<Link>)>),
    Crud(CrudReader),
}

impl Reader {
    /// Connects; the first report, which finds everything cold, is read already.
    pub(super) async fn open(which: Which, side: Side, draws: Arc<Draws>) -> Result<Self, BoxError> {
        let asked_for = draws.world.sales(ASKED_FOR, DATE);
        let connection = match side {
            Side::Daybook { endpoint, credentials } => {
                let link = link(&endpoint, &credentials)?;
                Connection::Daybook(Box::new((QueryClient::new(link.clone()), HealthClient::new(link))))
            }
            Side::Crud(crud) => Connection::Crud(CrudReader::open(crud).await?),
        };
        let mut reader = Self { which, connection, draws, asked_for };
        reader.step().await?;
        Ok(reader)
    }
}

impl Caller for Reader {
    async fn step(&mut self) -> Result<Duration, BoxError> {
        let world = self.draws.world;
        let sale = self.asked_for.next_sale();
        let item = sale.lines.first().and_then(|line| world.items.get(line.item));
        let (store, supplier) = (sale.store, item.map_or(0, |item| item.supplier));
        let store_id = || world.stores.get(store).map(|store| store.store_id.clone()).unwrap_or_default();
        let supplier_id = || world.suppliers.get(supplier).map(|it| it.supplier_id.clone()).unwrap_or_default();
        let begun = Instant::now();
        match &self.connection {
            Connection::Crud(crud) => match self.which {
                Which::StoreDay | Which::StoreDayItems => _ = crud.store_day(store, DATE).await?,
                Which::SupplierDay | Which::SupplierDayItems => _ = crud.supplier_day(supplier, DATE).await?,
                Which::Nothing => crud.nothing().await?,
            },
            Connection::Daybook(service) => {
                let (queries, health) = &**service;
                match self.which {
                    Which::StoreDay => store_day(queries, store_id()).await?,
                    Which::SupplierDay => supplier_day(queries, supplier_id()).await?,
                    Which::StoreDayItems => {
                        store_day(queries, store_id()).await?;
                        store_day_items(queries, store_id()).await?;
                    }
                    Which::SupplierDayItems => {
                        supplier_day(queries, supplier_id()).await?;
                        supplier_day_items(queries, supplier_id()).await?;
                    }
                    Which::Nothing => _ = health.clone().check(HealthCheckRequest::default()).await?,
                }
            }
        }
        Ok(begun.elapsed())
    }
}

async fn store_day(queries: &QueryClient, store_id: String) -> Result<(), BoxError> {
    let request = GetStoreDayRequest { store_id, business_date: DATE.to_string(), at_least_position: 0 };
    answered(queries.store_days.clone().get_store_day(request).await)?;
    Ok(())
}

async fn supplier_day(queries: &QueryClient, supplier_id: String) -> Result<(), BoxError> {
    let request = GetSupplierDayRequest { supplier_id, business_date: DATE.to_string(), at_least_position: 0 };
    answered(queries.supplier_days.clone().get_supplier_day(request).await)?;
    Ok(())
}

async fn store_day_items(queries: &QueryClient, store_id: String) -> Result<(), BoxError> {
    let mut page_token = String::new();
    loop {
        let request = ListStoreDayItemsRequest {
            store_id: store_id.clone(),
            business_date: DATE.to_string(),
            page_size: PAGE_SIZE,
            page_token,
            at_least_position: 0,
        };
        let page = answered(queries.store_days.clone().list_store_day_items(request).await)?;
        page_token = page.map(|page| page.next_page_token).unwrap_or_default();
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

async fn supplier_day_items(queries: &QueryClient, supplier_id: String) -> Result<(), BoxError> {
    let mut page_token = String::new();
    loop {
        let request = ListSupplierDayItemsRequest {
            supplier_id: supplier_id.clone(),
            business_date: DATE.to_string(),
            page_size: PAGE_SIZE,
            page_token,
            at_least_position: 0,
        };
        let page = answered(queries.supplier_days.clone().list_supplier_day_items(request).await)?;
        page_token = page.map(|page| page.next_page_token).unwrap_or_default();
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

/// That a supplier sold nothing is an answer too, as it is for CRUD.
fn answered<T>(answer: Result<Response<T>, Status>) -> Result<Option<T>, Status> {
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status),
    }
}
