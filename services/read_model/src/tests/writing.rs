//! How documents are written: sizes, names of fields, and who wins when two write.

use daybook::event::v1::event::Kind;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};

use super::{
    database::{Database, Projector, Written},
    given::{log, sale, sale_line},
};
use crate::{
    by_id::ById,
    document::{self, Head, Key, Write},
    figures::{ItemMoves, ItemSales},
    rare::Rare,
    registry::{Report, StoreDays},
    segment::{MAX_SEGMENTS, unpack},
    spill::{Inline, Section},
    store_day::StoreDay,
    store_day_item::StoreDayItem,
};

fn sale_of(items: &[&str]) -> Kind {
    let lines = (1..).zip(items).map(|(n, item)| sale_line(n, item, 1_000, 100, 0)).collect();
    Kind::SaleRecorded(sale("n1", 1, 9, lines))
}

/// The head of store n1 with the log folded into it.
fn folded(document: StoreDay, kinds: Vec<Kind>) -> StoreDay {
    let mut document = document;
    for event in log(kinds) {
        for (_, change) in StoreDays::changes(&event).unwrap() {
            document.fold(event.position, change).unwrap();
        }
    }
    document
}

fn key() -> Key {
    Key::new("store_id", "2017-01-02", "n1").unwrap()
}

fn parsed(write: Write) -> (Option<Document>, Document) {
    let parse = |raw: RawDocumentBuf| Document::try_from(&raw).unwrap();
    match write {
        Write::Insert(document) => (None, parse(document)),
        Write::Update { filter, update } => (Some(parse(filter)), parse(update)),
    }
}

#[test]
fn any_id_is_kept_as_it_is() {
    let ids = ["a.b", "$c", "%d", "n", "0"];
    let document = folded(StoreDay::open(&key()), vec![sale_of(&ids)]);
    let Some(Write::Insert(raw)) = document::write(&document).unwrap() else { panic!("an insert") };
    let decoded: StoreDay = document::decode(&raw).unwrap();
    assert!(ids.iter().all(|id| decoded.items.entries.get(id).unwrap().sold.quantity_milli == 1_000));
    assert_eq!(decoded, document);
}

#[test]
fn a_document_that_was_just_read_is_folded_on_as_the_one_that_was_kept() {
    let first = vec![sale_of(&["1", "2", "3", "4", "5"])];
    let kept = folded(StoreDay::open(&key()), first.clone());
    let Some(Write::Insert(raw)) = document::write(&kept).unwrap() else { panic!("an insert") };
    let read: StoreDay = document::decode(&raw).unwrap();
    // Two items more than the head has room for, beside some that it has.
    let then = [first, vec![sale_of(&["8", "7", "6", "2", "1"])]].concat();
    let spilled = |mut document: StoreDay| {
        let mut spilled = Vec::new();
        for event in log(then.clone()) {
            for (_, change) in StoreDays::changes(&event).unwrap() {
                let parts = document.fold(event.position, change).unwrap();
                spilled.extend(parts.into_iter().flat_map(|part| part.entries).map(|(id, _)| id.to_string()));
            }
        }
        spilled.sort_unstable();
        (document, spilled)
    };
    let (read, beyond) = spilled(read);
    assert_eq!((beyond.len(), read.has_pages, read.items.count()), (2, true, 6));
    let sold = |id| read.items.entries.get(id).unwrap().sold.quantity_milli;
    assert_eq!((sold("1"), sold("2"), sold("3")), (2_000, 2_000, 1_000));
    assert_eq!((read, beyond), spilled(kept));
}

#[test]
fn segments_are_made_one_before_there_are_too_many() {
    let (mut heads, mut pages) = (Database::default(), Database::default());
    let events = log((0..60).map(|n| sale_of(&["1", if n % 2 == 0 { "2" } else { "3" }])));
    let mut projector = Projector::<StoreDays>::new(0);
    let mut most = 0;
    for event in events.chunks(1) {
        assert!(projector.batch(&mut heads, &mut pages, event, usize::MAX, false));
        let items = heads.documents["2017-01-02|n1"].get_document("items").unwrap();
        most = most.max(items.len() - 1);
        let found = heads.decoded::<StoreDay>().remove("2017-01-02|n1").unwrap();
        assert_eq!(found.items.entries.get("1").unwrap().sold.transactions, event[0].position);
    }
    assert_eq!(u32::try_from(most).unwrap(), MAX_SEGMENTS);
}

