//! Recurrent layers over a sequence `[steps, features]`: simple RNN, LSTM (Hochreiter & Schmidhuber 1997) and GRU (Cho et al.
//! 2014, with the reset gate behind the product, as in PyTorch), with backpropagation through time.
//!
//! Every step t has weighted sums z = Wᵀxₜ + Uᵀhₜ₋₁ + b, with W `[features, gates · units]` and U `[units, gates · units]`:
//! - RNN: h = tanh z
//! - LSTM: i, f, o = σ(z), g = tanh z, c = f c + i g, h = o tanh c
//! - GRU: r, z = σ(…), n = tanh(Wᵀx + b + r (Uᵀh + b′)), h = (1 − z) n + z h

use crate::init::Initialiser;
use crate::intermediate::Intermediate;
use crate::kernels::blocks::{self, BLOCK};
use crate::kernels::cell::{self, CellBack, CellStep};
use crate::kernels::outer::{outer, step_sums};
use crate::kernels::packed::Packed;
use crate::kernels::view::{View, ViewMut};
use crate::kernels::{padded, threads};
use crate::operation::{Backward, Build, GradInput, Inputs, Operation, PassContext};
use crate::parameter::{Axis, Naming, ParameterShape, TensorPart};
use crate::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

const UNIT: [Axis; 1] = [Axis::output("unit", "k")];
const OF_INPUT: [Axis; 2] = [Axis::input("input", "i"), UNIT[0]];
const OF_STATE: [Axis; 2] = [Axis::input("state", "i"), UNIT[0]];

/// The name of a parameter tensor, its letter, and what its values are called where they are not just weights.
pub(in crate::layers) type TensorName = (&'static str, &'static str, &'static str);

fn parts(letter: &'static str, gates: &[(&'static str, &'static str)]) -> Vec<TensorPart> {
    gates.iter().map(|&(index, words)| TensorPart { letter, index, words }).collect()
}

/// What happens at each step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// h = tanh(W·x + U·h + b)
    Simple,
    /// Gates decide what is kept, forgotten and shown; a memory beside the state
    #[default]
    Lstm,
    /// Two gates and no memory of its own
    Gru,
}

impl Cell {
    pub const ALL: [Self; 3] = [Self::Simple, Self::Lstm, Self::Gru];

    pub fn label(self) -> &'static str {
        match self {
            Self::Simple => "simple RNN",
            Self::Lstm => "LSTM",
            Self::Gru => "GRU",
        }
    }

    pub(super) fn gates(self) -> usize {
        match self {
            Self::Simple => 1,
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }

    /// Letters and names of the gates, as they lie side by side.
    pub(super) fn gate_names(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Simple => &[("", "")],
            Self::Lstm => &[("i", "input gate"), ("f", "forget gate"), ("g", "candidate"), ("o", "output gate")],
            Self::Gru => &[("r", "reset gate"), ("z", "update gate"), ("n", "candidate")],
        }
    }

    /// Weights and biases of one direction, named and with letters as `names` says: W, U, b and, for a GRU, b′.
    pub(in crate::layers) fn parameters(
        self,
        units: usize,
        features: usize,
        initialiser: Initialiser,
        names: [TensorName; 4],
    ) -> (Vec<ParameterShape>, Vec<ParameterShape>) {
        let all = self.gates().saturating_mul(units);
        let weight = |(name, letter, what): TensorName, axes, rows: usize| ParameterShape {
            name,
            shape: vec![rows, all],
            fan_in: rows,
            fan_out: units,
            initialiser,
            decayed: true,
            naming: Naming { what, axes, parts: parts(letter, self.gate_names()) },
        };
        let bias = |(name, letter, what): TensorName, gates: &[_], length| ParameterShape {
            name,
            shape: vec![length],
            fan_in: features,
            fan_out: units,
            initialiser: Initialiser::Zeros {},
            decayed: false,
            naming: Naming { what, axes: &UNIT, parts: parts(letter, gates) },
        };
        let weights = vec![weight(names[0], &OF_INPUT, features), weight(names[1], &OF_STATE, units)];
        let gates = self.gate_names();
        let mut biases = vec![bias(names[2], gates, all)];
        if self == Self::Gru {
            // That of the old state in the new one.
            biases.push(bias(names[3], &gates[2..], units));
        }
        (weights, biases)
    }

    /// Buffers of one direction for one sample of shape `input`, in numbers.
    pub(in crate::layers) fn buffer(self, units: usize, input: &[usize]) -> u128 {
        let steps = input.first().copied().unwrap_or(1) as u128;
        let features = input.last().copied().unwrap_or(1) as u128;
        let a_step = ((self.gates() + 5) as u128).saturating_mul(units as u128).saturating_add(features);
        // Blocks of samples are whole.
        steps.saturating_mul(a_step).saturating_mul(2)
    }
}

