//! A forward-only copy of the network: any inputs, the values of every layer, without touching the training.

use super::metrics::{class, threshold};
use super::run::RunState;
use super::task::task;
use crate::data::Dataset;
use crate::nn::{LayerId, Network, NetworkSpec, Optimizer, Plan, Task, compile};
use ndarray::ArrayView2;

/// A network with its own buffers, whose parameters are copied in.
pub struct Probe {
    network: Network<f32>,
    /// For each head, `[outputs, stride]`.
    predictions: Vec<Vec<f32>>,
}

impl Probe {
    /// For up to `capacity` samples at once; none where the network does not fit the data.
    pub fn new(spec: &NetworkSpec, data: &Dataset, capacity: usize) -> Option<Self> {
        Self::for_task(spec, &task(data), capacity)
    }

    /// As [`Self::new`], for a task without its data.
    pub fn for_task(spec: &NetworkSpec, task: &Task, capacity: usize) -> Option<Self> {
        let plan = compile(spec, task, capacity).ok()?;
        let predictions = vec![Vec::new(); plan.heads.len()];
        Some(Self { network: Network::new(plan, capacity, 0, 1), predictions })
    }

    /// Takes over the parameters; false where they belong to another network.
    pub fn set_params(&mut self, params: &[f32]) -> bool {
        let fits = params.len() == self.network.params().len();
        if fits {
            self.network.params_mut().copy_from_slice(params);
        }
        fits
    }

    /// Takes over the parameters of a run; false where they belong to another network.
    pub fn resume(&mut self, run: &RunState) -> bool {
        run.restore(self.network.plan(), Optimizer::Sgd {}).is_ok_and(|(params, _)| self.set_params(&params))
    }

    pub fn plan(&self) -> &Plan {
        self.network.plan()
    }

    pub fn capacity(&self) -> usize {
        self.network.capacity()
    }

    /// Runs `samples` samples forward, without dropout; `value(sample, feature)` gives the inputs.
    ///
    /// # Panics
    /// If `samples` is 0 or larger than the capacity.
    pub fn run(&mut self, samples: usize, value: impl Fn(usize, usize) -> f32) {
        let (x, _) = self.network.load(samples);
        let stride = crate::nn::padded(samples);
        for (feature, row) in x.chunks_exact_mut(stride).enumerate() {
            for (sample, x) in row.iter_mut().enumerate() {
                *x = if sample < samples { value(sample, feature) } else { 0.0 };
            }
        }
        self.network.forward(false, 0);
        for (head, prediction) in self.predictions.iter_mut().enumerate() {
            prediction.resize(self.network.outputs(head) * stride, 0.0);
            self.network.predict(head, prediction);
        }
    }

    /// Weighted sums z and activations a of a layer in the last run, `[units, samples]`.
    pub fn layer(&self, layer: LayerId) -> Option<(ArrayView2<'_, f32>, ArrayView2<'_, f32>)> {
        self.network.layer_values(layer)
    }

    /// Predictions of the first head in the last run: output `k` of `sample`.
    pub fn prediction(&self, k: usize, sample: usize) -> f32 {
        self.prediction_of(0, k, sample)
    }

    /// The same of any head.
    pub fn prediction_of(&self, head: usize, k: usize, sample: usize) -> f32 {
        self.predictions[head][k * self.network.stride() + sample]
    }

    /// Outputs of the first head.
    pub fn outputs(&self) -> usize {
        self.outputs_of(0)
    }

    /// The same of any head.
    pub fn outputs_of(&self, head: usize) -> usize {
        self.network.outputs(head)
    }

    /// The class that the first head predicts for a sample of the last run.
    pub fn class(&self, sample: usize) -> usize {
        self.class_of(0, sample)
    }

    /// The same of any head.
    pub fn class_of(&self, head: usize, sample: usize) -> usize {
        class(&self.predictions[head], self.network.stride(), sample, threshold(self.plan().heads[head].encoding))
    }

    /// Probability of each of `classes` classes by a head for a sample of the last run; a single unit is split in two.
    pub fn probabilities(&self, head: usize, sample: usize, classes: usize) -> Vec<f32> {
        let outputs = self.network.outputs(head);
        if outputs == 1 && classes == 2 {
            let y = self.prediction_of(head, 0, sample);
            let p = if threshold(self.plan().heads[head].encoding) == 0.0 { f32::midpoint(y, 1.0) } else { y };
            return vec![1.0 - p.clamp(0.0, 1.0), p.clamp(0.0, 1.0)];
        }
        (0..outputs).map(|k| self.prediction_of(head, k, sample)).collect()
    }

    /// The output for each of `classes` classes by a head for a sample of the last run, as it is; that of a single unit speaks
    /// for the second class, and mirrored at the threshold for the first. The largest is that of the predicted class.
    pub fn scores(&self, head: usize, sample: usize, classes: usize) -> Vec<f32> {
        let outputs = self.network.outputs(head);
        if outputs == 1 && classes == 2 {
            let y = self.prediction_of(head, 0, sample);
            return vec![2.0 * threshold(self.plan().heads[head].encoding) - y, y];
        }
        (0..outputs).map(|k| self.prediction_of(head, k, sample)).collect()
    }
}
