//! Rows that belong together: the lines of a receipt, or of a delivery note.
//!
//! They must stand together in the file. So the memory holds one group at a time, and nothing of a group that is
//! scattered over the file goes in by halves: a first pass over the file finds those groups by a fingerprint of their key.

use std::collections::HashSet;

use uuid::Uuid;

use super::{csv_file::CsvFile, row::Row};
use crate::error::Error;

/// Most lines of one receipt or delivery; what the contract allows.
pub(crate) const MAX_LINES: usize = 5_000;

/// Most receipts or deliveries of one file: their fingerprints (20 to 40 bytes each) are held while the file is read. A
/// year of 138 stores has half a million.
pub(crate) const MAX_GROUPS: usize = 10_000_000;

/// The columns whose values make a group.
pub(crate) type KeyColumns = [&'static str; 2];

/// What a key is known by: 122 bits of its hash, so that two keys are never taken for one in practice.
pub(crate) type Fingerprint = u128;

/// The fingerprint of a key.
pub(crate) fn fingerprint(first: &str, second: &str) -> Fingerprint {
    let mut key = Vec::with_capacity(first.len() + second.len() + 8);
    key.extend_from_slice(&(first.len() as u64).to_le_bytes());
    key.extend_from_slice(first.as_bytes());
    key.extend_from_slice(second.as_bytes());
    Uuid::new_v5(&Uuid::nil(), &key).as_u128()
}

/// Groups whose rows do not stand together.
#[derive(Debug, Default)]
pub(crate) struct Scattered(HashSet<Fingerprint>);

impl Scattered {
    /// Reads a whole file and finds them.
    pub(crate) fn find(mut file: CsvFile, key: KeyColumns) -> Result<Self, Error> {
        let mut seen = HashSet::new();
        let mut scattered = HashSet::new();
        let mut current = None;
        while let Some(row) = file.next_row()? {
            let Some(of_row) = key_of(&row, key).map(|(first, second)| fingerprint(first, second)) else { continue };
            if current.replace(of_row) != Some(of_row) && !seen.insert(of_row) {
                scattered.insert(of_row);
            }
            if seen.len() > MAX_GROUPS {
                let file = row.columns.file;
                return Err(Error::Usage(format!(
                    "{file} holds more than {MAX_GROUPS} different {}: split it over several directories",
                    key[1]
                )));
            }
        }
        Ok(Self(scattered))
    }

    /// True if the group's rows do not stand together.
    pub(crate) fn contains(&self, first: &str, second: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&fingerprint(first, second))
    }
}

/// What stands together.
#[derive(Debug)]
pub(crate) enum Group {
    /// All rows of a key, or the first [`MAX_LINES`] and one of them.
    Rows(Rows),
    /// A row beyond that.
    Beyond(Row),
    /// A row whose key cannot be read.
    Stray(Row),
}

/// The rows of one key.
#[derive(Debug)]
pub(crate) struct Rows {
    pub first_key: String,
    pub second_key: String,
    pub rows: Vec<Row>,
    /// Line of a row in the middle whose key cannot be read: it may be one of these.
    pub stray_line: Option<u64>,
}

impl Rows {
    /// True if there are more rows than a message may have lines.
    pub(crate) fn is_too_long(&self) -> bool {
        self.rows.len() > MAX_LINES
    }
}

/// Reads a file group by group.
pub(crate) fn each(
    mut file: CsvFile,
    key: KeyColumns,
    mut take: impl FnMut(Group) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut open: Option<Rows> = None;
    // The key of a group that was handed over because it is too long.
    let mut beyond: Option<(String, String)> = None;
    let mut stray_line = None;
    while let Some(row) = file.next_row()? {
        let Some((first, second)) = key_of(&row, key) else {
            stray_line = Some(row.line);
            take(Group::Stray(row))?;
            continue;
        };
        if beyond.as_ref().is_some_and(|(one, two)| one == first && two == second) {
            take(Group::Beyond(row))?;
            continue;
        }
        beyond = None;
        match &mut open {
            Some(rows) if rows.first_key == first && rows.second_key == second => {
                rows.stray_line = rows.stray_line.or(stray_line.take());
                rows.rows.push(row);
            }
            _ => {
                let (first_key, second_key) = (first.to_owned(), second.to_owned());
                if let Some(done) = open.replace(Rows { first_key, second_key, rows: vec![row], stray_line: None }) {
                    take(Group::Rows(done))?;
                }
            }
        }
        stray_line = None;
        if let Some(done) = open.take_if(|rows| rows.is_too_long()) {
            beyond = Some((done.first_key.clone(), done.second_key.clone()));
            take(Group::Rows(done))?;
        }
    }
    open.map_or(Ok(()), |done| take(Group::Rows(done)))
}

