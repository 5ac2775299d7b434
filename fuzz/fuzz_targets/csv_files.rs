//! Files of an import: the first byte says which file the others are; with sales comes a file of tenders.
#![no_main]

use std::{cell::LazyCell, fs};

use daybook_fuzz::choice;
use daybook_operator::import::fuzzing::{NAMES, read};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

thread_local! {
    // In memory where there is such a place.
    static DIRECTORY: LazyCell<TempDir> = LazyCell::new(|| {
        tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory can be made")
    });
}

fuzz_target!(|data: &[u8]| {
    let Some((file, bytes)) = choice(data) else { return };
    DIRECTORY.with(|directory| {
        let path = directory.path().join(NAMES[usize::from(file) % NAMES.len()]);
        // A zero byte separates sales from their tenders.
        let tenders = directory.path().join("tenders.csv");
        let mut parts = bytes.split(|byte| *byte == 0);
        let (first, second) = (parts.next().unwrap_or_default(), parts.next());
        fs::write(&path, first).expect("a file can be written");
        if let Some(second) = second {
            fs::write(&tenders, second).expect("a file can be written");
        }
        let [commands, refusals] = read(directory.path());
        assert!(commands + refusals <= bytes.len() + NAMES.len(), "every outcome has a row");
        let _ = (fs::remove_file(path), fs::remove_file(tenders));
    });
});
