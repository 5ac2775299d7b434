//! How far the benchmark is, on standard error: a line that is drawn anew on a terminal, one line a step elsewhere.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the line is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(500);

/// Says what is being done.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    terminal: bool,
    target: String,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let terminal = io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if terminal {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {prefix}: {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(DRAWN_EVERY);
        }
        Self { bar, terminal, target: String::new() }
    }

    /// A target begins.
    pub(crate) fn target(&mut self, name: &str) {
        name.clone_into(&mut self.target);
        self.bar.set_prefix(name.to_owned());
    }

    /// A step of the target begins.
    pub(crate) fn step(&self, what: &str) {
        self.bar.set_message(what.to_owned());
        if !self.terminal {
            self.say(&format!("{}: {what}", self.target));
        }
    }

    /// Says a line that stays.
    pub(crate) fn say(&self, line: &str) {
        // Somebody who closed stderr does not want to know.
        self.bar.suspend(|| {
            let _ = writeln!(io::stderr(), "{line}");
        });
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
