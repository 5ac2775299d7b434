//! Comparing messages field by field.

use std::collections::BTreeMap;

use prost_reflect::{DynamicMessage, Kind, ReflectMessage as _, Value};
use serde::Serialize;

use crate::{error::Error, json::Json};

/// Fields that tell the entries of a list apart.
const KEYS: &[&str] =
    &["category", "hour", "register_id", "operator_id", "tax_code", "rate_ppm", "type", "currency_code"];

/// Stands for a field that is not there.
const ABSENT: &str = "absent";

/// One field that is not as the log says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Name of the report, or `table` and its name.
    pub report: String,
    /// Id of the document: date and store or supplier, or store and item.
    pub document: String,
    /// Path into the answer, for example `items[844179].gross_minor`.
    pub field: String,
    /// What the log says.
    pub expected: String,
    /// What was found.
    pub found: String,
}

/// Where fields stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) report: &'a str,
    pub(super) document: &'a str,
    /// Before the path of each field.
    pub(super) path: &'a str,
}

impl Place<'_> {
    /// A difference in a field.
    pub(super) fn difference(self, field: &str, expected: &str, found: &str) -> Difference {
        let separator = if self.path.is_empty() || field.is_empty() { "" } else { "." };
        Difference {
            report: self.report.to_owned(),
            document: self.document.to_owned(),
            field: format!("{}{separator}{field}", self.path),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }

    /// The same place further down.
    pub(super) fn below<'b>(&'b self, path: &'b str) -> Place<'b> {
        Place { path, ..*self }
    }
}

/// The fields in which two messages of a type differ; one of them may be absent.
pub(super) fn differences<M: prost::Message + PartialEq>(
    place: Place<'_>,
    message: &str,
    expected: Option<&M>,
    found: Option<&M>,
) -> Result<Vec<Difference>, Error> {
    let (expected, found) = match (expected, found) {
        (Some(expected), Some(found)) if expected == found => return Ok(Vec::new()),
        (Some(expected), Some(found)) => (fields(message, expected)?, fields(message, found)?),
        (None, None) => return Ok(Vec::new()),
        (Some(_), None) => return Ok(vec![place.difference("", "present", ABSENT)]),
        (None, Some(_)) => return Ok(vec![place.difference("", ABSENT, "present")]),
    };
    let names: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let text = |fields: &BTreeMap<String, String>, name: &String| -> String {
        fields.get(name).map_or_else(|| ABSENT.to_owned(), Clone::clone)
    };
    let differing = names.into_iter().filter(|name| expected.get(*name) != found.get(*name));
    Ok(differing.map(|name| place.difference(name, &text(&expected, name), &text(&found, name))).collect())
}

/// The differences between two maps of messages.
pub(super) fn entries<M: prost::Message + PartialEq>(
    place: Place<'_>,
    field: &str,
    message: &str,
    expected: &BTreeMap<String, M>,
    found: &BTreeMap<String, M>,
) -> Result<Vec<Difference>, Error> {
    let mut all = Vec::new();
    if expected == found {
        return Ok(all);
    }
    let ids: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    for id in ids {
        let path = format!("{field}[{id}]");
        all.extend(differences(place.below(&path), message, expected.get(id), found.get(id))?);
    }
    Ok(all)
}

fn fields<M: prost::Message>(name: &str, message: &M) -> Result<BTreeMap<String, String>, Error> {
    let mut fields = BTreeMap::new();
    flatten("", &Json::of(name, message)?.into_inner(), &mut fields);
    Ok(fields)
}

fn flatten(path: &str, message: &DynamicMessage, into: &mut BTreeMap<String, String>) {
    let separator = if path.is_empty() { "" } else { "." };
    for field in message.descriptor().fields() {
        let path = format!("{path}{separator}{}", field.name());
        match (&*message.get_field(&field), field.kind()) {
            (Value::Message(inner), _) if message.has_field(&field) => flatten(&path, inner, into),
            (Value::Message(_), _) => {}
            (Value::List(list), _) => {
                for (index, entry) in list.iter().enumerate() {
                    match entry {
                        Value::Message(inner) => {
                            let path = format!("{path}[{}]", key_of(inner).unwrap_or_else(|| index.to_string()));
                            // An entry without figures is there all the same.
                            into.insert(path.clone(), "present".to_owned());
                            flatten(&path, inner, into);
                        }
                        value => {
                            into.insert(format!("{path}[{index}]"), text(value, &field.kind()));
                        }
                    }
                }
            }
            (value, kind) => {
                into.insert(path, text(value, &kind));
            }
        }
    }
}

fn key_of(message: &DynamicMessage) -> Option<String> {
    let descriptor = message.descriptor();
    let keys = KEYS.iter().filter_map(|name| descriptor.get_field_by_name(name));
    let texts: Vec<String> = keys.map(|field| text(&message.get_field(&field), &field.kind())).collect();
    (!texts.is_empty()).then(|| texts.join("|"))
}

fn text(value: &Value, kind: &Kind) -> String {
    match (value, kind) {
        (Value::Bool(value), _) => value.to_string(),
        (Value::I32(value), _) => value.to_string(),
        (Value::I64(value), _) => value.to_string(),
        (Value::U32(value), _) => value.to_string(),
        (Value::U64(value), _) => value.to_string(),
        (Value::String(value), _) => value.clone(),
        (Value::EnumNumber(number), Kind::Enum(names)) => {
            names.get_value(*number).map_or_else(|| number.to_string(), |known| known.name().to_owned())
        }
        (other, _) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use daybook::query::v1::{CategorySales, SalesFigures, StoreDay};

    use super::*;

    fn day(gross_minor: i64, category: &str) -> StoreDay {
        let sales = Some(SalesFigures { gross_minor, ..SalesFigures::default() });
        let categories = vec![CategorySales { category: category.to_owned(), sales }];
        StoreDay { store_id: "443".into(), sales, categories, ..StoreDay::default() }
    }

    #[test]
    fn each_field_that_differs_is_named() {
        let place = Place { report: "store_days", document: "2017-01-02|443", path: "" };
        let found = differences(place, "daybook.query.v1.StoreDay", Some(&day(5, "A")), Some(&day(6, "A"))).unwrap();
        let fields: Vec<_> = found.iter().map(|one| (one.field.as_str(), &*one.expected, &*one.found)).collect();
        assert_eq!(fields, [("categories[A].sales.gross_minor", "5", "6"), ("sales.gross_minor", "5", "6")]);
        let found = differences(place, "daybook.query.v1.StoreDay", Some(&day(5, "A")), Some(&day(5, "B"))).unwrap();
        assert!(found.iter().any(|one| one.field == "categories[B]" && one.expected == ABSENT), "{found:?}");
        assert!(
            differences(place, "daybook.query.v1.StoreDay", Some(&day(5, "A")), Some(&day(5, "A"))).unwrap().is_empty()
        );
    }

    #[test]
    fn an_entry_that_is_missing_is_one_difference() {
        let place = Place { report: "store_days", document: "2017-01-02|443", path: "" };
        let expected = BTreeMap::from([("7".to_owned(), day(1, "A")), ("8".to_owned(), day(1, "A"))]);
        let found = BTreeMap::from([("7".to_owned(), day(1, "A"))]);
        let found = entries(place, "items", "daybook.query.v1.StoreDay", &expected, &found).unwrap();
        assert_eq!(found, [place.difference("items[8]", "present", ABSENT)]);
    }
}
