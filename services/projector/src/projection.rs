//! One report: brings the documents of a batch into memory, folds the batch, writes what changed.

use std::collections::{HashMap, HashSet};

use ahash::RandomState;
use daybook::event::v1::RecordedEvent;
use daybook_read_model::{
    checkpoint::Generation,
    collections::in_generation,
    document::{self, Head as _, Key, Stored},
    folded::head_of,
    registry::{ChangeOf, EntryOf, Report, Visitor, touched_by_envelope},
    slot::slot,
    spill::{Page, Spilled},
};
use futures_util::future::{BoxFuture, FutureExt as _};
use tracing::{debug, error, warn};

use crate::{
    cache::Cache,
    config::Shard,
    fresh::page_ids,
    log::Log,
    parked::{Failure, Failures},
    repair::{self, RepairError, Repaired},
    store::{Store, StoreError},
    write::{self, Job, Written},
};

/// How often a batch is folded again because somebody else wrote its documents; then the checkpoint is looked at again.
const MAX_ROUNDS: usize = 5;

/// Events whose changes are worked out before they are folded: few enough that what lies in between stays in the
/// processor's cache.
const SLICE_EVENTS: usize = 128;

/// Documents whose stored form is read at once for being written as one segment: each may have some 100 kB.
const GATHERED_AT_ONCE: usize = 100;

/// The projection of one report, whatever its documents are.
pub(crate) trait Projection: Send + Sync {
    /// Brings the documents up to the end of the batch, and answers what could not be folded. Without `write` that is so in
    /// memory only; what later batches change is then written with it.
    fn project<'a>(
        &'a mut self,
        store: &'a Store,
        events: &'a [RecordedEvent],
        write: bool,
    ) -> BoxFuture<'a, Result<Failures, StoreError>>;

    /// Writes one document as the log says that it should be, as of a position or whatever later one is stored.
    fn repair<'a>(
        &'a mut self,
        store: &'a Store,
        log: &'a Log,
        generation: &'a Generation,
        id: &'a str,
        position: i64,
        event: Option<i64>,
    ) -> BoxFuture<'a, Result<Repaired, RepairError>>;

    /// The ids of the documents of the share that an event touches.
    ///
    /// # Errors
    /// Why that cannot be told.
    fn touched(&self, event: &RecordedEvent) -> Result<Vec<String>, String>;

    /// The name of the report.
    fn name(&self) -> &'static str;

    /// Memory of the documents that are kept, in bytes.
    fn bytes(&self) -> usize;

    /// Lets documents go until so many bytes are left.
    fn shrink(&mut self, bytes: usize);
}

/// The projections of some reports, by name, into a generation.
pub(crate) fn of(generation: &Generation, shard: Shard, reports: &[impl AsRef<str>]) -> Vec<Box<dyn Projection>> {
    struct Projections<'a, N>(&'a Generation, Shard, &'a [N], Vec<Box<dyn Projection>>);
    impl<N: AsRef<str>> Visitor for Projections<'_, N> {
        fn visit<R: Report>(&mut self) {
            if self.2.iter().any(|name| name.as_ref() == R::HEADS) {
                let projection: Of<R> = Of::new(self.0, self.1);
                self.3.push(Box::new(projection));
            }
        }
    }
    let mut projections = Projections(generation, shard, reports, Vec::new());
    daybook_read_model::registry::each(&mut projections);
    projections.3
}

struct Of<R: Report> {
    epoch: i64,
    shard: Shard,
    heads_in: String,
    pages_in: Option<String>,
    heads: Cache<R::Head>,
    pages: Cache<Page<EntryOf<R>>>,
    /// Ids of what was folded and is not written yet.
    unwritten_heads: Ids,
    unwritten_pages: Ids,
}

type Ids = HashSet<String, RandomState>;

/// A change of one head by one event.
struct Planned<R: Report> {
    position: i64,
    id: String,
    key: Key,
    change: ChangeOf<R>,
}

/// What one event changes on one page.
struct OnPage<R: Report> {
    position: i64,
    head_id: String,
    part: Spilled<EntryOf<R>>,
}