/// One direction over a sequence: its shape and where its parameters lie.
#[derive(Clone, Debug)]
pub(in crate::layers) struct RecurrentPlan {
    pub cell: Cell,
    pub steps: usize,
    pub features: usize,
    pub units: usize,
    pub sequence: bool,
    pub backwards: bool,
    /// W and U
    pub weights: Range<usize>,
    pub bias: Range<usize>,
    /// Empty but for a GRU.
    pub inner_bias: Range<usize>,
    /// "forwards" or "backwards", where it is one of two directions.
    pub side: Option<&'static str>,
}

/// Two parameters that lie one behind the other.
pub(in crate::layers) fn joined(first: Range<usize>, second: Range<usize>) -> Range<usize> {
    assert_eq!(first.end, second.start, "weights of a layer lie one behind the other");
    first.start..second.end
}

impl Build for RecurrentPlan {
    fn build<T: Real>(&self, _units: usize, capacity: usize) -> Box<dyn Operation<T>> {
        Box::new(Recurrent::new(self.clone(), padded(capacity)))
    }
}

impl RecurrentPlan {
    fn gates(&self) -> usize {
        self.cell.gates() * self.units
    }

    /// Gates that take the old state as it is: all but the new state of a GRU, where it passes the reset gate.
    fn plain(&self) -> usize {
        if self.cell == Cell::Gru { 2 * self.units } else { self.gates() }
    }

    /// What a step reads: its features and the state before it.
    fn read(&self) -> usize {
        self.features + self.units
    }

    /// Steps in the order of reading: the step, the slot of the state before it, and the slot of its own.
    fn order(&self) -> impl DoubleEndedIterator<Item = (usize, usize, usize)> {
        let (steps, backwards) = (self.steps, self.backwards);
        (0..steps).map(move |s| {
            let t = steps - 1 - s;
            if backwards { (t, t + 1, t) } else { (s, s, s + 1) }
        })
    }

    /// The slot of the state that nothing came before.
    fn first_slot(&self) -> usize {
        if self.backwards { self.steps } else { 0 }
    }

    /// The step that is read last.
    pub fn last(&self) -> usize {
        if self.backwards { 0 } else { self.steps - 1 }
    }
}

/// What one block of samples remembers of a pass. Sizes are for a full block; a narrow one uses the front.
struct Block<T> {
    at: usize,
    width: usize,
    /// `[steps, gates · units, width]`, with room behind each step; after the backward pass ∂L/∂z
    gates: Vec<T>,
    /// GRU: `[steps, units, width]`, likewise
    inner: Vec<T>,
    /// `[steps + 1, features + units, width]`: in each slot the features of the step that is next, and the state before it
    read: Vec<T>,
    /// LSTM: c, `[steps + 1, units, width]`
    memory: Vec<T>,
    /// `[units, width]`: ∂L/∂h, ∂L/∂c, and what goes past the weights
    grad_state: Vec<T>,
    grad_memory: Vec<T>,
    grad_before: Vec<T>,
}

/// Weights by rows of gates.
struct Forward<T> {
    /// W and U of the plain gates
    plain: Packed<T>,
    /// GRU: W and U of the new state
    w_new: Packed<T>,
    u_new: Packed<T>,
}

struct Recurrent<T> {
    plan: RecurrentPlan,
    blocks: Vec<Block<T>>,
    forward: Forward<T>,
    /// U by rows of units, for the backward pass: of the plain gates and of the new state.
    u_back: Packed<T>,
    u_new_back: Packed<T>,
    /// W by rows of features.
    w_back: Packed<T>,
}

