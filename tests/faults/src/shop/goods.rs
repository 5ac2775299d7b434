//! Lines whose sums agree.

use daybook::{
    command::v1::{LineDiscount, RecordDeliveryLine, RecordSaleLine},
    event::v1::{LineTax, Tender, TenderType},
    money,
};
use fastrand::Rng;

use super::catalogue::Item;

/// The one rate of tax, in millionths.
const TAX_RATE_PPM: i32 = 75_000;

/// One line in so many has a discount, and one a tax.
const LINES_PER_DISCOUNT: u32 = 5;
const LINES_PER_TAX: u32 = 3;

/// A quantity of an item, as it is sold or moved.
pub(super) fn quantity(rng: &mut Rng, item: &Item) -> i64 {
    if item.weighed { rng.i64(50..3_000) } else { 1_000 * rng.i64(1..=4) }
}

/// A line of a sale.
pub(super) fn sale_line(rng: &mut Rng, sequence: i32, item: &Item) -> RecordSaleLine {
    let quantity_milli = quantity(rng, item);
    let gross_minor = rounded(quantity_milli * item.price_minor, 1_000);
    let discount_minor = if rng.u32(..LINES_PER_DISCOUNT) == 0 { gross_minor / 7 } else { 0 };
    let base_minor = gross_minor - discount_minor;
    let taxed = rng.u32(..LINES_PER_TAX) == 0;
    let amount_minor = if taxed { rounded(base_minor * i64::from(TAX_RATE_PPM), 1_000_000) } else { 0 };
    let discount = LineDiscount { amount_minor: discount_minor, reason_code: "LOYALTY".to_owned() };
    let tax = LineTax { tax_code: "STD".to_owned(), rate_ppm: TAX_RATE_PPM, base_minor, amount_minor };
    RecordSaleLine {
        sequence,
        item_id: item.id.clone(),
        quantity_milli,
        gross_minor,
        discounts: (discount_minor > 0).then_some(discount).into_iter().collect(),
        taxes: (amount_minor > 0).then_some(tax).into_iter().collect(),
    }
}

/// What a line's discounts take off.
pub(crate) fn discount(line: &RecordSaleLine) -> i64 {
    line.discounts.iter().map(|one| one.amount_minor).sum()
}

/// What a line's taxes add.
pub(crate) fn tax(line: &RecordSaleLine) -> i64 {
    line.taxes.iter().map(|one| one.amount_minor).sum()
}

/// Payments of a total, and the change: by card, or in cash with a coupon.
pub(super) fn payments(rng: &mut Rng, total_minor: i64) -> (Vec<Tender>, i64) {
    let tender = |r#type: TenderType, amount_minor| Tender { r#type: r#type.into(), amount_minor };
    if total_minor == 0 {
        return (Vec::new(), 0);
    }
    if rng.bool() {
        return (vec![tender(TenderType::Card, total_minor)], 0);
    }
    let coupon = total_minor / 10;
    let cash = (total_minor - coupon) / 500 * 500 + 500;
    let mut tenders = vec![tender(TenderType::Cash, cash)];
    tenders.extend((coupon > 0).then(|| tender(TenderType::ManufacturerCoupon, coupon)));
    (tenders, cash + coupon - total_minor)
}

/// A line of a delivery, of which sometimes a part is refused.
pub(super) fn delivery_line(rng: &mut Rng, sequence: i32, item: &Item) -> RecordDeliveryLine {
    let accepted_milli = 10 * quantity(rng, item);
    let rejected_milli = if rng.u32(..6) == 0 { quantity(rng, item) } else { 0 };
    RecordDeliveryLine {
        sequence,
        item_id: item.id.clone(),
        delivered_milli: accepted_milli + rejected_milli,
        accepted_milli,
        rejected_milli,
        rejection_reason: if rejected_milli > 0 { "damaged".to_owned() } else { String::new() },
        unit_cost_minor: item.price_minor / 2,
    }
}

/// Amounts here are far from what does not fit.
fn rounded(dividend: i64, divisor: i64) -> i64 {
    money::divide_half_even(dividend.into(), divisor.into()).unwrap_or(i64::MAX)
}
