//! Recurrent layers over a sequence `[steps, features]`: simple RNN, LSTM (Hochreiter & Schmidhuber 1997) and GRU (Cho et al.
//! 2014, with the reset gate behind the product, as in PyTorch), with backpropagation through time.
//!
//! Every step t has weighted sums z = Wᵀxₜ + Uᵀhₜ₋₁ + b, with W `[features, gates · units]` and U `[units, gates · units]`:
//! - RNN: h = tanh z
//! - LSTM: i, f, o = σ(z), g = tanh z, c = f c + i g, h = o tanh c
//! - GRU: r, z = σ(…), n = tanh(Wᵀx + b + r (Uᵀh + b′)), h = (1 − z) n + z h

use super::{
    Backward, GradInput, Inputs, Inside, LayerDefinition, LayerInfo, Operation, OperationPlan, ParameterShape, Pass,
    sequence,
};
use crate::nn::compile::Lowering;
use crate::nn::kernels::cell::{self, CellBack, CellStep};
use crate::nn::kernels::sequence::{self as steps, Matrix, Part, Rows, Steps, WIDE};
use crate::nn::{Initialiser, Real};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

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

    fn gates(self) -> usize {
        match self {
            Self::Simple => 1,
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }
}

/// Reads a sequence step by step and remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecurrentSpec {
    pub cell: Cell,
    pub units: usize,
    /// Whether every step's state goes on, or the last one only
    #[serde(default)]
    pub sequence: bool,
    /// Whether it reads from the last step to the first
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub backwards: bool,
    #[serde(default)]
    pub initialiser: Initialiser,
}

impl Default for RecurrentSpec {
    fn default() -> Self {
        Self::of(Cell::Lstm)
    }
}

impl RecurrentSpec {
    /// A cell with usual settings.
    pub fn of(cell: Cell) -> Self {
        Self { cell, units: 16, sequence: false, backwards: false, initialiser: Initialiser::XavierUniform }
    }
}

impl LayerDefinition for RecurrentSpec {
    fn info(&self) -> &'static LayerInfo {
        match self.cell {
            Cell::Simple => &LayerInfo {
                label: "RNN",
                group: "Sequence",
                summary: "remembers one state",
                description: "Reads a sequence step by step: each state follows from the step's features and the state before. Long sequences make its gradients vanish.",
                formula: "hₜ = tanh(W·xₜ + U·hₜ₋₁ + b)",
            },
            Cell::Lstm => &LayerInfo {
                label: "LSTM",
                group: "Sequence",
                summary: "remembers for long",
                description: "Reads a sequence step by step. Gates decide what its memory keeps, forgets and shows, so that gradients survive many steps.",
                formula: "cₜ = f·cₜ₋₁ + i·g, hₜ = o·tanh(cₜ)",
            },
            Cell::Gru => &LayerInfo {
                label: "GRU",
                group: "Sequence",
                summary: "a lighter LSTM",
                description: "Reads a sequence step by step with two gates: one blends the old state with the new one, one lets the new one ignore the old.",
                formula: "hₜ = (1 − z)·n + z·hₜ₋₁",
            },
        }
    }

    fn caption(&self) -> String {
        let what = if self.sequence { "every step" } else { "last step" };
        format!("{} {} · {what}", self.cell.label(), self.units)
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let [steps, _] = sequence(input, self.cell.label())?;
        Ok(if self.sequence { vec![steps, self.units] } else { vec![self.units] })
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        let features = input.last().copied().unwrap_or(1);
        let all = self.cell.gates().saturating_mul(self.units);
        let weight = |name, rows: usize| ParameterShape {
            name,
            shape: vec![rows, all],
            fan_in: rows,
            fan_out: self.units,
            initialiser: self.initialiser,
            decayed: true,
        };
        let bias = |name, length| ParameterShape {
            name,
            shape: vec![length],
            fan_in: features,
            fan_out: self.units,
            initialiser: Initialiser::Zeros {},
            decayed: false,
        };
        let mut parameters =
            vec![weight("weight", features), weight("recurrent weight", self.units), bias("bias", all)];
        if self.cell == Cell::Gru {
            parameters.push(bias("recurrent bias", self.units));
        }
        parameters
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        let steps = input.first().copied().unwrap_or(1) as u128;
        let a_step = (2 * self.cell.gates() + 6) as u128 * self.units as u128;
        // Blocks of samples are whole.
        steps.saturating_mul(a_step).saturating_mul(2)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let Ok([steps, features]) = sequence(lowering.input(), "") else { return };
        let plan = RecurrentPlan {
            cell: self.cell,
            steps,
            features,
            units: self.units,
            sequence: self.sequence,
            backwards: self.backwards,
            weight: lowering.parameter("weight"),
            recurrent: lowering.parameter("recurrent weight"),
            bias: lowering.parameter("bias"),
            inner_bias: lowering.parameter("recurrent bias"),
        };
        let units = if self.sequence { steps * self.units } else { self.units };
        lowering.push(OperationPlan::Recurrent(plan), units);
    }

    fn invalid(&self) -> Option<String> {
        (self.units == 0).then(|| "a recurrent layer needs at least one unit".to_owned())
    }
}

