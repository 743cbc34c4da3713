//! The chain rule spelled out for one weight: the gradient is a sum over paths, and the factors are those of the path from the
//! loss down to it that matters most.

use super::{OneSample, Trace};
use crate::nn::math::{Math, Place, partial, symbol};
use crate::nn::{LayerId, Local, Node};

/// One local derivative.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    pub symbols: Math,
    pub value: f64,
    /// What it is, in a few words: "slope of tanh".
    pub name: String,
    /// The layer that it belongs to.
    pub layer: LayerId,
    pub place: Option<Place>,
    /// Where the gradient nearly vanishes or explodes, and by this factor.
    pub culprit: Option<Culprit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Culprit {
    Vanishes,
    Explodes,
}

/// Factors from the loss to a weight, for one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    pub layer: LayerId,
    /// The weight, by its place in the flat vector.
    pub index: usize,
    /// What the product of the factors is the gradient of.
    pub symbols: Math,
    pub factors: Vec<Factor>,
    /// Product of the factors: the part of the gradient that comes along this path.
    pub product: f64,
    /// The whole gradient for this sample, and over all samples of the trace.
    pub of_sample: f64,
    pub total: f64,
    /// Ways from the weight to the loss; this is one of them.
    pub ways: u64,
}

/// A product of slopes and weights smaller than this is called vanishing, a larger one than its inverse exploding.
const VANISHING: f64 = 1e-2;

/// The chain of one parameter; none where it belongs to no weighted sum, or no gradient reaches it.
pub fn chain(trace: &Trace<f32>, index: usize, sample: usize) -> Option<Chain> {
    let plan = &trace.plan;
    let parameter = trace.parameter(index)?;
    let weighs = |n: &Node| n.layer == parameter.layer && n.operation.weighs();
    let node = plan.nodes.iter().position(weighs)?;
    let operation = &plan.nodes[node].operation;
    let grads = trace.grads[node].as_ref()?;
    let grad = |unit: usize| f64::from(grads[[unit, sample]]);
    let input = plan.nodes[node].inputs[0];
    let value = |node: usize, unit: usize| f64::from(trace.values[node][[unit, sample]]);
    let products = operation.products_of(index, plan.nodes[node].units);
    // A bias meets the constant 1 in every place that it is added to.
    let biased: Vec<usize> = if products.is_empty() {
        (0..plan.nodes[node].units).filter(|&u| operation.bias_of(u, plan.nodes[node].units) == Some(index)).collect()
    } else {
        Vec::new()
    };
    let meets: Vec<(f64, Option<usize>, usize)> = products
        .iter()
        .map(|p| (value(input, p.input), Some(p.input), p.output))
        .chain(biased.into_iter().map(|u| (1.0, None, u)))
        .collect();
    let of_sample = meets.iter().map(|&(x, _, u)| x * grad(u)).sum();
    let &(x, from, unit) = meets.iter().max_by(|a, b| (a.0 * grad(a.2)).abs().total_cmp(&(b.0 * grad(b.2)).abs()))?;

    let weight = parameter.shape.symbol(index - parameter.range.start);
    let mut walk = Walk { trace, sample, factors: Vec::new(), ways: meets.len() as u64 };
    walk.factors.push(Factor {
        symbols: partial(trace.letter_of(node, unit), weight.clone()),
        value: x,
        name: match from {
            None => "bias".to_owned(),
            Some(feature) if trace.holds_features(input) => trace.feature(feature),
            Some(_) => "input".to_owned(),
        },
        layer: parameter.layer,
        place: from.map(|unit| Place::Activation { layer: plan.nodes[input].layer, unit }),
        culprit: None,
    });
    walk.climb(node, unit);
    let Walk { mut factors, ways, .. } = walk;
    factors.reverse();
    mark(&mut factors);
    let product = factors.iter().map(|f| f.value).product();
    let total = f64::from(trace.gradient[index]);
    let symbols = partial(symbol("L"), weight);
    Some(Chain { layer: parameter.layer, index, symbols, factors, product, of_sample, total, ways })
}

struct Walk<'a> {
    trace: &'a Trace<f32>,
    sample: usize,
    /// From the weight upwards.
    factors: Vec<Factor>,
    ways: u64,
}

/// A step from one number to one that depends on it, which node `node` puts out.
struct Step {
    node: usize,
    local: Local,
}

impl Chain {
    /// The share of the row's gradient that comes along this path; none where there is no other, or no gradient.
    pub fn share(&self) -> Option<f64> {
        (self.ways > 1 && self.of_sample != 0.0).then(|| self.product / self.of_sample)
    }
}