#[test]
fn an_update_holds_only_what_changed() {
    let mut document = folded(StoreDay::open(&key()), vec![sale_of(&["1", "2", "3"])]);
    document::stored(&mut document);
    assert!(document::write(&document).unwrap().is_none());
    let again = folded(document, vec![sale_of(&["1"]), sale_of(&["2"])]);
    let (filter, update) = parsed(document::write(&again).unwrap().unwrap());
    let filter = filter.unwrap();
    assert_eq!(filter, doc! { "_id": "2017-01-02|n1" });
    assert_eq!(*update.get_document("$inc").unwrap(), doc! { "position": 1_i64 });
    let set = update.get_document("$set").unwrap();
    assert_eq!(*set.get_array("claim").unwrap(), [Bson::Int64(0), Bson::Int64(2)]);
    let paths: Vec<&str> = set.keys().map(String::as_str).collect();
    // Nothing was delivered, voided or returned; the items that changed are one segment more.
    let sold = ["sales", "categories", "hours", "registers", "operators", "taxes", "tenders", "items.n", "items.1"];
    assert_eq!(paths, [&["claim"][..], &sold].concat());
    assert_eq!(set.get_i32("items.n").unwrap(), 2);
    let mut items: ById<StoreDayItem> = ById::default();
    unpack(set.get_binary_generic("items.1").unwrap(), &mut items).unwrap();
    assert_eq!(items.len(), 1);
    let item = items.get("2").unwrap();
    assert_eq!((item.sold.transactions, item.sold.quantity_milli, item.sold.gross_minor), (1, 1_000, 100));
}

#[test]
fn a_stale_writer_changes_nothing() {
    let (mut heads, mut pages) = (Database::default(), Database::default());
    let events = log([sale_of(&["1"]), sale_of(&["1", "2"]), sale_of(&["3"])]);
    let (mut one, mut other) = (Projector::<StoreDays>::new(0), Projector::<StoreDays>::new(0));
    assert!(one.batch(&mut heads, &mut pages, &events[..1], usize::MAX, false));
    assert!(other.batch(&mut heads, &mut pages, &events[..2], usize::MAX, false));
    let before = heads.documents.clone();
    let mut stale = folded(StoreDay::open(&key()), vec![sale_of(&["1"])]);
    assert_eq!(heads.write(document::write(&stale).unwrap().unwrap()), Written::Missed);
    document::stored(&mut stale);
    let stale = folded(stale, vec![sale_of(&["1"]), sale_of(&["9"])]);
    assert_eq!(heads.write(document::write(&stale).unwrap().unwrap()), Written::Missed);
    assert_eq!(heads.documents, before);
}

#[test]
fn a_document_of_another_life_is_replaced() {
    let (mut heads, mut pages) = (Database::default(), Database::default());
    let old = log([sale_of(&["1"]), sale_of(&["2"]), sale_of(&["3"])]);
    assert!(Projector::<StoreDays>::new(7).batch(&mut heads, &mut pages, &old, usize::MAX, false));
    let new = log([sale_of(&["4"])]);
    assert!(Projector::<StoreDays>::new(8).batch(&mut heads, &mut pages, &new, usize::MAX, false));
    let found = heads.decoded::<StoreDay>().remove("2017-01-02|n1").unwrap();
    assert_eq!((found.stamp.epoch, found.stamp.position, found.sales.transactions), (8, 1, 1));
    assert_eq!(found.items.entries.sorted().into_iter().map(|(id, _)| id).collect::<Vec<_>>(), ["4"]);
}

#[test]
fn a_store_day_of_a_thousand_items_is_small() {
    let mut document = folded(StoreDay::open(&key()), vec![sale_of(&["1"])]);
    let figure = 1_234_567;
    let item = StoreDayItem {
        category: "FROZEN GROCERY".into(),
        unit_code: "EA".into(),
        sold: ItemSales::of_figures(&[figure; ItemSales::FIGURES]).unwrap(),
        other: Rare::of(ItemMoves::of_figures(&[figure; ItemMoves::FIGURES]).unwrap()),
    };
    let mut many: Vec<_> = (0..999_u32).map(|n| (format!("4006381{n:06}").into(), item.clone())).collect();
    let mut items: Inline<StoreDayItem> = Inline::default();
    assert!(items.takes(Section::Items, &many));
    assert!(items.add("id", Section::Items, 1_000, &mut many).is_empty());
    document.items = items;
    let Some(Write::Insert(raw)) = document::write(&document).unwrap() else { panic!("an insert") };
    let bytes = raw.as_bytes().len();
    assert!(bytes < 70_000, "with every figure there is: {bytes}");
}
