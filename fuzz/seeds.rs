//! Writes the corpus anew: for each target some inputs that are right, for the fuzzer to change. What it found and is kept as
//! well stands beside them, under names that begin with `found-`.

use std::{fs, io, path::Path};

use daybook::{
    command::v1::{
        AdjustStockRequest, DiscardEventRequest, LineDiscount, RecordDeliveryLine, RecordDeliveryRequest,
        RecordReturnRequest, RecordSaleLine, RecordSaleRequest, RegisterItemRequest, RegisterStoreRequest,
        RegisterSupplierRequest, VoidSaleRequest,
    },
    event::{
        EventType,
        v1::{
            BusinessDay, DeliveryLine, DeliveryRecorded, Event, EventFilter, ItemRegistered, LineTax, Metadata,
            ReceiptKey, RecordedEvent, SaleLine, SaleRecorded, SaleVoided, StoreRegistered, SupplierRegistered, Tender,
            event::Kind,
        },
    },
    query::v1::{DateRange, GetStockRequest, GetStoreDayRequest, ListStockRequest, ListStoreDaysRequest},
};
use daybook_query::fuzzing::forged_token;
use daybook_read_model::{
    checkpoint::{Audit, Checkpoint, Generation, Live, Mark, ParkedMarks, Transition},
    document::{self, Stored, Write},
    entries::Entry,
    folded::Folded,
    registry::{EntryOf, Report, Stock, StoreDays, SupplierDays},
    spill::Page,
};
use mongodb::bson::serialize_to_vec;
use prost::Message;

const ID: &str = "6b1a1d6e-2f4e-4a44-9d0c-5b2f6f1f7c11";

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let write = |target: &str, name: &str, choice: Option<u8>, bytes: Vec<u8>| {
        let directory = corpus.join(target);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(name), [choice.into_iter().collect(), bytes].concat())
    };
    for (choice, (name, bytes)) in (0..).zip(command_requests()) {
        write("command_requests", name, Some(choice), bytes)?;
    }
    for (choice, name, bytes) in query_requests() {
        write("query_requests", name, Some(choice), bytes)?;
    }
    let events = events();
    for event in &events {
        write("events", &event.event_type, None, event.encode_to_vec())?;
        let sequence = event.position.to_be_bytes().to_vec();
        write("nats_messages", &event.event_type, None, [sequence, event.encode_to_vec()].concat())?;
    }
    for (choice, name, bytes) in documents(&events) {
        write("documents", &name, Some(choice), bytes)?;
    }
    for (choice, name, text) in tokens() {
        write("tokens", name, Some(choice), text.as_bytes().to_vec())?;
    }
    for (choice, name, text) in files() {
        write("csv_files", name, Some(choice), text.as_bytes().to_vec())?;
    }
    write("page_tokens", "token", None, forged_token("2017-01-02|443", "").into_bytes())?;
    write("page_tokens", "place", None, b"2017-01-02|443|i|63\n27334".to_vec())?;
    write("event_filters", "filter", None, filter().encode_to_vec())
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn instant() -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: 1_483_369_504, nanos: 0 })
}

fn receipt() -> Option<ReceiptKey> {
    Some(ReceiptKey {
        store_id: text("443"),
        register_id: text("3"),
        business_date: text("2017-01-02"),
        receipt_number: text("31198892591"),
    })
}

