//! What the processes take while something is measured.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::Serialize;
use tokio::task::JoinHandle;

use super::{Memory, Watched, cpu};

/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What the processes took.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: BTreeMap<&'static str, f64>,
    pub(crate) memory: BTreeMap<&'static str, Memory>,
}

impl Usage {
    /// Adds what was taken in a later phase.
    pub(crate) fn add(&mut self, later: &Self) {
        for (name, seconds) in &later.cpu_seconds {
            *self.cpu_seconds.entry(name).or_default() += seconds;
        }
        for (name, memory) in &later.memory {
            let before = self.memory.entry(name).or_default();
            *before = before.then(*memory);
        }
    }

    /// Leaves processes out that had nothing to do with it.
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.cpu_seconds.retain(|name, _| !names.contains(name));
        self.memory.retain(|name, _| !names.contains(name));
        self
    }

    /// CPU seconds of all processes together.
    pub(crate) fn all_cpu_seconds(&self) -> f64 {
        self.cpu_seconds.values().sum()
    }
}

/// Measures from its beginning to its end; dropped before, it stops looking.
#[derive(Debug)]
pub(crate) struct Meter {
    watched: Vec<Watched>,
    cpu_before: Vec<f64>,
    looking: Looking,
}

#[derive(Debug)]
struct Looking {
    task: JoinHandle<()>,
    seen: Arc<Seen>,
}

/// Memory at all looks until now.
type Seen = Mutex<BTreeMap<&'static str, Memory>>;

impl Drop for Looking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Meter {
    pub(crate) fn start(watched: Vec<Watched>) -> Self {
        let seen = Arc::default();
        let task = tokio::spawn(look(watched.clone(), Arc::clone(&seen)));
        let cpu_before = watched.iter().map(|process| cpu::seconds(*process)).collect();
        Self { watched, cpu_before, looking: Looking { task, seen } }
    }

    pub(crate) fn finish(self) -> Usage {
        let cpu = self.watched.iter().zip(&self.cpu_before);
        let cpu_seconds = cpu.map(|(process, before)| (process.name, (cpu::seconds(*process) - before).max(0.0)));
        let cpu_seconds = cpu_seconds.collect();
        note(&self.watched, &self.looking.seen);
        let memory = self.looking.seen.lock().map(|seen| seen.clone()).unwrap_or_default();
        Usage { cpu_seconds, memory }
    }
}

async fn look(watched: Vec<Watched>, seen: Arc<Seen>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        ticks.tick().await;
        note(&watched, &seen);
    }
}

fn note(watched: &[Watched], seen: &Seen) {
    for process in watched {
        let memory = Memory::of(*process);
        if let Ok(mut seen) = seen.lock() {
            let before = seen.entry(process.name).or_default();
            *before = before.then(memory);
        }
    }
}
