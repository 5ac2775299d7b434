//! What differs between what a document should be and what it is, for people.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document, serialize_to_document};

use crate::document::Stored;

/// Differences that are told of one document.
pub const MAX_DIFFERENCES: usize = 10;

/// Longest text of one side of a difference, in characters.
const MAX_TEXT_CHARACTERS: usize = 300;

/// Fields with entries, which are packed, and those that say nothing of the report.
const NOT_COMPARED: &[&str] = &["items", "stores", "e", "epoch", "slot"];

/// The first differences, each as `field: expected, not found`. Empty for documents that say the same.
#[must_use]
pub fn differences<D: Stored>(expected: &D, found: &D) -> Vec<String> {
    if expected == found {
        return Vec::new();
    }
    let (expected, found) = (texts(expected), texts(found));
    let absent = || "absent".to_owned();
    let mut all = Vec::new();
    for (path, text) in &expected {
        let other = found.get(path).cloned().unwrap_or_else(absent);
        if *text != other {
            all.push(format!("{path}: {text}, not {other}"));
        }
    }
    let surplus = found.iter().filter(|(path, _)| !expected.contains_key(*path));
    all.extend(surplus.map(|(path, text)| format!("{path}: absent, not {text}")));
    all.truncate(MAX_DIFFERENCES);
    if all.is_empty() {
        all.push("something that cannot be told".to_owned());
    }
    all
}

fn texts<D: Stored>(document: &D) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    if let Ok(fields) = serialize_to_document(document) {
        let fields: Document = fields.into_iter().filter(|(name, _)| !NOT_COMPARED.contains(&name.as_str())).collect();
        flatten("", &fields, &mut texts);
    }
    document.each_entry(&mut |path, entry| {
        texts.insert(path, format!("{entry:?}").chars().take(MAX_TEXT_CHARACTERS).collect());
    });
    texts
}

fn flatten(path: &str, document: &Document, into: &mut BTreeMap<String, String>) {
    for (name, value) in document {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match value {
            Bson::Document(inner) => flatten(&path, inner, into),
            value => {
                into.insert(path, value.to_string().chars().take(MAX_TEXT_CHARACTERS).collect());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{Head as _, Key},
        store_day::StoreDay,
    };

    #[test]
    fn what_differs_is_named_and_documents_that_say_the_same_do_not_differ() {
        let day = StoreDay::open(&Key { first: "2017-01-02".into(), second: "443".into() });
        let mut other = day.clone();
        other.stamp.epoch = 7;
        other.sales.gross_minor = 5;
        assert_eq!(differences(&day, &other), ["sales.g: absent, not 5"]);
        assert!(differences(&day, &day.clone()).is_empty());
    }
}
