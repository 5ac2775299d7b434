//! Events of the log: decoded, brought to today's schema, folded into every report, and added to the relational tables.
#![no_main]

use daybook::event::{self, v1::RecordedEvent};
use daybook_read_model::{
    folded::Folded,
    registry::{self, Report, Visitor},
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
        let _ = registry::touched_by_envelope::<R>(self.0);
    }
}

fuzz_target!(|data: &[u8]| {
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
