//! The update: how each parameter moves along its gradient. Formulas as in the PyTorch documentation of each optimizer.

use super::compile::Group;
use super::kernels::update;
use super::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

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
    /// Newton steps by the curvature of the last ten steps, over the whole training part (Nocedal 1980); without line search
    Lbfgs {},
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl Optimizer {
    /// Every optimizer with its usual constants.
    pub const ALL: [Self; 13] = [
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
        Self::Lbfgs {},
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
            Self::Lbfgs {} => "L-BFGS",
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
            Self::Lbfgs {} => "w ← w − η H g;  H from the last steps",
        }
    }

    /// Its constants: name, what it does, value.
    pub fn constants(&mut self) -> Vec<(&'static str, &'static str, &mut f32)> {
        const BETA1: (&str, &str) = ("β₁", "Share of the old first moment that is kept");
        const BETA2: (&str, &str) = ("β₂", "Share of the old second moment that is kept");
        const EPSILON: (&str, &str) = ("ε", "Avoids division by zero");
        const DECAY: (&str, &str) = ("Weight decay", "Pulls every weight towards zero, apart from the gradient");
        let named: Vec<((&str, &str), &mut f32)> = match self {
            Self::Sgd {} | Self::Lbfgs {} => vec![],
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
            | Self::Rprop { .. }
            | Self::Lbfgs {} => 2,
        }
    }

    /// Numbers that it remembers for each parameter: running averages, and for L-BFGS its last steps with their changes.
    pub fn remembered(self) -> usize {
        self.slots() + if self.takes_all() { 2 * MEMORY } else { 0 }
    }

    /// Whether it needs the gradient of the whole training part for one update.
    pub fn takes_all(self) -> bool {
        matches!(self, Self::Lbfgs {})
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
    /// Largest allowed size of each number of it, which acts first.
    pub clip_value: Option<f32>,
}

impl UpdateRule {
    /// The optimizer and its learning rate, with nothing else.
    pub fn new(optimizer: Optimizer, learning_rate: f32) -> Self {
        Self { optimizer, learning_rate, l1: 0.0, l2: 0.0, clip_norm: None, clip_value: None }
    }
}

/// The running averages of an optimizer, one number a parameter and slot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimizerState<T> {
    /// Velocity, mean square, first moment, or (L-BFGS) the gradient before.
    pub first: Vec<T>,
    /// Second moment, or (L-BFGS) the direction of the last step.
    pub second: Vec<T>,
    /// Updates made.
    pub steps: u64,
    /// L-BFGS: what it knows of the curvature.
    pub curvature: Curvature<T>,
    /// NAdam: its constants, the product of all μ so far, and up to which update. Follows from the number of updates.
    product: ((f64, f64), f64, u64),
}

/// Steps and the changes of the gradient that they made, the oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curvature<T> {
    pub steps: Vec<Vec<T>>,
    pub changes: Vec<Vec<T>>,
    /// How many of these are in use.
    pub known: usize,
    /// The size of the last step along its direction.
    pub size: f64,
}

/// Steps that L-BFGS remembers.
pub const MEMORY: usize = 10;

impl<T: Real> OptimizerState<T> {
    /// Fresh averages for `parameters` numbers.
    pub fn new(optimizer: Optimizer, parameters: usize) -> Self {
        let slot = |used: bool| if used { vec![T::ZERO; parameters] } else { Vec::new() };
        let (first, second) = (slot(optimizer.slots() > 0), slot(optimizer.slots() > 1));
        let pairs = || (0..if optimizer.takes_all() { MEMORY } else { 0 }).map(|_| slot(true)).collect();
        let curvature = Curvature { steps: pairs(), changes: pairs(), known: 0, size: 0.0 };
        Self { first, second, steps: 0, curvature, product: Default::default() }
    }

    /// The same in numbers of another type.
    pub fn cast<U: Real>(&self) -> OptimizerState<U> {
        let all = |values: &[T]| values.iter().map(|v| U::from_f64(v.to_f64())).collect();
        let curvature = Curvature {
            steps: self.curvature.steps.iter().map(|v| all(v)).collect(),
            changes: self.curvature.changes.iter().map(|v| all(v)).collect(),
            known: self.curvature.known,
            size: self.curvature.size,
        };
        let (first, second) = (all(&self.first), all(&self.second));
        OptimizerState { first, second, steps: self.steps, curvature, product: self.product }
    }

