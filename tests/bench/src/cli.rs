//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use crate::{
    drive::Plan,
    servers::Servers,
    targets::{self, Target},
};

const AFTER_HELP: &str = "\
A target that is not met is shown as not met; the exit code is 0 if the benchmark itself ran to its end. Start it with \
deploy/local.sh bench, which starts the servers and says where they are.";

/// Measures Daybook against its targets, side by side with what one would have otherwise.
#[derive(Debug, Parser)]
#[command(name = "daybook-bench", after_help = AFTER_HELP, max_term_width = 120)]
pub(crate) struct Cli {
    /// P1 to P9, or all for these; D1, E1, G1, G2 [default: all]
    #[arg(value_name = "TARGET", value_parser = targets::parse)]
    targets: Vec<Option<Target>>,
    /// Print JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    /// Rounds of each contender
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// Seconds of a round
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Seconds for which P3 must be sustained
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    sustain_seconds: u64,
    /// Lines of sales of the day that P4 and P5 report, and that G1 writes; the longest history of G2
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) history_lines: usize,
    /// P5 also with a history that is ten times as long
    #[arg(long)]
    pub(crate) long: bool,
    /// Directory of the sales that P8 imports, in the layout of `daybook import`
    #[arg(long, value_name = "DIR")]
    pub(crate) year: Option<PathBuf>,
    /// What these sales are, for the result of P8
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) year_name: String,
    /// The chain and its sales are drawn from this number
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) servers: Servers,
}

/// Part of a round for which a contender warms up.
const WARM_UP: f64 = 0.4;

impl Cli {
    /// What is to be measured, each once; without a choice P1 to P9.
    pub(crate) fn targets(&self) -> Vec<Target> {
        let all = self.targets.is_empty() || self.targets.contains(&None);
        let of_all = Target::ALL.into_iter().filter(|target| all || self.targets.contains(&Some(*target)));
        of_all.chain(Target::FURTHER.into_iter().filter(|target| self.targets.contains(&Some(*target)))).collect()
    }

    pub(crate) fn plan(&self) -> Plan {
        let round = Duration::from_secs(self.seconds);
        Plan { rounds: usize::from(self.rounds), round, warm_up: round.mul_f64(WARM_UP) }
    }

    pub(crate) fn sustain(&self) -> Duration {
        Duration::from_secs(self.sustain_seconds)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }
}
