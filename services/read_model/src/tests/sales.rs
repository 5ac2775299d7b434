//! A sale read from its bytes is the sale that the decoded event records, or is left to the decoder.

use daybook::event::{
    encoded::RecordedEvent,
    v1::{self, Event, LineTax, SaleRecorded, event::Kind},
};
use proptest::prelude::*;
use prost::Message as _;

use super::given::{kinds, log, recorded, sale, sale_line};
use crate::{
    event,
    registry::{self, Report, Visitor},
    sale::Sale,
};

fn of_sale(sale: SaleRecorded) -> Event {
    Event { kind: Some(Kind::SaleRecorded(sale)) }
}

/// A sale with everything in it that one can hold.
fn full() -> SaleRecorded {
    let mut lines: Vec<_> = (1..6).rev().map(|n| sale_line(n, &n.to_string(), -1_000, 90, 1)).collect();
    lines.push(sale_line(6, "u3", 7, 1, 0));
    lines.push(v1::SaleLine {
        category: "a category with a name of more than 15 bytes".into(),
        ..sale_line(7, "3", 9, 5, 0)
    });
    let tax = LineTax { tax_code: "LUX".into(), rate_ppm: -1, base_minor: 4, amount_minor: -2 };
    lines[1].taxes.push(tax);
    lines[2].taxes.clear();
    let mut full = sale("n1", 7, 24, lines);
    (full.lines[0].gross_minor, full.lines[0].discount_minor) = (i64::MIN, i64::MAX);
    SaleRecorded { claimed_business_date: "2017-01-03".into(), register_sequence: 5, ..full }
}

#[test]
fn a_sale_is_read_from_its_bytes() {
    for one in [full(), SaleRecorded::default(), SaleRecorded { receipt: Some(v1::ReceiptKey::default()), ..full() }] {
        assert_eq!(Sale::of_bytes(&of_sale(one.clone()).encode_to_vec()), Some(Sale::from(&one)));
    }
}

#[test]
fn lines_stand_in_order_of_their_items_and_those_of_one_item_as_on_the_receipt() {
    let read = Sale::from(&full());
    let items: Vec<(&str, i64)> = read.sold.lines.iter().map(|line| (&*line.item_id, line.quantity_milli)).collect();
    assert_eq!(items, [("1", -1_000), ("2", -1_000), ("3", -1_000), ("3", 9), ("4", -1_000), ("5", -1_000), ("u3", 7)]);
    assert_eq!(read.sold.by_item().map(<[_]>::len).collect::<Vec<_>>(), [1, 1, 2, 1, 1, 1]);
}

#[test]
fn what_is_not_one_sale_as_it_is_written_today_is_left_to_the_decoder() {
    let usual = of_sale(full()).encode_to_vec();
    let void = Event { kind: Some(Kind::SaleVoided(v1::SaleVoided::default())) }.encode_to_vec();
    // Merged by the decoder: a second sale in the event, and a second receipt in the sale.
    let twice = [usual.as_slice(), usual.as_slice()].concat();
    let receipt_again = [0x2a, 6, 0x0a, 1, 0, 0x0a, 1, 0];
    let number_for_text = [0x2a, 2, 0x18, 1];
    let no_text = [0x2a, 3, 0x1a, 1, 0xff];
    let cut = &usual[..usual.len() - 1];
    for bytes in [&[], void.as_slice(), &twice, &receipt_again, &number_for_text, &no_text, cut] {
        assert_eq!(Sale::of_bytes(bytes), None, "{bytes:?}");
    }
    // A field that is not known yet is passed over, as the decoder does.
    let unknown = [0x2a, 4, 0xa0, 0x01, 9, 0x00];
    assert_eq!(Sale::of_bytes(&unknown[..5]), None);
    let unknown = [0x2a, 3, 0xa0, 0x01, 9];
    assert_eq!(Sale::of_bytes(&unknown), Some(Sale::from(&SaleRecorded::default())));
}

#[test]
fn only_a_sale_of_todays_version_is_read_so() {
    let event = recorded(7, Kind::SaleRecorded(full()));
    let encoded = |event: &v1::RecordedEvent| RecordedEvent::decode(event.encode_to_vec().as_slice()).unwrap();
    assert_eq!(Sale::of_encoded(&encoded(&event)), Some(Sale::from(&full())));
    for other in [
        v1::RecordedEvent { schema_version: 2, ..event.clone() },
        v1::RecordedEvent { event_type: "sale_voided".into(), ..event },
    ] {
        assert_eq!(Sale::of_encoded(&encoded(&other)), None);
    }
}

