//! What is said to the operator beside the result: messages, and how far long work is. All of it goes to stderr; progress
//! is drawn only on a terminal.

use std::{
    io::{self, Write as _},
    sync::Mutex,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where notices go.
#[derive(Debug)]
pub struct Notices {
    kept: Option<Mutex<Vec<String>>>,
    bars: MultiProgress,
}

impl Notices {
    /// To the standard error, with progress if that is a terminal.
    #[must_use]
    pub fn stderr() -> Self {
        Self { kept: None, bars: MultiProgress::new() }
    }

    /// Nowhere: they are kept for [`Self::take`].
    #[must_use]
    pub fn kept() -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        Self { kept: Some(Mutex::default()), bars }
    }

    /// Takes what was kept so far.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        self.kept
            .as_ref()
            .and_then(|kept| kept.lock().ok())
            .map(|mut kept| std::mem::take(&mut *kept))
            .unwrap_or_default()
    }

    /// Says a line.
    pub(crate) fn say(&self, line: &str) {
        match &self.kept {
            Some(kept) => {
                if let Ok(mut kept) = kept.lock() {
                    kept.push(line.to_owned());
                }
            }
            // Somebody who closed stderr does not want to know.
            None => self.bars.suspend(|| {
                let _ = writeln!(io::stderr(), "{line}");
            }),
        }
    }

    /// Progress in bytes.
    pub(crate) fn bytes(&self, name: &str, total: u64) -> ProgressBar {
        self.bar(name, total, "{prefix:12} {bar:32} {decimal_bytes:>10}/{decimal_total_bytes:10} {eta:>4} {msg}")
    }

    /// Progress towards a position of the log.
    pub(crate) fn positions(&self, name: &str, total: u64) -> ProgressBar {
        self.bar(name, total, "{prefix:12} {bar:32} {human_pos:>10}/{human_len:10} {msg}")
    }

    /// Progress of work whose end is not known.
    pub(crate) fn count(&self, name: &str) -> ProgressBar {
        let bar = self.bar(name, 0, "{prefix:24} {human_pos:>10} {msg}");
        bar.unset_length();
        bar
    }

    fn bar(&self, name: &str, total: u64, template: &str) -> ProgressBar {
        let bar = self.bars.add(ProgressBar::new(total).with_prefix(name.to_owned()));
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_taken_once() {
        let notices = Notices::kept();
        notices.say("one");
        notices.say("two");
        assert_eq!(notices.take(), ["one", "two"]);
        assert!(notices.take().is_empty());
        assert!(Notices::stderr().take().is_empty());
    }

    #[test]
    fn the_templates_are_valid() {
        let notices = Notices::kept();
        for bar in [notices.bytes("sales", 10), notices.positions("reports", 10), notices.count("store_days.csv")] {
            bar.inc(1);
            assert_eq!(bar.position(), 1);
        }
        for template in
            ["{decimal_bytes:>10}/{decimal_total_bytes:10} {eta:>4} {msg}", "{human_pos:>10}/{human_len:10}"]
        {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
