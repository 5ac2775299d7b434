//! Every gRPC call, by method and code. The names are those of the common gRPC middlewares, so that their dashboards fit.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::Code;
use tower::{Layer, Service};
use tracing::info_span;

use super::SECONDS;
use crate::trace::{self, Span, Within};

/// Header and trailer in which the code of an answer stands.
const STATUS: &str = "grpc-status";

/// Codes by number, as labels name them.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfMethod {
    grpc_type: &'static str,
    grpc_service: String,
    grpc_method: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfCode {
    grpc_type: &'static str,
    grpc_service: String,
    grpc_method: String,
    grpc_code: &'static str,
}

/// Counts the calls of a server: a layer around it. The default counts nothing.
#[derive(Clone, Debug, Default)]
pub struct Calls(Option<Arc<Table>>);

#[derive(Debug)]
struct Table {
    families: Families,
    /// By path. Only these have series of their own: paths are the caller's words, and labels must not be.
    methods: HashMap<String, Arc<Method>>,
    unknown: Arc<Method>,
}

#[derive(Debug)]
struct Families {
    started: Family<OfMethod, Counter>,
    handled: Family<OfCode, Counter>,
    seconds: Family<OfMethod, Histogram, fn() -> Histogram>,
}

#[derive(Debug)]
struct Method {
    labels: OfMethod,
    series: OnceLock<(Counter, Histogram)>,
    handled: [OnceLock<Counter>; CODES.len()],
}

impl Calls {
    pub(super) fn new(descriptor_set: &[u8], registry: &mut Registry) -> Result<Self, prost::DecodeError> {
        let families = Families {
            started: Family::default(),
            handled: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
        };
        registry.register("grpc_server_started", "Calls that have begun", families.started.clone());
        registry.register("grpc_server_handled", "Calls that have ended, by code", families.handled.clone());
        let help = "How long calls take until their end, streams included";
        registry.register("grpc_server_handling_seconds", help, families.seconds.clone());
        let mut methods = HashMap::new();
        let reflection = tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET;
        for set in [descriptor_set, tonic_health::pb::FILE_DESCRIPTOR_SET, reflection] {
            for file in FileDescriptorSet::decode(set)?.file {
                for service in &file.service {
                    let name = format!("{}.{}", file.package(), service.name());
                    for method in &service.method {
                        let kind = match (method.client_streaming(), method.server_streaming()) {
                            (false, false) => "unary",
                            (true, false) => "client_stream",
                            (false, true) => "server_stream",
                            (true, true) => "bidi_stream",
                        };
                        let path = format!("/{name}/{}", method.name());
                        methods.insert(path, Arc::new(Method::new(kind, &name, method.name())));
                    }
                }
            }
        }
        let unknown = Arc::new(Method::new("unknown", "unknown", "unknown"));
        Ok(Self(Some(Arc::new(Table { families, methods, unknown }))))
    }

    fn begin<Q>(&self, request: &mut Request<Q>) -> Option<Call> {
        let table = self.0.as_ref()?;
        let known = table.methods.get(request.uri().path());
        let span = known.filter(|_| trace::is_on()).and_then(|method| method.traced(request.headers_mut()));
        let method = Arc::clone(known.unwrap_or(&table.unknown));
        method.series(&table.families).0.inc();
        Some(Call { table: Arc::clone(table), method, begun: Instant::now(), span, ended: false })
    }
}

impl Method {
    fn new(grpc_type: &'static str, service: &str, method: &str) -> Self {
        let labels = OfMethod { grpc_type, grpc_service: service.to_owned(), grpc_method: method.to_owned() };
        Self { labels, series: OnceLock::new(), handled: Default::default() }
    }

    fn traced(&self, headers: &mut HeaderMap) -> Option<Span> {
        trace::of_call(&self.labels.grpc_method, &self.labels.grpc_service, headers)
    }