impl<R: Report> Of<R> {
    fn new(generation: &Generation, shard: Shard) -> Self {
        Self {
            epoch: generation.epoch,
            shard,
            heads_in: in_generation(generation.generation, R::HEADS),
            pages_in: R::PAGES.map(|pages| in_generation(generation.generation, pages)),
            heads: Cache::new(),
            pages: Cache::new(),
            unwritten_heads: Ids::default(),
            unwritten_pages: Ids::default(),
        }
    }

    /// Folds a batch, and writes it at once.
    async fn rounds(&mut self, store: &Store, events: &[RecordedEvent]) -> Result<Failures, StoreError> {
        let mut failures = Failures::new();
        for _ in 0..MAX_ROUNDS {
            self.fold(store, events, &mut failures).await?;
            if self.write(store, &mut failures).await? {
                return Ok(failures);
            }
        }
        Err(StoreError::Contended { collection: self.heads_in.clone() })
    }

    /// Folds a batch in memory only.
    async fn ahead(&mut self, store: &Store, events: &[RecordedEvent]) -> Result<Failures, StoreError> {
        let mut failures = Failures::new();
        self.fold(store, events, &mut failures).await?;
        self.unwritten_heads.iter().for_each(|id| self.heads.weigh(id));
        self.unwritten_pages.iter().for_each(|id| self.pages.weigh(id));
        Ok(failures)
    }

    /// Folds a batch, and writes it with those before it. They are not at hand any more: if something of them cannot be written,
    /// all must begin again where the checkpoint is.
    async fn together(&mut self, store: &Store, events: &[RecordedEvent]) -> Result<Failures, StoreError> {
        let (mut failures, mut unwritable) = (Failures::new(), Failures::new());
        self.fold(store, events, &mut failures).await?;
        if self.write(store, &mut unwritable).await? && unwritable.is_empty() {
            return Ok(failures);
        }
        Err(StoreError::Unwritten { collection: self.heads_in.clone() })
    }

    /// Folds a batch into documents in memory, and takes note of which are to be written.
    async fn fold(
        &mut self,
        store: &Store,
        events: &[RecordedEvent],
        failures: &mut Failures,
    ) -> Result<(), StoreError> {
        let mut on_pages = Vec::new();
        for slice in events.chunks(SLICE_EVENTS) {
            let planned = plan::<R>(slice, self.shard, failures);
            let mut fresh: HashMap<&str, &Key> = HashMap::new();
            for Planned { id, key, .. } in &planned {
                if !self.unwritten_heads.contains(id) {
                    fresh.insert(id, key);
                }
            }
            load(store, &self.heads_in, &mut self.heads, self.epoch, &fresh, |_, key| R::Head::open(key)).await?;
            self.unwritten_heads.extend(fresh.into_keys().map(str::to_owned));
            self.fold_heads(planned, &mut on_pages, failures);
        }
        let Some(pages_in) = self.pages_in.clone().filter(|_| !on_pages.is_empty()) else { return Ok(()) };
        let fresh: HashMap<&str, &str> =
            on_pages.iter().map(|on_page| (on_page.part.page.as_str(), on_page.head_id.as_str())).collect();
        let open = |id: &str, head_id: &&str| Page::open(id.to_owned(), head_id);
        load(store, &pages_in, &mut self.pages, self.epoch, &fresh, open).await?;
        self.unwritten_pages.extend(fresh.into_keys().map(str::to_owned));
        self.fold_pages(on_pages, failures);
        Ok(())
    }

    /// Writes what was folded; false if somebody else wrote some of the documents, which are then forgotten.
    async fn write(&mut self, store: &Store, failures: &mut Failures) -> Result<bool, StoreError> {
        let (heads, pages) = (std::mem::take(&mut self.unwritten_heads), std::mem::take(&mut self.unwritten_pages));
        let heads_done = save::<R, _>(store, &self.heads_in, &mut self.heads, &heads, failures).await?;
        let Some(pages_in) = self.pages_in.as_deref().filter(|_| !pages.is_empty()) else { return Ok(heads_done) };
        let pages_done = save::<R, _>(store, pages_in, &mut self.pages, &pages, failures).await?;
        Ok(heads_done && pages_done)
    }

