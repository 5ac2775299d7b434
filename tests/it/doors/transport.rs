//! TLS, certificates that are exchanged, callers with certificates, and web pages.

use std::{collections::HashMap, fs, net::SocketAddr};

use daybook::client::{Credentials, link};
use daybook_chassis::{
    CancellationToken,
    access::Policy,
    door::{Door, DoorConfig},
    health::Health,
    metrics::calls::Calls,
    server,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::service::Routes;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::world::{doors::Doors, in_guarded_world, run, until::until};

/// A server that only tells its health, behind a door of its own.
struct Small {
    address: SocketAddr,
    shutdown: CancellationToken,
}

impl Small {
    async fn start(config: &DoorConfig) -> Self {
        let listener = server::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let policy = Policy { methods: HashMap::new(), scopes: &[], whole: &[], kinds: &[] };
        let door = Door::open(config, address, &policy).unwrap();
        let (health, service) = Health::new(&[]).await;
        health.set_all(&[], true).await;
        let shutdown = CancellationToken::new();
        let until = shutdown.clone();
        tokio::spawn(async move {
            // The health stays as long as its server.
            let _health = health;
            let routes = Routes::new(service);
            server::serve(listener, routes, door, Calls::default(), until, std::time::Duration::ZERO).await
        });
        Self { address, shutdown }
    }

    async fn is_reached_with(&self, credentials: &Credentials) -> bool {
        let scheme = if credentials.ca_file.is_some() { "https" } else { "http" };
        let link = link(&format!("{scheme}://{}", self.address), credentials).unwrap();
        HealthClient::new(link).check(HealthCheckRequest::default()).await.is_ok()
    }

    /// What comes back over HTTP/1.1, until the connection is closed.
    async fn http(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        // A server that does not speak it may also cut the connection.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

#[test]
fn without_tls_or_the_right_root_nobody_talks() {
    in_guarded_world(async |world, doors| {
        let strangers = Doors::new();
        assert!(world.command.health("").await.is_some());
        let small =
            Small { address: ([127, 0, 0, 1], world.command.port()).into(), shutdown: CancellationToken::new() };
        assert!(small.is_reached_with(&doors.nobody()).await);
        assert!(!small.is_reached_with(&Credentials::default()).await);
        assert!(!small.is_reached_with(&strangers.nobody()).await);
    });
}

#[test]
fn a_certificate_is_exchanged_while_the_service_runs() {
    in_guarded_world(async |world, doors| {
        let next = Doors::new();
        let small = Small { address: ([127, 0, 0, 1], world.query.port()).into(), shutdown: CancellationToken::new() };
        assert!(!small.is_reached_with(&next.nobody()).await);
        assert!(small.is_reached_with(&doors.nobody()).await);
        for name in ["service.pem", "service.key.pem"] {
            fs::copy(next.path(name), doors.path(name)).unwrap();
        }
        until("the new certificate is shown", async || small.is_reached_with(&next.nobody()).await.then_some(())).await;
        assert!(!small.is_reached_with(&doors.nobody()).await);

        // Tokens count as before.
        let operator = Credentials { ca_file: Some(next.path("ca.pem")), ..doors.operator() };
        let endpoint = format!("https://127.0.0.1:{}", world.query.port());
        let mut projection = daybook::client::QueryClient::new(link(&endpoint, &operator).unwrap()).projection;
        assert!(
            projection.get_projection_status(daybook::query::v1::GetProjectionStatusRequest::default()).await.is_ok()
        );
    });
}

#[test]
fn callers_show_certificates_where_they_are_asked_for() {
    run(async {
        let (doors, strangers) = (Doors::new(), Doors::new());
        let mut config = doors.config();
        config.access_file = None;
        config.tls.as_mut().unwrap().client_roots = Some(doors.path("ca.pem"));
        let small = Small::start(&config).await;
        let with = |of: &Doors| Credentials {
            certificate_file: Some(of.path("caller.pem")),
            key_file: Some(of.path("caller.key.pem")),
            ..doors.nobody()
        };
        doors.certify("caller");
        strangers.certify("caller");
        assert!(small.is_reached_with(&with(&doors)).await);
        assert!(!small.is_reached_with(&with(&strangers)).await);
        assert!(!small.is_reached_with(&doors.nobody()).await);
    });
}

#[test]
fn web_pages_of_the_named_origins_call_by_grpc_web() {
    run(async {
        let config = DoorConfig { origins: vec!["https://reports.example".to_owned()], ..DoorConfig::default() };
        let small = Small::start(&config).await;
        assert!(small.is_reached_with(&Credentials::default()).await, "gRPC goes on as before");
        let call = |origin: &str| {
            let head = format!(
                "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nhost: x\r\norigin: {origin}\r\nconnection: close\r\n\
                 content-type: application/grpc-web+proto\r\ncontent-length: 5\r\n\r\n"
            );
            [head.as_bytes(), &[0; 5]].concat()
        };
        let answer = small.http(&call("https://reports.example")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("access-control-allow-origin: https://reports.example"), "{answer}");
        assert!(answer.contains("grpc-status:0"), "{answer}");
        let answer = small.http(&call("https://elsewhere.example")).await;
        assert!(!answer.contains("access-control-allow-origin"), "{answer}");
        let asking = "OPTIONS /grpc.health.v1.Health/Check HTTP/1.1\r\nhost: x\r\norigin: https://reports.example\r\n\
            access-control-request-method: POST\r\naccess-control-request-headers: authorization\r\nconnection: close\r\n\r\n";
        let answer = small.http(asking.as_bytes()).await;
        assert!(answer.contains("access-control-allow-methods: POST") && answer.contains("authorization"), "{answer}");

        // Without origins, HTTP/1.1 is not spoken at all.
        let closed = Small::start(&DoorConfig::default()).await;
        let answer = closed.http(&call("https://reports.example")).await;
        assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
    });
}

#[test]
fn only_so_many_connections_are_open_at_once() {
    run(async {
        let small = Small::start(&DoorConfig { connections: 2, ..DoorConfig::default() }).await;
        let credentials = Credentials::default();
        let held: Vec<_> = [(), ()].map(|()| link(&format!("http://{}", small.address), &credentials).unwrap()).into();
        for link in &held {
            HealthClient::new(link.clone()).check(HealthCheckRequest::default()).await.unwrap();
        }
        assert!(!small.is_reached_with(&credentials).await);
        drop(held);
        until("there is room again", async || small.is_reached_with(&credentials).await.then_some(())).await;
    });
}
