//! How fast work goes and how long it still takes, by what was done so far: the one estimate that training, experiments and
//! readers show, in the window and on a terminal. It knows no clock; whoever shows it says how long the work has run.
//!
//! ```text
//! speed = Σ work done · e^(−age/τ)  ÷  Σ time taken · e^(−age/τ)          left = (all − done) ÷ speed
//! ```
//! τ grows with the work: at first it follows a change of pace within seconds, and an hour later it does not jump about.

use crate::format;

/// Nothing is said of a time left before so many seconds…
const ENOUGH_TIME: f64 = 1.5;
/// …and so many pieces of work.
const ENOUGH_PIECES: u32 = 3;
/// τ in seconds, at least; and as a share of the time so far.
const MEMORY: f64 = 8.0;
const MEMORY_SHARE: f64 = 0.15;

/// Work under way: epochs, bytes, or a share of the whole, and the time that it has taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeLeft {
    /// What was done and the time when it last grew; none before the first look.
    last: Option<(f64, f64)>,
    /// The time of the newest look.
    elapsed: f64,
    /// When the first look was.
    begun: f64,
    pieces: u32,
    /// Work and time, older ones counting less.
    work: f64,
    time: f64,
}

impl TimeLeft {
    /// Takes in that `done` is done (in any unit) after `elapsed` seconds of work; pauses do not count. Where less is done than
    /// before, the work has begun anew.
    pub fn observe(&mut self, done: f64, elapsed: f64) {
        if !(done.is_finite() && elapsed.is_finite()) {
            return;
        }
        match self.last {
            Some((before, since)) if done >= before && elapsed >= self.elapsed => {
                self.elapsed = elapsed;
                // Work that comes in large pieces takes as long as from one to the next.
                if done > before && elapsed > since {
                    let (grown, took) = (done - before, elapsed - since);
                    let memory = MEMORY.max(MEMORY_SHARE * (elapsed - self.begun));
                    let kept = (-took / memory).exp();
                    self.work = self.work * kept + grown;
                    self.time = self.time * kept + took;
                    self.pieces = self.pieces.saturating_add(1);
                    self.last = Some((done, elapsed));
                }
            }
            _ => *self = Self { last: Some((done, elapsed)), elapsed, begun: elapsed, ..Self::default() },
        }
    }

    /// The pace has changed: what was seen so far says nothing about what comes.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// Work done in a second, lately; none until there is enough to say.
    pub fn per_second(&self) -> Option<f64> {
        let enough = self.pieces >= ENOUGH_PIECES && self.elapsed - self.begun >= ENOUGH_TIME;
        (enough && self.time > 0.0).then(|| self.work / self.time)
    }

    /// Seconds until `all` is done; none until there is enough to say, and where nobody knows how much it is (0).
    pub fn left(&self, all: f64) -> Option<f64> {
        let (done, at) = self.last.filter(|_| all > 0.0)?;
        // What is under way has been worked on since.
        Some(((all - done) / self.per_second()? - (self.elapsed - at)).max(0.0))
    }

    /// For people: how long it has taken, and the rest of `all` where there is enough to say.
    pub fn text(&self, all: f64, at_most: bool) -> String {
        told(self.elapsed, self.left(all), at_most)
    }
}

/// Elapsed and left, in seconds, for people: 42 s so far, about 3 min 20 s left.
pub fn told(elapsed: f64, left: Option<f64>, at_most: bool) -> String {
    let left = left.map_or_else(String::new, |left| format!(", {}", format::left(left, at_most)));
    format!("{} so far{left}", format::duration(elapsed))
}

#[cfg(test)]
mod tests {
    use super::TimeLeft;

    /// Work that goes at `speed(t)` units a second, looked at every tenth of a second.
    fn watched(seconds: u32, speed: impl Fn(f64) -> f64) -> (TimeLeft, f64) {
        let (mut left, mut done) = (TimeLeft::default(), 0.0);
        for tick in 0..=seconds * 10 {
            let t = f64::from(tick) / 10.0;
            left.observe(done, t);
            done += speed(t) / 10.0;
        }
        let done = left.last.expect("was looked at").0;
        (left, done)
    }

    #[test]
    fn steady_work_takes_as_long_as_it_takes() {
        let (left, done) = watched(20, |_| 2.0);
        assert!((done - 40.0).abs() < 1e-6);
        assert!((left.left(100.0).expect("enough is known") - 30.0).abs() < 1e-6);
        assert!((left.per_second().expect("enough is known") - 2.0).abs() < 1e-9);
        assert_eq!(left.text(100.0, false), "20 s so far, about 30 s left");
        assert_eq!(left.text(440.0, true), "20 s so far, at most 3 min 20 s left");
        assert_eq!(left.left(10.0), Some(0.0), "more is done than was asked for");
        assert_eq!(left.left(0.0), None, "nobody knows how much it is");
    }

    #[test]
    fn nothing_is_said_before_there_is_enough_to_say() {
        let mut left = TimeLeft::default();
        for (done, elapsed) in [(0.0, 0.0), (0.1, 0.2), (0.2, 0.4), (0.3, 0.6)] {
            left.observe(done, elapsed);
            assert_eq!((left.left(1.0), left.per_second()), (None, None));
        }
        assert_eq!(left.text(1.0, false), "0 s so far");
        let (stuck, _) = watched(60, |_| 0.0);
        assert_eq!((stuck.left(1.0), stuck.text(1.0, false)), (None, "1 min so far".to_owned()));
        left.observe(f64::NAN, 1.0);
        left.observe(0.5, 2.0);
        assert!(left.left(1.0).is_some());
    }

    #[test]
    fn a_change_of_pace_is_followed_and_a_hiccup_is_not() {
        let (slower, done) = watched(100, |t| if t < 40.0 { 10.0 } else { 1.0 });
        let truth = (1000.0 - done) / 1.0;
        assert!((slower.left(1000.0).expect("known") / truth - 1.0).abs() < 0.35, "{slower:?}");
        let (hiccup, done) = watched(40, |t| if (38.0..38.5).contains(&t) { 0.0 } else { 10.0 });
        let truth = (1000.0 - done) / 10.0;
        assert!((hiccup.left(1000.0).expect("known") / truth - 1.0).abs() < 0.1, "{hiccup:?}");
    }

    #[test]
    fn work_in_large_pieces_counts_down_between_them() {
        let mut left = TimeLeft::default();
        for piece in 0..=4 {
            left.observe(f64::from(piece), 10.0 * f64::from(piece));
        }
        assert!((left.left(10.0).expect("known") - 60.0).abs() < 1e-9);
        left.observe(4.0, 45.0);
        assert!((left.left(10.0).expect("known") - 55.0).abs() < 1e-9, "half of a piece is done");
        left.observe(4.0, 4000.0);
        assert_eq!(left.left(5.0), Some(0.0), "never less than nothing");
    }

    #[test]
    fn work_that_begins_anew_is_estimated_anew() {
        let (mut left, _) = watched(20, |_| 5.0);
        left.observe(0.0, 20.5);
        assert_eq!(left.left(100.0), None);
        for tick in 1..=30 {
            left.observe(f64::from(tick), 20.5 + f64::from(tick));
        }
        assert!((left.left(100.0).expect("known") - 70.0).abs() < 1e-6);
        left.restart();
        assert_eq!(left.left(100.0), None);
    }
}