    fn fold_heads(&mut self, planned: Vec<Planned<R>>, on_pages: &mut Vec<OnPage<R>>, failures: &mut Failures) {
        for Planned { position, id, change, .. } in planned {
            let Some(head) = self.heads.get(&id) else {
                fail::<R>(failures, position, unreadable(&id), &id);
                continue;
            };
            match head.fold(position, change) {
                Ok(spilled) => {
                    on_pages.extend(spilled.into_iter().map(|part| OnPage { position, head_id: id.clone(), part }));
                }
                Err(error) => fail::<R>(failures, position, error.to_string(), &id),
            }
        }
    }

    fn fold_pages(&mut self, on_pages: Vec<OnPage<R>>, failures: &mut Failures) {
        for OnPage { position, head_id, part } in on_pages {
            let Some(page) = self.pages.get(&part.page) else {
                fail::<R>(failures, position, unreadable(&part.page), &head_id);
                continue;
            };
            if let Err(error) = page.fold(position, part.entries) {
                fail::<R>(failures, position, error.to_string(), &head_id);
            }
        }
    }
}

impl<R: Report> Projection for Of<R> {
    fn project<'a>(
        &'a mut self,
        store: &'a Store,
        events: &'a [RecordedEvent],
        write: bool,
    ) -> BoxFuture<'a, Result<Failures, StoreError>> {
        match (write, self.unwritten_heads.is_empty()) {
            (false, _) => self.ahead(store, events).boxed(),
            (true, true) => self.rounds(store, events).boxed(),
            (true, false) => self.together(store, events).boxed(),
        }
    }

    fn repair<'a>(
        &'a mut self,
        store: &'a Store,
        log: &'a Log,
        generation: &'a Generation,
        id: &'a str,
        position: i64,
        event: Option<i64>,
    ) -> BoxFuture<'a, Result<Repaired, RepairError>> {
        // What is in memory says as little of the document as what is stored.
        self.heads.remove(id);
        page_ids(id).iter().for_each(|page| self.pages.remove(page));
        repair::repair::<R>(store, log, generation, id, position, event).boxed()
    }

    fn touched(&self, event: &RecordedEvent) -> Result<Vec<String>, String> {
        let changes = R::changes(event).map_err(|error| error.to_string())?;
        let ids = changes.into_iter().map(|(key, _)| key.id());
        Ok(ids.filter(|id| self.shard.owns(slot(id))).collect())
    }

    fn name(&self) -> &'static str {
        R::HEADS
    }

    fn bytes(&self) -> usize {
        self.heads.bytes() + self.pages.bytes()
    }

    fn shrink(&mut self, bytes: usize) {
        // Pages are cheap to load: only their stamps are.
        let pages = bytes.saturating_sub(self.heads.bytes());
        self.pages.shrink(pages);
        self.heads.shrink(bytes.saturating_sub(self.pages.bytes()));
    }
}

/// What the events change in the documents of the share.
fn plan<R: Report>(events: &[RecordedEvent], shard: Shard, failures: &mut Failures) -> Vec<Planned<R>> {
    let mut planned = Vec::with_capacity(events.len());
    for event in events {
        match R::changes(event) {
            Ok(changes) => {
                let of_event = changes.into_iter().map(|(key, change)| Planned {
                    position: event.position,
                    id: key.id(),
                    key,
                    change,
                });
                planned.extend(of_event.filter(|planned| shard.owns(slot(&planned.id))));
            }
            Err(error) => {
                let touched = touched_by_envelope::<R>(event).unwrap_or_default();
                fail::<R>(failures, event.position, error.to_string(), &touched);
            }
        }
    }
    planned
}

/// Takes note that an event could not be folded into a document; an empty id stands for none.
fn fail<R: Report>(failures: &mut Failures, position: i64, cause: String, document: &str) {
    let of_event = failures.entry(position).or_default();
    let failure = of_event.entry(R::HEADS).or_insert_with(|| Failure { cause, touched: Vec::new() });
    if !document.is_empty() && !failure.touched.iter().any(|known| known == document) {
        failure.touched.push(document.to_owned());
    }
}