impl<T: Real> Recurrent<T> {
    fn new(plan: RecurrentPlan, columns: usize) -> Self {
        let (count, units, gates) = (plan.steps, plan.units, plan.gates());
        let of = |used: bool, length: usize| vec![T::ZERO; if used { length * BLOCK } else { 0 }];
        let (gru, lstm) = (plan.cell == Cell::Gru, plan.cell == Cell::Lstm);
        let blocks = blocks::of(columns).map(|(at, width)| Block {
            at,
            width,
            gates: of(true, count * blocks::padded_rows(gates)),
            inner: of(gru, count * blocks::padded_rows(units)),
            read: of(true, (count + 1) * blocks::padded_rows(plan.read())),
            memory: of(lstm, (count + 1) * blocks::padded_rows(units)),
            grad_state: of(true, units),
            grad_memory: of(lstm, units),
            grad_before: of(gru, units),
        });
        let (features, plain) = (plan.features, plan.plain());
        let forward = Forward {
            plain: Packed::new(plain, plan.read()),
            w_new: Packed::new(gates - plain, features),
            u_new: Packed::new(gates - plain, units),
        };
        let (u_back, u_new_back) = (Packed::new(units, plain), Packed::new(units, gates - plain));
        Self { blocks: blocks.collect(), forward, u_back, u_new_back, w_back: Packed::new(features, gates), plan }
    }

    fn threads(&self, pass: &PassContext) -> usize {
        let p = &self.plan;
        let work = p.steps * p.gates() * (p.features + p.units) * pass.stride();
        threads::threads_for(work, pass.threads)
    }
}

