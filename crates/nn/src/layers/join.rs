//! Layers with several inputs: sums, differences, products and concatenation.

use crate::defaults::is_default;
use crate::definition::{LayerDefinition, LayerInfo};
use crate::lowering::Lowering;
use crate::math::{factor, indexed, joined, number, row, subscript, text};
use crate::operation::{Backward, Build, Explained, GradInput, Inputs, Operation, PassContext};
use crate::reading::{Local, Reading, Told};
use crate::real::Real;
use crate::sample_shape::numbers;
use crate::settings::{self, SettingsPanel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How inputs become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JoinKind {
    /// x₁ + x₂ + …
    #[default]
    Add,
    /// x₁ − x₂ − …
    Subtract,
    /// x₁ · x₂ · …
    Multiply,
    /// One behind the other along one side
    Concatenate,
}

impl JoinKind {
    pub const ALL: [Self; 4] = [Self::Add, Self::Subtract, Self::Multiply, Self::Concatenate];

    pub fn label(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Multiply => "multiply",
            Self::Concatenate => "concatenate",
        }
    }
}

/// Several branches into one, in the order of their wires.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinSpec {
    pub kind: JoinKind,
    /// The side along which it concatenates: 0 is the first of a sample
    #[serde(default, skip_serializing_if = "is_default")]
    pub axis: usize,
}

impl LayerDefinition for JoinSpec {
    fn info(&self) -> &'static LayerInfo {
        const fn by(formula: &'static str) -> LayerInfo {
            LayerInfo {
                label: "Join",
                group: "Graph",
                summary: "branches into one",
                description: "Adds, subtracts, multiplies or concatenates what its wires bring. A wire around some layers into a join that adds is a residual connection.",
                formula,
                change: "Change join",
            }
        }
        match self.kind {
            JoinKind::Add => &const { by("a = x₁ + x₂") },
            JoinKind::Subtract => &const { by("a = x₁ − x₂") },
            JoinKind::Multiply => &const { by("a = x₁ · x₂") },
            JoinKind::Concatenate => &const { by("a = [x₁, x₂]") },
        }
    }

    fn caption(&self) -> String {
        self.kind.label().to_owned()
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        let hover = "What is done with the branches, in the order of their wires";
        settings::choose(panel, "Joins by", hover, &mut self.kind, JoinKind::ALL, JoinKind::label);
        if self.kind == JoinKind::Concatenate {
            let hover = "The side along which they stand one behind the other: 0 is the first side of a sample, which is dim 1 in PyTorch, where dim 0 is the mini-batch";
            panel.count("Axis", hover, &mut self.axis, 0..=3);
        }
    }

    fn joins(&self) -> bool {
        true
    }

    fn joined_shape(&self, inputs: &[Vec<usize>]) -> Result<Vec<usize>, String> {
        let first = &inputs[0];
        let along = Some(self.axis).filter(|_| self.kind == JoinKind::Concatenate);
        if along.is_some_and(|axis| axis >= first.len()) {
            let (axis, last) = (self.axis, first.len().saturating_sub(1));
            return Err(format!(
                "it concatenates along axis {axis}, but the shape {first:?} ends with axis {last}. Choose an axis of 0 to {last}"
            ));
        }
        for other in &inputs[1..] {
            let fits = |(side, (a, b)): (usize, (&usize, &usize))| a == b || Some(side) == along;
            if other.len() != first.len() || !other.iter().zip(first).enumerate().all(fits) {
                let what = match along {
                    Some(axis) => format!("to stand one behind the other along axis {axis}"),
                    None => "to be joined number by number".to_owned(),
                };
                return Err(format!("the shapes {first:?} and {other:?} do not fit {what}"));
            }
        }
        let mut shape = first.clone();
        if let Some(axis) = along {
            shape[axis] = inputs.iter().fold(0, |sum: usize, s| sum.saturating_add(s[axis]));
        }
        Ok(shape)
    }

    fn buffer(&self, output: &[usize]) -> u128 {
        numbers(2, output)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let units = lowering.input_units();
        let blocks = lowering.input().iter().take(self.axis).product();
        lowering.push(Join { kind: self.kind, blocks }, units);
    }
}

