//! The learning-rate finder: raises the rate from update to update, watches the loss (Smith 2017, §3.3), and chooses a rate by it.
//!
//! One run is mostly noise of its mini-batches. So there are three starts from parameters of their own; their losses are averaged
//! update by update and smoothed along the logarithm of the rate by local regression (Cleveland 1979):
//!
//! ```text
//! loss ──────╮            s: where the smoothed loss falls fastest     m: a tenth of the rate where it is lowest
//!             ╲     ╱     chosen: √(s·m), the middle of the two on the axis; m where s lies above it
//!              ╲___╱
//! ```
//! The steepest place alone is too low where the loss falls in two steps, a tenth of the lowest too uncertain where its bottom is
//! level.
//!
//! A curve that hardly falls says nothing about the rate; nothing is chosen then, and [`NoRate`] says why.

use super::config::TrainConfig;
use super::schedule::Schedule;
use super::session::{Diverged, Session, SessionError, Tick};
use crate::data::Dataset;
use crate::format;
use crate::nn::{NetworkSpec, Optimizer};
use crate::seed::{Purpose, Stream};
use serde::Serialize;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

/// The loss at one learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RatePoint {
    pub learning_rate: f32,
    pub loss: f64,
}

/// The learning rates that are tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateRange {
    pub low: f32,
    pub high: f32,
    /// Updates of each start.
    pub steps: usize,
}

impl Default for RateRange {
    fn default() -> Self {
        Self { low: 1e-6, high: 10.0, steps: 200 }
    }
}

/// Fewer updates make no curve.
pub const FEWEST_UPDATES: usize = 10;
/// More take too long.
pub const MOST_UPDATES: usize = 100_000;
/// Starts, each with initial parameters and an order of rows of its own.
pub const STARTS: usize = 3;
/// The chosen rate is at most this share of the one at the lowest loss.
const WELL_BEFORE: f32 = 0.1;
/// Smoothing takes in this share of the updates at each side.
const REACH: f64 = 0.06;
/// A loss that falls by less than this share of what it was at first is flat.
const LEAST_FALL: f64 = 0.05;
/// So many standard errors are taken for chance.
const BY_CHANCE: f64 = 4.0;

impl RateRange {
    /// What is wrong with it.
    pub fn problem(&self) -> Option<String> {
        let Self { low, high, steps } = *self;
        if !(low > 0.0 && high > low && high.is_finite()) {
            return Some("The learning rate must rise from a number above 0 to a larger one.".to_owned());
        }
        (!(FEWEST_UPDATES..=MOST_UPDATES).contains(&steps))
            .then(|| format!("A curve takes {FEWEST_UPDATES} to {MOST_UPDATES} updates, not {steps}; 200 are usual."))
    }

    /// The rate of an update, counted from 0: each is the one before times the same factor.
    fn rate(&self, step: usize) -> f32 {
        let part = step as f32 / self.steps.saturating_sub(1).max(1) as f32;
        self.low * (self.high / self.low).powf(part)
    }

    /// Updates that smoothing takes in at each side.
    fn reach(&self) -> usize {
        ((self.steps as f64 * REACH).round() as usize).max(2)
    }
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct RateTest {
    /// The loss of each start, smoothed; up to where it was no longer finite, or twice what it was at first.
    pub starts: Vec<Vec<RatePoint>>,
    /// The mean over the starts, smoothed.
    pub mean: Vec<RatePoint>,
    pub choice: Result<RateChoice, NoRate>,
}

/// The learning rate that was chosen, and what it was chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RateChoice {
    pub learning_rate: f32,
    /// Where the smoothed mean falls fastest.
    pub steepest: f32,
    /// Where it is lowest.
    pub lowest: f32,
}

/// How the rate is chosen, for people.
pub const RULE: &str = "The mean loss of three starts is smoothed along the logarithm of the learning rate. Chosen is the middle \
    between the rate where it falls fastest and a tenth of the one where it is lowest, and at most that tenth: what goes well for \
    one update may be too much for many.";

impl RateChoice {
    /// What it was chosen by, for people.
    pub fn reason(&self) -> String {
        format!(
            "The mean of {STARTS} starts falls fastest at {} and is lowest at {}",
            format::learning_rate(self.steepest),
            format::learning_rate(self.lowest)
        )
    }
}

