//! Embedding: a[i] = E[xᵢ], the learned row of each number i of a category, `[n]` → `[n, dimensions]`.
//!
//! Backward: ∂L/∂E[k] = Σ of ∂L/∂a[i] over all places where xᵢ = k. Numbers are no quantities: there is no ∂L/∂x.

use crate::definition::{LayerDefinition, LayerFix, LayerInfo};
use crate::init::Initialiser;
use crate::lowering::Lowering;
use crate::math::{indexed, row, subscript, text};
use crate::operation::{Backward, Build, Explained, Inputs, Operation, PassContext};
use crate::parameter::{Axis, Naming, ParameterShape};
use crate::reading::{Reading, Told};
use crate::real::Real;
use crate::sample_shape::{flat, numbers};
use crate::settings::{self, SettingsPanel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

const TABLE: [Axis; 2] = [Axis::input("category", "k").zero_based(), Axis::kernel("number", "j")];

/// A learned row of numbers for each category.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingSpec {
    /// Categories, numbered from 0; a number beyond gives zeros
    pub vocabulary: usize,
    /// Size of the vector of each category
    pub dimensions: usize,
    #[serde(default = "unit_normal")]
    pub initialiser: Initialiser,
}

fn unit_normal() -> Initialiser {
    Initialiser::Normal { std: 1.0 }
}

impl Default for EmbeddingSpec {
    fn default() -> Self {
        Self { vocabulary: 16, dimensions: 4, initialiser: unit_normal() }
    }
}

impl LayerDefinition for EmbeddingSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Embedding",
            group: "Sequence",
            summary: "categories to vectors",
            description: "Looks up a learned row of numbers for each category, so that alike categories can come to lie close together. Its features are category numbers: choose the treatment ordinal, or tokens for text, in Data.",
            formula: "a[i] = E[xᵢ]",
            change: "Change embedding",
        }
    }

    fn caption(&self) -> String {
        format!("{} × {}", self.vocabulary, self.dimensions)
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        let hover = "Category numbers start at 0; an unknown category gives a zero vector";
        panel.count("Categories", hover, &mut self.vocabulary, 1..=1_000_000);
        panel.count("Dimensions", "Size of the vector of each category", &mut self.dimensions, 1..=4096);
        settings::initialiser(panel, &mut self.initialiser);
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        flat(input, "Embedding").map(|n| vec![n, self.dimensions])
    }

    fn parameters(&self, _input: &[usize]) -> Vec<ParameterShape> {
        vec![ParameterShape {
            name: "weight",
            shape: vec![self.vocabulary, self.dimensions],
            fan_in: self.vocabulary,
            fan_out: self.dimensions,
            initialiser: self.initialiser,
            decayed: true,
            naming: Naming::weights("E", &TABLE),
        }]
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(2 * self.dimensions as u128, input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let units = lowering.input_units() * self.dimensions;
        let weight = lowering.parameter("weight");
        lowering.push(Embed { weight, dimensions: self.dimensions }, units);
    }

    fn invalid(&self) -> Option<String> {
        let bad = self.vocabulary == 0 || self.dimensions == 0;
        bad.then(|| "an embedding needs at least one category and one dimension".to_owned())
    }

    fn input_fix(&self, input: &[usize]) -> Option<LayerFix> {
        (input.len() > 1).then_some(LayerFix::InsertFlatten)
    }

    fn vocabulary(&self) -> Option<usize> {
        Some(self.vocabulary)
    }

    fn vocabulary_mut(&mut self) -> Option<&mut usize> {
        Some(&mut self.vocabulary)
    }
}

#[derive(Clone, Debug)]
struct Embed {
    weight: Range<usize>,
    dimensions: usize,
}

impl Build for Embed {
    fn build<T: Real>(&self, _units: usize, _capacity: usize) -> Box<dyn Operation<T>> {
        Box::new(self.clone())
    }
}

impl Explained for Embed {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        let (weight, dimensions) = (&self.weight, self.dimensions);
        let (place, column) = (at.unit / dimensions, at.unit % dimensions);
        let number = at.value(at.input(), place).round();
        let rows = self.weight.len() / dimensions;
        if number < 0.0 || number >= rows as f64 {
            let symbols = row([indexed("a", subscript(at.unit)), text("= 0")]);
            let what = if number < 0.0 { "padding, or a category that is not known" } else { "beyond the categories" };
            let words = format!("{number} is {what}: there is no row of it, so that it gives zeros.");
            return Some(Told::one(at.line(symbols, None), words));
        }
        let category = number as usize;
        let index = (weight.start + category * dimensions + column).min(weight.end - 1);
        let symbols = row([indexed("a", subscript(at.unit)), text("="), at.parameter_symbol(index)]);
        let words = format!(
            "Category {category} has a row of {dimensions} learned numbers; this is number {} of it.",
            column + 1
        );
        Some(Told::one(at.line(symbols, Some(at.parameter(index))), words))
    }
}

impl Embed {
    /// Where the row of a category begins, if there is one.
    fn row<T: Real>(&self, category: T) -> Option<usize> {
        let row = category.to_f64().round();
        let start = row as usize * self.dimensions;
        (row >= 0.0 && start < self.weight.len()).then_some(start)
    }
}

impl<T: Real> Operation<T> for Embed {
    fn forward(&mut self, pass: &PassContext, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (table, stride, n) = (&params[self.weight.clone()], pass.stride(), self.dimensions);
        for (a, x) in output.chunks_exact_mut(n * stride).zip(inputs.get(0).chunks_exact(stride)) {
            for (lane, &category) in x.iter().enumerate() {
                let row = self.row(category).map(|start| &table[start..][..n]);
                for k in 0..n {
                    a[k * stride + lane] = row.map_or(T::ZERO, |row| row[k]);
                }
            }
        }
    }

    fn backward(&mut self, pass: &PassContext, at: Backward<'_, T>) {
        let (stride, n) = (pass.stride(), self.dimensions);
        let table = &mut at.grad_params[self.weight.clone()];
        table.fill(T::ZERO);
        for (grad, x) in at.grad_output.chunks_exact(n * stride).zip(at.inputs.get(0).chunks_exact(stride)) {
            for (lane, &category) in x[..pass.batch].iter().enumerate() {
                if let Some(start) = self.row(category) {
                    for (k, to) in table[start..][..n].iter_mut().enumerate() {
                        *to += grad[k * stride + lane];
                    }
                }
            }
        }
    }
}
