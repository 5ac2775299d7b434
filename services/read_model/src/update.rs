//! What changed in a document, as an update for MongoDB: only the fields that changed.

use mongodb::bson::{RawDocumentBuf, cstr, raw::BindRawBsonRef, raw::CString, serialize_to_raw_document_buf};
use serde::Serialize;
use thiserror::Error;

/// What most updates set fits into so many bytes.
const ROOM_BYTES: usize = 1_024;

/// What stands around the fields of an update, in bytes.
const OPERATORS_BYTES: usize = 32;

/// The fields that an update sets, and the numbers to which it adds.
#[derive(Debug)]
pub struct Update {
    set: RawDocumentBuf,
    inc: RawDocumentBuf,
}

impl Default for Update {
    fn default() -> Self {
        Self { set: with_room(ROOM_BYTES), inc: RawDocumentBuf::new() }
    }
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

    /// Adds to a number.
    ///
    /// # Errors
    /// If the path holds NUL.
    pub fn add(&mut self, path: &str, number: i64) -> Result<(), EncodeError> {
        self.inc.append(field(path)?, number);
        Ok(())
    }

    /// The update document, with operators.
    #[must_use]
    pub fn into_document(self) -> RawDocumentBuf {
        let mut update = with_room(OPERATORS_BYTES + self.inc.as_bytes().len() + self.set.as_bytes().len());
        for (operator, fields) in [(cstr!("$inc"), self.inc), (cstr!("$set"), self.set)] {
            if !fields.is_empty() {
                update.append(operator, fields);
            }
        }
        update
    }
}

/// An empty document with room for so many bytes. One without is copied whenever it has become too large for where it stands, and
/// once more for the byte at its end.
#[must_use]
pub fn with_room(bytes: usize) -> RawDocumentBuf {
    let empty = RawDocumentBuf::new();
    let mut data = Vec::with_capacity(bytes.max(empty.as_bytes().len()));
    data.extend_from_slice(empty.as_bytes());
    RawDocumentBuf::from_bytes(data).unwrap_or(empty)
}

fn field(path: &str) -> Result<CString, EncodeError> {
    CString::try_from(path).map_err(|error| EncodeError(error.to_string()))
}
