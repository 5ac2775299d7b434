//! CatalogueService.

use daybook::access::{STORES, SUPPLIERS};
use daybook::command::v1::{
    BulkRegisterItemsRequest, BulkRegisterItemsResponse, BulkRegisterStoresRequest, BulkRegisterStoresResponse,
    BulkRegisterSuppliersRequest, BulkRegisterSuppliersResponse, ListItemsRequest, ListItemsResponse,
    ListStoresRequest, ListStoresResponse, ListSuppliersRequest, ListSuppliersResponse, RegisterItemRequest,
    RegisterItemResponse, RegisterStoreRequest, RegisterStoreResponse, RegisterSupplierRequest,
    RegisterSupplierResponse, catalogue_service_server::CatalogueService,
};
use daybook_chassis::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{
    execute::Executor,
    origin::{Origin, split},
    page::PageRequest,
    upload::{self, Answers},
};
use crate::{
    status,
    store::{Store, StoreError},
};

/// Suppliers, stores and items.
#[derive(Clone, Debug)]
pub struct CatalogueApi {
    pub executor: Executor,
    pub store: Store,
    pub shutdown: CancellationToken,
}

/// The ids of a kind to which the caller is bound; none if it may see all.
fn own(origin: &Origin, kind: &str) -> Option<Vec<String>> {
    origin.caller.identity().bound.get(kind).map(|own| own.iter().cloned().collect())
}

fn failed(error: &StoreError) -> Status {
    status::refusal(error).into_status("")
}

#[tonic::async_trait]
impl CatalogueService for CatalogueApi {
    type BulkRegisterSuppliersStream = Answers<BulkRegisterSuppliersResponse>;
    type BulkRegisterStoresStream = Answers<BulkRegisterStoresResponse>;
    type BulkRegisterItemsStream = Answers<BulkRegisterItemsResponse>;

    async fn register_supplier(
        &self,
        request: Request<RegisterSupplierRequest>,
    ) -> Result<Response<RegisterSupplierResponse>, Status> {
        let (origin, message) = split(request)?;
        let accepted = self.executor.unary(origin, message).await?;
        Ok(Response::new(RegisterSupplierResponse { accepted: Some(accepted) }))
    }

    async fn register_store(
        &self,
        request: Request<RegisterStoreRequest>,
    ) -> Result<Response<RegisterStoreResponse>, Status> {
        let (origin, message) = split(request)?;
        let accepted = self.executor.unary(origin, message).await?;
        Ok(Response::new(RegisterStoreResponse { accepted: Some(accepted) }))
    }

    async fn register_item(
        &self,
        request: Request<RegisterItemRequest>,
    ) -> Result<Response<RegisterItemResponse>, Status> {
        let (origin, message) = split(request)?;
        let accepted = self.executor.unary(origin, message).await?;
        Ok(Response::new(RegisterItemResponse { accepted: Some(accepted) }))
    }

    async fn bulk_register_suppliers(
        &self,
        request: Request<Streaming<BulkRegisterSuppliersRequest>>,
    ) -> Result<Response<Self::BulkRegisterSuppliersStream>, Status> {
        let (origin, messages) = split(request)?;
        let executor = self.executor.clone();
        let submit = move |message: BulkRegisterSuppliersRequest| {
            let (executor, origin) = (executor.clone(), origin.clone());
            async move { executor.streamed(&origin, upload::or_default(message.supplier)).await }
        };
        let answer = |outcome| BulkRegisterSuppliersResponse { outcome: Some(outcome) };
        Ok(Response::new(upload::serve(messages, self.shutdown.clone(), submit, answer)))
    }

    async fn bulk_register_stores(
        &self,
        request: Request<Streaming<BulkRegisterStoresRequest>>,
    ) -> Result<Response<Self::BulkRegisterStoresStream>, Status> {
        let (origin, messages) = split(request)?;
        let executor = self.executor.clone();
        let submit = move |message: BulkRegisterStoresRequest| {
            let (executor, origin) = (executor.clone(), origin.clone());
            async move { executor.streamed(&origin, upload::or_default(message.store)).await }
        };
        let answer = |outcome| BulkRegisterStoresResponse { outcome: Some(outcome) };
        Ok(Response::new(upload::serve(messages, self.shutdown.clone(), submit, answer)))
    }

    async fn bulk_register_items(
        &self,
        request: Request<Streaming<BulkRegisterItemsRequest>>,
    ) -> Result<Response<Self::BulkRegisterItemsStream>, Status> {
        let (origin, messages) = split(request)?;
        let executor = self.executor.clone();
        let submit = move |message: BulkRegisterItemsRequest| {
            let (executor, origin) = (executor.clone(), origin.clone());
            async move { executor.streamed(&origin, upload::or_default(message.item)).await }
        };
        let answer = |outcome| BulkRegisterItemsResponse { outcome: Some(outcome) };
        Ok(Response::new(upload::serve(messages, self.shutdown.clone(), submit, answer)))
    }

    async fn list_stores(&self, request: Request<ListStoresRequest>) -> Result<Response<ListStoresResponse>, Status> {
        let (origin, request) = split(request)?;
        let page = PageRequest::parse("stores", request.page_size, &request.page_token)?;
        let mut stores = self
            .store
            .list_stores(&page.after, page.fetch(), own(&origin, STORES))
            .await
            .map_err(|error| failed(&error))?;
        let next_page_token = page.cut("stores", &mut stores, |store| &store.store_id);
        Ok(Response::new(ListStoresResponse { stores, next_page_token }))
    }

    async fn list_items(&self, request: Request<ListItemsRequest>) -> Result<Response<ListItemsResponse>, Status> {
        let (origin, request) = split(request)?;
        let page = PageRequest::parse("items", request.page_size, &request.page_token)?;
        let mut items = self
            .store
            .list_items(&page.after, page.fetch(), own(&origin, SUPPLIERS))
            .await
            .map_err(|error| failed(&error))?;
        let next_page_token = page.cut("items", &mut items, |item| &item.item_id);
        Ok(Response::new(ListItemsResponse { items, next_page_token }))
    }

    async fn list_suppliers(
        &self,
        request: Request<ListSuppliersRequest>,
    ) -> Result<Response<ListSuppliersResponse>, Status> {
        let (origin, request) = split(request)?;
        let page = PageRequest::parse("suppliers", request.page_size, &request.page_token)?;
        let mut suppliers = self
            .store
            .list_suppliers(&page.after, page.fetch(), own(&origin, SUPPLIERS))
            .await
            .map_err(|error| failed(&error))?;
        let next_page_token = page.cut("suppliers", &mut suppliers, |supplier| &supplier.supplier_id);
        Ok(Response::new(ListSuppliersResponse { suppliers, next_page_token }))
    }
}
