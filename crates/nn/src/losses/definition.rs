//! What every loss answers: its names, the targets that it takes, value and gradient, and how Explain words it.

use crate::activation::Activation;
use crate::kernels::elementwise;
use crate::math::{Math, Place, fraction, number, row, symbol, text};
use crate::real::Real;
use crate::task::Encoding;

/// A loss. Nothing has a default, so that none can be forgotten.
pub trait LossDefinition: Sync {
    /// Name in menus and messages.
    fn label(&self) -> &'static str;

    /// The loss of a mini-batch in one line that begins with "L = ".
    fn formula(&self) -> &'static str;

    /// The function from the network's last values to predictions. A loss with another link than the identity takes logits:
    /// it reads the values before a last layer of that function, whose slope cancels in the gradient.
    fn link(&self) -> Link;

    /// What the network's last values, after the link, are for targets that are written so.
    fn predicts(&self, encoding: Encoding) -> Predicts;

    /// Whether targets may be numbers; every loss takes classes.
    fn takes_values(&self) -> bool;

    /// What the targets of a sample must be, where they are numbers and cannot be any.
    fn target_rule(&self) -> Option<TargetRule>;

    /// How classes are encoded for one unit per class.
    fn unit_per_class(&self) -> Encoding;

    /// How two classes are encoded for a single unit with this activation; none where each class needs a unit.
    fn single_unit(&self, activation: Activation) -> Option<Encoding>;

    /// Whether the setting γ concerns it.
    fn has_focus(&self) -> bool;

    /// Mean loss of the first `batch` columns of `[outputs, stride]`; writes ∂L/∂output to `grad`, zero in the padding
    /// columns. The stride is the length of the shares.
    fn evaluate<T: Real>(
        &self,
        output: &[T],
        target: &[T],
        grad: &mut [T],
        weighing: Weighing<'_, T>,
        batch: usize,
    ) -> f64
    where
        Self: Sized;

    /// ℓ, the loss of one sample (at one output, where it is a mean over outputs), and what that says of the prediction.
    fn explain_value(&self, at: &Compared<'_>) -> LossFormula;

    /// ∂L/∂output at one output, without the left side of the equation.
    fn explain_slope(&self, at: &Compared<'_>) -> LossFormula;
}

/// What the targets of a sample must be.
#[derive(Clone, Copy, Debug)]
pub struct TargetRule {
    pub fits: fn(&[f32]) -> bool,
    /// What fits, behind "takes targets that are"
    pub says: &'static str,
}

/// How the network's last values become the prediction that people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Identity,
    Sigmoid,
    Softmax,
}

impl Link {
    /// The same as a layer's activation; none for the identity.
    pub fn activation(self) -> Option<Activation> {
        match self {
            Self::Identity => None,
            Self::Sigmoid => Some(Activation::Sigmoid),
            Self::Softmax => Some(Activation::Softmax),
        }
    }

    /// Predictions from the network's last values, both `[outputs, stride]`.
    pub fn apply<T: Real>(self, output: &[T], prediction: &mut [T], stride: usize) {
        match self {
            Self::Identity => prediction.copy_from_slice(output),
            Self::Sigmoid => elementwise::activate(Activation::Sigmoid, output, prediction, stride, 1),
            Self::Softmax => elementwise::softmax(output, prediction, stride),
        }
    }
}

/// What predictions are, for people who read them without the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predicts {
    /// Of the class, or of the target
    Probability,
    /// Of the class: the larger, the more likely, but no probability
    Score,
    /// Of the target, in the units in which it is encoded
    Value,
    /// Of the targets together: only their proportions mean something, not their size
    Direction,
}

/// What a loss is given besides outputs and targets.
#[derive(Clone, Copy, Debug)]
pub struct Weighing<'a, T> {
    /// Weight of each sample, `[stride]`: they add up to 1, and are 0 in the padding.
    pub shares: &'a [T],
    /// γ of the focal loss.
    pub focus: T,
}

/// One sample at an output of the network, with one of its units chosen.
#[derive(Clone, Debug)]
pub struct Compared<'a> {
    /// Outputs of the network, or logits where the loss takes them, `[units]`.
    pub outputs: Vec<f64>,
    /// `[units]`
    pub targets: Vec<f64>,
    /// The outputs after the link, `[units]`.
    pub predictions: Vec<f64>,
    pub unit: usize,
    /// Where the chosen output is drawn.
    pub place: Option<Place>,
    /// Names of the classes or of the target's columns.
    pub names: &'a [String],
    /// γ of the focal loss.
    pub focus: f64,
    /// Factor on this sample's loss in L.
    pub share: f64,
    /// ∂L/∂output of the chosen unit.
    pub slope: f64,
}

impl Compared<'_> {
    pub fn output(&self) -> f64 {
        self.outputs[self.unit]
    }

    pub fn target(&self) -> f64 {
        self.targets[self.unit]
    }

    pub fn prediction(&self) -> f64 {
        self.predictions[self.unit]
    }

    /// The class with the largest target.
    pub fn true_class(&self) -> usize {
        let targets = &self.targets;
        (0..targets.len()).max_by(|&a, &b| targets[a].total_cmp(&targets[b])).unwrap_or(0)
    }

    pub fn name(&self, unit: usize) -> &str {
        self.names.get(unit).map_or("unknown", String::as_str)
    }
}

/// A formula of a loss in symbols and with numbers, its value, and a sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct LossFormula {
    pub symbols: Math,
    pub numbers: Math,
    pub result: f64,
    pub words: String,
}

impl LossFormula {
    /// A slope that is only named.
    pub(super) fn named_slope(label: &str, of: &str, at: &Compared<'_>) -> Self {
        Self {
            symbols: text(format!("slope of the {} loss", label.to_lowercase())),
            numbers: number(at.slope, None),
            result: at.slope,
            words: format!("The slope of the loss at this {of}."),
        }
    }

    /// A slope that is a difference over n, the number of terms that L is the mean of.
    pub(super) fn slope_over_n(top: [Math; 2], terms: f64, at: &Compared<'_>, words: &str) -> Self {
        // Shares are single-precision numbers: ten tenths are not quite one.
        let n = terms / at.share;
        let n = if (n - n.round()).abs() < 1e-4 * n.abs() { n.round() } else { n };
        let [symbols, numbers] = top;
        Self {
            symbols: fraction(symbols, symbol("n")),
            numbers: fraction(numbers, number(n, None)),
            result: at.slope,
            words: words.to_owned(),
        }
    }
}

/// "ℓ =" before a formula.
pub(super) fn sample_loss(parts: impl IntoIterator<Item = Math>) -> Math {
    row([symbol("ℓ"), text("=")].into_iter().chain(parts))
}
