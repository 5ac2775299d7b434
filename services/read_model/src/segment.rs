//! The stored form of entries: rows in columns, packed.
//!
//! What MongoDB does for an update grows with the number of fields that it changes and with the size of the document. So
//! the entries of a document are no fields of their own: all that changed between two writes is one *segment*, a binary
//! value that is added beside those before it. A reader adds the segments up. Once there are
//! many ([`MAX_SEGMENTS`], [`MOST_SEGMENTS`]), one of the next writes replaces them by one.
//!
//! A segment is a protobuf message. Entries that share a text name it by its number in a list, and a figure that is zero
//! in all rows has no column: a thousand items of a store-day take some 20 kB, where named fields took 70 kB.

use std::collections::HashMap;

use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, encoded_len_varint, key_len,
    skip_field,
};

use crate::{by_id::ById, entries::Entry, text::Text};

/// With fewer segments a document is never made one: it would be read and written whole too often.
pub const MAX_SEGMENTS: u32 = 16;

/// From so many segments on it always waits for its turn; with fewer it does once all after the first have half as many rows as
/// that one, so that a large document is read and written whole no more often than what is added to it is worth. Each costs readers
/// some microseconds.
pub const MOST_SEGMENTS: u32 = 64;

/// Texts of a row.
pub const TEXTS: usize = 3;

/// Bytes of a packed row, and of one figure of it, roughly: so much room is made for each at once.
const ROW_BYTES: usize = 24;
const FIGURE_BYTES: usize = 3;

/// Among so many texts one is found sooner by looking at all of them than by its hash: the categories of a grocer, units, currencies.
const FEW_TEXTS: usize = 16;

/// Rows in columns. All columns that are there have one value for each row.
#[derive(Default)]
struct Segment<'a> {
    /// Tag 1, repeated: each row's entry. The same entry may have several rows.
    ids: Vec<&'a str>,
    /// Tag 2, repeated: the texts that rows refer to, from number 1 on; 0 is the empty text.
    texts: Vec<&'a str>,
    /// Tag 3, repeated: which text each row has in one place, `uint32`; absent where all are empty.
    text_columns: Vec<Column<'a>>,
    /// Tag 4, repeated: one figure of each row, `sint64`; absent where all are zero.
    figure_columns: Vec<Column<'a>>,
}

impl<'a> Segment<'a> {
    /// Reads the message; `None` if the bytes are none. Texts and values stay where they are: there are some for each row.
    fn decode(mut bytes: &'a [u8]) -> Option<Self> {
        let mut segment = Self { ids: Vec::with_capacity(bytes.len() / ROW_BYTES), ..Self::default() };
        while !bytes.is_empty() {
            let (tag, wire_type) = decode_key(&mut bytes).ok()?;
            if !(1..=4).contains(&tag) {
                skip_field(wire_type, tag, &mut bytes, DecodeContext::default()).ok()?;
                continue;
            }
            let value = take_delimited(wire_type, &mut bytes)?;
            match tag {
                1 => segment.ids.push(std::str::from_utf8(value).ok()?),
                2 => segment.texts.push(std::str::from_utf8(value).ok()?),
                3 => segment.text_columns.push(Column::decode(value)?),
                _ => segment.figure_columns.push(Column::decode(value)?),
            }
        }
        Some(segment)
    }
}

/// The text of a number; `None` if there is none.
fn text<'a>(texts: &[&'a str], number: u64) -> Option<&'a str> {
    match number.checked_sub(1) {
        None => Some(""),
        Some(index) => texts.get(usize::try_from(index).ok()?).copied(),
    }
}

/// The values of all rows in one place, and which place that is.
#[derive(Clone, Copy)]
struct Column<'a> {
    /// Tag 1.
    place: usize,
    /// Tag 2, packed: those that were not read yet.
    values: &'a [u8],
}

impl<'a> Column<'a> {
    fn decode(mut bytes: &'a [u8]) -> Option<Self> {
        let mut column = Self { place: 0, values: &[] };
        while !bytes.is_empty() {
            match decode_key(&mut bytes).ok()? {
                (1, WireType::Varint) => column.place = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?,
                (2, wire_type) => column.values = take_delimited(wire_type, &mut bytes)?,
                (tag, wire_type) => skip_field(wire_type, tag, &mut bytes, DecodeContext::default()).ok()?,
            }
        }
        Some(column)
    }

    /// The value of the next row. Most are small.
    #[inline]
    fn next(&mut self) -> Option<u64> {
        match self.values {
            [small, rest @ ..] if *small < 0x80 => {
                self.values = rest;
                Some(u64::from(*small))
            }
            _ => decode_varint(&mut self.values).ok(),
        }
    }
}

