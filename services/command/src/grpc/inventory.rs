//! InventoryService.

use daybook::command::v1::{
    AdjustStockRequest, AdjustStockResponse, RecordDeliveryRequest, RecordDeliveryResponse, UploadDeliveriesRequest,
    UploadDeliveriesResponse, inventory_service_server::InventoryService,
};
use daybook_chassis::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{
    execute::Executor,
    origin::split,
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
        let (origin, message) = split(request)?;
        let accepted = self.executor.unary(origin, message).await?;
        Ok(Response::new(RecordDeliveryResponse { accepted: Some(accepted) }))
    }

    async fn upload_deliveries(
        &self,
        request: Request<Streaming<UploadDeliveriesRequest>>,
    ) -> Result<Response<Self::UploadDeliveriesStream>, Status> {
        let (origin, messages) = split(request)?;
        let executor = self.executor.clone();
        let submit = move |message: UploadDeliveriesRequest| {
            let (executor, origin) = (executor.clone(), origin.clone());
            async move { executor.streamed(&origin, upload::or_default(message.delivery)).await }
        };
        let answer = |outcome| UploadDeliveriesResponse { outcome: Some(outcome) };
        Ok(Response::new(upload::serve(messages, self.shutdown.clone(), submit, answer)))
    }

    async fn adjust_stock(
        &self,
        request: Request<AdjustStockRequest>,
    ) -> Result<Response<AdjustStockResponse>, Status> {
        let (origin, message) = split(request)?;
        let accepted = self.executor.unary(origin, message).await?;
        Ok(Response::new(AdjustStockResponse { accepted: Some(accepted) }))
    }
}
