//! The self-audit: again and again one document is folded afresh from the log and compared with what is stored. A document
//! that differs is told of, counted, and repaired by the session, which has it in memory.
//!
//! How much it may cost: one document each interval at most, and after each a rest that is so many times as long as the
//! work ([`crate::config::Bounds`]); documents with a very long history are left alone (see [`crate::fresh`]).

use std::time::Duration;

use daybook::ids::RequestId;
use daybook_chassis::process::chain;
use daybook_read_model::{
    checkpoint::Audit,
    collections::in_generation,
    difference::differences,
    document::{self, Stored},
    event::Event,
    registry::{self, Report, Visitor},
    slot::slot,
    spill::Page,
};
use futures_util::future::{BoxFuture, FutureExt as _};
use mongodb::bson::{Document, RawDocumentBuf, doc};
use tokio::{sync::mpsc, time::Instant};
use tracing::{debug, error};

use crate::{
    config::Shard,
    fresh::{self, Fresh},
    log::{Bookmark, Log},
    meta::{self, Place},
    metrics,
    repair::RepairError,
    store::{Store, StoreError, in_time},
};

/// While a document is folded, a pause after each page of the log is so many times as long as the page took: a twentieth
/// of one core at most. A supplier's busy day is the whole log of that day, and folding one lasted most of a minute with a pause of
/// four times.
const PAGE_PAUSE_FACTOR: u32 = 19;

/// How often a document of the own share is looked for.
const PICKS: usize = 16;

/// Events at the end of the log of which one names the document, when one that was just written is audited.
const HOT_EVENTS: i64 = 100;

/// How often a document is read again because it was written meanwhile.
const TRIES: usize = 5;

/// Wait before that.
const RETRY_WAIT: Duration = Duration::from_millis(200);

/// A document that differs from the log.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) report: &'static str,
    pub(crate) id: String,
}

/// What an audit needs.
#[derive(Clone, Debug)]
pub(crate) struct Auditor {
    pub(crate) store: Store,
    pub(crate) log: Log,
    pub(crate) place: Place,
    pub(crate) shard: Shard,
    pub(crate) interval: Duration,
    pub(crate) rest_factor: u32,
}

/// What became of an audit.
enum Outcome {
    Equal,
    Different(Vec<String>),
    /// There is no document, it is too long, or it never held still.
    Skipped,
}

impl Auditor {
    /// Audits until it is dropped, and hands on what is to be repaired.
    pub(crate) async fn run(self, found: mpsc::Sender<Found>) {
        let mut reports = all();
        // One that is new is not what the log says yet.
        reports.retain(|report| self.place.checkpoint.reports.iter().any(|known| known == report.name()));
        for turn in 0.. {
            let Some(report) = reports.get(turn % reports.len().max(1)) else { return };
            let hot = (turn / reports.len()).is_multiple_of(2);
            let begun = Instant::now();
            // Hot and cold in turn, for each report.
            if let Err(error) = self.one(&**report, hot, &found).await {
                debug!(error = %chain(&error), report = report.name(), "an audit was given up");
            }
            tokio::time::sleep((begun.elapsed() * self.rest_factor).max(self.interval)).await;
        }
    }

    async fn one(&self, report: &dyn Audited, hot: bool, found: &mpsc::Sender<Found>) -> Result<(), RepairError> {
        let Some(id) = report.pick(self, hot).await? else { return Ok(()) };
        let outcome = report.audit(self, &id).await?;
        let mut counts = Audit { audited: 1, ..Audit::default() };
        let mut to_repair = None;
        match outcome {
            Outcome::Equal => {
                self.store.counts().audited(metrics::Audited::Equal);
                debug!(report = report.name(), id, "audited");
            }
            Outcome::Skipped => {
                self.store.counts().audited(metrics::Audited::Skipped);
                debug!(report = report.name(), id, "not audited: too long or never still");
                counts = Audit { skipped: 1, ..Audit::default() };
            }
            Outcome::Different(what) => {
                self.store.counts().audited(metrics::Audited::Different);
                let what = what.join("; ");
                error!(report = report.name(), id, differences = what, "a document is not what the log says");
                counts.different = 1;
                counts.last_difference = format!("{} {id}: {what}", report.name());
                to_repair = Some(Found { report: report.name(), id });
            }
        }
        // What was found is told before it is mended.
        let counted = meta::count(&self.store, self.shard, &counts).await;
        if let Some(to_repair) = to_repair {
            // The session repairs it between two batches.
            let _ = found.send(to_repair).await;
        }
        Ok(counted?)
    }

    async fn checkpoint(&self) -> Result<i64, StoreError> {
        let found = meta::position(&self.store, &self.place.checkpoint.id).await?;
        Ok(found.unwrap_or(0))
    }
}

/// A report, whatever its documents are.
trait Audited: Send + Sync {
    fn name(&self) -> &'static str;

    /// The id of some document of the share: one that was just written, or any.
    fn pick<'a>(&'a self, auditor: &'a Auditor, hot: bool) -> BoxFuture<'a, Result<Option<String>, RepairError>>;

    /// Compares a document.
    fn audit<'a>(&'a self, auditor: &'a Auditor, id: &'a str) -> BoxFuture<'a, Result<Outcome, RepairError>>;
}

fn all() -> Vec<Box<dyn Audited>> {
    struct All(Vec<Box<dyn Audited>>);
    impl Visitor for All {
        fn visit<R: Report>(&mut self) {
            self.0.push(Box::new(Of::<R>(std::marker::PhantomData)));
        }
    }
    let mut all = All(Vec::new());
    registry::each(&mut all);
    all.0
}

struct Of<R>(std::marker::PhantomData<R>);

