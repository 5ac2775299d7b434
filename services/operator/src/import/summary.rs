//! How an import ended, in numbers.

use std::{io::Write, path::PathBuf};

use serde::Serialize;

use crate::{
    error::Error,
    json,
    output::{Format, Sheet, number, text},
};

/// How an import ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// What was imported, in the order in which it went in; kinds of which there was nothing are left out.
    pub kinds: Vec<KindSummary>,
    /// Position of the last event of all that went in, now or before; 0 if nothing did. A query with it as
    /// `at_least_position` sees the whole import.
    pub last_position: i64,
    /// Where the rejected rows are, if there are any.
    pub rejects_file: Option<PathBuf>,
}

/// The numbers of one kind: suppliers, stores, items, deliveries, sales (receipts) or tenders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KindSummary {
    pub kind: &'static str,
    /// Recorded by this import.
    pub accepted: u64,
    /// Recorded before, with the same content: nothing was changed.
    pub duplicate: u64,
    /// Not recorded. A tender is only counted if it is itself what is wrong.
    pub rejected: u64,
    /// Of what was accepted: how much should be looked at.
    pub warnings: u64,
    /// Position of the last event of the kind; 0 if there is none.
    pub last_position: i64,
}

impl Summary {
    /// Everything that was rejected.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.rejected).sum()
    }

    /// The numbers of a kind, if there was anything of it.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<&KindSummary> {
        self.kinds.iter().find(|kind| kind.kind == name)
    }

    /// How far an import came that did not end well.
    pub(crate) fn told(&self) -> String {
        let told = |kind: &KindSummary| {
            let KindSummary { kind, accepted, duplicate, rejected, .. } = kind;
            format!("{kind} {accepted} accepted, {duplicate} duplicate, {rejected} rejected")
        };
        let kinds: Vec<_> = self.kinds.iter().map(told).collect();
        if kinds.is_empty() { "nothing went in".to_owned() } else { format!("until then: {}", kinds.join("; ")) }
    }

    pub(crate) fn write(&self, out: &mut impl Write, format: Format) -> Result<(), Error> {
        match format {
            Format::Json => writeln!(out, "{}", json::line(self)?).map_err(Error::output),
            Format::Csv => self.sheet().write_csv(out, true),
            Format::Table => {
                self.sheet().write_table(out)?;
                writeln!(out, "last position: {}", self.last_position).map_err(Error::output)
            }
        }
    }

    fn sheet(&self) -> Sheet {
        let mut sheet = Sheet::new(&[
            text("kind"),
            number("accepted"),
            number("duplicate"),
            number("rejected"),
            number("warnings"),
            number("last_position"),
        ]);
        for kind in &self.kinds {
            sheet.row(vec![
                kind.kind.to_owned(),
                kind.accepted.to_string(),
                kind.duplicate.to_string(),
                kind.rejected.to_string(),
                kind.warnings.to_string(),
                kind.last_position.to_string(),
            ]);
        }
        sheet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format) -> String {
        let sales =
            KindSummary { kind: "sales", accepted: 3, duplicate: 1, rejected: 2, warnings: 1, last_position: 9 };
        let summary = Summary { kinds: vec![sales], last_position: 9, rejects_file: Some("rejects.csv".into()) };
        let mut out = Vec::new();
        summary.write(&mut out, format).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_summary_has_three_forms() {
        assert_eq!(written(Format::Csv), "kind,accepted,duplicate,rejected,warnings,last_position\nsales,3,1,2,1,9\n");
        assert_eq!(
            written(Format::Json),
            "{\"kinds\":[{\"kind\":\"sales\",\"accepted\":3,\"duplicate\":1,\"rejected\":2,\"warnings\":1,\
             \"last_position\":9}],\"last_position\":9,\"rejects_file\":\"rejects.csv\"}\n"
        );
        assert!(written(Format::Table).ends_with("last position: 9\n"));
    }

    #[test]
    fn an_import_that_fails_says_how_far_it_came() {
        let sales = KindSummary { kind: "sales", accepted: 3, ..KindSummary::default() };
        let summary = Summary { kinds: vec![sales], ..Summary::default() };
        assert_eq!(summary.told(), "until then: sales 3 accepted, 0 duplicate, 0 rejected");
        assert_eq!(Summary::default().told(), "nothing went in");
    }
}
