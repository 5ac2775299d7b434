//! A log that is not the one which the documents were folded from: it is refused, and nothing of it is folded.

use std::time::Duration;

use crate::{
    sales::sales,
    world::{Projector, World},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lost_its_tail_is_refused() {
    let world = World::new().await;
    world.log.append(sales(7, 100));
    let projector = world.start().await;
    world.projected().await;
    assert!(projector.is_serving().await);
    world.log.truncate(50);
    refuses(&projector).await;
    world.log.append(sales(8, 60).split_off(50));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!projector.is_serving().await);
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lost_its_tail_and_went_on_is_refused_whether_the_projector_ran_or_not() {
    let world = World::new().await;
    let events = sales(7, 100);
    world.log.append(events.clone());
    let projector = world.start().await;
    world.projected().await;
    let folded = world.checkpoint(0, 1).await;
    world.log.replace_from(60, sales(8, 150).split_off(60));
    refuses(&projector).await;
    projector.stop().await;
    let projector = world.start().await;
    let asked = world.log.reads().len();
    tokio::time::timeout(Duration::from_secs(30), async {
        while world.log.reads().len() < asked + 4 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("it asks the log again and again");
    assert!(!projector.is_serving().await);
    assert_eq!(world.checkpoint(0, 1).await, folded, "nothing of the other log is folded");
    // The log that has these events is back.
    world.log.replace_from(60, events[60..].to_vec());
    tokio::time::timeout(Duration::from_secs(30), async {
        while !projector.is_serving().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("the projector goes on");
    world.log.append(sales(9, 120).split_off(100));
    world.projected().await;
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_without_an_id_is_gone_on_from() {
    let world = World::new().await;
    let events = sales(7, 100);
    world.log.append(events[..60].to_vec());
    let projector = world.start().await;
    world.projected().await;
    projector.stop().await;
    world.forget_event_id().await;
    let projector = world.start().await;
    world.log.append(events[60..].to_vec());
    world.projected().await;
    projector.stop().await;
    assert!(!world.checkpoint(0, 1).await.event_id.is_empty());
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_only_the_broker_has_are_not_folded() {
    let world = World::new().await;
    let lost = sales(7, 100);
    world.make_stream().await;
    world.publish(&lost).await;
    world.log.append(lost[..60].to_vec());
    let projector = world.start().await;
    world.projected().await;
    world.log.append(sales(8, 80).split_off(60));
    world.projected().await;
    world.log.append(sales(9, 130).split_off(80));
    world.projected().await;
    projector.stop().await;
    world.compare().await;
}

/// Waits until the projector says that it does not serve.
async fn refuses(projector: &Projector) {
    tokio::time::timeout(Duration::from_secs(30), async {
        while projector.is_serving().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("the projector refuses to go on");
}
