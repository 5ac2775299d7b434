//! Filters of events, as the log's readers send them.
#![no_main]

use daybook::event::v1::EventFilter;
use daybook_command::{domain::check::Check, grpc::event_log::check_filter};
use libfuzzer_sys::fuzz_target;
use prost::Message as _;

fuzz_target!(|data: &[u8]| {
    let Ok(filter) = EventFilter::decode(data) else { return };
    let mut check = Check::default();
    check_filter(&mut check, &filter);
    let _ = check.violations();
});
