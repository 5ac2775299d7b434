//! Business days: which date an instant is booked on, by the store's zone and cut-off.
//!
//! Both boundaries of a day are computed from local time; 24 hours are never added, because a day around a change of the
//! clocks has 23 or 25.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use thiserror::Error;

use crate::event::v1::BusinessDay;

/// Minutes of a civil day; a cut-off is below.
pub const MINUTES_PER_DAY: i32 = 1_440;

/// The rule by which one store finds its business days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusinessDayRule {
    zone: TimeZone,
    zone_name: String,
    cut_off_minutes: i32,
}

/// A business day and the hour of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookedOn {
    pub date: Date,
    /// Whole hours since the day began, 0 to 24.
    pub hour: i32,
}

/// Why a rule or a date could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BusinessDayError {
    #[error("{0:?} is not an IANA time zone")]
    UnknownZone(String),
    #[error("the cut-off is minutes after midnight, 0 to 1439, not {0}")]
    CutOff(i32),
    #[error("{0:?} is not an ISO 8601 date such as 2017-01-02")]
    Date(String),
    #[error("the instant lies outside the years that dates can have")]
    OutOfRange,
}

impl BusinessDayRule {
    /// Checks and keeps a rule.
    ///
    /// # Errors
    /// If the zone is unknown or the cut-off outside the day.
    pub fn new(zone_name: &str, cut_off_minutes: i32) -> Result<Self, BusinessDayError> {
        // Only names of places: POSIX strings and fixed offsets are zones to jiff, but not the zone of a store.
        let zone = jiff::tz::db()
            .get(zone_name)
            .map_err(|_| BusinessDayError::UnknownZone(zone_name.chars().take(64).collect()))?;
        if !(0..MINUTES_PER_DAY).contains(&cut_off_minutes) {
            return Err(BusinessDayError::CutOff(cut_off_minutes));
        }
        let zone_name = zone.iana_name().unwrap_or(zone_name).to_owned();
        Ok(Self { zone, zone_name, cut_off_minutes })
    }

    /// The IANA name of the zone.
    #[must_use]
    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// Minutes after midnight at which a day begins.
    #[must_use]
    pub fn cut_off_minutes(&self) -> i32 {
        self.cut_off_minutes
    }

    /// The day on which an instant is booked.
    ///
    /// # Errors
    /// If the date would lie outside the years that dates can have.
    pub fn booked_on(&self, instant: Timestamp) -> Result<BookedOn, BusinessDayError> {
        let mut date = instant.to_zoned(self.zone.clone()).date();
        let mut start = self.start(date)?;
        if instant < start {
            date = date.yesterday().map_err(|_| BusinessDayError::OutOfRange)?;
            start = self.start(date)?;
        } else {
            let tomorrow = date.tomorrow().map_err(|_| BusinessDayError::OutOfRange)?;
            let next = self.start(tomorrow)?;
            if instant >= next {
                (date, start) = (tomorrow, next);
            }
        }
        let hours = instant.duration_since(start).as_hours();
        Ok(BookedOn { date, hour: i32::try_from(hours).unwrap_or(0) })
    }

    /// The instants at which a business day begins and ends; the end belongs to the next day.
    ///
    /// # Errors
    /// If the next day lies outside the years that dates can have.
    pub fn bounds(&self, date: Date) -> Result<(Timestamp, Timestamp), BusinessDayError> {
        let tomorrow = date.tomorrow().map_err(|_| BusinessDayError::OutOfRange)?;
        Ok((self.start(date)?, self.start(tomorrow)?))
    }

    /// The event's form of a day that was found.
    #[must_use]
    pub fn stamp(&self, booked: BookedOn) -> BusinessDay {
        BusinessDay {
            date: booked.date.to_string(),
            time_zone: self.zone_name.clone(),
            cut_off_minutes: self.cut_off_minutes,
            hour: booked.hour,
        }
    }

    fn start(&self, date: Date) -> Result<Timestamp, BusinessDayError> {
        // A cut-off that the clocks skip is taken as long after midnight as if they had not been changed; one that comes
        // twice is taken the first time.
        let local = date.at(0, 0, 0, 0) + SignedDuration::from_mins(i64::from(self.cut_off_minutes));
        self.zone.to_timestamp(local).map_err(|_| BusinessDayError::OutOfRange)
    }
}

