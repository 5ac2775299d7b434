//! A collector of traces: takes what services send by OTLP.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
    trace::v1::Span,
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::Server};

/// A span and the service that sent it.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) service: String,
    pub(super) span: Span,
}

/// What was sent so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Collector(Arc<Mutex<Vec<Sent>>>);

impl Collector {
    /// Begins to collect; answers where. It ends with the runtime.
    pub(super) async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let server = Server::builder().add_service(TraceServiceServer::new(collector.clone()));
        tokio::spawn(server.serve_with_incoming(incoming));
        (collector, format!("http://{address}"))
    }

    /// The spans of a trace.
    pub(super) fn trace(&self, id: &str) -> Vec<Sent> {
        let sent = self.0.lock().expect("no test fails while it holds this");
        sent.iter().filter(|sent| hex(&sent.span.trace_id) == id).cloned().collect()
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut sent = self.0.lock().expect("no test fails while it holds this");
        for of_resource in request.into_inner().resource_spans {
            let attributes = of_resource.resource.unwrap_or_default().attributes;
            let name = attributes.into_iter().find(|attribute| attribute.key == "service.name");
            let name = name.and_then(|name| name.value?.value);
            let Some(Value::StringValue(service)) = name else { panic!("a service says its name: {name:?}") };
            let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            sent.extend(spans.map(|span| Sent { service: service.clone(), span }));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// An id as headers and logs have it.
pub(super) fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
