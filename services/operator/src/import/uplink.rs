//! The five upload streams of the API behind one shape.

use std::future::Future;

use daybook::{
    client::CommandClient,
    command::v1::{
        BulkRegisterItemsRequest, BulkRegisterItemsResponse, BulkRegisterStoresRequest, BulkRegisterStoresResponse,
        BulkRegisterSuppliersRequest, BulkRegisterSuppliersResponse, Outcome, UploadDeliveriesRequest,
        UploadDeliveriesResponse, UploadSalesRequest, UploadSalesResponse,
    },
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// A message of a stream of commands, each answered on its own and in order.
pub(crate) trait Upload: prost::Message + Clone + 'static {
    type Answer: Send + 'static;

    /// The id of the command in it; empty if there is none.
    fn request_id(&self) -> &str;

    /// Opens the stream.
    fn open(
        client: CommandClient,
        messages: ReceiverStream<Self>,
    ) -> impl Future<Output = Result<Streaming<Self::Answer>, Status>> + Send;

    /// What an answer holds.
    fn outcome(answer: Self::Answer) -> Option<Outcome>;
}

macro_rules! uploads {
    ($($request:ident { $command:ident } -> $answer:ident by $service:ident.$method:ident;)*) => {$(
        impl Upload for $request {
            type Answer = $answer;

            fn request_id(&self) -> &str {
                self.$command.as_ref().map_or("", |command| &command.request_id)
            }

            async fn open(
                mut client: CommandClient,
                messages: ReceiverStream<Self>,
            ) -> Result<Streaming<$answer>, Status> {
                client.$service.$method(messages).await.map(tonic::Response::into_inner)
            }

            fn outcome(answer: $answer) -> Option<Outcome> {
                answer.outcome
            }
        }
    )*};
}

uploads! {
    BulkRegisterSuppliersRequest { supplier } -> BulkRegisterSuppliersResponse by catalogue.bulk_register_suppliers;
    BulkRegisterStoresRequest { store } -> BulkRegisterStoresResponse by catalogue.bulk_register_stores;
    BulkRegisterItemsRequest { item } -> BulkRegisterItemsResponse by catalogue.bulk_register_items;
    UploadDeliveriesRequest { delivery } -> UploadDeliveriesResponse by inventory.upload_deliveries;
    UploadSalesRequest { sale } -> UploadSalesResponse by sales.upload_sales;
}
