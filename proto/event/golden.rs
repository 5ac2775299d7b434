//! Every version of every type of event that was ever written stays readable.
//!
//! `proto/golden` has one event of each version, twice: the bytes as they stand in the log and go to readers
//! (`{type}.v{version}.binpb`), and what they say, for people (`.json`, proto3 JSON). The files of a version never change once
//! events of it were written. Those of a new version begin as JSON; with `DAYBOOK_GOLDEN=write` the bytes that are missing are
//! written from it.

use std::{collections::BTreeSet, fs, path::PathBuf, sync::LazyLock};

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use super::{EventError, EventType, decode, v1::RecordedEvent};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("proto/golden")
}

fn name(known: EventType, version: i32) -> String {
    format!("{}.v{version}", known.as_str())
}

/// All versions that there are.
fn versions() -> impl Iterator<Item = (EventType, i32)> {
    EventType::ALL.iter().flat_map(|known| (1..=known.schema_version()).map(|version| (*known, version)))
}

fn bytes(known: EventType, version: i32) -> Vec<u8> {
    let path = folder().join(format!("{}.binpb", name(known, version)));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn event(known: EventType, version: i32) -> RecordedEvent {
    RecordedEvent::decode(bytes(known, version).as_slice()).unwrap()
}

/// One for all: messages are equal only if their descriptors are of one pool.
fn descriptor() -> MessageDescriptor {
    static POOL: LazyLock<DescriptorPool> =
        LazyLock::new(|| DescriptorPool::decode(crate::FILE_DESCRIPTOR_SET).unwrap());
    POOL.get_message_by_name("daybook.event.v1.RecordedEvent").unwrap()
}

/// The message that the JSON file of a version says.
fn said(known: EventType, version: i32) -> DynamicMessage {
    let path = folder().join(format!("{}.json", name(known, version)));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut json = serde_json::Deserializer::from_str(&text);
    let message = DynamicMessage::deserialize(descriptor(), &mut json);
    message.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_bytes_of_every_version_say_what_they_always_said() {
    for (known, version) in versions() {
        let name = name(known, version);
        let said = said(known, version);
        let path = folder().join(format!("{name}.binpb"));
        if !path.exists() && std::env::var("DAYBOOK_GOLDEN").is_ok_and(|wish| wish == "write") {
            fs::write(&path, said.encode_to_vec()).unwrap();
        }
        assert_eq!(DynamicMessage::decode(descriptor(), bytes(known, version).as_slice()).unwrap(), said, "{name}");
    }
}

#[test]
fn what_is_read_is_written_again_in_the_same_bytes() {
    for (known, version) in versions() {
        let (name, event) = (name(known, version), event(known, version));
        assert_eq!((event.event_type.as_str(), event.schema_version), (known.as_str(), version), "{name}");
        assert_eq!(event.encode_to_vec(), bytes(known, version), "{name}");
    }
}

#[test]
fn every_version_is_read_as_the_newest_one() {
    for (known, version) in versions() {
        let (name, old, newest) = (name(known, version), event(known, version), event(known, known.schema_version()));
        let kind = old.kind().unwrap_or_else(|error| panic!("{name}: {error}")).into_owned();
        // The events of all versions of a type tell of the same.
        assert_eq!(Some(&kind), newest.event.as_ref().unwrap().kind.as_ref(), "{name}");
        let payload = old.event.unwrap().encode_to_vec();
        assert_eq!(decode(known.as_str(), version, &payload), Ok(kind), "{name}");
    }
}

#[test]
fn a_version_that_nobody_knows_yet_is_not_guessed() {
    for known in EventType::ALL {
        let newest = known.schema_version();
        for version in [newest + 1, newest + 2, 0, -1] {
            let event = RecordedEvent { schema_version: version, ..event(*known, newest) };
            let refused = EventError::UnknownVersion { event_type: known.as_str(), version, newest };
            assert_eq!(event.kind(), Err(refused));
        }
    }
}

#[test]
fn an_event_that_lacks_what_its_version_says_is_refused() {
    let known = EventType::UnassignedSalesMoved;
    let event = RecordedEvent { schema_version: 2, ..event(known, 1) };
    let refused = EventError::Missing { event_type: known.as_str(), field: "from_supplier_id" };
    assert_eq!(event.kind(), Err(refused));
}

#[test]
fn there_is_nothing_else_in_the_folder() {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let expected = versions()
        .flat_map(|(known, version)| ["binpb", "json"].map(|ending| format!("{}.{ending}", name(known, version))));
    assert_eq!(files.collect::<BTreeSet<_>>(), expected.collect::<BTreeSet<_>>());
}
