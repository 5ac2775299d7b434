//! One test's own database, stream, log and projectors.

mod stored;

use std::{collections::BTreeMap, net::SocketAddr, sync::atomic::AtomicI64, time::Duration};

use async_nats::jetstream;
use daybook::{
    client::Credentials,
    event::v1::RecordedEvent,
    ids::RequestId,
    projector::v1::{
        GetParkedEventRequest, RetryParkedEventRequest, StartRebuildRequest,
        generation_service_client::GenerationServiceClient, parked_service_client::ParkedServiceClient,
    },
};
use daybook_chassis::{BoxError, CancellationToken, config::Secret, door::DoorConfig};
use daybook_projector::config::{Bounds, Config, Mongodb, Source};
use mongodb::Database;
use prost::Message as _;
use tokio::task::JoinHandle;

use crate::log::Log;

/// Longest time until everything is projected.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct World {
    pub(crate) log: Log,
    log_address: SocketAddr,
    database: Database,
    stream: String,
    broker: jetstream::Context,
    mongodb_url: String,
    nats_url: String,
    /// The generation that is looked at.
    generation: AtomicI64,
    _end: tokio_util::sync::DropGuard,
}

pub(crate) struct Projector {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), BoxError>>,
}

impl World {
    /// A world on the servers that all tests share.
    pub(crate) async fn new() -> Self {
        Self::on(variable("DAYBOOK_TEST_MONGODB_URL"), variable("DAYBOOK_TEST_NATS_URL")).await
    }

    /// A world on these servers.
    pub(crate) async fn on(mongodb_url: String, nats_url: String) -> Self {
        if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("DAYBOOK_LOG") {
            let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        }
        let name = format!("p_{}", RequestId::random().uuid().simple());
        let end = CancellationToken::new();
        let log = Log::default();
        let log_address = log.serve(end.clone()).await;
        let client = mongodb::Client::with_uri_str(&mongodb_url).await.unwrap();
        let nats = async_nats::connect(&nats_url).await.unwrap();
        Self {
            log,
            log_address,
            database: client.database(&name),
            stream: name,
            broker: jetstream::new(nats),
            mongodb_url,
            nats_url,
            generation: AtomicI64::new(1),
            _end: end.drop_guard(),
        }
    }

    /// Starts a projector of all documents.
    pub(crate) async fn start(&self) -> Projector {
        self.start_share("0/1").await
    }

    /// Starts a projector of a share of the documents.
    pub(crate) async fn start_share(&self, shard: &str) -> Projector {
        // What a test finds is what projecting did, and nobody else mended.
        self.start_with(shard, Bounds { audit_interval: Duration::ZERO, ..Bounds::default() }).await
    }

    /// Starts a projector of all documents that audits them in quick succession.
    pub(crate) async fn start_auditing(&self) -> Projector {
        let interval = Duration::from_millis(5);
        self.start_with("0/1", Bounds { audit_interval: interval, audit_rest_factor: 0, ..Bounds::default() }).await
    }

    /// Starts a projector of all documents that writes after each page of the log.
    pub(crate) async fn start_in_small_batches(&self) -> Projector {
        self.start_with("0/1", Bounds { audit_interval: Duration::ZERO, batch_events: 1, ..Bounds::default() }).await
    }

    /// Starts a projector of all documents that folds some pages of the log before it writes, while it is far behind.
    pub(crate) async fn start_writing_seldom(&self) -> Projector {
        let bounds = Bounds { batch_events: 1, unwritten_events: 4_000, ..Bounds::default() };
        self.start_with("0/1", Bounds { audit_interval: Duration::ZERO, ..bounds }).await
    }

    async fn start_with(&self, shard: &str, bounds: Bounds) -> Projector {
        let listener = daybook_chassis::server::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = Config {
            listen: address,
            door: DoorConfig::default(),
            metrics_listen: None,
            source: Source {
                command_endpoint: format!("http://{}", self.log_address),
                credentials: Credentials::default(),
                nats_url: Secret::new(self.nats_url.clone()),
                nats_stream: self.stream.clone(),
            },
            mongodb: Mongodb { url: Secret::new(self.mongodb_url.clone()), database: self.database.name().to_owned() },
            shard: shard.parse().unwrap(),
            bounds,
        };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(daybook_projector::run(config, listener.into(), shutdown.clone()));
        Projector { address, shutdown, task }
    }

    pub(crate) async fn make_stream(&self) {
        let config = jetstream::stream::Config {
            name: self.stream.clone(),
            subjects: vec![format!("{}.>", self.stream)],
            ..jetstream::stream::Config::default()
        };
        self.broker.create_stream(config).await.unwrap();
    }

    pub(crate) async fn begin_stream_at(&self, sequence: u64) {
        let stream = self.broker.get_stream(&self.stream).await.unwrap();
        stream.purge().sequence(sequence).await.unwrap();
    }

    pub(crate) async fn delete_stream(&self) {
        self.broker.delete_stream(&self.stream).await.unwrap();
    }

    /// Publishes as soon as the broker answers again.
    pub(crate) async fn publish_when_back(&self, events: &[RecordedEvent]) {
        let back = async {
            while self.broker.get_stream(&self.stream).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, back).await.expect("the broker is back");
        self.publish(events).await;
    }

    pub(crate) async fn publish(&self, events: &[RecordedEvent]) {
        for event in events {
            let subject = format!("{}.{}", self.stream, event.event_type);
            let sent = self.broker.publish(subject, event.encode_to_vec().into()).await.unwrap();
            assert_eq!(sent.await.unwrap().sequence, event.position as u64);
        }
    }
}

impl Projector {
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// Asks for a new generation of some reports; none for all.
    pub(crate) async fn rebuild(&self, reports: &[&str]) {
        let channel = daybook::client::channel(&format!("http://{}", self.address)).unwrap();
        let reports = reports.iter().map(|&report| report.to_owned()).collect();
        let request = StartRebuildRequest { reports, ..StartRebuildRequest::default() };
        GenerationServiceClient::new(channel).start_rebuild(request).await.unwrap();
    }

    /// The errors of a parked event, by report.
    pub(crate) async fn errors_of(&self, position: i64) -> BTreeMap<String, String> {
        let channel = daybook::client::channel(&format!("http://{}", self.address)).unwrap();
        let request = GetParkedEventRequest { position };
        let answer = ParkedServiceClient::new(channel).get_parked_event(request).await.unwrap().into_inner();
        answer.event.unwrap().reports.into_iter().map(|report| (report.report, report.error)).collect()
    }

    /// Asks for folding a parked event again.
    pub(crate) async fn retry(&self, position: i64) {
        let channel = daybook::client::channel(&format!("http://{}", self.address)).unwrap();
        let request = RetryParkedEventRequest { position };
        ParkedServiceClient::new(channel).retry_parked_event(request).await.unwrap();
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) fn kill(self) {
        self.task.abort();
    }

    pub(crate) async fn is_serving(&self) -> bool {
        let channel = daybook::client::channel(&format!("http://{}", self.address)).unwrap();
        let mut client = tonic_health::pb::health_client::HealthClient::new(channel);
        let request = tonic_health::pb::HealthCheckRequest { service: "daybook.projector".into() };
        client.check(request).await.unwrap().into_inner().status == 1
    }
}

pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} must be set"))
}
