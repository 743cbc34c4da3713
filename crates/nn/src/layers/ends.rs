//! Where data enter the network and where its output meets the target.

use super::shape::Rows;
use crate::defaults::{is_default, is_one, one};
use crate::definition::{LayerDefinition, LayerFix, LayerInfo, Links};
use crate::losses::Loss;
use crate::lowering::Lowering;
use crate::operation::{Backward, Build, Explained, Inputs, Operation, PassContext};
use crate::reading::{Reading, Told};
use crate::real::Real;
use crate::sample_shape::numbers;
use crate::settings::{SettingsPanel, choose};
use crate::task::{Comparison, Encoding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// More columns than this are not listed one by one.
const MOST_COLUMNS: usize = 40;

/// The features of the data, or some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Columns of the data whose features enter here; all when empty
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

impl LayerDefinition for InputSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Input",
            group: "Ends",
            summary: "the features of the data",
            description: "Where the features enter: all of them, or the columns that are chosen. Its shape comes from the data.",
            formula: "a = x",
            change: "Change input",
        }
    }

    fn caption(&self) -> String {
        match self.columns.as_slice() {
            [] => "features".to_owned(),
            [one] => one.clone(),
            several => format!("{} columns", several.len()),
        }
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        let Some(all) = panel.feature_columns() else { return };
        if all.len() > MOST_COLUMNS {
            panel.note(&format!("{} features", all.len()));
            return;
        }
        panel.note("Columns that enter here");
        for column in &all {
            let taken = |other: &String| self.columns.is_empty() || self.columns.contains(other);
            let mut on = taken(column);
            if panel.tick(column, &format!("Column {column}"), &mut on) {
                let wanted = |c: &&String| if *c == column { on } else { taken(c) };
                let chosen: Vec<String> = all.iter().filter(wanted).cloned().collect();
                // Nothing at all cannot enter; everything needs no list.
                if !chosen.is_empty() {
                    self.columns = if chosen.len() == all.len() { Vec::new() } else { chosen };
                }
            }
        }
    }

    /// Chosen columns are copied; all of them are there from the beginning.
    fn buffer(&self, input: &[usize]) -> u128 {
        if self.columns.is_empty() { 0 } else { numbers(2, input) }
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let units = lowering.input_units();
        match lowering.features(&self.columns) {
            // All features are there from the beginning.
            None => lowering.pass(0),
            Some(rows) => lowering.push_from(0, Rows(rows.into()), units),
        }
    }

    fn settings_fix(&self) -> Option<LayerFix> {
        None
    }
}

/// How much each class counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ClassWeights {
    /// Every sample alike
    #[default]
    Equal,
    /// Rare classes more: rows / (classes · rows of the class), over the training rows
    Balanced,
    /// So much for each class, in their order
    Chosen(Vec<f32>),
}

/// Compares the prediction with the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    pub loss: Loss,
    /// Share of each target that is spread over all classes (Szegedy et al. 2016), for one unit a class
    #[serde(default, skip_serializing_if = "is_default")]
    pub label_smoothing: f32,
    /// γ of the focal loss
    #[serde(default = "two", skip_serializing_if = "is_two")]
    pub focus: f32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub class_weights: ClassWeights,
    /// Factor on this output's loss in the sum of all outputs
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: f32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub target: Comparison,
}

impl Default for OutputSpec {
    fn default() -> Self {
        Self {
            loss: Loss::default(),
            label_smoothing: 0.0,
            focus: 2.0,
            class_weights: ClassWeights::Equal,
            weight: 1.0,
            target: Comparison::Target,
        }
    }
}

