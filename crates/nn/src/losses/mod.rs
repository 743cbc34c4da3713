//! The losses: one number for a mini-batch, and its gradient with respect to the network's output. A loss is one file here
//! and one line in the list below.
//!
//! Means are over the batch, weighted by the share of each sample, and over the outputs too except where the outputs of a
//! sample belong together (as in PyTorch): cross-entropy, focal, Kullback–Leibler and cosine. Cross-entropies, focal and
//! Kullback–Leibler take logits. Buffers are `[outputs, stride]`, batch last.

mod binary_cross_entropy;
mod categorical_cross_entropy;
mod cosine;
mod definition;
mod elementwise;
mod focal;
mod hinge;
mod huber;
mod kullback_leibler;
mod mean_absolute_error;
mod mean_squared_error;
#[cfg(test)]
mod tests;

pub use definition::{Compared, Link, LossDefinition, LossFormula, Predicts, TargetRule, Weighing};

use super::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Makes the enum from the list, and hands each question on to the loss's own file.
macro_rules! losses {
    ($($(#[$attribute:meta])* $name:ident in $module:ident,)*) => {
        /// A loss function.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Loss {
            $($(#[$attribute])* $name,)*
        }

        impl Loss {
            /// In the order of menus.
            pub const ALL: [Self; [$(stringify!($name)),*].len()] = [$(Self::$name),*];

            /// What the loss says of itself.
            pub fn definition(self) -> &'static dyn LossDefinition {
                match self {
                    $(Self::$name => &$module::$name,)*
                }
            }

            /// Mean loss of the first `batch` columns of `[outputs, stride]`; writes ∂L/∂output to `grad`, zero in the
            /// padding columns.
            pub fn evaluate<T: Real>(
                self,
                output: &[T],
                target: &[T],
                grad: &mut [T],
                Weighing { shares, focus }: Weighing<'_, T>,
                (batch, stride): (usize, usize),
            ) -> f64 {
                let weighing = Weighing { shares: &shares[..stride], focus };
                match self {
                    $(Self::$name => $module::$name.evaluate(output, target, grad, weighing, batch),)*
                }
            }
        }
    };
}

losses! {
    /// mean of (y − t)²
    #[default]
    MeanSquaredError in mean_squared_error,
    /// mean of |y − t|
    MeanAbsoluteError in mean_absolute_error,
    /// mean of ½(y − t)² where |y − t| < 1, else |y − t| − ½
    Huber in huber,
    /// mean of ln(1 + eᶻ) − t z, for targets 0 and 1
    BinaryCrossEntropy in binary_cross_entropy,
    /// mean of ln Σⱼ eᶻʲ − z of the true class
    CategoricalCrossEntropy in categorical_cross_entropy,
    /// mean of max(0, 1 − t y), for targets −1 and +1
    Hinge in hinge,
    /// mean of −(1 − p)^γ ln p of the true class, p = softmax(z) (Lin et al. 2017)
    Focal in focal,
    /// mean of Σ t ln(t / p), p = softmax(z), for targets that are probabilities
    KullbackLeibler in kullback_leibler,
    /// mean of 1 − y·t / (|y| |t|)
    Cosine in cosine,
}

impl Loss {
    /// Name in menus and messages.
    pub fn label(self) -> &'static str {
        self.definition().label()
    }

    /// The loss of a mini-batch in one line.
    pub fn formula(self) -> &'static str {
        self.definition().formula()
    }

    /// The function from the network's last values to predictions.
    pub fn link(self) -> Link {
        self.definition().link()
    }
}
