//! `daybook.query.v1.CategoryDayService`.

use daybook::access::STORES;
use daybook::query::{
    encoded::{OneReport, v1::category_day_service_server::CategoryDayService},
    v1::{
        AsOf, CategoryDay, GetCategoryDayRequest, ListCategoryDaysRequest, ListCategoryDaysResponse,
        StreamCategoryDaysRequest, StreamCategoryDaysResponse,
    },
};
use daybook_read_model::registry::CategoryDays;
use tonic::{Request, Response, Status, async_trait};

use crate::{
    call::{Call, Frame},
    export::ExportHeads,
    grpc::wanted::{self, PageOf},
    stream::Outgoing,
};

/// Answers what stores sold by category.
#[derive(Clone, Debug)]
pub(crate) struct CategoryDayApi(pub(crate) Frame);

#[async_trait]
impl CategoryDayService for CategoryDayApi {
    async fn get_category_day(&self, request: Request<GetCategoryDayRequest>) -> Result<Response<OneReport>, Status> {
        let work = async |call: Call, asked: GetCategoryDayRequest| {
            call.caller.speaks_for(&[(STORES, &asked.store_id)])?;
            let one = wanted::one::<CategoryDays>(&asked.store_id, &asked.business_date, asked.at_least_position)?;
            self.0.get::<CategoryDays>(&one.key, one.at_least, call.deadline).await
        };
        self.0.unary("CategoryDayService/GetCategoryDay", request, work).await
    }

    async fn list_category_days(
        &self,
        request: Request<ListCategoryDaysRequest>,
    ) -> Result<Response<ListCategoryDaysResponse>, Status> {
        let work = async |call: Call, asked: ListCategoryDaysRequest| {
            let own = call.caller.narrow(STORES, asked.store_ids);
            let page = PageOf { method: "ListCategoryDays", size: asked.page_size, token: &asked.page_token };
            let wanted = wanted::list::<CategoryDays>(asked.dates.as_ref(), &own, page, asked.at_least_position)?;
            let listed = self.0.list::<CategoryDays>(wanted, call.deadline).await?;
            let (category_days, next_page_token, as_of) = (listed.entries, listed.next_page_token, Some(listed.as_of));
            Ok(ListCategoryDaysResponse { category_days, next_page_token, as_of })
        };
        self.0.unary("CategoryDayService/ListCategoryDays", request, work).await
    }

    type StreamCategoryDaysStream = Outgoing<StreamCategoryDaysResponse>;

    async fn stream_category_days(
        &self,
        request: Request<StreamCategoryDaysRequest>,
    ) -> Result<Response<Self::StreamCategoryDaysStream>, Status> {
        let frame = self.0.clone();
        let check = |call: &Call, asked: StreamCategoryDaysRequest| {
            let own = call.caller.narrow(STORES, asked.store_ids);
            wanted::stream::<CategoryDays>(asked.dates.as_ref(), &own, false, asked.at_least_position)
        };
        let work = |call, wanted, outbox| async move {
            Box::pin(ExportHeads::<CategoryDays, _> { frame, outbox, wrap: message }.run(&call, wanted)).await
        };
        self.0.streams.start("CategoryDayService/StreamCategoryDays", request, check, work)
    }
}

fn message(category_day: CategoryDay, as_of: AsOf) -> StreamCategoryDaysResponse {
    StreamCategoryDaysResponse { category_day: Some(category_day), as_of: Some(as_of) }
}
