//! Batch normalisation (Ioffe & Szegedy 2015): every channel of a mini-batch to mean β and deviation γ.
//!
//! In training it takes the moments of the mini-batch, in evaluation running averages of them, which follow each update:
//! running ← (1 − m) running + m · moment, with the unbiased variance, as in PyTorch. Layers that share them have one pair of
//! running averages, which moves once for each of these layers, in computing order, as that of a module called several times. A mini-batch in which a channel has one
//! number alone has no variance: there, as in evaluation, the running averages are taken, and they stay as they are.

use crate::defaults::is_default;
use crate::definition::{LayerDefinition, LayerInfo, Links};
use crate::init::Initialiser;
use crate::intermediate::Intermediate;
use crate::kernels::{norm, padded};
use crate::lowering::Lowering;
use crate::math::{Math, factor, fraction, indexed, number, power, row, subscript, symbol, text};
use crate::operation::{Backward, Build, Explained, GradInput, Inputs, Operation, PassContext, two_mut};
use crate::parameter::{Axis, Naming, ParameterShape};
use crate::picture::{Picture, PointLine};
use crate::reading::{Line, Reading, Told};
use crate::real::Real;
use crate::sample_shape::{numbers, volume};
use crate::settings::{self, SettingsPanel};
use chainrule_common::format;
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
            description: "Brings every channel to a learned mean and deviation over the mini-batch, so that deep networks train faster. In evaluation, and in a mini-batch that gives a channel one number alone, it uses running averages.",
            formula: "a = γ (x − mean) / √(var + ε) + β",
            change: "Change batch norm",
        }
    }

    fn caption(&self) -> String {
        "batch norm".to_owned()
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        let hover = "Share of each mini-batch in the running averages";
        panel.number("Momentum", hover, &mut self.momentum, 0.0..=1.0, 0.005);
        settings::epsilon(panel, &mut self.epsilon);
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        let [gamma, beta] = affine(input.first().copied().unwrap_or(1));
        let (mean, variance) = (
            ParameterShape { name: "running mean", naming: Naming::of("μ", "running mean", &CHANNEL), ..beta.clone() },
            ParameterShape {
                name: "running variance",
                naming: Naming::of("σ²", "running variance", &CHANNEL),
                ..gamma.clone()
            },
        );
        vec![gamma, beta, mean, variance]
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(2, input)
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
            running: [lowering.original("running mean").start, lowering.original("running variance").start],
            frozen: lowering.frozen(),
        };
        lowering.push(plan, units);
    }

    /// One number alone has no deviation.
    fn least_batch(&self, input: &[usize]) -> usize {
        if volume(input) == input.first().copied().unwrap_or(1) { 2 } else { 1 }
    }

    fn invalid(&self) -> Option<String> {
        let fits = (0.0..=1.0).contains(&self.momentum) && self.epsilon > 0.0 && self.epsilon.is_finite();
        (!fits).then(|| "the momentum must lie between 0 and 1, and ε above 0".to_owned())
    }

    fn links(&self) -> Links {
        Links::Same
    }
}

/// Where its parameters lie.
#[derive(Clone, Debug)]
struct BatchNormPlan {
    channels: usize,
    momentum: f32,
    epsilon: f32,
    gamma: Range<usize>,
    beta: Range<usize>,
    mean: Range<usize>,
    variance: Range<usize>,
    /// Where the running mean and variance that it moves begin: its own, or those of the layer that it shares them with.
    running: [usize; 2],
    /// Whether it works in training as in evaluation.
    frozen: bool,
}

impl Build for BatchNormPlan {
    fn build<T: Real>(&self, _units: usize, _capacity: usize) -> Box<dyn Operation<T>> {
        let moments = vec![(T::ZERO, T::ONE); self.channels];
        Box::new(BatchNorm { plan: self.clone(), moments, count: 0 })
    }
}

impl Explained for BatchNormPlan {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        let values = at.recorded.values(at.node);
        let alone = values.nrows() / self.channels * values.ncols() < 2;
        let over = if self.frozen || alone {
            "that is the running average of its channel"
        } else {
            "of its channel over the mini-batch"
        };
        tell(at, self.channels, self.epsilon, over)
    }

    fn picture(&self, at: &Reading<'_>, backward: bool) -> Option<Picture> {
        picture(at, backward, true)
    }
}

