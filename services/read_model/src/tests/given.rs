//! Events for tests: short ways to write one, and arbitrary lists of those that a log could hold.

use std::collections::BTreeMap;

use daybook::{
    event::{
        EventType,
        v1::{
            AdjustmentLine, BusinessDay, DeliveryLine, DeliveryRecorded, Disposition, Event, LineTax, ReceiptKey,
            RecordedEvent, ReturnLine, ReturnRecorded, SaleLine, SaleRecorded, SaleVoided, StockAdjusted, StockState,
            Tender, TenderType, UnassignedSalesMoved, event::Kind,
        },
    },
    ids::UNASSIGNED,
};
use proptest::prelude::*;

pub(super) const DATE: &str = "2017-01-02";

pub(super) fn recorded(position: i64, kind: Kind) -> RecordedEvent {
    let known = EventType::of(&kind);
    RecordedEvent {
        position,
        event_type: known.as_str().into(),
        schema_version: known.schema_version(),
        event: Some(Event { kind: Some(kind) }),
        ..RecordedEvent::default()
    }
}

/// The events at positions 1, 2, 3 …
pub(super) fn log(kinds: impl IntoIterator<Item = Kind>) -> Vec<RecordedEvent> {
    (1..).zip(kinds).map(|(position, kind)| recorded(position, kind)).collect()
}

pub(super) fn day(hour: i32) -> Option<BusinessDay> {
    Some(BusinessDay { date: DATE.into(), time_zone: "America/New_York".into(), cut_off_minutes: 240, hour })
}

pub(super) fn receipt(store: &str, number: i64) -> Option<ReceiptKey> {
    Some(ReceiptKey {
        store_id: store.into(),
        register_id: format!("r{}", number.rem_euclid(3)),
        business_date: DATE.into(),
        receipt_number: number.to_string(),
    })
}

pub(super) fn category_of(item: &str) -> String {
    format!("C{}", item.len() + usize::from(item.ends_with(['1', '2', '3'])))
}

/// A line of an item whose id begins with `u` is of one that was unknown.
pub(super) fn sale_line(sequence: i32, item: &str, quantity_milli: i64, gross: i64, discount: i64) -> SaleLine {
    let unknown = item.starts_with('u');
    SaleLine {
        sequence,
        item_id: item.into(),
        supplier_id: booked(item, supplier_of),
        category: booked(item, category_of),
        unit_code: "EA".into(),
        quantity_milli,
        gross_minor: gross,
        discount_minor: discount,
        tax_minor: gross / 10,
        taxes: vec![LineTax {
            tax_code: "STD".into(),
            rate_ppm: 100_000,
            base_minor: gross - discount,
            amount_minor: gross / 10,
        }],
        unknown_item: unknown,
    }
}

pub(super) fn supplier_of(item: &str) -> String {
    format!("s{}", item.bytes().last().unwrap_or(b'0') % 3)
}

/// Under what an item is booked: `UNASSIGNED` if it was unknown.
fn booked(item: &str, known: fn(&str) -> String) -> String {
    if item.starts_with('u') { UNASSIGNED.to_owned() } else { known(item) }
}

