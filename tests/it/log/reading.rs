//! Reading the log in pages, and one stream of it.

use daybook::{
    event::v1::{
        EventFilter, FollowEventsRequest, GetStreamRequest, ReadEventsRequest, ReadEventsResponse, RecordedEvent,
    },
    ids::RequestId,
    reason, stream,
};
use daybook_chassis::config::Secret;
use daybook_command::{config::Postgres, store::Store};
use tonic::Code;

use crate::{
    given::{
        answer::refused,
        catalogue::{self, BERLIN, BREAD, NEW_YORK},
        sale::{Sale, key_of, void},
        sale_return::Return,
    },
    world::{World, database::Database, environment, in_write_side, run, until::until},
};

/// A log with the catalogue, a delivery's worth of sales in two stores, voids and returns.
async fn trade(world: &World) -> Vec<RecordedEvent> {
    let commands = world.commands();
    catalogue::register(&commands).await;
    for nth in 0..12 {
        let store = if nth % 3 == 0 { BERLIN } else { NEW_YORK };
        let number = format!("R-{nth}");
        commands.sell(Sale::new(&number).in_store(store).line(BREAD, 2_000, 500).build()).await.unwrap();
        if nth % 3 == 1 {
            commands.void(void(key_of(&number))).await.unwrap();
        }
        if nth % 3 == 2 {
            let back = Return::new(&number).of(key_of(&number));
            let stock = daybook::event::v1::Disposition::ToStock;
            commands.take_back(back.line(1, 1_000, 250, stock).build()).await.unwrap();
        }
    }
    world.log().await
}

async fn read(world: &World, request: ReadEventsRequest) -> ReadEventsResponse {
    world.client().log.read_events(request).await.expect("the log answers").into_inner()
}

#[test]
fn pages_of_any_size_give_the_whole_log_once() {
    in_write_side(async |world| {
        let whole = trade(world).await;
        let head = i64::try_from(whole.len()).unwrap();
        for page_size in [1, 7, 1_000, 5_000, i32::MAX] {
            let (mut events, mut after_position) = (Vec::new(), 0);
            while after_position < head {
                let request = ReadEventsRequest { after_position, page_size, ..Default::default() };
                let page = read(world, request).await;
                assert!(!page.events.is_empty() && page.events.len() <= usize::try_from(page_size).unwrap());
                assert_eq!(page.events.last().unwrap().position, page.scanned_position);
                assert_eq!(page.head_position, head);
                after_position = page.scanned_position;
                events.extend(page.events);
            }
            assert_eq!(events, whole, "pages of {page_size}");
        }
    });
}

#[test]
fn a_page_ends_where_it_is_told_to() {
    in_write_side(async |world| {
        let whole = trade(world).await;
        let head = i64::try_from(whole.len()).unwrap();
        let page = |after_position, until_position| {
            read(world, ReadEventsRequest { after_position, until_position, ..Default::default() })
        };
        let some = page(3, 8).await;
        assert_eq!((some.events.as_slice(), some.scanned_position), (&whole[3..8], 8));
        let beyond = page(head - 2, head + 100).await;
        assert_eq!((beyond.events.as_slice(), beyond.scanned_position), (&whole[whole.len() - 2..], head));
        let at_the_end = page(head, 0).await;
        assert_eq!(
            (at_the_end.events, at_the_end.scanned_position, at_the_end.head_position),
            (Vec::new(), head, head)
        );
        let backwards = page(8, 3).await;
        assert_eq!(backwards.events, []);
    });
}

#[test]
fn a_position_beyond_the_end_is_never_answered_with_an_earlier_one() {
    in_write_side(async |world| {
        let head = catalogue::register(&world.commands()).await;
        let request = ReadEventsRequest { after_position: head + 10, ..Default::default() };
        let page = read(world, request).await;
        assert_eq!((page.events, page.head_position), (Vec::new(), head));
        assert_eq!(page.scanned_position, head + 10, "who goes on there reads nothing twice");
    });
}

