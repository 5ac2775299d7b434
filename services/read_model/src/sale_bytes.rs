//! A sale read from the bytes of its event, without the message between them.
//!
//! Only what is written today is read so: one event of one sale, each message in it once. Whatever else there may be, damaged bytes
//! too, is left to the decoder that reads all events, and to its errors.

use std::str::from_utf8;

use daybook::event::{EventType, encoded::RecordedEvent};
use prost::encoding::{WireType, decode_key, decode_varint};

use crate::sale::{Day, Line, Paid, Place, Receipt, Sale, Sold, Tax};

/// The field of `daybook.event.v1.Event` that holds a sale.
const SALE_RECORDED: u32 = 5;

impl Sale {
    /// The sale that an event records; `None` if it is no sale, or must be decoded to be read.
    #[must_use]
    pub fn of_encoded(event: &RecordedEvent) -> Option<Self> {
        let of_today = EventType::SaleRecorded;
        let is_sale = event.event_type == of_today.as_str() && event.schema_version == of_today.schema_version();
        if is_sale { Self::of_bytes(&event.event) } else { None }
    }

    /// The sale that an encoded `daybook.event.v1.Event` holds; `None` if it must be decoded to be read.
    #[must_use]
    pub fn of_bytes(event: &[u8]) -> Option<Self> {
        sale(recorded(event)?)
    }
}

/// Gives the supplier of each line of the sale that an encoded `daybook.event.v1.Event` holds; `None` if it must be decoded to be
/// read, perhaps after some were given.
pub(crate) fn each_supplier(event: &[u8], mut supplier: impl FnMut(&str)) -> Option<()> {
    fields(recorded(event)?, |tag, value| {
        if let (6, Value::Bytes(line)) = (tag, value) {
            let mut supplier_id = "";
            fields(line, |tag, value| {
                if let (3, Value::Bytes(bytes)) = (tag, value) {
                    supplier_id = from_utf8(bytes).ok()?;
                }
                Some(())
            })?;
            supplier(supplier_id);
        }
        Some(())
    })
}

/// The bytes of the sale in those of its event, if there is one and nothing else.
fn recorded(event: &[u8]) -> Option<&[u8]> {
    let mut sale = None;
    fields(event, |tag, value| match (tag, value) {
        (SALE_RECORDED, Value::Bytes(bytes)) if sale.is_none() => {
            sale = Some(bytes);
            Some(())
        }
        _ => None,
    })?;
    sale
}

fn sale(bytes: &[u8]) -> Option<Sale> {
    let (mut receipt, mut day, mut currency_code) = (None, None, "");
    let (mut operator_id, mut claimed) = ("", "");
    let mut sold = Sold::default();
    fields(bytes, |tag, value| {
        match (tag, value) {
            (1, Value::Bytes(bytes)) if receipt.is_none() => receipt = Some(self::receipt(bytes)?),
            (2, Value::Bytes(bytes)) if day.is_none() => day = Some(self::day(bytes)?),
            (3, Value::Bytes(bytes)) => operator_id = from_utf8(bytes).ok()?,
            (5, Value::Bytes(bytes)) => currency_code = from_utf8(bytes).ok()?,
            (6, Value::Bytes(bytes)) => {
                if sold.lines.is_empty() {
                    sold.lines.reserve(USUAL_LINES);
                }
                let line = line(bytes, &mut sold.taxes)?;
                sold.lines.push(line);
            }
            (7, Value::Bytes(bytes)) => sold.tenders.push(paid(bytes)?),
            (8, Value::Number(number)) => sold.change_minor = number as i64,
            // The register's own number, and sums that are those of the lines.
            (4 | 9..=12, Value::Number(_)) => {}
            (13, Value::Bytes(bytes)) => claimed = from_utf8(bytes).ok()?,
            (1..=13, _) => return None,
            _ => {}
        }
        Some(())
    })?;
    sold.sort();
    let place = Place { receipt, day, ..Place::in_currency(currency_code.into()) };
    Some(Sale { place, operator_id: operator_id.into(), claims_date: !claimed.is_empty(), sold })
}

/// Room for so many lines is made at once.
const USUAL_LINES: usize = 8;

