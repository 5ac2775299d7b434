//! Sales, drawn from a seed: some stores, many items with a skewed popularity.

use daybook::{
    event::v1::{
        BusinessDay, DeliveryLine, DeliveryRecorded, Event, Metadata, ReceiptKey, RecordedEvent, SaleLine,
        SaleRecorded, Tender, TenderType, event::Kind,
    },
    ids::RequestId,
};

const LINES: u64 = 9;

/// Sales at positions from 1 on, with a delivery among ten.
pub(crate) fn sales(seed: u64, count: usize) -> Vec<RecordedEvent> {
    let var = |name: &str, default| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (stores, items) = (var("DAYBOOK_TEST_STORES", 7), var("DAYBOOK_TEST_ITEMS", 5_000));
    let mut random = Random(seed);
    (1..=count as i64)
        .map(|position| {
            let store = random.below(stores);
            let kind = if random.below(10) == 0 {
                delivery(&mut random, store, items)
            } else {
                sale(&mut random, position, store, items)
            };
            let event_type = daybook::event::EventType::of(&kind).as_str().into();
            RecordedEvent {
                position,
                event_id: RequestId::random().uuid().as_bytes().to_vec().into(),
                event_type,
                schema_version: 1,
                store_id: store.to_string(),
                recorded_at: Some(now()),
                metadata: Some(Metadata { request_id: RequestId::random().to_string(), ..Metadata::default() }),
                event: Some(Event { kind: Some(kind) }),
                ..RecordedEvent::default()
            }
        })
        .collect()
}

fn now() -> prost_types::Timestamp {
    std::time::SystemTime::now().into()
}

fn day(random: &mut Random) -> Option<BusinessDay> {
    let hour = random.below(14) as i32;
    Some(BusinessDay { date: "2026-03-02".into(), time_zone: "Europe/Berlin".into(), cut_off_minutes: 240, hour })
}

fn sale(random: &mut Random, position: i64, store: u64, items: u64) -> Kind {
    let lines: Vec<SaleLine> = (1..=1 + random.below(2 * LINES - 1) as i32)
        .map(|sequence| {
            let item = random.popular(items);
            let gross_minor = 50 + random.below(2_000) as i64;
            SaleLine {
                sequence,
                item_id: format!("i{item}"),
                supplier_id: format!("s{}", item % 60),
                category: format!("category {}", item % 40),
                unit_code: "EA".into(),
                quantity_milli: 1_000 * (1 + random.below(3) as i64),
                gross_minor,
                discount_minor: gross_minor * random.below(2) as i64 / 10,
                tax_minor: gross_minor / 5,
                ..SaleLine::default()
            }
        })
        .collect();
    let sum = |part: fn(&SaleLine) -> i64| lines.iter().map(part).sum::<i64>();
    let total = sum(|l| l.gross_minor) - sum(|l| l.discount_minor) + sum(|l| l.tax_minor);
    Kind::SaleRecorded(SaleRecorded {
        receipt: Some(ReceiptKey {
            store_id: store.to_string(),
            register_id: random.below(6).to_string(),
            business_date: "2026-03-02".into(),
            receipt_number: position.to_string(),
        }),
        business_day: day(random),
        operator_id: format!("o{}", random.below(12)),
        currency_code: "EUR".into(),
        gross_minor: sum(|l| l.gross_minor),
        discount_minor: sum(|l| l.discount_minor),
        tax_minor: sum(|l| l.tax_minor),
        total_minor: total,
        tenders: vec![Tender { r#type: TenderType::Card.into(), amount_minor: total }],
        lines,
        ..SaleRecorded::default()
    })
}

fn delivery(random: &mut Random, store: u64, items: u64) -> Kind {
    let supplier = random.below(60);
    let lines = (1..=5)
        .map(|sequence| DeliveryLine {
            sequence,
            item_id: format!("i{}", random.below(items / 60) * 60 + supplier),
            category: format!("category {}", supplier % 40),
            unit_code: "EA".into(),
            delivered_milli: 12_000,
            accepted_milli: 12_000,
            accepted_cost_minor: 1_200,
            ..DeliveryLine::default()
        })
        .collect();
    Kind::DeliveryRecorded(DeliveryRecorded {
        store_id: store.to_string(),
        supplier_id: format!("s{supplier}"),
        document_number: "1".into(),
        business_day: day(random),
        currency_code: "EUR".into(),
        lines,
        accepted_cost_minor: 6_000,
    })
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// A few items are bought often, most of them seldom.
    fn popular(&mut self, bound: u64) -> u64 {
        let (one, other, third) = (self.below(bound), self.below(bound), self.below(bound));
        one * other / bound.max(1) * third / bound.max(1)
    }
}
