//! Alerts and dashboard ask only for what the services tell.

use std::collections::BTreeSet;

use serde_json::Value;

use super::table::{metric_of, named_in, read, rows};

fn assert_known(text: &str, of: &str) {
    let rows = rows();
    let named = named_in(text);
    assert!(!named.is_empty(), "{of} asks for nothing");
    let unknown: Vec<&String> = named.iter().filter(|name| !rows.contains_key(metric_of(&rows, name))).collect();
    assert!(unknown.is_empty(), "{of} asks for {unknown:?}, which nobody tells");
}

/// All texts under a key, at any depth.
fn texts_under(key: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let (true, Value::String(text)) = (name == key, value) {
                    found.push(text.clone());
                }
                texts_under(key, value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| texts_under(key, value, found)),
        _ => {}
    }
}

/// What stands behind a key at the beginnings of lines.
fn after<'a>(text: &'a str, key: &str) -> BTreeSet<&'a str> {
    text.lines().filter_map(|line| line.trim().strip_prefix(key)).map(str::trim).collect()
}

#[test]
fn alerts_ask_for_metrics_that_are_told_and_each_is_tested() {
    let alerts = read("deploy/prometheus/alerts.yaml");
    assert_known(&alerts, "alerts.yaml");
    let tests = read("deploy/prometheus/alerts_test.yaml");
    assert_known(&tests, "alerts_test.yaml");
    assert_eq!(after(&alerts, "- alert:"), after(&tests, "- name:"));
}

#[test]
fn the_dashboard_asks_for_metrics_that_are_told() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/daybook.json")).expect("JSON");
    let mut queries = Vec::new();
    texts_under("expr", &dashboard, &mut queries);
    assert!(queries.len() > 10, "{queries:?}");
    for query in &queries {
        assert_known(query, "a panel");
    }
}

#[test]
fn every_metric_of_daybook_is_watched_by_somebody() {
    let watched = named_in(&(read("deploy/prometheus/alerts.yaml") + &read("deploy/grafana/daybook.json")));
    let rows = rows();
    let watched: BTreeSet<&str> = watched.iter().map(|name| metric_of(&rows, name)).collect();
    let forgotten: Vec<&String> = rows.keys().filter(|name| !watched.contains(name.as_str())).collect();
    assert!(forgotten.is_empty(), "neither an alert nor a panel has {forgotten:?}");
}
