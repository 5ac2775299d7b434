//! Traces: where the time of one call went, through all services. Off unless a collector is named; then spans go there by OTLP.
//!
//! - `OTEL_EXPORTER_OTLP_ENDPOINT` (or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`): the collector, by gRPC, such as
//!   `http://127.0.0.1:4317`; without it nothing is traced;
//! - `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG`: which traces, for example `parentbased_traceidratio` and `0.01`; by default
//!   all but those whose caller decided otherwise;
//! - `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_…`, `OTEL_EXPORTER_OTLP_…`: as the standard has them;
//! - `OTEL_SDK_DISABLED=true`: off, whatever else is said.
//!
//! A call continues the trace of its `traceparent` header, and everything behind it continues the call's: an event carries it
//! in its metadata. A batch holds what many calls asked for: its span belongs to the trace of the first that is sampled, and
//! is linked with the others. There are no spans of single events or lines, and none at all while nothing is traced.

use std::{
    collections::HashSet,
    env,
    future::Future,
    pin::Pin,
    sync::OnceLock,
    task::{Context as TaskContext, Poll},
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderValue};
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{Link, SpanBuilder, SpanContext, Status, TraceContextExt as _, Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider},
};
use pin_project_lite::pin_project;
use tracing::{info, warn};

pub use opentelemetry::trace::SpanKind as Kind;

use crate::BoxError;

/// The header of the W3C standard by which a trace goes on.
pub const TRACEPARENT: &str = "traceparent";

/// Its length: the library takes shorter ones, too.
const TRACEPARENT_LEN: usize = 55;

/// Other traces with which the span of a batch is linked: more make no picture.
const MAX_LINKS: usize = 32;

/// How long after it was recorded an event is a part of its trace.
const RECENT: Duration = Duration::from_secs(600);

/// How long what was not sent yet may take at the end of the process.
const END_TIMEOUT: Duration = Duration::from_secs(2);

static TRACING: OnceLock<Tracing> = OnceLock::new();

#[derive(Debug)]
struct Tracing {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// True if this process traces.
#[must_use]
pub fn is_on() -> bool {
    TRACING.get().is_some()
}

/// Begins to trace if a collector is named. To be called within the runtime, once.
pub(crate) fn begin(service: &'static str) -> Result<(), BoxError> {
    let is_set = |name| env::var(name).is_ok_and(|value: String| !value.is_empty());
    let is = |name, wanted: &str| env::var(name).is_ok_and(|value| value.eq_ignore_ascii_case(wanted));
    let named = is_set("OTEL_EXPORTER_OTLP_ENDPOINT") || is_set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    if !named || is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
        return Ok(());
    }
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().build()?;
    let mut resource = Resource::builder();
    if !is_set("OTEL_SERVICE_NAME") {
        resource = resource.with_service_name(service);
    }
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build();
    let tracer = provider.tracer("daybook");
    if TRACING.set(Tracing { provider, tracer }).is_ok() {
        info!(service, "calls are traced");
    }
    Ok(())
}

/// Sends what was not sent yet.
pub(crate) fn end() {
    if let Some(tracing) = TRACING.get()
        && let Err(error) = tracing.provider.shutdown_with_timeout(END_TIMEOUT)
    {
        warn!(error = %error, "the last traces could not be sent");
    }
}

/// A piece of work that is traced. It ends when this is dropped.
#[derive(Debug)]
pub struct Span(Context);

impl Span {
    fn begin(builder: SpanBuilder, parent: &Context) -> Option<Self> {
        let tracing = TRACING.get()?;
        let context = parent.with_span(tracing.tracer.build_with_context(builder, parent));
        let is_sampled = context.span().span_context().is_sampled();
        is_sampled.then_some(Self(context))
    }

    /// How others continue the trace from here.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let span = self.0.span();
        let context = span.span_context();
        format!("00-{}-{}-01", context.trace_id(), context.span_id())
    }

    /// The id of the trace, for logs.
    #[must_use]
    pub fn trace_id(&self) -> String {
        self.0.span().span_context().trace_id().to_string()
    }

    /// Says something about the work.
    pub fn tell(&self, name: &'static str, value: impl Into<opentelemetry::Value>) {
        self.0.span().set_attribute(KeyValue::new(name, value));
    }

    /// Says that the work failed.
    pub fn fail(&self, why: &'static str) {
        self.0.span().set_status(Status::error(why));
    }

    pub(crate) fn context(&self) -> Context {
        self.0.clone()
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.0.span().end();
    }
}

