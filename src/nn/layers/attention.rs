//! Self-attention over a sequence `[steps, features]` (Vaswani et al. 2017), by head: S = Q Kᵀ / √d, P = softmax(S) by rows,
//! O = P V, with Q, K, V = X·W + b, and a = O·Wₒ + bₒ of all heads side by side. Without projections Q = K = V = X.

use super::{
    Backward, GradInput, Inputs, Inside, LayerDefinition, LayerInfo, Operation, OperationPlan, ParameterShape, Pass,
    numbers, sequence,
};
use crate::nn::compile::Lowering;
use crate::nn::kernels::sequence::{self as steps, Matrix, Part, Rows, Steps, WIDE};
use crate::nn::{Initialiser, Real};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Every step looks at every step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttentionSpec {
    /// Parts that the features are cut into, each with an attention of its own
    pub heads: usize,
    /// Whether queries, keys, values and the result are weighted; else it is plain scaled dot-product attention
    #[serde(default = "super::yes")]
    pub projections: bool,
    /// Whether a step sees only itself and the ones before it
    #[serde(default)]
    pub causal: bool,
    #[serde(default)]
    pub initialiser: Initialiser,
}

impl Default for AttentionSpec {
    fn default() -> Self {
        Self { heads: 2, projections: true, causal: false, initialiser: Initialiser::XavierUniform }
    }
}

impl AttentionSpec {
    /// Scaled dot-product attention without weights.
    pub fn plain() -> Self {
        Self { heads: 1, projections: false, ..Self::default() }
    }
}

impl LayerDefinition for AttentionSpec {
    fn info(&self) -> &'static LayerInfo {
        if self.projections {
            return &LayerInfo {
                label: "Attention",
                group: "Sequence",
                summary: "every step asks every step",
                description: "Multi-head self-attention: each step asks with a query, all steps answer with their values, weighted by how well their keys fit the question.",
                formula: "a = softmax(Q·K' / √d)·V·W",
            };
        }
        &LayerInfo {
            label: "Dot-product attention",
            group: "Sequence",
            summary: "attention without weights",
            description: "Scaled dot-product self-attention: each step becomes a mean of all steps, weighted by how alike they are. It learns nothing by itself.",
            formula: "a = softmax(X·X' / √d)·X",
        }
    }

    fn caption(&self) -> String {
        let heads = if self.heads == 1 { "1 head".to_owned() } else { format!("{} heads", self.heads) };
        format!("{heads}{}", if self.causal { " · causal" } else { "" })
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let [_, features] = sequence(input, "Attention")?;
        if features.is_multiple_of(self.heads) {
            Ok(input.to_vec())
        } else {
            Err(format!("{} heads do not divide {features} features evenly", self.heads))
        }
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        if !self.projections {
            return Vec::new();
        }
        let features = input.last().copied().unwrap_or(1);
        let weight = |name, times: usize| ParameterShape {
            name,
            shape: vec![features, features.saturating_mul(times)],
            fan_in: features,
            fan_out: features,
            initialiser: self.initialiser,
            decayed: true,
        };
        let bias = |name, times: usize| ParameterShape {
            name,
            shape: vec![features.saturating_mul(times)],
            initialiser: Initialiser::Zeros {},
            decayed: false,
            ..weight(name, times)
        };
        vec![weight("weight", 3), weight("output weight", 1), bias("bias", 3), bias("output bias", 1)]
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        let steps = input.first().copied().unwrap_or(1) as u128;
        let scores = steps.saturating_mul(steps).saturating_mul(2 * self.heads as u128);
        // Blocks of samples are whole.
        numbers(10, input).saturating_add(scores).saturating_mul(2)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let Ok([steps, features]) = sequence(lowering.input(), "") else { return };
        let plan = AttentionPlan {
            steps,
            features,
            heads: self.heads,
            causal: self.causal,
            weight: lowering.parameter("weight"),
            bias: lowering.parameter("bias"),
            output_weight: lowering.parameter("output weight"),
            output_bias: lowering.parameter("output bias"),
        };
        lowering.push(OperationPlan::Attention(plan), steps * features);
    }

    fn invalid(&self) -> Option<String> {
        (self.heads == 0).then(|| "attention needs at least one head".to_owned())
    }
}

/// Its shape and where its parameters lie; ranges are empty without projections.
#[derive(Clone, Debug)]
pub struct AttentionPlan {
    steps: usize,
    features: usize,
    heads: usize,
    causal: bool,
    weight: Range<usize>,
    bias: Range<usize>,
    output_weight: Range<usize>,
    output_bias: Range<usize>,
}

impl AttentionPlan {
    /// Rows from one step to the next, of features of one head and of scores.
    fn room(&self) -> (usize, usize) {
        (steps::roomy(self.depth()), steps::roomy(self.steps))
    }

