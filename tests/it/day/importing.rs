//! The whole day.

use std::time::Duration;

use serde_json::Value;

use super::{expectation, sample, sheets};
use crate::{
    process::program::{self, Endpoints},
    world::{in_world, whole::WholeWorld},
};

/// How long the program may take for the day, in an unoptimised build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

fn endpoints(world: &WholeWorld) -> Endpoints {
    Endpoints { command: world.command.endpoint(), query: world.query.endpoint() }
}

/// The numbers of one kind in the summary of an import: accepted, duplicate, rejected.
fn numbers(summary: &Value, kind: &str) -> [u64; 3] {
    let kinds = summary["kinds"].as_array().expect("kinds");
    let of_kind = kinds.iter().find(|one| one["kind"] == kind).unwrap_or_else(|| panic!("no {kind} in {summary}"));
    ["accepted", "duplicate", "rejected"].map(|number| of_kind[number].as_u64().expect("a number"))
}

#[test]
fn the_expectations_of_the_tests_are_those_of_the_sample() {
    let (added_up, _) = expectation::of(&sample::directory());
    sheets::assert_equal(&added_up, &sheets::read(&sample::directory().join("expected")));
}

#[test]
fn the_sample_day_comes_out_as_expected_and_a_second_import_changes_nothing() {
    in_world(async |world| {
        let directory = tempfile::tempdir().unwrap();
        let (endpoints, sample) = (endpoints(world), sample::directory());
        let (expected, events) = expectation::of(&sample);
        let sample = sample.to_str().unwrap();
        let run = async |name: &str, arguments: &[&str]| {
            let ended = program::run(&endpoints, name, arguments, directory.path(), PATIENCE).await;
            assert_eq!(ended.code, Some(0), "{name}: {}{}", ended.output, ended.errors);
            ended.output
        };

        let summary = run("first", &["import", sample, "--format", "json"]).await;
        let summary: Value = serde_json::from_str(&summary).expect("a summary");
        assert_eq!(numbers(&summary, "suppliers"), [1_586, 0, 0]);
        assert_eq!(numbers(&summary, "stores"), [138, 0, 0]);
        assert_eq!(numbers(&summary, "items"), [11_971, 0, 0]);
        assert_eq!(numbers(&summary, "sales"), [394, 0, 0]);
        assert_eq!((world.head().await, summary["last_position"].as_i64()), (events, Some(events)));
        run("export", &["export", "once"]).await;
        let once = sheets::read(&directory.path().join("once"));
        sheets::assert_equal(&once, &expected);
        sheets::assert_equal(&once, &sheets::read(&sample::directory().join("expected")));

        let summary = run("second", &["import", sample, "--format", "json"]).await;
        let summary: Value = serde_json::from_str(&summary).expect("a summary");
        assert_eq!(numbers(&summary, "suppliers"), [0, 1_586, 0]);
        assert_eq!(numbers(&summary, "stores"), [0, 138, 0]);
        assert_eq!(numbers(&summary, "items"), [0, 11_971, 0]);
        assert_eq!(numbers(&summary, "sales"), [0, 394, 0]);
        assert_eq!(world.head().await, events, "no position has changed");
        run("export-again", &["export", "twice"]).await;
        sheets::assert_equal(&sheets::read(&directory.path().join("twice")), &once);
        assert!(!directory.path().join("daybook-rejects.csv").exists(), "nothing was rejected");
    });
}
