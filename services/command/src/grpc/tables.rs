//! TableService: the relational tables as of one position.

use std::{sync::Arc, time::Duration};

use daybook::{
    command::v1::{ReadTablesRequest, ReadTablesResponse, table_service_server::TableService},
    reason,
};
use daybook_chassis::{
    CancellationToken,
    answer::Refusal,
    metrics::{self, Counter, Metrics, Shed, pools::Pool},
};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};

use crate::{
    append::stopping,
    status,
    store::{Store, tables::Reader},
};

/// Readings at once: each holds a connection and a snapshot.
const READINGS: usize = 2;

/// Messages that may wait for a slow reader.
const QUEUE_MESSAGES: usize = 4;

/// How long a reader may leave a message alone: as long as it takes to bring itself to the position.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// How long one reading may take: while it lasts, Postgres keeps old versions of rows.
const READING_TIMEOUT: Duration = Duration::from_secs(600);

/// When to come back if too many read.
const RETRY_OVERLOAD: Duration = Duration::from_secs(1);

/// Reads the tables.
#[derive(Clone, Debug)]
pub struct Tables {
    store: Store,
    readings: Arc<Semaphore>,
    /// Counts those for whom there was no place.
    sent_away: Counter,
    shutdown: CancellationToken,
}

impl Tables {
    /// With all places free.
    #[must_use]
    pub fn new(store: Store, shutdown: CancellationToken, metrics: &Metrics) -> Self {
        let readings = Arc::new(Semaphore::new(READINGS));
        let sent_away = metrics.pool(Pool::of("table_readings", &readings));
        Self { store, readings, sent_away, shutdown }
    }
}

/// Hands messages on to the caller.
struct Outbox(mpsc::Sender<Result<ReadTablesResponse, Status>>);

impl Reader for Outbox {
    async fn take(&mut self, message: ReadTablesResponse) -> bool {
        self.0.send_timeout(Ok(message), STALL_TIMEOUT).await.is_ok()
    }
}

#[tonic::async_trait]
impl TableService for Tables {
    type ReadTablesStream = ReceiverStream<Result<ReadTablesResponse, Status>>;

    async fn read_tables(&self, _: Request<ReadTablesRequest>) -> Result<Response<Self::ReadTablesStream>, Status> {
        let place = self.readings.clone().try_acquire_owned().map_err(|_| {
            self.sent_away.inc();
            metrics::shed(Shed::TableReaders);
            Refusal::new(Code::ResourceExhausted, reason::OVERLOADED, "too many read the tables at once")
                .with_retry_after(RETRY_OVERLOAD)
                .into_status("")
        })?;
        let (sender, receiver) = mpsc::channel(QUEUE_MESSAGES);
        let Self { store, shutdown, .. } = self.clone();
        tokio::spawn(async move {
            let _place = place;
            let mut outbox = Outbox(sender.clone());
            let status = tokio::select! {
                outcome = tokio::time::timeout(READING_TIMEOUT, store.read_tables(&mut outbox)) => match outcome {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => status::refusal(&error).into_status(""),
                    Err(_) => Status::deadline_exceeded("the tables could not be read in time"),
                },
                () = sender.closed() => return,
                () = shutdown.cancelled() => stopping().into_status(""),
            };
            let _ = sender.send_timeout(Err(status), STALL_TIMEOUT).await;
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