/// A value that tells how long it is, taken from the beginning of the bytes.
fn take_delimited<'a>(wire_type: WireType, bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    if wire_type != WireType::LengthDelimited {
        return None;
    }
    let len = usize::try_from(decode_varint(bytes).ok()?).ok()?;
    let (value, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(value)
}

/// Packs entries. What it writes is a [`Segment`], put together without a copy of each text and a list for each column:
/// a head has many breakdowns of few rows, and for those the lists were most of the work.
pub(crate) fn pack<'a, E: Entry>(entries: impl Iterator<Item = (&'a str, &'a E)>) -> Vec<u8> {
    let expected = entries.size_hint().0;
    let mut bytes = Vec::with_capacity(expected * ROW_BYTES);
    let mut texts = Texts::default();
    let mut texts_of_rows = Vec::with_capacity(expected);
    let mut figures_of_rows: Vec<i64> = Vec::with_capacity(expected * E::FIGURES);
    for (id, entry) in entries {
        entry.rows(&mut |said, figures| {
            put_text(1, id, &mut bytes);
            texts_of_rows.push(texts.numbers(said));
            figures_of_rows.extend_from_slice(figures);
        });
    }
    texts.known.iter().for_each(|text| put_text(2, text, &mut bytes));
    let mut packed = Vec::with_capacity(expected * FIGURE_BYTES);
    for place in 0..TEXTS {
        let numbers = texts_of_rows.iter().map(|row: &[u32; TEXTS]| u64::from(row[place]));
        put_column(3, place, numbers, &mut packed, &mut bytes);
    }
    for place in 0..E::FIGURES {
        let values = figures_of_rows.chunks_exact(E::FIGURES).map(|row| zigzag(row[place]));
        put_column(4, place, values, &mut packed, &mut bytes);
    }
    bytes
}

/// An element of a repeated field of strings.
fn put_text(tag: u32, text: &str, bytes: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, bytes);
    put_length(text.len(), bytes);
    bytes.extend_from_slice(text.as_bytes());
}

/// A [`Column`], unless all its values are zero. `packed` is room for the values.
fn put_column(
    tag: u32,
    place: usize,
    values: impl Iterator<Item = u64> + Clone,
    packed: &mut Vec<u8>,
    bytes: &mut Vec<u8>,
) {
    if values.clone().all(|value| value == 0) {
        return;
    }
    packed.clear();
    values.for_each(|value| put_number(value, packed));
    let place = number(place);
    // As always in protobuf, a place of zero is not written.
    let place_len = if place == 0 { 0 } else { key_len(1) + encoded_len_varint(place) };
    let len = place_len + key_len(2) + encoded_len_varint(number(packed.len())) + packed.len();
    encode_key(tag, WireType::LengthDelimited, bytes);
    put_length(len, bytes);
    if place != 0 {
        encode_key(1, WireType::Varint, bytes);
        put_number(place, bytes);
    }
    encode_key(2, WireType::LengthDelimited, bytes);
    put_length(packed.len(), bytes);
    bytes.extend_from_slice(packed);
}

fn put_length(len: usize, bytes: &mut Vec<u8>) {
    put_number(number(len), bytes);
}

/// Most numbers are small: zeros, and places of texts.
fn put_number(value: u64, bytes: &mut Vec<u8>) {
    match u8::try_from(value) {
        Ok(small) if small < 0x80 => bytes.push(small),
        _ => encode_varint(value, bytes),
    }
}

fn number(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A figure as a `sint64` is written: small ones are short, whatever their sign.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// The figure that was written so.
fn unzigzag(written: u64) -> i64 {
    (written >> 1).cast_signed() ^ -(written & 1).cast_signed()
}

/// The texts that rows refer to, by number.
#[derive(Default)]
struct Texts {
    known: Vec<Text>,
    /// Of those that are not among the first few.
    numbers: HashMap<Text, u32, ahash::RandomState>,
    /// The last one in each place: the next row often has the same unit, and nearly always the same currency.
    last: [u32; TEXTS],
}

impl Texts {
    fn numbers(&mut self, texts: [&str; TEXTS]) -> [u32; TEXTS] {
        let mut last = self.last;
        for (last, text) in last.iter_mut().zip(texts) {
            if text.is_empty() {
                *last = 0;
            } else if self.text(*last) != Some(text) {
                *last = self.number(text);
            }
        }
        self.last = last;
        last
    }

    fn text(&self, number: u32) -> Option<&str> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.known.get(index).map(Text::as_str)
    }

    fn number(&mut self, text: &str) -> u32 {
        let number = |index: usize| u32::try_from(index + 1).unwrap_or(0);
        if let Some(index) = self.known.iter().take(FEW_TEXTS).position(|known| known == text) {
            return number(index);
        }
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = number(self.known.len());
        if self.known.len() >= FEW_TEXTS {
            self.numbers.insert(text.into(), number);
        }
        self.known.push(text.into());
        number
    }
}

