//! The tables against the services.

use std::collections::BTreeSet;

use daybook::client::Link;
use daybook::command::v1::Outcome;
use prost::Message as _;
use prost_reflect::MethodDescriptor;
use tonic::Code;

use super::{
    case::Case,
    catalogue::{self, REQUEST_ID},
    events, goods, queries,
    raw::{self, call, encode, name_of, served},
    sales,
};
use crate::{
    given::{
        answer::{Refused, rejected_in},
        catalogue as chain,
        sale::Sale,
    },
    world::{World, in_world, in_write_side},
};

/// Request id of queries, which have none in their messages.
const QUERY_ID: &str = "call-17";

/// The answer of every stream of commands: its outcome stands first.
#[derive(Clone, PartialEq, prost::Message)]
struct Answer {
    #[prost(message, optional, tag = "1")]
    outcome: Option<Outcome>,
}

fn cases_of_commands() -> Vec<Case> {
    [catalogue::cases(), goods::cases(), sales::cases(), events::cases()].concat()
}

/// Sends a case and tells how it was refused.
async fn refusal(channel: &Link, case: &Case) -> Result<Refused, String> {
    let method = raw::method(case.method);
    let message = encode(&method, &case.message);
    match call(channel, &method, message, QUERY_ID).await {
        Err(status) => Ok(Refused::of(&status)),
        Ok(answers) if method.is_client_streaming() => match answers.as_slice() {
            [answer] => Ok(rejected_in(Answer::decode(answer.as_ref()).expect("an outcome").outcome.expect("one"))),
            _ => Err(format!("{} answers to one message", answers.len())),
        },
        Ok(_) => Err("it is taken".to_owned()),
    }
}

/// The id that the refusal of a case must repeat: that of its message, or that of the call.
fn id_of(case: &Case, method: &MethodDescriptor) -> Option<String> {
    if case.method.starts_with("daybook.query.") {
        return Some(QUERY_ID.to_owned());
    }
    let command = if method.is_client_streaming() {
        case.message.as_object().and_then(|fields| fields.values().next()).cloned().unwrap_or_default()
    } else {
        case.message.clone()
    };
    let id = command["requestId"].as_str().map(|id| id.chars().take(64).collect::<String>());
    // In a stream the outcome always says which message it is for, if only that it had no id.
    if method.is_client_streaming() { Some(id.unwrap_or_default()) } else { id.filter(|id| !id.is_empty()) }
}

/// Sends all cases; answers what was not as the table says.
async fn mistakes(channel: &Link, cases: &[Case]) -> Vec<String> {
    let mut mistakes = Vec::new();
    for case in cases {
        let method = raw::method(case.method);
        let expected = (case.code, case.reason.to_owned(), case.fields.clone(), id_of(case, &method));
        let found = refusal(channel, case).await.map(|refused| {
            let fields: BTreeSet<String> = refused.fields.into_iter().collect();
            (refused.code, refused.reason, fields.into_iter().collect::<Vec<_>>(), refused.request_id)
        });
        if found.as_ref() != Ok(&expected) {
            mistakes.push(format!("{}, {}:\n  expected {expected:?}\n  found    {found:?}", case.method, case.says));
        }
    }
    mistakes
}

async fn sell_something(world: &World) -> i64 {
    let commands = world.commands();
    chain::register(&commands).await;
    commands.sell(Sale::new("R-1").line(chain::BREAD, 3_000, 750).build()).await.expect("a sale").position
}

/// Everything that PostgreSQL holds of the write side, in a form that can be compared.
async fn tables(world: &World) -> Vec<String> {
    let owner = world.database.owner().await;
    let mut rows = Vec::new();
    for table in ["log_head", "events", "suppliers", "stores", "items", "stock", "unassigned_sales"] {
        let sql = format!("SELECT t::text FROM {table} t ORDER BY 1");
        for row in owner.query(&sql, &[]).await.expect("the table can be read") {
            rows.push(format!("{table}{}", row.get::<_, String>(0)));
        }
    }
    rows
}

#[test]
fn every_command_and_the_log_refuse_nonsense_by_field_and_nothing_changes() {
    in_write_side(async |world| {
        let head = sell_something(world).await;
        let before = tables(world).await;
        let cases = cases_of_commands();
        let mistakes = mistakes(&world.command.channel(), &cases).await;
        assert!(mistakes.is_empty(), "{} of {}:\n{}", mistakes.len(), cases.len(), mistakes.join("\n"));
        assert_eq!(tables(world).await, before);
        let next = world.commands().sell(Sale::new("R-2").line(chain::BREAD, 1_000, 250).build()).await;
        assert_eq!(next.expect("the service goes on").position, head + 1);
    });
}

#[test]
fn every_query_refuses_nonsense_by_field() {
    in_world(async |world| {
        let position = sell_something(world).await;
        world.reported(position).await;
        let cases = queries::cases();
        let mistakes = mistakes(&world.query.channel(), &cases).await;
        assert!(mistakes.is_empty(), "{} of {}:\n{}", mistakes.len(), cases.len(), mistakes.join("\n"));
    });
}

#[test]
fn no_method_that_is_served_is_missing_from_the_tables() {
    let told: BTreeSet<&str> = cases_of_commands().iter().chain(&queries::cases()).map(|case| case.method).collect();
    let missing: Vec<_> = served()
        .into_iter()
        // What has no fields can have no wrong ones; broken bytes are tried on every method.
        .filter(|method| method.input().fields().len() > 0)
        .map(|method| name_of(&method))
        // What operators ask of the projector is tried where it is tested.
        .filter(|name| !name.starts_with("daybook.projector."))
        .filter(|name| !told.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_messages_that_the_nonsense_is_made_from_are_accepted() {
    in_write_side(async |world| {
        let head = sell_something(world).await;
        let service = |name: &str| format!("daybook.command.v1.{name}");
        let rightful = [
            (service("CatalogueService/RegisterSupplier"), catalogue::supplier()),
            (service("CatalogueService/RegisterStore"), catalogue::store()),
            (service("CatalogueService/RegisterItem"), catalogue::item()),
            (service("InventoryService/RecordDelivery"), goods::delivery()),
            (service("InventoryService/AdjustStock"), goods::adjustment()),
            (service("SaleService/RecordSale"), sales::sale()),
            (service("SaleService/RecordReturn"), sales::return_with_receipt()),
            (service("SaleService/VoidSale"), sales::void()),
        ];
        let (last, accepted) = rightful.split_last().expect("several");
        for (nth, (name, message)) in accepted.iter().enumerate() {
            let mut message = message.clone();
            message["requestId"] = REQUEST_ID.replace("beef", &format!("{nth:04x}")).into();
            let method = raw::method(name);
            call(&world.command.channel(), &method, encode(&method, &message), "").await.expect(name);
        }
        assert_eq!(world.head().await, head + 8, "one event each, and two of the return");
        // The sale of which something has come back is the one that the void names.
        let method = raw::method(&last.0);
        let refused = call(&world.command.channel(), &method, encode(&method, &last.1), "").await.unwrap_err();
        assert_eq!((refused.code(), Refused::of(&refused).reason.as_str()), (Code::FailedPrecondition, "HAS_RETURNS"));
    });
}
