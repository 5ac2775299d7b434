//! Far behind the end of the log, documents are written after several batches. What is in between is in memory only, and must be
//! neither lost nor counted twice, whatever happens there.

use std::time::Duration;

use crate::{
    sales::sales,
    world::{PATIENCE, World},
};

/// Several times as many as are folded before something is written.
const EVENTS: usize = 16_000;

/// Waits until the checkpoint is beyond a position; answers where it is.
async fn written_beyond(world: &World, position: i64) -> i64 {
    let written = async {
        loop {
            let found = world.position().await;
            if found > position {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, written).await.expect("something more is written")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_loses_and_doubles_nothing() {
    let world = World::new().await;
    world.log.append(sales(41, EVENTS));
    let (mut furthest, mut kills) = (0, 0);
    while furthest < 12_000 {
        let projector = world.start_writing_seldom().await;
        let found = written_beyond(&world, furthest).await;
        assert!(found - furthest >= 4_000 || found > 13_000, "several batches at once: {furthest} to {found}");
        furthest = found;
        // Into the next batches.
        tokio::time::sleep(Duration::from_millis(7 * kills)).await;
        projector.kill();
        kills += 1;
    }
    let projector = world.start_writing_seldom().await;
    world.projected().await;
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_wrote_in_between_is_not_counted_twice() {
    let world = World::new().await;
    world.log.append(sales(42, EVENTS));
    let (seldom, often) = (world.start_writing_seldom().await, world.start_in_small_batches().await);
    world.projected().await;
    seldom.stop().await;
    often.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_written_when_nothing_more_comes_although_the_log_has_more() {
    let world = World::new().await;
    world.log.append(sales(43, EVENTS));
    world.log.hold_all(6_000..7_000);
    let projector = world.start_writing_seldom().await;
    assert_eq!(written_beyond(&world, 4_000).await, 6_000);
    assert!(world.log.is_held());
    world.log.release();
    world.projected().await;
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_folded_is_parked_and_the_others_are_written() {
    let world = World::new().await;
    let mut events = sales(44, EVENTS);
    events[5_000].event_type = "sale_sung".to_owned();
    world.log.append(events);
    let projector = world.start_writing_seldom().await;
    world.projected().await;
    projector.stop().await;
    assert_eq!(world.parked().await, [5_001]);
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_is_built_the_same_way() {
    let world = World::new().await;
    world.log.append(sales(45, EVENTS));
    let projector = world.start_writing_seldom().await;
    world.projected().await;
    projector.rebuild(&[]).await;
    world.served(2).await;
    projector.stop().await;
    world.compare().await;
}
