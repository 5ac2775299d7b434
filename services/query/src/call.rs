//! What stands around every call: room for it, a deadline, a request id, a span, one line of log, and its status.

use std::{future::Future, time::Instant as Stopwatch};

use daybook_chassis::{access::Caller, deadline, metrics::Metrics, trace};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status};
use tracing::{Instrument as _, Span, debug, info_span};
use uuid::Uuid;

use crate::{
    fresh::Shown, heads::Heads, places::Places, position::Positions, recent::Recent, status::QueryError, store::Store,
    stream::Streams,
};

/// Unary calls in hand at once, over all connections. Each holds at most a page of a report; beyond it calls would only
/// wait for MongoDB, and the caller does better to come back.
const UNARY_CALLS: usize = 512;

/// Lists being put together at once, each of up to [`crate::list::ANSWER_BYTES`]. Further ones wait until their deadline.
const LISTS: usize = 32;

/// Large reports that streams hold as a whole at once; one of 60,000 items has some 10 MB. Further ones wait.
const LARGE_REPORTS: usize = 4;

/// Header by which a caller may give a call an id for finding it in the logs.
const REQUEST_ID: &str = "x-request-id";

/// Longest request id that is taken over: a UUID, or something of the kind.
const MAX_REQUEST_ID_CHARS: usize = 64;

/// What all services share.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) store: Store,
    pub(crate) positions: Positions,
    pub(crate) recent: Recent,
    pub(crate) heads: Heads,
    pub(crate) shown: Shown,
    pub(crate) streams: Streams,
    unary: Places,
    lists: Places,
    large_reports: Places,
}

/// What is known of a call beside its message.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// When the answer must be on its way; of a stream, when the position that it asks for must be reached.
    pub(crate) deadline: Instant,
    pub(crate) request_id: String,
    pub(crate) caller: Caller,
    /// The trace that it is a part of, if its caller said so.
    trace_id: Option<String>,
}

impl Frame {
    /// What services share, with all places free.
    #[must_use]
    pub(crate) fn new(
        store: Store,
        positions: Positions,
        recent: Recent,
        metrics: &Metrics,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            store,
            positions,
            recent,
            heads: Heads::new(),
            shown: Shown::default(),
            streams: Streams::new(shutdown).counted(metrics),
            unary: Places::new("calls", UNARY_CALLS).counted("calls", metrics),
            lists: Places::new("lists", LISTS).counted("lists", metrics),
            large_reports: Places::new("large reports", LARGE_REPORTS).counted("large_reports", metrics),
        }
    }

    /// Answers a unary call.
    ///
    /// # Errors
    /// The status of what went wrong.
    pub(crate) async fn unary<Q, A, W, F>(
        &self,
        method: &'static str,
        request: Request<Q>,
        work: W,
    ) -> Result<Response<A>, Status>
    where
        W: FnOnce(Call, Q) -> F,
        F: Future<Output = Result<A, QueryError>>,
    {
        let call = Call::of(&request)?;
        let request_id = call.request_id.clone();
        let span = call.span(method);
        let work = async {
            let begun = Stopwatch::now();
            let result = match self.unary.take() {
                Ok(_place) => work(call, request.into_inner()).await,
                Err(overloaded) => Err(overloaded),
            };
            let result = result.map_err(|error| error.into_status(&request_id));
            log_end(result.as_ref().err(), begun);
            result.map(Response::new)
        };
        work.instrument(span).await
    }

    /// Room for putting a list together, as soon as there is some.
    ///
    /// # Errors
    /// If there is none in time.
    pub(crate) async fn list_place(&self, until: Instant) -> Result<OwnedSemaphorePermit, QueryError> {
        self.lists.take_in_time(until).await
    }

    /// Room for holding a large report, as soon as there is some.
    ///
    /// # Errors
    /// If there is none in time.
    pub(crate) async fn large_report_place(&self, until: Instant) -> Result<OwnedSemaphorePermit, QueryError> {
        self.large_reports.take_in_time(until).await
    }
}

impl Call {
    /// The call of a request.
    ///
    /// # Errors
    /// If nobody knows who calls.
    pub(crate) fn of<Q>(request: &Request<Q>) -> Result<Self, Status> {
        let metadata = request.metadata();
        let caller = Caller::of(request.extensions()).map_err(|refusal| refusal.into_status(""))?;
        let given = metadata.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        let given = given.filter(|id| !id.is_empty() && id.len() <= MAX_REQUEST_ID_CHARS);
        let request_id = given.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        let traceparent = metadata.get(trace::TRACEPARENT).and_then(|value| value.to_str().ok());
        let trace_id = traceparent.and_then(trace::id_in).map(str::to_owned);
        Ok(Self { deadline: deadline::of(metadata), request_id, caller, trace_id })
    }

    /// The span in which the call is answered; not at debug, so that whatever is logged in it carries the request id.
    #[must_use]
    pub(crate) fn span(&self, method: &'static str) -> Span {
        info_span!("call", method, request_id = self.request_id, trace_id = self.trace_id)
    }
}

/// Logs how a call ended.
pub(crate) fn log_end(status: Option<&Status>, begun: Stopwatch) {
    let code = status.map_or(Code::Ok, Status::code);
    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    debug!(?code, duration_us = micros, "answered");
}
