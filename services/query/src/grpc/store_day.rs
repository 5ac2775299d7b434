//! `daybook.query.v1.StoreDayService`.

use daybook::access::STORES;
use daybook::query::{
    encoded::{OneReport, v1::store_day_service_server::StoreDayService},
    v1::{
        AsOf, GetStoreDayRequest, ListStoreDayItemsRequest, ListStoreDayItemsResponse, ListStoreDaysRequest,
        ListStoreDaysResponse, StoreDay, StoreDayItem, StoreDayItemPage, StreamStoreDaysRequest,
        StreamStoreDaysResponse, stream_store_days_response,
    },
};
use daybook_read_model::registry::StoreDays;
use tonic::{Request, Response, Status, async_trait};

use crate::{
    call::{Call, Frame},
    export::{Export, Part},
    grpc::wanted::{self, PageOf},
    stream::Outgoing,
    view::store_day::StoreDayItems,
};

/// Answers the reports of stores' business days.
#[derive(Clone, Debug)]
pub(crate) struct StoreDayApi(pub(crate) Frame);

#[async_trait]
impl StoreDayService for StoreDayApi {
    async fn get_store_day(&self, request: Request<GetStoreDayRequest>) -> Result<Response<OneReport>, Status> {
        let work = async |call: Call, asked: GetStoreDayRequest| {
            call.caller.speaks_for(&[(STORES, &asked.store_id)])?;
            let one = wanted::one::<StoreDays>(&asked.store_id, &asked.business_date, asked.at_least_position)?;
            self.0.get::<StoreDays>(&one.key, one.at_least, call.deadline).await
        };
        self.0.unary("StoreDayService/GetStoreDay", request, work).await
    }

    async fn list_store_days(
        &self,
        request: Request<ListStoreDaysRequest>,
    ) -> Result<Response<ListStoreDaysResponse>, Status> {
        let work = async |call: Call, asked: ListStoreDaysRequest| {
            let own = call.caller.narrow(STORES, asked.store_ids);
            let page = PageOf { method: "ListStoreDays", size: asked.page_size, token: &asked.page_token };
            let wanted = wanted::list::<StoreDays>(asked.dates.as_ref(), &own, page, asked.at_least_position)?;
            let listed = self.0.list::<StoreDays>(wanted, call.deadline).await?;
            let (store_days, next_page_token, as_of) = (listed.entries, listed.next_page_token, Some(listed.as_of));
            Ok(ListStoreDaysResponse { store_days, next_page_token, as_of })
        };
        self.0.unary("StoreDayService/ListStoreDays", request, work).await
    }

    async fn list_store_day_items(
        &self,
        request: Request<ListStoreDayItemsRequest>,
    ) -> Result<Response<ListStoreDayItemsResponse>, Status> {
        let work = async |call: Call, asked: ListStoreDayItemsRequest| {
            call.caller.speaks_for(&[(STORES, &asked.store_id)])?;
            let page = PageOf { method: "ListStoreDayItems", size: asked.page_size, token: &asked.page_token };
            let at_least = asked.at_least_position;
            let wanted = wanted::entries::<StoreDayItems>(&asked.store_id, &asked.business_date, page, at_least)?;
            let listed = self.0.list_entries::<StoreDayItems>(wanted, call.deadline).await?;
            let (items, next_page_token, as_of) = (listed.entries, listed.next_page_token, Some(listed.as_of));
            Ok(ListStoreDayItemsResponse { items, next_page_token, as_of })
        };
        self.0.unary("StoreDayService/ListStoreDayItems", request, work).await
    }

    type StreamStoreDaysStream = Outgoing<StreamStoreDaysResponse>;

    async fn stream_store_days(
        &self,
        request: Request<StreamStoreDaysRequest>,
    ) -> Result<Response<Self::StreamStoreDaysStream>, Status> {
        let frame = self.0.clone();
        let check = |call: &Call, asked: StreamStoreDaysRequest| {
            let own = call.caller.narrow(STORES, asked.store_ids);
            let (items, at_least) = (asked.include_items, asked.at_least_position);
            wanted::stream::<StoreDays>(asked.dates.as_ref(), &own, items, at_least)
        };
        let work = |call, wanted, outbox| async move {
            Box::pin(Export::<StoreDayItems, _> { frame, outbox, wrap: message }.run(&call, wanted)).await
        };
        self.0.streams.start("StoreDayService/StreamStoreDays", request, check, work)
    }
}

fn message(part: Part<StoreDay, StoreDayItem>, as_of: AsOf) -> StreamStoreDaysResponse {
    use stream_store_days_response::Part as Message;
    let part = match part {
        Part::Report(store_day) => Message::StoreDay(store_day),
        Part::Entries(items) => Message::Items(StoreDayItemPage { items }),
    };
    StreamStoreDaysResponse { part: Some(part), as_of: Some(as_of) }
}
