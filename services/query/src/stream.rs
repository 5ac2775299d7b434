//! Streams to callers: a bounded queue of messages, which ends when the caller goes away, does not read, or the service
//! stops.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant as Stopwatch},
};

use daybook_chassis::{metrics::Metrics, trace};
use futures_util::Stream;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use crate::{
    call::{Call, log_end},
    places::Places,
    status::QueryError,
    store::StoreError,
};

/// Streams open at once: each holds several messages and, with entries, a whole report.
const STREAMS: usize = 64;

/// Messages that wait for a caller to read them. Some, so that reading and sending overlap; few, because one may have
/// megabytes.
const QUEUE_MESSAGES: usize = 4;

/// How long a caller may leave a full queue alone before its stream is ended and its place goes to somebody else.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Starts streams, so many at once.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    places: Places,
    shutdown: CancellationToken,
}

/// Messages on their way to a caller, as its connection takes them.
#[derive(Debug)]
pub(crate) struct Outgoing<M> {
    queue: Arc<Mutex<Option<mpsc::Receiver<M>>>>,
    end: oneshot::Receiver<Option<Status>>,
    ended: bool,
}

/// Takes the messages of one stream.
#[derive(Debug)]
pub(crate) struct Outbox<M> {
    queue: mpsc::Sender<M>,
}

/// Why no more messages are taken.
#[derive(Debug)]
pub(crate) enum Closed {
    /// Nobody is there any more.
    CallerGone,
    Failed(QueryError),
}

impl From<QueryError> for Closed {
    fn from(error: QueryError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Closed {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl<M> Outbox<M> {
    /// Sends a message as soon as there is room.
    ///
    /// # Errors
    /// If the caller has gone or has not read for too long.
    pub(crate) async fn send(&self, message: M) -> Result<(), Closed> {
        match timeout(STALL_TIMEOUT, self.queue.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Closed::CallerGone),
            Err(_) => Err(Closed::Failed(QueryError::SlowReader)),
        }
    }
}

impl Streams {
    /// No streams yet; all end when the token is cancelled.
    pub(crate) fn new(shutdown: CancellationToken) -> Self {
        Self { places: Places::new("streams", STREAMS), shutdown }
    }

    /// The same streams, told of among the metrics.
    #[must_use]
    pub(crate) fn counted(self, metrics: &Metrics) -> Self {
        Self { places: self.places.counted("streams", metrics), ..self }
    }

    /// Answers a call by a stream. What is wrong with the request is told at once; the work goes on in a task of its own.
    ///
    /// # Errors
    /// If the request is wrong or there are too many streams.
    pub(crate) fn start<Q, V, M, W, F>(
        &self,
        method: &'static str,
        request: Request<Q>,
        check: impl FnOnce(&Call, Q) -> Result<V, QueryError>,
        work: W,
    ) -> Result<Response<Outgoing<M>>, Status>
    where
        M: Send + 'static,
        W: FnOnce(Call, V, Outbox<M>) -> F,
        F: Future<Output = Result<(), Closed>> + Send + 'static,
    {
        let begun = Stopwatch::now();
        let call = Call::of(&request)?;
        let request_id = call.request_id.clone();
        let span = call.span(method);
        let accepted = check(&call, request.into_inner()).and_then(|checked| Ok((checked, self.places.take()?)));
        let (checked, held) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                let status = span.in_scope(|| error.into_status(&request_id));
                span.in_scope(|| log_end(Some(&status), begun));
                return Err(status);
            }
        };
        let (queue, messages) = mpsc::channel(QUEUE_MESSAGES);
        let (end, ended) = oneshot::channel();
        let messages = Arc::new(Mutex::new(Some(messages)));
        let outgoing = Outgoing { queue: messages.clone(), end: ended, ended: false };
        let work = work(call, checked, Outbox { queue: queue.clone() });
        let shutdown = self.shutdown.clone();
        let task = async move {
            let outcome = tokio::select! {
                outcome = work => outcome,
                () = queue.closed() => Err(Closed::CallerGone),
                () = shutdown.cancelled() => Err(Closed::Failed(QueryError::ShuttingDown)),
            };
            // First the sender, which wakes a connection that waits for a message.
            drop(queue);
            let status = match outcome {
                Ok(()) => None,
                Err(Closed::CallerGone) => Some(Status::cancelled("the caller has gone")),
                Err(Closed::Failed(error)) => {
                    if matches!(error, QueryError::SlowReader) {
                        // The connection keeps what it does not read until the caller goes: not our messages.
                        messages.lock().unwrap_or_else(PoisonError::into_inner).take();
                    }
                    Some(error.into_status(&request_id))
                }
            };
            log_end(status.as_ref(), begun);
            let _ = end.send(status);
            drop(held);
        };
        tokio::spawn(trace::carried(task.instrument(span)));
        Ok(Response::new(outgoing))
    }
}

