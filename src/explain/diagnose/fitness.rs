//! Whether data and network suit each other: scales of the inputs, what the output can reach, how common the classes are.

use super::{Case, Finding, Issue};
use crate::data::{EncodingKind, Part, PreparationFix, Targets};
use crate::explain::Fix;
use crate::format;
use crate::nn::layers::ClassWeights;
use crate::nn::{Activation, Link, NetworkFix};

impl Case<'_> {
    pub(super) fn unscaled_inputs(&self) -> Option<Finding> {
        let mut at = 0;
        let mut columns = Vec::new();
        let mut example = String::new();
        let rows = self.data.part(Part::Train);
        for encoding in &self.data.encoder.features {
            let own = at..at + encoding.width();
            at = own.end;
            if !matches!(encoding.kind, EncodingKind::Linear(_)) {
                continue;
            }
            for k in own {
                let of = || rows.iter().map(|&r| f64::from(self.data.x[[r as usize, k]]));
                let count = rows.len().max(1) as f64;
                let mean = of().sum::<f64>() / count;
                let deviation = (of().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
                if deviation > 10.0 || mean.abs() > 10.0 {
                    if columns.is_empty() {
                        example = format!(
                            "{} has a mean of {} and a deviation of {}",
                            encoding.column,
                            format::number(mean),
                            format::number(deviation)
                        );
                    }
                    columns.push(encoding.column.clone());
                }
            }
        }
        (!columns.is_empty()).then(|| {
            let more = if columns.len() > 1 { format!(", and {} more columns are like it", columns.len() - 1) } else { String::new() };
            let evidence = format!("{example}{more}. Large inputs make large sums, which saturate units and make one learning rate wrong for all.");
            Self::finding(Issue::UnscaledInputs, evidence, Fix::from(PreparationFix::Standardise(columns)))
        })
    }

    pub(super) fn wrong_output(&self) -> Option<Finding> {
        for (head, own) in self.trace.plan.heads.iter().zip(&self.trace.heads) {
            let node = &self.trace.plan.nodes[head.node];
            // What does not fit a cross-entropy is refused before training.
            let Some(f) = node.operation.activation() else { continue };
            if head.loss.link() != Link::Identity {
                continue;
            }
            let name = self.trace.spec.name(node.layer);
            let layers = vec![node.layer];
            let fix = Fix::from(NetworkFix::UseActivation { layers, activation: Activation::Identity });
            let (low, high) = match f {
                Activation::Sigmoid | Activation::HardSigmoid | Activation::Softmax => (0.0, 1.0),
                Activation::Tanh | Activation::HardTanh | Activation::Softsign => (-1.0, 1.0),
                Activation::Relu | Activation::Softplus => (0.0, f32::INFINITY),
                _ => continue,
            };
            let outside = own.target.iter().filter(|t| **t < low - 1e-3 || **t > high + 1e-3).count();
            if outside * 50 > own.target.len() {
                let evidence = format!(
                    "{} of the targets lie outside of what {name} can put out with {}.",
                    format::percent(outside as f64 / own.target.len() as f64, 0),
                    f.label()
                );
                return Some(Self::finding(Issue::WrongOutput, evidence, fix));
            }
        }
        None
    }

    pub(super) fn imbalanced(&self) -> Option<Finding> {
        let Targets::Classes { names, labels } = self.data.target() else { return None };
        let head = self.trace.plan.head();
        if head.class_weights != ClassWeights::Equal || self.data.weights.is_some() {
            return None;
        }
        let mut counts = vec![0_usize; names.len()];
        self.data.part(Part::Train).iter().for_each(|&r| counts[labels[r as usize] as usize] += 1);
        let present = || counts.iter().enumerate().filter(|(_, c)| **c > 0);
        let (rare, few) = present().min_by_key(|(_, c)| **c)?;
        let (common, many) = present().max_by_key(|(_, c)| **c)?;
        (*many >= 10 * few).then(|| {
            let evidence = format!(
                "{many} training rows are {} but only {few} are {}: always saying {} would already look good.",
                names[common], names[rare], names[common]
            );
            Self::finding(
                Issue::ImbalancedClasses,
                evidence,
                Fix::from(NetworkFix::BalanceClasses { layer: head.layer }),
            )
        })
    }
}