fn command_requests() -> Vec<(&'static str, Vec<u8>)> {
    let sale = RecordSaleRequest {
        request_id: text(ID),
        occurred_at: instant(),
        store_id: text("443"),
        register_id: text("3"),
        receipt_number: text("1"),
        lines: vec![RecordSaleLine {
            sequence: 1,
            item_id: text("27334"),
            quantity_milli: 2_000,
            gross_minor: 629,
            discounts: vec![LineDiscount { amount_minor: 117, reason_code: text("LOYALTY") }],
            taxes: vec![LineTax { tax_code: text("A"), rate_ppm: 70_000, base_minor: 512, amount_minor: 36 }],
        }],
        tenders: vec![Tender { r#type: 1, amount_minor: 548 }],
        total_minor: 548,
        ..Default::default()
    };
    let delivery = RecordDeliveryRequest {
        request_id: text(ID),
        store_id: text("443"),
        supplier_id: text("69"),
        document_number: text("DN-1"),
        currency_code: text("USD"),
        lines: vec![RecordDeliveryLine {
            sequence: 1,
            item_id: text("27334"),
            delivered_milli: 6_000,
            accepted_milli: 5_000,
            rejected_milli: 1_000,
            rejection_reason: text("BROKEN"),
            unit_cost_minor: 146,
        }],
        ..Default::default()
    };
    let back = RecordReturnRequest { request_id: text(ID), store_id: text("443"), ..Default::default() };
    let void = VoidSaleRequest { request_id: text(ID), receipt: receipt(), ..Default::default() };
    let adjustment = AdjustStockRequest { request_id: text(ID), store_id: text("443"), ..Default::default() };
    let item = RegisterItemRequest {
        request_id: text(ID),
        item_id: text("4006381333931"),
        name: text("Milk"),
        gtin: text("4006381333931"),
        category: text("DAIRY"),
        unit_code: text("EA"),
        supplier_id: text("69"),
        ..Default::default()
    };
    let store = RegisterStoreRequest {
        request_id: text(ID),
        store_id: text("444"),
        name: text("Berlin"),
        time_zone: text("Europe/Berlin"),
        cut_off_minutes: 240,
        currency_code: text("EUR"),
        ..Default::default()
    };
    let supplier = RegisterSupplierRequest {
        request_id: text(ID),
        supplier_id: text("70"),
        name: text("Farmer"),
        gln: text("4000001000005"),
        ..Default::default()
    };
    let discard = DiscardEventRequest { request_id: text(ID), ..Default::default() };
    // In the order in which the target knows them.
    vec![
        ("sale", sale.encode_to_vec()),
        ("delivery", delivery.encode_to_vec()),
        ("return", back.encode_to_vec()),
        ("void", void.encode_to_vec()),
        ("adjustment", adjustment.encode_to_vec()),
        ("item", item.encode_to_vec()),
        ("store", store.encode_to_vec()),
        ("supplier", supplier.encode_to_vec()),
        ("discard", discard.encode_to_vec()),
    ]
}

fn query_requests() -> Vec<(u8, &'static str, Vec<u8>)> {
    let (store_id, business_date) = (text("443"), text("2017-01-02"));
    let one = GetStoreDayRequest { store_id: store_id.clone(), business_date, at_least_position: 7 };
    let dates = Some(DateRange { from_date: text("2017-01-02"), to_date: text("2017-01-03") });
    let page_token = forged_token("2017-01-02|443", "");
    let days = ListStoreDaysRequest {
        dates,
        store_ids: vec![store_id.clone()],
        page_size: 2,
        page_token,
        ..Default::default()
    };
    let stock = GetStockRequest { store_id: store_id.clone(), item_id: text("27334"), at_least_position: 7 };
    let stocks = ListStockRequest { store_ids: vec![store_id], page_size: 2, ..Default::default() };
    let mut all = Vec::new();
    // Requests of one form have the same bytes.
    all.extend([(0, "store_day"), (1, "supplier_day")].map(|(choice, name)| (choice, name, one.encode_to_vec())));
    let lists = [(2, "store_days"), (3, "supplier_days"), (7, "stream_of_store_days"), (8, "stream_of_supplier_days")];
    all.extend(lists.map(|(choice, name)| (choice, name, days.encode_to_vec())));
    let entries = [(4, "store_day_items"), (5, "supplier_day_items"), (6, "supplier_day_stores")];
    all.extend(entries.map(|(choice, name)| (choice, name, one.encode_to_vec())));
    all.push((9, "stock", stock.encode_to_vec()));
    all.push((10, "stocks", stocks.encode_to_vec()));
    all.push((11, "status", vec![8, 7]));
    all
}

fn events() -> Vec<RecordedEvent> {
    let business_day = Some(BusinessDay {
        date: text("2017-01-02"),
        time_zone: text("America/New_York"),
        cut_off_minutes: 240,
        hour: 10,
    });
    let kinds = [
        Kind::SupplierRegistered(SupplierRegistered { supplier_id: text("69"), ..Default::default() }),
        Kind::StoreRegistered(StoreRegistered {
            store_id: text("443"),
            time_zone: text("America/New_York"),
            currency_code: text("USD"),
            ..Default::default()
        }),
        Kind::ItemRegistered(ItemRegistered { item_id: text("27334"), supplier_id: text("69"), ..Default::default() }),
        Kind::DeliveryRecorded(DeliveryRecorded {
            store_id: text("443"),
            supplier_id: text("69"),
            document_number: text("DN-1"),
            business_day: business_day.clone(),
            currency_code: text("USD"),
            lines: vec![DeliveryLine {
                sequence: 1,
                item_id: text("27334"),
                delivered_milli: 6_000,
                accepted_milli: 6_000,
                unit_cost_minor: 146,
                ..Default::default()
            }],
            ..Default::default()
        }),
        Kind::SaleRecorded(SaleRecorded {
            receipt: receipt(),
            business_day: business_day.clone(),
            operator_id: text("7"),
            currency_code: text("USD"),
            lines: vec![SaleLine {
                sequence: 1,
                item_id: text("27334"),
                supplier_id: text("69"),
                category: text("GROCERY"),
                unit_code: text("EA"),
                quantity_milli: 2_000,
                gross_minor: 629,
                discount_minor: 117,
                ..Default::default()
            }],
            tenders: vec![Tender { r#type: 1, amount_minor: 512 }],
            total_minor: 512,
            ..Default::default()
        }),
        Kind::SaleVoided(SaleVoided::default()),
    ];
    let event = |(position, kind): (i64, Kind)| RecordedEvent {
        position,
        event_id: vec![7; 16].into(),
        stream_id: vec![9; 16].into(),
        stream_version: 1,
        event_type: EventType::of(&kind).as_str().to_owned(),
        schema_version: 1,
        store_id: text("443"),
        business_date: text("2017-01-02"),
        occurred_at: instant(),
        recorded_at: instant(),
        metadata: Some(Metadata { actor: text("anonymous"), request_id: text(ID), ..Default::default() }),
        event: Some(Event { kind: Some(kind) }),
    };
    (1..).zip(kinds).map(event).collect()
}

/// The documents of a report in the forms in which they are stored.
fn of_report<R: Report>(choice: u8, events: &[RecordedEvent]) -> Vec<(u8, String, Vec<u8>)> {
    let mut folded = Folded::<R>::default();
    for event in events {
        let _ = folded.fold(event);
    }
    let heads = folded.heads.into_values().map(|head| inserted(document::begin(head, 5)));
    heads.flatten().map(|bytes| (choice, R::HEADS.to_owned(), bytes)).collect()
}

fn inserted<D: Stored>(document: D) -> Option<Vec<u8>> {
    match document::write(&document) {
        Ok(Some(Write::Insert(raw))) => Some(raw.as_bytes().to_vec()),
        _ => None,
    }
}

fn page<E: Entry>() -> Option<Vec<u8>> {
    let page: Page<E> = Page::open(text("2017-01-02|443|i|1"), "2017-01-02|443");
    inserted(document::begin(page, 5))
}

fn documents(events: &[RecordedEvent]) -> Vec<(u8, String, Vec<u8>)> {
    let mut all = of_report::<StoreDays>(0, events);
    all.extend(of_report::<SupplierDays>(1, events));
    all.extend(of_report::<Stock>(2, events));
    all.extend(page::<EntryOf<StoreDays>>().map(|bytes| (3, text("store_day_page"), bytes)));
    all.extend(page::<EntryOf<SupplierDays>>().map(|bytes| (4, text("supplier_day_page"), bytes)));
    let generation = Generation::new(1, 5);
    let checkpoint = Checkpoint { position: 6, event_id: text("0007"), ..Checkpoint::start(&generation, 0, 1) };
    let mark = Mark { report: text("store_days"), document: text("2017-01-02|443") };
    let marks = ParkedMarks { id: ParkedMarks::id_of(1), events: 1, overflows: false, marks: vec![mark] };
    let metas = [
        ("checkpoint", serialize_to_vec(&checkpoint)),
        ("generation", serialize_to_vec(&generation)),
        ("live", serialize_to_vec(&Live::to(1))),
        ("transition", serialize_to_vec(&Transition { id: text("next"), ..Transition::default() })),
        ("marks", serialize_to_vec(&marks)),
        ("audit", serialize_to_vec(&Audit::default())),
    ];
    let metas = (5..).zip(metas).filter_map(|(choice, (name, bytes))| Some((choice, name.to_owned(), bytes.ok()?)));
    all.extend(metas);
    all
}

fn files() -> [(u8, &'static str, &'static str); 6] {
    [
        (0, "suppliers", "supplier_id,name,gln\n69,\"Baker, the\",4000001000005\n"),
        (1, "stores", "store_id,name,time_zone,currency,day_cut_off\n154,Store,America/New_York,USD,04:00\n"),
        (2, "items", "item_id,name,supplier_id,department,uom\n27334,DIET,69,DRUG GM,EA\n"),
        (
            3,
            "deliveries",
            "store_id,supplier_id,delivery_note,delivered_at,item_id,quantity,unit_cost\n\
             154,69,DN-1,2017-01-02T09:00:00Z,591931,6,1.46\n",
        ),
        (
            4,
            "sales",
            "store_id,register_id,receipt_no,sold_at,item_id,quantity,gross_amount,discount_amount\n\
             154,3,1,2017-01-02T05:05:54Z,844179,2,6.29,1.17\n154,3,1,2017-01-02T05:05:54Z,859075,1,1.89,0.22\n\0\
             store_id,receipt_no,tender,amount\n154,1,CARD,6.79\n",
        ),
        (5, "tenders", "store_id,receipt_no,tender,amount\n154,1,CARD,65.31\n"),
    ]
}

fn filter() -> EventFilter {
    EventFilter {
        event_types: vec![text("sale_recorded"), text("sale_voided")],
        store_ids: vec![text("443")],
        business_dates: vec![text("2017-01-02")],
    }
}

/// Headers, and claims of tokens that are signed.
fn tokens() -> [(u8, &'static str, &'static str); 5] {
    [
        (0, "basic", "Basic YTpi"),
        (1, "static-key", "daybook_job_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        (1, "forged", "eyJhbGciOiJIUzI1NiIsImtpZCI6InNoYXJlZCJ9.eyJzdWIiOiJhIn0.AAAA"),
        (
            2,
            "register",
            "{\"alg\":\"HS256\",\"kid\":\"shared\"}\0{\"sub\":\"pos-443\",\"iss\":\"id\",\"aud\":\"daybook\",\"exp\":4102444800,\
             \"scope\":\"sales:write\",\"stores\":[\"443\"]}",
        ),
        (2, "none", "{\"alg\":\"none\",\"kid\":\"shared\"}\0{\"sub\":\"pos-443\",\"exp\":4102444800}"),
    ]
}
