//! The projector against a real MongoDB and a real NATS, with a log of the tests' own that can be away. What must hold
//! whatever happens: the documents are those that a fold of the whole log in memory gives.
//!
//! Which servers: `DAYBOOK_TEST_MONGODB_URL`, `DAYBOOK_TEST_NATS_URL`, and the programs `DAYBOOK_TEST_MONGOD` and
//! `DAYBOOK_TEST_NATS_SERVER` for those that a test stops or kills. `DAYBOOK_LOG=debug` shows what the projectors do.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "projecting/added_later.rs"]
mod added_later;
#[path = "projecting/far_behind.rs"]
mod far_behind;
#[path = "projecting/guarded.rs"]
mod guarded;
#[path = "projecting/log.rs"]
mod log;
#[path = "projecting/parked.rs"]
mod parked;
#[path = "projecting/replaced.rs"]
mod replaced;
#[path = "projecting/sales.rs"]
mod sales;
#[path = "projecting/servers.rs"]
mod servers;
#[path = "projecting/turns.rs"]
mod turns;
#[path = "projecting/world.rs"]
mod world;

use std::time::{Duration, Instant};

use daybook_read_model::registry::{Stock, StoreDays};
use mongodb::bson::doc;

use crate::{sales::sales, servers::Server, world::World};

/// A server that is away is noticed within this: an operation takes 8 s at most, and the rest is the machine.
const NOTICED_WITHIN: Duration = Duration::from_secs(30);