    /// Features of one head.
    fn depth(&self) -> usize {
        self.features / self.heads
    }

    fn projects(&self) -> bool {
        !self.weight.is_empty()
    }

    /// Steps that step `t` looks at.
    fn seen(&self, t: usize) -> usize {
        if self.causal { t + 1 } else { self.steps }
    }

    fn factor<T: Real>(&self) -> T {
        T::from_f64(1.0 / (self.depth() as f64).sqrt())
    }
}

/// One head of one block of samples. `[steps, depth, width]` but for the scores, which are `[steps, steps, width]`, with room
/// behind each step.
struct Cell<T> {
    head: usize,
    at: usize,
    width: usize,
    /// Q, K, V
    parts: [Vec<T>; 3],
    result: Vec<T>,
    scores: Vec<T>,
    grad_parts: [Vec<T>; 3],
    grad_result: Vec<T>,
    grad_scores: Vec<T>,
}

pub(super) struct Attention<T> {
    plan: AttentionPlan,
    /// Heads of the first block, then of the next.
    cells: Vec<Cell<T>>,
    /// Transposes of both weights, for the forward pass.
    weight: Vec<T>,
    output_weight: Vec<T>,
}

impl<T: Real> Attention<T> {
    pub(super) fn new(plan: AttentionPlan, columns: usize) -> Self {
        let part = || vec![T::ZERO; plan.steps * plan.room().0 * WIDE];
        let scores = || vec![T::ZERO; plan.steps * plan.room().1 * WIDE];
        let cells = steps::blocks(columns)
            .flat_map(|(at, width)| (0..plan.heads).map(move |head| (at, width, head)))
            .map(|(at, width, head)| Cell {
                head,
                at,
                width,
                parts: std::array::from_fn(|_| part()),
                result: part(),
                scores: scores(),
                grad_parts: std::array::from_fn(|_| part()),
                grad_result: part(),
                grad_scores: scores(),
            })
            .collect();
        let (weight, output_weight) = (vec![T::ZERO; plan.weight.len()], vec![T::ZERO; plan.output_weight.len()]);
        Self { plan, cells, weight, output_weight }
    }

    fn threads(&self, pass: &Pass) -> usize {
        let p = &self.plan;
        let work = p.steps * p.features * (4 * p.features + 2 * p.steps) * pass.stride();
        steps::threads_for(work, pass.threads)
    }
}

impl<T: Real> Operation<T> for Attention<T> {
    fn forward(&mut self, pass: &Pass, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (x, stride, threads) = (inputs.get(0), pass.stride(), self.threads(pass));
        let plan = &self.plan;
        if plan.projects() {
            let features = plan.features;
            steps::transpose(&params[plan.weight.clone()], features, 3 * features, &mut self.weight);
            steps::transpose(&params[plan.output_weight.clone()], features, features, &mut self.output_weight);
        }
        let weight = &self.weight;
        let mut used = 0;
        for ((at, width), cells) in steps::blocks(stride).zip(self.cells.chunks_exact_mut(plan.heads)) {
            for cell in cells {
                (cell.at, cell.width) = (at, width);
            }
            used += plan.heads;
        }
        let cells = &mut self.cells[..used];
        steps::share(cells, threads, &|cell| cell.forward(plan, weight, params, x, stride));

        let (cells, size, depth) = (&*cells, plan.features * stride, plan.depth());
        let (weight, bias) = (&self.output_weight, &params[plan.output_bias.clone()]);
        steps::share_chunks(output, size, 0, threads, &|first, part| {
            for (t, a) in (first..).zip(part.chunks_exact_mut(size)) {
                for cell in cells {
                    let result = &cell.result[t * plan.room().0 * cell.width..][..depth * cell.width];
                    if plan.projects() {
                        let weight = &weight[cell.head * depth..];
                        let rows = Rows { distance: stride, width: cell.width };
                        let (lead, a, later) = (plan.features, &mut a[cell.at..], cell.head > 0);
                        steps::affine(
                            Matrix::rows(weight, lead),
                            bias,
                            result,
                            cell.width,
                            depth,
                            a,
                            rows,
                            lead,
                            later,
                        );
                    } else {
                        let own = a[cell.head * depth * stride..].chunks_exact_mut(stride);
                        for (a, result) in own.zip(result.chunks_exact(cell.width)) {
                            a[cell.at..][..cell.width].copy_from_slice(result);
                        }
                    }
                }
            }
        });
    }

