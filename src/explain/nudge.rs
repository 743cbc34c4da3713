//! The loss around one weight, or around two: computed by the network itself, once for each point.

use super::Trace;
use crate::nn::{Network, Optimizer, OptimizerState, Problem, Real, UpdateRule};
use crate::train::{Replica, TrainingState};

/// Rows that run through the network at once.
const CHUNK: usize = 256;

/// The loss over some rows, for parameters near those of a training state.
pub struct Landscape<'a, T: Real> {
    replica: &'a mut Replica<T>,
    rows: &'a [u32],
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

impl<'a, T: Real> Landscape<'a, T> {
    /// For the mean loss over `rows` of the replica's data, with the parameters of `start`, which are copied into the replica,
    /// and the random numbers of its next step.
    ///
    /// # Errors
    /// When the buffers would need too much memory.
    ///
    /// # Panics
    /// If `start` belongs to another network: the caller's bug.
    pub fn new(replica: &'a mut Replica<T>, start: &TrainingState, rows: &'a [u32]) -> Result<Self, Vec<Problem>> {
        replica.reserve(rows.len().min(CHUNK))?;
        replica.set_state(start);
        Ok(Self { replica, rows, seed: start.seed, address: start.address })
    }

    fn network(&mut self) -> &mut Network<T> {
        self.replica.network_mut()
    }

    /// The mean over the rows of what `of` reads from the network after the forward pass of a training step.
    fn mean(&mut self, of: impl Fn(&mut Network<T>) -> f64) -> f64 {
        let mut sum = 0.0;
        for chunk in self.rows.chunks(CHUNK) {
            self.replica.forward(chunk, self.seed, self.address);
            sum += of(self.replica.network_mut()) * chunk.len() as f64;
        }
        sum / self.rows.len() as f64
    }

    /// How many rows the loss is a mean over.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The loss with some parameters set to other values, which are put back.
    pub fn loss_with(&mut self, values: &[(usize, f64)]) -> f64 {
        let before: Vec<T> = values.iter().map(|&(i, _)| self.network().params()[i]).collect();
        for &(i, value) in values {
            self.network().params_mut()[i] = T::from_f64(value);
        }
        let loss = self.mean(Network::error);
        for (&(i, _), old) in values.iter().zip(before) {
            self.network().params_mut()[i] = old;
        }
        loss
    }

    /// ∂L/∂weight over the rows, by the chain rule.
    pub fn slope(&mut self, index: usize) -> f64 {
        self.mean(|network| {
            network.error();
            network.backward();
            network.grads()[index].to_f64()
        })
    }

    /// The loss along one weight from `reach` below to `reach` above its value, at `count` points.
    pub fn slice(&mut self, index: usize, reach: f64, count: usize) -> Slice {
        let at = self.network().params()[index].to_f64();
        let loss = self.loss_with(&[]);
        let mut value = |i: usize| {
            let w = at + reach * (2.0 * i as f64 / (count - 1) as f64 - 1.0);
            [w, self.loss_with(&[(index, w)])]
        };
        Slice { index, at, loss, points: (0..count).map(&mut value).collect() }
    }

    /// The loss over a square of two weights, `side` points each way, the second weight from low to high row by row.
    pub fn surface(&mut self, [first, second]: [usize; 2], reach: f64, side: usize) -> Vec<f64> {
        let centre = [first, second].map(|i| self.network().params()[i].to_f64());
        let place = |axis: usize, i: usize| centre[axis] + reach * (2.0 * i as f64 / (side - 1) as f64 - 1.0);
        let cells = (0..side * side).map(|k| [(first, place(0, k % side)), (second, place(1, k / side))]);
        cells.map(|values| self.loss_with(&values)).collect()
    }

    /// (L(w + h) − L(w − h)) / 2h, improved over two step sizes; where they disagree (on a kink) smaller steps are tried.
    pub fn difference(&mut self, index: usize) -> f64 {
        let at = self.network().params()[index].to_f64();
        let mut slope = |h: f64| {
            let mut loss = |w: f64| self.loss_with(&[(index, w)]);
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

/// The step of one optimizer for the same gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    pub optimizer: Optimizer,
    /// Whether it is the one that trains, with its running averages; the others start with none.
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
