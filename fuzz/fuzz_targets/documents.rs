//! Documents of MongoDB: heads and pages of all reports with their packed segments, as they are loaded, read as answers,
//! folded on and written again; and the documents about them.
#![no_main]

use daybook_fuzz::choice;
use daybook_read_model::{
    answer,
    checkpoint::{Audit, Checkpoint, Generation, Live, ParkedMarks, Transition},
    document::{self, Head, Key, Stored},
    entries::Entry,
    registry::{EntryOf, StoreDays, SupplierDays},
    spill::Page,
    stock::StockPage,
    store_day::StoreDay,
    supplier_day::SupplierDay,
};
use libfuzzer_sys::fuzz_target;
use mongodb::bson::{RawDocument, deserialize_from_slice};

/// Loads a document as the projector does, in its own life and in another one, and takes it as the query service does.
fn stored<D: Stored>(raw: &RawDocument, fresh: fn() -> D) -> Option<D> {
    let epoch = raw.get_i64("epoch").unwrap_or_default();
    for epoch in [epoch, epoch.wrapping_add(1)] {
        let Ok(mut loaded) = document::load::<D>(raw, epoch, fresh) else { continue };
        if document::wants_gathering(&loaded).is_some() {
            let _ = document::gather(&mut loaded, raw);
        }
        let _ = (loaded.heap_bytes(), document::write(&loaded));
    }
    let mut read: D = document::decode(raw).ok()?;
    read.loaded();
    Some(read)
}

fn head<H: Head>() -> H {
    H::open(&Key { first: "2017-01-02".into(), second: "443".into() })
}

fn page<E: Entry>() -> Page<E> {
    Page::open("2017-01-02|443|i|1".to_owned(), "2017-01-02|443")
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = choice(data) else { return };
    let Ok(raw) = RawDocument::from_bytes(bytes) else { return };
    match kind % 11 {
        0 => drop(stored::<StoreDay>(raw, head).map(|day| answer::store_day::head(&day))),
        1 => drop(stored::<SupplierDay>(raw, head).map(|day| answer::supplier_day::head(&day))),
        2 => drop(stored::<StockPage>(raw, head)),
        3 => drop(stored::<Page<EntryOf<StoreDays>>>(raw, page)),
        4 => drop(stored::<Page<EntryOf<SupplierDays>>>(raw, page)),
        5 => drop(deserialize_from_slice::<Checkpoint>(bytes)),
        6 => drop(deserialize_from_slice::<Generation>(bytes)),
        7 => drop(deserialize_from_slice::<Live>(bytes)),
        8 => drop(deserialize_from_slice::<Transition>(bytes)),
        9 => drop(deserialize_from_slice::<ParkedMarks>(bytes).map(|marks| marks.has("store_days", "2017-01-02|443"))),
        _ => drop(deserialize_from_slice::<Audit>(bytes)),
    }
});