impl<T: Real> Operation<T> for Recurrent<T> {
    fn forward(&mut self, pass: &PassContext, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (x, stride, threads) = (inputs.get(0), pass.stride(), self.threads(pass));
        let plan = &self.plan;
        let (gates, weights) = (plan.gates(), &params[plan.weights.clone()]);
        self.forward.plain.fill_columns(weights, gates);
        self.forward.w_new.fill_columns(&weights[plan.plain()..], gates);
        self.forward.u_new.fill_columns(&weights[plan.features * gates + plan.plain()..], gates);
        let weights = &self.forward;
        let mut used = 0;
        for ((at, width), block) in blocks::of(stride).zip(&mut self.blocks) {
            (block.at, block.width) = (at, width);
            used += 1;
        }
        let blocks = &mut self.blocks[..used];
        threads::share(blocks, threads, &|block| block.forward(plan, weights, params, x, stride));
        let size = plan.units * stride;
        for block in blocks.iter() {
            let of = |slot: usize| {
                block.read[(slot * blocks::padded_rows(plan.read()) + plan.features) * block.width..]
                    .chunks_exact(block.width)
            };
            let mut write = |to: usize, slot: usize| {
                for (row, state) in output[to..][..size].chunks_exact_mut(stride).zip(of(slot)) {
                    row[block.at..][..block.width].copy_from_slice(state);
                }
            };
            for (t, _, own) in plan.order() {
                if plan.sequence {
                    write(t * size, own);
                } else if t == plan.last() {
                    write(0, own);
                }
            }
        }
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        let (stride, threads) = (pass.stride(), self.threads(pass));
        let (plan, gates, units) = (&self.plan, self.plan.gates(), self.plan.units);
        let used = blocks::of(stride).count();
        let (weights, grad, plain) = (&at.params[plan.weights.clone()], at.grad_output, plan.plain());
        let (w, u) = weights.split_at(plan.features * gates);
        self.u_back.fill_rows(u, gates);
        self.u_new_back.fill_rows(&u[plain..], gates);
        let weights = [&self.u_back, &self.u_new_back];
        threads::share(&mut self.blocks[..used], threads, &|block| block.backward(plan, weights, grad, stride));

        let blocks = &self.blocks[..used];
        let of = |values, rows, used, width| {
            View::new(values, [plan.steps, used], [blocks::padded_rows(rows) * width, width], width)
        };
        // The slots that were read.
        let skipped = usize::from(plan.backwards) * blocks::padded_rows(plan.read());
        let gradient = &mut at.grad_params[plan.weights.clone()];
        threads::share_chunks(gradient, gates, 0, threads, &|first, gradient| {
            let inputs = gradient.len() / gates;
            for (k, b) in blocks.iter().enumerate() {
                let (width, later) = (b.width, k > 0);
                let read = of(&b.read[skipped * width..], plan.read(), plan.read(), width);
                let x = read.columns(first..first + inputs);
                outer(x, of(&b.gates, gates, plain, width), ViewMut::matrix(gradient, [inputs, plain], gates), later);
                if plain < gates {
                    // What the candidate takes from the features, and after the reset gate from the old state.
                    let features = plan.features.saturating_sub(first).min(inputs);
                    let g = of(&b.gates[plain * width..], gates, units, width);
                    let own = ViewMut::matrix(&mut gradient[plain..], [features, units], gates);
                    outer(x.columns(0..features), g, own, later);
                    if features < inputs {
                        let own = &mut gradient[features * gates + plain..];
                        let own = ViewMut::matrix(own, [inputs - features, units], gates);
                        outer(x.columns(features..inputs), of(&b.inner, units, units, width), own, later);
                    }
                }
            }
        });
        for (k, b) in blocks.iter().enumerate() {
            let bias = &mut at.grad_params[plan.bias.clone()];
            step_sums(of(&b.gates, gates, gates, b.width), bias, k > 0);
            if plain < gates {
                let bias = &mut at.grad_params[plan.inner_bias.clone()];
                step_sums(of(&b.inner, units, units, b.width), bias, k > 0);
            }
        }
        if let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) {
            self.w_back.fill_rows(w, gates);
            let (weight, size) = (&self.w_back, plan.features * stride);
            threads::share_chunks(values, size, 0, threads, &|first, part| {
                for (t, grad) in (first..).zip(part.chunks_exact_mut(size)) {
                    for b in blocks {
                        let of_step = &b.gates[t * blocks::padded_rows(gates) * b.width..];
                        let to = ViewMut::rows(&mut grad[b.at..], plan.features, stride, b.width);
                        weight.affine(&[], View::block(of_step, gates, b.width), to, accumulate);
                    }
                }
            });
        }
    }

    fn intermediates(&self, pass: &PassContext) -> Vec<Intermediate<T>> {
        let (plan, units) = (&self.plan, self.plan.units);
        let before = usize::from(!plan.backwards);
        // Each value lies in some row of the steps of a buffer, from a first slot on.
        let of = |name, rows: usize, [all, row, slot]: [usize; 3], values: fn(&Block<T>) -> &[T]| {
            Intermediate::new(name, &[plan.steps, rows], pass.batch, |number, sample| {
                let (step, own) = (number / rows, number % rows);
                let block = self.blocks.iter().rfind(|b| b.at <= sample).expect("blocks cover the mini-batch");
                values(block)[((step + slot) * blocks::padded_rows(all) + row + own) * block.width + sample - block.at]
            })
        };
        let gates = plan.gates();
        let mut intermediates = vec![
            of("gates", gates, [gates, 0, 0], |b| &b.gates),
            of("state", units, [plan.read(), plan.features, before], |b| &b.read),
        ];
        match plan.cell {
            Cell::Lstm => intermediates.push(of("memory", units, [units, 0, before], |b| &b.memory)),
            Cell::Gru => intermediates.push(of("inner", units, [units, 0, 0], |b| &b.inner)),
            Cell::Simple => {}
        }
        intermediates
    }
}