/// Why no learning rate is chosen, and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoRate {
    #[error("{0}")]
    Flat(FlatCurve),
    #[error(
        "The range begins too high, so no learning rate is chosen: the loss is lowest at {}, and a tenth of that is less than {}. \
         Run it again from a lower rate, such as {}.",
        format::learning_rate(*lowest), format::learning_rate(range.low), format::learning_rate(range.low * 1e-3)
    )]
    TooHigh { range: RateRange, lowest: f32 },
}

impl NoRate {
    /// Updates with which there may be more to see.
    pub fn more_updates(&self) -> Option<usize> {
        match self {
            Self::Flat(curve) => curve.more_updates(),
            Self::TooHigh { .. } => None,
        }
    }
}

/// A curve that says nothing about the rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlatCurve {
    range: RateRange,
    /// The learning rate that the network is trained with now.
    present: f32,
    /// The loss of the initial parameters, and the lowest one.
    first: f64,
    lowest: f64,
    /// Whether the fall is lost in the noise of the mini-batches; else it is just small.
    by_chance: bool,
    /// Whether the loss is lowest at the end of the range.
    at_end: bool,
}

impl FlatCurve {
    fn more_updates(&self) -> Option<usize> {
        self.range.steps.checked_mul(4).filter(|&n| n <= MOST_UPDATES)
    }
}

impl Display for FlatCurve {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [low, high, present] = [self.range.low, self.range.high, self.present].map(format::learning_rate);
        let [first, lowest] = [self.first, self.lowest].map(format::number);
        write!(f, "The loss is flat from a learning rate of {low} to {high}: ")?;
        if self.lowest >= self.first || first == lowest {
            write!(f, "it never falls below the {first} of the start")?;
        } else if self.by_chance {
            write!(f, "it only falls from {first} to {lowest}, no more than mini-batches differ by chance")?;
        } else {
            write!(f, "it only falls from {first} to {lowest}, by less than {}", format::percent(LEAST_FALL, 0))?;
        }
        write!(f, ". So the curve says nothing about the rate, and none is chosen. ")?;
        let more =
            self.more_updates().map(|n| format!("run the test with {n} updates instead of {}", self.range.steps));
        let wider = self.at_end.then(|| format!("raise the highest rate above {high}"));
        let ways: Vec<String> = more.into_iter().chain(wider).collect();
        if !ways.is_empty() {
            write!(f, "To see more, {}. ", ways.join(", or "))?;
        }
        write!(f, "Until then, keep the present learning rate of {present}.")
    }
}

/// The losses of one start.
struct Start {
    /// Of each update, at most [`Self::ceiling`].
    losses: Vec<f64>,
    /// Twice what the loss was at first: above, it has blown up.
    ceiling: f64,
}

/// Raises the learning rate from update to update, by the same factor each time, for each start. The first start has the seed of
/// `config`, the others have seeds of streams of it. `progress` gets the start and the share of its updates that is done; where
/// it returns false the test ends, and nothing comes back.
///
/// # Errors
/// What does not fit.
pub fn find_rate(
    spec: &NetworkSpec,
    data: &Dataset,
    config: &TrainConfig,
    range: RateRange,
    threads: usize,
    progress: &mut dyn FnMut(usize, f32) -> bool,
) -> Result<Option<RateTest>, SessionError> {
    if let Some(problem) = range.problem() {
        return Err(SessionError::Config(problem));
    }
    if matches!(config.optimizer, Optimizer::Rprop { .. }) {
        return Err(SessionError::Config(OWN_STEPS.to_owned()));
    }
    // Without validation and test rows; the arrays are shared.
    let [training, ..] = data.parts.clone();
    let data = Dataset { parts: [training, Arc::default(), Arc::default()], ..data.clone() };
    let plain = TrainConfig { schedule: Schedule::Constant, early_stopping: None, ..config.clone() };
    let mut session = Session::new(spec, Arc::new(data), plain.clone(), threads)?;
    let mut starts = Vec::with_capacity(STARTS);
    for start in 0..STARTS {
        let config = TrainConfig { seed: seed_of(config.seed, start), ..plain.clone() };
        let Some(start) = run(&mut session, &config, range, &mut |share| progress(start, share))? else {
            return Ok(None);
        };
        starts.push(start);
    }
    Ok(Some(judge(&starts, range, config.learning_rate)))
}

