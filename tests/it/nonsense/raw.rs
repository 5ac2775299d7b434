//! Calls whose messages are bytes: of any method of the contract, and of none of its messages if need be.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use daybook::client::Link;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
};

/// How long a refusal may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// Header by which a query may be given a request id.
pub(crate) const REQUEST_ID_HEADER: &str = "x-request-id";

/// The contract, as the services describe it to anybody who asks.
pub(crate) fn contract() -> DescriptorPool {
    DescriptorPool::decode(daybook::FILE_DESCRIPTOR_SET).expect("the descriptor set can be read")
}

/// Services of which the contract is fixed and that no process serves yet.
const LATER: &[&str] = &[
    "daybook.command.v1.AssortmentService",
    "daybook.command.v1.CorrectionService",
    "daybook.command.v1.DayService",
    "daybook.command.v1.MovementService",
];

/// Every method of the contract.
fn methods() -> impl Iterator<Item = MethodDescriptor> {
    contract().services().collect::<Vec<_>>().into_iter().flat_map(|service| service.methods().collect::<Vec<_>>())
}

/// Every method of the contract that is served.
pub(crate) fn served() -> Vec<MethodDescriptor> {
    methods().filter(|method| !LATER.contains(&method.parent_service().full_name())).collect()
}

/// Every method of the contract that is not served yet.
pub(crate) fn not_served() -> Vec<MethodDescriptor> {
    methods().filter(|method| LATER.contains(&method.parent_service().full_name())).collect()
}

/// The method with a name such as `daybook.command.v1.SaleService/RecordSale`.
pub(crate) fn method(name: &str) -> MethodDescriptor {
    let found = methods().find(|method| name_of(method) == name);
    found.unwrap_or_else(|| panic!("there is no {name}"))
}

/// The name of a method, as it stands in the path of a call.
pub(crate) fn name_of(method: &MethodDescriptor) -> String {
    format!("{}/{}", method.parent_service().full_name(), method.name())
}

/// The bytes of a method's request that is written as JSON.
pub(crate) fn encode(method: &MethodDescriptor, json: &serde_json::Value) -> Bytes {
    let message = DynamicMessage::deserialize(method.input(), json)
        .unwrap_or_else(|error| panic!("{}: {error}: {json}", name_of(method)));
    prost::Message::encode_to_vec(&message).into()
}

/// Calls a method with one message and answers everything that comes back.
pub(crate) async fn call(
    channel: &Link,
    method: &MethodDescriptor,
    message: Bytes,
    request_id: &str,
) -> Result<Vec<Bytes>, Status> {
    call_path(channel, &name_of(method), message, request_id).await
}

/// As [`call`], whether there is such a method or not.
pub(crate) async fn call_path(
    channel: &Link,
    name: &str,
    message: Bytes,
    request_id: &str,
) -> Result<Vec<Bytes>, Status> {
    let path: PathAndQuery = format!("/{name}").parse().expect("a path");
    let mut client = Grpc::new(channel.clone());
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    // On the wire a call with one message is a stream of one message.
    let mut request = Request::new(tokio_stream::iter([message]));
    request.set_timeout(DEADLINE);
    request.metadata_mut().insert(REQUEST_ID_HEADER, request_id.parse().expect("a header value"));
    let mut answers = client.streaming(request, path, Plain).await?.into_inner();
    let mut all = Vec::new();
    while let Some(answer) = answers.message().await? {
        all.push(answer);
    }
    Ok(all)
}

/// Leaves bytes as they are.
#[derive(Clone, Copy, Debug)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