struct BatchNorm<T> {
    plan: BatchNormPlan,
    /// Mean and variance of each channel that the last training pass took.
    moments: Vec<(T, T)>,
    /// Numbers that a channel had in the last pass.
    count: usize,
}

impl<T: Real> BatchNorm<T> {
    /// Whether the moments of the mini-batch are taken, not the running averages.
    fn takes_moments(&self, pass: &PassContext) -> bool {
        pass.training && !self.plan.frozen && self.count > 1
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
    fn forward(&mut self, pass: &PassContext, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (x, stride) = (inputs.get(0), pass.stride());
        let length = x.len() / self.plan.channels;
        self.count = length / stride * pass.batch;
        let own = self.takes_moments(pass);
        for (channel, (x, a)) in x.chunks_exact(length).zip(output.chunks_exact_mut(length)).enumerate() {
            if own {
                self.moments[channel] = norm::moments(x, stride, pass.batch);
            } else if pass.training {
                let Range { start, .. } = self.plan.mean;
                self.moments[channel] = (params[start + channel], params[self.plan.variance.start + channel]);
            }
            let (mean, rate) = self.used(pass.training, params, channel);
            let scale = rate * params[self.plan.gamma.start + channel];
            norm::apply(x, a, scale, params[self.plan.beta.start + channel] - mean * scale);
        }
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        let (x, stride, batch) = (at.inputs.get(0), pass.stride(), pass.batch);
        let own_moments = self.takes_moments(pass);
        let length = x.len() / self.plan.channels;
        let share = T::from_f64(1.0 / self.count.max(1) as f64);
        let mut grad_input = at.grad_inputs.get(0);
        for channel in 0..self.plan.channels {
            let own = channel * length..(channel + 1) * length;
            let (x, grad) = (&x[own.clone()], &at.grad_output[own.clone()]);
            let (mean, rate) = self.used(pass.training, at.params, channel);
            let (level, tilt) = norm::gradient_sums(x, grad, mean, stride, batch);
            at.grad_params[self.plan.gamma.start + channel] = tilt * rate;
            at.grad_params[self.plan.beta.start + channel] = level;
            if let Some(GradInput { values, accumulate }) = &mut grad_input {
                let scale = rate * at.params[self.plan.gamma.start + channel];
                let pulls = if own_moments { (level * share, tilt * share * rate * rate) } else { (T::ZERO, T::ZERO) };
                let grad_x = &mut values[own];
                norm::backward(x, grad, grad_x, mean, scale, pulls.0, pulls.1, stride, batch, *accumulate);
            }
        }
    }

    fn intermediates(&self, pass: &PassContext) -> Vec<Intermediate<T>> {
        let of = |name, value: fn((T, T)) -> T| {
            Intermediate::new(name, &[self.plan.channels], pass.batch, |channel, _| value(self.moments[channel]))
        };
        vec![of("mean", |m| m.0), of("variance", |m| m.1)]
    }

    fn update_running_statistics(&mut self, params: &mut [T]) {
        if self.plan.frozen || self.count < 2 {
            return;
        }
        let momentum = T::from_f32(self.plan.momentum);
        let unbiased = T::from_f64(self.count as f64 / (self.count as f64 - 1.0).max(1.0));
        let [running_mean, running_variance] = self.plan.running;
        for (channel, &(mean, variance)) in self.moments.iter().enumerate() {
            let mut toward = |at: usize, value: T| params[at] += momentum * (value - params[at]);
            toward(running_mean + channel, mean);
            toward(running_variance + channel, variance * unbiased);
        }
    }
}

/// Normalises each sample over all its values (Ba et al. 2016), or over groups of its channels (Wu & He 2018).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupNormSpec {
    /// Groups of channels that are normalised together
    pub groups: usize,
    pub epsilon: f32,
}