impl Walk<'_> {
    fn grad(&self, node: usize, unit: usize) -> f64 {
        self.trace.grads[node].as_ref().map_or(0.0, |g| f64::from(g[[unit, self.sample]]))
    }

    /// Follows the strongest way until the loss. A layer whose inside is more than products is passed in one factor.
    fn climb(&mut self, mut node: usize, mut unit: usize) {
        let plan = &self.trace.plan;
        loop {
            let layer = plan.nodes[node].layer;
            let own = self.symbol(node, unit);
            let here = self.grad(node, unit);
            let place = match plan.layer_nodes.get(&layer) {
                Some(&(z, a)) if z == node && z != a => Place::SumGradient { layer, unit },
                _ => Place::ActivationGradient { layer, unit },
            };
            let last = |name: &str| Factor {
                symbols: partial(symbol("L"), own.clone()),
                value: here,
                name: name.to_owned(),
                layer,
                place: Some(place),
                culprit: None,
            };
            if plan.heads.iter().any(|h| h.node == node) {
                self.factors.push(last("∂L/∂y"));
                return;
            }
            let (steps, whole) = self.steps(node, unit);
            if !whole {
                let Some((reader, to)) = self.strongest(node) else {
                    self.factors.push(last("all later layers"));
                    return;
                };
                // All ways through it together: what arrives here for each part of what arrives at its strongest number.
                self.factors.push(Factor {
                    symbols: partial(self.symbol(reader, to), own),
                    value: here / self.grad(reader, to),
                    name: "all paths".to_owned(),
                    layer: plan.nodes[reader].layer,
                    place: None,
                    culprit: None,
                });
                (node, unit) = (reader, to);
                continue;
            }
            let weight = |s: &Step| (s.local.derivative * self.grad(s.node, s.local.unit)).abs();
            let Some(Step { node: next, local }) = steps.iter().max_by(|a, b| weight(a).total_cmp(&weight(b))) else {
                self.factors.push(last("no later layer"));
                return;
            };
            self.ways = self.ways.saturating_mul(steps.len() as u64);
            // Numbers that are only passed on make no factor.
            if !local.name.is_empty() {
                self.factors.push(Factor {
                    symbols: partial(self.symbol(*next, local.unit), own),
                    value: local.derivative,
                    name: local.name.clone(),
                    layer: plan.nodes[*next].layer,
                    place: local.place,
                    culprit: None,
                });
            }
            (node, unit) = (*next, local.unit);
        }
    }

    /// The number with the largest gradient that a node goes into; none where nothing comes back.
    fn strongest(&self, node: usize) -> Option<(usize, usize)> {
        let nodes = self.trace.plan.nodes.iter().enumerate();
        let readers = nodes.filter(|(r, n)| n.inputs.contains(&node) && self.trace.grads[*r].is_some());
        let numbers = readers.flat_map(|(r, n)| (0..n.units).map(move |u| (r, u)));
        let size = |&(r, u): &(usize, usize)| self.grad(r, u).abs();
        numbers.filter(|at| size(at) > 0.0).max_by(|a, b| size(a).total_cmp(&size(b)))
    }

    fn symbol(&self, node: usize, unit: usize) -> Math {
        self.trace.letter_of(node, unit)
    }

    /// What one number goes into; false where a reader is more than products of single numbers.
    fn steps(&self, node: usize, unit: usize) -> (Vec<Step>, bool) {
        let recorded = OneSample { trace: self.trace, sample: self.sample };
        let mut steps = Vec::new();
        for (r, reader) in self.trace.plan.nodes.iter().enumerate() {
            if !reader.inputs.contains(&node) || self.trace.grads[r].is_none() {
                continue;
            }
            let Some(locals) = reader.operation.locals(&recorded.at(r, 0), node, unit) else { return (steps, false) };
            steps.extend(locals.into_iter().map(|local| Step { node: r, local }));
        }
        (steps, true)
    }
}

/// Names the factor by which most is lost or gained, where the slopes and weights together make the gradient vanish or
/// explode.
fn mark(factors: &mut [Factor]) {
    let is_inner = |f: &Factor| f.name == "weight" || f.name.starts_with("slope");
    let inner = |f: &&mut Factor| is_inner(f);
    let product: f64 = factors.iter().filter(|f| is_inner(f)).map(|f| f.value.abs()).product();
    if product < VANISHING {
        let worst = factors.iter_mut().filter(inner).min_by(|a, b| a.value.abs().total_cmp(&b.value.abs()));
        if let Some(worst) = worst {
            worst.culprit = Some(Culprit::Vanishes);
        }
    } else if product > 1.0 / VANISHING {
        let worst = factors.iter_mut().filter(inner).max_by(|a, b| a.value.abs().total_cmp(&b.value.abs()));
        if let Some(worst) = worst {
            worst.culprit = Some(Culprit::Explodes);
        }
    }
}
