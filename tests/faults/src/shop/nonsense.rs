//! Commands that must be refused, whatever happens around them.

use daybook::command::v1::RecordSaleRequest;
use fastrand::Rng;

/// The sale with something wrong with it.
pub(super) fn spoilt(rng: &mut Rng, mut sale: RecordSaleRequest) -> RecordSaleRequest {
    match rng.u32(..7) {
        0 => sale.total_minor += 1,
        1 => sale.store_id = "999".to_owned(),
        2 => sale.lines.clear(),
        3 => sale.occurred_at = None,
        4 => sale.receipt_number = "no/receipt".to_owned(),
        5 => sale.currency_code = "JPY".to_owned(),
        _ => {
            if let Some(line) = sale.lines.first_mut() {
                line.quantity_milli = 0;
            }
        }
    }
    sale
}
