//! Following the log: what is there first, then what is appended, nothing left out and nothing twice.

use std::time::Duration;

use daybook::{
    client::CommandClient,
    event::v1::{EventFilter, FollowEventsRequest, RecordedEvent},
    reason,
};
use futures_util::future::join_all;
use tokio::time::timeout;
use tonic::Code;

use crate::{
    given::{
        answer::Refused,
        catalogue::{self, BERLIN, BREAD, NEW_YORK},
        commands::Commands,
        sale::Sale,
    },
    world::{World, in_write_side, service::Service, until::PATIENCE},
};

/// Sales that are made while followers follow.
const SALES: usize = 240;

/// Follows a service's log until a position has been looked at; answers all events that came.
async fn follow(service: &Service, after_position: i64, until: i64, filter: Option<EventFilter>) -> Vec<RecordedEvent> {
    let mut log = CommandClient::new(service.channel()).log;
    let request = FollowEventsRequest { after_position, filter, ..Default::default() };
    let mut pages = log.follow_events(request).await.expect("the log can be followed").into_inner();
    let (mut events, mut scanned) = (Vec::new(), after_position);
    while scanned < until {
        let page = timeout(PATIENCE, pages.message()).await.expect("the log goes on in time");
        let page = page.expect("the stream goes on").expect("the stream does not end");
        assert!(page.scanned_position >= scanned && page.head_position >= page.scanned_position);
        scanned = page.scanned_position;
        events.extend(page.events);
    }
    events
}

/// Sells many times, a few at a time, by turns through each of the services.
async fn sell<const N: usize>(services: [&Service; N]) {
    let selling = (0..8).map(|till| {
        let commands = Commands::to(services[till % N]);
        async move {
            for nth in 0..SALES / 8 {
                let store = if nth % 2 == 0 { BERLIN } else { NEW_YORK };
                let sale = Sale::new(&format!("R-{nth}")).in_store(store).by(&format!("{till}"), "anna");
                commands.sell(sale.line(BREAD, 1_000, 250).build()).await.expect("a sale");
            }
        }
    });
    join_all(selling).await;
}

fn positions(events: &[RecordedEvent]) -> Vec<i64> {
    events.iter().map(|event| event.position).collect()
}

async fn head_after_sales(world: &World) -> i64 {
    catalogue::register(&world.commands()).await + i64::try_from(SALES).expect("not many")
}

#[test]
fn a_follower_sees_every_event_once_while_others_append() {
    in_write_side(async |world| {
        let end = head_after_sales(world).await;
        let followers = [0, 0, 3, 5].map(|after| follow(&world.command, after, end, None));
        let (_, followed) = tokio::join!(sell([&world.command]), join_all(followers));
        let whole = world.log().await;
        for (events, after) in followed.iter().zip([0, 0, 3, 5]) {
            assert_eq!(positions(events), (after + 1..=end).collect::<Vec<_>>());
            assert_eq!(*events, whole[usize::try_from(after).unwrap()..]);
        }
        // Who comes when everything is over reads history only; who begins in the future waits for it.
        assert_eq!(follow(&world.command, 0, end, None).await, whole);
        let next = async {
            let sale = Sale::new("R-last").line(BREAD, 1_000, 250).build();
            world.commands().sell(sale).await.unwrap()
        };
        let (waited, sold) = tokio::join!(follow(&world.command, end, end + 1, None), next);
        assert_eq!(positions(&waited), [sold.position]);
    });
}

#[test]
fn a_follower_of_one_service_sees_what_another_appends() {
    in_write_side(async |world| {
        let other = world.another_command().await;
        let end = head_after_sales(world).await;
        let (_, here, there) = tokio::join!(
            sell([&world.command, &other]),
            follow(&world.command, 0, end, None),
            follow(&other, 0, end, None),
        );
        assert_eq!(positions(&here), (1..=end).collect::<Vec<_>>());
        assert_eq!(here, there);
        other.stop().await.unwrap();
    });
}

#[test]
fn a_filtered_follower_sees_only_his_events_and_hears_how_far_the_log_is() {
    in_write_side(async |world| {
        let end = head_after_sales(world).await;
        let event_types = vec!["sale_recorded".to_owned()];
        let filter = EventFilter { event_types, store_ids: vec![BERLIN.to_owned()], ..EventFilter::default() };
        let last = async {
            sell([&world.command]).await;
            // The last event is one of his, so that he learns at once that there is nothing before it.
            let sale = Sale::new("R-last").in_store(BERLIN).line(BREAD, 1_000, 250).build();
            world.commands().sell(sale).await.expect("a sale");
        };
        let (_, events) = tokio::join!(last, follow(&world.command, 0, end + 1, Some(filter)));
        let expected: Vec<_> = world
            .log()
            .await
            .into_iter()
            .filter(|event| event.event_type == "sale_recorded" && event.store_id == BERLIN)
            .collect();
        assert_eq!(expected.len(), SALES / 2 + 1);
        assert_eq!(events, expected);
    });
}

#[test]
fn a_follower_who_stops_reading_holds_up_nobody_and_finds_everything_later() {
    in_write_side(async |world| {
        let end = head_after_sales(world).await;
        let mut log = world.client().log;
        let mut slow = log.follow_events(FollowEventsRequest::default()).await.unwrap().into_inner();
        let first = slow.message().await.unwrap().unwrap().events;
        let (_, quick) = tokio::join!(sell([&world.command]), follow(&world.command, 0, end, None));
        assert_eq!(positions(&quick), (1..=end).collect::<Vec<_>>());
        let mut events = first;
        while events.last().unwrap().position < end {
            events.extend(slow.message().await.unwrap().unwrap().events);
        }
        assert_eq!(events, quick);
    });
}

#[test]
fn a_follower_is_told_to_come_back_when_the_service_stops() {
    in_write_side(async |world| {
        let head = catalogue::register(&world.commands()).await;
        let other = world.another_command().await;
        let mut log = CommandClient::new(other.channel()).log;
        let mut pages = log.follow_events(FollowEventsRequest::default()).await.unwrap().into_inner();
        assert_eq!(pages.message().await.unwrap().unwrap().scanned_position, head);
        other.tell_to_stop();
        let ended = timeout(Duration::from_secs(5), pages.message()).await.expect("it ends at once");
        let status = ended.expect_err("it does not end as if the log had ended");
        let refused = Refused::of(&status);
        assert_eq!(refused.why(), (Code::Unavailable, reason::SHUTTING_DOWN));
        assert!(refused.retry_after.is_some());
        other.stop().await.unwrap();
    });
}
