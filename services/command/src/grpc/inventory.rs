//! InventoryService.

use daybook::command::v1::{
    AdjustStockRequest, AdjustStockResponse, RecordDeliveryRequest, RecordDeliveryResponse, UploadDeliveriesRequest,
    UploadDeliveriesResponse, inventory_service_server::InventoryService,
};
use daybook_chassis::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{
    execute::{Executor, trace},
    upload::{self, Answers},
};

/// What changes stock other than sales and returns.
#[derive(Clone, Debug)]
pub struct Inventory {
    pub executor: Executor,
    pub shutdown: CancellationToken,
}

#[tonic::async_trait]
impl InventoryService for Inventory {
    type UploadDeliveriesStream = Answers<UploadDeliveriesResponse>;

    async fn record_delivery(
        &self,
        request: Request<RecordDeliveryRequest>,
    ) -> Result<Response<RecordDeliveryResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let accepted = self.executor.unary(&metadata, message).await?;
        Ok(Response::new(RecordDeliveryResponse { accepted: Some(accepted) }))
    }

    async fn upload_deliveries(
        &self,
        request: Request<Streaming<UploadDeliveriesRequest>>,
    ) -> Result<Response<Self::UploadDeliveriesStream>, Status> {
        let (metadata, _, messages) = request.into_parts();
        let (executor, trace) = (self.executor.clone(), trace(&metadata));
        let submit = move |message: UploadDeliveriesRequest| {
            let (executor, trace) = (executor.clone(), trace.clone());
            async move { executor.streamed(trace, upload::or_default(message.delivery)).await }
        };
        let answer = |outcome| UploadDeliveriesResponse { outcome: Some(outcome) };
        Ok(Response::new(upload::serve(messages, self.shutdown.clone(), submit, answer)))
    }

    async fn adjust_stock(
        &self,
        request: Request<AdjustStockRequest>,
    ) -> Result<Response<AdjustStockResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let accepted = self.executor.unary(&metadata, message).await?;
        Ok(Response::new(AdjustStockResponse { accepted: Some(accepted) }))
    }
}
