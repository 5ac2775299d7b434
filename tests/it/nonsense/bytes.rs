//! Bytes that are no message at all, and messages that are too large.

use bytes::Bytes;
use daybook::client::Link;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Code;

use super::raw::{call, call_path, name_of, not_served, served};
use crate::{
    given::{catalogue, sale::Sale},
    world::{in_world, service::Service, whole::WholeWorld},
};

/// Beyond what any service takes, and far below what would hurt.
const LARGE: usize = 5 * 1024 * 1024;

/// Bytes that protobuf cannot be: a field without an end, a type of field that is not, a length beyond the message.
const BROKEN: &[&[u8]] =
    &[b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x0f", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a"];

fn is_query(name: &str) -> bool {
    name.starts_with("daybook.query.")
}

fn channel_of(world: &WholeWorld, name: &str) -> Link {
    if name.starts_with("daybook.projector.") {
        world.projector.channel()
    } else if is_query(name) {
        world.query.channel()
    } else {
        world.command.channel()
    }
}

async fn goes_on(world: &WholeWorld, position: i64) {
    let number = format!("R-{position}");
    let sale = Sale::new(&number).line(catalogue::BREAD, 1_000, 250).build();
    let accepted = world.commands().sell(sale).await.expect("the service goes on");
    assert_eq!(accepted.position, position);
    world.reported(position).await;
}

#[test]
fn broken_bytes_are_refused_by_every_method_and_nothing_changes() {
    in_world(async |world| {
        let head = catalogue::register(&world.commands()).await;
        for method in served() {
            let name = name_of(&method);
            for bytes in BROKEN {
                let refused = call(&channel_of(world, &name), &method, Bytes::from_static(bytes), "").await;
                let status = refused.expect_err(&format!("{name} takes {bytes:x?}"));
                assert_eq!(status.code(), Code::Internal, "{name} with {bytes:x?}: {status}");
                assert!(!status.message().contains("panic"), "{name}: {status}");
            }
        }
        assert_eq!(world.head().await, head);
        goes_on(world, head + 1).await;
    });
}

#[test]
fn a_message_of_five_megabytes_is_refused_by_every_method_and_nothing_changes() {
    in_world(async |world| {
        let head = catalogue::register(&world.commands()).await;
        // One field of bytes that nobody knows: well-formed, only too large.
        let mut message = vec![0xfa, 0x3f, 0x80, 0x80, 0xc0, 0x02];
        message.resize(message.len() + LARGE, 0);
        let message = Bytes::from(message);
        for method in served() {
            let name = name_of(&method);
            let refused = call(&channel_of(world, &name), &method, message.clone(), "").await;
            let status = refused.expect_err(&format!("{name} takes five megabytes"));
            assert!(
                matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted),
                "{name} with five megabytes: {status}"
            );
        }
        assert_eq!(world.head().await, head);
        goes_on(world, head + 1).await;
    });
}

#[test]
fn what_is_no_http_is_hung_up_on_and_others_are_served() {
    in_world(async |world| {
        let head = catalogue::register(&world.commands()).await;
        for service in [&world.command, &world.query] {
            for bytes in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"\x16\x03\x01\x02\x00\x01\x00", &[0xff; 4_096]] {
                let mut connection = connect(service).await;
                // The service may hang up before it has read all of it.
                let _ = connection.write_all(bytes).await;
                let _ = connection.shutdown().await;
                let mut answer = Vec::new();
                let _ = connection.read_to_end(&mut answer).await;
            }
            // Said nothing, and stays while the others are served.
            let silent = connect(service).await;
            assert!(service.health("").await.is_some());
            drop(silent);
        }
        goes_on(world, head + 1).await;
    });
}

#[test]
fn what_nobody_serves_is_unimplemented() {
    in_world(async |world| {
        for service in [&world.command, &world.query] {
            for path in ["daybook.command.v1.SaleService/ForgetSale", "daybook.query.v1.Nothing/Get", "x/y"] {
                let status = call_path(&service.channel(), path, Bytes::new(), "").await.unwrap_err();
                assert_eq!(status.code(), Code::Unimplemented, "{path}");
            }
            for method in not_served() {
                let status = call(&service.channel(), &method, Bytes::new(), "").await.unwrap_err();
                assert_eq!(status.code(), Code::Unimplemented, "{}: move it to what is served", name_of(&method));
            }
        }
    });
}

async fn connect(service: &Service) -> TcpStream {
    let address = service.endpoint().trim_start_matches("http://").to_owned();
    TcpStream::connect(address).await.expect("the service listens")
}
