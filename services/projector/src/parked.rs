//! Events that cannot be folded. They are kept with their error, and the others go on.

use std::collections::BTreeMap;

use daybook::event::v1::RecordedEvent;
use mongodb::{
    bson::{Binary, Bson, Document, doc, spec::BinarySubtype},
    options::UpdateModifications,
};
use prost::Message as _;
use tracing::error;

use crate::{
    meta::durable,
    store::{Store, StoreError, in_time},
};

/// Most bytes of an event that are kept with it; the whole one is in the log.
const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// Longest text of an error, in characters.
const MAX_ERROR_CHARACTERS: usize = 512;

/// What could not be folded, by position of the event, then by report.
pub(crate) type Failures = BTreeMap<i64, BTreeMap<&'static str, String>>;

/// Writes down what could not be folded. An event that was parked before keeps one entry.
pub(crate) async fn park(
    store: &Store,
    collection: &str,
    events: &[RecordedEvent],
    failures: &Failures,
) -> Result<(), StoreError> {
    for (position, errors) in failures {
        let Some(event) = events.iter().find(|event| event.position == *position) else { continue };
        for (report, cause) in errors {
            error!(position, event_type = event.event_type, report, error = cause, "an event cannot be folded: parked");
        }
        let entry = entry(event, errors);
        let parked = store.collection::<Document>(collection);
        let filter = doc! { "_id": position };
        let update = UpdateModifications::Document(doc! { "$set": entry });
        in_time(async move { parked.update_one(filter, update).upsert(true).write_concern(durable()).await }).await?;
    }
    Ok(())
}

fn entry(event: &RecordedEvent, errors: &BTreeMap<&'static str, String>) -> Document {
    let mut bytes = event.encode_to_vec();
    bytes.truncate(MAX_EVENT_BYTES);
    let mut entry = doc! {
        "event_type": &event.event_type,
        "schema_version": event.schema_version,
        "recorded_at_micros": recorded_at_micros(event),
        "event": Binary { subtype: BinarySubtype::Generic, bytes },
    };
    for (report, cause) in errors {
        let cause: String = cause.chars().take(MAX_ERROR_CHARACTERS).collect();
        entry.insert(format!("errors.{report}"), Bson::String(cause));
    }
    entry
}

/// When the log took an event, in microseconds since 1970.
pub(crate) fn recorded_at_micros(event: &RecordedEvent) -> Option<i64> {
    let recorded = event.recorded_at.as_ref()?;
    recorded.seconds.checked_mul(1_000_000)?.checked_add(i64::from(recorded.nanos) / 1_000)
}
