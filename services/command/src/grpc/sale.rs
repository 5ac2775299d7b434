//! SaleService.

use daybook::command::v1::{
    RecordReturnRequest, RecordReturnResponse, RecordSaleRequest, RecordSaleResponse, UploadSalesRequest,
    UploadSalesResponse, VoidSaleRequest, VoidSaleResponse, sale_service_server::SaleService,
};
use daybook_chassis::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::{
    execute::Executor,
    origin::split,
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
        let (origin, message) = split(request)?;
        let accepted = self.executor.unary(origin, message).await?;
        Ok(Response::new(RecordSaleResponse { accepted: Some(accepted) }))
    }

    async fn upload_sales(
        &self,
        request: Request<Streaming<UploadSalesRequest>>,
    ) -> Result<Response<Self::UploadSalesStream>, Status> {
        let (origin, messages) = split(request)?;
        let executor = self.executor.clone();
        let submit = move |message: UploadSalesRequest| {
            let (executor, origin) = (executor.clone(), origin.clone());
            async move { executor.streamed(&origin, upload::or_default(message.sale)).await }
        };
        let answer = |outcome| UploadSalesResponse { outcome: Some(outcome) };
        Ok(Response::new(upload::serve(messages, self.shutdown.clone(), submit, answer)))
    }

    async fn void_sale(&self, request: Request<VoidSaleRequest>) -> Result<Response<VoidSaleResponse>, Status> {
        let (origin, message) = split(request)?;
        let accepted = self.executor.unary(origin, message).await?;
        Ok(Response::new(VoidSaleResponse { accepted: Some(accepted) }))
    }

    async fn record_return(
        &self,
        request: Request<RecordReturnRequest>,
    ) -> Result<Response<RecordReturnResponse>, Status> {
        let (origin, message) = split(request)?;
        let accepted = self.executor.unary(origin, message).await?;
        Ok(Response::new(RecordReturnResponse { accepted: Some(accepted) }))
    }
}