/// Its shape and where its parameters lie.
#[derive(Clone, Debug)]
pub struct RecurrentPlan {
    cell: Cell,
    steps: usize,
    features: usize,
    units: usize,
    sequence: bool,
    backwards: bool,
    weight: Range<usize>,
    recurrent: Range<usize>,
    bias: Range<usize>,
    /// Empty but for a GRU.
    inner_bias: Range<usize>,
}

impl RecurrentPlan {
    fn gates(&self) -> usize {
        self.cell.gates() * self.units
    }

    /// Rows from one step to the next, of gates and of states.
    fn room(&self) -> (usize, usize) {
        (steps::roomy(self.gates()), steps::roomy(self.units))
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
    fn last(&self) -> usize {
        if self.backwards { 0 } else { self.steps - 1 }
    }
}

/// What one block of samples remembers of a pass. Sizes are for a full block; a narrow one uses the front.
struct Block<T> {
    at: usize,
    width: usize,
    /// `[steps, gates · units, width]`, with room behind each step
    gates: Vec<T>,
    grad_gates: Vec<T>,
    /// GRU: `[steps, units, width]`
    inner: Vec<T>,
    grad_inner: Vec<T>,
    /// `[steps + 1, units, width]`
    state: Vec<T>,
    /// LSTM: the same for c
    memory: Vec<T>,
    /// `[units, width]`: ∂L/∂h, ∂L/∂c, and what goes past the weights
    grad_state: Vec<T>,
    grad_memory: Vec<T>,
    grad_before: Vec<T>,
}

pub(super) struct Recurrent<T> {
    plan: RecurrentPlan,
    blocks: Vec<Block<T>>,
    /// Transposes of W and U, for the forward pass.
    w: Vec<T>,
    u: Vec<T>,
}

impl<T: Real> Recurrent<T> {
    pub(super) fn new(plan: RecurrentPlan, columns: usize) -> Self {
        let (steps, units, gates) = (plan.steps, plan.units, plan.gates());
        let (a_gate, a_state) = plan.room();
        let of = |used: bool, length: usize| vec![T::ZERO; if used { length * WIDE } else { 0 }];
        let (gru, lstm) = (plan.cell == Cell::Gru, plan.cell == Cell::Lstm);
        let blocks = steps::blocks(columns).map(|(at, width)| Block {
            at,
            width,
            gates: of(true, steps * a_gate),
            grad_gates: of(true, steps * a_gate),
            inner: of(gru, steps * a_state),
            grad_inner: of(gru, steps * a_state),
            state: of(true, (steps + 1) * a_state),
            memory: of(lstm, (steps + 1) * a_state),
            grad_state: of(true, units),
            grad_memory: of(lstm, units),
            grad_before: of(gru, units),
        });
        let blocks = blocks.collect();
        let (w, u) = (vec![T::ZERO; plan.features * gates], vec![T::ZERO; units * gates]);
        Self { plan, blocks, w, u }
    }

