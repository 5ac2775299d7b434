//! Messages of the stream, as the projector takes them.
#![no_main]

use bytes::Bytes;
use daybook::event::v1::RecordedEvent;
use daybook_read_model::{
    event::Event,
    registry::{self, Report, Visitor},
};
use libfuzzer_sys::fuzz_target;

struct Same<'a>(&'a Event, &'a RecordedEvent);

impl Visitor for Same<'_> {
    fn visit<R: Report>(&mut self) {
        assert_eq!(self.0.changes::<R>(), R::changes(self.1));
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((sequence, payload)) = data.split_first_chunk() else { return };
    let sequence = u64::from_be_bytes(*sequence);
    if let Some(event) = daybook_projector::fuzzing::message(sequence, Bytes::copy_from_slice(payload)) {
        assert_eq!(u64::try_from(event.position()), Ok(sequence));
        let _ = event.discards();
        match event.recorded.decoded() {
            // Read in its own way or decoded: what it changes is the same.
            Ok(decoded) => registry::each(&mut Same(&event, &decoded)),
            // Of a sale it is not needed by whom it was recorded.
            Err(_) => assert!(event.metadata().is_none()),
        }
    }
});
