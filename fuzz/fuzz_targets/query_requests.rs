//! Requests of the query service: decoded and checked.
#![no_main]

use daybook_fuzz::choice;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((kind, bytes)) = choice(data) {
        daybook_query::fuzzing::request(kind, bytes);
    }
});
