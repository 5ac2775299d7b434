//! A caller who is bound to a store or a supplier acts and reads for that one only: every method is called with the id of
//! another one in every field that takes one.

use std::collections::BTreeMap;

use daybook::{
    client::{Credentials, QueryClient},
    command::v1::RecordSaleRequest,
    query::v1::{DateRange, GetSupplierDayRequest, ListSupplierDaysRequest},
    reason,
};
use daybook_chassis::access::refuse::reason as denied;
use prost_reflect::{DescriptorPool, MethodDescriptor};
use serde_json::{Value, json};
use tonic::{Code, Request};

use crate::{
    given::{
        answer::{accepted_in, refused, rejected_in},
        catalogue::{self, BAKER, BERLIN, BREAD, FARMER, FUEL, NEW_YORK},
        commands::Commands,
        goods, receipt, request_id,
        sale::Sale,
    },
    nonsense::raw,
    world::{in_guarded_world, whole::WholeWorld},
};

/// When everything of these tests happens.
const DATE: &str = "2017-01-02";
const TIME: &str = "2017-01-02T15:00:00Z";

/// What a method answered.
#[derive(Debug, PartialEq, Eq)]
enum Answered {
    Code(Code),
    /// Bytes, and whether the id that was asked about is in them.
    Bytes {
        names_it: bool,
    },
}

/// A day in Berlin with a sale of the farmer's fuel and a delivery of it, so that there is something to see.
async fn given(world: &WholeWorld) {
    let commands = world.commands();
    catalogue::register(&commands).await;
    let mut delivery = goods::delivery(FARMER, "DN-1");
    delivery.store_id = BERLIN.to_owned();
    delivery = goods::with_goods(delivery, FUEL, 1_000, 0, 100);
    commands.deliver(delivery).await.unwrap();
    let mut position = 0;
    for store in [BERLIN, NEW_YORK] {
        for item in [FUEL, BREAD] {
            let sale = Sale::new(&format!("R-{store}-{item}")).in_store(store).at(TIME).line(item, 1_000, 250).build();
            position = commands.sell(sale).await.unwrap().position;
        }
    }
    world.reported(position).await;
}

/// A request with the foreign ids wherever there is a field for one.
fn foreign(method: &MethodDescriptor) -> Value {
    fn fill(message: &prost_reflect::MessageDescriptor, depth: usize) -> Value {
        let mut fields = serde_json::Map::new();
        for field in message.fields() {
            let value = match field.name() {
                "request_id" => json!(request_id()),
                "store_id" => json!(BERLIN),
                "supplier_id" => json!(FARMER),
                "item_id" => json!(FUEL),
                "store_ids" => json!([BERLIN]),
                "supplier_ids" => json!([FARMER]),
                "business_date" => json!(DATE),
                "stream" => json!(format!("store/{BERLIN}")),
                "dates" => json!({ "fromDate": DATE, "toDate": DATE }),
                "occurred_at" => json!(TIME),
                "filter" => json!({ "storeIds": [BERLIN] }),
                _ => match field.kind().as_message() {
                    Some(inner)
                        if depth < 3
                            && inner.package_name() != "google.protobuf"
                            && !field.is_list()
                            && !field.is_map() =>
                    {
                        fill(inner, depth + 1)
                    }
                    _ => continue,
                },
            };
            fields.insert(field.json_name().to_owned(), value);
        }
        Value::Object(fields)
    }
    fill(&method.input(), 0)
}

/// What every method of every service answers to a caller.
async fn answers(world: &WholeWorld, caller: &Credentials, id: &str) -> BTreeMap<String, Answered> {
    let pool = DescriptorPool::decode(daybook::FILE_DESCRIPTOR_SET).unwrap();
    let mut answers = BTreeMap::new();
    for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        // Following never ends; what it may read is decided as for reading.
        if method.name() == "FollowEvents" {
            continue;
        }
        let service = match method.parent_service().package_name() {
            "daybook.query.v1" => &world.query,
            "daybook.projector.v1" => &world.projector,
            _ => &world.command,
        };
        let bytes = raw::encode(&method, &foreign(&method));
        let answer = match raw::call(&service.channel_with(caller), &method, bytes, "").await {
            Err(status) => Answered::Code(status.code()),
            Ok(messages) => {
                let names = |bytes: &bytes::Bytes| bytes.windows(id.len()).any(|part| part == id.as_bytes());
                Answered::Bytes { names_it: messages.iter().any(names) }
            }
        };
        answers.insert(method.full_name().to_owned(), answer);
    }
    answers
}

