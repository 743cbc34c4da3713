//! What single units and the gradients between layers say: dead and saturated units, vanishing and exploding gradients.

use super::dead::{Dead, FEW, activations, dead_layers};
use super::{Case, Finding, Issue};
use crate::explain::Fix;
use crate::format;
use crate::nn::{Activation, LayerId, NetworkFix};
use crate::train::TrainingFix;

impl Case<'_> {
    /// The layer with the largest share of dead units, how many of them were dead before training, and whether the steps of
    /// training have made them so.
    pub(super) fn died(&self) -> Option<(Dead, Option<usize>)> {
        let share = |d: &Dead| d.count as f64 / d.units as f64;
        let worst = dead_layers(self.trace).into_iter().filter(Dead::is_most);
        let worst = worst.max_by(|a, b| share(a).total_cmp(&share(b)))?;
        let before = self.initial.filter(|_| self.trace.steps > 0).map(dead_layers);
        let before = before.and_then(|all| all.into_iter().find(|d| d.layer == worst.layer)).map(|d| d.count);
        Some((worst, before))
    }

    pub(super) fn dead_units(&self) -> Option<Finding> {
        let (Dead { layer, count, units }, before) = self.died()?;
        let rate = format::learning_rate(self.training.learning_rate);
        let cause = match before {
            Some(before) if 2 * before <= count => format!(
                " Before training it was {before} of {units}: the learning rate η = {rate} is the likely cause, with steps so long that they carried the sums of these units below 0."
            ),
            Some(_) => {
                " Most were so before training: their initial weights and biases, or their inputs, are the cause."
                    .to_owned()
            }
            None => String::new(),
        };
        let evidence = format!(
            "{count} of {units} units of {} output 0 for all of {} rows: no gradient comes back through them, so they cannot recover.{cause}",
            self.trace.spec.name(layer),
            self.trace.rows.len()
        );
        let layers = activations(self.trace, |f| f == Activation::Relu).into_iter().map(|(layer, ..)| layer).collect();
        let fix = NetworkFix::UseActivation { layers, activation: Activation::LeakyRelu };
        Some(Self::finding(Issue::DeadUnits, evidence, Fix::from(fix)))
    }

    pub(super) fn saturated(&self) -> Option<Finding> {
        if self.learned() || self.trace.rows.len() < FEW {
            return None;
        }
        let squeezes =
            |f| matches!(f, Activation::Sigmoid | Activation::Tanh | Activation::HardSigmoid | Activation::HardTanh);
        let ends: Vec<usize> = self.trace.plan.heads.iter().map(|h| h.node).collect();
        let mut found = Vec::new();
        for (layer, z, a, f) in activations(self.trace, squeezes) {
            if ends.contains(&a) || ends.contains(&z) {
                continue;
            }
            let steepest = f.slope_at(0.0, f.at(0.0));
            let pairs = self.trace.values[z].iter().zip(self.trace.values[a].iter());
            let flat = pairs.filter(|(z, a)| f.slope_at(f64::from(**z), f64::from(**a)) < 0.1 * steepest).count();
            let share = flat as f64 / self.trace.values[a].len().max(1) as f64;
            if share > 0.6 {
                found.push((share, layer));
            }
        }
        let (share, layer) = *found.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
        let evidence = format!(
            "{} of the values of {} lie where its function is nearly flat, so that less than a tenth of the gradient gets through.",
            format::percent(share, 0),
            self.trace.spec.name(layer)
        );
        let layers = found.into_iter().map(|(_, layer)| layer).collect();
        Some(Self::finding(Issue::Saturated, evidence, Fix::from(NetworkFix::SmallerWeights { layers })))
    }

    /// Size of ∂L/∂z of each layer that weighs, in computing order.
    pub(super) fn gradient_sizes(&self) -> Vec<(LayerId, f64)> {
        let nodes = self.trace.plan.nodes.iter().enumerate().filter(|(_, n)| n.operation.weighs());
        let size = |i: usize| {
            let grads = self.trace.grads[i].as_ref()?;
            let sum: f64 = grads.iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
            Some((sum / grads.len() as f64).sqrt())
        };
        nodes.filter_map(|(i, n)| Some((n.layer, size(i)?))).collect()
    }

    pub(super) fn vanishing(&self) -> Option<Finding> {
        let sizes = self.gradient_sizes();
        let (&(first, low), &(last, high)) = (sizes.first()?, sizes.last()?);
        // Dead units let nothing through: that is what is found then. A network that has learned needs no gradient.
        if low.is_nan() || low >= 1e-3 * high || self.died().is_some() || self.learned() {
            return None;
        }
        let squeezes =
            |f| matches!(f, Activation::Sigmoid | Activation::Tanh | Activation::HardSigmoid | Activation::HardTanh);
        let ends: Vec<usize> = self.trace.plan.heads.iter().map(|h| h.node).collect();
        let inner =
            activations(self.trace, squeezes).into_iter().filter(|(_, z, a, _)| !ends.contains(a) && !ends.contains(z));
        let layers: Vec<LayerId> = inner.map(|(layer, ..)| layer).collect();
        let (first, last) = (self.trace.spec.name(first), self.trace.spec.name(last));
        let evidence = if low == 0.0 {
            format!(
                "No gradient reaches {first}, though one of {} stands at {last}: the layers between them multiply it by slopes that are 0, or so small that nothing is left of it.",
                format::number(high)
            )
        } else {
            format!(
                "The gradient that reaches {first} is {} of that at {last}: the layers between them multiply it by small slopes.",
                format::small_percent(low / high, 4)
            )
        };
        let fix: Option<Fix> =
            (!layers.is_empty()).then_some(NetworkFix::UseActivation { layers, activation: Activation::Relu }.into());
        Some(Self::finding(Issue::VanishingGradients, evidence, fix))
    }

    pub(super) fn exploding(&self) -> Option<Finding> {
        let sizes = self.gradient_sizes();
        let (&(first, high), &(last, low)) = (sizes.first()?, sizes.last()?);
        (low > 0.0 && high > 1e3 * low && high.is_finite()).then(|| {
            let evidence = format!(
                "The gradient that reaches {} is {} times that at {}: large weights multiply it from layer to layer.",
                self.trace.spec.name(first),
                format::number((high / low).round()),
                self.trace.spec.name(last)
            );
            Self::finding(Issue::ExplodingGradients, evidence, Fix::from(TrainingFix::ClipByNorm))
        })
    }
}
