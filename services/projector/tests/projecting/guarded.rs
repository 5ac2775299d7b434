//! The validator by which an update that was made for another state of its document is refused.

use daybook_read_model::{
    document::{self, CLAIM, Stamp},
    store_day::StoreDay,
};
use mongodb::{
    bson::{Document, doc},
    error::ErrorKind,
};

use crate::{sales::sales, world::World};

/// What the server answers if the validator refuses an update; `None` if it takes it.
async fn refusal(world: &World, collection: &str, id: &str, added: i64, claim: [i64; 2]) -> Option<i32> {
    let collection = world.database().collection::<Document>(collection);
    let update = doc! { "$inc": { "position": added }, "$set": { CLAIM: claim.to_vec() } };
    match collection.update_one(doc! { "_id": id }, update).await {
        Ok(done) => {
            assert_eq!(done.matched_count, 1);
            None
        }
        Err(error) => match *error.kind {
            ErrorKind::Write(mongodb::error::WriteFailure::WriteError(error)) => Some(error.code),
            other => panic!("{other}"),
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_collection_has_it_also_one_that_was_there_without() {
    let world = World::new().await;
    world.database().create_collection("g1_store_days").await.unwrap();
    let projector = world.start().await;
    world.log.append(sales(51, 300));
    world.projected().await;
    let collections =
        ["store_days", "store_day_pages", "supplier_days", "supplier_day_pages", "stock", "category_days"];
    let names: Vec<String> = collections.iter().map(|name| format!("g1_{name}")).collect();
    let mut found = world.database().list_collections().filter(doc! { "name": { "$in": &names } }).await.unwrap();
    let mut guarded = 0;
    while found.advance().await.unwrap() {
        let specification = found.deserialize_current().unwrap();
        assert_eq!(specification.options.validator, Some(document::guard()), "{}", specification.name);
        guarded += 1;
    }
    assert_eq!(guarded, names.len());
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_for_another_state_of_the_document_is_refused() {
    const REFUSED: Option<i32> = Some(121);
    let world = World::new().await;
    let projector = world.start().await;
    for part in sales(52, 300).chunks(100) {
        world.log.append(part.to_vec());
        world.projected().await;
    }
    projector.stop().await;
    let stored = world.documents::<StoreDay>("store_days").await;
    let Stamp { id, epoch, position, .. } = stored.values().next().unwrap().stamp.clone();
    let refusal = |added, claim| refusal(&world, "g1_store_days", &id, added, claim);
    // Made for the state before, for a later one, for the same position in another life, and without a word of the position.
    assert_eq!(refusal(10, [epoch, position + 9]).await, REFUSED);
    assert_eq!(refusal(10, [epoch, position + 11]).await, REFUSED);
    assert_eq!(refusal(10, [epoch ^ 1, position + 10]).await, REFUSED);
    assert_eq!(refusal(10, [epoch, position]).await, REFUSED);
    assert_eq!(world.documents::<StoreDay>("store_days").await, stored);
    assert_eq!(refusal(10, [epoch, position + 10]).await, None);
    let changed = world.documents::<StoreDay>("store_days").await;
    assert_eq!(changed[&id].stamp.position, position + 10);
}