/// A number that can be set for measuring.
fn variable(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(default)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_is_caught_up_with() {
    let world = World::new().await;
    let events = variable("DAYBOOK_TEST_EVENTS", 12_000);
    world.log.append(sales(1, events));
    let projector = world.start().await;
    let begun = Instant::now();
    world.projected().await;
    println!("{events} sales in {:?}", begun.elapsed());
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_projected_at_once() {
    let world = World::new().await;
    world.make_stream().await;
    let projector = world.start().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut waits = Vec::new();
    for event in sales(2, 300) {
        world.log.append(vec![event.clone()]);
        world.publish(std::slice::from_ref(&event)).await;
        let begun = Instant::now();
        world.projected().await;
        waits.push(begun.elapsed());
    }
    waits.sort();
    println!("p50 {:?} p99 {:?} max {:?}", waits[150], waits[297], waits[299]);
    // By polling, each takes half a second: it comes right after the one before was seen. One in ten tells the two apart, however
    // busy the machine is.
    assert!(waits[30] < Duration::from_millis(200), "not by polling: {:?}", waits[30]);
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_stream_is_filled_from_the_log() {
    let world = World::new().await;
    world.make_stream().await;
    let events = sales(3, 3_000);
    world.log.append(events[..1_000].to_vec());
    // The stream begins in the middle of the log.
    world.begin_stream_at(501).await;
    world.publish(&events[500..1_000]).await;
    let projector = world.start().await;
    world.projected().await;
    world.log.append(events[1_000..2_000].to_vec());
    world.publish(&events[1_000..1_500]).await;
    world.projected().await;
    world.delete_stream().await;
    world.log.append(events[2_000..].to_vec());
    world.projected().await;
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projector_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let world = World::new().await;
    let events = sales(4, 8_000);
    for part in events.chunks(400) {
        world.log.append(part.to_vec());
        let projector = world.start().await;
        tokio::time::sleep(Duration::from_millis(30 + 17 * (part[0].position as u64 % 13))).await;
        projector.kill();
    }
    let projector = world.start().await;
    world.projected().await;
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_projectors_at_once_do_no_harm() {
    let world = World::new().await;
    let (one, other) = (world.start().await, world.start().await);
    for part in sales(5, 4_000).chunks(200) {
        world.log.append(part.to_vec());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.projected().await;
    one.stop().await;
    other.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_writes_its_own_documents_only() {
    let world = World::new().await;
    world.log.append(sales(14, 500));
    let one = world.start_share("0/2").await;
    world.projected_in(0..1, 2).await;
    let slots = world.slots_of_store_days().await;
    assert!(!slots.is_empty() && slots.iter().all(|slot| slot % 2 == 0), "{slots:?}");
    let other = world.start_share("1/2").await;
    world.projected_by(2).await;
    assert!(world.slots_of_store_days().await.iter().any(|slot| slot % 2 == 1));
    one.stop().await;
    other.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_shares_changes_while_events_come() {
    let world = World::new().await;
    let events = sales(12, 6_000);
    let mut parts = events.chunks(200);
    let mut running = vec![world.start().await];
    for shares in [2, 4, 1, 2] {
        for part in parts.by_ref().take(3) {
            world.log.append(part.to_vec());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut next = Vec::new();
        for share in 0..shares {
            next.push(world.start_share(&format!("{share}/{shares}")).await);
        }
        for part in parts.by_ref().take(3) {
            world.log.append(part.to_vec());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for projector in std::mem::replace(&mut running, next) {
            projector.stop().await;
        }
    }
    world.projected_by(2).await;
    for projector in running {
        projector.stop().await;
    }
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_another_layout_are_folded_anew() {
    let world = World::new().await;
    let events = sales(13, 1_000);
    world.log.append(events[..800].to_vec());
    let projector = world.start().await;
    world.projected().await;
    projector.stop().await;
    world.make_layout_old().await;
    world.log.append(events[800..].to_vec());
    let projector = world.start().await;
    world.projected().await;
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_database_is_built_anew() {
    let world = World::new().await;
    let projector = world.start().await;
    for part in sales(6, 6_000).chunks(300) {
        world.log.append(part.to_vec());
        tokio::time::sleep(Duration::from_millis(20)).await;
        if part[0].position % 900 == 1 {
            world.drop_database().await;
        }
    }
    world.projected().await;
    world.drop_database().await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    world.projected().await;
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_finds_and_repairs_what_was_spoilt_while_events_come_in() {
    let world = World::new().await;
    world.make_stream().await;
    let events = sales(12, 400);
    world.log.append(events[..200].to_vec());
    world.publish(&events[..200]).await;
    let projector = world.start_auditing().await;
    world.projected().await;

    // Nothing that the next event of the store writes anyway, from memory or after the document was loaded again.
    let name = doc! { "$set": { "store_id": "33" } };
    world.spoil("store_days", "2026-03-02|3", Some(name)).await;
    world.spoil("store_days", "2026-03-02|4", Some(doc! { "$set": { "items": { "n": 0 } } })).await;
    world.spoil("stock", "5|01", Some(doc! { "$set": { "e": { "n": 0 } } })).await;
    world.spoil("stock", "6|00", None).await;
    world.double("store_days", "2026-03-02|5", "2026-03-02|55").await;
    for event in &events[200..] {
        world.log.append(vec![event.clone()]);
        world.publish(std::slice::from_ref(event)).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.projected().await;
    world.mended::<StoreDays>().await;
    world.mended::<Stock>().await;
    let audit = world.repaired(5).await;
    assert!(audit.different >= 5 && audit.audited >= audit.different, "{audit:?}");
    assert!(!audit.last_difference.is_empty(), "{audit:?}");
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_is_killed_leaves_what_is_served_alone_and_goes_on() {
    for (seed, reports) in [(13, &[][..]), (14, &["stock"][..])] {
        let world = World::new().await;
        let events = sales(seed, 3_000);
        world.log.append(events[..2_000].to_vec());
        let mut projector = world.start().await;
        world.projected().await;
        projector.rebuild(reports).await;
        // At very different places of the work: the request is just written, documents are copied or folded, both
        // generations are written, they are compared.
        for (part, millis) in events[2_000..].chunks(100).zip([0, 100, 300, 600, 900, 1_100, 1_400, 1_700, 2_000]) {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            projector.kill();
            world.log.append(part.to_vec());
            projector = world.start().await;
        }
        world.log.append(events[2_900..].to_vec());
        world.served(2).await;
        world.projected().await;
        projector.stop().await;
        world.compare().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_projectors_rebuild_their_shares_and_switch_together() {
    let world = World::new().await;
    let events = sales(15, 2_000);
    world.log.append(events[..1_000].to_vec());
    let projectors = [world.start_share("0/2").await, world.start_share("1/2").await];
    world.projected_by(2).await;
    projectors[1].rebuild(&[]).await;
    for part in events[1_000..].chunks(50) {
        world.log.append(part.to_vec());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.served(2).await;
    world.projected_by(2).await;
    for projector in projectors {
        projector.stop().await;
    }
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_nats_the_log_is_read_until_it_is_back() {
    let mut nats = Server::nats().await;
    let world = World::on(world::variable("DAYBOOK_TEST_MONGODB_URL"), nats.nats_url()).await;
    world.make_stream().await;
    let events = sales(10, 2_000);
    let projector = world.start().await;
    world.log.append(events[..500].to_vec());
    world.publish(&events[..500]).await;
    world.projected().await;

    nats.freeze();
    world.log.append(events[500..1_000].to_vec());
    let begun = Instant::now();
    world.projected().await;
    assert!(begun.elapsed() < NOTICED_WITHIN, "frozen: {:?}", begun.elapsed());
    nats.thaw();

    nats.kill();
    world.log.append(events[1_000..1_500].to_vec());
    let begun = Instant::now();
    world.projected().await;
    assert!(begun.elapsed() < NOTICED_WITHIN, "killed: {:?}", begun.elapsed());
    assert!(projector.is_serving().await);

    nats.restart();
    world.publish_when_back(&events[500..1_500]).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    // What is published is projected at once again, not by asking the log twice a second.
    let mut waits = Vec::new();
    for event in &events[1_500..1_600] {
        world.log.append(vec![event.clone()]);
        world.publish(std::slice::from_ref(event)).await;
        let begun = Instant::now();
        world.projected().await;
        waits.push(begun.elapsed());
    }
    waits.sort();
    assert!(waits[10] < Duration::from_millis(200), "{:?}", waits[10]);
    projector.stop().await;
    world.compare().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mongodb_it_is_not_serving_and_goes_on_when_it_is_back() {
    let mut mongodb = Server::mongodb().await;
    let world = World::on(mongodb.mongodb_url(), world::variable("DAYBOOK_TEST_NATS_URL")).await;
    let events = sales(11, 3_000);
    let projector = world.start().await;
    world.log.append(events[..1_000].to_vec());
    world.projected().await;
    assert!(projector.is_serving().await);

    for (part, frozen) in [(1_000..2_000, true), (2_000..3_000, false)] {
        if frozen {
            mongodb.freeze();
        } else {
            mongodb.kill();
        }
        world.log.append(events[part].to_vec());
        let begun = Instant::now();
        while projector.is_serving().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        println!("noticed after {:?}", begun.elapsed());
        assert!(begun.elapsed() < NOTICED_WITHIN);
        if frozen {
            mongodb.thaw();
        } else {
            mongodb.restart();
        }
        let begun = Instant::now();
        world.projected().await;
        println!("caught up after {:?}", begun.elapsed());
        assert!(projector.is_serving().await);
    }
    projector.stop().await;
    world.compare().await;
}