/// What layer norm takes mean and variance over, in a sequence; rows and images are always normalised as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NormOver {
    /// All numbers of the sample, each with a scale and a shift of its own: nn.LayerNorm([steps, features]) in PyTorch. Files
    /// of before, which do not say it, mean this
    #[default]
    Sample,
    /// The features of each step, with the same scales and shifts in every step, as in transformers: nn.LayerNorm(features)
    Step,
}

impl NormOver {
    pub const ALL: [Self; 2] = [Self::Step, Self::Sample];

    pub fn label(self) -> &'static str {
        match self {
            Self::Step => "each step",
            Self::Sample => "the whole sample",
        }
    }
}

/// Normalises each step of a sequence over its features, or each sample over all its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerNormSpec {
    #[serde(default, skip_serializing_if = "is_default")]
    pub over: NormOver,
    pub epsilon: f32,
}

impl Default for GroupNormSpec {
    fn default() -> Self {
        Self { groups: 2, epsilon: 1e-5 }
    }
}

impl Default for LayerNormSpec {
    fn default() -> Self {
        Self { over: NormOver::Step, epsilon: 1e-5 }
    }
}

impl LayerNormSpec {
    /// How many numbers of the input are normalised together; those of one step lie one behind the other.
    fn together(&self, input: &[usize]) -> usize {
        match *input {
            [_, features] if self.over == NormOver::Step => features,
            _ => volume(input),
        }
    }
}

const CHANNEL: [Axis; 1] = [Axis::output("channel", "c")];

/// Scale γ and shift β of so many channels.
fn affine(channels: usize) -> [ParameterShape; 2] {
    let of = |name, letter, initialiser| ParameterShape {
        name,
        shape: vec![channels],
        fan_in: 1,
        fan_out: 1,
        initialiser,
        decayed: false,
        naming: Naming::of(letter, letter, &CHANNEL),
    };
    [of("gamma", "γ", Initialiser::Constant { value: 1.0 }), of("beta", "β", Initialiser::Zeros {})]
}

fn bad_epsilon(epsilon: f32) -> Option<String> {
    (!(epsilon > 0.0 && epsilon.is_finite())).then(|| "ε must be above 0".to_owned())
}

fn lower_group(lowering: &mut Lowering<'_>, channels: usize, groups: usize, epsilon: f32, over: &'static str) {
    let units = lowering.input_units();
    let (gamma, beta) = (lowering.parameter("gamma"), lowering.parameter("beta"));
    lowering.push(GroupNormPlan { channels, groups, epsilon, gamma, beta, over }, units);
}

impl LayerDefinition for LayerNormSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Layer norm",
            group: "Normalise",
            summary: "per step or sample",
            description: "Brings the features of each step of a sequence, or all values of a sample, to mean 0 and deviation 1, then gives each a learned scale and shift. It works alike in training and evaluation.",
            formula: "a = γ (x − mean) / √(var + ε) + β",
            change: "Change layer norm",
        }
    }

    fn caption(&self) -> String {
        "layer norm".to_owned()
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        let hover = "In a sequence [steps, features]: each step over its features, as in transformers and PyTorch's LayerNorm(features), or all of its numbers at once. Rows and images are normalised as a whole";
        settings::choose(panel, "Normalises", hover, &mut self.over, NormOver::ALL, NormOver::label);
        settings::epsilon(panel, &mut self.epsilon);
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        affine(self.together(input)).into()
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(2, input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let (units, together) = (lowering.input_units(), self.together(lowering.input()));
        let over = if together < units { "of the features of this step" } else { "of all values of this row" };
        lower_group(lowering, units, units / together.max(1), self.epsilon, over);
    }

    fn invalid(&self) -> Option<String> {
        bad_epsilon(self.epsilon)
    }

    fn links(&self) -> Links {
        Links::Same
    }
}

