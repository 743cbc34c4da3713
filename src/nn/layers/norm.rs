//! Batch normalisation (Ioffe & Szegedy 2015): every channel of a mini-batch to mean β and deviation γ.
//!
//! In training it takes the moments of the mini-batch, in evaluation running averages of them, which follow each update:
//! running ← (1 − m) running + m · moment, with the unbiased variance, as in PyTorch.

use super::{Backward, GradInput, Inputs, LayerDefinition, LayerInfo, Operation, OperationPlan, ParameterShape, Pass};
use crate::nn::compile::Lowering;
use crate::nn::kernels::norm;
use crate::nn::{Initialiser, Real};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Normalises each channel over the mini-batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchNormSpec {
    /// Share of the new moments in the running averages
    pub momentum: f32,
    pub epsilon: f32,
}

impl Default for BatchNormSpec {
    fn default() -> Self {
        Self { momentum: 0.1, epsilon: 1e-5 }
    }
}

impl LayerDefinition for BatchNormSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Batch norm",
            group: "Normalise",
            summary: "per channel and batch",
            description: "Brings every channel to a learned mean and deviation over the mini-batch, so that deep networks train faster. In evaluation it uses running averages.",
            formula: "a = γ (x − mean) / √(var + ε) + β",
        }
    }

    fn caption(&self) -> String {
        "batch norm".to_owned()
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        let channels = input.first().copied().unwrap_or(1);
        let of = |name, initialiser| ParameterShape {
            name,
            shape: vec![channels],
            fan_in: 1,
            fan_out: 1,
            initialiser,
            decayed: false,
        };
        vec![
            of("gamma", Initialiser::Constant { value: 1.0 }),
            of("beta", Initialiser::Zeros {}),
            of("running mean", Initialiser::Zeros {}),
            of("running variance", Initialiser::Constant { value: 1.0 }),
        ]
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        input.iter().fold(2, |n: u128, &d| n.saturating_mul(d as u128))
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let units = lowering.input_units();
        let channels = lowering.input()[0];
        let plan = BatchNormPlan {
            channels,
            momentum: self.momentum,
            epsilon: self.epsilon,
            gamma: lowering.parameter("gamma"),
            beta: lowering.parameter("beta"),
            mean: lowering.parameter("running mean"),
            variance: lowering.parameter("running variance"),
        };
        lowering.push(OperationPlan::BatchNorm(plan), units);
    }

    fn invalid(&self) -> Option<String> {
        let fits = (0.0..=1.0).contains(&self.momentum) && self.epsilon > 0.0 && self.epsilon.is_finite();
        (!fits).then(|| "the momentum must lie between 0 and 1, and ε above 0".to_owned())
    }
}

/// Where its parameters lie.
#[derive(Clone, Debug)]
pub struct BatchNormPlan {
    channels: usize,
    momentum: f32,
    epsilon: f32,
    gamma: Range<usize>,
    beta: Range<usize>,
    mean: Range<usize>,
    variance: Range<usize>,
}

pub(super) struct BatchNorm<T> {
    plan: BatchNormPlan,
    /// Mean and variance of each channel of the last training pass, and how many numbers they were taken from.
    moments: Vec<(T, T)>,
    count: usize,
}

impl<T: Real> BatchNorm<T> {
    pub(super) fn new(plan: BatchNormPlan) -> Self {
        Self { moments: vec![(T::ZERO, T::ONE); plan.channels], plan, count: 0 }
    }

    /// Mean, and 1 / √(variance + ε), of a channel.
    fn used(&self, training: bool, params: &[T], channel: usize) -> (T, T) {
        let (mean, variance) = if training {
            self.moments[channel]
        } else {
            (params[self.plan.mean.start + channel], params[self.plan.variance.start + channel])
        };
        (mean, T::ONE / (variance + T::from_f32(self.plan.epsilon)).sqrt())
    }
}

impl<T: Real> Operation<T> for BatchNorm<T> {
    fn forward(&mut self, pass: &Pass, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (x, stride) = (inputs.get(0), pass.stride());
        let length = x.len() / self.plan.channels;
        for (channel, (x, a)) in x.chunks_exact(length).zip(output.chunks_exact_mut(length)).enumerate() {
            if pass.training {
                self.moments[channel] = norm::moments(x, stride, pass.batch);
            }
            let (mean, rate) = self.used(pass.training, params, channel);
            let scale = rate * params[self.plan.gamma.start + channel];
            norm::apply(x, a, scale, params[self.plan.beta.start + channel] - mean * scale);
        }
        self.count = length / stride * pass.batch;
    }

    fn backward(&mut self, pass: &Pass, mut at: Backward<'_, T>) {
        let (x, stride, batch) = (at.inputs.get(0), pass.stride(), pass.batch);
        let length = x.len() / self.plan.channels;
        let share = T::from_f64(1.0 / self.count.max(1) as f64);
        let mut grad_input = at.grad_inputs.get(0);
        for channel in 0..self.plan.channels {
            let own = channel * length..(channel + 1) * length;
            let (x, grad) = (&x[own.clone()], &at.grad_output[own.clone()]);
            let (mean, rate) = self.used(pass.training, at.params, channel);
            let (level, tilt) = norm::slopes(x, grad, mean, stride, batch);
            at.grad_params[self.plan.gamma.start + channel] = tilt * rate;
            at.grad_params[self.plan.beta.start + channel] = level;
            if let Some(GradInput { values, accumulate }) = &mut grad_input {
                let scale = rate * at.params[self.plan.gamma.start + channel];
                let pulls =
                    if pass.training { (level * share, tilt * share * rate * rate) } else { (T::ZERO, T::ZERO) };
                let rule = (mean, scale, pulls.0, pulls.1);
                norm::backward(x, grad, &mut values[own], rule, stride, batch, *accumulate);
            }
        }
    }

    fn follow(&mut self, params: &mut [T]) {
        let momentum = T::from_f32(self.plan.momentum);
        let unbiased = T::from_f64(self.count as f64 / (self.count as f64 - 1.0).max(1.0));
        for (channel, &(mean, variance)) in self.moments.iter().enumerate() {
            let mut toward = |at: usize, value: T| params[at] += momentum * (value - params[at]);
            toward(self.plan.mean.start + channel, mean);
            toward(self.plan.variance.start + channel, variance * unbiased);
        }
    }
}
