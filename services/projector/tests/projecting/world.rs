//! One test's own database, stream, log and projectors.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    net::SocketAddr,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

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
use daybook_read_model::{
    checkpoint::{Audit, Checkpoint, Generation, LIVE, Live, ParkedMarks},
    collections::{META, PARKED, in_generation},
    document::{Stored, decode},
    folded::Folded,
    registry::{CategoryDays, Report, Stock, StoreDays, SupplierDays},
};
use mongodb::{
    Database,
    bson::{Document, RawDocumentBuf, doc},
};
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

    /// Waits until the checkpoint has reached the end of the log.
    pub(crate) async fn projected(&self) {
        self.projected_by(1).await;
    }

    /// Waits until the checkpoints of so many shares have reached the end of the log.
    pub(crate) async fn projected_by(&self, shares: i32) {
        self.projected_in(0..shares, shares).await;
    }

    /// Waits until the checkpoints of some of so many shares have reached the end of the log.
    pub(crate) async fn projected_in(&self, some: std::ops::Range<i32>, shares: i32) {
        let head = self.log.head();
        let reached = async {
            for share in some {
                let id = Checkpoint::id_of(self.generation(), share, shares);
                loop {
                    let found = self.database.collection::<Checkpoint>(META).find_one(doc! { "_id": &id }).await;
                    if found.ok().flatten().is_some_and(|found| found.position >= head) {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the projector reaches the end of the log");
    }

    /// Where the checkpoint of the whole is; 0 before there is one.
    pub(crate) async fn position(&self) -> i64 {
        let id = Checkpoint::id_of(self.generation(), 0, 1);
        let found = self.database.collection::<Checkpoint>(META).find_one(doc! { "_id": id }).await.unwrap();
        found.map_or(0, |found| found.position)
    }

    /// The checkpoint of a share.
    pub(crate) async fn checkpoint(&self, share: i32, shares: i32) -> Checkpoint {
        let id = Checkpoint::id_of(self.generation(), share, shares);
        let found = self.database.collection::<Checkpoint>(META).find_one(doc! { "_id": id }).await.unwrap();
        found.expect("the share has a checkpoint")
    }

    /// Waits until the checkpoint of a share is as it should be, and answers it.
    pub(crate) async fn checkpoint_where(
        &self,
        share: i32,
        shares: i32,
        is: impl Fn(&Checkpoint) -> bool,
    ) -> Checkpoint {
        let reached = async {
            loop {
                let found = self.checkpoint(share, shares).await;
                if is(&found) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the checkpoint comes to be so")
    }

    /// Waits until some shares have a report.
    pub(crate) async fn has_report(&self, report: &str, shares: i32) {
        for share in 0..shares {
            self.checkpoint_where(share, shares, |found| found.reports.iter().any(|known| known == report)).await;
        }
    }

    /// Makes the database look as it did before there was a report.
    pub(crate) async fn forget(&self, report: &str) {
        self.database.collection::<Document>(&in_generation(1, report)).drop().await.unwrap();
        let checkpoints = self.database.collection::<Document>(META);
        let forgotten = doc! { "$pull": { "reports": report }, "$unset": { "catching_up": "" } };
        let done = checkpoints.update_many(doc! { "reports": report }, forgotten).await.unwrap();
        assert!(done.modified_count > 0, "{report} is followed");
    }

    /// Compares all documents with a fold of the whole log.
    pub(crate) async fn compare(&self) {
        self.compare_report::<StoreDays>().await;
        self.compare_report::<SupplierDays>().await;
        self.compare_report::<Stock>().await;
        self.compare_report::<CategoryDays>().await;
        self.database.drop().await.unwrap();
    }

    /// What the documents of a report should be.
    async fn folded<R: Report>(&self) -> Folded<R> {
        let generation = self
            .database
            .collection::<Generation>(META)
            .find_one(doc! { "_id": Generation::id_of(self.generation()) })
            .await
            .unwrap();
        let epoch = generation.unwrap().epoch;
        let mut folded = Folded::<R>::default();
        for event in self.log.all() {
            let _ = folded.fold(&event);
        }
        for head in folded.heads.values_mut() {
            head.stamp_mut().epoch = epoch;
        }
        for page in folded.pages.values_mut() {
            page.stamp_mut().epoch = epoch;
        }
        println!("{}: {} heads, {} pages", R::HEADS, folded.heads.len(), folded.pages.len());
        folded
    }

    pub(crate) async fn compare_report<R: Report>(&self)
    where
        R::Head: PartialEq + Debug,
    {
        let folded = self.folded::<R>().await;
        same(&self.documents::<R::Head>(R::HEADS).await, &folded.heads);
        if let Some(pages) = R::PAGES {
            same(&self.documents(pages).await, &folded.pages);
        }
    }

    /// All documents of a collection.
    pub(crate) async fn documents<D: Stored>(&self, collection: &str) -> BTreeMap<String, D> {
        let collection = self.database.collection::<RawDocumentBuf>(&in_generation(self.generation(), collection));
        let mut cursor = collection.find(doc! {}).await.unwrap();
        let mut documents = BTreeMap::new();
        while cursor.advance().await.unwrap() {
            let document: D = decode(cursor.current()).unwrap();
            documents.insert(document.stamp().id.clone(), document);
        }
        documents
    }

    /// Makes the checkpoint look as if an earlier version had written it.
    pub(crate) async fn forget_event_id(&self) {
        let id = Checkpoint::id_of(self.generation(), 0, 1);
        let collection = self.database.collection::<Document>(META);
        let update = doc! { "$unset": { "event_id": "" } };
        assert_eq!(collection.update_one(doc! { "_id": id }, update).await.unwrap().modified_count, 1);
    }

    fn generation(&self) -> i64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// The generation that is served.
    pub(crate) async fn live(&self) -> i64 {
        self.database.collection::<Live>(META).find_one(doc! { "_id": LIVE }).await.unwrap().unwrap().generation
    }

    /// Waits until a generation is served, and looks at that one from now on.
    pub(crate) async fn served(&self, generation: i64) {
        let reached = async {
            while self.live().await != generation {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the generation is served");
        self.generation.store(generation, Ordering::Relaxed);
    }

    /// Changes or deletes a document behind the projector's back; it must be there.
    pub(crate) async fn spoil(&self, report: &str, id: &str, update: Option<Document>) {
        let collection = self.database.collection::<Document>(&in_generation(1, report));
        let done = match update {
            Some(update) => collection.update_one(doc! { "_id": id }, update).await.unwrap().modified_count,
            None => collection.delete_one(doc! { "_id": id }).await.unwrap().deleted_count,
        };
        assert_eq!(done, 1, "{id} is there");
    }

    /// Copies a document to where none should be.
    pub(crate) async fn double(&self, report: &str, id: &str, to: &str) {
        let collection = self.database.collection::<Document>(&in_generation(1, report));
        let mut document = collection.find_one(doc! { "_id": id }).await.unwrap().unwrap();
        document.insert("_id", to);
        collection.insert_one(document).await.unwrap();
    }

    /// Waits until the audit has counted so many repairs, and answers what it says.
    pub(crate) async fn repaired(&self, repairs: i64) -> Audit {
        self.audit_where(|audit| audit.repaired >= repairs).await
    }

    /// Waits until the audit says so, and answers what it says.
    pub(crate) async fn audit_where(&self, is: impl Fn(&Audit) -> bool) -> Audit {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let id = Audit::id_of(0, 1);
            let found = self.database.collection::<Audit>(META).find_one(doc! { "_id": id }).await.unwrap();
            match found {
                Some(found) if is(&found) => return found,
                found => assert!(std::time::Instant::now() < deadline, "the audit came to say {found:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the heads of a report are what the log says: one may be repaired twice before another's turn comes.
    pub(crate) async fn mended<R: Report>(&self)
    where
        R::Head: PartialEq + Debug,
    {
        let expected = self.folded::<R>().await.heads;
        let reached = async {
            while self.documents::<R::Head>(R::HEADS).await != expected {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the audit repairs all that was spoilt");
    }

    /// The slots of all documents of store-days that are stored.
    pub(crate) async fn slots_of_store_days(&self) -> Vec<i32> {
        let documents = self.documents::<<StoreDays as Report>::Head>(StoreDays::HEADS).await;
        documents.values().map(|document| document.stamp().slot).collect()
    }

    /// Which documents are marked because they lack an event.
    pub(crate) async fn marks(&self) -> ParkedMarks {
        let marks = self.database.collection::<ParkedMarks>(META);
        marks.find_one(doc! { "_id": ParkedMarks::id_of(self.generation()) }).await.unwrap().unwrap_or_default()
    }

    /// Waits until so many events are parked.
    pub(crate) async fn has_parked(&self, events: i64) -> ParkedMarks {
        let reached = async {
            loop {
                let marks = self.marks().await;
                if marks.events == events {
                    return marks;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("so many events are parked")
    }

    pub(crate) async fn parked(&self) -> Vec<i64> {
        let collection = self.database.collection::<Document>(&in_generation(1, PARKED));
        let mut cursor = collection.find(doc! {}).await.unwrap();
        let mut parked = Vec::new();
        while cursor.advance().await.unwrap() {
            parked.push(cursor.deserialize_current().unwrap().get_i64("_id").unwrap());
        }
        parked
    }

    /// Makes the documents look as if an older version had written them.
    pub(crate) async fn make_layout_old(&self) {
        let collection = self.database.collection::<Document>(META);
        collection.update_one(doc! { "_id": "g1" }, doc! { "$set": { "layout": 1 } }).await.unwrap();
        for report in [StoreDays::HEADS, SupplierDays::HEADS, Stock::HEADS] {
            let collection = self.database.collection::<Document>(&in_generation(1, report));
            let entries = doc! { "844179": { "q": 1 } };
            let old = doc! { "$set": { "items": &entries, "e": &entries } };
            collection.update_many(doc! {}, old).await.unwrap();
        }
    }

    pub(crate) async fn drop_database(&self) {
        self.database.drop().await.unwrap();
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
        while self.broker.get_stream(&self.stream).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
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

fn same<D: PartialEq + Debug>(found: &BTreeMap<String, D>, expected: &BTreeMap<String, D>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (id, document) in found {
        assert!(document == &expected[id], "{id}:\n{document:?}\n{:?}", expected[id]);
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