impl<R: Report> Audited for Of<R> {
    fn name(&self) -> &'static str {
        R::HEADS
    }

    fn pick<'a>(&'a self, auditor: &'a Auditor, hot: bool) -> BoxFuture<'a, Result<Option<String>, RepairError>> {
        async move {
            if hot {
                let head = auditor.checkpoint().await?;
                let events = auditor.log.read(&Bookmark::at((head - HOT_EVENTS).max(0))).await?.events;
                let changes = events.iter().filter(|event| event.position() <= head).map(Event::changes::<R>);
                let ids = changes.flat_map(Result::unwrap_or_default).map(|(key, _)| key.id().into_string());
                let ids: Vec<String> = ids.filter(|id| auditor.shard.owns(slot(id))).collect();
                return Ok(any_of(&ids).cloned());
            }
            for _ in 0..PICKS {
                let collection = in_generation(auditor.place.generation.generation, R::HEADS);
                let Some(id) = sample(&auditor.store, &collection).await? else { return Ok(None) };
                if auditor.shard.owns(slot(&id)) {
                    return Ok(Some(id));
                }
            }
            Ok(None)
        }
        .boxed()
    }

    fn audit<'a>(&'a self, auditor: &'a Auditor, id: &'a str) -> BoxFuture<'a, Result<Outcome, RepairError>> {
        async move {
            for _ in 0..TRIES {
                if let Some(outcome) = attempt::<R>(auditor, id).await? {
                    return Ok(outcome);
                }
                tokio::time::sleep(RETRY_WAIT).await;
            }
            Ok(Outcome::Skipped)
        }
        .boxed()
    }
}

/// Compares a document once; `None` if it was written meanwhile.
async fn attempt<R: Report>(auditor: &Auditor, id: &str) -> Result<Option<Outcome>, RepairError> {
    let Auditor { store, log, place, .. } = auditor;
    let generation = &place.generation;
    // Read before the document, which therefore holds all of its events up to here.
    let applied = auditor.checkpoint().await?;
    let heads_in = in_generation(generation.generation, R::HEADS);
    let head = match read::<R::Head>(store, &heads_in, &[id], generation.epoch).await? {
        Ok(heads) => heads.into_iter().next(),
        Err(cause) => return Ok(Some(Outcome::Different(vec![cause]))),
    };
    let until = head.as_ref().map_or(0, |head| head.stamp().position).max(applied);
    let Fresh::Folded(folded, _) =
        fresh::fold::<R>(log, generation, id, until, auditor.rest_factor.min(PAGE_PAUSE_FACTOR)).await?
    else {
        return Ok(Some(Outcome::Skipped));
    };
    let mut what = match (folded.heads.get(id), &head) {
        (Some(expected), Some(found)) => differences(expected, found),
        (None, None) => Vec::new(),
        (Some(_), None) => vec!["the document is missing".to_owned()],
        (None, Some(_)) => vec!["there should be no document".to_owned()],
    };
    if let Some(pages) = R::PAGES
        && what.is_empty()
    {
        // Pages are written after their heads: what the head has is in them once the checkpoint is there.
        if auditor.checkpoint().await? < until {
            return Ok(None);
        }
        let ids = fresh::page_ids(id);
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let pages_in = in_generation(generation.generation, pages);
        let pages = match read::<Page<_>>(store, &pages_in, &ids, generation.epoch).await? {
            Ok(pages) => pages,
            Err(cause) => return Ok(Some(Outcome::Different(vec![cause]))),
        };
        let found: std::collections::BTreeMap<&str, &Page<_>> =
            pages.iter().map(|page| (page.stamp.id.as_str(), page)).collect();
        if found.values().any(|page| page.stamp.position > until) {
            return Ok(None);
        }
        for (id, expected) in &folded.pages {
            match found.get(id.as_str()) {
                Some(found) => what.extend(differences(expected, found)),
                None => what.push(format!("page {id} is missing")),
            }
        }
        let surplus = found.keys().filter(|id| !folded.pages.contains_key(**id));
        what.extend(surplus.map(|id| format!("there should be no page {id}")));
    }
    Ok(Some(if what.is_empty() { Outcome::Equal } else { Outcome::Different(what) }))
}

/// Reads documents of this life; the inner error says which cannot be read.
async fn read<D: Stored>(
    store: &Store,
    collection: &str,
    ids: &[&str],
    epoch: i64,
) -> Result<Result<Vec<D>, String>, StoreError> {
    let mut documents = Vec::new();
    for stored in store.find(collection, ids, true).await? {
        match document::decode::<D>(&stored) {
            Ok(document) if document.stamp().epoch == epoch => documents.push(document),
            Ok(_) => {}
            Err(error) => return Ok(Err(format!("{:?}: {error}", stored.get_str("_id").unwrap_or("?")))),
        }
    }
    Ok(Ok(documents))
}

/// The id of any document, each with about the same chance.
async fn sample(store: &Store, collection: &str) -> Result<Option<String>, StoreError> {
    let documents = store.collection::<RawDocumentBuf>(collection);
    let found: Option<Document> = in_time(async move {
        let pipeline = [doc! { "$sample": { "size": 1 } }, doc! { "$project": { "_id": 1 } }];
        let mut cursor = documents.aggregate(pipeline).await?;
        Ok(if cursor.advance().await? { Some(cursor.deserialize_current()?) } else { None })
    })
    .await?;
    Ok(found.and_then(|found| found.get_str("_id").ok().map(str::to_owned)))
}

fn any_of<T>(list: &[T]) -> Option<&T> {
    let (_, random) = RequestId::random().uuid().as_u64_pair();
    let index = usize::try_from(random.checked_rem(u64::try_from(list.len()).ok()?)?).ok()?;
    list.get(index)
}