impl<T: Real> Block<T> {
    fn forward(&mut self, plan: &RecurrentPlan, weights: &Forward<T>, params: &[T], x: &[T], stride: usize) {
        let (width, features, plain) = (self.width, plan.features * self.width, plan.plain() * self.width);
        let (size, gates) = (plan.units * width, plan.gates() * width);
        let [a_gate, a_read, a_state] =
            [plan.gates(), plan.read(), plan.units].map(|rows| blocks::padded_rows(rows) * width);
        let (bias, inner_bias) = (&params[plan.bias.clone()], &params[plan.inner_bias.clone()]);
        let first = plan.first_slot();
        self.read[first * a_read + features..][..size].fill(T::ZERO);
        if plan.cell == Cell::Lstm {
            self.memory[first * a_state..][..size].fill(T::ZERO);
        }
        for (t, from, to) in plan.order() {
            let x = x[t * plan.features * stride..].chunks_exact(stride);
            for (own, x) in self.read[from * a_read..][..features].chunks_exact_mut(width).zip(x) {
                own.copy_from_slice(&x[self.at..][..width]);
            }
            let (read, next) = two_slots(&mut self.read, from * a_read, to * a_read, features + size);
            let (hidden_before, hidden) = (&read[features..], &mut next[features..]);
            let z = &mut self.gates[t * a_gate..][..gates];
            let (x, sums) = (View::block(read, plan.read(), width), ViewMut::block(z, plan.plain(), width));
            weights.plain.affine(bias, x, sums, false);
            match plan.cell {
                Cell::Simple => cell::simple(CellStep {
                    gates: z,
                    inner: &mut [],
                    hidden_before,
                    cell_before: &[],
                    cell: &mut [],
                    hidden,
                }),
                Cell::Lstm => {
                    let (cell_before, cell) = two_slots(&mut self.memory, from * a_state, to * a_state, size);
                    cell::lstm(CellStep { gates: z, inner: &mut [], hidden_before, cell_before, cell, hidden });
                }
                Cell::Gru => {
                    let inner = &mut self.inner[t * a_state..][..size];
                    let x = View::block(read, plan.features, width);
                    let sums = ViewMut::block(&mut z[plain..], plan.units, width);
                    weights.w_new.affine(&bias[plan.plain()..], x, sums, false);
                    let x = View::block(hidden_before, plan.units, width);
                    weights.u_new.affine(inner_bias, x, ViewMut::block(inner, plan.units, width), false);
                    let cell = &mut [];
                    cell::gru(CellStep { gates: z, inner, hidden_before, cell_before: &[], cell, hidden });
                }
            }
        }
    }

    /// `recurrent` and `new` are U of the plain gates and of a GRU's new state.
    fn backward(&mut self, plan: &RecurrentPlan, [recurrent, new]: [&Packed<T>; 2], grad_output: &[T], stride: usize) {
        let (width, units) = (self.width, plan.units);
        let (size, features, gates) = (units * width, plan.features * width, plan.gates() * width);
        let [a_gate, a_read, a_state] =
            [plan.gates(), plan.read(), units].map(|rows| blocks::padded_rows(rows) * width);
        let grad_state = &mut self.grad_state[..size];
        grad_state.fill(T::ZERO);
        self.grad_memory.fill(T::ZERO);
        let memory =
            |slot: usize| if self.memory.is_empty() { &[][..] } else { &self.memory[slot * a_state..][..size] };
        let state = |slot: usize| &self.read[slot * a_read + features..][..size];
        for (t, from, to) in plan.order().rev() {
            let shown = if plan.sequence { Some(t * units * stride) } else { (t == plan.last()).then_some(0) };
            if let Some(start) = shown {
                let grads = grad_output[start..][..units * stride].chunks_exact(stride);
                for (own, grad) in grad_state.chunks_exact_mut(width).zip(grads) {
                    own.iter_mut().zip(&grad[self.at..]).for_each(|(own, &g)| *own += g);
                }
            }
            let grad_gates = &mut self.gates[t * a_gate..][..gates];
            let grad_inner = if self.inner.is_empty() { &mut [] } else { &mut self.inner[t * a_state..][..size] };
            let back = CellBack {
                gates: grad_gates,
                inner: grad_inner,
                hidden_before: state(from),
                cell_before: memory(from),
                cell: memory(to),
                hidden: state(to),
                grad_hidden: grad_state,
                grad_cell: &mut self.grad_memory,
                grad_hidden_before: &mut self.grad_before,
            };
            match plan.cell {
                Cell::Simple => cell::simple_backward(back),
                Cell::Lstm => cell::lstm_backward(back),
                Cell::Gru => {
                    cell::gru_backward(back);
                    grad_state.copy_from_slice(&self.grad_before[..size]);
                    let x = View::block(grad_inner, units, width);
                    new.affine(&[], x, ViewMut::block(grad_state, units, width), true);
                }
            }
            let (x, to) = (View::block(grad_gates, plan.plain(), width), ViewMut::block(grad_state, units, width));
            recurrent.affine(&[], x, to, plan.cell == Cell::Gru);
        }
    }
}

/// Two different slots of one buffer, the second to write to.
fn two_slots<T>(values: &mut [T], read: usize, write: usize, size: usize) -> (&[T], &mut [T]) {
    if read < write {
        let (front, back) = values.split_at_mut(write);
        (&front[read..][..size], &mut back[..size])
    } else {
        let (front, back) = values.split_at_mut(read);
        (&back[..size], &mut front[write..][..size])
    }
}
