//! One comparison, and all of them.

use serde::Serialize;

use crate::{
    drive::Series,
    durability::Durability,
    measure::{Figure, Latency, Percentiles, Usage},
};

/// What was compared and what came out.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// P1 to P9, D1, E1, G1.
    pub(crate) target: &'static str,
    pub(crate) what: String,
    /// What is to be reached; empty for a row that is only told.
    pub(crate) goal: String,
    /// Who it is compared with; empty where there is nobody.
    pub(crate) peer: String,
    pub(crate) unit: &'static str,
    pub(crate) theirs: Option<Figure>,
    pub(crate) ours: Option<Figure>,
    /// How the medians compare; the goal says which way.
    pub(crate) ratio: Option<f64>,
    pub(crate) latency: Option<Percentiles>,
    /// How many things (`unit` without its time) the usage was for; 0 if that means nothing.
    pub(crate) done: u64,
    pub(crate) usage: Usage,
    pub(crate) met: Option<bool>,
    pub(crate) notes: Vec<String>,
}

impl Row {
    pub(crate) fn new(target: &'static str, what: impl Into<String>, unit: &'static str) -> Self {
        Self {
            target,
            what: what.into(),
            goal: String::new(),
            peer: String::new(),
            unit,
            theirs: None,
            ours: None,
            ratio: None,
            latency: None,
            done: 0,
            usage: Usage::default(),
            met: None,
            notes: Vec::new(),
        }
    }

    /// What came out.
    pub(crate) fn ours(mut self, figure: Option<Figure>) -> Self {
        self.ours = figure;
        self
    }

    /// What the peer came to.
    pub(crate) fn against(mut self, peer: impl Into<String>, figure: Option<Figure>) -> Self {
        self.peer = peer.into();
        self.theirs = figure;
        self
    }

    /// How many times as much as the peer: for what is better when it is more.
    pub(crate) fn times_as_much(mut self) -> Self {
        self.ratio = self.ours.zip(self.theirs).and_then(|(ours, theirs)| ours.times(&theirs));
        self
    }

    /// How many times as fast as the peer: for times, which are better when they are less.
    pub(crate) fn times_as_fast(mut self) -> Self {
        self.ratio = self.ours.zip(self.theirs).and_then(|(ours, theirs)| theirs.times(&ours));
        self
    }

    /// What is to be reached, and whether it is.
    pub(crate) fn goal(mut self, goal: impl Into<String>, met: bool) -> Self {
        self.goal = goal.into();
        self.met = Some(met);
        self
    }

    /// Reached if the ratio is at least so much.
    pub(crate) fn at_least(self, least: f64) -> Self {
        let met = self.ratio.is_some_and(|ratio| ratio >= least);
        self.goal(format!("≥ {least} ×"), met)
    }

    pub(crate) fn latency(mut self, latency: &Latency) -> Self {
        self.latency = latency.percentiles();
        self
    }

    /// What was taken for how many things.
    pub(crate) fn usage(mut self, usage: Usage, done: u64) -> Self {
        self.usage = usage;
        self.done = done;
        self
    }

    /// Rate, latencies and usage of rounds.
    pub(crate) fn of(self, series: &Series) -> Self {
        self.ours(series.rate()).latency(&series.latency()).usage(series.usage(), series.done())
    }

    /// The result in a line, for whoever waits.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{} {}:", self.target, self.what);
        if let Some(ours) = self.ours {
            line.push_str(&format!(" {:.2} {}", ours.median, self.unit));
        }
        if let (Some(theirs), Some(ratio)) = (self.theirs, self.ratio) {
            line.push_str(&format!(", {} {:.2}, ratio {ratio:.2}", self.peer, theirs.median));
        }
        if let Some(met) = self.met {
            line.push_str(&format!(" ({}: {})", self.goal, if met { "met" } else { "NOT MET" }));
        }
        line
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// All results of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Vec<String>,
    pub(crate) durability: Durability,
    /// How the load looks.
    pub(crate) load: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) seconds: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_says_how_many_times_as_good() {
        let rate = Row::new("P1", "x", "sales/s").ours(Some(Figure::once(600.0)));
        let rate = rate.against("y", Some(Figure::once(100.0))).times_as_much().at_least(6.0);
        assert_eq!((rate.ratio, rate.met, rate.goal.as_str()), (Some(6.0), Some(true), "≥ 6 ×"));
        let time = Row::new("P5", "x", "ms").ours(Some(Figure::once(1.0)));
        let time = time.against("y", Some(Figure::once(10.0))).times_as_fast().at_least(25.0);
        assert_eq!((time.ratio, time.met), (Some(10.0), Some(false)));
        assert_eq!(Row::new("P1", "x", "ms").times_as_fast().at_least(1.0).met, Some(false));
    }
}