    fn series(&self, families: &Families) -> &(Counter, Histogram) {
        self.series.get_or_init(|| {
            let Families { started, seconds, .. } = families;
            (started.get_or_create_owned(&self.labels), seconds.get_or_create_owned(&self.labels))
        })
    }

    fn handled(&self, families: &Families, code: Code) -> Option<&Counter> {
        let index = usize::try_from(i32::from(code)).ok()?;
        let (handled, name) = (self.handled.get(index)?, CODES.get(index)?);
        Some(handled.get_or_init(|| {
            let OfMethod { grpc_type, grpc_service, grpc_method } = self.labels.clone();
            families.handled.get_or_create_owned(&OfCode { grpc_type, grpc_service, grpc_method, grpc_code: name })
        }))
    }
}

/// True if a call that ends so failed through no fault of its caller.
fn is_failure(code: Code) -> bool {
    matches!(code, Code::Unknown | Code::Internal | Code::Unavailable | Code::DataLoss | Code::Unimplemented)
}

/// A call under way. Dropped without an end, it was cancelled: by its caller, or at its deadline.
#[derive(Debug)]
struct Call {
    table: Arc<Table>,
    method: Arc<Method>,
    begun: Instant,
    span: Option<Span>,
    ended: bool,
}

impl Call {
    fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        if let Some(span) = self.span.take() {
            span.tell("rpc.grpc.status_code", i64::from(i32::from(code)));
            if is_failure(code) {
                span.fail(code.description());
            }
        }
        let families = &self.table.families;
        self.method.series(families).1.observe(self.begun.elapsed().as_secs_f64());
        if let Some(handled) = self.method.handled(families, code) {
            handled.inc();
        }
    }

    /// Ends the call if its code is told here.
    fn end_by(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get(STATUS) {
            self.end(Code::from_bytes(status.as_bytes()));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}

impl<S> Layer<S> for Calls {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, calls: self.clone() }
    }
}

/// A server whose calls are counted.
#[derive(Clone, Debug)]
pub struct Counted<S> {
    inner: S,
    calls: Calls,
}

impl<S, Q, B> Service<Request<Q>> for Counted<S>
where
    S: Service<Request<Q>, Response = Response<B>>,
{
    type Response = Response<Answer<B>>;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let call = self.calls.begin(&mut request);
        let span = call.as_ref().and_then(|call| call.span.as_ref());
        let logged = span.map_or_else(tracing::Span::none, |span| info_span!("traced", trace_id = span.trace_id()));
        Answering { inner: trace::within(span, self.inner.call(request)), call, logged }
    }
}

pin_project! {
    /// A call until its answer begins.
    #[derive(Debug)]
    pub struct Answering<F> {
        #[pin]
        inner: Within<F>,
        call: Option<Call>,
        // Lines that are logged meanwhile carry the id of the trace.
        logged: tracing::Span,
    }
}

impl<F, B, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<Answer<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let entered = this.logged.enter();
        let answered = ready!(this.inner.poll(context));
        drop(entered);
        let mut call = this.call.take();
        Poll::Ready(match answered {
            Ok(response) => {
                if let Some(call) = &mut call {
                    call.end_by(response.headers());
                }
                Ok(response.map(|inner| Answer { inner, call }))
            }
            Err(error) => {
                if let Some(call) = &mut call {
                    call.end(Code::Unknown);
                }
                Err(error)
            }
        })
    }
}

pin_project! {
    /// An answer on its way; its end tells the code.
    #[derive(Debug)]
    pub struct Answer<B> {
        #[pin]
        inner: B,
        call: Option<Call>,
    }
}

impl<B: Body<Data = Bytes>> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(context));
        if let Some(call) = this.call {
            match &frame {
                Some(Ok(frame)) => {
                    if let Some(trailers) = frame.trailers_ref() {
                        call.end_by(trailers);
                    }
                }
                Some(Err(_)) | None => call.end(Code::Unknown),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests;