    fn threads(&self, pass: &Pass) -> usize {
        let p = &self.plan;
        let work = p.steps * p.gates() * (p.features + p.units) * pass.stride();
        steps::threads_for(work, pass.threads)
    }
}

impl<T: Real> Operation<T> for Recurrent<T> {
    fn forward(&mut self, pass: &Pass, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (x, stride, threads) = (inputs.get(0), pass.stride(), self.threads(pass));
        let plan = &self.plan;
        steps::transpose(&params[plan.weight.clone()], plan.features, plan.gates(), &mut self.w);
        steps::transpose(&params[plan.recurrent.clone()], plan.units, plan.gates(), &mut self.u);
        let transposed = (&self.w[..], &self.u[..]);
        let mut used = 0;
        for ((at, width), block) in steps::blocks(stride).zip(&mut self.blocks) {
            (block.at, block.width) = (at, width);
            used += 1;
        }
        let blocks = &mut self.blocks[..used];
        steps::share(blocks, threads, &|block| block.forward(plan, transposed, params, x, stride));
        let size = plan.units * stride;
        for block in blocks.iter() {
            let of = |slot: usize| block.state[slot * plan.room().1 * block.width..].chunks_exact(block.width);
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

    fn backward(&mut self, pass: &Pass, mut at: Backward<'_, T>) {
        let (x, stride, threads) = (at.inputs.get(0), pass.stride(), self.threads(pass));
        let (plan, gates, units) = (&self.plan, self.plan.gates(), self.plan.units);
        let used = steps::blocks(stride).count();
        let (recurrent, grad) = (&at.params[plan.recurrent.clone()], at.grad_output);
        steps::share(&mut self.blocks[..used], threads, &|block| block.backward(plan, recurrent, grad, stride));

        let blocks = &self.blocks[..used];
        let of = |values, rows, width| Steps { values, step: steps::roomy(rows) * width, row: width };
        let weight = &mut at.grad_params[plan.weight.clone()];
        steps::share_chunks(weight, gates, 0, threads, &|first, gradient| {
            let part = Part { first, inputs: gradient.len() / gates, outputs: gates, lead: gates };
            for (k, b) in blocks.iter().enumerate() {
                let x = Steps { values: &x[b.at..], step: plan.features * stride, row: stride };
                let grads = of(&b.grad_gates, gates, b.width);
                steps::outer(x, grads, plan.steps, b.width, gradient, part, k > 0);
            }
        });
        // The states before each step.
        let before = usize::from(plan.backwards) * plan.room().1;
        // What the new state of a GRU takes from the old one passes the reset gate.
        let plain = if plan.cell == Cell::Gru { 2 * units } else { gates };
        let weight = &mut at.grad_params[plan.recurrent.clone()];
        steps::share_chunks(weight, gates, 0, threads, &|first, gradient| {
            let part = Part { first, inputs: gradient.len() / gates, outputs: plain, lead: gates };
            for (k, b) in blocks.iter().enumerate() {
                let state = of(&b.state[before * b.width..], units, b.width);
                let grads = of(&b.grad_gates, gates, b.width);
                steps::outer(state, grads, plan.steps, b.width, gradient, part, k > 0);
                if plain < gates {
                    let (inner, part) = (of(&b.grad_inner, units, b.width), Part { outputs: units, ..part });
                    steps::outer(state, inner, plan.steps, b.width, &mut gradient[plain..], part, k > 0);
                }
            }
        });
        for (k, b) in blocks.iter().enumerate() {
            let bias = &mut at.grad_params[plan.bias.clone()];
            steps::step_sums(of(&b.grad_gates, gates, b.width), plan.steps, b.width, bias, k > 0);
            let bias = &mut at.grad_params[plan.inner_bias.clone()];
            steps::step_sums(of(&b.grad_inner, units, b.width), plan.steps, b.width, bias, k > 0);
        }
        if let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) {
            let weight = &at.params[plan.weight.clone()];
            let size = plan.features * stride;
            steps::share_chunks(values, size, 0, threads, &|first, part| {
                for (t, grad) in (first..).zip(part.chunks_exact_mut(size)) {
                    for b in blocks {
                        let gates_of = &b.grad_gates[t * plan.room().0 * b.width..];
                        let rows = Rows { distance: stride, width: b.width };
                        let (count, grad) = (plan.features, &mut grad[b.at..]);
                        steps::affine(
                            Matrix::rows(weight, gates),
                            &[],
                            gates_of,
                            b.width,
                            gates,
                            grad,
                            rows,
                            count,
                            accumulate,
                        );
                    }
                }
            });
        }
    }

    fn inside(&self, pass: &Pass) -> Vec<Inside<T>> {
        let (plan, units) = (&self.plan, self.plan.units);
        let before = usize::from(!plan.backwards);
        let of = |name, rows: usize, skipped: usize, values: fn(&Block<T>) -> &[T]| {
            Inside::new(name, &[plan.steps, rows], pass.batch, |number, sample| {
                let (step, row) = (number / rows, number % rows);
                let block = self.blocks.iter().rfind(|b| b.at <= sample).expect("blocks cover the mini-batch");
                values(block)[((step + skipped) * steps::roomy(rows) + row) * block.width + sample - block.at]
            })
        };
        let mut inside = vec![of("gates", plan.gates(), 0, |b| &b.gates), of("state", units, before, |b| &b.state)];
        match plan.cell {
            Cell::Lstm => inside.push(of("memory", units, before, |b| &b.memory)),
            Cell::Gru => inside.push(of("inner", units, 0, |b| &b.inner)),
            Cell::Simple => {}
        }
        inside
    }
}

impl<T: Real> Block<T> {
    /// `weight` and `recurrent` are W and U transposed, `[gates · units, …]`.
    fn forward(
        &mut self,
        plan: &RecurrentPlan,
        (weight, recurrent): (&[T], &[T]),
        params: &[T],
        x: &[T],
        stride: usize,
    ) {
        let (width, units, gates) = (self.width, plan.units, plan.gates());
        let (size, a_gate, a_state) = (units * width, plan.room().0 * width, plan.room().1 * width);
        let rows = Rows { distance: width, width };
        let (bias, inner_bias) = (&params[plan.bias.clone()], &params[plan.inner_bias.clone()]);
        for (x, z) in x.chunks_exact(plan.features * stride).zip(self.gates.chunks_exact_mut(a_gate)) {
            let features = plan.features;
            steps::affine(Matrix::rows(weight, features), bias, &x[self.at..], stride, features, z, rows, gates, false);
        }
        let first = plan.first_slot() * a_state;
        self.state[first..first + size].fill(T::ZERO);
        if plan.cell == Cell::Lstm {
            self.memory[first..first + size].fill(T::ZERO);
        }
        for (t, from, to) in plan.order() {
            let (before, after) = two_slots(&mut self.state, from * a_state, to * a_state, size);
            let z = &mut self.gates[t * a_gate..][..gates * width];
            // A GRU adds the old state's part of the new one behind the reset gate.
            let added = if plan.cell == Cell::Gru { 2 * units } else { gates };
            steps::affine(Matrix::rows(recurrent, units), &[], before, width, units, z, rows, added, true);
            match plan.cell {
                Cell::Simple => cell::simple_cell(CellStep {
                    gates: z,
                    inner: &mut [],
                    before,
                    memory_before: &[],
                    memory: &mut [],
                    after,
                }),
                Cell::Lstm => {
                    let (memory_before, memory) = two_slots(&mut self.memory, from * a_state, to * a_state, size);
                    cell::long_cell(CellStep { gates: z, inner: &mut [], before, memory_before, memory, after });
                }
                Cell::Gru => {
                    let inner = &mut self.inner[t * a_state..][..size];
                    let new = &recurrent[2 * units * units..];
                    steps::affine(
                        Matrix::rows(new, units),
                        inner_bias,
                        before,
                        width,
                        units,
                        inner,
                        rows,
                        units,
                        false,
                    );
                    let memory = &mut [];
                    cell::gated_cell(CellStep { gates: z, inner, before, memory_before: &[], memory, after });
                }
            }
        }
    }

