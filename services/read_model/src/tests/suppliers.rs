//! Whom an event concerns.

use daybook::event::{
    encoded::RecordedEvent,
    v1::{self, event::Kind},
};
use prost::{Message as _, bytes::Bytes};

use super::given::{log, sale, sale_line};
use crate::suppliers::{each_supplier, of_decoded};

fn encoded(event: &v1::RecordedEvent) -> RecordedEvent {
    RecordedEvent::decode(event.encode_to_vec().as_slice()).unwrap()
}

fn sold() -> v1::RecordedEvent {
    let lines = (1..6).map(|n| sale_line(n, &n.to_string(), 1_000, 100, 0)).collect();
    log([Kind::SaleRecorded(sale("n1", 1, 9, lines))]).remove(0)
}

#[test]
fn what_is_read_of_a_sale_is_what_all_of_it_says() {
    let (mut few, mut all) = (Vec::new(), Vec::new());
    each_supplier(&encoded(&sold()), |id| few.push(id.to_owned())).unwrap();
    of_decoded(&sold(), |id| all.push(id.to_owned()));
    assert_eq!(few, all);
    assert_eq!(few.len(), 5);
}

#[test]
fn an_event_that_says_it_is_a_sale_and_is_none_concerns_nobody() {
    let delivery = v1::DeliveryRecorded { supplier_id: "69".into(), ..Default::default() };
    let event = Some(v1::Event { kind: Some(Kind::DeliveryRecorded(delivery)) });
    each_supplier(&encoded(&v1::RecordedEvent { event, ..sold() }), |id| panic!("{id}")).unwrap();
}

#[test]
fn what_cannot_be_decoded_is_an_error() {
    let broken = RecordedEvent { event: Bytes::from_static(&[0x2a, 0x7f, 1]), ..encoded(&sold()) };
    assert!(each_supplier(&broken, |_| ()).is_err());
    let no_text = [0x2a, 5, 0x32, 3, 0x1a, 1, 0xff];
    let broken = RecordedEvent { event: Bytes::copy_from_slice(&no_text), ..broken };
    assert!(each_supplier(&broken, |_| ()).is_err());
}
