//! Ids and names as field names of BSON documents. In a path of an update `.` separates fields and `$` begins an operator,
//! and a name may neither be empty nor hold NUL; such characters are written as `%` and two hexadecimal digits.

use std::borrow::Cow;

/// The name of nothing: an empty key. No other key gives it, because a `%` of a key is itself escaped.
const EMPTY: &str = "%";

/// The field name of a key.
#[must_use]
pub fn escape(key: &str) -> Cow<'_, str> {
    if key.is_empty() {
        return Cow::Borrowed(EMPTY);
    }
    if !key.contains(is_unsafe) {
        return Cow::Borrowed(key);
    }
    let mut name = String::with_capacity(key.len() + 2);
    for c in key.chars() {
        match c {
            '.' => name.push_str("%2E"),
            '$' => name.push_str("%24"),
            '%' => name.push_str("%25"),
            '\0' => name.push_str("%00"),
            safe => name.push(safe),
        }
    }
    Cow::Owned(name)
}

/// The key of a field name; `None` if no key has this name.
#[must_use]
pub fn unescape(name: &str) -> Option<Cow<'_, str>> {
    if name == EMPTY {
        return Some(Cow::Borrowed(""));
    }
    if !name.contains('%') {
        return Some(Cow::Borrowed(name));
    }
    let mut parts = name.split('%');
    let mut key = String::with_capacity(name.len());
    key.push_str(parts.next()?);
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        key.push(match code {
            "2E" => '.',
            "24" => '$',
            "25" => '%',
            "00" => '\0',
            _ => return None,
        });
        key.push_str(rest);
    }
    Some(Cow::Owned(key))
}

fn is_unsafe(c: char) -> bool {
    matches!(c, '.' | '$' | '%' | '\0')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn unsafe_characters_are_escaped() {
        assert_eq!(escape("844179"), "844179");
        assert_eq!(escape("a.b$c%d"), "a%2Eb%24c%25d");
        assert_eq!(escape(""), "%");
        assert_eq!(escape("%"), "%25");
        for no_name in ["%2", "a%zz", "%%", "a%"] {
            assert_eq!(unescape(no_name), None, "{no_name}");
        }
    }

    proptest! {
        #[test]
        fn every_key_comes_back(key in "[a-z.$%\\x00é]{0,8}") {
            let name = escape(&key).into_owned();
            prop_assert!(!name.is_empty() && !name.contains(['.', '$', '\0']));
            let back = unescape(&name);
            prop_assert_eq!(back.as_deref(), Some(key.as_str()));
        }

        #[test]
        fn no_name_panics(name in "\\PC{0,12}") {
            let _ = unescape(&name);
        }
    }
}
