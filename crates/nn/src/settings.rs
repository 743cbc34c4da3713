//! The settings of a layer as typed fields. A layer shows its fields to a [`SettingsPanel`] one by one; the inspector is such a
//! panel, and needs not know which layer it draws.

use super::activation::Activation;
use super::init::Initialiser;
use super::task::Encoding;
use std::mem::discriminant;
use std::ops::RangeInclusive;

/// Shows one field after the other and changes its value where the person does. `label` is what the field is called on the
/// screen and for screen readers, `hover` what it means.
pub trait SettingsPanel {
    fn count(&mut self, label: &str, hover: &str, value: &mut usize, range: RangeInclusive<usize>);
    /// `speed` is how much the value changes while it is dragged by one point.
    fn number(&mut self, label: &str, hover: &str, value: &mut f32, range: RangeInclusive<f32>, speed: f64);
    fn toggle(&mut self, label: &str, hover: &str, value: &mut bool);
    /// Two counts: vertical and horizontal.
    fn pair(&mut self, label: &str, hover: &str, value: &mut [usize; 2], range: RangeInclusive<usize>);
    /// One of several; returns the number of the option that was chosen.
    fn choice(&mut self, label: &str, hover: &str, chosen: usize, options: &[&str]) -> Option<usize>;
    /// One entry of a list of which any may be ticked; `name` is what screen readers call it. Returns whether it changed.
    fn tick(&mut self, text: &str, name: &str, value: &mut bool) -> bool;
    /// A line of text.
    fn note(&mut self, text: &str);

    /// The columns of the data that the features come from; none while there are no data.
    fn feature_columns(&self) -> Option<Vec<String>>;
    /// The columns of the data that are predicted.
    fn target_columns(&self) -> Option<Vec<String>>;
    /// The classes that the layer, an output, tells apart.
    fn class_names(&self) -> Vec<String>;
    /// How the targets of the layer, an output, are written, once everything fits.
    fn encoding(&self) -> Option<Encoding>;
    /// Outputs of the network.
    fn outputs(&self) -> usize;
}

/// A choice among values with labels. Values of one kind (as variants of an enum with data) count as the same.
pub(super) fn choose<A: Copy, const N: usize>(
    panel: &mut dyn SettingsPanel,
    label: &str,
    hover: &str,
    value: &mut A,
    all: [A; N],
    text: impl Fn(A) -> &'static str,
) {
    let chosen = all.iter().position(|other| discriminant(other) == discriminant(value)).unwrap_or(0);
    if let Some(new) = panel.choice(label, hover, chosen, &all.map(text)) {
        *value = all[new];
    }
}

pub(super) fn activation(panel: &mut dyn SettingsPanel, value: &mut Activation) {
    choose(panel, "Activation", value.formula(), value, Activation::ALL, Activation::label);
}

pub(super) fn initialiser(panel: &mut dyn SettingsPanel, value: &mut Initialiser) {
    let hover = "How the weights are drawn before training";
    choose(panel, "Initialiser", hover, value, Initialiser::ALL, Initialiser::label);
    let range = -100.0..=100.0;
    match value {
        Initialiser::Constant { value } => panel.number("Value", "Of every weight", value, range, 0.01),
        Initialiser::Normal { std } => panel.number("Deviation", "Of the weights around 0", std, range, 0.01),
        Initialiser::Uniform { low, high } => {
            panel.number("Low", "The smallest weight", low, range.clone(), 0.01);
            panel.number("High", "The largest weight", high, range, 0.01);
        }
        _ => {}
    }
}

pub(super) fn epsilon(panel: &mut dyn SettingsPanel, value: &mut f32) {
    panel.number("Epsilon", "Avoids division by zero", value, 1e-8..=1.0, 1e-6);
}
