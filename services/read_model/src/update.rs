//! What changed in a document, as an update for MongoDB: only the fields that changed, sums as increments.

use mongodb::bson::{RawDocumentBuf, raw::BindRawBsonRef, raw::CString, serialize_to_raw_document_buf};
use serde::Serialize;
use thiserror::Error;

use crate::field_name::escape;

/// The two parts of an update: fields that are set and fields that are increased.
#[derive(Debug, Default)]
pub struct Update {
    set: RawDocumentBuf,
    increase: RawDocumentBuf,
    fields: usize,
}

/// Name of a field that no figure has; see [`Update::touch`].
const TRACE: &str = "o";

/// Why a document or an update cannot be written as BSON.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot be written as BSON: {0}")]
pub struct EncodeError(pub String);

impl Update {
    /// Sets a field to a text or number.
    ///
    /// # Errors
    /// If the path holds NUL.
    pub fn set(&mut self, path: &str, value: impl BindRawBsonRef) -> Result<(), EncodeError> {
        self.set.append(field(path)?, value);
        self.fields += 1;
        Ok(())
    }

    /// Sets a field to a subdocument.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn set_document(&mut self, path: &str, value: &impl Serialize) -> Result<(), EncodeError> {
        let document = serialize_to_raw_document_buf(value).map_err(|error| EncodeError(error.to_string()))?;
        self.set.append(field(path)?, document);
        self.fields += 1;
        Ok(())
    }

    /// Increases the number `name` of the subdocument at this path; 0 changes nothing and is left out.
    ///
    /// # Errors
    /// If the path holds NUL.
    pub fn increase(&mut self, path: &str, name: &str, by: i64) -> Result<(), EncodeError> {
        if by == 0 {
            return Ok(());
        }
        let path = field(&format!("{path}.{name}"))?;
        match i32::try_from(by) {
            Ok(small) => self.increase.append(path, small),
            Err(_) => self.increase.append(path, by),
        }
        self.fields += 1;
        Ok(())
    }

    /// Makes sure that there is a subdocument at this path, without changing one that is there: an entry whose figures
    /// cancel out before they are stored must still leave a trace, because entries in the head count towards its limit.
    ///
    /// # Errors
    /// If the path holds NUL.
    pub fn touch(&mut self, path: &str) -> Result<(), EncodeError> {
        self.increase.append(field(&format!("{path}.{TRACE}"))?, 0_i32);
        self.fields += 1;
        Ok(())
    }

    /// How many fields the update changes.
    #[must_use]
    pub fn fields(&self) -> usize {
        self.fields
    }

    /// The update document, with operators.
    #[must_use]
    pub fn into_document(self) -> RawDocumentBuf {
        let mut update = RawDocumentBuf::new();
        if !self.set.is_empty() {
            update.append(mongodb::bson::cstr!("$set"), self.set);
        }
        if !self.increase.is_empty() {
            update.append(mongodb::bson::cstr!("$inc"), self.increase);
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