impl LayerDefinition for GroupNormSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Group norm",
            group: "Normalise",
            summary: "per sample and group",
            description: "Normalises groups of channels of each sample, then gives each channel a learned scale and shift. It does not depend on the mini-batch.",
            formula: "a = γ (x − mean) / √(var + ε) + β",
            change: "Change group norm",
        }
    }

    fn caption(&self) -> String {
        format!("group norm {}", self.groups)
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        let hover = "The channels are divided into groups; each is normalised by itself";
        panel.count("Groups", hover, &mut self.groups, 1..=4096);
        settings::epsilon(panel, &mut self.epsilon);
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let channels = input.first().copied().unwrap_or(1);
        if channels.is_multiple_of(self.groups) {
            Ok(input.to_vec())
        } else {
            Err(format!("{} groups do not divide {channels} channels evenly", self.groups))
        }
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        affine(input.first().copied().unwrap_or(1)).into()
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(2, input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let channels = lowering.input()[0];
        lower_group(lowering, channels, self.groups, self.epsilon, "of its group of channels in this row");
    }

    fn invalid(&self) -> Option<String> {
        if self.groups == 0 { Some("there must be at least one group".to_owned()) } else { bad_epsilon(self.epsilon) }
    }

    fn links(&self) -> Links {
        Links::Same
    }
}

/// Where its parameters lie.
#[derive(Clone, Debug)]
struct GroupNormPlan {
    channels: usize,
    groups: usize,
    epsilon: f32,
    /// One for each channel, or for each channel of a group where all groups have the same.
    gamma: Range<usize>,
    beta: Range<usize>,
    /// What the moments are taken over, in words.
    over: &'static str,
}

impl GroupNormPlan {
    /// Whether every group has the same scales and shifts.
    fn is_shared(&self) -> bool {
        self.gamma.len() < self.channels
    }

    /// The scales of a group, in those of the layer.
    fn scales(&self, group: usize) -> Range<usize> {
        let own = self.channels / self.groups;
        if self.is_shared() { 0..own } else { group * own..(group + 1) * own }
    }
}

impl Build for GroupNormPlan {
    fn build<T: Real>(&self, _units: usize, capacity: usize) -> Box<dyn Operation<T>> {
        let moments = vec![T::ZERO; self.groups * padded(capacity)];
        Box::new(GroupNorm { plan: self.clone(), mean: moments.clone(), rate: moments })
    }
}

impl Explained for GroupNormPlan {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        tell(at, self.channels, self.epsilon, self.over)
    }

    fn picture(&self, at: &Reading<'_>, backward: bool) -> Option<Picture> {
        picture(at, backward, false)
    }
}

struct GroupNorm<T> {
    plan: GroupNormPlan,
    /// Mean and 1/√(variance + ε) of each group and sample.
    mean: Vec<T>,
    rate: Vec<T>,
}

impl<T: Real> Operation<T> for GroupNorm<T> {
    fn forward(&mut self, pass: &PassContext, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (x, stride, plan) = (inputs.get(0), pass.stride(), &self.plan);
        let (length, own) = (x.len() / plan.groups, plan.channels / plan.groups);
        let shape = norm::Group { values: length / stride / own, stride };
        let (gamma, beta) = (&params[plan.gamma.clone()], &params[plan.beta.clone()]);
        for (g, (x, a)) in x.chunks_exact(length).zip(output.chunks_exact_mut(length)).enumerate() {
            let channels = plan.scales(g);
            let (mean, rate) = (&mut self.mean[g * stride..][..stride], &mut self.rate[g * stride..][..stride]);
            let epsilon = T::from_f32(plan.epsilon);
            norm::group(shape, x, &gamma[channels.clone()], &beta[channels], a, mean, rate, epsilon);
        }
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        let (x, stride, plan) = (at.inputs.get(0), pass.stride(), &self.plan);
        let (length, own) = (x.len() / plan.groups, plan.channels / plan.groups);
        let shape = norm::Group { values: length / stride / own, stride };
        let mut grad_input = at.grad_inputs.get(0);
        for g in 0..plan.groups {
            let (part, channels) = (g * length..(g + 1) * length, plan.scales(g));
            let (x, grad) = (&x[part.clone()], &at.grad_output[part.clone()]);
            let (mean, rate) = (&self.mean[g * stride..][..stride], &self.rate[g * stride..][..stride]);
            let (gammas, betas) = two_mut(at.grad_params, &plan.gamma, &plan.beta);
            norm::group_backward_params(
                shape,
                x,
                grad,
                mean,
                rate,
                &mut gammas[channels.clone()],
                &mut betas[channels.clone()],
                g > 0 && plan.is_shared(),
            );
            if let Some(GradInput { values, accumulate }) = &mut grad_input {
                let gamma = &at.params[plan.gamma.clone()][channels];
                norm::group_backward(shape, x, grad, mean, rate, gamma, &mut values[part], *accumulate);
            }
        }
    }

