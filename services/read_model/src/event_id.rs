//! Ids of events as checkpoints keep them: the bytes in hexadecimal.

/// The text of an id.
#[must_use]
pub fn to_text(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The id of a text; empty if it is none.
#[must_use]
pub fn from_text(text: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.as_bytes().chunks(2).map(byte).collect::<Option<Vec<u8>>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_same_after_it_was_written_down() {
        let id = [0, 1, 0xab, 0xff];
        assert_eq!((to_text(&id).as_str(), from_text("0001abff")), ("0001abff", id.to_vec()));
        assert_eq!([from_text(""), from_text("zz"), from_text("é")], [const { Vec::new() }; 3]);
    }
}