fn unreadable(id: &str) -> String {
    format!("the stored document {id} cannot be read")
}

/// Brings documents into memory that are not there; `fresh` says of each how it begins. One that is stored but cannot be
/// read stays out: its events are parked, and the others go on.
async fn load<D: Stored, K>(
    store: &Store,
    collection: &str,
    cache: &mut Cache<D>,
    epoch: i64,
    fresh: &HashMap<&str, K>,
    open: impl Fn(&str, &K) -> D,
) -> Result<(), StoreError> {
    let mut missing: HashSet<&str> = fresh.keys().copied().filter(|id| !cache.contains(id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = missing.iter().copied().collect();
    let found = store.find(collection, &ids, D::NEEDS_CONTENT).await?;
    debug!(collection, asked = ids.len(), found = found.len(), "loaded documents");
    for stored in found {
        let id = stored.get_str("_id").map_err(|_| StoreError::Answer("_id"))?;
        let Some((id, key)) = fresh.get_key_value(id) else { continue };
        missing.remove(id);
        match document::load(&stored, epoch, || open(id, key)) {
            Ok(loaded) => cache.put((*id).to_owned(), loaded),
            Err(error) => error!(collection, id, error = %error, "a document cannot be read"),
        }
    }
    for id in missing {
        if let Some(key) = fresh.get(id) {
            cache.put(id.to_owned(), document::begin(open(id, key), epoch));
        }
    }
    Ok(())
}

/// Gives documents whose entries have come to many segments their stored form, so that they are written as one.
async fn gather<D: Stored>(store: &Store, collection: &str, cache: &mut Cache<D>, ids: &Ids) -> Result<(), StoreError> {
    let mut scattered = Vec::new();
    for id in ids {
        if cache.get(id).is_some_and(|document| document::wants_gathering(document)) {
            scattered.push(id.as_str());
        }
    }
    for part in scattered.chunks(GATHERED_AT_ONCE) {
        for stored in store.find(collection, part, true).await? {
            let id = stored.get_str("_id").map_err(|_| StoreError::Answer("_id"))?;
            let Some(document) = cache.get(id) else { continue };
            if let Err(error) = document::gather(document, &stored) {
                error!(collection, id, error = %error, "a document cannot be read");
            }
        }
    }
    Ok(())
}

/// Writes what changed of these documents; false if somebody else wrote some, which are then forgotten.
async fn save<R: Report, D: Stored>(
    store: &Store,
    collection: &str,
    cache: &mut Cache<D>,
    ids: &Ids,
    failures: &mut Failures,
) -> Result<bool, StoreError> {
    gather(store, collection, cache, ids).await?;
    let mut jobs = Vec::with_capacity(ids.len());
    let mut positions = HashMap::with_capacity(ids.len());
    for id in ids {
        let Some(document) = cache.get(id) else { continue };
        let write = document::write(document).map_err(|cause| StoreError::Encode { id: id.clone(), cause })?;
        let Some(write) = write else { continue };
        let version = document.stamp().version();
        positions.insert(id.clone(), version.position);
        jobs.push(Job { id: id.clone(), version, write });
    }
    if jobs.is_empty() {
        return Ok(true);
    }
    let Written { stored, missed, impossible } = write::all(store, collection, jobs).await?;
    store.counts().written(R::HEADS, stored.len(), missed.len());
    for id in &stored {
        if let Some(document) = cache.get(id) {
            document::stored(document);
        }
        cache.weigh(id);
    }
    for id in &missed {
        cache.remove(id);
    }
    if !missed.is_empty() {
        warn!(collection, documents = missed.len(), first = missed.first(), "documents were written by somebody else");
    }
    for (id, cause) in impossible {
        let position = positions.get(&id).copied().unwrap_or(0);
        cache.remove(&id);
        let head_id = head_of(&id);
        let cause = format!("{id} cannot take in the events of its batch up to here: {cause}");
        fail::<R>(failures, position, cause, head_id);
    }
    Ok(missed.is_empty())
}
