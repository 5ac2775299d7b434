//! What a verification found.

use std::{collections::BTreeMap, collections::BTreeSet, io::Write};

use serde::Serialize;

use super::Difference;
use crate::{
    error::Error,
    json,
    output::{Format, Sheet, number, text},
};

/// Differences that are told; further ones are only counted.
const MAX_DIFFERENCES: usize = 1_000;

/// What was compared, and what differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifySummary {
    /// The log was folded up to here.
    pub position: i64,
    /// How the sample was chosen.
    pub seed: Option<u64>,
    /// Documents by report (of stock items, of the tables rows).
    pub compared: BTreeMap<&'static str, Compared>,
    /// The first differences; each is one field of a document.
    pub differences: Vec<Difference>,
    /// Events that cannot be folded: the documents that they touch are incomplete. The first 100 positions.
    pub unfolded: BTreeSet<i64>,
    /// Documents that changed too fast to be compared.
    pub undecided: Vec<String>,
}

/// How many documents were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    pub equal: u64,
    pub different: u64,
    pub undecided: u64,
}

impl VerifySummary {
    /// True if nothing differs.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.compared.values().all(|compared| compared.different == 0)
    }

    /// True if all documents could be compared.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.compared.values().all(|compared| compared.undecided == 0)
    }

    pub(super) fn equal(&mut self, report: &'static str) {
        self.compared.entry(report).or_default().equal += 1;
    }

    pub(super) fn differs(&mut self, report: &'static str, differences: Vec<Difference>) {
        self.compared.entry(report).or_default().different += 1;
        let room = MAX_DIFFERENCES.saturating_sub(self.differences.len());
        self.differences.extend(differences.into_iter().take(room));
    }

    pub(super) fn undecided(&mut self, report: &'static str, id: &str) {
        self.compared.entry(report).or_default().undecided += 1;
        if self.undecided.len() < MAX_DIFFERENCES {
            self.undecided.push(format!("{report} {id}"));
        }
    }

    pub(crate) fn write(&self, out: &mut impl Write, format: Format) -> Result<(), Error> {
        match format {
            Format::Json => writeln!(out, "{}", json::line(self)?).map_err(Error::output),
            Format::Csv => self.difference_sheet().write_csv(out, true),
            Format::Table => self.write_table(out),
        }
    }

    fn write_table(&self, out: &mut impl Write) -> Result<(), Error> {
        let mut sheet = Sheet::new(&[text("report"), number("equal"), number("different"), number("undecided")]);
        for (report, Compared { equal, different, undecided }) in &self.compared {
            let name = report.replace('_', " ");
            sheet.row(vec![name, equal.to_string(), different.to_string(), undecided.to_string()]);
        }
        sheet.write_table(out)?;
        let differences = self.difference_sheet();
        if !differences.is_empty() {
            differences.write_table(out)?;
        }
        if self.differences.len() == MAX_DIFFERENCES {
            writeln!(out, "only the first {MAX_DIFFERENCES} differences are told").map_err(Error::output)?;
        }
        if !self.unfolded.is_empty() {
            let positions: Vec<String> = self.unfolded.iter().map(ToString::to_string).collect();
            writeln!(out, "cannot be folded: the events at {}", positions.join(", ")).map_err(Error::output)?;
        }
        if let Some(seed) = self.seed {
            writeln!(out, "chosen by seed {seed}").map_err(Error::output)?;
        }
        writeln!(out, "as of position {}", self.position).map_err(Error::output)
    }

    fn difference_sheet(&self) -> Sheet {
        let columns = [text("report"), text("document"), text("field"), text("expected"), text("found")];
        let mut sheet = Sheet::new(&columns);
        for Difference { report, document, field, expected, found } in self.differences.clone() {
            sheet.row(vec![report, document, field, expected, found]);
        }
        sheet
    }
}
