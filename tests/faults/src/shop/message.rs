//! A command of any kind.

use std::time::Duration;

use daybook::{
    client::CommandClient,
    command::v1::{
        Accepted, AdjustStockRequest, RecordDeliveryRequest, RecordReturnRequest, RecordSaleRequest,
        RegisterItemRequest, RegisterStoreRequest, RegisterSupplierRequest, VoidSaleRequest,
    },
};
use prost::Message as _;
use tonic::{Request, Response, Status};

use crate::Outcome;

macro_rules! messages {
    ($($kind:ident($message:ident) = $name:literal, $client:ident.$call:ident;)*) => {
        /// A command.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Message {
            $($kind($message),)*
        }

        impl Message {
            /// What it is, in the journal.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$kind(_) => $name,)* }
            }

            /// Its request id.
            #[must_use]
            pub fn request_id(&self) -> &str {
                match self { $(Self::$kind(message) => &message.request_id,)* }
            }

            /// The same command under another request id.
            #[must_use]
            pub fn with_request_id(mut self, request_id: String) -> Self {
                match &mut self { $(Self::$kind(message) => message.request_id = request_id,)* }
                self
            }

            /// Its bytes.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                match self { $(Self::$kind(message) => message.encode_to_vec(),)* }
            }

            /// The command of a kind with these bytes.
            ///
            /// # Errors
            /// If there is no such kind, or the bytes are no such command.
            pub fn decode(kind: &str, bytes: &[u8]) -> Outcome<Self> {
                match kind {
                    $($name => Ok(Self::$kind($message::decode(bytes)?)),)*
                    other => Err(format!("{other} is no kind of command").into()),
                }
            }

            /// Sends it once.
            ///
            /// # Errors
            /// What the service or the connection says.
            pub async fn send(self, client: &CommandClient, deadline: Duration) -> Result<Accepted, Status> {
                let mut client = client.clone();
                let accepted = match self {
                    $(Self::$kind(message) => {
                        let answer = client.$client.$call(timed(message, deadline)).await;
                        answer.map(Response::into_inner)?.accepted
                    })*
                };
                accepted.ok_or_else(|| Status::data_loss("an answer without a result"))
            }
        }
    };
}

messages! {
    Supplier(RegisterSupplierRequest) = "supplier", catalogue.register_supplier;
    Store(RegisterStoreRequest) = "store", catalogue.register_store;
    Item(RegisterItemRequest) = "item", catalogue.register_item;
    Sale(RecordSaleRequest) = "sale", sales.record_sale;
    Void(VoidSaleRequest) = "void", sales.void_sale;
    Return(RecordReturnRequest) = "return", sales.record_return;
    Delivery(RecordDeliveryRequest) = "delivery", inventory.record_delivery;
    Adjustment(AdjustStockRequest) = "adjustment", inventory.adjust_stock;
}

fn timed<T>(message: T, deadline: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}
