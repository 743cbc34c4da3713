//! Which weights, inputs and outputs meet in a weighted sum, one by one: what explanations follow. Training does not use it.

use super::layers::OperationPlan;

/// One product of a weighted sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// Place in the flat vector of parameters.
    pub weight: usize,
    /// Number of the operation's input.
    pub input: usize,
    /// Number of the operation's output.
    pub output: usize,
}

impl OperationPlan {
    /// Whether it is a weighted sum of its input.
    pub fn weighs(&self) -> bool {
        matches!(self, Self::Linear { .. } | Self::StepLinear { .. } | Self::Convolve { .. })
    }

    /// The products that add up to one output; none where it is no weighted sum.
    pub fn products_into(&self, output: usize) -> Vec<Product> {
        let link = |weight, input| Product { weight, input, output };
        match self {
            Self::Linear { weight, inputs, outputs, .. } | Self::StepLinear { weight, inputs, outputs, .. } => {
                let (step, unit) = (output / outputs, output % outputs);
                (0..*inputs).map(|i| link(weight.start + i * outputs + unit, step * inputs + i)).collect()
            }
            Self::Convolve { convolution: c, weight, transposed, .. } => {
                let pairs = if *transposed { c.products_from(output) } else { c.products_into(output) };
                pairs.into_iter().map(|(w, input)| link(weight.start + w, input)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The products that one input goes into.
    pub fn products_from(&self, input: usize) -> Vec<Product> {
        let link = |weight, output| Product { weight, input, output };
        match self {
            Self::Linear { weight, inputs, outputs, .. } | Self::StepLinear { weight, inputs, outputs, .. } => {
                let (step, feature) = (input / inputs, input % inputs);
                (0..*outputs).map(|o| link(weight.start + feature * outputs + o, step * outputs + o)).collect()
            }
            Self::Convolve { convolution: c, weight, transposed, .. } => {
                let pairs = if *transposed { c.products_into(input) } else { c.products_from(input) };
                pairs.into_iter().map(|(w, output)| link(weight.start + w, output)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The products of one weight in a sample: one of a dense layer, one a step or a place where weights are shared.
    /// `units` is how many numbers the operation puts out.
    pub fn products_of(&self, weight: usize, units: usize) -> Vec<Product> {
        let inside = |range: &std::ops::Range<usize>| range.contains(&weight).then(|| weight - range.start);
        match self {
            Self::Linear { weight: own, inputs, outputs, .. }
            | Self::StepLinear { weight: own, inputs, outputs, .. } => {
                let Some(at) = inside(own) else { return Vec::new() };
                let (input, output) = (at / outputs, at % outputs);
                let steps = 0..units / outputs;
                steps.map(|t| Product { weight, input: t * inputs + input, output: t * outputs + output }).collect()
            }
            Self::Convolve { convolution, weight: own, transposed, .. } => {
                let Some(at) = inside(own) else { return Vec::new() };
                let pairs = convolution.products_of(at).into_iter();
                let turned = |(a, b)| if *transposed { (b, a) } else { (a, b) };
                pairs.map(turned).map(|(input, output)| Product { weight, input, output }).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Place of the bias that is added to one output of `units`.
    pub fn bias_of(&self, output: usize, units: usize) -> Option<usize> {
        let (bias, channels) = match self {
            Self::Linear { bias, outputs, .. } => (bias, *outputs),
            Self::StepLinear { bias, outputs, .. } => {
                return (!bias.is_empty()).then(|| bias.start + output % outputs);
            }
            Self::Convolve { convolution: c, bias, transposed, .. } => {
                (bias, if *transposed { c.inputs } else { c.outputs })
            }
            _ => return None,
        };
        (!bias.is_empty()).then(|| bias.start + output / (units / channels))
    }
}