    /// Moves `params` along `grads`, group by group; only groups that are decayed (the weights) are regularised.
    pub fn update(&mut self, rule: &UpdateRule, params: &mut [T], grads: &mut [T], groups: &[Group]) {
        self.steps += 1;
        if let Some(limit) = rule.clip_value {
            update::limit(grads, real(limit));
        }
        if let Some(limit) = rule.clip_norm {
            let norm = update::square_sum(grads).sqrt();
            if norm > f64::from(limit) {
                update::scale(grads, T::from_f64(f64::from(limit) / norm));
            }
        }
        if rule.l1 != 0.0 || rule.l2 != 0.0 {
            for group in groups.iter().filter(|g| g.decayed) {
                let own = group.range.clone();
                update::regularise(&params[own.clone()], &mut grads[own], real(rule.l1), real(rule.l2));
            }
        }
        let momenta = match rule.optimizer {
            Optimizer::Nadam { beta1, momentum_decay, .. } => self.momenta(beta1, momentum_decay),
            Optimizer::Lbfgs {} => {
                self.newton(rule, params, grads, groups);
                return;
            }
            _ => Momenta::default(),
        };
        // Neighbouring groups that the rule treats alike are one.
        let decays = matches!(rule.optimizer, Optimizer::AdamW { .. } | Optimizer::Lion { .. });
        let mut at = 0;
        while let Some(first) = groups.get(at) {
            let alike =
                groups[at..].iter().take_while(|g| g.rate == first.rate && !(decays && g.decayed != first.decayed));
            let count = alike.count();
            let range = first.range.start..groups[at + count - 1].range.end;
            let rule = UpdateRule { learning_rate: rule.learning_rate * first.rate, ..*rule };
            self.move_along(&rule, &mut params[range.clone()], &grads[range.clone()], range, first.decayed, momenta);
            at += count;
        }
    }

    /// One step of the rule for some neighbouring parameters, which lie at `range` in the state.
    fn move_along(
        &mut self,
        rule: &UpdateRule,
        params: &mut [T],
        grads: &[T],
        range: Range<usize>,
        decayed: bool,
        momenta: Momenta,
    ) {
        let lr: T = real(rule.learning_rate);
        let steps = self.steps;
        let first = self.first.get_mut(range.clone()).unwrap_or_default();
        let second = self.second.get_mut(range).unwrap_or_default();
        let decay = |params: &mut [T], by: f32| {
            if decayed {
                update::scale(params, T::from_f64(1.0 - f64::from(rule.learning_rate) * f64::from(by)));
            }
        };
        match rule.optimizer {
            Optimizer::Sgd {} | Optimizer::Lbfgs {} => update::sgd(params, grads, lr),
            Optimizer::Momentum { momentum } => update::momentum(params, grads, first, lr, real(momentum)),
            Optimizer::Nesterov { momentum } => update::nesterov(params, grads, first, lr, real(momentum)),
            Optimizer::Rmsprop { decay, epsilon } => {
                update::rmsprop(params, grads, first, lr, real(decay), real(epsilon));
            }
            Optimizer::Adam { beta1, beta2, epsilon } => {
                adam(params, grads, [first, second], rule, steps, (beta1, beta2), epsilon);
            }
            Optimizer::AdamW { beta1, beta2, epsilon, weight_decay } => {
                decay(params, weight_decay);
                adam(params, grads, [first, second], rule, steps, (beta1, beta2), epsilon);
            }
            Optimizer::Adagrad { epsilon } => update::adagrad(params, grads, first, lr, real(epsilon)),
            Optimizer::Adadelta { decay, epsilon } => {
                update::adadelta(params, grads, first, second, lr, real(decay), real(epsilon));
            }
            Optimizer::Nadam { beta1, beta2, epsilon, .. } => {
                nadam(params, grads, [first, second], rule, steps, (beta1, beta2), epsilon, momenta);
            }
            Optimizer::Radam { beta1, beta2, epsilon } => {
                radam(params, grads, [first, second], rule, steps, (beta1, beta2), epsilon);
            }
            Optimizer::Lion { beta1, beta2, weight_decay } => {
                decay(params, weight_decay);
                update::lion(params, grads, first, lr, real(beta1), real(beta2));
            }
            Optimizer::Rprop { shrink, grow } => {
                // Steps are never zero but at the beginning.
                if second.first() == Some(&T::ZERO) {
                    second.fill(lr);
                }
                update::rprop(params, grads, first, second, real(shrink), real(grow));
            }
        }
    }

