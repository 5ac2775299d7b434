//! How documents are written: sizes, names of fields, and who wins when two write.

use daybook::event::v1::event::Kind;
use mongodb::bson::{Document, RawDocumentBuf};

use super::{
    database::{Database, Projector, Written},
    given::{log, sale, sale_line},
};
use crate::{
    document::{self, Head, Key, Write},
    figures::StoreDayItem,
    registry::{Report, StoreDays},
    spill::{Inline, Section},
    store_day::StoreDay,
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
fn unsafe_ids_are_escaped_and_come_back() {
    let document = folded(StoreDay::open(&key()), vec![sale_of(&["a.b", "$c", "%d"])]);
    let Some(Write::Insert(raw)) = document::write(&document).unwrap() else { panic!("an insert") };
    let stored = Document::try_from(&raw).unwrap();
    let names: Vec<&String> = stored.get_document("items").unwrap().keys().collect();
    assert_eq!(names, ["%24c", "%25d", "a%2Eb"]);
    let decoded: StoreDay = document::decode(&raw).unwrap();
    assert_eq!(decoded.items.entries.get("a.b").unwrap().quantity_sold_milli, 1_000);
    assert_eq!(decoded, document);
}

#[test]
fn an_update_holds_only_what_changed() {
    let mut document = folded(StoreDay::open(&key()), vec![sale_of(&["1", "2", "3"])]);
    document::stored(&mut document);
    assert!(document::write(&document).unwrap().is_none());
    let again = folded(document, vec![sale_of(&["1"]), sale_of(&["2"])]);
    let (filter, update) = parsed(document::write(&again).unwrap().unwrap());
    let filter = filter.unwrap();
    assert_eq!((filter.get_str("_id").unwrap(), filter.get_i64("position").unwrap()), ("2017-01-02|n1", 1));
    let set = update.get_document("$set").unwrap();
    assert_eq!(set.get_i64("position").unwrap(), 2);
    let paths: Vec<&str> = set.keys().map(String::as_str).collect();
    // The categories of the items are known already, and nothing was delivered, voided or returned.
    let sold = [
        "sales",
        "categories.C2",
        "hours.9",
        "registers.r1",
        "operators.o1",
        "taxes.STD|100000",
        "tenders.1",
        "tenders.2",
    ];
    assert_eq!(paths, [&["position"][..], &sold].concat());
    let items: Vec<(&String, i32)> =
        update.get_document("$inc").unwrap().iter().map(|(path, by)| (path, by.as_i32().unwrap())).collect();
    let expected = [("items.2.t", 1), ("items.2.q", 1_000), ("items.2.g", 100), ("items.2.x", 10)];
    assert_eq!(
        items,
        expected.map(|(path, by)| (path.to_owned(), by)).iter().map(|(p, b)| (p, *b)).collect::<Vec<_>>()
    );
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
        transactions: figure,
        quantity_sold_milli: figure,
        gross_minor: figure,
        discount_minor: figure,
        tax_minor: figure,
        quantity_returned_milli: figure,
        returns_net_minor: figure,
        quantity_received_milli: figure,
        received_cost_minor: figure,
        quantity_rejected_milli: figure,
        quantity_adjusted_milli: figure,
    };
    let many = (0..999_u32).map(|n| (format!("4006381{n:06}").into(), item.clone())).collect();
    let items: Inline<StoreDayItem> = Inline::default();
    let planned = items.plan("id", Section::Items, 1_000, many).unwrap();
    document.items.commit(planned);
    let Some(Write::Insert(raw)) = document::write(&document).unwrap() else { panic!("an insert") };
    let bytes = raw.as_bytes().len();
    assert!(bytes < 160_000, "with every figure there is: {bytes}");
}