impl<M> Stream for Outgoing<M> {
    type Item = Result<M, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = match &mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(queue) => ready!(queue.poll_recv(context)),
            None => None,
        };
        if let Some(message) = next {
            return Poll::Ready(Some(Ok(message)));
        }
        let end = ready!(Pin::new(&mut self.end).poll(context));
        self.ended = true;
        // Without a word of how it ended, the task was lost: that must not look like the whole answer.
        let status = end.unwrap_or_else(|_| Some(QueryError::Internal("a stream was lost").into_status("")));
        Poll::Ready(status.map(Err))
    }
}

impl<M> Drop for Outgoing<M> {
    fn drop(&mut self) {
        // The task holds the queue as well: without the receiver it learns that nobody reads.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[cfg(test)]
mod tests {
    use daybook_chassis::access::Caller;
    use futures_util::StreamExt as _;
    use tokio::time::Instant;
    use tonic::Code;

    use super::*;

    type Answer = Result<Response<Outgoing<u32>>, Status>;

    fn start<F>(streams: &Streams, work: impl FnOnce(Outbox<u32>) -> F) -> Answer
    where
        F: Future<Output = Result<(), Closed>> + Send + 'static,
    {
        let mut request = Request::new(());
        request.extensions_mut().insert(Caller::anybody());
        streams.start("Test", request, |_, ()| Ok(()), |_, (), outbox| work(outbox))
    }

    /// Sends numbers for ever.
    async fn count(outbox: Outbox<u32>) -> Result<(), Closed> {
        for number in 0.. {
            outbox.send(number).await?;
        }
        Ok(())
    }

    #[tokio::test]
    async fn messages_come_in_order_and_then_the_end() {
        let streams = Streams::new(CancellationToken::new());
        let answer = start(&streams, |outbox| async move {
            for number in 0..20 {
                outbox.send(number).await?;
            }
            Err(Closed::Failed(QueryError::Unsettled))
        });
        let mut messages: Vec<_> = answer.unwrap().into_inner().collect().await;
        let end = messages.pop().unwrap().unwrap_err();
        assert_eq!(end.code(), Code::Unavailable);
        let numbers: Vec<u32> = messages.into_iter().map(Result::unwrap).collect();
        assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_stream_ends_when_the_service_stops() {
        let shutdown = CancellationToken::new();
        let mut answer = start(&Streams::new(shutdown.clone()), count).unwrap().into_inner();
        assert_eq!(answer.next().await.unwrap().unwrap(), 0);
        shutdown.cancel();
        let last = answer.collect::<Vec<_>>().await.pop().unwrap();
        assert_eq!(last.unwrap_err().code(), Code::Unavailable);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_does_not_read_loses_place_and_messages() {
        let streams = Streams::new(CancellationToken::new());
        let begun = Instant::now();
        let mut answer = start(&streams, count).unwrap().into_inner();
        while streams.places.free() < STREAMS {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert!(begun.elapsed() < STALL_TIMEOUT + Duration::from_secs(2));
        assert_eq!(answer.next().await.unwrap().unwrap_err().code(), Code::ResourceExhausted);
        assert!(answer.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_streams_are_open_and_those_who_go_make_room() {
        let streams = Streams::new(CancellationToken::new());
        let open: Vec<_> = (0..STREAMS).map(|_| start(&streams, |_| std::future::pending()).unwrap()).collect();
        assert_eq!(start(&streams, count).unwrap_err().code(), Code::ResourceExhausted);
        drop(open);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(start(&streams, count).is_ok());
    }

    #[tokio::test]
    async fn a_lost_stream_does_not_look_whole() {
        let streams = Streams::new(CancellationToken::new());
        let answer = start(&streams, |_| async { panic!("on purpose") });
        let messages: Vec<_> = answer.unwrap().into_inner().collect().await;
        assert_eq!(messages[0].as_ref().unwrap_err().code(), Code::Internal);
    }
}
