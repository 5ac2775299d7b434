//! One trial: a cluster of its own, registers and readers at work, faults in the middle of it, and in the end all
//! invariants.

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    Outcome,
    check::{Findings, answers, commands, documents, log::Log, tables},
    cluster::{Cluster, Part},
    drive::{
        load::Load,
        reader,
        recovery::{self, Recovery, projected},
        register::{Habits, Register},
        resources,
    },
    journal::{Answer, Journal, Line},
    seed,
    shop::calendar::Calendar,
    until::until,
};

/// How long the reports may take at the end for what they lack.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(120);

/// What a trial begins with.
#[derive(Clone, Debug)]
pub struct Setup {
    pub name: &'static str,
    /// The seed, unless another one is given from outside.
    pub seed: u64,
    pub registers: usize,
    pub readers: usize,
    pub habits: Habits,
    /// Descriptors that a service may have open.
    pub descriptors: u64,
}

impl Setup {
    /// A name and a seed; a moderate load with everything in it.
    #[must_use]
    pub fn new(name: &'static str, seed: u64) -> Self {
        let habits = Habits { calendar: Calendar::two_days(), pause: Duration::from_millis(30), hasty: true };
        Self { name, seed, registers: 8, readers: 2, habits, descriptors: resources::DESCRIPTORS }
    }
}

/// What runs of a trial.
#[derive(Debug)]
pub struct Trial {
    setup: Setup,
    pub seed: u64,
    pub cluster: Cluster,
    pub load: Load,
    pub journal: Journal,
    probe: Register,
    answers: reader::Shared,
    most: resources::Most,
    watchers: JoinSet<Outcome>,
    stop: CancellationToken,
    /// The longest recovery so far.
    pub longest: Recovery,
    begun: Instant,
}

/// What became of the attempts of a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    pub taken: u64,
    pub refused: u64,
    pub not_now: u64,
    pub unknown: u64,
    /// Of the last two, UNAVAILABLE by the service without a word about when to come back.
    pub without_wait: u64,
    /// Not answered within the deadline.
    pub late: u64,
    pub longest_millis: u64,
}

impl Trial {
    /// Starts everything, registers the catalogue and lets the load begin.
    ///
    /// # Errors
    /// If something does not start.
    pub async fn begin(setup: Setup) -> Outcome<Self> {
        let seed = seed::seed(setup.seed)?;
        println!("{}: seed {seed}", setup.name);
        let cluster = Cluster::start().await?;
        let journal = Journal::begin(&cluster.place())?;
        let port = cluster.links.front.port();
        let mut load = Load::new(seed, port, setup.habits.clone(), journal.clone());
        load.open().await?;
        let probe = load.probe()?;
        load.add(setup.registers)?;
        let (answers, most, stop) = (reader::Shared::default(), resources::Most::default(), CancellationToken::new());
        let mut watchers = JoinSet::new();
        watchers.spawn(resources::watch(cluster.pids(), Arc::clone(&most), stop.clone()));
        for reader in 0..setup.readers {
            let (port, tally) = (cluster.links.back.port(), Arc::clone(&load.tally));
            let seed = seed.wrapping_add(reader as u64);
            watchers.spawn(reader::read(seed, port, tally, Arc::clone(&answers), stop.clone()));
        }
        let begun = Instant::now();
        let longest = Recovery::default();
        let mut trial =
            Self { setup, seed, cluster, load, journal, probe, answers, most, watchers, stop, longest, begun };
        if trial.setup.registers > 0 {
            trial.load.more(20).await?;
        }
        Ok(trial)
    }

    /// Measures from now on how long it takes until all works again; the bounds must hold.
    ///
    /// # Errors
    /// If it takes too long.
    pub async fn recovered(&mut self) -> Outcome<Recovery> {
        self.recovered_after(Duration::ZERO).await
    }

    /// The same, where large events of so many lines were sent that the reports may not have yet.
    ///
    /// # Errors
    /// If it takes too long.
    pub async fn recovered_from(&mut self, large_lines: u64) -> Outcome<Recovery> {
        self.measured().await?.within_bounds(Duration::ZERO, large_lines)
    }

    /// As [`Self::recovered`], where something is broken that may stay unnoticed for a while.
    ///
    /// # Errors
    /// If it takes too long.
    pub async fn recovered_after(&mut self, unnoticed: Duration) -> Outcome<Recovery> {
        self.measured().await?.within_bounds(unnoticed, 0)
    }