#[test]
fn an_event_that_cannot_be_decoded_is_an_error_and_one_without_metadata_has_none() {
    let encoded = |event: &v1::RecordedEvent| RecordedEvent::decode(event.encode_to_vec().as_slice()).unwrap();
    let sold = encoded(&recorded(7, Kind::SaleRecorded(full())));
    let broken = RecordedEvent { event: vec![0xff].into(), ..sold.clone() };
    assert!(event::Event::read(broken).is_err());
    let read = event::Event::read(sold).unwrap();
    assert_eq!((read.position(), read.metadata(), read.discards()), (7, None, None));
    let discarded = v1::EventDiscarded { position: 3, ..v1::EventDiscarded::default() };
    let discards = event::Event::read(encoded(&recorded(8, Kind::EventDiscarded(discarded)))).unwrap();
    assert_eq!(discards.discards(), Some(3));
}

/// Compares what an event changes, read in both ways.
struct Same<'a>(&'a v1::RecordedEvent, &'a event::Event);

impl Visitor for Same<'_> {
    fn visit<R: Report>(&mut self) {
        assert_eq!(self.1.changes::<R>(), R::changes(self.0));
    }
}

fn same(event: &v1::RecordedEvent) {
    let encoded = RecordedEvent::decode(event.encode_to_vec().as_slice()).unwrap();
    let read = event::Event::read(encoded.clone()).unwrap();
    assert_eq!(read.recorded, encoded);
    registry::each(&mut Same(event, &read));
}

/// What makes an event one that a report refuses.
fn spoiled() -> Vec<SaleRecorded> {
    let line = |change: fn(&mut v1::SaleLine)| {
        let mut sale = sale("n1", 1, 9, vec![sale_line(1, "1", 1, 1, 0), sale_line(2, "2", 1, 1, 0)]);
        sale.lines.iter_mut().for_each(change);
        sale
    };
    let usual = line(|_| {});
    vec![
        SaleRecorded { receipt: None, ..usual.clone() },
        SaleRecorded { business_day: None, ..usual.clone() },
        SaleRecorded {
            business_day: usual.business_day.clone().map(|day| v1::BusinessDay { date: "2017-02-30".into(), ..day }),
            ..usual.clone()
        },
        SaleRecorded {
            business_day: usual.business_day.clone().map(|day| v1::BusinessDay { hour: 49, ..day }),
            ..usual.clone()
        },
        SaleRecorded { currency_code: "usd".into(), ..usual.clone() },
        SaleRecorded { change_minor: i64::MIN, ..usual.clone() },
        SaleRecorded { tenders: vec![v1::Tender { r#type: 99, amount_minor: 1 }], ..usual },
        line(|line| line.quantity_milli = i64::MAX),
        line(|line| line.gross_minor = i64::MIN),
        line(|line| line.item_id = "x".repeat(300)),
        line(|line| line.category = "x".repeat(300)),
        line(|line| line.supplier_id = "a|b".to_owned()),
        line(|line| line.supplier_id.clear()),
    ]
}

#[test]
fn an_event_that_is_refused_is_refused_in_both_ways_with_the_same_words() {
    struct Refused<'a>(&'a v1::RecordedEvent, usize);
    impl Visitor for Refused<'_> {
        fn visit<R: Report>(&mut self) {
            self.1 += usize::from(R::changes(self.0).is_err());
        }
    }
    for event in log(spoiled().into_iter().map(Kind::SaleRecorded)) {
        same(&event);
        let mut refused = Refused(&event, 0);
        registry::each(&mut refused);
        assert!(refused.1 > 0, "{event:?}");
    }
}

proptest! {
    #[test]
    fn an_event_changes_the_same_read_in_both_ways(kinds in kinds()) {
        log(kinds).iter().for_each(same);
    }

    /// Whatever becomes of the bytes: what is read of them is what the decoder makes of them.
    #[test]
    fn damaged_bytes_are_never_read_otherwise_than_decoded(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = of_sale(full()).encode_to_vec();
        let place = at.index(bytes.len());
        bytes[place] = byte;
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Some(read) = Sale::of_bytes(&bytes) {
            let Ok(Event { kind: Some(Kind::SaleRecorded(decoded)) }) = Event::decode(bytes.as_slice()) else {
                panic!("read, but cannot be decoded: {bytes:?}");
            };
            prop_assert_eq!(read, Sale::from(&decoded));
        }
    }
}
