//! A day that has just begun: its document comes about while it is read.

use std::sync::atomic::{AtomicBool, Ordering};

use daybook::{business_day::parse_date, query::v1::GetStoreDayRequest};
use futures_util::future::{join, join_all};
use jiff::{ToSpan as _, civil::Date};
use tonic::Code;

use crate::{
    given::{
        catalogue::{self, BREAD, NEW_YORK},
        sale::{SOLD_ON, Sale},
    },
    world::{in_world, whole::WholeWorld},
};

/// Each has one moment at which its document comes about.
const DAYS: i32 = 40;

/// Sales of each day, one after the other: its document begins with some of them.
const SALES: i64 = 6;

/// Who read at the same time, each by itself.
const READERS: usize = 3;

/// Reads a day over and over, and never sees less than before.
async fn read(world: &WholeWorld, date: Date, done: &AtomicBool) {
    let (mut sales, mut as_of) = (0, 0);
    let mut store_days = world.queries().store_days;
    loop {
        let is_last = done.load(Ordering::Acquire);
        let (store_id, business_date) = (NEW_YORK.to_owned(), date.to_string());
        let answer =
            store_days.get_store_day(GetStoreDayRequest { store_id, business_date, at_least_position: 0 }).await;
        match answer.map(tonic::Response::into_inner) {
            Ok(day) => {
                let position = day.as_of.expect("an answer says as of when").position;
                let transactions = day.store_day.and_then(|day| day.sales).expect("sales").transactions;
                assert!(
                    position >= as_of && transactions >= sales,
                    "{date}: {transactions} of {position} after {sales} of {as_of}"
                );
                (sales, as_of) = (transactions, position);
            }
            Err(status) => {
                assert!(status.code() == Code::NotFound && sales == 0, "{date}, after {sales} sales: {status:?}")
            }
        }
        if is_last {
            break;
        }
    }
    assert!(sales <= SALES);
}

#[test]
fn a_day_that_begins_never_shows_less_than_it_did() {
    in_world(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        let first = parse_date(SOLD_ON).unwrap();
        for days in 0..DAYS {
            let date = first.checked_add(days.days()).unwrap();
            let done = AtomicBool::new(false);
            let selling = async {
                for number in 0..SALES {
                    let sale = Sale::new(&number.to_string()).at(&format!("{date}T15:30:00Z")).line(BREAD, 1_000, 250);
                    commands.sell(sale.build()).await.expect("a sale");
                }
                done.store(true, Ordering::Release);
            };
            join(selling, join_all((0..READERS).map(|_| read(world, date, &done)))).await;
        }
    });
}