fn seed_of(seed: u64, start: usize) -> u64 {
    if start == 0 { seed } else { u64::from(Stream::new(seed, Purpose::Start, start as u64).next_u32()) }
}

/// One start; none where it is called off. Mini-batches are easy or hard whatever the parameters: what the loss of each with the
/// initial parameters differs from their mean is taken off, less of it the further the loss has fallen (a control variate).
fn run(
    session: &mut Session,
    config: &TrainConfig,
    range: RateRange,
    progress: &mut dyn FnMut(f32) -> bool,
) -> Result<Option<Start>, SessionError> {
    let mut pass = |rate: &dyn Fn(usize) -> f32, see: &mut dyn FnMut(usize, f64) -> Option<bool>| {
        session.configure(TrainConfig { learning_rate: rate(0), ..config.clone() })?;
        session.rewind();
        for step in 0..range.steps {
            session.configure(TrainConfig { learning_rate: rate(step), ..config.clone() })?;
            let Ok(loss) = update(session) else { break };
            match see(step, loss) {
                Some(true) => {}
                Some(false) => break,
                None => return Ok(false),
            }
        }
        Ok::<bool, SessionError>(true)
    };
    let told = |step: usize, passes: f32| f32::midpoint(passes, (step + 1) as f32 / range.steps as f32);
    let mut still = Vec::with_capacity(range.steps);
    let whole = pass(&|_| 0.0, &mut |step, loss| {
        still.push(loss);
        progress(told(step, 0.0)).then_some(true)
    })?;
    if !whole {
        return Ok(None);
    }
    if still.len() < range.steps {
        return Err(SessionError::Config(NOT_FINITE.to_owned()));
    }
    let first = mean(still.iter().copied());
    let mut start = Start { losses: Vec::with_capacity(range.steps), ceiling: first + first.abs() };
    let mut lately = first;
    let whole = pass(&|step| range.rate(step), &mut |step, loss| {
        let Some(before) = still.get(step) else { return Some(false) };
        let share = if first == 0.0 { 1.0 } else { (lately / first).clamp(0.0, 1.0) };
        let loss = loss - share * (before - first);
        start.losses.push(loss.min(start.ceiling));
        lately = LATELY * lately + (1.0 - LATELY) * loss;
        progress(told(step, 1.0)).then_some(lately <= start.ceiling)
    })?;
    Ok(whole.then_some(start))
}

/// Share of the mean so far that each update leaves; a single mini-batch does not end a start.
const LATELY: f64 = 0.8;

const OWN_STEPS: &str = "Rprop finds the size of its steps by itself: the learning rate is only that of the first step, so there is none \
     to find. Keep it, or choose another optimizer.";

const NOT_FINITE: &str = "The loss is not a finite number with the initial parameters already, so no learning rate can be found. \
     Standardise the inputs in Data, or take an initialiser with smaller weights.";

/// The mean loss of the mini-batches of one update, before it.
fn update(session: &mut Session) -> Result<f64, Diverged> {
    let updates = session.steps();
    let (mut sum, mut rows) = (0.0, 0);
    while session.steps() == updates {
        let batch = session.mini_batch().len();
        if session.tick()? == Tick::Batch {
            sum += session.batch_loss() * batch as f64;
            rows += batch;
        }
    }
    Ok(sum / rows.max(1) as f64)
}

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, n) = values.into_iter().fold((0.0, 0), |(sum, n), value| (sum + value, n + 1));
    sum / f64::from(n.max(1))
}

/// The curves of the starts, and the rate that follows from them.
fn judge(starts: &[Start], range: RateRange, present: f32) -> RateTest {
    let reach = range.reach();
    let points = |levels: Vec<f64>| -> Vec<RatePoint> {
        let point = |(step, loss)| RatePoint { learning_rate: range.rate(step), loss };
        levels.into_iter().enumerate().map(point).collect()
    };
    let levels = |values: &[f64]| (0..values.len()).map(|at| fit(values, at, reach).level).collect();
    let length = starts.iter().map(|s| s.losses.len()).max().unwrap_or(0);
    // A start that has blown up counts as high as that.
    let raw: Vec<f64> =
        (0..length).map(|step| mean(starts.iter().map(|s| s.losses.get(step).copied().unwrap_or(s.ceiling)))).collect();
    RateTest {
        starts: starts.iter().map(|s| points(levels(&s.losses))).collect(),
        mean: points(levels(&raw)),
        choice: choose(&raw, range, present),
    }
}

