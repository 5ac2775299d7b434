//! Page tokens (AIP-158): where the next page begins, in a form that only this service reads.
//!
//! A token carries a digest over itself and the fields of its request that decide what is listed. One that was changed, or
//! that belongs to another request, is refused instead of answering the wrong entries. `page_size` and
//! `at_least_position` are not in the digest: they do not decide what is listed.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message;
use sha2::{Digest as _, Sha256};

use crate::status::QueryError;

/// Version of the form of tokens. Another one is refused, and the caller begins anew.
const VERSION: u32 = 2;

/// Longest token that is looked at; the longest that is made has about 300 characters.
const MAX_TOKEN_CHARS: usize = 512;

/// Bytes of the digest: chance does not hit 12 bytes. There is nothing to gain by forging a token: it only says where to
/// go on in what the caller may list anyway.
const DIGEST_BYTES: usize = 12;

/// After which entry the next page begins.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Cursor {
    /// The document that was answered last, or of which entries were.
    #[prost(string, tag = "1")]
    pub(crate) document: String,
    /// Id of the last entry that was answered from it; empty for none, and where documents are listed as a whole.
    #[prost(string, tag = "2")]
    pub(crate) after: String,
    /// As of which position the page before was: what it showed, the next one holds as well. 0 where that is not needed.
    #[prost(int64, tag = "3")]
    pub(crate) position: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Token {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes = "vec", tag = "2")]
    digest: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    cursor: Option<Cursor>,
}

/// The fields of a request that decide what is listed.
#[derive(Clone, Debug)]
pub(crate) struct Listing(Sha256);

impl Listing {
    /// Of a method.
    #[must_use]
    pub(crate) fn of(method: &str) -> Self {
        Self(Sha256::new()).with(method)
    }

    /// With a field.
    #[must_use]
    pub(crate) fn with(mut self, field: &str) -> Self {
        // The length goes first, so that no two lists of fields look the same.
        self.0.update(field.len().to_be_bytes());
        self.0.update(field);
        self
    }

    /// With a repeated field.
    #[must_use]
    pub(crate) fn with_all(self, fields: &[String]) -> Self {
        fields.iter().fold(self.with(&fields.len().to_string()), |listing, field| listing.with(field))
    }

    /// The token that goes on after the cursor.
    #[must_use]
    pub(crate) fn token(&self, cursor: Cursor) -> String {
        let digest = self.digest(&cursor);
        URL_SAFE_NO_PAD.encode(Token { version: VERSION, digest, cursor: Some(cursor) }.encode_to_vec())
    }

    /// The cursor of a token; of an empty one none, which is the beginning.
    ///
    /// # Errors
    /// If it is not a token of this listing.
    pub(crate) fn cursor(&self, token: &str) -> Result<Option<Cursor>, QueryError> {
        if token.is_empty() {
            return Ok(None);
        }
        self.read(token).map(Some).ok_or(QueryError::PageToken)
    }

    fn read(&self, token: &str) -> Option<Cursor> {
        let (digest, cursor) = decode(token)?;
        (digest == self.digest(&cursor)).then_some(cursor)
    }

    fn digest(&self, cursor: &Cursor) -> Vec<u8> {
        let Cursor { document, after, position } = cursor;
        let Self(hash) = self.clone().with(document).with(after).with(&position.to_string());
        hash.finalize().into_iter().take(DIGEST_BYTES).collect()
    }
}

/// True if the text is empty or has the form of a token, of whichever request.
#[must_use]
pub(crate) fn has_form_of_token(text: &str) -> bool {
    text.is_empty() || decode(text).is_some()
}

fn decode(token: &str) -> Option<(Vec<u8>, Cursor)> {
    if token.len() > MAX_TOKEN_CHARS {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let Token { version, digest, cursor } = Token::decode(bytes.as_slice()).ok()?;
    cursor.filter(|_| version == VERSION).map(|cursor| (digest, cursor))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursors() -> impl Strategy<Value = Cursor> {
        let parts = (".{0,64}", ".{0,64}", 0..=i64::MAX);
        parts.prop_map(|(document, after, position)| Cursor { document, after, position })
    }

    #[test]
    fn an_empty_token_is_the_beginning() {
        assert_eq!(Listing::of("List").cursor("").unwrap(), None);
    }

    #[test]
    fn a_token_belongs_to_its_request() {
        let listing = Listing::of("List").with("2017-01-02").with_all(&["a".into(), "b".into()]);
        let token = listing.token(Cursor { document: "2017-01-02|443".into(), after: "x".into(), position: 7 });
        for other in [
            Listing::of("Other").with("2017-01-02").with_all(&["a".into(), "b".into()]),
            Listing::of("List").with("2017-01-03").with_all(&["a".into(), "b".into()]),
            Listing::of("List").with("2017-01-02").with_all(&["ab".into()]),
            Listing::of("List").with("2017-01-02").with("a").with("b"),
        ] {
            assert!(matches!(other.cursor(&token), Err(QueryError::PageToken)));
        }
        assert!(listing.cursor(&token).unwrap().is_some());
    }

    #[test]
    fn the_longest_token_is_still_looked_at() {
        let key = "x".repeat(daybook::ids::MAX_LEN);
        let cursor = Cursor { document: format!("2017-01-02|{key}|i|63"), after: key, position: i64::MAX };
        assert!(Listing::of("List").token(cursor).len() < MAX_TOKEN_CHARS);
    }

    proptest! {
        #[test]
        fn what_was_made_is_read_again(cursor in cursors()) {
            let listing = Listing::of("List");
            let token = listing.token(cursor.clone());
            if token.len() <= MAX_TOKEN_CHARS {
                prop_assert_eq!(listing.cursor(&token).unwrap(), Some(cursor));
            }
        }

        #[test]
        fn a_changed_token_is_refused(cursor in cursors(), at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let listing = Listing::of("List");
            let token = listing.token(cursor);
            let at = at.index(token.len());
            let changed = format!("{}{to}{}", &token[..at], &token[at + 1..]);
            if changed != token {
                prop_assert!(listing.cursor(&changed).is_err());
            }
        }

        #[test]
        fn garbage_is_refused(text in ".{1,600}", bytes in prop::collection::vec(any::<u8>(), 1..300)) {
            let listing = Listing::of("List");
            prop_assert!(listing.cursor(&text).is_err());
            prop_assert!(listing.cursor(&URL_SAFE_NO_PAD.encode(bytes)).is_err());
        }
    }
}