/// Parses an ISO 8601 date, exactly `YYYY-MM-DD`.
///
/// # Errors
/// If the text is anything else.
pub fn parse_date(text: &str) -> Result<Date, BusinessDayError> {
    let error = || BusinessDayError::Date(text.chars().take(32).collect());
    if text.len() != 10 {
        return Err(error());
    }
    text.parse().map_err(|_| error())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(zone: &str, cut_off_minutes: i32) -> BusinessDayRule {
        BusinessDayRule::new(zone, cut_off_minutes).unwrap()
    }

    fn booked(rule: &BusinessDayRule, instant: &str) -> (String, i32) {
        let booked = rule.booked_on(instant.parse().unwrap()).unwrap();
        (booked.date.to_string(), booked.hour)
    }

    fn hours(rule: &BusinessDayRule, date: &str) -> i64 {
        let (start, end) = rule.bounds(parse_date(date).unwrap()).unwrap();
        end.duration_since(start).as_hours()
    }

    #[test]
    fn days_around_a_change_of_the_clocks_have_23_and_25_hours() {
        let new_york = rule("America/New_York", 0);
        assert_eq!(hours(&new_york, "2017-03-12"), 23);
        assert_eq!(hours(&new_york, "2017-11-05"), 25);
        assert_eq!(hours(&new_york, "2017-01-02"), 24);
        assert_eq!(booked(&new_york, "2017-11-06T04:59:59Z"), ("2017-11-05".into(), 24));
        assert_eq!(booked(&new_york, "2017-11-06T05:00:00Z"), ("2017-11-06".into(), 0));
    }

    #[test]
    fn a_sale_before_the_cut_off_belongs_to_the_day_before() {
        let berlin = rule("Europe/Berlin", 4 * 60);
        assert_eq!(booked(&berlin, "2026-03-29T01:59:59Z"), ("2026-03-28".into(), 22));
        assert_eq!(booked(&berlin, "2026-03-29T02:00:00Z"), ("2026-03-29".into(), 0));
    }

    #[test]
    fn zones_far_east_and_west_have_their_own_dates() {
        assert_eq!(booked(&rule("Pacific/Kiritimati", 0), "2026-01-01T10:00:00Z").0, "2026-01-02");
        assert_eq!(booked(&rule("Pacific/Pago_Pago", 0), "2026-01-01T10:00:00Z").0, "2025-12-31");
        assert_eq!(booked(&rule("Asia/Kathmandu", 0), "2026-01-01T18:14:59Z").0, "2026-01-01");
        assert_eq!(booked(&rule("Asia/Kathmandu", 0), "2026-01-01T18:15:00Z").0, "2026-01-02");
    }

    #[test]
    fn a_cut_off_inside_the_skipped_hour_still_begins_a_day() {
        let new_york = rule("America/New_York", 150);
        assert_eq!(hours(&new_york, "2017-03-11"), 24);
        assert_eq!(hours(&new_york, "2017-03-12"), 23);
        assert_eq!(booked(&new_york, "2017-03-12T07:29:59Z").0, "2017-03-11");
        assert_eq!(booked(&new_york, "2017-03-12T07:30:00Z").0, "2017-03-12");
    }

    #[test]
    fn nonsense_is_named() {
        assert!(matches!(BusinessDayRule::new("Mars/Base", 0), Err(BusinessDayError::UnknownZone(_))));
        assert!(matches!(BusinessDayRule::new("UTC", 1_440), Err(BusinessDayError::CutOff(1_440))));
        assert!(parse_date("2017-1-2").is_err() && parse_date("2017-02-30").is_err());
    }

    proptest! {
        #[test]
        fn each_instant_lies_within_the_day_it_is_booked_on(
            seconds in -2_000_000_000_i64..4_000_000_000,
            cut_off in 0..MINUTES_PER_DAY,
            zone in prop::sample::select(vec![
                "America/New_York", "Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe", "America/Sao_Paulo",
                "Asia/Tehran", "Africa/Cairo", "America/Havana", "UTC",
            ]),
        ) {
            let rule = rule(zone, cut_off);
            let instant = Timestamp::from_second(seconds).unwrap();
            let booked = rule.booked_on(instant).unwrap();
            let (start, end) = rule.bounds(booked.date).unwrap();
            prop_assert!(start <= instant && instant < end, "{start} <= {instant} < {end}");
            prop_assert!((0..=48).contains(&booked.hour));
        }
    }
}
