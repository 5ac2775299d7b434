//! Pages of lists (AIP-158). A token is the last id of the page before, marked with the list it belongs to.

use daybook::{ids::MAX_LEN, reason};
use tonic::Status;

use crate::domain::check::{self, Check};

const DEFAULT_PAGE_ENTRIES: i32 = 100;
const MAX_PAGE_ENTRIES: i32 = 1_000;

/// A checked request for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    pub after: String,
    pub limit: usize,
}

impl PageRequest {
    /// Checks size and token.
    ///
    /// # Errors
    /// Both, if both are wrong.
    pub fn parse(list: &str, page_size: i32, page_token: &str) -> Result<Self, Status> {
        let mut check = Check::default();
        check.that(page_size >= 0, "page_size", reason::INVALID_VALUE, || "must be 0 or more".to_owned());
        let after = if page_token.is_empty() { Some(String::new()) } else { cursor(list, page_token) };
        check.that(after.is_some(), "page_token", reason::INVALID_PAGE_TOKEN, || {
            "must be the next_page_token of an answer to the same request".to_owned()
        });
        let size = if page_size == 0 { DEFAULT_PAGE_ENTRIES } else { page_size.min(MAX_PAGE_ENTRIES) };
        match (after, usize::try_from(size)) {
            (Some(after), Ok(limit)) if check.is_clean() => Ok(Self { after, limit }),
            _ => Err(check::refusal(check.violations()).into_status("")),
        }
    }

    /// How many entries to fetch: one more than the page has tells whether there is another.
    #[must_use]
    pub fn fetch(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// Cuts what was fetched to the page, and makes the token of the next one.
    pub fn cut<T>(&self, list: &str, fetched: &mut Vec<T>, id: fn(&T) -> &str) -> String {
        let more = fetched.len() > self.limit;
        fetched.truncate(self.limit);
        fetched.last().filter(|_| more).map(|last| format!("{list}.{}", id(last))).unwrap_or_default()
    }
}

fn cursor(list: &str, token: &str) -> Option<String> {
    let id = token.strip_prefix(list)?.strip_prefix('.')?;
    let fits = !id.is_empty() && id.len() <= MAX_LEN && id.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_where_the_next_begins() {
        let page = PageRequest::parse("stores", 2, "").unwrap();
        let mut fetched = vec!["1".to_owned(), "2".to_owned(), "3".to_owned()];
        let token = page.cut("stores", &mut fetched, |id| id);
        assert_eq!((fetched.len(), token.as_str()), (2, "stores.2"));
        assert_eq!(PageRequest::parse("stores", 2, &token).unwrap().after, "2");
        let mut last = vec!["3".to_owned()];
        assert_eq!(page.cut("stores", &mut last, |id| id), "");
    }

    #[test]
    fn a_foreign_token_is_refused() {
        for token in ["items.2", "stores.", "2", "stores.\u{1}"] {
            assert!(PageRequest::parse("stores", 0, token).is_err(), "{token:?}");
        }
        assert!(PageRequest::parse("stores", -1, "").is_err());
    }
}
