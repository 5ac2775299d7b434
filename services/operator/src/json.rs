//! Messages of the contract as JSON.
//!
//! Fields have the names of proto/ (snake case) and stand in their order, each always present; integers are JSON numbers,
//! amounts stay in minor units and quantities in thousandths; instants are RFC 3339 text; enums are their names.

use std::sync::LazyLock;

use daybook::FILE_DESCRIPTOR_SET;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions, Value};
use serde::{Serialize, Serializer};

use crate::error::Error;

const OPTIONS: SerializeOptions =
    SerializeOptions::new().stringify_64_bit_integers(false).use_proto_field_name(true).skip_default_fields(false);

static POOL: LazyLock<Option<DescriptorPool>> = LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).ok());

/// A message, ready to be written as JSON.
#[derive(Debug)]
pub(crate) struct Json(DynamicMessage);

impl Json {
    /// A message of that full name, for example `daybook.query.v1.StoreDay`.
    pub(crate) fn of<M: prost::Message>(full_name: &str, message: &M) -> Result<Self, Error> {
        let unknown = || Error::Unexpected(format!("the contract has no message {full_name}"));
        let descriptor = POOL.as_ref().and_then(|pool| pool.get_message_by_name(full_name)).ok_or_else(unknown)?;
        let mut dynamic = DynamicMessage::new(descriptor);
        dynamic
            .transcode_from(message)
            .map_err(|cause| Error::Unexpected(format!("a {full_name} cannot be written as JSON: {cause}")))?;
        Ok(Self(dynamic))
    }

    /// The message itself.
    pub(crate) fn into_inner(self) -> DynamicMessage {
        self.0
    }

    /// The one message field that is set; of a message that is nothing but a `oneof`, that is its content.
    pub(crate) fn only_field(&self) -> Option<Self> {
        self.0.fields().find_map(|(_, value)| match value {
            Value::Message(inner) => Some(Self(inner.clone())),
            _ => None,
        })
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_with_options(serializer, &OPTIONS)
    }
}

/// A value as one line of JSON, without the end of the line.
pub(crate) fn line<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|cause| Error::Unexpected(format!("cannot be written as JSON: {cause}")))
}

#[cfg(test)]
mod tests {
    use daybook::event::v1::{Event, StoreRegistered, event::Kind};
    use daybook::query::v1::{AsOf, GetStockResponse, Stock};

    use super::*;

    #[test]
    fn a_message_is_written_with_all_its_fields_in_order() {
        let stock = Stock { store_id: "443".into(), item_id: "7".into(), on_hand_milli: -2_500, ..Stock::default() };
        let recorded_at = prost_types::Timestamp { seconds: 1_483_333_200, nanos: 0 };
        let as_of = AsOf { position: i64::MAX, recorded_at: Some(recorded_at) };
        let answer = GetStockResponse { stock: Some(stock), as_of: Some(as_of) };
        let text = line(&Json::of("daybook.query.v1.GetStockResponse", &answer).unwrap()).unwrap();
        assert_eq!(
            text,
            r#"{"stock":{"store_id":"443","item_id":"7","unit_code":"","on_hand_milli":-2500,"unsellable_milli":0,"position":0,"incomplete":false},"as_of":{"position":9223372036854775807,"recorded_at":"2017-01-02T05:00:00Z"}}"#
        );
    }

    #[test]
    fn the_content_of_an_event_is_its_only_field() {
        let registered = StoreRegistered { store_id: "443".into(), ..StoreRegistered::default() };
        let event = Event { kind: Some(Kind::StoreRegistered(registered)) };
        let json = Json::of("daybook.event.v1.Event", &event).unwrap();
        let content = line(&json.only_field().unwrap()).unwrap();
        assert!(content.starts_with(r#"{"store_id":"443","name":"""#), "{content}");
        let empty = Json::of("daybook.event.v1.Event", &Event::default()).unwrap();
        assert!(empty.only_field().is_none());
    }

    #[test]
    fn a_name_that_the_contract_lacks_is_an_error() {
        assert!(Json::of("daybook.query.v1.Nothing", &Event::default()).is_err());
    }
}
