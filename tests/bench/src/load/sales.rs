//! An endless source of sales.

use std::ops::Range;

use daybook::money;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use uuid::Builder;

use super::{
    sale::{Line, Sale, TAX_RATE_PPM},
    world::{OPERATORS, TIME_ZONE, World},
};

/// A sale has one line, and so many more on average.
const FURTHER_LINES: u32 = 8;
/// The most lines of a sale.
const MAX_LINES: usize = 100;

/// Stores are open from 7 to 22 o'clock.
const OPENS: i8 = 7;
const OPEN_SECONDS: i64 = 15 * 3_600;

/// What the scales show, in grams.
const WEIGHTS_MILLI: Range<i64> = 100..3_000;

/// One line in so many has a discount, of so many per cent.
const LINES_PER_DISCOUNT: u32 = 5;
const DISCOUNT_PERCENT: Range<i64> = 5..31;

/// Receipts that a source can number.
const RECEIPTS_PER_SOURCE: u64 = 1_000_000_000;

/// Sales of one business date. It never ends, and no two of its sales have the same request id or receipt; neither have
/// sales of sources of different runs, nor of the whole chain and of one store, nor of two stores.
#[derive(Clone, Debug)]
pub(crate) struct Sales<'a> {
    world: &'a World,
    rng: Rng,
    store: Option<usize>,
    date: Date,
    opens_at: Timestamp,
    /// What no other source has: the run, and for which store.
    source: u64,
    first_receipt: u64,
    count: u64,
}

impl World {
    /// Sales of all stores. Of the run, a number below 2³² counts.
    pub(crate) fn sales(&self, run: u64, date: Date) -> Sales<'_> {
        Sales::new(self, run, date, None)
    }

    /// Sales of one store, all at one register: what it uploads when it was offline.
    pub(crate) fn sales_of(&self, run: u64, date: Date, store: usize) -> Sales<'_> {
        Sales::new(self, run, date, Some(store))
    }
}

impl<'a> Sales<'a> {
    fn new(world: &'a World, run: u64, date: Date, store: Option<usize>) -> Self {
        let run = run & u64::from(u32::MAX);
        let source = run << 32 | store.map_or(0, |store| store as u64 + 1);
        // Receipts of two stores may have the same number, those of the chain and of a store not.
        let first_receipt = (run * 2 + u64::from(store.is_some())) * RECEIPTS_PER_SOURCE;
        let rng = Rng::with_seed(mixed(world.seed ^ mixed(source)));
        Self { world, rng, store, date, opens_at: opens_at(date), source, first_receipt, count: 0 }
    }

    /// The next sale.
    pub(crate) fn next_sale(&mut self) -> Sale {
        self.count += 1;
        let count = self.count;
        let rng = &mut self.rng;
        let store = self.store.unwrap_or_else(|| self.world.store_sizes.draw(rng));
        let register = if self.store.is_some() { 1 } else { rng.u32(1..=self.world.stores[store].registers) };
        let occurred_at = self.opens_at + SignedDuration::from_secs(rng.i64(0..OPEN_SECONDS));
        let operator = rng.u32(OPERATORS);
        let lines = lines(rng, self.world);
        let total_minor = lines.iter().map(Line::total_minor).sum();
        let halves = (mixed(mixed(self.source) ^ count), mixed(self.source ^ mixed(count)));
        let id = u128::from(halves.0) << 64 | u128::from(halves.1);
        Sale {
            request_id: Builder::from_random_bytes(id.to_be_bytes()).into_uuid(),
            store,
            register,
            receipt: self.first_receipt + count,
            occurred_at,
            date: self.date,
            operator,
            lines,
            total_minor,
        }
    }
}

/// Lines of different items. Their number is that of a basket which after each item is full with the same probability.
fn lines(rng: &mut Rng, world: &World) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::with_capacity(2 * FURTHER_LINES as usize);
    loop {
        let item = world.item_popularity.draw(rng);
        if lines.iter().any(|line| line.item == item) {
            continue;
        }
        lines.push(line(rng, world, item));
        if rng.u32(..=FURTHER_LINES) == 0 || lines.len() == MAX_LINES {
            return lines;
        }
    }
}

fn line(rng: &mut Rng, world: &World, number: usize) -> Line {
    let item = &world.items[number];
    let quantity_milli = if item.decimals > 0 { rng.i64(WEIGHTS_MILLI) } else { 1_000 * pieces(rng) };
    let gross_minor = rounded(quantity_milli * item.price_minor, 1_000);
    let discounted = rng.u32(..LINES_PER_DISCOUNT) == 0;
    let discount_minor = if discounted { rounded(gross_minor * rng.i64(DISCOUNT_PERCENT), 100) } else { 0 };
    let base_minor = gross_minor - discount_minor;
    let tax_minor = if item.taxed { rounded(base_minor * i64::from(TAX_RATE_PPM), 1_000_000) } else { 0 };
    Line { item: number, quantity_milli, gross_minor, discount_minor, tax_minor }
}

/// How many of an item are bought: mostly one.
fn pieces(rng: &mut Rng) -> i64 {
    match rng.u32(..100) {
        0..70 => 1,
        70..88 => 2,
        88..95 => 3,
        _ => rng.i64(4..=6),
    }
}

/// Amounts here are far from what does not fit.
fn rounded(dividend: i64, divisor: i64) -> i64 {
    money::divide_half_even(dividend.into(), divisor.into()).unwrap_or(i64::MAX)
}

/// When the stores open on a date. Their zone changes its clocks at night, so there is such a time on every date.
fn opens_at(date: Date) -> Timestamp {
    TimeZone::get(TIME_ZONE)
        .and_then(|zone| zone.to_timestamp(date.at(OPENS, 0, 0, 0)))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Mixes the bits of a number (splitmix64); different numbers stay different.
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
