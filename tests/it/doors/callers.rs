//! Nobody calls without being known and allowed.

use daybook::{
    client::{CommandClient, Credentials},
    command::v1::ListStoresRequest,
    reason,
};
use daybook_chassis::access::refuse::reason as denied;
use serde_json::json;
use tonic::{Code, Request};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    given::{
        answer::{Refused, refused},
        catalogue::{self, BREAD, NEW_YORK},
        commands::Commands,
        sale::Sale,
    },
    nonsense::raw,
    world::{World, doors::signed, in_guarded_world},
};

async fn asked(world: &World, credentials: &Credentials) -> Refused {
    let mut client = CommandClient::new(world.command.channel_with(credentials)).catalogue;
    let mut request = Request::new(ListStoresRequest::default());
    request.set_timeout(std::time::Duration::from_secs(30));
    refused(client.list_stores(request).await)
}

#[test]
fn tokens_that_are_not_right_are_refused() {
    in_guarded_world(async |world, doors| {
        let claims =
            json!({ "sub": "pos", "iss": "test", "aud": "daybook", "exp": 4_000_000_000_u32, "scope": "admin" });
        let with = |name: &str, value: serde_json::Value| {
            let mut claims = claims.clone();
            claims[name] = value;
            claims
        };
        let secret = std::fs::read(doors.path("secret")).unwrap();
        let expired = signed(&with("exp", json!(1_000_000_000)), &secret);
        let forged = signed(&claims, b"a secret that somebody made up by himself");
        let elsewhere = signed(&with("aud", json!("other")), &secret);
        let by_other = signed(&with("iss", json!("other")), &secret);
        // {"alg":"none","kid":"test"}
        let unsigned = format!("eyJhbGciOiJub25lIiwia2lkIjoidGVzdCJ9.{}.", forged.split('.').nth(1).unwrap());
        for (token, reason) in [
            (expired, denied::TOKEN_EXPIRED),
            (forged, denied::TOKEN_INVALID),
            (elsewhere, denied::TOKEN_INVALID),
            (by_other, denied::TOKEN_INVALID),
            (unsigned, denied::TOKEN_INVALID),
            ("nonsense".to_owned(), denied::TOKEN_INVALID),
        ] {
            let answer = asked(world, &doors.with_token(&token)).await;
            assert_eq!(answer.why(), (Code::Unauthenticated, reason), "{token}");
        }
        for reason in [
            denied::TOKEN_EXPIRED,
            denied::TOKEN_INVALID,
            denied::TOKEN_MISSING,
            denied::SCOPE_MISSING,
            denied::NOT_YOURS,
        ] {
            assert!(reason::ALL.contains(&reason), "{reason}");
        }
        for reason in [denied::UNKNOWN_METHOD, denied::RATE_LIMITED, denied::OVERLOADED] {
            assert!(reason::ALL.contains(&reason), "{reason}");
        }
        assert_eq!(asked(world, &doors.nobody()).await.why(), (Code::Unauthenticated, denied::TOKEN_MISSING));
    });
}

#[test]
fn every_method_needs_a_scope_of_its_own_and_only_health_needs_no_token() {
    in_guarded_world(async |world, doors| {
        let idle = doors.caller("idle", &[], json!({}));
        for service in [&world.command, &world.query, &world.projector] {
            let (of_idle, of_nobody) = (service.channel_with(&idle), service.channel_with(&doors.nobody()));
            for rule in daybook::access::RULES {
                let path = rule.path.trim_start_matches('/');
                let status = raw::call_path(&of_idle, path, bytes::Bytes::new(), "").await.unwrap_err();
                assert_eq!(status.code(), Code::PermissionDenied, "{path}");
                let status = raw::call_path(&of_nobody, path, bytes::Bytes::new(), "").await.unwrap_err();
                assert_eq!(status.code(), Code::Unauthenticated, "{path}");
            }
            let reflection = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
            let status = raw::call_path(&of_nobody, reflection, bytes::Bytes::new(), "").await.unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated);
            let status = raw::call_path(&of_idle, reflection, bytes::Bytes::new(), "").await;
            assert!(
                status.is_ok() || status.as_ref().is_err_and(|status| status.code() != Code::Unauthenticated),
                "{status:?}"
            );
            let status =
                raw::call_path(&of_idle, "daybook.command.v1.SaleService/Nothing", bytes::Bytes::new(), "").await;
            assert_eq!(status.unwrap_err().code(), Code::Unimplemented);
            let health = HealthClient::new(of_nobody).check(HealthCheckRequest::default()).await;
            assert!(health.is_ok(), "{health:?}");
        }
    });
}

#[test]
fn the_verified_caller_stands_in_the_event() {
    in_guarded_world(async |world, doors| {
        catalogue::register(&world.commands()).await;
        let register = doors.caller("pos-443-1", &["sales:write"], json!({ "stores": [NEW_YORK] }));
        let commands = Commands::over(world.command.channel_with(&register));
        let accepted = commands.sell(Sale::new("R-1").line(BREAD, 1_000, 250).build()).await.unwrap();
        let log = world.log().await;
        let sale = log.iter().find(|event| event.position == accepted.position).unwrap();
        let metadata = sale.metadata.as_ref().unwrap();
        assert_eq!((metadata.actor.as_str(), metadata.key_id.as_str()), ("pos-443-1", "test"));
        assert_eq!(metadata.scopes, ["sales:write"]);
        let registered = log[0].metadata.as_ref().unwrap();
        assert_eq!(registered.actor, "operator");
        assert_eq!(registered.scopes, daybook::access::SCOPES);
    });
}