/// Adds the entries of a segment to others; `None` if the bytes are no segment of such entries, or a sum does not fit.
pub(crate) fn unpack<E: Entry>(bytes: &[u8], into: &mut ById<E>) -> Option<()> {
    let Segment { ids, texts, mut text_columns, mut figure_columns } = Segment::decode(bytes)?;
    if !are_distinct(&text_columns, TEXTS) || !are_distinct(&figure_columns, E::FIGURES) {
        return None;
    }
    let (mut said, mut row) = ([""; TEXTS], vec![0; E::FIGURES]);
    into.reserve(ids.len());
    for id in ids {
        for column in &mut text_columns {
            *said.get_mut(column.place)? = text(&texts, column.next()?)?;
        }
        for column in &mut figure_columns {
            *row.get_mut(column.place)? = unzigzag(column.next()?);
        }
        let mut entry = E::of_row(said, &row)?;
        into.add(into.hash(id), &mut id.into(), &mut entry).then_some(())?;
    }
    // A column that is longer than the rows is none of theirs.
    text_columns.iter().chain(&figure_columns).all(|column| column.values.is_empty()).then_some(())
}

/// True if each of the columns is in a place of its own, of so many.
fn are_distinct(columns: &[Column<'_>], places: usize) -> bool {
    let is_new =
        |index: usize, column: &Column<'_>| columns.iter().take(index).all(|known| known.place != column.place);
    columns.len() <= places
        && columns.iter().enumerate().all(|(index, column)| column.place < places && is_new(index, column))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{figures::ItemSales, store_day_item::StoreDayItem, text::Word};

    fn items() -> impl Strategy<Value = ById<StoreDayItem>> {
        let item = ("[A-C]{0,2}", any::<i64>(), 0_i64..9).prop_map(|(category, quantity, tax)| StoreDayItem {
            category: category.into(),
            unit_code: "EA".into(),
            sold: ItemSales { quantity_milli: quantity, tax_minor: tax, ..ItemSales::default() },
            ..StoreDayItem::default()
        });
        prop::collection::hash_map("[0-9]{1,3}".prop_map(Word::from), item, 0..20)
            .prop_map(|items| items.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(items in items()) {
            let mut found = ById::default();
            let bytes = pack(items.iter());
            prop_assert!(unpack(&bytes, &mut found).is_some());
            prop_assert_eq!(found, items);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut found: ById<StoreDayItem> = ById::default();
            let _ = unpack(&bytes, &mut found);
        }
    }

    #[test]
    fn many_texts_are_told_apart() {
        let item =
            |number: usize| StoreDayItem { category: format!("C-{}", number % 40).into(), ..StoreDayItem::default() };
        let items: ById<StoreDayItem> = (0..100).map(|number| (number.to_string().into(), item(number))).collect();
        let mut found = ById::default();
        assert!(unpack(&pack(items.iter()), &mut found).is_some());
        assert_eq!(found, items);
    }

    #[test]
    fn columns_of_another_length_are_refused() {
        let mut bytes = Vec::new();
        ["1", "2"].into_iter().for_each(|id| put_text(1, id, &mut bytes));
        assert!(unpack::<StoreDayItem>(&bytes, &mut ById::default()).is_some());
        for values in [vec![1], vec![1, 1, 1]] {
            let mut bytes = bytes.clone();
            put_column(4, 0, values.into_iter(), &mut Vec::new(), &mut bytes);
            assert!(unpack::<StoreDayItem>(&bytes, &mut ById::default()).is_none());
        }
    }

    #[test]
    fn columns_in_no_place_or_twice_in_one_are_refused() {
        for places in [vec![0], vec![0, 1, StoreDayItem::FIGURES - 1]] {
            assert!(unpack::<StoreDayItem>(&with_figures(&places), &mut ById::default()).is_some(), "{places:?}");
        }
        for places in [vec![StoreDayItem::FIGURES], vec![1, 1], vec![0, 2, 0]] {
            assert!(unpack::<StoreDayItem>(&with_figures(&places), &mut ById::default()).is_none(), "{places:?}");
        }
    }

    /// A segment of one row, with a figure in each of some places.
    fn with_figures(places: &[usize]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_text(1, "1", &mut bytes);
        places.iter().for_each(|place| put_column(4, *place, [2].into_iter(), &mut Vec::new(), &mut bytes));
        bytes
    }
}
