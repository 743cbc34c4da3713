//! The loss around one weight, or around two: computed by the network itself, as often as there are points.

use super::Trace;
use crate::data::Dataset;
use crate::nn::{Network, NetworkSpec, Optimizer, OptimizerState, Problem, Real, UpdateRule, compile};
use crate::train::{Augmenter, HeadTargets, TrainingState, load, task};

/// Rows that run through the network at once.
const CHUNK: usize = 256;

/// A copy of the network whose parameters may be moved about.
pub struct Landscape<T: Real> {
    network: Network<T>,
    head_targets: Vec<HeadTargets>,
    augmenter: Option<Augmenter>,
    rows: Vec<u32>,
    seed: u64,
    address: u64,
}

/// The loss along one weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// Place of the weight in the flat vector.
    pub index: usize,
    /// Its value now.
    pub at: f64,
    /// Loss there.
    pub loss: f64,
    /// Weight and loss, from left to right.
    pub points: Vec<[f64; 2]>,
}

impl<T: Real> Landscape<T> {
    /// For the mean loss over `rows`, with the parameters of `start` and the random numbers of its next step.
    ///
    /// # Errors
    /// What keeps the network from training on the data.
    pub fn new(spec: &NetworkSpec, data: &Dataset, start: &TrainingState, rows: &[u32]) -> Result<Self, Vec<Problem>> {
        let plan = compile(spec, &task(data), rows.len().min(CHUNK))?;
        let head_targets = HeadTargets::all(&plan, data);
        let mut network = Network::<T>::new(plan, rows.len().min(CHUNK), start.seed, 1);
        for (to, &from) in network.params_mut().iter_mut().zip(&start.params) {
            *to = T::from_f32(from);
        }
        let augmenter = Augmenter::of(data);
        Ok(Self { network, head_targets, augmenter, rows: rows.to_vec(), seed: start.seed, address: start.address })
    }

    /// Runs rows through the network as the traced step would.
    fn forward(&mut self, data: &Dataset, rows: &[u32]) {
        load(&mut self.network, data, &self.head_targets, rows, true);
        if let Some(augmenter) = &mut self.augmenter {
            augmenter.change_batch(&mut self.network, self.seed, self.address);
        }
        self.network.forward(true, self.address);
    }

    /// How many rows the loss is a mean over.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The loss with some parameters set to other values, which are put back.
    pub fn loss_with(&mut self, data: &Dataset, values: &[(usize, f64)]) -> f64 {
        let before: Vec<T> = values.iter().map(|&(i, _)| self.network.params()[i]).collect();
        for &(i, value) in values {
            self.network.params_mut()[i] = T::from_f64(value);
        }
        let rows = std::mem::take(&mut self.rows);
        let mut sum = 0.0;
        for chunk in rows.chunks(CHUNK) {
            self.forward(data, chunk);
            sum += self.network.error() * chunk.len() as f64;
        }
        for (&(i, _), old) in values.iter().zip(before) {
            self.network.params_mut()[i] = old;
        }
        self.rows = rows;
        sum / self.rows.len() as f64
    }

    /// ∂L/∂weight over the rows, by the chain rule.
    pub fn slope(&mut self, data: &Dataset, index: usize) -> f64 {
        let rows = std::mem::take(&mut self.rows);
        let mut sum = 0.0;
        for chunk in rows.chunks(CHUNK) {
            self.forward(data, chunk);
            self.network.error();
            self.network.backward();
            sum += self.network.grads()[index].to_f64() * chunk.len() as f64;
        }
        self.rows = rows;
        sum / self.rows.len() as f64
    }

    /// The loss along one weight from `reach` below to `reach` above where it stands, at `count` points.
    pub fn slice(&mut self, data: &Dataset, index: usize, reach: f64, count: usize) -> Slice {
        let at = self.network.params()[index].to_f64();
        let loss = self.loss_with(data, &[]);
        let mut value = |i: usize| {
            let w = at + reach * (2.0 * i as f64 / (count - 1) as f64 - 1.0);
            [w, self.loss_with(data, &[(index, w)])]
        };
        Slice { index, at, loss, points: (0..count).map(&mut value).collect() }
    }

    /// The loss over a square of two weights, `side` points each way, the second weight from low to high row by row.
    pub fn surface(&mut self, data: &Dataset, [first, second]: [usize; 2], reach: f64, side: usize) -> Vec<f64> {
        let centre = [first, second].map(|i| self.network.params()[i].to_f64());
        let place = |axis: usize, i: usize| centre[axis] + reach * (2.0 * i as f64 / (side - 1) as f64 - 1.0);
        let cells = (0..side * side).map(|k| [(first, place(0, k % side)), (second, place(1, k / side))]);
        cells.map(|values| self.loss_with(data, &values)).collect()
    }

    /// (L(w + h) − L(w − h)) / 2h, improved over two step sizes; where they disagree (on a kink) smaller steps are tried.
    pub fn difference(&mut self, data: &Dataset, index: usize) -> f64 {
        let at = self.network.params()[index].to_f64();
        let mut slope = |h: f64| {
            let mut loss = |w: f64| self.loss_with(data, &[(index, w)]);
            (loss(at + h) - loss(at - h)) / (2.0 * h)
        };
        let mut best = (f64::INFINITY, 0.0);
        for h in [1e-3, 1e-4, 1e-5] {
            let (wide, narrow) = (slope(h), slope(h / 2.0));
            let apart = (wide - narrow).abs();
            if apart < best.0 {
                best = (apart, (4.0 * narrow - wide) / 3.0);
            }
            if apart < 1e-9 * wide.abs().max(1e-6) {
                break;
            }
        }
        best.1
    }
}

/// What one optimizer would do with the same gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    pub optimizer: Optimizer,
    /// Whether it is the one that trains, with what it remembers; the others begin afresh.
    pub current: bool,
    /// Where the weight would go.
    pub to: f64,
}

/// The step that each optimizer would take for one weight, at the learning rate in force. L-BFGS is left out: its step needs
/// all training rows.
pub fn proposals(trace: &Trace<f32>, index: usize) -> Vec<Proposal> {
    let current = trace.rule.optimizer;
    let group = trace.plan.groups.iter().find(|g| g.range.contains(&index));
    let all = Optimizer::ALL.into_iter().filter(|o| !o.takes_all());
    all.map(|optimizer| {
        if optimizer.same_rule(current) {
            return Proposal { optimizer: current, current: true, to: f64::from(trace.after[index]) };
        }
        let mut params = [trace.before[index]];
        let mut grads = [trace.taken[index]];
        let rule = UpdateRule::new(optimizer, trace.rule.learning_rate);
        let groups: Vec<_> =
            group.map(|g| crate::nn::compile::Group { range: 0..1, ..g.clone() }).into_iter().collect();
        OptimizerState::new(optimizer, 1).update(&rule, &mut params, &mut grads, &groups);
        Proposal { optimizer, current: false, to: f64::from(params[0]) }
    })
    .collect()
}
