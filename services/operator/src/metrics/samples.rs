//! The text of a metrics endpoint, taken apart.

use std::collections::BTreeMap;

/// What an endpoint said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// The types of metrics by name, as `# TYPE` lines say them.
    pub types: BTreeMap<String, String>,
    pub samples: Vec<Sample>,
}

/// One line: a name, its labels and a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Samples {
    /// Takes a text apart. `None` if a line is not what the format allows, or the end is missing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parsed = Self::default();
        let mut ended = false;
        for line in text.lines().filter(|line| !line.is_empty()) {
            if ended {
                return None;
            }
            if let Some(comment) = line.strip_prefix("# ") {
                ended = comment == "EOF";
                if let Some((name, kind)) = comment.strip_prefix("TYPE ").and_then(|rest| rest.split_once(' ')) {
                    parsed.types.insert(name.to_owned(), kind.to_owned());
                }
                continue;
            }
            parsed.samples.push(Sample::parse(line)?);
        }
        ended.then_some(parsed)
    }

    /// The sum of all samples of a name with these labels. `None` if there is none.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut found = self.of(name, labels).map(|sample| sample.value).peekable();
        found.peek()?;
        Some(found.sum())
    }

    /// The samples of a name with these labels.
    pub fn of<'a>(&'a self, name: &'a str, labels: &'a [(&str, &str)]) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| sample.name == name && sample.has(labels))
    }
}

impl Sample {
    /// True if it has all these labels.
    #[must_use]
    pub fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.labels.get(*name).is_some_and(|found| found == value))
    }

    fn parse(line: &str) -> Option<Self> {
        let end = line.find(['{', ' '])?;
        let (name, rest) = line.split_at(end);
        let mut labels = BTreeMap::new();
        let mut rest = rest;
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            while !rest.starts_with('}') {
                let (label, after) = rest.split_once("=\"")?;
                let (value, after) = unquoted(after)?;
                labels.insert(label.to_owned(), value);
                rest = after.strip_prefix(',').unwrap_or(after);
            }
            rest = &rest[1..];
        }
        let value = rest.strip_prefix(' ')?.split(' ').next()?.parse().ok()?;
        Some(Self { name: name.to_owned(), labels, value })
    }
}

/// The text up to the next quote that is not escaped, and what follows the quote.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP calls Calls that have ended.\n# TYPE calls counter\n\
        calls_total{method=\"a\",code=\"OK\"} 3\ncalls_total{method=\"b \\\"}\\\\\",code=\"OK\"} 4.5\n\
        # TYPE up gauge\nup 1\n# EOF\n";

    #[test]
    fn a_text_is_taken_apart() {
        let samples = Samples::parse(TEXT).unwrap();
        assert_eq!(samples.types["calls"], "counter");
        assert_eq!(samples.sum("calls_total", &[("code", "OK")]), Some(7.5));
        assert_eq!(samples.sum("calls_total", &[("method", "b \"}\\")]), Some(4.5));
        assert_eq!((samples.sum("up", &[]), samples.sum("down", &[])), (Some(1.0), None));
    }

    #[test]
    fn what_is_cut_off_or_no_text_of_this_kind_is_refused() {
        for wrong in ["", "up 1\n", "up\n# EOF", "up{a=\"b} 1\n# EOF", "up x\n# EOF", "# EOF\nup 1", "<html>\n# EOF"] {
            assert_eq!(Samples::parse(wrong), None, "{wrong}");
        }
    }
}
