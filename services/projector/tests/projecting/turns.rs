//! While events keep coming, documents are written by turns: some are further than the checkpoint. Whenever that is looked at,
//! each must hold all of its events up to the checkpoint, and exactly those up to the position that it says.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};

use daybook_read_model::{
    document::Stored as _,
    folded::Folded,
    registry::{CategoryDays, Report, Stock, StoreDays, SupplierDays},
};

use crate::{
    sales::sales,
    world::{PATIENCE, World},
};

const EVENTS: usize = 2_000;

/// Events that come at once, and how long there are no others.
const COME_AT_ONCE: usize = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// Compares the documents of a report with the log; answers how many were further than the checkpoint, which was looked at before.
async fn look<R: Report>(world: &World, checkpoint: i64) -> usize
where
    R::Head: PartialEq + Debug,
{
    let documents = world.documents::<R::Head>(R::HEADS).await;
    let mut by_position: BTreeMap<i64, Vec<&R::Head>> = BTreeMap::new();
    for document in documents.values() {
        by_position.entry(document.stamp().position).or_default().push(document);
    }
    let mut folded = Folded::<R>::default();
    for event in world.log.all() {
        folded.fold(&event).unwrap();
        for document in by_position.remove(&event.position).unwrap_or_default() {
            let stamp = document.stamp();
            let expected = folded.heads.get_mut(&stamp.id).unwrap();
            expected.stamp_mut().epoch = stamp.epoch;
            assert!(document == expected, "{}:\n{document:?}\n{expected:?}", stamp.id);
        }
        if event.position == checkpoint {
            for (id, expected) in &folded.heads {
                let stored = documents.get(id).map(|document| document.stamp().position);
                assert!(stored >= Some(expected.stamp().position), "{id} is at {stored:?}, checkpoint {checkpoint}");
            }
        }
    }
    assert!(by_position.is_empty(), "there are no such events: {:?}", by_position.keys());
    documents.values().filter(|document| document.stamp().position > checkpoint).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_hold_all_up_to_the_checkpoint_and_exactly_what_they_say() {
    let world = Arc::new(World::new().await);
    world.make_stream().await;
    let projector = world.start().await;
    let coming = tokio::spawn({
        let world = Arc::clone(&world);
        async move {
            for part in sales(47, EVENTS).chunks(COME_AT_ONCE) {
                world.log.append(part.to_vec());
                world.publish(part).await;
                tokio::time::sleep(PAUSE).await;
            }
        }
    });
    let looking = async {
        let (mut looks, mut further) = (0, 0);
        loop {
            let checkpoint = world.position().await;
            further += look::<StoreDays>(&world, checkpoint).await;
            further += look::<SupplierDays>(&world, checkpoint).await;
            further += look::<Stock>(&world, checkpoint).await;
            further += look::<CategoryDays>(&world, checkpoint).await;
            looks += usize::from(checkpoint > 0);
            if checkpoint == EVENTS as i64 {
                return (looks, further);
            }
        }
    };
    let (looks, further) = tokio::time::timeout(PATIENCE, looking).await.expect("all is projected");
    coming.await.unwrap();
    println!("{looks} looks, {further} documents further than the checkpoint");
    assert!(looks > 1 && further > 0, "{looks} looks, {further} documents further than the checkpoint");
    projector.stop().await;
    world.compare().await;
}
