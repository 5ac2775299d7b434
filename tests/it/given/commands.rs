//! Sending commands, each with a deadline and without trying again.

use std::time::Duration;

use daybook::client::Link;
use daybook::{
    client::CommandClient,
    command::v1::{
        Accepted, AdjustStockRequest, RecordDeliveryRequest, RecordReturnRequest, RecordSaleRequest,
        RegisterItemRequest, RegisterStoreRequest, RegisterSupplierRequest, UploadSalesRequest, VoidSaleRequest,
    },
};
use tonic::{Request, Status};

use crate::world::service::Service;

/// Deadline of one call: long enough for a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A client of the command service.
#[derive(Clone, Debug)]
pub(crate) struct Commands {
    client: CommandClient,
}

impl Commands {
    /// Commands to a service, over a connection of their own.
    pub(crate) fn to(service: &Service) -> Self {
        Self::over(service.channel())
    }

    /// Commands over a connection.
    pub(crate) fn over(channel: Link) -> Self {
        Self { client: CommandClient::new(channel) }
    }

    pub(crate) async fn register_supplier(&self, message: RegisterSupplierRequest) -> Result<Accepted, Status> {
        let answer = self.client.clone().catalogue.register_supplier(request(message)).await?;
        Ok(answer.into_inner().accepted.expect("an answer is not empty"))
    }

    pub(crate) async fn register_store(&self, message: RegisterStoreRequest) -> Result<Accepted, Status> {
        let answer = self.client.clone().catalogue.register_store(request(message)).await?;
        Ok(answer.into_inner().accepted.expect("an answer is not empty"))
    }

    pub(crate) async fn register_item(&self, message: RegisterItemRequest) -> Result<Accepted, Status> {
        let answer = self.client.clone().catalogue.register_item(request(message)).await?;
        Ok(answer.into_inner().accepted.expect("an answer is not empty"))
    }

    pub(crate) async fn deliver(&self, message: RecordDeliveryRequest) -> Result<Accepted, Status> {
        let answer = self.client.clone().inventory.record_delivery(request(message)).await?;
        Ok(answer.into_inner().accepted.expect("an answer is not empty"))
    }

    pub(crate) async fn adjust(&self, message: AdjustStockRequest) -> Result<Accepted, Status> {
        let answer = self.client.clone().inventory.adjust_stock(request(message)).await?;
        Ok(answer.into_inner().accepted.expect("an answer is not empty"))
    }

    pub(crate) async fn sell(&self, message: RecordSaleRequest) -> Result<Accepted, Status> {
        let answer = self.client.clone().sales.record_sale(request(message)).await?;
        Ok(answer.into_inner().accepted.expect("an answer is not empty"))
    }

    pub(crate) async fn void(&self, message: VoidSaleRequest) -> Result<Accepted, Status> {
        let answer = self.client.clone().sales.void_sale(request(message)).await?;
        Ok(answer.into_inner().accepted.expect("an answer is not empty"))
    }

    pub(crate) async fn take_back(&self, message: RecordReturnRequest) -> Result<Accepted, Status> {
        let answer = self.client.clone().sales.record_return(request(message)).await?;
        Ok(answer.into_inner().accepted.expect("an answer is not empty"))
    }

    /// Uploads sales over one stream and answers their outcomes.
    pub(crate) async fn upload(
        &self,
        sales: Vec<RecordSaleRequest>,
    ) -> Result<Vec<daybook::command::v1::Outcome>, Status> {
        let messages = sales.into_iter().map(|sale| UploadSalesRequest { sale: Some(sale) });
        let stream = tokio_stream::iter(messages.collect::<Vec<_>>());
        let mut answers = self.client.clone().sales.upload_sales(request(stream)).await?.into_inner();
        let mut outcomes = Vec::new();
        while let Some(answer) = answers.message().await? {
            outcomes.push(answer.outcome.expect("an answer is not empty"));
        }
        Ok(outcomes)
    }
}

fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    request
}
