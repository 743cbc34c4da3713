//! Self-attention over a sequence `[steps, features]` (Vaswani et al. 2017), by head: S = Q Kᵀ / √d, P = softmax(S) by rows,
//! O = P V, with Q, K, V = X·W + b, and a = O·Wₒ + bₒ of all heads side by side. Without projections Q = K = V = X.

use crate::nn::intermediate::Intermediate;
use crate::nn::kernels::affine::{Matrix, Rows};
use crate::nn::kernels::attention::{lanewise, softmax_row, softmax_row_backward};
use crate::nn::kernels::blocks::{self, BLOCK};
use crate::nn::kernels::outer::{Part, Steps, outer, step_sums};
use crate::nn::kernels::packed::Packed;
use crate::nn::kernels::{padded, threads};
use crate::nn::operation::{Backward, Build, GradInput, Inputs, Operation, PassContext};
use crate::nn::real::Real;
use std::ops::Range;

/// Its shape and where its parameters lie; ranges are empty without projections.
#[derive(Clone, Debug)]
pub(super) struct AttentionPlan {
    pub steps: usize,
    pub features: usize,
    pub heads: usize,
    pub causal: bool,
    pub weight: Range<usize>,
    pub bias: Range<usize>,
    pub output_weight: Range<usize>,
    pub output_bias: Range<usize>,
}

impl Build for AttentionPlan {
    fn build<T: Real>(&self, _units: usize, capacity: usize) -> Box<dyn Operation<T>> {
        Box::new(Attention::new(self.clone(), padded(capacity)))
    }
}

impl AttentionPlan {
    /// Rows from one step to the next, of features of one head and of scores.
    fn room(&self) -> (usize, usize) {
        (blocks::padded_rows(self.depth()), blocks::padded_rows(self.steps))
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
    /// Its part of the gradients, `[features, depth]` of each weight, `[depth, features]` and `[depth]` three times; empty
    /// without projections
    grad_weights: [Vec<T>; 3],
    grad_output_weight: Vec<T>,
    grad_bias: Vec<T>,
}

struct Attention<T> {
    plan: AttentionPlan,
    /// Heads of the first block, then of the next.
    cells: Vec<Cell<T>>,
    /// Weights of the queries, keys and values of each head, and of what it adds to the output; then the same for the
    /// backward pass. None without projections.
    weights: Vec<[Packed<T>; 3]>,
    output_weights: Vec<Packed<T>>,
    weights_back: Vec<[Packed<T>; 3]>,
    output_weights_back: Vec<Packed<T>>,
}

impl<T: Real> Attention<T> {
    fn new(plan: AttentionPlan, columns: usize) -> Self {
        let part = || vec![T::ZERO; plan.steps * plan.room().0 * BLOCK];
        let scores = || vec![T::ZERO; plan.steps * plan.room().1 * BLOCK];
        let weights = || vec![T::ZERO; plan.weight.len() / 3 / plan.heads];
        let cells = blocks::of(columns)
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
                grad_weights: std::array::from_fn(|_| weights()),
                grad_output_weight: weights(),
                grad_bias: vec![T::ZERO; if plan.projects() { 3 * plan.depth() } else { 0 }],
            })
            .collect();
        let heads = 0..if plan.projects() { plan.heads } else { 0 };
        let (narrow, broad) =
            (|_| Packed::new(plan.depth(), plan.features), |_| Packed::new(plan.features, plan.depth()));
        Self {
            cells,
            weights: heads.clone().map(|_| std::array::from_fn(narrow)).collect(),
            output_weights: heads.clone().map(broad).collect(),
            weights_back: heads.clone().map(|_| std::array::from_fn(broad)).collect(),
            output_weights_back: heads.map(narrow).collect(),
            plan,
        }
    }

    fn threads(&self, pass: &PassContext) -> usize {
        let p = &self.plan;
        let work = p.steps * p.features * (4 * p.features + 2 * p.steps) * pass.stride();
        threads::threads_for(work, pass.threads)
    }
}

