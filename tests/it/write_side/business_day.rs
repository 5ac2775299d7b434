//! The business date is decided by the store's zone and cut-off, never by the register.

use daybook::{
    command::v1::Warning,
    event::v1::{BusinessDay, event::Kind},
    reason,
};

use crate::{
    given::{
        catalogue::{self, BREAD},
        sale::Sale,
    },
    world::in_write_side,
};

/// Zone, cut-off in minutes, instant of the sale, and by hand: business date and hour of the business day.
const BOOKED: &[(&str, i32, &str, &str, i32)] = &[
    // Midnight in New York is 05:00 UTC in winter and 04:00 UTC in summer.
    ("America/New_York", 0, "2017-01-03T04:59:59Z", "2017-01-02", 23),
    ("America/New_York", 0, "2017-01-03T05:00:00Z", "2017-01-03", 0),
    ("America/New_York", 0, "2017-07-03T04:00:00Z", "2017-07-03", 0),
    // The clocks go forward: the day has 23 hours.
    ("America/New_York", 0, "2017-03-12T05:00:00Z", "2017-03-12", 0),
    ("America/New_York", 0, "2017-03-13T03:59:59Z", "2017-03-12", 22),
    ("America/New_York", 0, "2017-03-13T04:00:00Z", "2017-03-13", 0),
    // The clocks go back: the day has 25 hours, and half past one comes twice.
    ("America/New_York", 0, "2017-11-05T05:30:00Z", "2017-11-05", 1),
    ("America/New_York", 0, "2017-11-05T06:30:00Z", "2017-11-05", 2),
    ("America/New_York", 0, "2017-11-06T04:59:59Z", "2017-11-05", 24),
    ("America/New_York", 0, "2017-11-06T05:00:00Z", "2017-11-06", 0),
    // A day that begins at four, across the night in which the clocks go forward.
    ("Europe/Berlin", 240, "2026-03-29T01:59:59Z", "2026-03-28", 22),
    ("Europe/Berlin", 240, "2026-03-29T02:00:00Z", "2026-03-29", 0),
    ("Europe/Berlin", 240, "2026-03-30T01:59:59Z", "2026-03-29", 23),
    // A cut-off in the hour that the clocks skip.
    ("America/New_York", 150, "2017-03-12T07:29:59Z", "2017-03-11", 23),
    ("America/New_York", 150, "2017-03-12T07:30:00Z", "2017-03-12", 0),
    // Far east, far west, and a zone of five hours and three quarters.
    ("Pacific/Kiritimati", 0, "2026-01-01T10:00:00Z", "2026-01-02", 0),
    ("Pacific/Pago_Pago", 0, "2026-01-01T10:59:59Z", "2025-12-31", 23),
    ("Asia/Kathmandu", 1_439, "2026-01-02T18:13:00Z", "2026-01-01", 23),
    ("Asia/Kathmandu", 1_439, "2026-01-02T18:14:00Z", "2026-01-02", 0),
];

#[test]
fn a_sale_is_booked_by_the_zone_and_the_cut_off_of_its_store() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        for (number, (zone, cut_off, sold_at, date, hour)) in BOOKED.iter().enumerate() {
            let store_id = format!("S-{number}");
            commands.register_store(catalogue::store(&store_id, zone, *cut_off, "USD")).await.unwrap();
            let sale = Sale::new("R-1").in_store(&store_id).at(sold_at).line(BREAD, 1_000, 100).build();
            let accepted = commands.sell(sale).await.unwrap();
            assert_eq!(accepted.business_date, *date, "{sold_at} in {zone} from {cut_off} on");
            assert_eq!(accepted.stream, format!("sale/{store_id}/3/{date}/R-1"));
            let events = world.log().await;
            let event = events.last().expect("the sale");
            assert_eq!(event.business_date, *date);
            let kind = event.kind().unwrap();
            let Kind::SaleRecorded(sale) = &*kind else { panic!("not a sale: {event:?}") };
            let (date, time_zone) = ((*date).to_owned(), (*zone).to_owned());
            let expected = BusinessDay { date, time_zone, cut_off_minutes: *cut_off, hour: *hour };
            assert_eq!(sale.business_day, Some(expected), "{sold_at} in {zone} from {cut_off} on");
        }
    });
}

#[test]
fn a_register_that_believes_in_another_date_is_warned_and_its_claim_is_kept() {
    in_write_side(async |world| {
        let commands = world.commands();
        catalogue::register(&commands).await;
        let claiming = |number: &str, date: &str| {
            let mut sale = Sale::new(number).at("2017-01-03T04:30:00Z").line(BREAD, 1_000, 100).build();
            sale.claimed_business_date = date.to_owned();
            sale
        };
        let right = commands.sell(claiming("R-1", "2017-01-02")).await.unwrap();
        assert_eq!((right.business_date.as_str(), right.warnings), ("2017-01-02", Vec::new()));
        let wrong = commands.sell(claiming("R-2", "2017-01-03")).await.unwrap();
        assert_eq!(wrong.business_date, "2017-01-02");
        let [Warning { reason, field, .. }] = wrong.warnings.as_slice() else { panic!("{:?}", wrong.warnings) };
        assert_eq!((reason.as_str(), field.as_str()), (reason::BUSINESS_DATE_MISMATCH, "claimed_business_date"));
        let claims: Vec<_> = world
            .log()
            .await
            .iter()
            .filter_map(|event| match event.kind().as_deref() {
                Ok(Kind::SaleRecorded(sale)) => Some(sale.claimed_business_date.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(claims, ["", "2017-01-03"]);
    });
}
