//! The table of `docs/metrics.md`, and files of this project.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

/// What the table says of one metric.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) kind: String,
    pub(crate) labels: BTreeSet<String>,
    /// The services that have it.
    pub(crate) services: BTreeSet<String>,
}

/// A file of this project.
pub(crate) fn read(path: &str) -> String {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows by metric.
pub(crate) fn rows() -> BTreeMap<String, Row> {
    let text = read("docs/metrics.md");
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, kind, _unit, labels, services, _meaning] = cells[..] else { panic!("{line}") };
        let plain = |cell: &str| -> BTreeSet<String> {
            let words = cell.split(", ").map(|word| word.trim_matches('`').to_owned());
            words.filter(|word| word != "–").collect()
        };
        let services = if services == "all" { plain("command, projector, query") } else { plain(services) };
        let row = Row { kind: kind.to_owned(), labels: plain(labels), services };
        assert_eq!(rows.insert(name.trim_matches('`').to_owned(), row), None, "{name} stands there twice");
    }
    assert!(!rows.is_empty());
    rows
}

/// The metrics that a text of queries names.
pub(crate) fn named_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
    let prefixes = ["daybook_", "grpc_server_", "process_"];
    let metrics = words.filter(|word| prefixes.iter().any(|prefix| word.starts_with(prefix)));
    metrics.map(str::to_owned).collect()
}

/// The metric of which a sample is, by its name.
pub(crate) fn metric_of<'a>(rows: &BTreeMap<String, Row>, sample: &'a str) -> &'a str {
    let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| sample.strip_suffix(suffix));
    of_histogram.filter(|name| rows.get(*name).is_some_and(|row| row.kind == "histogram")).unwrap_or(sample)
}