#[derive(Clone, Copy, Debug)]
struct Join {
    kind: JoinKind,
    /// Concatenating: parts into which every input is divided by the sides before the axis. The first parts of all inputs stand
    /// one behind the other, then the second ones, and so on.
    blocks: usize,
}

impl Build for Join {
    fn build<T: Real>(&self, _units: usize, _capacity: usize) -> Box<dyn Operation<T>> {
        Box::new(*self)
    }
}

impl Explained for Join {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        let inputs = at.recorded.inputs(at.node);
        let out = indexed("a", subscript(at.unit));
        let sign = match self.kind {
            JoinKind::Add => "+",
            JoinKind::Subtract => "−",
            JoinKind::Multiply => "·",
            JoinKind::Concatenate => {
                let widths = inputs.iter().map(|&input| at.units(input) / self.blocks);
                let all: usize = widths.clone().sum();
                let (block, mut unit, mut from) = (at.unit / all, at.unit % all, at.input());
                for (&input, width) in inputs.iter().zip(widths) {
                    from = input;
                    if unit < width {
                        unit += block * width;
                        break;
                    }
                    unit -= width;
                }
                let symbols = row([out, text("="), indexed("x", subscript(unit))]);
                let numbers = number(at.value(from, unit), at.place(from, unit));
                let words = "The branches are concatenated; nothing is computed.";
                return Some(Told::one(at.line(symbols, Some(numbers)), words));
            }
        };
        let values = inputs.iter().map(|&n| factor(at.value(n, at.unit), at.place(n, at.unit)));
        let letters = (0..inputs.len()).map(|k| indexed("x", subscript(k)));
        let symbols = row([out, text("="), row(joined(letters, sign))]);
        let line = at.line(symbols, Some(row(joined(values, sign))));
        Some(Told::one(line, "Branches meet here, unit by unit."))
    }

    fn locals(&self, _at: &Reading<'_>, _from: usize, unit: usize) -> Option<Vec<Local>> {
        let same = Local { unit, derivative: 1.0, name: String::new(), place: None };
        (self.kind == JoinKind::Add).then(|| vec![same])
    }
}

impl<T: Real> Operation<T> for Join {
    fn forward(&mut self, _pass: &PassContext, _params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        if self.kind == JoinKind::Concatenate {
            let mut rest = output;
            for block in 0..self.blocks {
                for port in 0..inputs.count() {
                    let x = inputs.get(port);
                    let width = x.len() / self.blocks;
                    let (own, behind) = rest.split_at_mut(width);
                    own.copy_from_slice(&x[block * width..][..width]);
                    rest = behind;
                }
            }
            return;
        }
        output.copy_from_slice(inputs.get(0));
        for port in 1..inputs.count() {
            let each = output.iter_mut().zip(inputs.get(port));
            match self.kind {
                JoinKind::Subtract => each.for_each(|(a, &x)| *a -= x),
                JoinKind::Multiply => each.for_each(|(a, &x)| *a *= x),
                JoinKind::Add | JoinKind::Concatenate => each.for_each(|(a, &x)| *a += x),
            }
        }
    }

    fn backward(&mut self, _pass: &PassContext, mut at: Backward<'_, T>) {
        let (inputs, grad) = (at.inputs, at.grad_output);
        let mut from = 0;
        for port in 0..inputs.count() {
            let width = inputs.get(port).len() / self.blocks.max(1);
            let first = from;
            from += width;
            let Some(GradInput { values, accumulate }) = at.grad_inputs.get(port) else { continue };
            if !accumulate {
                values.fill(T::ZERO);
            }
            match self.kind {
                JoinKind::Concatenate => {
                    let all = grad.len() / self.blocks;
                    for (values, grad) in values.chunks_exact_mut(width).zip(grad.chunks_exact(all)) {
                        values.iter_mut().zip(&grad[first..]).for_each(|(v, &g)| *v += g);
                    }
                }
                JoinKind::Subtract if port > 0 => values.iter_mut().zip(grad).for_each(|(v, &g)| *v -= g),
                JoinKind::Multiply => {
                    for (i, (v, &g)) in values.iter_mut().zip(grad).enumerate() {
                        let others = (0..inputs.count()).filter(|&p| p != port);
                        *v += others.fold(g, |product, p| product * inputs.get(p)[i]);
                    }
                }
                _ => values.iter_mut().zip(grad).for_each(|(v, &g)| *v += g),
            }
        }
    }
}
