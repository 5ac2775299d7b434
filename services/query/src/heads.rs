//! Heads of reports as they were answered last. What the log has since is folded in, so a report that is asked for again and
//! again costs a look at a few events, not the reading of its document.
//!
//! A head here is a stored document with later events folded in, so it is right as of its position whatever happens to the
//! document afterwards, with one exception: a document that is repaired, or of which a parked event is folded or given up at last,
//! changes without a new event. The projector counts how often that has happened, and a head is used only while that count is
//! what it was before the document was read ([`Edition`]). A projector that ends between a repair and counting it leaves the
//! count behind; therefore no head is used for longer than [`FRESH_FOR`] either.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use daybook_read_model::{category_day::CategoryDay, document::Stored, store_day::StoreDay, supplier_day::SupplierDay};
use moka::sync::Cache;
use tokio::time::Instant;

/// How long after its document was read a head is used.
const FRESH_FOR: Duration = Duration::from_secs(15);

/// Memory for the heads of one report.
const HEADS_BYTES: u64 = 16 * 1024 * 1024;

/// Heads of all reports.
#[derive(Clone, Debug)]
pub(crate) struct Heads {
    pub(crate) store_days: Kept<StoreDay>,
    pub(crate) supplier_days: Kept<SupplierDay>,
    pub(crate) category_days: Kept<CategoryDay>,
}

/// Documents that nothing but events changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Edition {
    /// The generation, and its life.
    pub(crate) generation: i64,
    pub(crate) epoch: i64,
    /// How often any had changed without an event.
    pub(crate) mended: i64,
}

/// Heads of one report by the id of their documents.
#[derive(Clone, Debug)]
pub(crate) struct Kept<H: Stored + Sync>(Cache<(Edition, String), Arc<Seen<H>>>);

/// A head that is brought up to date by whoever asks for it.
#[derive(Debug)]
pub(crate) struct Seen<H> {
    state: Mutex<State<H>>,
    /// When its document was read.
    read_at: Instant,
}

/// What is known of a report.
#[derive(Debug)]
pub(crate) struct State<H> {
    /// Without the entries that its view does not depend on. It may have some events after the position already.
    pub(crate) head: H,
    /// Its view, encoded.
    pub(crate) view: Bytes,
    /// The view says all up to here.
    pub(crate) position: i64,
}

impl<H> Seen<H> {
    /// What is known, for as long as it takes to bring it up to date; `None` if somebody panicked over it.
    #[must_use]
    pub(crate) fn state(&self) -> Option<MutexGuard<'_, State<H>>> {
        self.state.lock().ok()
    }
}

impl Heads {
    /// No heads.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self { store_days: Kept::new(), supplier_days: Kept::new(), category_days: Kept::new() }
    }
}

impl Heads {
    /// Forgets all of them.
    pub(crate) fn clear(&self) {
        self.store_days.0.invalidate_all();
        self.supplier_days.0.invalidate_all();
        self.category_days.0.invalidate_all();
    }
}

impl<H: Stored + Sync> Kept<H> {
    fn new() -> Self {
        let weigh = |(_, id): &(Edition, String), seen: &Arc<Seen<H>>| {
            // It hardly grows while it is kept: what came since it was answered last is all that it tells apart.
            let bytes = seen.state().map_or(0, |state| state.head.heap_bytes() + state.view.len());
            u32::try_from(id.len() + bytes).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(HEADS_BYTES).weigher(weigh).time_to_idle(FRESH_FOR).build())
    }

    /// The head of a report, if it was asked for lately.
    #[must_use]
    pub(crate) fn get(&self, edition: Edition, id: &str) -> Option<Arc<Seen<H>>> {
        let seen = self.0.get(&(edition, id.to_owned()));
        seen.filter(|seen| seen.read_at.elapsed() <= FRESH_FOR)
    }

    /// Forgets the head of a report that lacks an event.
    pub(crate) fn forget(&self, edition: Edition, id: &str) {
        self.0.invalidate(&(edition, id.to_owned()));
    }

    /// Keeps a head, of a document that was read at an instant, for the next time.
    pub(crate) fn put(&self, edition: Edition, id: &str, state: State<H>, read_at: Instant) {
        let seen = Seen { state: Mutex::new(state), read_at };
        self.0.insert((edition, id.to_owned()), Arc::new(seen));
    }
}

#[cfg(test)]
mod tests {
    use daybook_read_model::document::{Head as _, Key};

    use super::*;

    fn state() -> State<StoreDay> {
        let key = Key { first: "2017-01-02".into(), second: "443".into() };
        State { head: StoreDay::open(&key), view: Bytes::new(), position: 7 }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_is_used_in_its_own_edition_and_not_for_long() {
        let heads = Heads::new().store_days;
        let this = Edition { generation: 1, epoch: 5, mended: 3 };
        let others = [Edition { generation: 2, ..this }, Edition { epoch: 6, ..this }, Edition { mended: 4, ..this }];
        heads.put(this, "2017-01-02|443", state(), Instant::now());
        let position = |edition, id| heads.get(edition, id).map(|seen| seen.state().unwrap().position);
        assert_eq!(position(this, "2017-01-02|443"), Some(7));
        assert_eq!(position(this, "2017-01-02|44"), None);
        assert_eq!(others.map(|other| position(other, "2017-01-02|443")), [None, None, None]);
        tokio::time::advance(FRESH_FOR + Duration::from_millis(1)).await;
        assert_eq!(position(this, "2017-01-02|443"), None, "its document may have been repaired");
        heads.put(this, "2017-01-02|443", state(), Instant::now());
        heads.forget(this, "2017-01-02|443");
        assert_eq!(position(this, "2017-01-02|443"), None);
    }
}
