//! Identifiers, each its own type, checked once. The characters are those that are safe in stream names, subjects and
//! file names: letters, digits, `.`, `_`, `-`.

use std::{borrow::Borrow, fmt, sync::Arc};

use thiserror::Error;
use uuid::Uuid;

/// Longest identifier, in characters: long enough for a UUID, a GS1 SGLN or a composed own code.
pub const MAX_LEN: usize = 64;

/// The supplier and the category under which items stand that were not registered when they were sold.
pub const UNASSIGNED: &str = "UNASSIGNED";

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdError {
    #[error("must not be empty")]
    Empty,
    #[error("must have at most {MAX_LEN} characters, not {0}")]
    TooLong(usize),
    #[error("may hold letters, digits, '.', '_' and '-', not {0:?}")]
    Character(char),
    #[error("is not a UUID such as 018cc251-f400-7000-8000-000000000000")]
    NotUuid,
}

fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    // By bytes, because that is quicker; the character is looked for only where there is a bad one.
    if !text.bytes().all(is_allowed)
        && let Some(bad) = text.chars().find(|c| !u8::try_from(*c).is_ok_and(is_allowed))
    {
        return Err(IdError::Character(bad));
    }
    if text.len() > MAX_LEN { Err(IdError::TooLong(text.len())) } else { Ok(()) }
}

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks an identifier without keeping it.
            ///
            /// # Errors
            /// If it is empty, too long or holds other characters.
            pub fn check(text: &str) -> Result<(), IdError> {
                check(text)
            }

            /// Checks and keeps an identifier.
            ///
            /// # Errors
            /// As [`Self::check`].
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check(text).map(|()| Self(text.into()))
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

identifiers! {
    /// A store.
    StoreId;
    /// A register of a store.
    RegisterId;
    /// A supplier; `UNASSIGNED` is not one that can be registered.
    SupplierId;
    /// An item: the retailer's own code or its GTIN.
    ItemId;
    /// The number of a receipt of a register.
    ReceiptNumber;
    /// The number of a delivery note or an adjustment.
    DocumentNumber;
    /// Who stood at the register.
    OperatorId;
}

/// The id of a command, chosen by its sender (AIP-155).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

impl RequestId {
    /// Reads a UUID in its hyphenated form. The nil UUID is no id.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() != 36 {
            return Err(IdError::NotUuid);
        }
        match Uuid::try_parse(text) {
            Ok(uuid) if !uuid.is_nil() => Ok(Self(uuid)),
            _ => Err(IdError::NotUuid),
        }
    }

    /// A new random id.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id of a command that is known by its content: the same content always gives the same id.
    #[must_use]
    pub fn of_content(kind: &str, content: &[u8]) -> Self {
        let namespace = Uuid::new_v5(&Uuid::NAMESPACE_OID, kind.as_bytes());
        Self(Uuid::new_v5(&namespace, content))
    }

    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_checked() {
        assert_eq!(ItemId::parse("844179").unwrap().as_str(), "844179");
        assert_eq!(ItemId::parse(""), Err(IdError::Empty));
        assert_eq!(ItemId::parse("a/b"), Err(IdError::Character('/')));
        assert_eq!(ItemId::parse("ä"), Err(IdError::Character('ä')));
        assert_eq!(ItemId::parse(&"x".repeat(65)), Err(IdError::TooLong(65)));
    }

    #[test]
    fn a_request_id_is_a_uuid() {
        let id = RequestId::of_content("sale", b"content");
        assert_eq!(RequestId::parse(&id.to_string()), Ok(id));
        assert_eq!(id, RequestId::of_content("sale", b"content"));
        assert_ne!(id, RequestId::of_content("delivery", b"content"));
        assert_eq!(RequestId::parse("7"), Err(IdError::NotUuid));
        assert!(RequestId::parse("00000000-0000-0000-0000-000000000000").is_err());
    }
}