fn receipt(bytes: &[u8]) -> Option<Receipt> {
    let mut receipt = Receipt::default();
    fields(bytes, |tag, value| {
        match (tag, value) {
            (1, Value::Bytes(bytes)) => receipt.store_id = from_utf8(bytes).ok()?.into(),
            (2, Value::Bytes(bytes)) => receipt.register_id = from_utf8(bytes).ok()?.into(),
            // Date and number say which receipt it is; they must be texts.
            (3 | 4, Value::Bytes(bytes)) => _ = from_utf8(bytes).ok()?,
            (1..=4, _) => return None,
            _ => {}
        }
        Some(())
    })?;
    Some(receipt)
}

fn day(bytes: &[u8]) -> Option<Day> {
    let (mut date, mut time_zone, mut cut_off_minutes, mut hour) = ("", "", 0, 0);
    fields(bytes, |tag, value| {
        match (tag, value) {
            (1, Value::Bytes(bytes)) => date = from_utf8(bytes).ok()?,
            (2, Value::Bytes(bytes)) => time_zone = from_utf8(bytes).ok()?,
            (3, Value::Number(number)) => cut_off_minutes = number as i32,
            (4, Value::Number(number)) => hour = number as i32,
            (1..=4, _) => return None,
            _ => {}
        }
        Some(())
    })?;
    Some(Day::new(date.into(), time_zone.into(), cut_off_minutes, hour))
}

fn line(bytes: &[u8], taxes: &mut Vec<Tax>) -> Option<Line> {
    let mut line = Line::default();
    fields(bytes, |tag, value| {
        match (tag, value) {
            (2, Value::Bytes(bytes)) => line.item_id = from_utf8(bytes).ok()?.into(),
            (3, Value::Bytes(bytes)) => line.supplier_id = from_utf8(bytes).ok()?.into(),
            (4, Value::Bytes(bytes)) => line.category = from_utf8(bytes).ok()?.into(),
            (5, Value::Bytes(bytes)) => line.unit_code = from_utf8(bytes).ok()?.into(),
            (6, Value::Number(number)) => line.quantity_milli = number as i64,
            (7, Value::Number(number)) => line.gross_minor = number as i64,
            (8, Value::Number(number)) => line.discount_minor = number as i64,
            (9, Value::Number(number)) => line.tax_minor = number as i64,
            (10, Value::Bytes(bytes)) => taxes.push(tax(bytes)?),
            (11, Value::Number(number)) => line.unknown_item = number != 0,
            // Its number on the receipt.
            (1, Value::Number(_)) => {}
            (1..=11, _) => return None,
            _ => {}
        }
        Some(())
    })?;
    Some(line)
}

fn tax(bytes: &[u8]) -> Option<Tax> {
    let mut tax = Tax::default();
    fields(bytes, |tag, value| {
        match (tag, value) {
            (1, Value::Bytes(bytes)) => tax.tax_code = from_utf8(bytes).ok()?.into(),
            (2, Value::Number(number)) => tax.rate_ppm = number as i32,
            (3, Value::Number(number)) => tax.base_minor = number as i64,
            (4, Value::Number(number)) => tax.amount_minor = number as i64,
            (1..=4, _) => return None,
            _ => {}
        }
        Some(())
    })?;
    Some(tax)
}

fn paid(bytes: &[u8]) -> Option<Paid> {
    let mut paid = Paid::default();
    fields(bytes, |tag, value| {
        match (tag, value) {
            (1, Value::Number(number)) => paid.tender = number as i32,
            (2, Value::Number(number)) => paid.amount_minor = number as i64,
            (1..=2, _) => return None,
            _ => {}
        }
        Some(())
    })?;
    Some(paid)
}

/// The value of a field. Numbers of 32 bits are the lower half of what is written; negative ones have all upper bits set.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Gives the fields of a message in their order; `None` if they cannot be read, or are not wanted.
fn fields<'a>(mut rest: &'a [u8], mut field: impl FnMut(u32, Value<'a>) -> Option<()>) -> Option<()> {
    while !rest.is_empty() {
        let (tag, kind) = decode_key(&mut rest).ok()?;
        let value = match kind {
            WireType::Varint => Value::Number(decode_varint(&mut rest).ok()?),
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
                let (bytes, after) = rest.split_at_checked(length)?;
                rest = after;
                Value::Bytes(bytes)
            }
            WireType::SixtyFourBit | WireType::ThirtyTwoBit | WireType::StartGroup | WireType::EndGroup => return None,
        };
        field(tag, value)?;
    }
    Some(())
}
