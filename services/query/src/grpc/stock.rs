//! `daybook.query.v1.StockService`.

use daybook::access::STORES;
use daybook::query::v1::{
    GetStockRequest, GetStockResponse, ListStockRequest, ListStockResponse, stock_service_server::StockService,
};
use daybook_chassis::access::Narrowed;
use daybook_read_model::registry::StoreDays;
use tonic::{Request, Response, Status, async_trait};

use crate::{
    call::{Call, Frame},
    entries::PAGE_SIZE,
    grpc::wanted::ids_of,
    page::Listing,
    report::Report as _,
    status::QueryError,
    stock::Wanted,
    validate::Fields,
};

/// Answers what is in the stores.
#[derive(Clone, Debug)]
pub(crate) struct StockApi(pub(crate) Frame);

#[async_trait]
impl StockService for StockApi {
    async fn get_stock(&self, request: Request<GetStockRequest>) -> Result<Response<GetStockResponse>, Status> {
        let work = async |call: Call, request: GetStockRequest| {
            call.caller.speaks_for(&[(STORES, &request.store_id)])?;
            let mut fields = Fields::default();
            let store = fields.store("store_id", &request.store_id);
            let item = fields.item("item_id", &request.item_id);
            let at_least = fields.at_least(request.at_least_position);
            let ((store, item), at_least) = fields.finish(store.zip(item).zip(at_least))?;
            let (stock, look) = self.0.stock_of(&store, &item, at_least, call.deadline).await?;
            Ok(GetStockResponse { stock: Some(stock), as_of: Some(look.as_of) })
        };
        self.0.unary("StockService/GetStock", request, work).await
    }

    async fn list_stock(&self, request: Request<ListStockRequest>) -> Result<Response<ListStockResponse>, Status> {
        let work = async |call: Call, mut request: ListStockRequest| {
            let own = call.caller.narrow(STORES, std::mem::take(&mut request.store_ids));
            let listed = self.0.list_stock(wanted(request, &own)?, call.deadline).await?;
            let (stock, next_page_token, as_of) = (listed.entries, listed.next_page_token, Some(listed.as_of));
            Ok(ListStockResponse { stock, next_page_token, as_of })
        };
        self.0.unary("StockService/ListStock", request, work).await
    }
}

/// Checks a request for a list, narrowed to the stores of the caller's own.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn wanted(request: ListStockRequest, own: &Narrowed) -> Result<Wanted, QueryError> {
    let mut fields = Fields::default();
    let stores = fields.ids("store_ids", ids_of(own), StoreDays::check_id);
    let page_size = fields.page_size(request.page_size, PAGE_SIZE);
    let at_least = fields.at_least(request.at_least_position);
    fields.token_beside_faults(&request.page_token);
    let ((stores, page_size), at_least) = fields.finish(stores.zip(page_size).zip(at_least))?;
    let listing = Listing::of("ListStock").with_all(&stores);
    let cursor = listing.cursor(&request.page_token)?;
    let nothing = *own == Narrowed::Nothing;
    Ok(Wanted { stores, nothing, page_size, cursor, at_least, listing })
}
