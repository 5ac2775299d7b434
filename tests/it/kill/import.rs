//! An import that must survive.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    day::{expectation, sample, sheets},
    process::{
        child::Child,
        deployment::{Deployment, Part},
        program::{self, Endpoints},
    },
    world::until::until_within,
};

/// Stores of the sample day that are imported: enough work to be killed in, little enough to be quick.
const STORES: [&str; 4] = ["361", "406", "391", "375"];

/// How long the import may take with everything that happens to it, and the export after it.
const PATIENCE: Duration = Duration::from_secs(150);

/// In how many hundredths of the import something is killed.
pub(super) const MOMENTS: [i64; 3] = [8, 45, 85];

/// What tells how far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Events in the log.
    Recorded,
    /// Events in the reports.
    Reported,
}

/// An import that is under way.
#[derive(Debug)]
pub(super) struct Import {
    deployment: Deployment,
    importer: Child,
    expected: sheets::Sheets,
    events: i64,
}

impl Import {
    /// Starts to import a part of the sample day.
    pub(super) fn start(deployment: Deployment) -> Self {
        let directory = deployment.directory().join("in");
        sample::cut(&STORES, &directory);
        let (expected, events) = expectation::of(&directory);
        let importer = start(&deployment, "import");
        Self { deployment, importer, expected, events }
    }

    pub(super) fn deployment(&mut self) -> &mut Deployment {
        &mut self.deployment
    }

    /// Waits for a moment of the import, in hundredths.
    pub(super) async fn until(&mut self, progress: Progress, moment: i64) {
        let wanted = self.events * moment / 100;
        let what = format!("{wanted} of {} events are {progress:?}", self.events);
        let position = until_within(PATIENCE, &what, async || {
            let position = match progress {
                Progress::Recorded => self.deployment.head().await?,
                Progress::Reported => self.deployment.projected().await?,
            };
            (position >= wanted).then_some(position)
        })
        .await;
        assert!(position < self.events, "the import is over before anything was killed at {moment} hundredths");
    }

    /// Kills the importer itself and starts it again.
    pub(super) fn kill_and_restart_importer(&mut self) {
        self.importer.kill();
        self.importer = start(&self.deployment, "import");
    }

    /// Waits for the end of the import and compares the export with what it must be.
    pub(super) async fn ends_well(mut self) {
        let begun = Instant::now();
        let status = self.importer.end(PATIENCE).await;
        assert!(status.success(), "the import: {status}\n{}", self.importer.errors());
        assert_eq!(self.deployment.head().await, Some(self.events), "everything is recorded once");
        let endpoints = endpoints(&self.deployment);
        let directory = self.deployment.directory().to_owned();
        let left = PATIENCE.saturating_sub(begun.elapsed());
        let ended = program::run(&endpoints, "export", &["export", "out"], &directory, left).await;
        assert_eq!(ended.code, Some(0), "the export: {}", ended.errors);
        sheets::assert_equal(&sheets::read(&directory.join("out")), &self.expected);
        self.deployment.end().await;
    }
}

fn start(deployment: &Deployment, name: &str) -> Child {
    program::start(&endpoints(deployment), name, &["import", "in"], deployment.directory())
}

fn endpoints(deployment: &Deployment) -> Endpoints {
    Endpoints { command: deployment.endpoint(Part::Command), query: deployment.endpoint(Part::Query) }
}
