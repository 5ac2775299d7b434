//! What changed in a document, as an update for MongoDB: only the fields that changed.

use mongodb::bson::{RawDocumentBuf, raw::BindRawBsonRef, raw::CString, serialize_to_raw_document_buf};
use serde::Serialize;
use thiserror::Error;

use crate::field_name::escape;

/// The fields that an update sets.
#[derive(Debug, Default)]
pub struct Update {
    set: RawDocumentBuf,
}

/// Why a document or an update cannot be written as BSON.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot be written as BSON: {0}")]
pub struct EncodeError(pub String);

impl Update {
    /// Sets a field.
    ///
    /// # Errors
    /// If the path holds NUL.
    pub fn set(&mut self, path: &str, value: impl BindRawBsonRef) -> Result<(), EncodeError> {
        self.set.append(field(path)?, value);
        Ok(())
    }

    /// Sets a field to a subdocument.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn set_document(&mut self, path: &str, value: &impl Serialize) -> Result<(), EncodeError> {
        let document = serialize_to_raw_document_buf(value).map_err(|error| EncodeError(error.to_string()))?;
        self.set.append(field(path)?, document);
        Ok(())
    }

    /// The update document, with operators.
    #[must_use]
    pub fn into_document(self) -> RawDocumentBuf {
        let mut update = RawDocumentBuf::new();
        if !self.set.is_empty() {
            update.append(mongodb::bson::cstr!("$set"), self.set);
        }
        update
    }
}

/// The path of a key's field inside a map.
#[must_use]
pub fn path(map: &str, key: &str) -> String {
    let name = escape(key);
    let mut path = String::with_capacity(map.len() + 1 + name.len());
    path.push_str(map);
    path.push('.');
    path.push_str(&name);
    path
}

fn field(path: &str) -> Result<CString, EncodeError> {
    CString::try_from(path).map_err(|error| EncodeError(error.to_string()))
}
