//! Events that cannot be folded: the others go on, and once it can be folded its documents lose their marks first.

use daybook::{
    event::{
        EventType,
        v1::{Event, EventDiscarded, RecordedEvent, event::Kind},
    },
    ids::RequestId,
};
use daybook_read_model::{
    checkpoint::ParkedMarks,
    collections::{META, PARKED, in_generation},
};
use futures_util::StreamExt as _;
use mongodb::{
    bson::{Document, doc},
    change_stream::{
        ChangeStream,
        event::{ChangeStreamEvent, OperationType},
    },
};

use crate::{
    sales::sales,
    world::{PATIENCE, Projector, World},
};

/// A log whose event at position 10 nobody knows, and the name by which it would be known.
async fn with_an_unknown_event(seed: u64) -> (World, String) {
    let world = World::new().await;
    let mut events = sales(seed, 30);
    let name = std::mem::replace(&mut events[9].event_type, "sale_sung".into());
    world.log.append(events);
    (world, name)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_folded_is_parked_and_the_others_go_on() {
    let (world, _) = with_an_unknown_event(9).await;
    let projector = world.start().await;
    world.projected().await;
    projector.stop().await;
    assert_eq!(world.parked().await, [10]);
    world.compare().await;
}

/// Lets something happen after which the unknown event is parked no more, and looks what its documents are told to lack then.
async fn lose_their_marks_first(seed: u64, happen: impl AsyncFnOnce(&World, &Projector, String)) {
    let (world, name) = with_an_unknown_event(seed).await;
    let projector = world.start().await;
    world.projected().await;
    assert!(!world.marks().await.marks.is_empty());
    let changes = world.database().watch().await.unwrap();
    happen(&world, &projector, name).await;
    assert!(!is_marked_when_gone(changes).await, "a report may still be read as one that lacks it");
    world.projected().await;
    projector.stop().await;
    assert!(world.parked().await.is_empty());
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_lose_their_marks_before_a_folded_event_is_parked_no_more() {
    lose_their_marks_first(61, async |world, projector, name| {
        world.log.change(10, |event| event.event_type = name);
        projector.retry(10).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_lose_their_marks_before_a_discarded_event_is_parked_no_more() {
    lose_their_marks_first(63, async |world, _, _| {
        let kind = Kind::EventDiscarded(EventDiscarded { position: 10, reason: "a test".into() });
        world.log.append(vec![RecordedEvent {
            event_id: RequestId::random().uuid().as_bytes().to_vec().into(),
            event_type: EventType::of(&kind).as_str().into(),
            schema_version: 1,
            event: Some(Event { kind: Some(kind) }),
            ..RecordedEvent::default()
        }]);
    })
    .await;
}

/// Whether any document is marked at the moment when an event is parked no more.
async fn is_marked_when_gone(mut changes: ChangeStream<ChangeStreamEvent<Document>>) -> bool {
    let gone = async {
        let mut is_marked = true;
        while let Some(change) = changes.next().await {
            let change = change.unwrap();
            if let Some(marks) = written_marks(&change) {
                is_marked = !marks.marks.is_empty();
            } else if change.operation_type == OperationType::Delete && is_in(&change, &in_generation(1, PARKED)) {
                return is_marked;
            }
        }
        panic!("the database was dropped");
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the event is parked no more")
}

fn is_in(change: &ChangeStreamEvent<Document>, collection: &str) -> bool {
    change.ns.as_ref().is_some_and(|ns| ns.coll.as_deref() == Some(collection))
}

/// The marks, if they are what was written.
fn written_marks(change: &ChangeStreamEvent<Document>) -> Option<ParkedMarks> {
    let written = change.full_document.as_ref().filter(|_| is_in(change, META))?;
    let is_marks = written.get_str("_id").is_ok_and(|id| id == ParkedMarks::id_of(1));
    is_marks.then(|| mongodb::bson::deserialize_from_document(written.clone()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_was_cut_off_before_its_end_is_brought_to_it() {
    let (world, name) = with_an_unknown_event(62).await;
    let projector = world.start().await;
    world.projected().await;
    projector.stop().await;
    // The only shard has folded it; the marks and the entry are what it did not come to.
    let left = doc! { "$set": { "retry": true, "retried": ["0/1"], "settled": true } };
    let parked = world.database().collection::<Document>(&in_generation(1, PARKED));
    assert_eq!(parked.update_one(doc! { "_id": 10 }, left).await.unwrap().modified_count, 1);
    world.log.change(10, |event| event.event_type = name);
    let projector = world.start().await;
    let gone = async {
        while !world.parked().await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the event is parked no more");
    assert_eq!(world.marks().await.marks, []);
    projector.stop().await;
    world.compare().await;
}
