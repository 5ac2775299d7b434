//! SaleService.

use daybook::command::v1::{
    RecordReturnRequest, RecordReturnResponse, RecordSaleRequest, RecordSaleResponse, UploadSalesRequest,
    UploadSalesResponse, VoidSaleRequest, VoidSaleResponse, sale_service_server::SaleService,
};
use daybook_chassis::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{
    execute::{Executor, trace},
    upload::{self, Answers},
};

/// What happens at the registers.
#[derive(Clone, Debug)]
pub struct Sales {
    pub executor: Executor,
    pub shutdown: CancellationToken,
}

#[tonic::async_trait]
impl SaleService for Sales {
    type UploadSalesStream = Answers<UploadSalesResponse>;

    async fn record_sale(&self, request: Request<RecordSaleRequest>) -> Result<Response<RecordSaleResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let accepted = self.executor.unary(&metadata, message).await?;
        Ok(Response::new(RecordSaleResponse { accepted: Some(accepted) }))
    }

    async fn upload_sales(
        &self,
        request: Request<Streaming<UploadSalesRequest>>,
    ) -> Result<Response<Self::UploadSalesStream>, Status> {
        let (metadata, _, messages) = request.into_parts();
        let (executor, trace) = (self.executor.clone(), trace(&metadata));
        let submit = move |message: UploadSalesRequest| {
            let (executor, trace) = (executor.clone(), trace.clone());
            async move { executor.streamed(trace, upload::or_default(message.sale)).await }
        };
        let answer = |outcome| UploadSalesResponse { outcome: Some(outcome) };
        Ok(Response::new(upload::serve(messages, self.shutdown.clone(), submit, answer)))
    }

    async fn void_sale(&self, request: Request<VoidSaleRequest>) -> Result<Response<VoidSaleResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let accepted = self.executor.unary(&metadata, message).await?;
        Ok(Response::new(VoidSaleResponse { accepted: Some(accepted) }))
    }

    async fn record_return(
        &self,
        request: Request<RecordReturnRequest>,
    ) -> Result<Response<RecordReturnResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let accepted = self.executor.unary(&metadata, message).await?;
        Ok(Response::new(RecordReturnResponse { accepted: Some(accepted) }))
    }
}