    fn intermediates(&self, pass: &PassContext) -> Vec<Intermediate<T>> {
        let (groups, stride, epsilon) = (self.plan.groups, pass.stride(), T::from_f32(self.plan.epsilon));
        let variance = |rate: T| T::ONE / (rate * rate) - epsilon;
        vec![
            Intermediate::new("mean", &[groups], pass.batch, |g, s| self.mean[g * stride + s]),
            Intermediate::new("variance", &[groups], pass.batch, |g, s| variance(self.rate[g * stride + s])),
        ]
    }
}

/// The two formulas of a number that is normalised with the mean and variance that the operation took; `channels` that are
/// scaled alike.
fn tell(at: &Reading<'_>, channels: usize, epsilon: f32, over: &str) -> Option<Told> {
    let channel = at.unit / (at.units(at.node) / channels);
    let groups = at.intermediate_shape("mean")?[0];
    let group = channel / (channels / groups);
    let (mean, variance) = (at.intermediate("mean", group)?, at.intermediate("variance", group)?);
    let scale = channel % at.recorded.range(at.recorded.layer(at.node), "gamma")?.len();
    let ((gamma, g), (_, b)) = (at.own_parameter("gamma", scale)?, at.own_parameter("beta", scale)?);
    let deviation = (variance + f64::from(epsilon)).sqrt();
    let normal = (at.value(at.input(), at.unit) - mean) / deviation;
    let of = |letter: &str| indexed(letter, subscript(at.unit));
    let own = |name: &str, letter: &str| {
        let range = at.recorded.range(at.recorded.layer(at.node), name);
        range.map_or_else(|| symbol(letter), |range| at.parameter_symbol(range.start + scale))
    };
    let root = Math::Root(Box::new(row([power(symbol("σ"), "2"), text("+"), symbol("ε")])));
    let lines = vec![
        Line {
            symbols: row([of("n"), text("="), fraction(row([of("x"), text("−"), symbol("μ")]), root)]),
            numbers: Some(fraction(
                row([at.input_number(at.unit), text("−"), factor(mean, None)]),
                number(deviation, None),
            )),
            result: normal,
            place: None,
        },
        at.line(
            row([of("a"), text("="), own("gamma", "γ"), text("·"), of("n"), text("+"), own("beta", "β")]),
            Some(row([g, text("·"), factor(normal, None), text("+"), b])),
        ),
    ];
    let words = format!(
        "It subtracts the mean {over} ({}) and divides by the standard deviation ({}); then a learned scale of {} and a learned shift follow.",
        format::number(mean),
        format::number(deviation),
        format::number(gamma)
    );
    Some(Told { lines, words })
}

/// The values that are normalised together, before and after; backward, the gradients that arrive and are handed on. Batch
/// norm looks along the mini-batch, the others along the row.
fn picture(at: &Reading<'_>, backward: bool, along_batch: bool) -> Option<Picture> {
    const MOST: usize = 600;
    let size = at.units(at.node) / at.intermediate_shape("mean")?[0];
    let own = at.unit / size * size..(at.unit / size + 1) * size;
    let (name, pairs) = if backward {
        ("Gradients before and after normalisation", [("arrives", at.node), ("goes on", at.input())])
    } else {
        ("Values before and after normalisation", [("before", at.input()), ("after", at.node)])
    };
    let sample = at.recorded.sample();
    let line = |(title, node): (&'static str, usize)| {
        let all = if backward { at.recorded.grads(node)? } else { at.recorded.values(node) };
        let samples = if along_batch { 0..all.ncols() } else { sample..sample + 1 };
        let values = own.clone().flat_map(|u| samples.clone().map(move |s| all[[u, s]])).take(MOST).collect();
        Some(PointLine { title, values, own: all[[at.unit, sample]] })
    };
    Some(Picture::Lines { name, lines: pairs.into_iter().filter_map(line).collect() })
}