/// The rule, on the mean losses of the starts.
fn choose(raw: &[f64], range: RateRange, present: f32) -> Result<RateChoice, NoRate> {
    let reach = range.reach();
    let fits: Vec<Fit> = (0..raw.len()).map(|at| fit(raw, at, reach)).collect();
    let least = |value: fn(&Fit) -> f64, fits: &[Fit]| {
        fits.iter().enumerate().min_by(|a, b| value(a.1).total_cmp(&value(b.1))).map_or(0, |(at, _)| at)
    };
    let lowest = least(|f| f.level, &fits);
    let level = |at: usize| fits.get(at).map_or(f64::INFINITY, |f| f.level);
    // The first loss is that of the initial parameters.
    let first = raw.first().copied().unwrap_or(f64::INFINITY);
    let fall = first - level(lowest);
    let before = ..fits.len().min(lowest + 1);
    // Where the parameters have hardly moved there is no noise; it is that on the way to the lowest loss which counts.
    let scatter =
        fits[before].iter().zip(raw).map(|(f, raw)| (raw - f.level).powi(2)).skip(lowest.saturating_sub(2 * reach));
    let error = (mean(scatter) / reach as f64).sqrt();
    // Written so that NaN is flat.
    let told = fall > BY_CHANCE * error;
    if !(told && fall > LEAST_FALL * first.abs()) {
        let at_end = lowest + reach >= range.steps;
        return Err(NoRate::Flat(FlatCurve { range, present, first, lowest: level(lowest), by_chance: !told, at_end }));
    }
    let steepest = range.rate(least(|f| f.slope, &fits[before]));
    let lowest = range.rate(lowest);
    let most = WELL_BEFORE * lowest;
    let learning_rate = (steepest.min(most) * most).sqrt();
    if learning_rate < range.low {
        return Err(NoRate::TooHigh { range, lowest });
    }
    Ok(RateChoice { learning_rate, steepest, lowest })
}

/// A line through the values around one of them.
struct Fit {
    level: f64,
    /// Per update.
    slope: f64,
}