    fn backward(&mut self, pass: &Pass, mut at: Backward<'_, T>) {
        let (x, grad, stride, threads) = (at.inputs.get(0), at.grad_output, pass.stride(), self.threads(pass));
        let (plan, features, depth) = (&self.plan, self.plan.features, self.plan.depth());
        let used = steps::blocks(stride).count() * plan.heads;
        let output_weight = &at.params[plan.output_weight.clone()];
        steps::share(&mut self.cells[..used], threads, &|cell| cell.backward(plan, output_weight, grad, stride));

        let cells = &self.cells[..used];
        let blocks = || cells.chunks_exact(plan.heads);
        if plan.projects() {
            let lead = 3 * features;
            // Columns of the weight belong to queries, keys and values of heads; rows of the output weight to heads.
            let of_weight = |first: usize, gradient: &mut [T]| {
                let part = Part { first, inputs: gradient.len() / lead, outputs: depth, lead };
                for (k, heads) in blocks().enumerate() {
                    for cell in heads {
                        let x = Steps { values: &x[cell.at..], step: features * stride, row: stride };
                        for (which, grads) in cell.grad_parts.iter().enumerate() {
                            let own = &mut gradient[which * features + cell.head * depth..];
                            steps::outer(x, cell.steps(grads, depth), plan.steps, cell.width, own, part, k > 0);
                        }
                    }
                }
            };
            let of_output = |gradient: &mut [T]| {
                let part = Part { first: 0, inputs: depth, outputs: features, lead: features };
                for (k, heads) in blocks().enumerate() {
                    for (cell, gradient) in heads.iter().zip(gradient.chunks_exact_mut(depth * features)) {
                        let g = Steps { values: &grad[cell.at..], step: features * stride, row: stride };
                        let result = cell.steps(&cell.result, depth);
                        steps::outer(result, g, plan.steps, cell.width, gradient, part, k > 0);
                    }
                }
            };
            let (weight, output) = super::two_mut(at.grad_params, &plan.weight, &plan.output_weight);
            if threads < 2 {
                of_weight(0, weight);
                of_output(output);
            } else {
                // Two thirds of three parts, and the rest with the fourth.
                let rows = (2 * features).div_ceil(3);
                let (low, high) = weight.split_at_mut(rows * lead);
                rayon::join(
                    || of_weight(0, low),
                    || {
                        of_weight(rows, high);
                        of_output(output);
                    },
                );
            }
            for (k, heads) in blocks().enumerate() {
                let g = Steps { values: &grad[heads[0].at..], step: features * stride, row: stride };
                let bias = &mut at.grad_params[plan.output_bias.clone()];
                steps::step_sums(g, plan.steps, heads[0].width, bias, k > 0);
                for cell in heads {
                    for (which, grads) in cell.grad_parts.iter().enumerate() {
                        let from = plan.bias.start + which * features + cell.head * depth;
                        let bias = &mut at.grad_params[from..from + depth];
                        steps::step_sums(cell.steps(grads, depth), plan.steps, cell.width, bias, k > 0);
                    }
                }
            }
        }
        let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) else { return };
        let (weight, size) = (&at.params[plan.weight.clone()], features * stride);
        steps::share_chunks(values, size, 0, threads, &|first, part| {
            for (t, to) in (first..).zip(part.chunks_exact_mut(size)) {
                for cell in cells {
                    for (which, grads) in cell.grad_parts.iter().enumerate() {
                        let grads = &grads[t * plan.room().0 * cell.width..][..depth * cell.width];
                        let later = accumulate || which > 0;
                        if plan.projects() {
                            let weight = &weight[which * features + cell.head * depth..];
                            let rows = Rows { distance: stride, width: cell.width };
                            let (lead, to, later) = (3 * features, &mut to[cell.at..], later || cell.head > 0);
                            steps::affine(
                                Matrix::rows(weight, lead),
                                &[],
                                grads,
                                cell.width,
                                depth,
                                to,
                                rows,
                                features,
                                later,
                            );
                        } else {
                            let own = to[cell.head * depth * stride..].chunks_exact_mut(stride);
                            for (to, grads) in own.zip(grads.chunks_exact(cell.width)) {
                                let to = to[cell.at..][..cell.width].iter_mut().zip(grads);
                                to.for_each(|(to, &g)| *to = if later { *to + g } else { g });
                            }
                        }
                    }
                }
            }
        });
    }

    fn inside(&self, pass: &Pass) -> Vec<Inside<T>> {
        let (heads, count, depth) = (self.plan.heads, self.plan.steps, self.plan.depth());
        let of = |name, columns: usize, values: fn(&Cell<T>) -> &[T]| {
            Inside::new(name, &[heads, count, columns], pass.batch, |number, sample| {
                let (head, row, column) = (number / columns / count, number / columns % count, number % columns);
                let own = |c: &&Cell<T>| c.head == head && c.at <= sample;
                let cell = self.cells.iter().rfind(own).expect("blocks cover the mini-batch");
                values(cell)[(row * steps::roomy(columns) + column) * cell.width + sample - cell.at]
            })
        };
        vec![
            of("weights", count, |c| &c.scores),
            of("values", depth, |c| &c.parts[2]),
            of("result", depth, |c| &c.result),
        ]
    }
}

