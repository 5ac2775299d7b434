//! Messages of the stream, as the projector takes them.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((sequence, payload)) = data.split_first_chunk() else { return };
    let sequence = u64::from_be_bytes(*sequence);
    if let Some(event) = daybook_projector::fuzzing::message(sequence, Bytes::copy_from_slice(payload)) {
        assert_eq!(u64::try_from(event.position), Ok(sequence));
        let _ = event.kind();
    }
});
