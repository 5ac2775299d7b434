//! Keeps the account of an import: what was answered, what was rejected, and what should be looked at.

use daybook::command::v1::{Accepted, Rejection};

use super::{
    fault::Refused,
    place,
    rejects::Rejects,
    source::Origin,
    summary::{KindSummary, Summary},
};
use crate::{error::Error, notices::Notices};

/// The kinds and the files they come from, in the order in which they go in.
const KINDS: [(&str, &str); 6] = [
    ("suppliers", "suppliers.csv"),
    ("stores", "stores.csv"),
    ("items", "items.csv"),
    ("deliveries", "deliveries.csv"),
    ("sales", "sales.csv"),
    ("tenders", "tenders.csv"),
];

/// Most warnings that are told on the screen; the summary has their number.
const MAX_TOLD_WARNINGS: u64 = 20;

/// The account of one import.
pub(crate) struct Ledger<'n> {
    kinds: [KindSummary; KINDS.len()],
    rejects: Rejects<'n>,
    warnings: u64,
    /// Where the log ended when the import began.
    head_before: i64,
    notices: &'n Notices,
}

impl<'n> Ledger<'n> {
    pub(crate) fn new(rejects: Rejects<'n>, head_before: i64, notices: &'n Notices) -> Self {
        let kinds = KINDS.map(|(kind, _)| KindSummary { kind, ..KindSummary::default() });
        Self { kinds, rejects, warnings: 0, head_before, notices }
    }

    /// A command was recorded, now or before.
    pub(crate) fn accept(&mut self, origin: &Origin, accepted: &Accepted, was_resent: bool) {
        let Some(first) = origin.rows.first() else { return };
        // What is sent again after a broken connection may have been recorded the first time. Then it is no duplicate to
        // whoever counts: the event is from after the import began.
        let is_own = was_resent && accepted.position > self.head_before;
        let is_new = !accepted.duplicate || is_own;
        let kind = self.kind(first.columns.file);
        kind.last_position = kind.last_position.max(accepted.position);
        if !is_new {
            kind.duplicate += 1;
            return;
        }
        kind.accepted += 1;
        kind.warnings += accepted.warnings.len() as u64;
        for warning in &accepted.warnings {
            let message = format!("{}: {}", place::told(origin, &warning.field), warning.message);
            self.warn(&message);
        }
    }

    /// A command was rejected for good.
    pub(crate) fn reject(&mut self, origin: &Origin, rejection: &Rejection) -> Result<(), Error> {
        place::refused(origin, rejection).map_or(Ok(()), |refused| self.refuse(&refused))
    }

    /// Something could not even be sent.
    pub(crate) fn refuse(&mut self, refused: &Refused) -> Result<(), Error> {
        if refused.counted {
            self.kind(refused.file).rejected += 1;
        }
        self.rejects.add(refused)
    }

    /// Something that should be looked at.
    pub(crate) fn warn(&mut self, message: &str) {
        self.warnings += 1;
        if self.warnings <= MAX_TOLD_WARNINGS {
            self.notices.say(&format!("warning: {message}"));
        }
    }

    /// Closes the account.
    pub(crate) fn finish(self) -> Result<Summary, Error> {
        if self.warnings > MAX_TOLD_WARNINGS {
            self.notices.say(&format!("… and {} more warnings", self.warnings - MAX_TOLD_WARNINGS));
        }
        let rejects_file = self.rejects.finish()?;
        let last_position = self.kinds.iter().map(|kind| kind.last_position).max().unwrap_or(0);
        let is_empty = |kind: &KindSummary| kind.accepted + kind.duplicate + kind.rejected == 0;
        let kinds = self.kinds.into_iter().filter(|kind| !is_empty(kind)).collect();
        Ok(Summary { kinds, last_position, rejects_file })
    }

    fn kind(&mut self, file: &str) -> &mut KindSummary {
        let index = KINDS.iter().position(|(_, of_kind)| *of_kind == file).unwrap_or(KINDS.len() - 1);
        &mut self.kinds[index]
    }
}

#[cfg(test)]
mod tests {
    use daybook::command::v1::Warning;

    use super::{
        super::{catalogue, testing::row},
        *,
    };

    fn origin() -> Origin {
        Origin { rows: vec![row(&catalogue::SUPPLIERS, "supplier_id,name", 2, "69,M")], tenders: Vec::new() }
    }

    fn accepted(position: i64, duplicate: bool) -> Accepted {
        Accepted { position, duplicate, ..Accepted::default() }
    }

    #[test]
    fn what_was_sent_twice_is_counted_as_what_it_was() {
        let notices = Notices::kept();
        let rejects = Rejects::new(std::path::Path::new("unused"), &[], &notices).unwrap();
        let mut ledger = Ledger::new(rejects, 100, &notices);
        ledger.accept(&origin(), &accepted(101, false), false);
        ledger.accept(&origin(), &accepted(102, true), true);
        ledger.accept(&origin(), &accepted(99, true), true);
        ledger.accept(&origin(), &accepted(98, true), false);
        let summary = ledger.finish().unwrap();
        let suppliers = summary.kind("suppliers").unwrap();
        assert_eq!((suppliers.accepted, suppliers.duplicate, suppliers.last_position), (2, 2, 102));
        assert_eq!((summary.kinds.len(), summary.last_position), (1, 102));
    }

    #[test]
    fn warnings_are_told_with_their_place_up_to_a_bound() {
        let notices = Notices::kept();
        let rejects = Rejects::new(std::path::Path::new("unused"), &[], &notices).unwrap();
        let mut ledger = Ledger::new(rejects, 0, &notices);
        let warning = Warning { reason: "R".into(), field: "name".into(), message: "look at it".into() };
        let answer = Accepted { warnings: vec![warning; 25], ..accepted(1, false) };
        ledger.accept(&origin(), &answer, false);
        assert_eq!(ledger.finish().unwrap().kinds[0].warnings, 25);
        let said = notices.take();
        assert_eq!(said[0], "warning: suppliers.csv:2: name: look at it");
        assert_eq!((said.len(), said[20].as_str()), (21, "… and 5 more warnings"));
    }
}
