//! What comes from somebody who means harm costs the others nothing.

use std::time::Duration;

use daybook::{
    client::{CommandClient, QueryClient},
    event::v1::FollowEventsRequest,
    query::v1::GetProjectionStatusRequest,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tonic::{Code, Request};

use crate::{
    given::{
        catalogue::{self, BREAD},
        sale::Sale,
    },
    nonsense::raw,
    world::{in_guarded_world, in_world, until::PATIENCE},
};

/// Streams that are begun and left.
const LEFT_STREAMS: usize = 10_000;

/// How many of them at once.
const AT_ONCE: usize = 50;

#[test]
fn who_says_nothing_or_stops_in_a_handshake_is_shown_out() {
    in_guarded_world(async |world, _| {
        let mut silent = Vec::new();
        // The beginning of a TLS handshake and of nothing.
        for bytes in [&[][..], &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]] {
            for _ in 0..50 {
                let mut stream = TcpStream::connect(("127.0.0.1", world.command.port())).await.unwrap();
                stream.write_all(bytes).await.unwrap();
                silent.push(stream);
            }
        }
        assert!(world.command.health("").await.is_some(), "others are served meanwhile");
        for mut stream in silent {
            // A closed connection ends, one way or the other.
            let _ = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("the connection is closed");
        }
    });
}

#[test]
fn half_a_preface_is_shown_out() {
    in_world(async |world| {
        let mut stream = TcpStream::connect(("127.0.0.1", world.query.port())).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0").await.unwrap();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("the connection is closed");
        assert!(world.query.health("").await.is_some());
    });
}

#[test]
fn too_much_of_anything_in_one_call_is_refused() {
    in_guarded_world(async |world, doors| {
        catalogue::register(&world.commands()).await;
        let caller = doors.caller("pos", &["sales:write", "events:read"], json!({}));
        let mut log = CommandClient::new(world.command.channel_with(&caller)).log;
        let mut request = Request::new(daybook::event::v1::GetLogStatusRequest {});
        request.metadata_mut().insert("x-much", "x".repeat(100_000).parse().unwrap());
        let refused = timeout(PATIENCE, log.get_log_status(request)).await.expect("an answer").unwrap_err();
        assert_ne!(refused.code(), Code::Ok);

        // On a connection of its own: that of the call before may be closed by now.
        let link = world.command.channel_with(&caller);
        let message = bytes::Bytes::from(vec![0; 5 * 1024 * 1024]);
        let status = raw::call_path(&link, "daybook.command.v1.SaleService/RecordSale", message, "").await.unwrap_err();
        assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
        let long = doors.with_token(&"a.b.c".repeat(4_000));
        let mut log = CommandClient::new(world.command.channel_with(&long)).log;
        assert!(log.get_log_status(daybook::event::v1::GetLogStatusRequest {}).await.is_err());
        assert!(world.commands().sell(Sale::new("R-1").line(BREAD, 1_000, 250).build()).await.is_ok());
    });
}

#[test]
fn ten_thousand_streams_that_are_left_leave_nothing_behind() {
    in_world(async |world| {
        catalogue::register(&world.commands()).await;
        let log = world.client().log;
        let leaving = async {
            for _ in 0..LEFT_STREAMS / AT_ONCE {
                let streams = (0..AT_ONCE).map(|_| {
                    let mut log = log.clone();
                    async move { log.follow_events(FollowEventsRequest::default()).await.map(drop) }
                });
                futures_util::future::join_all(streams).await;
            }
        };
        let selling = async {
            for number in 0..50 {
                let sale = Sale::new(&format!("R-{number}")).line(BREAD, 1_000, 250).build();
                world.commands().sell(sale).await.expect("an honest caller is served");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::join!(leaving, selling);
        // Places of readers are free again: all pages of the log can be read, and the reports follow.
        assert_eq!(world.log().await.len(), usize::try_from(world.head().await).unwrap());
        let mut projection = QueryClient::new(world.query.channel()).projection;
        let head = world.head().await;
        let status = projection.get_projection_status(GetProjectionStatusRequest { at_least_position: head });
        assert!(timeout(PATIENCE, status).await.expect("an answer").is_ok());
    });
}
