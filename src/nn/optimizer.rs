//! The update: how each parameter moves along its gradient. Formulas as in the PyTorch documentation of each optimizer.

use super::kernels::update;
use super::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An update rule with its constants.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimizer {
    /// w ← w − η g
    Sgd {},
    /// v ← μ v + g; w ← w − η v
    Momentum { momentum: f32 },
    /// v ← μ v + g; w ← w − η (g + μ v)
    Nesterov { momentum: f32 },
    /// s ← ρ s + (1 − ρ) g²; w ← w − η g / (√s + ε)
    Rmsprop { decay: f32, epsilon: f32 },
    /// Adaptive moments with bias correction (Kingma & Ba 2015, algorithm 1)
    Adam { beta1: f32, beta2: f32, epsilon: f32 },
    /// Adam with decoupled weight decay (Loshchilov & Hutter 2019)
    AdamW { beta1: f32, beta2: f32, epsilon: f32, weight_decay: f32 },
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl Optimizer {
    /// Every optimizer with its usual constants.
    pub const ALL: [Self; 6] = [
        Self::Sgd {},
        Self::Momentum { momentum: 0.9 },
        Self::Nesterov { momentum: 0.9 },
        Self::Rmsprop { decay: 0.99, epsilon: 1e-8 },
        Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
        Self::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 },
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Sgd {} => "SGD",
            Self::Momentum { .. } => "Momentum",
            Self::Nesterov { .. } => "Nesterov",
            Self::Rmsprop { .. } => "RMSprop",
            Self::Adam { .. } => "Adam",
            Self::AdamW { .. } => "AdamW",
        }
    }

    /// The rule in one line.
    pub fn formula(self) -> &'static str {
        match self {
            Self::Sgd {} => "w ← w − η g",
            Self::Momentum { .. } => "v ← μ v + g;  w ← w − η v",
            Self::Nesterov { .. } => "v ← μ v + g;  w ← w − η (g + μ v)",
            Self::Rmsprop { .. } => "s ← ρ s + (1 − ρ) g²;  w ← w − η g / (√s + ε)",
            Self::Adam { .. } => "w ← w − η m̂ / (√v̂ + ε)",
            Self::AdamW { .. } => "w ← (1 − η λ) w − η m̂ / (√v̂ + ε)",
        }
    }

    /// The same rule, whatever its constants.
    pub fn same_rule(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }

    /// How many running averages each parameter carries.
    pub fn slots(self) -> usize {
        match self {
            Self::Sgd {} => 0,
            Self::Momentum { .. } | Self::Nesterov { .. } | Self::Rmsprop { .. } => 1,
            Self::Adam { .. } | Self::AdamW { .. } => 2,
        }
    }
}

/// What an update needs besides the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpdateRule {
    pub optimizer: Optimizer,
    pub learning_rate: f32,
    /// λ₁ of λ₁ Σ|w|, weights only.
    pub l1: f32,
    /// λ₂ of (λ₂/2) Σw², weights only.
    pub l2: f32,
    /// Largest allowed norm of the whole gradient of the loss (before regularisation).
    pub clip_norm: Option<f32>,
}

/// The running averages of an optimizer, one number a parameter and slot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimizerState<T> {
    /// Velocity, mean square, or first moment.
    pub first: Vec<T>,
    /// Second moment.
    pub second: Vec<T>,
    /// Updates made.
    pub steps: u64,
}

impl<T: Real> OptimizerState<T> {
    /// Fresh averages for `parameters` numbers.
    pub fn new(optimizer: Optimizer, parameters: usize) -> Self {
        let slot = |used: bool| if used { vec![T::ZERO; parameters] } else { Vec::new() };
        Self { first: slot(optimizer.slots() > 0), second: slot(optimizer.slots() > 1), steps: 0 }
    }

    /// Moves `params` along `grads`; the first `decayed` parameters (the weights) are regularised, the rest (biases) not.
    pub fn update(&mut self, rule: &UpdateRule, params: &mut [T], grads: &mut [T], decayed: usize) {
        self.steps += 1;
        if let Some(limit) = rule.clip_norm {
            let norm = update::square_sum(grads).sqrt();
            if norm > f64::from(limit) {
                update::scale(grads, T::from_f64(f64::from(limit) / norm));
            }
        }
        if rule.l1 != 0.0 || rule.l2 != 0.0 {
            update::regularise(&params[..decayed], &mut grads[..decayed], real(rule.l1), real(rule.l2));
        }
        let lr: T = real(rule.learning_rate);
        match rule.optimizer {
            Optimizer::Sgd {} => update::sgd(params, grads, lr),
            Optimizer::Momentum { momentum } => update::momentum(params, grads, &mut self.first, lr, real(momentum)),
            Optimizer::Nesterov { momentum } => update::nesterov(params, grads, &mut self.first, lr, real(momentum)),
            Optimizer::Rmsprop { decay, epsilon } => {
                update::rmsprop(params, grads, &mut self.first, lr, real(decay), real(epsilon));
            }
            Optimizer::Adam { beta1, beta2, epsilon } => self.adam(params, grads, rule, beta1, beta2, epsilon),
            Optimizer::AdamW { beta1, beta2, epsilon, weight_decay } => {
                let keep = 1.0 - f64::from(rule.learning_rate) * f64::from(weight_decay);
                update::scale(&mut params[..decayed], T::from_f64(keep));
                self.adam(params, grads, rule, beta1, beta2, epsilon);
            }
        }
    }

    fn adam(&mut self, params: &mut [T], grads: &[T], rule: &UpdateRule, beta1: f32, beta2: f32, epsilon: f32) {
        let steps = self.steps as f64;
        let correct = |beta: f32| 1.0 - f64::from(beta).powf(steps);
        let step_size = f64::from(rule.learning_rate) / correct(beta1);
        let denominator = 1.0 / correct(beta2).sqrt();
        update::adam(
            params,
            grads,
            &mut self.first,
            &mut self.second,
            [beta1, beta2].map(real),
            T::from_f64(step_size),
            T::from_f64(denominator),
            real(epsilon),
        );
    }
}

fn real<T: Real>(value: f32) -> T {
    T::from_f64(f64::from(value))
}