    async fn measured(&mut self) -> Outcome<Recovery> {
        let measured = recovery::measure(&mut self.probe, &self.cluster.queries()?).await?;
        self.longest = self.longest.longest(measured);
        Ok(measured)
    }

    /// What became of the attempts that ended in a stretch of the journal's milliseconds, and began in it.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn stretch(&self, from: u64, until: u64) -> Outcome<Stretch> {
        let mut found = Stretch::default();
        for line in self.journal.read()? {
            let Line::Answered { millis, took_millis, answer, .. } = line else { continue };
            if millis > until || millis.saturating_sub(took_millis) < from {
                continue;
            }
            found.longest_millis = found.longest_millis.max(took_millis);
            match answer {
                Answer::Ok { .. } => found.taken += 1,
                Answer::Refused { .. } => found.refused += 1,
                Answer::NotNow { code, reason, has_wait } | Answer::Unknown { code, reason, has_wait } => {
                    let is_open = reason == daybook::reason::OUTCOME_UNKNOWN || reason.is_empty();
                    found.unknown += u64::from(is_open);
                    found.not_now += u64::from(!is_open);
                    found.without_wait += u64::from(code == "Unavailable" && !reason.is_empty() && !has_wait);
                    found.late += u64::from(code == "DeadlineExceeded" || code == "Cancelled");
                }
            }
        }
        Ok(found)
    }

    /// How often readers got each code instead of an answer, and how many answers they got.
    #[must_use]
    pub fn reader_failures(&self) -> (usize, std::collections::BTreeMap<String, u64>) {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        (answers.told.len(), answers.failures.clone())
    }

    /// Lets the load rest, checks I1 to I5, and lets other registers go on.
    ///
    /// # Errors
    /// What does not hold.
    pub async fn rest_and_check(&mut self) -> Outcome {
        self.load.end().await?;
        self.findings().await?.into_outcome(self.seed)?;
        self.load = self.load.again();
        self.load.add(self.setup.registers)
    }

    /// Fails if a process that should run does not.
    ///
    /// # Errors
    /// If one has ended by itself.
    pub fn check_running(&mut self) -> Outcome {
        self.cluster.check_running()
    }

    /// Lets everything pass, ends the load, settles what is open, and checks all invariants.
    ///
    /// # Errors
    /// What does not hold.
    pub async fn end(mut self) -> Outcome<Findings> {
        self.cluster.links.heal();
        self.load.end().await?;
        self.stop.cancel();
        while let Some(ended) = self.watchers.join_next().await {
            ended??;
        }
        self.check_running()?;
        let settled = self.load.settle().await?;
        let findings = self.findings().await?;
        let (_, failures) = self.reader_failures();
        println!(
            "{}: seed {}, {} s; {}; {settled} settled; longest recovery {} ms, of reports {} ms; instead of reports \
             {failures:?}",
            self.setup.name,
            self.seed,
            self.begun.elapsed().as_secs(),
            findings.summary(),
            self.longest.commands.as_millis(),
            self.longest.reports.as_millis(),
        );
        let findings = findings.into_outcome(self.seed)?;
        resources::check(&self.most, self.setup.descriptors)?;
        self.cluster.all_was_well();
        Ok(findings)
    }

    /// Waits until the reports have caught up, and checks I1 to I5. The load must rest.
    ///
    /// # Errors
    /// If something does not answer.
    pub async fn findings(&self) -> Outcome<Findings> {
        let log = Log::read(&self.cluster.commands(Part::Command)?).await?;
        let queries = self.cluster.queries()?;
        until(CATCH_UP_PATIENCE, &format!("the reports reach {}", log.head()), async || {
            Ok(projected(&queries).await.is_ok_and(|position| position >= log.head()).then_some(()))
        })
        .await?;
        let mut findings = Findings::default();
        log.check(&mut findings);
        commands::check(self.journal.read()?, &log, &mut findings)?;
        tables::check(&self.cluster.sql().await?, &log, &mut findings).await?;
        let documents = self.cluster.documents().await?.database(documents::DATABASE);
        documents::check(&documents, &log, &mut findings).await?;
        let told = self.answers.lock().unwrap_or_else(PoisonError::into_inner).told.clone();
        answers::check(&told, &log, &mut findings);
        Ok(findings)
    }
}
