//! The stored form of entries: rows in columns, packed.
//!
//! What MongoDB does for an update grows with the number of fields that it changes and with the size of the document. So
//! the entries of a document are no fields of their own: all that changed between two writes is one *segment*, a binary
//! value that is added beside those before it. A reader adds the segments up. Once there are
//! [`MAX_SEGMENTS`], one of the next writes replaces them by one.
//!
//! A segment is a protobuf message. Entries that share a text name it by its number in a list, and a figure that is zero
//! in all rows has no column: a thousand items of a store-day take some 20 kB, where named fields took 70 kB.

use std::collections::HashMap;

use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint, message},
};

use crate::{
    entries::{ById, Entry},
    text::Text,
};

/// From so many segments on a document waits for its turn to be made one. More would cost readers and grow the document; fewer would be read
/// and written whole more often.
pub const MAX_SEGMENTS: u32 = 16;

/// Texts of a row.
pub const TEXTS: usize = 3;

/// Rows in columns. All columns that are there have one value for each row.
#[derive(Clone, PartialEq, Message)]
struct Segment {
    /// Each row's entry. The same entry may have several rows.
    #[prost(string, repeated, tag = "1")]
    ids: Vec<String>,
    /// The texts that rows refer to, from number 1 on; 0 is the empty text.
    #[prost(string, repeated, tag = "2")]
    texts: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    text_columns: Vec<TextColumn>,
    #[prost(message, repeated, tag = "4")]
    figure_columns: Vec<FigureColumn>,
}

/// Which text each row has in one place; absent where all are empty.
#[derive(Clone, PartialEq, Message)]
struct TextColumn {
    #[prost(uint32, tag = "1")]
    place: u32,
    #[prost(uint32, repeated, tag = "2")]
    numbers: Vec<u32>,
}

/// One figure of each row; absent where all are zero.
#[derive(Clone, PartialEq, Message)]
struct FigureColumn {
    #[prost(uint32, tag = "1")]
    place: u32,
    #[prost(sint64, repeated, tag = "2")]
    values: Vec<i64>,
}

/// Packs entries. What it writes is a [`Segment`], put together without a copy of each text.
pub(crate) fn pack<'a, E: Entry>(entries: impl Iterator<Item = (&'a str, &'a E)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut texts = Texts::default();
    let mut texts_of_rows: [Vec<u32>; TEXTS] = Default::default();
    let mut figures_of_rows: Vec<Vec<i64>> = vec![Vec::new(); E::FIGURES];
    for (id, entry) in entries {
        entry.rows(&mut |said, figures| {
            put_text(1, id, &mut bytes);
            for (column, text) in texts_of_rows.iter_mut().zip(said) {
                column.push(texts.number(text));
            }
            for (column, figure) in figures_of_rows.iter_mut().zip(figures) {
                column.push(*figure);
            }
        });
    }
    texts.known.iter().for_each(|text| put_text(2, text, &mut bytes));
    for (place, numbers) in (0..).zip(texts_of_rows) {
        if numbers.iter().any(|number| *number != 0) {
            message::encode(3, &TextColumn { place, numbers }, &mut bytes);
        }
    }
    for (place, values) in (0..).zip(figures_of_rows) {
        if values.iter().any(|value| *value != 0) {
            message::encode(4, &FigureColumn { place, values }, &mut bytes);
        }
    }
    bytes
}

/// An element of a repeated field of strings.
fn put_text(tag: u32, text: &str, bytes: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, bytes);
    encode_varint(u64::try_from(text.len()).unwrap_or(u64::MAX), bytes);
    bytes.extend_from_slice(text.as_bytes());
}

/// The texts that rows refer to, by number.
#[derive(Default)]
struct Texts {
    known: Vec<Text>,
    numbers: HashMap<Text, u32, ahash::RandomState>,
}

impl Texts {
    fn number(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.known.push(text.into());
        let number = u32::try_from(self.known.len()).unwrap_or(0);
        self.numbers.insert(text.into(), number);
        number
    }
}

/// Adds the entries of a segment to others; `None` if the bytes are no segment of such entries, or a sum does not fit.
pub(crate) fn unpack<E: Entry>(bytes: &[u8], into: &mut ById<E>) -> Option<()> {
    let segment = Segment::decode(bytes).ok()?;
    let rows = segment.ids.len();
    let mut texts: [Option<&[u32]>; TEXTS] = [None; TEXTS];
    for column in segment.text_columns.iter().filter(|column| column.numbers.len() == rows) {
        *texts.get_mut(usize::try_from(column.place).ok()?)? = Some(&column.numbers);
    }
    let mut figures: Vec<Option<&[i64]>> = vec![None; E::FIGURES];
    for column in segment.figure_columns.iter().filter(|column| column.values.len() == rows) {
        *figures.get_mut(usize::try_from(column.place).ok()?)? = Some(&column.values);
    }
    let columns = texts.iter().flatten().count() + figures.iter().flatten().count();
    if columns != segment.text_columns.len() + segment.figure_columns.len() {
        return None;
    }
    let text = |number: u32| match number.checked_sub(1) {
        None => Some(""),
        Some(index) => segment.texts.get(usize::try_from(index).ok()?).map(String::as_str),
    };
    let mut row = vec![0; E::FIGURES];
    into.reserve(rows.saturating_sub(into.len()));
    for (index, id) in segment.ids.iter().enumerate() {
        let mut said = [""; TEXTS];
        for (said, column) in said.iter_mut().zip(texts) {
            *said = text(column.map_or(0, |column| column[index]))?;
        }
        for (figure, column) in row.iter_mut().zip(&figures) {
            *figure = column.map_or(0, |column| column[index]);
        }
        let entry = E::of_row(said, &row)?;
        match into.get_mut(id.as_str()) {
            Some(sum) => sum.add(&entry).then_some(())?,
            None => _ = into.insert(id.as_str().into(), entry),
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::figures::StoreDayItem;

    fn items() -> impl Strategy<Value = ById<StoreDayItem>> {
        let item = ("[A-C]{0,2}", any::<i64>(), 0_i64..9).prop_map(|(category, quantity, tax)| StoreDayItem {
            category: category.into(),
            unit_code: "EA".into(),
            quantity_sold_milli: quantity,
            tax_minor: tax,
            ..StoreDayItem::default()
        });
        prop::collection::hash_map("[0-9]{1,3}".prop_map(Text::from), item, 0..20)
            .prop_map(|items| items.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(items in items()) {
            let mut found = ById::default();
            let bytes = pack(items.iter().map(|(id, item)| (&**id, item)));
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
    fn columns_of_another_length_are_refused() {
        let segment = Segment {
            ids: vec!["1".into(), "2".into()],
            figure_columns: vec![FigureColumn { place: 0, values: vec![1] }],
            ..Segment::default()
        };
        let mut found: ById<StoreDayItem> = ById::default();
        assert!(unpack(&segment.encode_to_vec(), &mut found).is_none());
    }
}
