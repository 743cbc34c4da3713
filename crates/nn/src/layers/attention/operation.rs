//! Self-attention over a sequence `[steps, features]` (Vaswani et al. 2017), by head: S = Q Kᵀ / √d, P = softmax(S) by rows,
//! O = P V, with Q, K, V = X·W + b, and a = O·Wₒ + bₒ of all heads side by side. Without projections Q = K = V = X.

use crate::intermediate::Intermediate;
use crate::kernels::attention::{product_by_sample, softmax_row, softmax_row_backward};
use crate::kernels::blocks::{self, BLOCK};
use crate::kernels::outer::{outer, step_sums};
use crate::kernels::packed::Packed;
use crate::kernels::view::{View, ViewMut};
use crate::kernels::{padded, threads};
use crate::operation::{Backward, Build, GradInput, Inputs, Operation, PassContext};
use crate::real::Real;
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
                own.fill_columns(&weight[which * features + head * depth..], 3 * features);
            }
        }
        let output_weight = &params[plan.output_weight.clone()];
        for (own, rows) in self.output_weights.iter_mut().zip(output_weight.chunks_exact(depth * features)) {
            own.fill_columns(rows, features);
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
                        let result = View::block(result, depth, cell.width);
                        let a = ViewMut::rows(&mut a[cell.at..], features, stride, cell.width);
                        weight.affine(bias, result, a, cell.head > 0);
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
            own.fill_rows(rows, features);
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
            let g = View::new(grad, [plan.steps, features], [features * stride, stride], stride);
            step_sums(g, &mut at.grad_params[plan.output_bias.clone()], false);
        }
        let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) else { return };
        let (weight, size) = (&at.params[plan.weight.clone()], features * stride);
        for (head, own) in self.weights_back.iter_mut().enumerate() {
            for (which, own) in own.iter_mut().enumerate() {
                own.fill_rows(&weight[which * features + head * depth..], 3 * features);
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
                            let grads = View::block(grads, depth, cell.width);
                            let to = ViewMut::rows(&mut to[cell.at..], features, stride, cell.width);
                            weights[which].affine(&[], grads, to, later || cell.head > 0);
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

/// A matrix `[rows, columns]` of blocks of samples, with room behind each row.
fn matrix<T: Real>(values: &[T], counts: [usize; 2], width: usize) -> View<'_, T> {
    View::new(values, counts, [blocks::padded_rows(counts[1]) * width, width], width)
}

/// Its transpose.
fn transposed<T: Real>(values: &[T], [rows, columns]: [usize; 2], width: usize) -> View<'_, T> {
    View::new(values, [columns, rows], [width, blocks::padded_rows(columns) * width], width)
}

fn matrix_mut<T: Real>(values: &mut [T], counts: [usize; 2], width: usize) -> ViewMut<'_, T> {
    ViewMut::new(values, counts, [blocks::padded_rows(counts[1]) * width, width], width)
}

impl<T: Real> Cell<T> {
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
        for which in 0..3 {
            let from = which * features + self.head * depth;
            let part = &mut self.parts[which];
            for (x, part) in x.chunks_exact(features * stride).zip(part.chunks_exact_mut(a_part)) {
                if let Some(weights) = weights {
                    let bias = &params[plan.bias.clone()][from..];
                    let x = View::rows(&x[self.at..], features, stride, width);
                    weights[which].affine(bias, x, ViewMut::block(part, depth, width), false);
                } else {
                    let own = x[self.head * depth * stride..].chunks_exact(stride);
                    for (part, x) in part.chunks_exact_mut(width).zip(own.take(depth)) {
                        part.copy_from_slice(&x[self.at..][..width]);
                    }
                }
            }
        }
        let [queries, keys, values] = &self.parts;
        let (q, k) = (matrix(queries, [n, depth], width), matrix(keys, [n, depth], width));
        product_by_sample(q, k, matrix_mut(&mut self.scores, [n, n], width), plan.factor());
        for (t, row) in self.scores.chunks_exact_mut(a_score).take(n).enumerate() {
            softmax_row(row, plan.seen(t), width);
        }
        let (p, v) = (matrix(&self.scores, [n, n], width), transposed(values, [n, depth], width));
        product_by_sample(p, v, matrix_mut(&mut self.result, [n, depth], width), T::ONE);
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
        let own = self.grad_result.chunks_exact_mut(a_part);
        for (grad, own) in grad.chunks_exact(features * stride).zip(own) {
            if let Some(weight) = output_weight {
                let grad = View::rows(&grad[self.at..], features, stride, width);
                weight.affine(&[], grad, ViewMut::block(own, depth, width), false);
            } else {
                let grads = grad[self.head * depth * stride..].chunks_exact(stride);
                for (own, grad) in own.chunks_exact_mut(width).zip(grads.take(depth)) {
                    own.copy_from_slice(&grad[self.at..][..width]);
                }
            }
        }
        let (grad_result, scores) = (&self.grad_result, &self.scores);
        let [queries, keys, values] = &self.parts;
        let (g, v) = (matrix(grad_result, [n, depth], width), matrix(values, [n, depth], width));
        product_by_sample(g, v, matrix_mut(&mut self.grad_scores, [n, n], width), T::ONE);
        let pairs = scores.chunks_exact(a_score).zip(self.grad_scores.chunks_exact_mut(a_score));
        pairs.take(n).for_each(|(p, grad)| softmax_row_backward(&p[..n * width], &mut grad[..n * width], width));
        let (by_row, by_column) =
            (matrix(&self.grad_scores, [n, n], width), transposed(&self.grad_scores, [n, n], width));
        let weights = transposed(scores, [n, n], width);
        let (q, k) = (transposed(queries, [n, depth], width), transposed(keys, [n, depth], width));
        let g = transposed(grad_result, [n, depth], width);
        let [grad_q, grad_k, grad_v] = &mut self.grad_parts;
        product_by_sample(by_row, k, matrix_mut(grad_q, [n, depth], width), plan.factor());
        product_by_sample(by_column, q, matrix_mut(grad_k, [n, depth], width), plan.factor());
        product_by_sample(weights, g, matrix_mut(grad_v, [n, depth], width), T::ONE);
        if !plan.projects() {
            return;
        }
        let of_steps = |values| View::new(values, [n, features], [features * stride, stride], width);
        let x = of_steps(&x[self.at..]);
        let own = self.grad_weights.iter_mut().zip(self.grad_bias.chunks_exact_mut(depth));
        for (grads, (weight, bias)) in self.grad_parts.iter().zip(own) {
            let g = matrix(grads, [n, depth], width);
            outer(x, g, ViewMut::matrix(weight, [features, depth], depth), false);
            step_sums(g, bias, false);
        }
        let (result, g) = (matrix(&self.result, [n, depth], width), of_steps(&grad[self.at..]));
        outer(result, g, ViewMut::matrix(&mut self.grad_output_weight, [depth, features], features), false);
    }
}
