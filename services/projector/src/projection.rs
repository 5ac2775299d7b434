//! One report: brings the documents of a batch into memory, folds the batch, writes what changed.

mod documents;
mod unwritten;

use std::collections::HashMap;

use ahash::RandomState;
use daybook_read_model::{
    checkpoint::Generation,
    collections::in_generation,
    document::{Head as _, Key},
    event::Event,
    folded::head_of,
    registry::{ChangeOf, EntryOf, Report, Visitor, touched_by_envelope},
    slot::slot,
    spill::{Page, Spilled},
    text::Text,
};
use futures_util::future::{BoxFuture, FutureExt as _};

pub(crate) use self::{documents::Load, unwritten::Turn};
use self::{
    documents::{ById, Ids, load, save},
    unwritten::Unwritten,
};
use crate::{
    cache::Cache,
    config::Shard,
    fresh::page_ids,
    log::Log,
    parked::{Failure, Failures},
    repair::{self, RepairError, Repaired},
    store::{Store, StoreError},
};

/// How often a batch is folded again because somebody else wrote its documents; then the checkpoint is looked at again.
const MAX_ROUNDS: usize = 5;

/// Events whose changes are worked out, and sorted by document, before they are folded: some 30 MB.
const SLICE_EVENTS: usize = 5_000;

/// The projection of one report, whatever its documents are.
pub(crate) trait Projection: Send + Sync {
    /// Brings the documents up to the end of the batch, and answers what could not be folded. Nothing else may be folded and
    /// not written.
    fn project<'a>(&'a mut self, store: &'a Store, events: &'a [Event]) -> BoxFuture<'a, Result<Failures, StoreError>>;

    /// Brings the documents up to the end of the batch in memory only, and answers what could not be folded.
    fn fold<'a>(&'a mut self, store: &'a Store, events: &'a [Event]) -> BoxFuture<'a, Result<Failures, StoreError>>;

    /// What has its turn of what is folded and not written yet, for being written while folding goes on. In memory it counts as
    /// written: if it is not, all must be forgotten and begun again where the checkpoint is.
    fn depart<'a>(&'a mut self, store: &'a Store, turn: Turn) -> BoxFuture<'a, Result<Load, StoreError>>;

    /// The position at the end of the first batch of which something is left to be written.
    fn oldest(&self) -> Option<i64>;

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
    fn touched(&self, event: &Event) -> Result<Vec<String>, String>;

    /// The name of the report.
    fn name(&self) -> &'static str;

    /// Memory of the documents that are kept, in bytes.
    fn bytes(&self) -> usize;

    /// Takes note that all that departed has arrived.
    fn arrived(&mut self);

    /// Lets documents go until so many bytes are left, but none that is to be written, or on its way.
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
    /// What was folded and is not written yet.
    unwritten: Unwritten,
    /// Pages among it, by their head: they are written with it, and before it, so that a head never says more than its pages hold.
    unwritten_pages: HashMap<Text, Ids, RandomState>,
    /// Ids of heads and pages on their way to the database: until they have arrived, nobody may load what is stored.
    departed: Ids,
}

/// What some events change in one head, by position, in order.
struct OfHead<R: Report> {
    id: Text,
    key: Key,
    changes: Vec<(i64, ChangeOf<R>)>,
}