pub(super) fn sale(store: &str, number: i64, hour: i32, lines: Vec<SaleLine>) -> SaleRecorded {
    let sum = |part: fn(&SaleLine) -> i64| lines.iter().map(part).sum::<i64>();
    let (gross, discount, tax) = (sum(|l| l.gross_minor), sum(|l| l.discount_minor), sum(|l| l.tax_minor));
    let total = gross - discount + tax;
    SaleRecorded {
        receipt: receipt(store, number),
        business_day: day(hour),
        operator_id: format!("o{}", number % 2),
        currency_code: "USD".into(),
        tenders: vec![
            Tender { r#type: TenderType::Cash.into(), amount_minor: total + 5 },
            Tender { r#type: TenderType::Card.into(), amount_minor: 1 },
        ],
        change_minor: 6,
        gross_minor: gross,
        discount_minor: discount,
        tax_minor: tax,
        total_minor: total,
        lines,
        ..SaleRecorded::default()
    }
}

pub(super) fn void(sale: &SaleRecorded) -> SaleVoided {
    SaleVoided {
        receipt: sale.receipt.clone(),
        business_day: sale.business_day.clone(),
        operator_id: "boss".into(),
        reason: "mistake".into(),
        currency_code: sale.currency_code.clone(),
        lines: sale.lines.clone(),
        tenders: sale.tenders.clone(),
        change_minor: sale.change_minor,
        gross_minor: sale.gross_minor,
        discount_minor: sale.discount_minor,
        tax_minor: sale.tax_minor,
        total_minor: sale.total_minor,
        sale_operator_id: sale.operator_id.clone(),
        date_was_claimed: !sale.claimed_business_date.is_empty(),
    }
}

pub(super) fn back(
    store: &str,
    number: i64,
    with_receipt: bool,
    lines: &[(&str, i64, i64, Disposition)],
) -> ReturnRecorded {
    let line = |(sequence, (item, quantity_milli, net_minor, disposition)): (i32, &(&str, i64, i64, Disposition))| {
        let sold = sale_line(sequence, item, 0, 0, 0);
        ReturnLine {
            sequence,
            item_id: sold.item_id,
            supplier_id: sold.supplier_id,
            category: sold.category,
            unit_code: sold.unit_code,
            quantity_milli: *quantity_milli,
            net_minor: *net_minor,
            tax_minor: net_minor / 10,
            disposition: (*disposition).into(),
            unknown_item: sold.unknown_item,
            ..ReturnLine::default()
        }
    };
    let lines: Vec<ReturnLine> = (1..).zip(lines).map(line).collect();
    let (net, tax) = (lines.iter().map(|l| l.net_minor).sum::<i64>(), lines.iter().map(|l| l.tax_minor).sum::<i64>());
    ReturnRecorded {
        receipt: receipt(store, number),
        business_day: day(20),
        operator_id: "o9".into(),
        original_receipt: receipt(store, 1).filter(|_| with_receipt),
        currency_code: "USD".into(),
        refunds: vec![Tender { r#type: TenderType::Cash.into(), amount_minor: net + tax }],
        net_minor: net,
        tax_minor: tax,
        total_minor: net + tax,
        lines,
        ..ReturnRecorded::default()
    }
}

pub(super) fn delivery(store: &str, supplier: &str, lines: &[(&str, i64, i64, i64)]) -> DeliveryRecorded {
    let line = |(sequence, (item, accepted_milli, rejected_milli, cost)): (i32, &(&str, i64, i64, i64))| DeliveryLine {
        sequence,
        item_id: (*item).into(),
        category: booked(item, category_of),
        unit_code: "EA".into(),
        delivered_milli: accepted_milli + rejected_milli,
        accepted_milli: *accepted_milli,
        rejected_milli: *rejected_milli,
        accepted_cost_minor: *cost,
        ..DeliveryLine::default()
    };
    DeliveryRecorded {
        store_id: store.into(),
        supplier_id: supplier.into(),
        document_number: "DN-1".into(),
        business_day: day(5),
        currency_code: "USD".into(),
        lines: (1..).zip(lines).map(line).collect(),
        ..DeliveryRecorded::default()
    }
}

pub(super) fn adjust(store: &str, lines: &[(&str, i64, StockState, StockState)]) -> StockAdjusted {
    let line =
        |(sequence, (item, quantity_milli, from, to)): (i32, &(&str, i64, StockState, StockState))| AdjustmentLine {
            sequence,
            item_id: (*item).into(),
            supplier_id: booked(item, supplier_of),
            category: booked(item, category_of),
            unit_code: "EA".into(),
            quantity_milli: *quantity_milli,
            from_state: (*from).into(),
            to_state: (*to).into(),
            unknown_item: false,
        };
    StockAdjusted {
        store_id: store.into(),
        document_number: "A-1".into(),
        business_day: day(6),
        currency_code: "USD".into(),
        lines: (1..).zip(lines).map(line).collect(),
        ..StockAdjusted::default()
    }
}

/// Kinds as a log could hold them: voids are of sales before them, and at the end the unknown items may be registered.
pub(super) fn kinds() -> impl Strategy<Value = Vec<Kind>> {
    let item =
        prop::sample::select(vec!["1", "2", "3", "4", "5", "6", "7", "a.8", "$9", "u1", "u2", "10", "11", "12", "13"]);
    let store = prop::sample::select(vec!["n1", "n2", "n3", "n4"]);
    let line = (item.clone(), 1_i64..9_000, 0_i64..5_000).prop_map(|(item, q, gross)| (item, q, gross, gross / 3));
    let lines = prop::collection::vec(line, 1..6);
    let state = prop::sample::select(vec![StockState::OnHand, StockState::Unsellable, StockState::Outside]);
    let disposition = prop::sample::select(vec![Disposition::ToStock, Disposition::ToSupplier, Disposition::WriteOff]);
    let sale = (store.clone(), 0_i32..25, lines.clone(), any::<bool>()).prop_map(|(store, hour, lines, voided)| {
        let lines = (1..).zip(lines).map(|(n, (item, q, gross, off))| sale_line(n, item, q, gross, off)).collect();
        (Kind::SaleRecorded(self::sale(store, i64::from(hour), hour, lines)), voided)
    });
    let back = (store.clone(), any::<bool>(), lines.clone(), disposition).prop_map(|(store, with, lines, to)| {
        let lines: Vec<_> = lines.into_iter().map(|(item, q, net, _)| (item, q, net, to)).collect();
        (Kind::ReturnRecorded(self::back(store, 99, with, &lines)), false)
    });
    let delivery =
        (store.clone(), prop::sample::select(vec!["s0", "s1", "s2"]), lines).prop_map(|(store, from, lines)| {
            let lines: Vec<_> = lines.into_iter().map(|(item, q, cost, bad)| (item, q, bad, cost)).collect();
            (Kind::DeliveryRecorded(self::delivery(store, from, &lines)), false)
        });
    let adjusted = (store, item, 1_i64..5_000, state.clone(), state)
        .prop_map(|(store, item, q, from, to)| (Kind::StockAdjusted(adjust(store, &[(item, q, from, to)])), false));
    let kind = prop_oneof![4 => sale, 1 => back, 2 => delivery, 1 => adjusted];
    (prop::collection::vec(kind, 1..40), any::<bool>()).prop_map(|(kinds, registered)| complete(kinds, registered))
}

fn complete(kinds: Vec<(Kind, bool)>, registered: bool) -> Vec<Kind> {
    let voids: Vec<Kind> = kinds
        .iter()
        .filter(|(_, voided)| *voided)
        .filter_map(|(kind, _)| match kind {
            Kind::SaleRecorded(sale) => Some(Kind::SaleVoided(void(sale))),
            _ => None,
        })
        .collect();
    let mut all: Vec<Kind> = kinds.into_iter().map(|(kind, _)| kind).collect();
    all.extend(voids);
    if registered {
        let moves = moves(&all);
        all.extend(moves.into_iter().map(Kind::UnassignedSalesMoved));
    }
    all
}

/// What registering the unknown items moves.
pub(super) fn moves(kinds: &[Kind]) -> Vec<UnassignedSalesMoved> {
    let mut moves: BTreeMap<(String, String), UnassignedSalesMoved> = BTreeMap::new();
    let of = |moves: &mut BTreeMap<_, UnassignedSalesMoved>,
              store: &str,
              item: &str,
              f: &mut dyn FnMut(&mut UnassignedSalesMoved)| {
        let moved = moves.entry((store.to_owned(), item.to_owned())).or_insert_with(|| UnassignedSalesMoved {
            item_id: item.into(),
            store_id: store.into(),
            business_day: day(0),
            supplier_id: supplier_of(item),
            category: category_of(item),
            currency_code: "USD".into(),
            from_supplier_id: UNASSIGNED.into(),
            from_category: UNASSIGNED.into(),
            ..UnassignedSalesMoved::default()
        });
        f(moved);
    };
    for kind in kinds {
        let (receipt, lines, sign) = match kind {
            Kind::SaleRecorded(sale) => (&sale.receipt, &sale.lines, 1),
            Kind::SaleVoided(void) => (&void.receipt, &void.lines, -1),
            Kind::ReturnRecorded(back) => {
                let store = &back.receipt.as_ref().unwrap().store_id;
                for line in back.lines.iter().filter(|line| line.unknown_item) {
                    of(&mut moves, store, &line.item_id, &mut |moved| {
                        moved.quantity_returned_milli += line.quantity_milli;
                        moved.returns_net_minor += line.net_minor;
                    });
                }
                continue;
            }
            _ => continue,
        };
        for line in lines.iter().filter(|line| line.unknown_item) {
            of(&mut moves, &receipt.as_ref().unwrap().store_id, &line.item_id, &mut |moved| {
                moved.lines_sold += sign;
                moved.quantity_sold_milli += sign * line.quantity_milli;
                moved.gross_minor += sign * line.gross_minor;
                moved.discount_minor += sign * line.discount_minor;
                moved.tax_minor += sign * line.tax_minor;
            });
        }
    }
    moves.into_values().collect()
}
