//! `daybook.query.v1.SupplierDayService`.

use daybook::access::SUPPLIERS;
use daybook::query::{
    encoded::{OneReport, v1::supplier_day_service_server::SupplierDayService},
    v1::{
        AsOf, GetSupplierDayRequest, ListSupplierDayItemsRequest, ListSupplierDayItemsResponse,
        ListSupplierDayStoresRequest, ListSupplierDayStoresResponse, ListSupplierDaysRequest, ListSupplierDaysResponse,
        StreamSupplierDaysRequest, StreamSupplierDaysResponse, SupplierDay, SupplierDayItem, SupplierDayItemPage,
        stream_supplier_days_response,
    },
};
use daybook_read_model::registry::SupplierDays;
use tonic::{Request, Response, Status, async_trait};

use crate::{
    call::{Call, Frame},
    export::{Export, Part},
    grpc::wanted::{self, PageOf},
    stream::Outgoing,
    view::supplier_day::{SupplierDayItems, SupplierDayStores},
};

/// Answers the reports of what suppliers delivered and sold on a day.
#[derive(Clone, Debug)]
pub(crate) struct SupplierDayApi(pub(crate) Frame);

#[async_trait]
impl SupplierDayService for SupplierDayApi {
    async fn get_supplier_day(&self, request: Request<GetSupplierDayRequest>) -> Result<Response<OneReport>, Status> {
        let work = async |call: Call, asked: GetSupplierDayRequest| {
            call.caller.speaks_for(&[(SUPPLIERS, &asked.supplier_id)])?;
            let one = wanted::one::<SupplierDays>(&asked.supplier_id, &asked.business_date, asked.at_least_position)?;
            self.0.get::<SupplierDays>(&one.key, one.at_least, call.deadline).await
        };
        self.0.unary("SupplierDayService/GetSupplierDay", request, work).await
    }

    async fn list_supplier_days(
        &self,
        request: Request<ListSupplierDaysRequest>,
    ) -> Result<Response<ListSupplierDaysResponse>, Status> {
        let work = async |call: Call, asked: ListSupplierDaysRequest| {
            let own = call.caller.narrow(SUPPLIERS, asked.supplier_ids);
            let page = PageOf { method: "ListSupplierDays", size: asked.page_size, token: &asked.page_token };
            let wanted = wanted::list::<SupplierDays>(asked.dates.as_ref(), &own, page, asked.at_least_position)?;
            let listed = self.0.list::<SupplierDays>(wanted, call.deadline).await?;
            let (supplier_days, next_page_token, as_of) = (listed.entries, listed.next_page_token, Some(listed.as_of));
            Ok(ListSupplierDaysResponse { supplier_days, next_page_token, as_of })
        };
        self.0.unary("SupplierDayService/ListSupplierDays", request, work).await
    }

    async fn list_supplier_day_items(
        &self,
        request: Request<ListSupplierDayItemsRequest>,
    ) -> Result<Response<ListSupplierDayItemsResponse>, Status> {
        let work = async |call: Call, asked: ListSupplierDayItemsRequest| {
            call.caller.speaks_for(&[(SUPPLIERS, &asked.supplier_id)])?;
            let page = PageOf { method: "ListSupplierDayItems", size: asked.page_size, token: &asked.page_token };
            let at_least = asked.at_least_position;
            let wanted = wanted::entries::<SupplierDayItems>(&asked.supplier_id, &asked.business_date, page, at_least)?;
            let listed = self.0.list_entries::<SupplierDayItems>(wanted, call.deadline).await?;
            let (items, next_page_token, as_of) = (listed.entries, listed.next_page_token, Some(listed.as_of));
            Ok(ListSupplierDayItemsResponse { items, next_page_token, as_of })
        };
        self.0.unary("SupplierDayService/ListSupplierDayItems", request, work).await
    }

    async fn list_supplier_day_stores(
        &self,
        request: Request<ListSupplierDayStoresRequest>,
    ) -> Result<Response<ListSupplierDayStoresResponse>, Status> {
        let work = async |call: Call, asked: ListSupplierDayStoresRequest| {
            call.caller.speaks_for(&[(SUPPLIERS, &asked.supplier_id)])?;
            let page = PageOf { method: "ListSupplierDayStores", size: asked.page_size, token: &asked.page_token };
            let at_least = asked.at_least_position;
            let wanted =
                wanted::entries::<SupplierDayStores>(&asked.supplier_id, &asked.business_date, page, at_least)?;
            let listed = self.0.list_entries::<SupplierDayStores>(wanted, call.deadline).await?;
            let (stores, next_page_token, as_of) = (listed.entries, listed.next_page_token, Some(listed.as_of));
            Ok(ListSupplierDayStoresResponse { stores, next_page_token, as_of })
        };
        self.0.unary("SupplierDayService/ListSupplierDayStores", request, work).await
    }

    type StreamSupplierDaysStream = Outgoing<StreamSupplierDaysResponse>;

    async fn stream_supplier_days(
        &self,
        request: Request<StreamSupplierDaysRequest>,
    ) -> Result<Response<Self::StreamSupplierDaysStream>, Status> {
        let frame = self.0.clone();
        let check = |call: &Call, asked: StreamSupplierDaysRequest| {
            let own = call.caller.narrow(SUPPLIERS, asked.supplier_ids);
            let (items, at_least) = (asked.include_items, asked.at_least_position);
            wanted::stream::<SupplierDays>(asked.dates.as_ref(), &own, items, at_least)
        };
        let work = |call, wanted, outbox| async move {
            Box::pin(Export::<SupplierDayItems, _> { frame, outbox, wrap: message }.run(&call, wanted)).await
        };
        self.0.streams.start("SupplierDayService/StreamSupplierDays", request, check, work)
    }
}

fn message(part: Part<SupplierDay, SupplierDayItem>, as_of: AsOf) -> StreamSupplierDaysResponse {
    use stream_supplier_days_response::Part as Message;
    let part = match part {
        Part::Report(supplier_day) => Message::SupplierDay(supplier_day),
        Part::Entries(items) => Message::Items(SupplierDayItemPage { items }),
    };
    StreamSupplierDaysResponse { part: Some(part), as_of: Some(as_of) }
}
