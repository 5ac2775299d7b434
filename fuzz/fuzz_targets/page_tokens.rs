//! Page tokens: any text, and tokens with the right digest around any place to go on from.
#![no_main]

use daybook::query::v1::{DateRange, ListStoreDaysRequest};
use daybook_query::fuzzing::{forged_token, page_token, request};
use libfuzzer_sys::fuzz_target;
use prost::Message as _;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    page_token(&text);
    let (document, after) = text.split_once('\n').unwrap_or((&text, ""));
    let page_token = forged_token(document, after);
    let dates = DateRange { from_date: "2017-01-02".to_owned(), to_date: "2017-01-03".to_owned() };
    let list = ListStoreDaysRequest { dates: Some(dates), page_token, ..Default::default() };
    request(2, &list.encode_to_vec());
});