    fn backward(&mut self, plan: &RecurrentPlan, recurrent: &[T], grad_output: &[T], stride: usize) {
        let (width, units, gates) = (self.width, plan.units, plan.gates());
        let (size, a_gate, a_state) = (units * width, plan.room().0 * width, plan.room().1 * width);
        let rows = Rows { distance: width, width };
        let grad_state = &mut self.grad_state[..size];
        grad_state.fill(T::ZERO);
        self.grad_memory.fill(T::ZERO);
        let memory =
            |slot: usize| if self.memory.is_empty() { &[][..] } else { &self.memory[slot * a_state..][..size] };
        for (t, from, to) in plan.order().rev() {
            let shown = if plan.sequence { Some(t * units * stride) } else { (t == plan.last()).then_some(0) };
            if let Some(start) = shown {
                let grads = grad_output[start..][..units * stride].chunks_exact(stride);
                for (own, grad) in grad_state.chunks_exact_mut(width).zip(grads) {
                    own.iter_mut().zip(&grad[self.at..]).for_each(|(own, &g)| *own += g);
                }
            }
            let gate = t * a_gate..t * a_gate + gates * width;
            let inner = if self.inner.is_empty() { 0..0 } else { t * a_state..t * a_state + size };
            let back = CellBack {
                gates: &self.gates[gate.clone()],
                inner: &self.inner[inner.clone()],
                before: &self.state[from * a_state..][..size],
                memory_before: memory(from),
                memory: memory(to),
                after: &self.state[to * a_state..][..size],
                grad_after: grad_state,
                grad_memory: &mut self.grad_memory,
                grad_gates: &mut self.grad_gates[gate.clone()],
                grad_inner: &mut self.grad_inner[inner.clone()],
                grad_before: &mut self.grad_before,
            };
            match plan.cell {
                Cell::Simple => cell::simple_cell_backward(back),
                Cell::Lstm => cell::long_cell_backward(back),
                Cell::Gru => cell::gated_cell_backward(back),
            }
            let grad_gates = &self.grad_gates[gate];
            if plan.cell == Cell::Gru {
                grad_state.copy_from_slice(&self.grad_before[..size]);
                steps::affine(
                    Matrix::rows(recurrent, gates),
                    &[],
                    grad_gates,
                    width,
                    2 * units,
                    grad_state,
                    rows,
                    units,
                    true,
                );
                let (new, grad_inner) = (&recurrent[2 * units..], &self.grad_inner[inner]);
                steps::affine(Matrix::rows(new, gates), &[], grad_inner, width, units, grad_state, rows, units, true);
            } else {
                steps::affine(
                    Matrix::rows(recurrent, gates),
                    &[],
                    grad_gates,
                    width,
                    gates,
                    grad_state,
                    rows,
                    units,
                    false,
                );
            }
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