/// The key of a row; `None` if a part of it is missing.
fn key_of(row: &Row, key: KeyColumns) -> Option<(&str, &str)> {
    let (first, second) = (row.cell(key[0]), row.cell(key[1]));
    (!first.is_empty() && !second.is_empty()).then_some((first, second))
}

#[cfg(test)]
mod tests {
    use super::{super::testing::file, *};

    const KEY: KeyColumns = ["store_id", "receipt_no"];
    const HEADER: &str = "store_id,register_id,receipt_no,sold_at,item_id,quantity,gross_amount,discount_amount\n";

    fn sales(rows: &[&str]) -> CsvFile {
        let lines: Vec<_> = rows.iter().map(|row| format!("{row}\n")).collect();
        file(&super::super::sales::LAYOUT, &format!("{HEADER}{}", lines.concat()))
    }

    fn groups(rows: &[&str]) -> Vec<String> {
        let mut told = Vec::new();
        each(sales(rows), KEY, |group| {
            told.push(match group {
                Group::Rows(rows) => {
                    let lines: Vec<_> = rows.rows.iter().map(|row| row.line.to_string()).collect();
                    let stray = rows.stray_line.map(|line| format!(" with stray {line}")).unwrap_or_default();
                    format!("{}/{}: {}{stray}", rows.first_key, rows.second_key, lines.join(" "))
                }
                Group::Beyond(row) => format!("beyond {}", row.line),
                Group::Stray(row) => format!("stray {}", row.line),
            });
            Ok(())
        })
        .unwrap();
        told
    }

    #[test]
    fn rows_of_a_key_stand_together() {
        let rows = ["1,3,A,,,,,", "1,3,A,,,,,", "2,3,A,,,,,", "1,3,B,,,,,"];
        assert_eq!(groups(&rows), ["1/A: 2 3", "2/A: 4", "1/B: 5"]);
        assert!(groups(&[]).is_empty());
    }

    #[test]
    fn a_row_without_a_key_spoils_the_group_that_it_stands_in() {
        assert_eq!(groups(&["1,3,A,,,,,", "1,3", "1,3,A,,,,,"]), ["stray 3", "1/A: 2 4 with stray 3"]);
        assert_eq!(groups(&["1,3,A,,,,,", ",3,A,,,,,", "1,3,B,,,,,"]), ["stray 3", "1/A: 2", "1/B: 4"]);
        // A row that is cut short behind its key still belongs to it.
        assert_eq!(groups(&["1,3,A,,,,,", "1,3,A"]), ["1/A: 2 3"]);
    }

    #[test]
    fn a_group_without_end_is_handed_over_piece_by_piece() {
        let rows = vec!["1,3,A,,,,,"; MAX_LINES + 3];
        let groups = groups(&rows);
        assert_eq!(groups.len(), 3);
        assert_eq!(groups[1..], [format!("beyond {}", MAX_LINES + 3), format!("beyond {}", MAX_LINES + 4)]);
    }

    #[test]
    fn groups_that_come_back_are_found_before_anything_is_sent() {
        let scattered = Scattered::find(sales(&["1,3,A,,,,,", "1,3,B,,,,,", "1,3,A,,,,,", "1,3,C,,,,,"]), KEY).unwrap();
        assert!(scattered.contains("1", "A"));
        assert!(!scattered.contains("1", "B") && !scattered.contains("1", "C"));
    }

    #[test]
    fn keys_that_only_look_alike_have_different_fingerprints() {
        assert_ne!(fingerprint("1", "23"), fingerprint("12", "3"));
    }
}
