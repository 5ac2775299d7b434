//! Comparing the days of stores or suppliers.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use daybook::query::v1::DateRange;
use daybook_read_model::document::SEPARATOR;
use tonic::Status;

use super::{
    answers::{Days, Listed, Reader, Whole},
    compare::{Place, differences, entries},
    run::{Run, Verdict},
};
use crate::{
    calls::{self, PATIENT},
    error::{Error, Service, told_cause},
};

/// How often a document is asked for before it counts as one that cannot be compared: with the waits in between some ten
/// seconds of a report that never holds still.
const TRIES: usize = 200;

/// Positions that stores are compared at, at most: what is recorded while they are listed.
const POSITIONS: usize = 500;

/// Wait before a document is asked for again.
const RETRY_WAIT: Duration = Duration::from_millis(50);

/// What became of a walk over the days.
enum Walked {
    Whole,
    /// The service refused an answer: the days have to be asked for one by one.
    Refused(Status),
}

impl Run<'_> {
    /// Compares all days of a kind.
    pub(super) async fn days<D: Days>(&mut self) -> Result<(), Error> {
        if !self.scope.has::<D>() {
            return Ok(());
        }
        let bar = self.notices.count(D::HEADS);
        let mut seen = HashSet::new();
        let mut again = Vec::new();
        if let Some(chosen) = &self.scope.chosen {
            let chosen = chosen.iter().filter(|(report, id)| *report == D::HEADS && self.fold.share.has(id));
            again.extend(chosen.map(|(_, id)| id.clone()));
        } else {
            for range in self.scope.ranges.clone() {
                if let Walked::Refused(status) = self.walk::<D>(range, &mut seen, &mut again, &bar).await? {
                    let cause = told_cause(&status);
                    self.notices.say(&format!("daybook: {} are asked for one by one: {cause}", D::HEADS));
                    break;
                }
            }
            let missing = D::folded(&self.fold).heads.keys().filter(|id| !seen.contains(*id) && !again.contains(*id));
            let missing: Vec<String> = missing.cloned().collect();
            again.extend(missing);
        }
        for id in again {
            self.settle::<D>(&id).await?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Reads a range of days as a stream; what is not equal at once is left for being asked for again.
    async fn walk<D: Days>(
        &mut self,
        mut range: DateRange,
        seen: &mut HashSet<String>,
        again: &mut Vec<String>,
        bar: &indicatif::ProgressBar,
    ) -> Result<Walked, Error> {
        let only = self.scope.store.as_deref().or(self.scope.supplier.as_deref());
        let mut waits = PATIENT.waits();
        let mut moved = Instant::now();
        loop {
            let outcome = Reader::<D>::open(self.query, range.clone(), only, self.position()).await;
            let status = match outcome {
                Err(status) => status,
                Ok(mut days) => loop {
                    let day = match days.next().await {
                        Err(status) => break status,
                        Ok(None) => return Ok(Walked::Whole),
                        Ok(Some(day)) => day,
                    };
                    let id = D::key(&day.view).0;
                    if let Some((date, _)) = id.split_once(SEPARATOR) {
                        date.clone_into(&mut range.from_date);
                    }
                    moved = Instant::now();
                    if !self.fold.wants::<D>(&id) || !seen.insert(id.clone()) {
                        continue;
                    }
                    match self.judge(&id, &day).await? {
                        Verdict::Equal => self.summary.equal(D::HEADS),
                        Verdict::Differs(_) | Verdict::Unclear => again.push(id),
                    }
                    bar.inc(1);
                },
            };
            if !calls::may_pass(&status) {
                return Ok(Walked::Refused(status));
            }
            if moved.elapsed() >= self.patience {
                let what = format!("reading {} did not move on", D::HEADS);
                return Err(Error::GaveUp { what, patience: self.patience, status: Box::new(status) });
            }
            tokio::time::sleep(calls::pause(&mut waits, &status)).await;
        }
    }

    /// Asks for one day until it can be compared, and takes note of the outcome.
    async fn settle<D: Days>(&mut self, id: &str) -> Result<(), Error> {
        let mut waits = PATIENT.waits();
        let begun = Instant::now();
        for _ in 0..TRIES {
            let verdict = match self.one::<D>(id).await {
                Ok(Some(day)) => self.judge(id, &day).await?,
                Ok(None) => self.absent::<D>(id),
                Err(status) if calls::may_pass(&status) => {
                    if begun.elapsed() >= self.patience {
                        let what = format!("{} {id} was not answered", D::HEADS);
                        return Err(Error::GaveUp { what, patience: self.patience, status: Box::new(status) });
                    }
                    tokio::time::sleep(calls::pause(&mut waits, &status)).await;
                    continue;
                }
                Err(status) => {
                    let place = Place { report: D::HEADS, document: id, path: "" };
                    Verdict::Differs(vec![place.difference("", "an answer", &told_cause(&status))])
                }
            };
            match verdict {
                Verdict::Equal => self.summary.equal(D::HEADS),
                Verdict::Differs(found) => self.summary.differs(D::HEADS, found),
                Verdict::Unclear => {
                    tokio::time::sleep(RETRY_WAIT).await;
                    continue;
                }
            }
            return Ok(());
        }
        self.summary.undecided(D::HEADS, id);
        Ok(())
    }

    /// One day as of a position that is not before the fold's.
    async fn one<D: Days>(&self, id: &str) -> Result<Option<Whole<D>>, Status> {
        let (date, only) = id.split_once(SEPARATOR).unwrap_or((id, ""));
        let range = DateRange { from_date: date.to_owned(), to_date: date.to_owned() };
        Reader::<D>::open(self.query, range, Some(only), self.position()).await?.next().await
    }

    /// The verdict on a day that is not answered although the fold was reached.
    fn absent<D: Days>(&self, id: &str) -> Verdict {
        if !D::folded(&self.fold).heads.contains_key(id) {
            return Verdict::Equal;
        }
        let place = Place { report: D::HEADS, document: id, path: "" };
        Verdict::Differs(vec![place.difference("", "present", "absent")])
    }

    /// Compares a day with the fold, which is brought to the position of the answer first.
    async fn judge<D: Days>(&mut self, id: &str, found: &Whole<D>) -> Result<Verdict, Error> {
        let is_in_log = self.reach(found.as_of).await?;
        let place = Place { report: D::HEADS, document: id, path: "" };
        let Some(mut expected) = D::expected(D::folded(&self.fold), id) else {
            return Ok(Verdict::Differs(vec![place.difference("", "absent", "present")]));
        };
        if is_in_log && expected.as_of > found.as_of {
            return Ok(Verdict::Unclear);
        }
        D::adopt(&mut expected.view, &found.view);
        let mut all = differences(place, D::VIEW, Some(&expected.view), Some(&found.view))?;
        all.extend(entries(place, "items", D::ITEM, &expected.items, &found.items)?);
        if all.is_empty() {
            match D::stores(self.query, id, D::key(&found.view).1).await {
                Ok(listed) => return self.judge_stores::<D>(id, &listed).await,
                Err(status) if calls::may_pass(&status) => return Ok(Verdict::Unclear),
                Err(status) => return Err(Error::call(Service::Query, status)),
            }
        }
        Ok(if all.is_empty() { Verdict::Equal } else { Verdict::Differs(all) })
    }

    /// Compares stores with the fold as of each position that they may be of: a day that is sold on changes while they are
    /// listed.
    async fn judge_stores<D: Days>(&mut self, id: &str, listed: &Listed) -> Result<Verdict, Error> {
        let place = Place { report: D::HEADS, document: id, path: "" };
        let mut position = listed.from;
        for _ in 0..POSITIONS {
            self.reach(position).await?;
            let Some(expected) = D::expected(D::folded(&self.fold), id) else { return Ok(Verdict::Unclear) };
            let message = "daybook.query.v1.SupplierDayStore";
            let found = entries(place, "stores", message, &expected.stores, &listed.stores)?;
            if found.is_empty() {
                return Ok(Verdict::Equal);
            }
            if position >= listed.to {
                // The fold may be further than the stores, or they were of several positions.
                let is_sure = expected.as_of <= listed.from && !listed.in_pages;
                return Ok(if is_sure { Verdict::Differs(found) } else { Verdict::Unclear });
            }
            position = self.position().max(position) + 1;
        }
        Ok(Verdict::Unclear)
    }
}