/// The span of a call, which continues the trace of its headers; they then name this span, so that whoever reads them goes on
/// from here. `None` if the call is not traced.
pub(crate) fn of_call(method: &str, service: &str, headers: &mut HeaderMap) -> Option<Span> {
    let tracing = TRACING.get()?;
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
    let attributes = [
        KeyValue::new("rpc.system", "grpc"),
        KeyValue::new("rpc.service", service.to_owned()),
        KeyValue::new("rpc.method", method.to_owned()),
    ];
    let builder = tracing.tracer.span_builder(format!("{service}/{method}"));
    let span = Span::begin(builder.with_kind(Kind::Server).with_attributes(attributes), &parent)?;
    if let Ok(traceparent) = HeaderValue::from_str(&span.traceparent()) {
        headers.insert(TRACEPARENT, traceparent);
    }
    Some(span)
}

/// A span within the work that is under way here. `None` if that is not traced.
#[must_use]
pub fn child(name: &'static str, kind: Kind) -> Option<Span> {
    let tracing = TRACING.get()?;
    Context::map_current(|current| {
        let builder = current.has_active_span().then(|| tracing.tracer.span_builder(name).with_kind(kind))?;
        Span::begin(builder, current)
    })
}

/// The span of work that was asked for by those who sent these trace contexts. `None` if none of them is traced.
pub fn joined<'a>(name: &'static str, kind: Kind, traceparents: impl IntoIterator<Item = &'a str>) -> Option<Span> {
    let tracing = TRACING.get()?;
    let mut seen = HashSet::new();
    let mut sampled = traceparents
        .into_iter()
        // The flag that says so stands at the end.
        .filter(|traceparent| traceparent.ends_with('1') && seen.insert(*traceparent))
        .filter_map(context_of);
    let parent = sampled.next()?;
    let links = sampled.take(MAX_LINKS).map(Link::with_context).collect();
    let builder = tracing.tracer.span_builder(name).with_kind(kind).with_links(links);
    Span::begin(builder, &Context::new().with_remote_span_context(parent))
}

/// The id of the trace that a context names, for logs.
#[must_use]
pub fn id_in(traceparent: &str) -> Option<&str> {
    let (version, rest) = traceparent.split_once('-')?;
    let id = rest.split('-').next()?;
    (version.len() == 2 && id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

/// True if what was recorded then is still worth being traced. Whoever folds or publishes an old log again adds nothing to
/// the calls of that time.
#[must_use]
pub fn is_recent(recorded_at: SystemTime) -> bool {
    recorded_at.elapsed().is_ok_and(|age| age < RECENT)
}

fn context_of(traceparent: &str) -> Option<SpanContext> {
    // The propagator also takes what lacks a digit.
    id_in(traceparent).filter(|_| traceparent.len() == TRACEPARENT_LEN)?;
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &Text(traceparent));
    let span = context.span();
    Some(span.span_context().clone()).filter(|context| context.is_valid() && context.is_sampled())
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

struct Text<'a>(&'a str);

impl Extractor for Text<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

/// Work as a part of a span: spans that are begun in it are its children.
pub fn within<F: Future>(span: Option<&Span>, work: F) -> Within<F> {
    Within { work, context: span.map(Span::context) }
}

/// Work for a task of its own, as a part of what is under way here.
pub fn carried<F: Future>(work: F) -> Within<F> {
    let context = is_on().then(|| Context::map_current(|current| current.has_active_span().then(|| current.clone())));
    Within { work, context: context.flatten() }
}

pin_project! {
    /// Work as a part of a span.
    #[derive(Debug)]
    pub struct Within<F> {
        #[pin]
        work: F,
        context: Option<Context>,
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _attached = this.context.clone().map(Context::attach);
        this.work.poll(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_context_is_read_and_one_that_is_none_is_not() {
        let context = context_of(TRACE).unwrap();
        assert_eq!(Some(context.trace_id().to_string().as_str()), id_in(TRACE));
        let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        for none in ["", "1", unsampled, "00-0000-1-01", &TRACE[1..], "00-4BF92F3577B34DA6A3CE929D0E0E4736-1-01"] {
            assert!(context_of(none).is_none(), "{none}");
        }
        assert_eq!((id_in(""), id_in("a-b-c")), (None, None));
    }

    #[tokio::test]
    async fn without_a_collector_there_are_no_spans() {
        assert!(!is_on() && child("work", Kind::Internal).is_none());
        assert!(joined("work", Kind::Internal, [TRACE]).is_none());
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static(TRACE));
        assert!(of_call("Check", "grpc.health.v1.Health", &mut headers).is_none());
        assert_eq!(headers[TRACEPARENT], TRACE);
        assert_eq!(carried(within(None, async { 7 })).await, 7);
    }
}