impl<T: Real> Operation<T> for Attention<T> {
    fn forward(&mut self, pass: &PassContext, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (x, stride, threads) = (inputs.get(0), pass.stride(), self.threads(pass));
        let plan = &self.plan;
        let (weight, features, depth) = (&params[plan.weight.clone()], plan.features, plan.depth());
        for (head, own) in self.weights.iter_mut().enumerate() {
            for (which, own) in own.iter_mut().enumerate() {
                own.fill(Matrix::columns(&weight[which * features + head * depth..], 3 * features));
            }
        }
        let output_weight = &params[plan.output_weight.clone()];
        for (own, rows) in self.output_weights.iter_mut().zip(output_weight.chunks_exact(depth * features)) {
            own.fill(Matrix::columns(rows, features));
        }
        let weights = &self.weights;
        let mut used = 0;
        for ((at, width), cells) in blocks::of(stride).zip(self.cells.chunks_exact_mut(plan.heads)) {
            for cell in cells {
                (cell.at, cell.width) = (at, width);
            }
            used += plan.heads;
        }
        let cells = &mut self.cells[..used];
        threads::share(cells, threads, &|cell| cell.forward(plan, weights.get(cell.head), params, x, stride));

        let (cells, size) = (&*cells, features * stride);
        let (weights, bias) = (&self.output_weights, &params[plan.output_bias.clone()]);
        threads::share_chunks(output, size, 0, threads, &|first, part| {
            for (t, a) in (first..).zip(part.chunks_exact_mut(size)) {
                for cell in cells {
                    let result = &cell.result[t * plan.room().0 * cell.width..][..depth * cell.width];
                    if let Some(weight) = weights.get(cell.head) {
                        let rows = Rows { distance: stride, width: cell.width };
                        weight.affine(bias, result, cell.width, &mut a[cell.at..], rows, cell.head > 0);
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

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        let (x, grad, stride, threads) = (at.inputs.get(0), at.grad_output, pass.stride(), self.threads(pass));
        let (plan, features, depth) = (&self.plan, self.plan.features, self.plan.depth());
        let used = blocks::of(stride).count() * plan.heads;
        let output_weight = &at.params[plan.output_weight.clone()];
        for (own, rows) in self.output_weights_back.iter_mut().zip(output_weight.chunks_exact(depth * features)) {
            own.fill(Matrix::rows(rows, features));
        }
        let weights = &self.output_weights_back;
        threads::share(&mut self.cells[..used], threads, &|cell| {
            cell.backward(plan, weights.get(cell.head), x, grad, stride);
        });

        let cells = &self.cells[..used];
        if plan.projects() {
            for cell in cells {
                let (first, from) = (cell.at == 0, cell.head * depth);
                let put = |to: &mut [T], own: &[T]| {
                    to.iter_mut().zip(own).for_each(|(to, &g)| *to = if first { g } else { *to + g });
                };
                // Columns of the weight belong to queries, keys and values of heads; rows of the output weight to heads.
                let weight = at.grad_params[plan.weight.clone()].chunks_exact_mut(features);
                for (part, columns) in weight.enumerate() {
                    let (row, which) = (part / 3, part % 3);
                    put(&mut columns[from..from + depth], &cell.grad_weights[which][row * depth..]);
                }
                put(&mut at.grad_params[plan.output_weight.clone()][from * features..], &cell.grad_output_weight);
                for (which, own) in cell.grad_bias.chunks_exact(depth).enumerate() {
                    put(&mut at.grad_params[plan.bias.start + which * features + from..], own);
                }
            }
            let g = Steps { values: grad, step: features * stride, row: stride };
            step_sums(g, plan.steps, stride, &mut at.grad_params[plan.output_bias.clone()], false);
        }
        let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) else { return };
        let (weight, size) = (&at.params[plan.weight.clone()], features * stride);
        for (head, own) in self.weights_back.iter_mut().enumerate() {
            for (which, own) in own.iter_mut().enumerate() {
                own.fill(Matrix::rows(&weight[which * features + head * depth..], 3 * features));
            }
        }
        let weights = &self.weights_back;
        threads::share_chunks(values, size, 0, threads, &|first, part| {
            for (t, to) in (first..).zip(part.chunks_exact_mut(size)) {
                for cell in cells {
                    for (which, grads) in cell.grad_parts.iter().enumerate() {
                        let grads = &grads[t * plan.room().0 * cell.width..][..depth * cell.width];
                        let later = accumulate || which > 0;
                        if let Some(weights) = weights.get(cell.head) {
                            let rows = Rows { distance: stride, width: cell.width };
                            let (to, later) = (&mut to[cell.at..], later || cell.head > 0);
                            weights[which].affine(&[], grads, cell.width, to, rows, later);
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

    fn intermediates(&self, pass: &PassContext) -> Vec<Intermediate<T>> {
        let (heads, count, depth) = (self.plan.heads, self.plan.steps, self.plan.depth());
        let of = |name, columns: usize, values: fn(&Cell<T>) -> &[T]| {
            Intermediate::new(name, &[heads, count, columns], pass.batch, |number, sample| {
                let (head, row, column) = (number / columns / count, number / columns % count, number % columns);
                let own = |c: &&Cell<T>| c.head == head && c.at <= sample;
                let cell = self.cells.iter().rfind(own).expect("blocks cover the mini-batch");
                values(cell)[(row * blocks::padded_rows(columns) + column) * cell.width + sample - cell.at]
            })
        };
        vec![
            of("weights", count, |c| &c.scores),
            // After the backward pass.
            of("gradients of scores", count, |c| &c.grad_scores),
            of("values", depth, |c| &c.parts[2]),
            of("result", depth, |c| &c.result),
        ]
    }
}

impl<T: Real> Cell<T> {
    /// As a matrix of steps by features, or the other way round.
    fn by_step<'a>(&self, values: &'a [T], depth: usize) -> Matrix<'a, T> {
        Matrix { values, row: blocks::padded_rows(depth) * self.width, column: self.width }
    }

    fn by_feature<'a>(&self, values: &'a [T], depth: usize) -> Matrix<'a, T> {
        Matrix { values, row: self.width, column: blocks::padded_rows(depth) * self.width }
    }

    fn forward(
        &mut self,
        plan: &AttentionPlan,
        weights: Option<&[Packed<T>; 3]>,
        params: &[T],
        x: &[T],
        stride: usize,
    ) {
        let (width, depth, features, n) = (self.width, plan.depth(), plan.features, plan.steps);
        let (a_part, a_score) = (plan.room().0 * width, plan.room().1 * width);
        let rows = Rows { distance: width, width };
        for which in 0..3 {
            let from = which * features + self.head * depth;
            let part = &mut self.parts[which];
            for (x, part) in x.chunks_exact(features * stride).zip(part.chunks_exact_mut(a_part)) {
                if let Some(weights) = weights {
                    let bias = &params[plan.bias.clone()][from..];
                    weights[which].affine(bias, &x[self.at..], stride, part, rows, false);
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
        lanewise(q, k, &mut self.scores, [n, n, depth], width, plan.factor());
        for (t, row) in self.scores.chunks_exact_mut(a_score).take(n).enumerate() {
            softmax_row(row, plan.seen(t), width);
        }
        let (p, v) = (self.by_step(&self.scores, n), self.by_feature(values, depth));
        lanewise(p, v, &mut self.result, [n, depth, n], width, T::ONE);
    }

    fn backward(
        &mut self,
        plan: &AttentionPlan,
        output_weight: Option<&Packed<T>>,
        x: &[T],
        grad: &[T],
        stride: usize,
    ) {
        let (width, depth, features, n) = (self.width, plan.depth(), plan.features, plan.steps);
        let (a_part, a_score) = (plan.room().0 * width, plan.room().1 * width);
        let rows = Rows { distance: width, width };
        let own = self.grad_result.chunks_exact_mut(a_part);
        for (grad, own) in grad.chunks_exact(features * stride).zip(own) {
            if let Some(weight) = output_weight {
                weight.affine(&[], &grad[self.at..], stride, own, rows, false);
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
        lanewise(g, v, &mut self.grad_scores, [n, n, depth], width, T::ONE);
        let pairs = scores.chunks_exact(a_score).zip(self.grad_scores.chunks_exact_mut(a_score));
        pairs.take(n).for_each(|(p, grad)| softmax_row_backward(&p[..n * width], &mut grad[..n * width], width));
        let by_row = Matrix { values: &self.grad_scores, row: a_score, column: width };
        let by_column = Matrix { values: &self.grad_scores, row: width, column: a_score };
        let weights = Matrix { values: scores, row: width, column: a_score };
        let of = |values| Matrix { values, row: width, column: a_part };
        let [grad_q, grad_k, grad_v] = &mut self.grad_parts;
        lanewise(by_row, of(keys), grad_q, [n, depth, n], width, plan.factor());
        lanewise(by_column, of(queries), grad_k, [n, depth, n], width, plan.factor());
        lanewise(weights, of(grad_result), grad_v, [n, depth, n], width, T::ONE);
        if !plan.projects() {
            return;
        }
        let x = Steps { values: &x[self.at..], step: features * stride, row: stride };
        let part = Part { first: 0, inputs: features, outputs: depth, lead: depth };
        let own = self.grad_weights.iter_mut().zip(self.grad_bias.chunks_exact_mut(depth));
        for (grads, (weight, bias)) in self.grad_parts.iter().zip(own) {
            let g = Steps { values: grads, step: a_part, row: width };
            outer(x, g, n, width, weight, part, false);
            step_sums(g, n, width, bias, false);
        }
        let result = Steps { values: &self.result, step: a_part, row: width };
        let g = Steps { values: &grad[self.at..], step: features * stride, row: stride };
        let part = Part { first: 0, inputs: depth, outputs: features, lead: features };
        outer(result, g, n, width, &mut self.grad_output_weight, part, false);
    }
}
