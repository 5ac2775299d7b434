//! How often a caller may call is its own matter: nobody else is slowed down.

use daybook::client::CommandClient;
use daybook::command::v1::ListStoresRequest;
use daybook_chassis::access::refuse::reason as denied;
use serde_json::json;
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::{
    given::{
        answer::{accepted_in, refused, rejected_in},
        catalogue::{self, BREAD},
        commands::Commands,
        sale::Sale,
    },
    world::{in_guarded_world, until::until},
};

const LIMITS: &str = "[limits.callers.hasty]\nper_second = 1\nburst = 3\n[limits.callers.saver]\nper_day = 4\n";

#[test]
fn a_caller_over_its_limit_is_told_when_to_come_back_and_others_are_not() {
    in_guarded_world(async |world, doors| {
        let client = |name: &str| {
            let caller = doors.caller(name, daybook::access::SCOPES, json!({}));
            CommandClient::new(world.command.channel_with(&caller)).catalogue
        };
        let (mut hasty, mut other) = (client("hasty"), client("other"));
        doors.write_access(LIMITS);
        // The service finds the limits in the changed file by itself.
        let status = until("the limits are in force", async || {
            let mut last = None;
            for _ in 0..5 {
                last = hasty.list_stores(Request::new(ListStoresRequest::default())).await.err();
            }
            last
        })
        .await;
        let details = status.get_error_details();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(details.error_info().unwrap().reason, denied::RATE_LIMITED);
        assert!(details.retry_info().unwrap().retry_delay.unwrap() <= std::time::Duration::from_secs(1));
        assert_eq!(details.quota_failure().unwrap().violations.len(), 1);
        for _ in 0..20 {
            assert!(other.list_stores(Request::new(ListStoresRequest::default())).await.is_ok());
        }
    });
}

#[test]
fn the_messages_of_a_stream_count_and_end_at_the_quota_without_losing_one() {
    in_guarded_world(async |world, doors| {
        catalogue::register(&world.commands()).await;
        let saver = doors.caller("saver", &["sales:write"], json!({}));
        doors.write_access(LIMITS);
        let commands = Commands::over(world.command.channel_with(&saver));
        let hasty =
            CommandClient::new(world.command.channel_with(&doors.caller("hasty", &["catalogue:write"], json!({}))));
        until("the limits are in force", async || {
            let mut catalogue = hasty.catalogue.clone();
            for _ in 0..5 {
                if catalogue.list_stores(Request::new(ListStoresRequest::default())).await.is_err() {
                    return Some(());
                }
            }
            None
        })
        .await;
        let sales: Vec<_> =
            (0..6).map(|number| Sale::new(&number.to_string()).line(BREAD, 1_000, 250).build()).collect();
        let outcomes = commands.upload(sales.clone()).await.unwrap();
        // The call itself was the first of the four.
        let (taken, refused_ones) = outcomes.split_at(3);
        let positions: Vec<_> = taken.iter().map(|outcome| accepted_in(outcome.clone()).position).collect();
        assert_eq!(positions[2], positions[0] + 2);
        for outcome in refused_ones {
            assert_eq!(rejected_in(outcome.clone()).why(), (Code::ResourceExhausted, denied::RATE_LIMITED));
        }
        let status = refused(commands.sell(sales[5].clone()).await);
        assert_eq!(status.why(), (Code::ResourceExhausted, denied::RATE_LIMITED));
        assert_eq!(world.head().await, positions[2]);
    });
}
