//! What a command shows on a terminal while it works: a bar, what it is at, how long it has taken and what is left. Nothing where
//! stderr is no terminal.

use crate::data::{Reading, ReadingProgress};
use crate::format;
use crate::time_left::TimeLeft;
use indicatif::style::TemplateError;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Time between two looks, at least.
const EVERY: Duration = Duration::from_millis(100);
/// Length of the bar in steps.
const STEPS: f64 = 1000.0;

/// Work that is shown.
pub(super) struct Progress {
    bar: ProgressBar,
    all: f64,
    /// What is counted, where its pace is told.
    unit: Option<&'static str>,
    /// Whether it may end before all is done.
    at_most: bool,
    time: TimeLeft,
    begun: Instant,
    drawn: Option<Instant>,
}

impl Progress {
    /// For `all` of something; of a `unit` it is told how many are done in a second.
    pub fn new(all: f64, unit: Option<&'static str>, at_most: bool) -> Result<Self, TemplateError> {
        let style = ProgressStyle::with_template("{bar:24} {msg}")?;
        let bar = ProgressBar::new(STEPS as u64).with_style(style);
        Ok(Self { bar, all, unit, at_most, time: TimeLeft::default(), begun: Instant::now(), drawn: None })
    }

    /// Shows that `done` of all is done, and what that is.
    pub fn set(&mut self, done: f64, what: impl FnOnce() -> String) {
        if self.bar.is_hidden() || self.drawn.is_some_and(|drawn| drawn.elapsed() < EVERY) {
            return;
        }
        self.drawn = Some(Instant::now());
        self.bar.set_position((done / self.all.max(f64::MIN_POSITIVE) * STEPS) as u64);
        self.time.observe(done, self.begun.elapsed().as_secs_f64());
        self.bar.set_message(self.line(done, &what()));
    }

    /// What stands behind the bar.
    fn line(&self, done: f64, what: &str) -> String {
        let Self { all, unit, at_most, time, .. } = self;
        let share = if *all > 0.0 { format!("{}  ", format::percent((done / all).min(1.0), 0)) } else { String::new() };
        let pace =
            unit.zip(time.per_second()).map_or_else(String::new, |(unit, n)| format!(", {}", format::rate(n, unit)));
        format!("{share}{what}  {}{pace}", time.text(*all, *at_most))
    }

    /// Takes it from the terminal.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// Reads something that is called `name`, and shows how far it is where that takes more than a moment.
pub(super) fn read_visibly<T>(name: &str, work: impl FnOnce(&Reading) -> T) -> T {
    if !std::io::stderr().is_terminal() {
        return work(&Reading::default());
    }
    let progress = Arc::<ReadingProgress>::default();
    std::thread::scope(|scope| {
        let (reads, ended) = channel::<()>();
        let seen = Arc::clone(&progress);
        let watch = move || {
            let mut shown: Option<Progress> = None;
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(EVERY) {
                let (done, total) = seen.done();
                if shown.is_none() {
                    shown = Progress::new(total as f64, None, false).ok();
                }
                if let Some(shown) = &mut shown {
                    shown.all = total as f64;
                    shown.set(done as f64, || format!("reading {name}"));
                }
            }
            if let Some(shown) = shown {
                shown.finish();
            }
        };
        // Without a thread for it nothing is shown.
        std::thread::Builder::new().name("progress".to_owned()).spawn_scoped(scope, watch).ok();
        let outcome = work(&Reading::new(progress));
        drop(reads);
        outcome
    })
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn the_line_tells_share_time_pace_and_what_is_left() {
        let mut progress = Progress::new(100.0, Some("epoch"), true).expect("the template is one");
        let mut at = |done: f64| {
            progress.time.observe(done, 2.0 * done);
            progress.line(done, "epoch 3 of 100")
        };
        assert_eq!(at(0.0), "0 %  epoch 3 of 100  0 s so far");
        for epoch in 1..30 {
            at(f64::from(epoch));
        }
        assert_eq!(at(30.0), "30 %  epoch 3 of 100  1 min so far, at most 2 min 20 s left, 2.0 s per epoch");
        (progress.all, progress.unit) = (0.0, None);
        assert_eq!(progress.line(30.0, "reading a.csv"), "reading a.csv  1 min so far", "nobody knows how much it is");
    }
}
