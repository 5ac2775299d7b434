//! What decodes bytes from outside, for the fuzz targets in fuzz/.

use bytes::Bytes;
use daybook_read_model::event::Event;

/// Decodes a message of the stream; `None` if it is not the event of its sequence.
#[must_use]
pub fn message(sequence: u64, payload: Bytes) -> Option<Event> {
    crate::jetstream::decode(sequence, payload).ok()
}
