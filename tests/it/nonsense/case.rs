//! One row of a table of nonsense.

use daybook::reason;
use serde_json::{Value, json};
use tonic::Code;

/// A message that is refused.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// Name of the method.
    pub(super) method: &'static str,
    /// What is wrong.
    pub(super) says: &'static str,
    pub(super) message: Value,
    pub(super) code: Code,
    pub(super) reason: &'static str,
    /// All the fields at fault, each once.
    pub(super) fields: Vec<String>,
}

/// The rows of one method: variations of a message that is in order.
#[derive(Debug)]
pub(super) struct Table {
    method: &'static str,
    right: Value,
    pub(super) cases: Vec<Case>,
}

impl Table {
    /// No rows yet.
    pub(super) fn of(method: &'static str, right: Value) -> Self {
        Self { method, right, cases: Vec::new() }
    }

    /// An empty message, of which every field that must be there is missing.
    pub(super) fn empty(self, reason: &'static str, fields: &[&str]) -> Self {
        self.row("nothing is there", json!({}), Code::InvalidArgument, reason, fields)
    }

    /// One field that is malformed, by its path such as `/lines/0/itemId`.
    pub(super) fn bad(self, says: &'static str, path: &str, value: Value, field: &str) -> Self {
        self.wrong(says, &[(path, value)], reason::INVALID_VALUE, &[field])
    }

    /// Several fields that are malformed or contradict each other.
    pub(super) fn wrong(
        self,
        says: &'static str,
        changes: &[(&str, Value)],
        reason: &'static str,
        fields: &[&str],
    ) -> Self {
        let message = changed(&self.right, changes);
        self.row(says, message, Code::InvalidArgument, reason, fields)
    }

    /// Fields that do not fit what is recorded.
    pub(super) fn unfit(
        self,
        says: &'static str,
        changes: &[(&str, Value)],
        reason: &'static str,
        fields: &[&str],
    ) -> Self {
        let message = changed(&self.right, changes);
        self.row(says, message, Code::FailedPrecondition, reason, fields)
    }

    /// Something that is asked for and is not there.
    pub(super) fn missing(self, says: &'static str, changes: &[(&str, Value)]) -> Self {
        let message = changed(&self.right, changes);
        self.row(says, message, Code::NotFound, reason::NOT_FOUND, &[])
    }

    fn row(mut self, says: &'static str, message: Value, code: Code, reason: &'static str, fields: &[&str]) -> Self {
        let mut fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        fields.sort_unstable();
        self.cases.push(Case { method: self.method, says, message, code, reason, fields });
        self
    }

    /// The same rows for the stream of such commands, in which each stands in a field.
    pub(super) fn streamed(&self, method: &'static str, field: &str) -> Vec<Case> {
        self.cases.iter().map(|case| Case { method, message: json!({ field: case.message }), ..case.clone() }).collect()
    }
}

/// The message with other values at some paths.
pub(super) fn changed(message: &Value, changes: &[(&str, Value)]) -> Value {
    let mut message = message.clone();
    for (path, value) in changes {
        let (parent, name) = path.rsplit_once('/').expect("a path begins with /");
        match message.pointer_mut(parent) {
            Some(Value::Object(fields)) => {
                fields.insert(name.to_owned(), value.clone());
            }
            Some(Value::Array(entries)) => {
                let index: usize = name.parse().expect("an index");
                if index == entries.len() {
                    entries.push(value.clone());
                } else {
                    entries[index] = value.clone();
                }
            }
            other => panic!("{path} is nowhere: {other:?}"),
        }
    }
    message
}
