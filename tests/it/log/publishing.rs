//! The log on NATS: the sequence of a message is the position of its event, whatever happens to the stream.

use bytes::Bytes;
use daybook::{event::v1::RecordedEvent, subject};
use futures_util::future::join_all;
use prost::Message as _;

use crate::{
    given::{
        catalogue::{self, BREAD, UNHEARD_OF},
        sale::Sale,
    },
    world::{World, in_write_side, until::until},
};

/// Waits until the stream ends where the log ends.
async fn published(world: &World) -> i64 {
    let head = world.head().await;
    until("the whole log is published", async || {
        let state = world.stream.state().await?;
        (state.last_sequence == u64::try_from(head).ok()?).then_some(())
    })
    .await;
    head
}

/// Checks every message from a sequence on against the log.
async fn assert_published_from(world: &World, first: i64) {
    published(world).await;
    let events = world.log().await;
    for event in events.iter().filter(|event| event.position >= first) {
        let message = world.stream.message(u64::try_from(event.position).unwrap()).await;
        assert_eq!(message.sequence, u64::try_from(event.position).unwrap());
        let subject = subject::of_event(&world.stream.subjects, &event.event_type, &event.store_id);
        assert_eq!(message.subject.as_str(), subject);
        let published = RecordedEvent::decode(Bytes::clone(&message.payload)).expect("a recorded event");
        assert_eq!(published, *event);
        assert_eq!(message.payload, event.encode_to_vec(), "byte for byte");
    }
    let state = world.stream.state().await.expect("the stream is there");
    assert_eq!(state.first_sequence, u64::try_from(first).unwrap());
    assert_eq!(state.messages, u64::try_from(events.len()).unwrap() + 1 - u64::try_from(first).unwrap());
}

async fn sell(world: &World, from: usize, count: usize) {
    let sales = (from..from + count).map(|nth| {
        let commands = world.commands();
        let sale = Sale::new(&format!("R-{nth}")).line(BREAD, 1_000, 250).line(UNHEARD_OF, 500, 30).build();
        async move { commands.sell(sale).await.expect("a sale") }
    });
    join_all(sales).await;
}

#[test]
fn the_sequence_of_a_message_is_the_position_of_its_event() {
    in_write_side(async |world| {
        catalogue::register(&world.commands()).await;
        sell(world, 0, 60).await;
        assert_published_from(world, 1).await;
        let status = until("the service knows that all is published", async || {
            let status = world.log_status().await;
            (status.published_position == status.head_position).then_some(status)
        })
        .await;
        assert!(status.relay_healthy);
        assert_eq!(status.published_recorded_at, status.head_recorded_at);
    });
}

#[test]
fn two_services_publish_every_event_once() {
    in_write_side(async |world| {
        let other = world.another_command().await;
        catalogue::register(&world.commands()).await;
        for round in 0..5 {
            sell(world, round * 20, 20).await;
        }
        assert_published_from(world, 1).await;
        other.stop().await.unwrap();
    });
}

#[test]
fn publishing_goes_on_after_the_stream_was_deleted() {
    in_write_side(async |world| {
        catalogue::register(&world.commands()).await;
        sell(world, 0, 20).await;
        published(world).await;
        world.stream.delete().await;
        assert_eq!(world.stream.state().await, None);
        sell(world, 20, 5).await;
        // All of the log is there again.
        assert_published_from(world, 1).await;
    });
}

#[test]
fn publishing_goes_on_after_the_stream_was_emptied() {
    in_write_side(async |world| {
        catalogue::register(&world.commands()).await;
        sell(world, 0, 20).await;
        let head = published(world).await;
        world.stream.purge().await;
        sell(world, 20, 5).await;
        assert_published_from(world, head + 1).await;
    });
}

#[test]
fn a_service_that_starts_later_goes_on_where_the_stream_ends() {
    in_write_side(async |world| {
        catalogue::register(&world.commands()).await;
        sell(world, 0, 10).await;
        published(world).await;
        let other = world.another_command().await;
        sell(world, 10, 10).await;
        until("the other one has learnt where the stream ends", async || {
            let mut log = daybook::client::CommandClient::new(other.channel()).log;
            let status = log.get_log_status(daybook::event::v1::GetLogStatusRequest {}).await.ok()?.into_inner();
            (status.published_position == status.head_position && status.relay_healthy).then_some(())
        })
        .await;
        assert_published_from(world, 1).await;
        other.stop().await.unwrap();
    });
}
