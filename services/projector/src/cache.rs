//! Documents that are kept in memory between batches, because the next batch probably needs them again.

use ahash::RandomState;
use daybook_read_model::{document::Stored, text::Text};
use lru::LruCache;

/// Bookkeeping of one document, roughly, in bytes.
const SLOT_BYTES: usize = 128;

/// Documents by id, the least recently used of which go first.
#[derive(Debug)]
pub(crate) struct Cache<D> {
    documents: LruCache<Text, Slot<D>, RandomState>,
    bytes: usize,
}

#[derive(Debug)]
struct Slot<D> {
    document: D,
    bytes: usize,
}

impl<D: Stored> Cache<D> {
    pub(crate) fn new() -> Self {
        Self { documents: LruCache::unbounded_with_hasher(RandomState::new()), bytes: 0 }
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.documents.contains(id)
    }

    pub(crate) fn put(&mut self, id: Text, document: D) {
        let bytes = size(&document);
        self.bytes += bytes;
        if let Some(old) = self.documents.put(id, Slot { document, bytes }) {
            self.bytes = self.bytes.saturating_sub(old.bytes);
        }
    }

    pub(crate) fn get(&mut self, id: &str) -> Option<&mut D> {
        self.documents.get_mut(id).map(|slot| &mut slot.document)
    }

    pub(crate) fn remove(&mut self, id: &str) {
        if let Some(old) = self.documents.pop(id) {
            self.bytes = self.bytes.saturating_sub(old.bytes);
        }
    }

    /// Takes note of how large a document has become.
    pub(crate) fn weigh(&mut self, id: &str) {
        if let Some(slot) = self.documents.peek_mut(id) {
            let bytes = size(&slot.document);
            self.bytes = (self.bytes + bytes).saturating_sub(slot.bytes);
            slot.bytes = bytes;
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Lets the least recently used documents go until so many bytes are left, but none that are wanted.
    pub(crate) fn shrink(&mut self, bytes: usize, is_wanted: impl Fn(&str) -> bool) {
        for _ in 0..self.documents.len() {
            if self.bytes <= bytes {
                return;
            }
            let Some((id, slot)) = self.documents.pop_lru() else { return };
            if is_wanted(&id) {
                self.documents.put(id, slot);
            } else {
                self.bytes = self.bytes.saturating_sub(slot.bytes);
            }
        }
    }
}

fn size<D: Stored>(document: &D) -> usize {
    document.heap_bytes() + SLOT_BYTES
}

#[cfg(test)]
mod tests {
    use daybook_read_model::stock::StockPage;

    use super::*;

    #[test]
    fn the_least_recently_used_documents_go_first() {
        let mut cache: Cache<StockPage> = Cache::new();
        let ids = ["443|00", "443|01", "443|02"];
        for id in ids {
            cache.put(id.into(), StockPage::open(id.to_owned(), id));
        }
        let one = cache.bytes() / 3;
        cache.get(ids[0]);
        cache.shrink(one * 2, |_| false);
        assert_eq!(ids.map(|id| cache.contains(id)), [true, false, true]);
        assert_eq!(cache.bytes(), one * 2);
        cache.remove(ids[0]);
        cache.remove(ids[1]);
        assert_eq!(cache.bytes(), one);
        cache.shrink(0, |_| false);
        assert_eq!(cache.bytes(), 0);
    }

    #[test]
    fn what_is_wanted_stays() {
        let mut cache: Cache<StockPage> = Cache::new();
        for id in ["443|00", "443|01"] {
            cache.put(id.into(), StockPage::open(id.to_owned(), id));
        }
        let one = cache.bytes() / 2;
        cache.shrink(0, |id| id == "443|00");
        assert!(cache.contains("443|00") && !cache.contains("443|01"));
        assert_eq!(cache.bytes(), one);
    }
}
