//! Events of the log: decoded, brought to today's schema, folded into every report, and added to the relational tables.
#![no_main]

use daybook::event::{
    self,
    v1::{Event, RecordedEvent, event::Kind},
};
use daybook_read_model::{
    folded::Folded,
    registry::{self, Report, Visitor},
    sale::Sale,
};
use daybook_write_model::{Effects, Place};
use libfuzzer_sys::fuzz_target;
use prost::Message as _;

struct Fold<'a>(&'a RecordedEvent);

impl Visitor for Fold<'_> {
    fn visit<R: Report>(&mut self) {
        let mut folded = Folded::<R>::default();
        // Twice: the second time it is known already, or another event for the same documents.
        let later = RecordedEvent { position: self.0.position.wrapping_add(1), ..self.0.clone() };
        let _ = (folded.fold(self.0), folded.fold(self.0), folded.fold(&later));
        let _ = registry::touched_by_envelope::<R>(&self.0.business_date, &self.0.store_id);
    }
}

fuzz_target!(|data: &[u8]| {
    if let Some(sale) = Sale::of_bytes(data) {
        let decoded = Event::decode(data).expect("a sale that was read can be decoded");
        let Some(Kind::SaleRecorded(decoded)) = decoded.kind else { panic!("no sale, but read as one") };
        assert_eq!(sale, Sale::from(&decoded));
    }
    let Ok(recorded) = RecordedEvent::decode(data) else { return };
    if let Some(event) = &recorded.event {
        let _ = event::decode(&recorded.event_type, recorded.schema_version, &event.encode_to_vec());
    }
    let _ = event::decode(&recorded.event_type, recorded.schema_version, data);
    registry::each(&mut Fold(&recorded));
    if let Ok(kind) = recorded.kind() {
        let store_id = Some(recorded.store_id.as_str()).filter(|store| !store.is_empty());
        Effects::default().add(1, Place { store_id, business_date: None }, &kind);
    }
});
