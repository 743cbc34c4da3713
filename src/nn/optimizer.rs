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
    /// s ← s + g²; w ← w − η g / (√s + ε) (Duchi et al. 2011)
    Adagrad { epsilon: f32 },
    /// Steps in units of the parameters (Zeiler 2012); η is usually 1
    Adadelta { decay: f32, epsilon: f32 },
    /// Adam with Nesterov momentum (Dozat 2016)
    Nadam { beta1: f32, beta2: f32, epsilon: f32, momentum_decay: f32 },
    /// Adam with a rectified variance (Liu et al. 2020)
    Radam { beta1: f32, beta2: f32, epsilon: f32 },
    /// w ← w − η sign(β₁ m + (1 − β₁) g) (Chen et al. 2023)
    Lion { beta1: f32, beta2: f32, weight_decay: f32 },
    /// Each parameter its own step, which grows while the sign of the gradient stays (Riedmiller & Braun 1993)
    Rprop { shrink: f32, grow: f32 },
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl Optimizer {
    /// Every optimizer with its usual constants.
    pub const ALL: [Self; 12] = [
        Self::Sgd {},
        Self::Momentum { momentum: 0.9 },
        Self::Nesterov { momentum: 0.9 },
        Self::Rmsprop { decay: 0.99, epsilon: 1e-8 },
        Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
        Self::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 },
        Self::Adagrad { epsilon: 1e-10 },
        Self::Adadelta { decay: 0.9, epsilon: 1e-6 },
        Self::Nadam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, momentum_decay: 0.004 },
        Self::Radam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
        Self::Lion { beta1: 0.9, beta2: 0.99, weight_decay: 0.0 },
        Self::Rprop { shrink: 0.5, grow: 1.2 },
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Sgd {} => "SGD",
            Self::Momentum { .. } => "Momentum",
            Self::Nesterov { .. } => "Nesterov",
            Self::Rmsprop { .. } => "RMSprop",
            Self::Adam { .. } => "Adam",
            Self::AdamW { .. } => "AdamW",
            Self::Adagrad { .. } => "Adagrad",
            Self::Adadelta { .. } => "Adadelta",
            Self::Nadam { .. } => "NAdam",
            Self::Radam { .. } => "RAdam",
            Self::Lion { .. } => "Lion",
            Self::Rprop { .. } => "Rprop",
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
            Self::Adagrad { .. } => "s ← s + g²;  w ← w − η g / (√s + ε)",
            Self::Adadelta { .. } => "w ← w − η g √(d + ε) / √(s + ε)",
            Self::Nadam { .. } => "w ← w − η (μ m̂ + (1 − μ) ĝ) / (√v̂ + ε)",
            Self::Radam { .. } => "w ← w − η r m̂ / (√v̂ + ε)",
            Self::Lion { .. } => "w ← w − η sign(β₁ m + (1 − β₁) g)",
            Self::Rprop { .. } => "w ← w − Δ sign(g);  Δ grows or shrinks",
        }
    }

    /// Its constants: name, what it does, value.
    pub fn constants(&mut self) -> Vec<(&'static str, &'static str, &mut f32)> {
        const BETA1: (&str, &str) = ("β₁", "Share of the old first moment that is kept");
        const BETA2: (&str, &str) = ("β₂", "Share of the old second moment that is kept");
        const EPSILON: (&str, &str) = ("ε", "Keeps the division from exploding");
        const DECAY: (&str, &str) = ("Weight decay", "Pulls every weight towards zero, apart from the gradient");
        let named: Vec<((&str, &str), &mut f32)> = match self {
            Self::Sgd {} => vec![],
            Self::Momentum { momentum } | Self::Nesterov { momentum } => {
                vec![(("Momentum", "Share of the old velocity that is kept"), momentum)]
            }
            Self::Rmsprop { decay, epsilon } | Self::Adadelta { decay, epsilon } => {
                vec![(("Decay", "Share of the old mean square that is kept"), decay), (EPSILON, epsilon)]
            }
            Self::Adam { beta1, beta2, epsilon } | Self::Radam { beta1, beta2, epsilon } => {
                vec![(BETA1, beta1), (BETA2, beta2), (EPSILON, epsilon)]
            }
            Self::AdamW { beta1, beta2, epsilon, weight_decay } => {
                vec![(BETA1, beta1), (BETA2, beta2), (EPSILON, epsilon), (DECAY, weight_decay)]
            }
            Self::Adagrad { epsilon } => vec![(EPSILON, epsilon)],
            Self::Nadam { beta1, beta2, epsilon, momentum_decay } => vec![
                (BETA1, beta1),
                (BETA2, beta2),
                (EPSILON, epsilon),
                (("Momentum decay", "How soon the momentum reaches β₁"), momentum_decay),
            ],
            Self::Lion { beta1, beta2, weight_decay } => {
                vec![(BETA1, beta1), (BETA2, beta2), (DECAY, weight_decay)]
            }
            Self::Rprop { shrink, grow } => vec![
                (("Shrink", "Factor of the step after a change of sign, below 1"), shrink),
                (("Grow", "Factor of the step while the sign stays, above 1"), grow),
            ],
        };
        named.into_iter().map(|((name, hover), value)| (name, hover, value)).collect()
    }

    /// The same rule, whatever its constants.
    pub fn same_rule(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }

    /// How many running averages each parameter carries.
    pub fn slots(self) -> usize {
        match self {
            Self::Sgd {} => 0,
            Self::Momentum { .. }
            | Self::Nesterov { .. }
            | Self::Rmsprop { .. }
            | Self::Adagrad { .. }
            | Self::Lion { .. } => 1,
            Self::Adam { .. }
            | Self::AdamW { .. }
            | Self::Adadelta { .. }
            | Self::Nadam { .. }
            | Self::Radam { .. }
            | Self::Rprop { .. } => 2,
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
    /// NAdam: its constants, the product of all μ so far, and up to which update. Follows from the number of updates.
    product: ((f64, f64), f64, u64),
}

impl<T: Real> OptimizerState<T> {
    /// Fresh averages for `parameters` numbers.
    pub fn new(optimizer: Optimizer, parameters: usize) -> Self {
        let slot = |used: bool| if used { vec![T::ZERO; parameters] } else { Vec::new() };
        let (first, second) = (slot(optimizer.slots() > 0), slot(optimizer.slots() > 1));
        Self { first, second, steps: 0, product: Default::default() }
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
            Optimizer::Adagrad { epsilon } => update::adagrad(params, grads, &mut self.first, lr, real(epsilon)),
            Optimizer::Adadelta { decay, epsilon } => {
                update::adadelta(params, grads, &mut self.first, &mut self.second, lr, real(decay), real(epsilon));
            }
            Optimizer::Nadam { beta1, beta2, epsilon, momentum_decay } => {
                self.nadam(params, grads, rule, (beta1, beta2), epsilon, momentum_decay);
            }
            Optimizer::Radam { beta1, beta2, epsilon } => self.radam(params, grads, rule, (beta1, beta2), epsilon),
            Optimizer::Lion { beta1, beta2, weight_decay } => {
                let keep = 1.0 - f64::from(rule.learning_rate) * f64::from(weight_decay);
                update::scale(&mut params[..decayed], T::from_f64(keep));
                update::lion(params, grads, &mut self.first, lr, real(beta1), real(beta2));
            }
            Optimizer::Rprop { shrink, grow } => {
                // Steps are never zero but at the beginning.
                if self.second.first() == Some(&T::ZERO) {
                    self.second.fill(lr);
                }
                update::rprop(params, grads, &mut self.first, &mut self.second, real(shrink), real(grow));
            }
        }
    }

    /// As in PyTorch: μₜ = β₁ (1 − ½ · 0.96^(t ψ)), and the products of all μ so far correct the bias.
    fn nadam(
        &mut self,
        params: &mut [T],
        grads: &[T],
        rule: &UpdateRule,
        (beta1, beta2): (f32, f32),
        epsilon: f32,
        momentum_decay: f32,
    ) {
        let (beta, psi) = (f64::from(beta1), f64::from(momentum_decay));
        let mu = |t: u64| beta * (1.0 - 0.5 * 0.96_f64.powf(t as f64 * psi));
        let (constants, product, t) = self.product;
        let known = constants == (beta, psi) && t + 1 == self.steps;
        // After a change of constants, or when a run goes on, all of them are multiplied anew, once.
        let product = if known { product * mu(self.steps) } else { (1..=self.steps).map(mu).product() };
        self.product = ((beta, psi), product, self.steps);
        let rate = f64::from(rule.learning_rate);
        let (now, next) = (mu(self.steps), mu(self.steps + 1));
        let correct = 1.0 - f64::from(beta2).powf(self.steps as f64);
        let shares = [rate * (1.0 - now) / (1.0 - product), rate * next / (1.0 - product * next)].map(T::from_f64);
        let (root, epsilon) = (T::from_f64(1.0 / correct.sqrt()), real(epsilon));
        let betas = [beta1, beta2].map(real);
        update::nadam(params, grads, &mut self.first, &mut self.second, betas, shares, root, epsilon);
    }

    fn radam(&mut self, params: &mut [T], grads: &[T], rule: &UpdateRule, (beta1, beta2): (f32, f32), epsilon: f32) {
        let t = self.steps as f64;
        let (beta1, beta2) = (f64::from(beta1), f64::from(beta2));
        let (correct1, correct2) = (1.0 - beta1.powf(t), 1.0 - beta2.powf(t));
        let most = 2.0 / (1.0 - beta2) - 1.0;
        let length = most - 2.0 * t * beta2.powf(t) / correct2;
        let step = f64::from(rule.learning_rate) / correct1;
        // Before there are enough samples for a variance, the step is that of plain momentum: denominator 1.
        let (step, root, epsilon) = if length > 5.0 {
            let r = ((length - 4.0) * (length - 2.0) * most / ((most - 4.0) * (most - 2.0) * length)).sqrt();
            (step * r, 1.0 / correct2.sqrt(), f64::from(epsilon) / correct2.sqrt())
        } else {
            (step, 0.0, 1.0)
        };
        let betas = [beta1, beta2].map(T::from_f64);
        let [step, root, epsilon] = [step, root, epsilon].map(T::from_f64);
        update::adam(params, grads, &mut self.first, &mut self.second, betas, step, root, epsilon);
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