/// The least-squares line through the values within `reach` of `at`, with tricube weights (Cleveland 1979, §2).
fn fit(values: &[f64], at: usize, reach: usize) -> Fit {
    let (mut weights, mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let around = at.saturating_sub(reach)..(at + reach + 1).min(values.len());
    for (k, value) in values.iter().enumerate().take(around.end).skip(around.start) {
        let distance = k as f64 - at as f64;
        let weight = (1.0 - (distance.abs() / (reach + 1) as f64).powi(3)).powi(3);
        weights += weight;
        x += weight * distance;
        y += weight * value;
        xx += weight * distance * distance;
        xy += weight * distance * value;
    }
    let (x, y) = (x / weights, y / weights);
    let spread = xx / weights - x * x;
    let slope = if spread > 0.0 { (xy / weights - x * y) / spread } else { 0.0 };
    Fit { level: y - slope * x, slope }
}

#[cfg(test)]
mod tests {
    use super::{FEWEST_UPDATES, NoRate, RateRange, Start, choose, fit, judge};

    const RANGE: RateRange = RateRange { low: 1e-6, high: 10.0, steps: 200 };

    /// Losses over the logarithm of the rate, with a noise that is the same every time, and grows as the parameters move.
    fn curve(loss: impl Fn(f64) -> f64, noise: f64) -> Vec<f64> {
        let at = |step: usize| loss(f64::from(RANGE.rate(step)).log10());
        let noise = |step: usize| noise * (step as f64 / 40.0).min(1.0) * (((step * 7919) % 199) as f64 / 99.0 - 1.0);
        (0..RANGE.steps).map(|step| at(step) + noise(step)).collect()
    }

    /// Falls around 10⁻², is lowest at 1, and rises behind it.
    fn usual(x: f64) -> f64 {
        1.0 - 0.8 / (1.0 + (-4.0 * (x + 2.0)).exp()) + 0.9 * x.max(0.0)
    }

    #[test]
    fn the_rate_lies_near_where_the_smoothed_loss_falls_fastest() {
        for noise in [0.0, 0.05, 0.15] {
            let choice = choose(&curve(usual, noise), RANGE, 0.1).expect("it falls");
            assert!((choice.steepest.log10() + 2.0).abs() < 0.35, "{noise}: {choice:?}");
            assert!((-2.2..-1.2).contains(&choice.learning_rate.log10()), "{noise}: {choice:?}");
            assert!((-1.3..0.3).contains(&choice.lowest.log10()), "{noise}: {choice:?}");
        }
    }

    #[test]
    fn the_rate_is_well_before_the_lowest_loss() {
        // Falls fastest just before it rises.
        let late = |x: f64| if x < -0.2 { 1.0 - 0.02 * (x + 6.0).powi(2) } else { 0.33 + 3.0 * (x + 0.2) };
        let choice = choose(&curve(late, 0.02), RANGE, 0.1).expect("it falls");
        assert!(choice.learning_rate <= 0.1001 * choice.lowest && choice.learning_rate < 0.1, "{choice:?}");
    }

    #[test]
    fn nothing_is_chosen_on_a_flat_curve_and_it_says_why() {
        for (losses, says) in [
            (curve(|_| 0.7, 0.0), "never falls below the 0.7"),
            (curve(|_| 0.7, 0.2), "by chance"),
            (curve(|x| 0.7 + 0.1 * (x + 6.0), 0.0), "never falls below"),
            (curve(|x| 0.68 + 0.02 * usual(x), 0.0), "less than 5"),
            (curve(|x| 0.5 + 0.1 * usual(x), 0.5), "by chance"),
        ] {
            let no = choose(&losses, RANGE, 0.003).expect_err(says);
            let text = no.to_string();
            for part in [
                says,
                "flat from a learning rate of 1e-6 to 10",
                "800 updates instead of 200",
                "present learning rate of 0.003",
            ] {
                assert!(text.contains(part), "{part}: {text}");
            }
            assert_eq!(no.more_updates(), Some(800));
        }
        let falling = choose(&curve(|x| 0.7 - 0.003 * x, 0.0), RANGE, 0.003).expect_err("it hardly falls");
        assert!(falling.to_string().contains("raise the highest rate above 10"), "{falling}");
    }

    #[test]
    fn a_range_that_begins_too_high_is_told() {
        let high = RateRange { low: 0.5, high: 100.0, steps: 200 };
        let losses: Vec<f64> =
            (0..200).map(|step| if step < 60 { 1.0 - 0.01 * f64::from(step) } else { 2.0 }).collect();
        let no = choose(&losses, high, 0.1).expect_err("a tenth is less");
        assert!(matches!(no, NoRate::TooHigh { .. }) && no.to_string().contains("such as 0.0005"), "{no}");
        assert_eq!(no.more_updates(), None);
    }

    #[test]
    fn a_start_that_blew_up_counts_as_high_as_that() {
        let whole = Start { losses: curve(usual, 0.0), ceiling: 2.0 };
        let short = Start { losses: whole.losses[..100].to_vec(), ceiling: 2.0 };
        let test = judge(&[whole, short], RANGE, 0.1);
        assert_eq!((test.starts[0].len(), test.starts[1].len(), test.mean.len()), (200, 100, 200));
        assert!((test.mean[150].loss - f64::midpoint(test.starts[0][150].loss, 2.0)).abs() < 0.05);
    }

    #[test]
    fn a_line_is_smoothed_to_itself() {
        let line: Vec<f64> = (0..30).map(|k| 3.0 - 0.25 * f64::from(k)).collect();
        for at in 0..30 {
            let fit = fit(&line, at, 5);
            assert!((fit.level - line[at]).abs() < 1e-12 && (fit.slope + 0.25).abs() < 1e-12, "{at}");
        }
    }

    #[test]
    fn a_range_that_is_none_is_refused() {
        for (low, high, steps, says) in [
            (0.0, 1.0, 200, "above 0"),
            (1.0, 0.1, 200, "larger one"),
            (f32::NAN, 1.0, 200, "rise"),
            (0.1, f32::INFINITY, 200, "rise"),
            (0.1, 1.0, FEWEST_UPDATES - 1, "10 to"),
            (0.1, 1.0, usize::MAX, "10 to"),
        ] {
            let problem = RateRange { low, high, steps }.problem().expect(says);
            assert!(problem.contains(says), "{problem}");
        }
        assert_eq!(RateRange::default().problem(), None);
    }
}
