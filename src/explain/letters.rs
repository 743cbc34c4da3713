//! One letter for one number: x for a feature; z and a, with the number of their layer above, for what a layer computes.

use super::Trace;
use crate::nn::LayerId;
use crate::nn::math::{Math, indexed, power, subscript};

impl Trace<f32> {
    /// The number of a layer as it stands above z and a, counted from 1 in computing order; none for those that only let
    /// features in.
    pub fn layer_number(&self, layer: LayerId) -> Option<usize> {
        let mut seen: Vec<LayerId> = Vec::new();
        for node in (0..self.plan.nodes.len()).filter(|&node| !self.holds_features(node)) {
            let own = self.plan.nodes[node].layer;
            if !seen.contains(&own) {
                seen.push(own);
            }
            if own == layer {
                return Some(seen.len());
            }
        }
        None
    }

    /// Whether a node holds features as they come in.
    pub(super) fn holds_features(&self, node: usize) -> bool {
        let node = &self.plan.nodes[node];
        node.inputs.is_empty() || self.spec.layer(node.layer).is_some_and(|l| l.kind.is_input())
    }

    /// What a number of a node is called, with the index that is given: x₂, z⁽¹⁾₃, a⁽²⁾₁.
    pub(super) fn letter(&self, node: usize, index: impl Into<String>) -> Math {
        let layer = self.plan.nodes[node].layer;
        let Some(number) = self.layer_number(layer).filter(|_| !self.holds_features(node)) else {
            return indexed("x", index);
        };
        let is_sum = self.plan.layer_nodes.get(&layer).is_some_and(|&(z, a)| z == node && z != a);
        raised(indexed(if is_sum { "z" } else { "a" }, index), number)
    }

    /// The same of a unit.
    pub(super) fn letter_of(&self, node: usize, unit: usize) -> Math {
        self.letter(node, subscript(unit))
    }

    /// A layer's own formula among those of all layers: z and a have its number, and x is what the layer before it gives, unless
    /// that are features. Where several layers come in, x stays the name of what they give.
    pub(super) fn in_layer(&self, math: &Math, node: usize) -> Math {
        let Some(number) = self.layer_number(self.plan.nodes[node].layer) else { return math.clone() };
        let again = |inner: &Math| Box::new(self.in_layer(inner, node));
        match math {
            Math::Below(base, index) => match (base.as_ref(), self.plan.nodes[node].inputs.as_slice()) {
                (Math::Symbol(letter), _) if letter == "z" || letter == "a" => raised(math.clone(), number),
                (Math::Symbol(letter), &[input]) if letter == "x" && !self.holds_features(input) => {
                    self.letter(input, index.plain())
                }
                _ => Math::Below(again(base), again(index)),
            },
            Math::Above(base, exponent) => Math::Above(again(base), exponent.clone()),
            Math::Fraction(over, under) => Math::Fraction(again(over), again(under)),
            Math::Root(of) => Math::Root(again(of)),
            Math::Row(parts) => Math::Row(parts.iter().map(|part| self.in_layer(part, node)).collect()),
            Math::Symbol(_) | Math::Text(_) | Math::Number { .. } | Math::Sum(_) => math.clone(),
        }
    }
}

fn raised(math: Math, layer: usize) -> Math {
    power(math, &format!("({layer})"))
}
