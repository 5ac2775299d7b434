//! What each alert asks for is provoked, and the metric that it asks moves. That the rules fire then is tested beside them,
//! in `deploy/prometheus/alerts_test.yaml`.

use std::{net::TcpListener, time::Duration};

use daybook::command::v1::ListItemsRequest;
use daybook_operator::metrics::scrape;
use futures_util::future::join_all;
use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, date},
    tz::TimeZone,
};
use mongodb::bson::doc;
use tokio::time::Instant;
use tonic::{Code, Request};

use super::{fleet::in_fleet, metrics::value};
use crate::{
    generations::gross,
    given::{
        catalogue::{BERLIN, BREAD},
        sale::Sale,
    },
    kills::ports::free_port,
    parking::sing,
    reports::scenario::{self, DAY},
    verifying::spoil,
    world::{
        doors::Doors,
        in_world, in_write_side,
        until::{until, until_within},
    },
};

/// Callers who ask at once: several times as many as there are connections.
const CALLERS: usize = 24;

/// Within so long a reader is shown what was repaired: less than he would keep what he read before.
const SEEN_SOON: Duration = Duration::from_secs(5);

#[test]
fn the_lag_grows_while_no_projector_runs_and_ends_when_one_does() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        world.reported(position).await;
        let lag = async || {
            let query = world.query.numbers().await;
            (value(&query, "daybook_reports_lag_events", &[]), value(&query, "daybook_reports_lag_seconds", &[]))
        };
        until("there is no lag", async || (lag().await == (0.0, 0.0)).then_some(())).await;

        world.projector.tell_to_stop();
        until("the projector is gone", async || world.projector.health("").await.is_none().then_some(())).await;
        let sold = Instant::now();
        let sale = Sale::new("R-Z").line(BREAD, 1_000, 250).build();
        let position = world.commands().sell(sale).await.expect("a sale").position;
        until("the lag is a second and more", async || {
            let (events, seconds) = lag().await;
            (events == 1.0 && seconds > 1.0).then_some(())
        })
        .await;
        assert!(lag().await.1 <= sold.elapsed().as_secs_f64() + 1.0, "it grows as time goes by");

        let other = world.another_projector().await;
        world.reported(position).await;
        until("there is no lag", async || (lag().await == (0.0, 0.0)).then_some(())).await;
        other.stop().await.expect("it ends well");
    });
}

#[test]
fn a_parked_event_is_counted_until_it_is_no_more() {
    in_world(async |world| {
        scenario::happen(world).await;
        let sung = sing(world).await;
        world.reported(sung).await;
        assert_eq!(value(&world.projector.numbers().await, "daybook_parked_events_total", &[]), 1.0);
        until("an event is parked", async || {
            (world.query.numbers().await.sum("daybook_reports_parked_events", &[]) == Some(1.0)).then_some(())
        })
        .await;
    });
}

#[test]
fn a_document_that_was_changed_is_counted_and_so_is_its_repair_and_readers_see_it_soon() {
    in_world(async |world| {
        let position = scenario::happen(world).await;
        world.reported(position).await;
        spoil(world, "g1_store_days", &format!("{DAY}|{BERLIN}"), doc! { "$inc": { "sales.g": 1 } }).await;
        assert_eq!(gross(world, BERLIN).await, 211, "nobody knows it yet, and the reader keeps what he has read");
        let auditing = world.auditing_projector().await;
        until("the audit has found and repaired it", async || {
            let numbers = auditing.numbers().await;
            let found = value(&numbers, "daybook_audited_documents_total", &[("result", "different")]);
            let repaired = value(&numbers, "daybook_repaired_documents_total", &[]);
            (found >= 1.0 && repaired >= 1.0).then_some(())
        })
        .await;
        until_within(SEEN_SOON, "it is answered as repaired", async || {
            (gross(world, BERLIN).await == 210).then_some(())
        })
        .await;
        auditing.stop().await.expect("it ends well");
    });
}

#[test]
fn readers_who_find_no_connection_are_counted() {
    in_write_side(async |world| {
        let exhausted = async || {
            let numbers = world.command.numbers().await;
            value(&numbers, "daybook_pool_exhausted_total", &[("pool", "postgres_readers")])
        };
        assert_eq!(exhausted().await, 0.0);
        let owner = world.database.owner().await;
        owner.batch_execute("BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE").await.expect("the owner may");
        let asking = (0..CALLERS).map(|_| async {
            let mut request = Request::new(ListItemsRequest::default());
            request.set_timeout(Duration::from_secs(20));
            world.client().catalogue.list_items(request).await.err().map(|status| status.code())
        });
        let asked = tokio::join!(join_all(asking), async {
            until("all connections are in use", async || {
                let numbers = world.command.numbers().await;
                let of = |name| value(&numbers, name, &[("pool", "postgres_readers")]);
                (of("daybook_pool_in_use") == of("daybook_pool_capacity")).then_some(())
            })
            .await;
        });
        assert!(asked.0.iter().all(|code| *code == Some(Code::Unavailable)), "{:?}", asked.0);
        assert!(exhausted().await >= 1.0);
        owner.batch_execute("ROLLBACK").await.expect("the owner may");
    });
}

#[test]
fn a_broker_that_is_away_is_told_of_and_so_is_what_waits_for_it() {
    in_write_side(async |world| {
        // It takes connections and says nothing.
        let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let url = format!("nats://{}", silent.local_addr().expect("it has an address"));
        let alone = world.command_with_broker(url).await;
        let commands = crate::given::commands::Commands::to(&alone);
        crate::given::catalogue::register(&commands).await;
        until("events wait for the broker", async || {
            let numbers = alone.numbers().await;
            let is_away = value(&numbers, "daybook_dependency_up", &[("dependency", "nats")]) == 0.0;
            let waiting = numbers.sum("daybook_relay_lag_seconds", &[]).is_some_and(|seconds| seconds > 0.2);
            (is_away && waiting).then_some(())
        })
        .await;
        alone.stop().await.expect("it ends well");
    });
}

#[test]
fn when_the_certificate_ends_is_told_and_follows_its_exchange() {
    let doors = Doors::new();
    let port = free_port();
    let variables = [
        ("DAYBOOK_TLS_CERT_FILE", doors.path("service.pem").display().to_string()),
        ("DAYBOOK_TLS_KEY_FILE", doors.path("service.key.pem").display().to_string()),
        ("DAYBOOK_CA_FILE", doors.path("ca.pem").display().to_string()),
        ("DAYBOOK_COMMAND_METRICS_LISTEN", format!("127.0.0.1:{port}")),
    ];
    in_fleet(&variables, async |_| {
        let ends = async || {
            let endpoint = format!("http://127.0.0.1:{port}");
            let numbers = until("the metrics can be read", async || scrape(&endpoint).await.ok()).await;
            value(&numbers, "daybook_certificate_expiry_timestamp_seconds", &[])
        };
        let seconds = |day: Date| day.to_zoned(TimeZone::UTC).expect("a day").timestamp().as_duration().as_secs_f64();
        assert_eq!(ends().await, seconds(date(4096, 1, 1)));
        let soon = Timestamp::now().to_zoned(TimeZone::UTC).date().saturating_add(10.days());
        doors.certify_until("service", soon);
        until("the new end is told", async || (ends().await == seconds(soon)).then_some(())).await;
        assert!(ends().await - Timestamp::now().as_duration().as_secs_f64() < 14.0 * 86_400.0, "the alert's condition");
    });
}