/// What one event changes on one page.
struct OnPage<R: Report> {
    position: i64,
    head_id: Text,
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
            unwritten: Unwritten::default(),
            unwritten_pages: HashMap::default(),
            departed: Ids::default(),
        }
    }

    /// Folds a batch, and writes it at once.
    async fn rounds(&mut self, store: &Store, events: &[Event]) -> Result<Failures, StoreError> {
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
    async fn ahead(&mut self, store: &Store, events: &[Event]) -> Result<Failures, StoreError> {
        let mut failures = Failures::new();
        self.fold(store, events, &mut failures).await?;
        Ok(failures)
    }

    /// Takes what has its turn of being written.
    async fn take(&mut self, store: &Store, turn: Turn) -> Result<Load, StoreError> {
        let (heads, pages) = self.due(turn);
        let mut load = Load::new(R::HEADS);
        if let Some(pages_in) = self.pages_in.as_deref().filter(|_| !pages.is_empty()) {
            load.add(store, pages_in, &mut self.pages, &pages).await?;
        }
        load.add(store, &self.heads_in, &mut self.heads, &heads).await?;
        self.departed = load.ids().map(Text::from).collect();
        Ok(load)
    }

    /// Takes the heads that have their turn, and their pages.
    fn due(&mut self, turn: Turn) -> (Vec<Text>, Vec<Text>) {
        let heads = self.unwritten.take(turn);
        let pages = heads.iter().filter_map(|head| self.unwritten_pages.remove(head)).flatten().collect();
        (heads, pages)
    }

    /// Folds a batch into documents in memory, and takes note of which are to be written.
    async fn fold(&mut self, store: &Store, events: &[Event], failures: &mut Failures) -> Result<(), StoreError> {
        let Some(batch) = events.last().map(Event::position) else { return Ok(()) };
        let mut on_pages = Vec::new();
        for slice in events.chunks(SLICE_EVENTS) {
            let of_heads = plan::<R>(slice, self.shard, failures);
            let fresh = of_heads.iter().filter(|of_head| !self.unwritten.contains(&of_head.id));
            let fresh: ById<'_, &Key> = fresh.map(|of_head| (of_head.id.as_str(), &of_head.key)).collect();
            load(store, &self.heads_in, &mut self.heads, self.epoch, &fresh, |_, key| R::Head::open(key)).await?;
            self.unwritten.add(batch, fresh.into_keys());
            self.fold_heads(of_heads, &mut on_pages, failures);
        }
        let Some(pages_in) = self.pages_in.clone().filter(|_| !on_pages.is_empty()) else { return Ok(()) };
        let fresh: ById<'_, &str> =
            on_pages.iter().map(|on_page| (on_page.part.page.as_str(), on_page.head_id.as_str())).collect();
        let open = |id: &str, head_id: &&str| Page::open(id.to_owned(), head_id);
        load(store, &pages_in, &mut self.pages, self.epoch, &fresh, open).await?;
        for (page, head_id) in fresh {
            let of_head = match self.unwritten_pages.get_mut(head_id) {
                Some(of_head) => of_head,
                None => self.unwritten_pages.entry(head_id.into()).or_default(),
            };
            of_head.insert(page.into());
        }
        self.fold_pages(on_pages, failures);
        Ok(())
    }

    /// Writes what was folded; false if somebody else wrote some of the documents, which are then forgotten.
    async fn write(&mut self, store: &Store, failures: &mut Failures) -> Result<bool, StoreError> {
        let (heads, pages) = self.due(Turn::ALL);
        if let Some(pages_in) = self.pages_in.as_deref().filter(|_| !pages.is_empty())
            && !save::<R, _>(store, pages_in, &mut self.pages, &pages, failures).await?
        {
            return Ok(false);
        }
        save::<R, _>(store, &self.heads_in, &mut self.heads, &heads, failures).await
    }

    fn fold_heads(&mut self, of_heads: Vec<OfHead<R>>, on_pages: &mut Vec<OnPage<R>>, failures: &mut Failures) {
        for OfHead { id, changes, .. } in of_heads {
            let Some(head) = self.heads.get(&id) else {
                for (position, _) in changes {
                    fail::<R>(failures, position, unreadable(&id), &id);
                }
                continue;
            };
            for (position, change) in changes {
                match head.fold(position, change) {
                    Ok(spilled) => {
                        on_pages.extend(spilled.into_iter().map(|part| OnPage { position, head_id: id.clone(), part }));
                    }
                    Err(error) => fail::<R>(failures, position, error.to_string(), &id),
                }
            }
            self.heads.weigh(&id);
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
            self.pages.weigh(&part.page);
        }
    }
}

impl<R: Report> Projection for Of<R> {
    fn project<'a>(&'a mut self, store: &'a Store, events: &'a [Event]) -> BoxFuture<'a, Result<Failures, StoreError>> {
        self.rounds(store, events).boxed()
    }

    fn fold<'a>(&'a mut self, store: &'a Store, events: &'a [Event]) -> BoxFuture<'a, Result<Failures, StoreError>> {
        self.ahead(store, events).boxed()
    }

    fn depart<'a>(&'a mut self, store: &'a Store, turn: Turn) -> BoxFuture<'a, Result<Load, StoreError>> {
        self.take(store, turn).boxed()
    }

    fn oldest(&self) -> Option<i64> {
        self.unwritten.oldest()
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

    fn touched(&self, event: &Event) -> Result<Vec<String>, String> {
        let changes = event.changes::<R>().map_err(|error| error.to_string())?;
        let ids = changes.into_iter().map(|(key, _)| key.id().into_string());
        Ok(ids.filter(|id| self.shard.owns(slot(id))).collect())
    }

    fn name(&self) -> &'static str {
        R::HEADS
    }

    fn bytes(&self) -> usize {
        self.heads.bytes() + self.pages.bytes()
    }

    fn arrived(&mut self) {
        self.departed = Ids::default();
    }

    fn shrink(&mut self, bytes: usize) {
        // Pages are cheap to load: only their stamps are.
        let pages = bytes.saturating_sub(self.heads.bytes());
        let is_unwritten = |id: &str| self.unwritten_pages.get(head_of(id)).is_some_and(|pages| pages.contains(id));
        self.pages.shrink(pages, |id| is_unwritten(id) || self.departed.contains(id));
        let heads = bytes.saturating_sub(self.pages.bytes());
        self.heads.shrink(heads, |id| self.unwritten.contains(id) || self.departed.contains(id));
    }
}

/// What the events change in the documents of the share, by document: each is then brought into the processor's cache once, and
/// suppliers have many changes in a slice.
fn plan<R: Report>(events: &[Event], shard: Shard, failures: &mut Failures) -> Vec<OfHead<R>> {
    let mut of_heads: Vec<OfHead<R>> = Vec::new();
    let mut places: HashMap<Text, usize, RandomState> = HashMap::default();
    for event in events {
        let changes = match event.changes::<R>() {
            Ok(changes) => changes,
            Err(error) => {
                let touched = touched_by_envelope::<R>(&event.recorded.business_date, &event.recorded.store_id)
                    .unwrap_or_default();
                fail::<R>(failures, event.position(), error.to_string(), &touched);
                continue;
            }
        };
        for (key, change) in changes {
            let id = key.id();
            let place = match places.get(&id) {
                Some(place) => *place,
                None if shard.owns(slot(&id)) => {
                    places.insert(id.clone(), of_heads.len());
                    of_heads.push(OfHead { id, key, changes: Vec::new() });
                    of_heads.len() - 1
                }
                None => continue,
            };
            if let Some(of_head) = of_heads.get_mut(place) {
                of_head.changes.push((event.position(), change));
            }
        }
    }
    of_heads
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
