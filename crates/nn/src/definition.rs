//! What every layer's specification says of itself: its shapes and parameters, its operations, its settings, and what the
//! screen draws and says of it.

use super::activation::Activation;
use super::init::Initialiser;
use super::lowering::Lowering;
use super::parameter::ParameterShape;
use super::settings::SettingsPanel;

/// What people read about a kind of layer; palette, inspector and documents use it.
#[derive(Debug)]
pub struct LayerInfo {
    pub label: &'static str,
    pub group: &'static str,
    /// A few words for the palette.
    pub summary: &'static str,
    /// One or two sentences for the tooltip.
    pub description: &'static str,
    pub formula: &'static str,
    /// What a change of its settings is called in the list of what can be undone.
    pub change: &'static str,
}

/// What every layer's specification can say of itself.
pub trait LayerDefinition {
    fn info(&self) -> &'static LayerInfo;
    /// One line under the layer's name, for instance "dense 6 · tanh".
    fn caption(&self) -> String;
    /// Shows its settings, each with what it is called and what it means.
    fn settings(&mut self, panel: &mut dyn SettingsPanel);

    /// Shape of one sample's output, or what is wrong with the input.
    ///
    /// # Errors
    /// A sentence that names the trouble and the fix.
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }
    /// Whether it takes several inputs.
    fn joins(&self) -> bool {
        false
    }
    /// Shape of one sample's output from all inputs, of which there is at least one.
    ///
    /// # Errors
    /// A sentence that names the trouble.
    fn joined_shape(&self, inputs: &[Vec<usize>]) -> Result<Vec<usize>, String> {
        self.output_shape(&inputs[0])
    }
    /// Parameters for one sample of shape `input` (of its output, for a layer that joins).
    fn parameters(&self, _input: &[usize]) -> Vec<ParameterShape> {
        Vec::new()
    }
    /// Samples that a mini-batch needs at least, for the layer to learn from it.
    fn least_batch(&self, _input: &[usize]) -> usize {
        1
    }
    /// Buffers that training keeps for one sample, in numbers.
    fn buffer(&self, input: &[usize]) -> u128;
    /// Copies of its weights that training keeps, in the order in which they are read.
    fn weight_copies(&self) -> u128 {
        0
    }
    /// Adds the layer's operations.
    fn lower(&self, lowering: &mut Lowering<'_>);

    /// What is wrong with the layer's own settings, if anything.
    fn invalid(&self) -> Option<String> {
        None
    }
    /// What would make its settings valid again.
    fn settings_fix(&self) -> Option<LayerFix> {
        Some(LayerFix::Reset)
    }
    /// What would let it take an input of shape `input`, which it cannot.
    fn input_fix(&self, _input: &[usize]) -> Option<LayerFix> {
        None
    }

    /// The function that it ends with, where it has one.
    fn activation(&self) -> Option<Activation> {
        None
    }
    fn activation_mut(&mut self) -> Option<&mut Activation> {
        None
    }
    /// Changes the function that it ends with, and what has to suit it.
    fn use_activation(&mut self, activation: Activation) {
        if let Some(own) = self.activation_mut() {
            *own = activation;
        }
    }
    /// How many neurons it has, for a layer that is made of neurons which all see the whole input.
    fn units(&self) -> Option<usize> {
        None
    }
    fn units_mut(&mut self) -> Option<&mut usize> {
        None
    }
    /// How the weights of its neurons are drawn, for a layer that is made of neurons.
    fn initialiser(&self) -> Option<Initialiser> {
        None
    }
    fn initialiser_mut(&mut self) -> Option<&mut Initialiser> {
        None
    }
    /// Whether every step of a sequence goes on or the last one only, for a layer that has the choice.
    fn every_step_mut(&mut self) -> Option<&mut bool> {
        None
    }
    /// Whether it puts out as many numbers as come in, so that a layer before it decides how many there are.
    fn keeps_count(&self) -> bool {
        false
    }
    /// The share of values that it zeroes while training.
    fn dropout_rate(&self) -> Option<f32> {
        None
    }
    fn dropout_rate_mut(&mut self) -> Option<&mut f32> {
        None
    }
    /// How many categories it knows, for a layer whose input is category numbers.
    fn vocabulary(&self) -> Option<usize> {
        None
    }
    fn vocabulary_mut(&mut self) -> Option<&mut usize> {
        None
    }

    /// What a new layer is called, with a number behind.
    fn base_name(&self) -> &'static str {
        self.info().label
    }
    /// What is drawn between its units and those of its input.
    fn links(&self) -> Links {
        Links::None
    }
    /// Whether the weighted sum of a unit is worth showing beside what it puts out.
    fn shows_sum(&self) -> bool {
        false
    }
}

/// How each unit of a layer, or each channel, depends on those of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// On every unit, by a weight.
    Weights,
    /// Each channel on every channel, by a kernel of so many weights.
    Kernels(usize),
    /// On the unit, or channel, of the same number.
    Same,
    /// Each channel on the channel of the same number.
    SameChannel,
    /// In another way, of which only the wire is drawn.
    None,
}

/// A change to a layer, or in front of it, that removes a problem.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerFix {
    /// So many units.
    Units(usize),
    /// This share of values zeroed.
    DropoutRate(f32),
    /// The usual settings.
    Reset,
    /// A flatten layer in front.
    InsertFlatten,
    /// A reshape layer in front.
    InsertReshape(Vec<usize>),
    /// The layer goes.
    Remove,
}

/// A flat sample as a sequence of single numbers, for a layer that takes sequences.
pub(super) fn sequence_fix(input: &[usize]) -> Option<LayerFix> {
    match *input {
        [n] => Some(LayerFix::InsertReshape(vec![n, 1])),
        _ => None,
    }
}

/// A flat sample as a square image of one or three channels, for a layer that takes images.
pub(super) fn image_fix(input: &[usize]) -> Option<LayerFix> {
    let &[n] = input else { return None };
    let side = |n: usize| (n as f64).sqrt().round() as usize;
    let channels = [1, 3].into_iter().find(|c| n % c == 0 && side(n / c).pow(2) * c == n)?;
    let side = side(n / channels);
    Some(LayerFix::InsertReshape(vec![channels, side, side]))
}