// For serde, which asks by reference.
fn two() -> f32 {
    2.0
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_two(value: &f32) -> bool {
    *value == 2.0
}

impl LayerDefinition for OutputSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Output",
            group: "Ends",
            summary: "compares with the target",
            description: "An end of the network: the loss compares its input with the target, and the backward pass starts here. Several outputs add their losses up, each with its weight.",
            formula: "L = loss(y, t)",
            change: "Change output",
        }
    }

    fn caption(&self) -> String {
        self.loss.label().to_lowercase()
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        let formula = self.loss.formula();
        choose(panel, "Loss", formula, &mut self.loss, Loss::ALL, Loss::label);
        panel.note(self.loss.formula());
        compare(panel, &mut self.target);
        let encoding = panel.encoding();
        if encoding == Some(Encoding::OneHot) {
            let hover = "Share of the target probability that is spread evenly over all classes in training; the losses of validation and test are computed without it";
            panel.number("Label smoothing", hover, &mut self.label_smoothing, 0.0..=0.9, 0.005);
        }
        if self.loss.definition().has_focus() {
            let hover = "γ: how much less samples count that are already right";
            panel.number("Focus", hover, &mut self.focus, 0.0..=10.0, 0.02);
        }
        if encoding.is_some_and(|e| e != Encoding::Values) {
            class_weights(panel, &mut self.class_weights);
        }
        if panel.outputs() > 1 {
            let hover = "Factor on this output's loss in the sum of all outputs";
            panel.number("Output weight", hover, &mut self.weight, 0.0..=1000.0, 0.01);
        }
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(3, input)
    }

    /// The compiler makes a head of it.
    fn lower(&self, _: &mut Lowering<'_>) {}

    fn invalid(&self) -> Option<String> {
        let fits = |v: f32| v.is_finite() && v >= 0.0;
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return Some(format!("label smoothing must be at least 0 and below 1, but is {}", self.label_smoothing));
        }
        if !fits(self.focus) || !fits(self.weight) {
            return Some("the weight of the output and the focus of its loss must be numbers of at least 0".to_owned());
        }
        match &self.class_weights {
            ClassWeights::Chosen(weights) if !weights.iter().all(|&w| fits(w)) => {
                Some("class weights must be numbers of at least 0".to_owned())
            }
            _ => None,
        }
    }

    fn settings_fix(&self) -> Option<LayerFix> {
        None
    }

    fn links(&self) -> Links {
        Links::Same
    }
}

/// What the output is compared with, where there is a choice.
fn compare(panel: &mut dyn SettingsPanel, target: &mut Comparison) {
    let Some(columns) = panel.target_columns() else { return };
    let mut choices = vec![Comparison::Target];
    if columns.len() > 1 {
        choices.extend(columns.into_iter().map(|column| Comparison::Columns(vec![column])));
    }
    choices.push(Comparison::Features);
    let chosen = choices.iter().position(|c| c == target).unwrap_or_else(|| {
        choices.push(target.clone());
        choices.len() - 1
    });
    let text = |choice: &Comparison| match choice {
        Comparison::Target => "the target".to_owned(),
        Comparison::Columns(columns) => columns.join(", "),
        Comparison::Features => "the features".to_owned(),
    };
    let texts: Vec<String> = choices.iter().map(text).collect();
    let options: Vec<&str> = texts.iter().map(String::as_str).collect();
    let hover =
        "What is predicted: the target of the data, one of its columns, or the features themselves (an autoencoder)";
    if let Some(k) = panel.choice("Target", hover, chosen, &options) {
        *target = choices.swap_remove(k);
    }
}

fn class_weights(panel: &mut dyn SettingsPanel, weights: &mut ClassWeights) {
    let chosen = match weights {
        ClassWeights::Equal => 0,
        ClassWeights::Balanced => 1,
        ClassWeights::Chosen(_) => 2,
    };
    let names = panel.class_names();
    let hover = "How much each class counts in the losses of training, validation and test: alike, rare ones more, or as chosen. Accuracy and the other metrics count every row alike";
    if let Some(k) = panel.choice("Class weights", hover, chosen, &["equal", "balanced", "chosen"]) {
        *weights = match k {
            0 => ClassWeights::Equal,
            1 => ClassWeights::Balanced,
            _ => ClassWeights::Chosen(vec![1.0; names.len()]),
        };
    }
    if let ClassWeights::Chosen(weights) = weights {
        for (weight, name) in weights.iter_mut().zip(names) {
            panel.number(&name, "How much a row of this class counts", weight, 0.0..=1000.0, 0.02);
        }
    }
}

/// The input buffer: filled from outside.
#[derive(Clone, Copy, Debug)]
pub struct Source;

impl Build for Source {
    fn build<T: Real>(&self, _units: usize, _capacity: usize) -> Box<dyn Operation<T>> {
        Box::new(*self)
    }
}

impl Explained for Source {
    /// The input layer speaks for it.
    fn tell(&self, _: &Reading<'_>) -> Option<Told> {
        None
    }
}

impl<T: Real> Operation<T> for Source {
    fn forward(&mut self, _: &PassContext, _: &[T], _: Inputs<'_, T>, _: &mut [T]) {}

    fn backward(&mut self, _: &PassContext, _: Backward<'_, T>) {}
}
