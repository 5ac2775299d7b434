//! A report that is added to documents that are there already.

use std::time::Duration;

use daybook_read_model::{
    checkpoint::Checkpoint,
    registry::{CategoryDays, Report, Stock, StoreDays, SupplierDays},
};
use mongodb::bson::doc;

use crate::{sales::sales, world::World};

const NEW: &str = CategoryDays::HEADS;

/// A world whose documents hold so many events, of all reports but the new one.
async fn before_the_report(seed: u64, events: usize) -> World {
    let world = World::new().await;
    world.log.append(sales(seed, events));
    let projector = world.start().await;
    world.projected().await;
    projector.stop().await;
    world.forget(NEW).await;
    world
}

fn position_of_new(checkpoint: &Checkpoint) -> i64 {
    checkpoint.catching_up.get(NEW).map_or(-1, |new| new.position)
}

async fn until_held(world: &World) {
    let held = async {
        while !world.log.is_held() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), held).await.expect("the log so far is read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_report_is_folded_from_the_log_while_the_others_go_on() {
    let world = before_the_report(21, 3_000).await;
    world.log.hold_all(0..3_000);
    let projector = world.start().await;
    until_held(&world).await;
    // The log so far cannot be read, and that holds up nobody.
    let more = sales(22, 3_400).split_off(3_000);
    for part in more.chunks(100) {
        world.log.append(part.to_vec());
        world.projected().await;
    }
    let meanwhile = world.checkpoint(0, 1).await;
    assert_eq!((meanwhile.position, position_of_new(&meanwhile)), (3_400, 0));
    assert_eq!(meanwhile.reports, [StoreDays::HEADS, SupplierDays::HEADS, Stock::HEADS]);
    world.compare_report::<StoreDays>().await;
    assert!(projector.is_serving().await);

    world.log.release();
    world.has_report(NEW, 1).await;
    let joined = world.checkpoint(0, 1).await;
    assert_eq!((joined.position, joined.catching_up.len()), (3_400, 0));
    // From now on it is a report like the others.
    world.log.append(sales(23, 3_500).split_off(3_400));
    world.projected().await;
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_goes_on_from_where_it_was() {
    let world = before_the_report(24, 8_000).await;
    // A page of the log has 1,000 events.
    for (from, until) in [(0, 2_000), (2_000, 5_000), (5_000, 7_000)] {
        world.log.hold_next(until..8_000);
        let projector = world.start_in_small_batches().await;
        until_held(&world).await;
        let checkpoint = world.checkpoint_where(0, 1, |found| position_of_new(found) == until).await;
        assert!(!checkpoint.reports.iter().any(|report| report == NEW));
        let first = world.log.reads().into_iter().find(|after| *after < 8_000);
        assert_eq!(first, Some(from), "nothing is read twice");
        projector.kill();
        world.log.release();
    }
    let projector = world.start_in_small_batches().await;
    world.has_report(NEW, 1).await;
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_audited_once_it_is_whole_and_not_before() {
    let world = before_the_report(30, 1_000).await;
    world.log.hold_all(0..1);
    let projector = world.start_auditing().await;
    until_held(&world).await;
    let audit = world.audit_where(|audit| audit.audited >= 20).await;
    assert_eq!((audit.different, audit.last_difference.as_str()), (0, ""));
    world.log.release();
    world.has_report(NEW, 1).await;
    // From now on what is spoilt of it is found, too.
    world.spoil(NEW, "2026-03-02|3", Some(doc! { "$set": { "currency_code": "XTS" } })).await;
    let audit = world.repaired(1).await;
    assert!(audit.last_difference.starts_with("category_days 2026-03-02|3: "), "{audit:?}");
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_share_brings_its_own_documents_up() {
    let world = World::new().await;
    world.log.append(sales(25, 2_500));
    for start in [false, true] {
        let shares = [world.start_share("0/2").await, world.start_share("1/2").await];
        world.projected_by(2).await;
        world.has_report(NEW, 2).await;
        for share in shares {
            share.stop().await;
        }
        if !start {
            world.forget(NEW).await;
        }
    }
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_generation_gets_the_whole_report_although_the_one_that_is_served_lacks_it() {
    let world = before_the_report(26, 2_500).await;
    world.log.hold_next(0..2_500);
    let projector = world.start().await;
    until_held(&world).await;
    // Store-days and supplier-days are taken over; the new report cannot be, and has nothing to be compared with.
    projector.rebuild(&[Stock::HEADS]).await;
    world.served(2).await;
    world.log.release();
    world.has_report(NEW, 1).await;
    world.log.append(sales(27, 2_600).split_off(2_500));
    world.projected().await;
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_it_cannot_fold_is_parked_for_it_too_and_folded_again_for_all() {
    let world = World::new().await;
    let mut events = sales(28, 2_000);
    let name = std::mem::replace(&mut events[699].event_type, "sale_sung".into());
    world.log.append(events);
    let projector = world.start().await;
    world.projected().await;
    assert_eq!(projector.errors_of(700).await.len(), 4);
    projector.stop().await;
    world.forget(NEW).await;

    // The new report has passed the event when it becomes known what that is.
    world.log.hold_all(1_000..2_000);
    let projector = world.start_in_small_batches().await;
    until_held(&world).await;
    world.checkpoint_where(0, 1, |found| position_of_new(found) == 1_000).await;
    world.log.change(700, |event| event.event_type = name);
    projector.retry(700).await;
    // Folded again for the others alone, it would be missing here in the end: the session looks every second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.parked().await, [700], "it waits for the new report");
    world.log.release();
    world.has_report(NEW, 1).await;
    world.has_parked(0).await;
    projector.stop().await;
    world.compare().await;
}