/// Methods that read nothing but are allowed, or are not served yet.
fn is_harmless(method: &str, answer: &Answered) -> bool {
    match answer {
        Answered::Bytes { names_it } => !names_it,
        Answered::Code(Code::PermissionDenied | Code::Unimplemented) => true,
        // A stream of another store looks as if it did not exist.
        Answered::Code(Code::NotFound) => method.ends_with(".GetStream"),
        Answered::Code(_) => false,
    }
}

#[test]
fn who_is_bound_to_a_store_gets_nothing_of_another_from_any_method() {
    in_guarded_world(async |world, doors| {
        given(world).await;
        let before = world.head().await;
        let caller = doors.caller("pos", daybook::access::SCOPES, json!({ "stores": [NEW_YORK] }));
        let answers = answers(world, &caller, BERLIN).await;
        let wrong: Vec<_> = answers.iter().filter(|(method, answer)| !is_harmless(method, answer)).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(world.head().await, before, "nothing was recorded");

        // The same calls of somebody who may do everything do find the other store.
        let all = self::answers(world, &doors.operator(), BERLIN).await;
        let found: Vec<_> = all
            .iter()
            .filter(|(_, answer)| **answer == Answered::Bytes { names_it: true })
            .map(|(method, _)| method)
            .collect();
        for method in
            ["GetStoreDay", "ListStoreDays", "StreamStoreDays", "GetStock", "ListStock", "ReadEvents", "ListStores"]
        {
            assert!(found.iter().any(|found| found.ends_with(&format!(".{method}"))), "{method} of {found:?}");
        }
    });
}

#[test]
fn who_is_bound_to_a_supplier_gets_nothing_of_another_from_any_method() {
    in_guarded_world(async |world, doors| {
        given(world).await;
        let before = world.head().await;
        let caller = doors.caller("baker", daybook::access::SCOPES, json!({ "suppliers": [BAKER] }));
        let answers = answers(world, &caller, FARMER).await;
        let wrong: Vec<_> = answers.iter().filter(|(method, answer)| !is_harmless(method, answer)).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(world.head().await, before, "nothing was recorded");

        let all = self::answers(world, &doors.operator(), FARMER).await;
        for method in ["GetSupplierDay", "ListSupplierDays", "StreamSupplierDays", "ListItems", "ListSuppliers"] {
            let found = all.iter().any(|(name, answer)| {
                name.ends_with(&format!(".{method}")) && *answer == Answered::Bytes { names_it: true }
            });
            assert!(found, "{method} of {all:?}");
        }

        // Its own days it reads, and a list of all is a list of its own.
        let mut days = QueryClient::new(world.query.channel_with(&caller)).supplier_days;
        let own = GetSupplierDayRequest { supplier_id: BAKER.into(), business_date: DATE.into(), ..Default::default() };
        assert!(days.get_supplier_day(Request::new(own)).await.is_ok());
        let dates = Some(DateRange { from_date: DATE.into(), to_date: DATE.into() });
        let listed = days.list_supplier_days(ListSupplierDaysRequest { dates, ..Default::default() }).await.unwrap();
        let ids: Vec<_> = listed.into_inner().supplier_days.into_iter().map(|day| day.supplier_id).collect();
        assert_eq!(ids, [BAKER]);
    });
}

#[test]
fn another_store_in_the_middle_of_a_stream_is_refused_and_the_rest_goes_in() {
    in_guarded_world(async |world, doors| {
        catalogue::register(&world.commands()).await;
        let caller = doors.caller("pos", &["sales:write"], json!({ "stores": [NEW_YORK] }));
        let commands = Commands::over(world.command.channel_with(&caller));
        let sale = |number: &str, store: &str| Sale::new(number).in_store(store).line(BREAD, 1_000, 250).build();
        let sales: Vec<RecordSaleRequest> = vec![sale("1", NEW_YORK), sale("2", BERLIN), sale("3", NEW_YORK)];
        let outcomes = commands.upload(sales).await.unwrap();
        let [first, foreign, last] = <[_; 3]>::try_from(outcomes).unwrap();
        assert_eq!(accepted_in(first).position + 1, accepted_in(last).position);
        assert_eq!(rejected_in(foreign).why(), (Code::PermissionDenied, denied::NOT_YOURS));

        // What does not exist is refused in the same words as what does.
        let nowhere = refused(commands.sell(sale("4", "nowhere")).await);
        assert_eq!(nowhere.why(), (Code::PermissionDenied, denied::NOT_YOURS));
        let void = crate::given::sale::void(receipt(BERLIN, "1", DATE, "2"));
        assert_eq!(refused(commands.void(void).await).why(), (Code::PermissionDenied, denied::NOT_YOURS));
        let bad = RecordSaleRequest { store_id: NEW_YORK.to_owned(), ..Default::default() };
        assert_eq!(refused(commands.sell(bad).await).why(), (Code::InvalidArgument, reason::INVALID_REQUEST));
    });
}