impl<T: Real> Cell<T> {
    fn steps<'a>(&self, values: &'a [T], depth: usize) -> Steps<'a, T> {
        Steps { values, step: steps::roomy(depth) * self.width, row: self.width }
    }

    /// As a matrix of steps by features, or the other way round.
    fn by_step<'a>(&self, values: &'a [T], depth: usize) -> Matrix<'a, T> {
        Matrix { values, row: steps::roomy(depth) * self.width, column: self.width }
    }

    fn by_feature<'a>(&self, values: &'a [T], depth: usize) -> Matrix<'a, T> {
        Matrix { values, row: self.width, column: steps::roomy(depth) * self.width }
    }

    /// `weight` is transposed, `[3 · features, features]`.
    fn forward(&mut self, plan: &AttentionPlan, weight: &[T], params: &[T], x: &[T], stride: usize) {
        let (width, depth, features, n) = (self.width, plan.depth(), plan.features, plan.steps);
        let (a_part, a_score) = (plan.room().0 * width, plan.room().1 * width);
        let rows = Rows { distance: width, width };
        for which in 0..3 {
            let from = which * features + self.head * depth;
            let part = &mut self.parts[which];
            for (x, part) in x.chunks_exact(features * stride).zip(part.chunks_exact_mut(a_part)) {
                if plan.projects() {
                    let (weight, bias) = (&weight[from * features..], &params[plan.bias.clone()][from..]);
                    steps::affine(
                        Matrix::rows(weight, features),
                        bias,
                        &x[self.at..],
                        stride,
                        features,
                        part,
                        rows,
                        depth,
                        false,
                    );
                } else {
                    let own = x[self.head * depth * stride..].chunks_exact(stride);
                    for (part, x) in part.chunks_exact_mut(width).zip(own.take(depth)) {
                        part.copy_from_slice(&x[self.at..][..width]);
                    }
                }
            }
        }
        let [queries, keys, values] = &self.parts;
        let (q, k) = (self.by_step(queries, depth), self.by_step(keys, depth));
        steps::lanewise(q, k, &mut self.scores, [n, n, depth], width, plan.factor());
        for (t, row) in self.scores.chunks_exact_mut(a_score).take(n).enumerate() {
            steps::softmax_row(row, plan.seen(t), width);
        }
        let (p, v) = (self.by_step(&self.scores, n), self.by_feature(values, depth));
        steps::lanewise(p, v, &mut self.result, [n, depth, n], width, T::ONE);
    }

    fn backward(&mut self, plan: &AttentionPlan, output_weight: &[T], grad: &[T], stride: usize) {
        let (width, depth, features, n) = (self.width, plan.depth(), plan.features, plan.steps);
        let (a_part, a_score) = (plan.room().0 * width, plan.room().1 * width);
        let rows = Rows { distance: width, width };
        let own = self.grad_result.chunks_exact_mut(a_part);
        for (grad, own) in grad.chunks_exact(features * stride).zip(own) {
            if plan.projects() {
                let (weight, grad) = (&output_weight[self.head * depth * features..], &grad[self.at..]);
                steps::affine(Matrix::rows(weight, features), &[], grad, stride, features, own, rows, depth, false);
            } else {
                let grads = grad[self.head * depth * stride..].chunks_exact(stride);
                for (own, grad) in own.chunks_exact_mut(width).zip(grads.take(depth)) {
                    own.copy_from_slice(&grad[self.at..][..width]);
                }
            }
        }
        let (grad_result, scores) = (&self.grad_result, &self.scores);
        let [queries, keys, values] = &self.parts;
        let (g, v) = (self.by_step(grad_result, depth), self.by_step(values, depth));
        steps::lanewise(g, v, &mut self.grad_scores, [n, n, depth], width, T::ONE);
        let pairs = scores.chunks_exact(a_score).zip(self.grad_scores.chunks_exact_mut(a_score));
        pairs.take(n).for_each(|(p, grad)| steps::softmax_row_backward(&p[..n * width], &mut grad[..n * width], width));
        let by_row = Matrix { values: &self.grad_scores, row: a_score, column: width };
        let by_column = Matrix { values: &self.grad_scores, row: width, column: a_score };
        let weights = Matrix { values: scores, row: width, column: a_score };
        let of = |values| Matrix { values, row: width, column: a_part };
        let [grad_q, grad_k, grad_v] = &mut self.grad_parts;
        steps::lanewise(by_row, of(keys), grad_q, [n, depth, n], width, plan.factor());
        steps::lanewise(by_column, of(queries), grad_k, [n, depth, n], width, plan.factor());
        steps::lanewise(weights, of(grad_result), grad_v, [n, depth, n], width, T::ONE);
    }
}