#[test]
fn who_says_what_he_read_last_is_refused_by_a_log_that_does_not_hold_it() {
    in_write_side(async |world| {
        let whole = trade(world).await;
        let head = i64::try_from(whole.len()).unwrap();
        let mut log = world.client().log;
        for last in [&whole[4], whole.last().unwrap()] {
            let (after_position, id) = (last.position, last.event_id.to_vec());
            let right = ReadEventsRequest { after_position, after_event_id: id.clone(), ..Default::default() };
            assert_eq!(read(world, right).await.events.first().map(|next| next.position), {
                (after_position < head).then_some(after_position + 1)
            });
            for (after_position, after_event_id) in
                [(after_position, whole[0].event_id.to_vec()), (head + 1, id.clone()), (after_position - 1, id)]
            {
                let request =
                    ReadEventsRequest { after_position, after_event_id: after_event_id.clone(), ..Default::default() };
                let wrong = refused(log.read_events(request).await);
                assert_eq!(wrong.why(), (Code::FailedPrecondition, reason::LOG_REPLACED));
                let request = FollowEventsRequest { after_position, after_event_id, filter: None };
                let wrong = refused(log.follow_events(request).await.map(drop));
                assert_eq!(wrong.why(), (Code::FailedPrecondition, reason::LOG_REPLACED));
            }
        }
        let request = ReadEventsRequest { after_event_id: vec![1, 2, 3], ..Default::default() };
        let wrong = refused(log.read_events(request).await);
        assert_eq!((wrong.code, wrong.fields.as_slice()), (Code::InvalidArgument, &["after_event_id".to_owned()][..]));
    });
}

#[test]
fn a_filter_leaves_out_what_it_does_not_name_and_says_how_far_it_looked() {
    in_write_side(async |world| {
        let whole = trade(world).await;
        let head = i64::try_from(whole.len()).unwrap();
        let names = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        for (types, stores, dates) in [
            (names(&[]), names(&[]), names(&["2017-01-02"])),
            (names(&[]), names(&[BERLIN]), names(&["2017-01-02", "2017-01-04"])),
            (names(&["sale_recorded"]), names(&[]), names(&[])),
            (names(&["sale_voided", "sale_returned"]), names(&[]), names(&[])),
            (names(&[]), names(&[BERLIN]), names(&[])),
            (names(&["sale_recorded", "store_registered"]), names(&[NEW_YORK, "nowhere"]), names(&[])),
            (names(&["stock_adjusted"]), names(&[]), names(&[])),
        ] {
            let (event_types, store_ids, business_dates) = (types.clone(), stores.clone(), dates.clone());
            let filter = EventFilter { event_types, store_ids, business_dates };
            let expected: Vec<_> = whole
                .iter()
                .filter(|event| types.is_empty() || types.contains(&event.event_type))
                .filter(|event| stores.is_empty() || stores.contains(&event.store_id))
                .filter(|event| dates.is_empty() || dates.contains(&event.business_date))
                .cloned()
                .collect();
            let (mut events, mut after_position) = (Vec::new(), 0);
            while after_position < head {
                let filter = Some(filter.clone());
                let page =
                    read(world, ReadEventsRequest { after_position, page_size: 2, filter, ..Default::default() });
                let page = page.await;
                assert!(page.scanned_position > after_position, "every page comes further");
                after_position = page.scanned_position;
                events.extend(page.events);
            }
            assert_eq!(events, expected, "{types:?} of {stores:?} on {dates:?}");
        }
    });
}