    /// L-BFGS by the two-loop recursion (Nocedal & Wright 2006, algorithm 7.4), with the conventions of PyTorch's: the first
    /// step is at most 1 long (by the sum of the sizes of the gradient), and steps that curve downwards are not remembered.
    fn newton(&mut self, rule: &UpdateRule, params: &mut [T], grads: &[T], groups: &[Group]) {
        let rate = f64::from(rule.learning_rate);
        let Self { first: before, second: direction, curvature, steps, .. } = self;
        let mut scale = 1.0;
        if *steps > 1 {
            // The oldest pair makes room, but only for a pair that is worth remembering.
            let at = curvature.known.min(MEMORY - 1);
            let full = curvature.known == MEMORY;
            if full {
                curvature.steps.rotate_left(1);
                curvature.changes.rotate_left(1);
            }
            let (step, change) = (&mut curvature.steps[at], &mut curvature.changes[at]);
            let size = T::from_f64(curvature.size);
            let mut bent = 0.0;
            for (k, change_of) in grads.iter().zip(before.iter()).map(|(&g, &b)| g - b).enumerate() {
                bent += change_of.to_f64() * (direction[k] * size).to_f64();
            }
            if bent > 1e-10 {
                for k in 0..grads.len() {
                    (step[k], change[k]) = (direction[k] * size, grads[k] - before[k]);
                }
                curvature.known = at + 1;
            } else if full {
                curvature.steps.rotate_right(1);
                curvature.changes.rotate_right(1);
            }
            if let Some(last) = curvature.known.checked_sub(1) {
                let (s, y) = (&curvature.steps[last], &curvature.changes[last]);
                scale = update::dot(s, y) / update::square_sum(y);
            }
        }
        direction.iter_mut().zip(grads).for_each(|(d, &g)| *d = -g);
        let mut weights = [0.0; MEMORY];
        let pairs = || curvature.steps.iter().zip(&curvature.changes).take(curvature.known).enumerate();
        for (k, (s, y)) in pairs().rev() {
            weights[k] = update::dot(s, direction) / update::dot(s, y);
            update::add(direction, y, T::from_f64(-weights[k]));
        }
        if *steps > 1 {
            update::scale(direction, T::from_f64(scale));
        }
        for (k, (s, y)) in pairs() {
            let back = update::dot(y, direction) / update::dot(s, y);
            update::add(direction, s, T::from_f64(weights[k] - back));
        }
        before.copy_from_slice(grads);
        let reach: f64 = grads.iter().map(|g| g.abs().to_f64()).sum();
        curvature.size = if *steps == 1 { rate * (1.0 / reach).min(1.0) } else { rate };
        // A direction that does not lead down any more means that it is done.
        if update::dot(grads, direction) > -1e-9 {
            curvature.size = 0.0;
        }
        for group in groups {
            let own = group.range.clone();
            update::add(&mut params[own.clone()], &direction[own], T::from_f64(curvature.size * f64::from(group.rate)));
        }
    }

    /// As in PyTorch: μₜ = β₁ (1 − ½ · 0.96^(t ψ)), and the products of all μ so far correct the bias.
    fn momenta(&mut self, beta1: f32, momentum_decay: f32) -> Momenta {
        let (beta, psi) = (f64::from(beta1), f64::from(momentum_decay));
        let mu = |t: u64| beta * (1.0 - 0.5 * 0.96_f64.powf(t as f64 * psi));
        let (constants, product, t) = self.product;
        let known = constants == (beta, psi) && t + 1 == self.steps;
        // After a change of constants, or when a run goes on, all of them are multiplied anew, once.
        let product = if known { product * mu(self.steps) } else { (1..=self.steps).map(mu).product() };
        self.product = ((beta, psi), product, self.steps);
        Momenta { now: mu(self.steps), next: mu(self.steps + 1), product }
    }
}

/// NAdam: μ of this update and of the next, and the product of all up to this one.
#[derive(Clone, Copy, Default)]
struct Momenta {
    now: f64,
    next: f64,
    product: f64,
}

fn nadam<T: Real>(
    params: &mut [T],
    grads: &[T],
    [first, second]: [&mut [T]; 2],
    rule: &UpdateRule,
    steps: u64,
    (beta1, beta2): (f32, f32),
    epsilon: f32,
    Momenta { now, next, product }: Momenta,
) {
    let rate = f64::from(rule.learning_rate);
    let correct = 1.0 - f64::from(beta2).powf(steps as f64);
    let shares = [rate * (1.0 - now) / (1.0 - product), rate * next / (1.0 - product * next)].map(T::from_f64);
    let (root, epsilon) = (T::from_f64(1.0 / correct.sqrt()), real(epsilon));
    update::nadam(params, grads, first, second, [beta1, beta2].map(real), shares, root, epsilon);
}

fn radam<T: Real>(
    params: &mut [T],
    grads: &[T],
    [first, second]: [&mut [T]; 2],
    rule: &UpdateRule,
    steps: u64,
    (beta1, beta2): (f32, f32),
    epsilon: f32,
) {
    let t = steps as f64;
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
    update::adam(params, grads, first, second, betas, step, root, epsilon);
}

fn adam<T: Real>(
    params: &mut [T],
    grads: &[T],
    [first, second]: [&mut [T]; 2],
    rule: &UpdateRule,
    steps: u64,
    (beta1, beta2): (f32, f32),
    epsilon: f32,
) {
    let correct = |beta: f32| 1.0 - f64::from(beta).powf(steps as f64);
    let step = T::from_f64(f64::from(rule.learning_rate) / correct(beta1));
    let root = T::from_f64(1.0 / correct(beta2).sqrt());
    update::adam(params, grads, first, second, [beta1, beta2].map(real), step, root, real(epsilon));
}

fn real<T: Real>(value: f32) -> T {
    T::from_f64(f64::from(value))
}