#[test]
fn a_stream_is_read_in_the_order_of_its_versions() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        let sale = Sale::new("R-1").line(BREAD, 9_000, 900).build();
        let request_id = sale.request_id.clone();
        commands.sell(sale).await.unwrap();
        for nth in 0..5 {
            let back = Return::new(&format!("B-{nth}")).of(key_of("R-1"));
            let stock = daybook::event::v1::Disposition::ToStock;
            commands.take_back(back.line(1, 1_000, 100, stock).build()).await.unwrap();
        }
        let name = "sale/443/3/2017-01-02/R-1";
        let get = |after_version, page_size| {
            let request = GetStreamRequest { stream: name.to_owned(), after_version, page_size };
            let mut log = world.client().log;
            async move { log.get_stream(request).await.map(tonic::Response::into_inner) }
        };
        let all = get(0, 0).await.unwrap();
        let versions: Vec<_> = all.events.iter().map(|event| event.stream_version).collect();
        assert_eq!((versions, all.more), (vec![1, 2, 3, 4, 5, 6], false));
        assert!(all.events.iter().all(|event| event.stream_id == stream::id_of(name).as_bytes().as_slice()));
        let metadata = all.events[0].metadata.as_ref().unwrap();
        assert_eq!((metadata.actor.as_str(), &metadata.request_id), ("anonymous", &request_id));
        assert_eq!(metadata.correlation_id, request_id);
        let some = get(2, 3).await.unwrap();
        assert_eq!((some.events.as_slice(), some.more), (&all.events[2..5], true));
        let rest = get(5, 3).await.unwrap();
        assert_eq!((rest.events.as_slice(), rest.more), (&all.events[5..], false));
        assert_eq!(get(6, 3).await.unwrap().events, []);
        let other = GetStreamRequest { stream: "sale/443/3/2017-01-03/R-1".to_owned(), ..Default::default() };
        let missing = refused(world.client().log.get_stream(other).await);
        assert_eq!(missing.why(), (Code::NotFound, reason::NOT_FOUND));
    });
}

#[test]
fn an_event_keeps_the_trace_of_the_call_that_caused_it() {
    in_write_side(async |world| {
        catalogue::register(&world.commands()).await;
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let sale = Sale::new("R-1").line(BREAD, 1_000, 250).build();
        let mut request = tonic::Request::new(sale.clone());
        request.metadata_mut().insert("traceparent", trace.parse().unwrap());
        world.client().sales.record_sale(request).await.unwrap();
        let events = world.log().await;
        let event = events.last().unwrap();
        let metadata = event.metadata.as_ref().unwrap();
        assert_eq!((metadata.traceparent.as_str(), &metadata.request_id), (trace, &sale.request_id));
        assert!(RequestId::parse(&metadata.request_id).is_ok());
        let id = uuid::Uuid::from_slice(&event.event_id).unwrap();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(event.occurred_at, sale.occurred_at);
    });
}

#[test]
fn a_page_takes_no_more_of_the_table_than_it_shows_whatever_is_known_of_the_table() {
    run(async {
        let name = format!("it_{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let database = Database::create(environment::postgres_url(), environment::app_password(), &name).await;
        let owner = database.owner().await;
        let head = 3_000;
        // As after the first minute of a log: much is there, and nobody has counted it yet.
        let sql = format!(
            "ALTER TABLE events SET (autovacuum_enabled = off);
            INSERT INTO events SELECT position, gen_random_uuid(), gen_random_uuid(), 1, 'sale_recorded', 1, '443', '2017-01-02',
                now(), now(), NULL, NULL, NULL, repeat('p', 600)::bytea, repeat('m', 100)::bytea
                FROM generate_series(1, {head}) AS position;
            UPDATE log_head SET position = {head}, recorded_at = now()"
        );
        owner.batch_execute(&sql).await.unwrap();
        let store = Store::new(&Postgres { url: Secret::new(database.app_url()), connections: 1 }).unwrap();
        let mut after = 0;
        while after < head {
            let page = store.read(after, None, 0, 100, &EventFilter::default()).await.expect("the log can be read");
            assert_eq!(page.events.len(), 100);
            after = page.scanned;
        }
        drop(store);
        // The server knows what a session has fetched when that has ended.
        let sessions =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'daybook_app'";
        until("the session has ended", async || {
            let count: i64 = owner.query_one(sessions, &[]).await.unwrap().get(0);
            (count == 0).then_some(())
        })
        .await;
        let sql = "SELECT idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'events'";
        let fetched: i64 = owner.query_one(sql, &[]).await.unwrap().get(0);
        assert!((head..2 * head).contains(&fetched), "{fetched} rows were fetched for {head} events");
        drop(owner);
        database.drop().await;
    });
}
