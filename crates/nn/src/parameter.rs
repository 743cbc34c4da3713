//! A parameter tensor: its shape, how it begins, and what its values are called by their own indices.

use super::init::Initialiser;
use super::layer_id::LayerId;
use super::math::{Math, indexed, symbol};
use super::sample_shape::numbers;
use std::ops::Range;

/// A parameter tensor before it is allocated.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterShape {
    pub name: &'static str,
    pub shape: Vec<usize>,
    pub fan_in: usize,
    pub fan_out: usize,
    pub initialiser: Initialiser,
    /// Whether L1, L2 and weight decay act on it (weights yes, biases no).
    pub decayed: bool,
    pub naming: Naming,
}

/// A parameter tensor and its place in the flat vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub layer: LayerId,
    pub shape: ParameterShape,
    pub range: Range<usize>,
}

/// What an axis of a parameter tensor has to do with the weighted sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its index is that of what comes out.
    Output,
    /// Its index is that of what goes in.
    Input,
    /// A place in a kernel.
    Kernel,
}

/// An axis of a parameter tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// What stands in front of its number: "row".
    pub counts: &'static str,
    /// Its index in a formula that sums over it.
    pub letter: &'static str,
    pub role: Role,
    /// The number of the first index.
    first: usize,
    /// Whether it is left out where there is only one.
    if_several: bool,
}

impl Axis {
    const fn new(counts: &'static str, letter: &'static str, role: Role) -> Self {
        Self { counts, letter, role, first: 1, if_several: false }
    }

    pub const fn input(counts: &'static str, letter: &'static str) -> Self {
        Self::new(counts, letter, Role::Input)
    }

    pub const fn output(counts: &'static str, letter: &'static str) -> Self {
        Self::new(counts, letter, Role::Output)
    }

    pub const fn kernel(counts: &'static str, letter: &'static str) -> Self {
        Self::new(counts, letter, Role::Kernel)
    }

    pub const fn if_several(self) -> Self {
        Self { if_several: true, ..self }
    }

    /// Numbers that begin with 0, as those of categories do.
    pub const fn zero_based(self) -> Self {
        Self { first: 0, ..self }
    }
}

/// One of the equal parts that lie side by side along the last axis of a tensor: the gates of a cell, for instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorPart {
    pub letter: &'static str,
    /// Stands before the other indices; may be empty.
    pub index: &'static str,
    /// "forget gate"; empty where there is only one part.
    pub words: &'static str,
}

/// What the values of a parameter tensor are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// What they are, where they are not weights: "bias".
    pub what: &'static str,
    /// One for each axis.
    pub axes: &'static [Axis],
    /// At least one.
    pub parts: Vec<TensorPart>,
}

impl Naming {
    /// Weights of one letter.
    pub fn weights(letter: &'static str, axes: &'static [Axis]) -> Self {
        Self::of(letter, "", axes)
    }

    /// Parameters of one letter that are called `what`.
    pub fn of(letter: &'static str, what: &'static str, axes: &'static [Axis]) -> Self {
        Self { what, axes, parts: vec![TensorPart { letter, index: "", words: "" }] }
    }
}

impl ParameterShape {
    /// Number of values; wide enough for shapes that would never fit.
    pub fn count(&self) -> u128 {
        numbers(1, &self.shape)
    }

    /// The part and the index along each axis of value `at`, all from 0.
    fn indices(&self, at: usize) -> (usize, Vec<usize>) {
        let mut rest = at;
        let mut indices: Vec<usize> = self
            .shape
            .iter()
            .rev()
            .map(|&n| {
                let index = rest % n.max(1);
                rest /= n.max(1);
                index
            })
            .collect();
        indices.reverse();
        let parts = self.naming.parts.len();
        let Some((last, length)) = indices.last_mut().zip(self.shape.last()) else { return (0, indices) };
        let of_part = (length / parts).max(1);
        let part = (*last / of_part).min(parts - 1);
        *last -= part * of_part;
        (part, indices)
    }

    /// The axes that are written, each with its number in the shape.
    fn axes(&self) -> impl Iterator<Item = (usize, &'static Axis)> + '_ {
        let written = |(i, axis): &(usize, &'static Axis)| !axis.if_several || self.shape.get(*i) != Some(&1);
        self.naming.axes.iter().enumerate().filter(written)
    }

    /// Value `at` of the tensor as formulas write it: its letter with its own indices, which count from 1.
    pub fn symbol(&self, at: usize) -> Math {
        self.symbol_over(at, &[])
    }

    /// The same with a letter for each axis of one of these roles, for a formula that sums over them.
    pub fn symbol_over(&self, at: usize, summed: &[Role]) -> Math {
        let (part, indices) = self.indices(at);
        let TensorPart { letter, index, .. } = self.naming.parts[part];
        let number = |(i, axis): (usize, &Axis)| match indices.get(i) {
            Some(index) if !summed.contains(&axis.role) => (index + axis.first).to_string(),
            _ => axis.letter.to_owned(),
        };
        let all: Vec<String> =
            Some(index.to_owned()).filter(|i| !i.is_empty()).into_iter().chain(self.axes().map(number)).collect();
        if all.is_empty() { symbol(letter) } else { indexed(letter, all.join(",")) }
    }

    /// The letters of all axes of these roles: "i,u,v".
    pub fn letters(&self, roles: &[Role]) -> String {
        let letters = self.axes().filter(|(_, axis)| roles.contains(&axis.role)).map(|(_, axis)| axis.letter);
        letters.collect::<Vec<_>>().join(",")
    }

    /// What the indices of its values count, in order: "filter, row, column".
    pub fn legend(&self) -> String {
        self.axes().map(|(_, axis)| axis.counts).collect::<Vec<_>>().join(", ")
    }

    /// Value `at` in words: "filter 2, channel 1, row 3, column 1", or "input 3 → unit 2".
    pub fn words(&self, at: usize) -> String {
        let (part, indices) = self.indices(at);
        let mut place: Vec<String> = Vec::new();
        let mut before = None;
        for (i, axis) in self.axes() {
            if let Some(before) = before {
                let sign = if (before, axis.role) == (Role::Input, Role::Output) { " → " } else { ", " };
                place.push(sign.to_owned());
            }
            before = Some(axis.role);
            place.push(format!("{} {}", axis.counts, indices.get(i).copied().unwrap_or(0) + axis.first));
        }
        let place = place.concat();
        match (self.naming.what, self.naming.parts[part].words) {
            ("", "") => place,
            ("", part) => format!("{part}, {place}"),
            (what, "") => format!("{what} of {place}"),
            (what, part) => format!("{what} of the {part}, {place}"),
        }
    }

    /// Whether each value is the one weight between an input and a unit.
    pub fn joins_units(&self) -> bool {
        let roles: Vec<Role> = self.naming.axes.iter().map(|axis| axis.role).collect();
        let [part] = &self.naming.parts[..] else { return false };
        self.decayed && part.words.is_empty() && roles == [Role::Input, Role::Output]
    }

    /// Whether two values belong to the same output.
    pub fn same_output(&self, a: usize, b: usize) -> bool {
        let of = |at| {
            let (part, indices) = self.indices(at);
            let outputs = self.naming.axes.iter().zip(indices).filter(|(axis, _)| axis.role == Role::Output);
            (part, outputs.map(|(_, index)| index).collect::<Vec<_>>())
        };
        of(a) == of(b)
    }
}

#[cfg(test)]
mod tests {
    use super::ParameterShape;
    use crate::layers::{
        AttentionSpec, BidirectionalSpec, Cell, Conv1dSpec, Conv2dSpec, DenseSpec, EmbeddingSpec, GatedSpec,
        LayerDefinition, PositionSpec, RecurrentSpec, palette,
    };
    use std::collections::BTreeSet;

    fn tensor(layer: &dyn LayerDefinition, input: &[usize], name: &str) -> ParameterShape {
        layer.parameters(input).into_iter().find(|p| p.name == name).expect("has such a tensor")
    }

    /// A layer, the shape of its input, one of its tensors, a place in it, and what is there in symbols and in words.
    type Case<'a> = (&'a dyn LayerDefinition, &'a [usize], &'a str, usize, &'a str, &'a str);

    #[test]
    fn a_value_is_named_by_the_indices_of_its_tensor() {
        let dense = DenseSpec { units: 3, ..DenseSpec::default() };
        let conv = Conv2dSpec { filters: 4, ..Conv2dSpec::default() };
        let transposed = Conv2dSpec { filters: 3, ..Conv2dSpec::doubling() };
        let conv1d = Conv1dSpec { filters: 4, kernel: 5, ..Conv1dSpec::default() };
        let recurrent = |cell| RecurrentSpec { units: 4, ..RecurrentSpec::of(cell) };
        let [simple, lstm, gru] = Cell::ALL.map(recurrent);
        let both = BidirectionalSpec { units: 4, ..BidirectionalSpec::default() };
        let attention = AttentionSpec::default();
        let gated = GatedSpec { units: 3, ..GatedSpec::default() };
        let embedding = EmbeddingSpec { vocabulary: 5, dimensions: 2, ..EmbeddingSpec::default() };
        let position = PositionSpec { learned: true };
        let cases: [Case<'_>; 21] = [
            (&dense, &[2], "weight", 4, "w_2,2", "input 2 → unit 2"),
            (&dense, &[2], "bias", 2, "b_3", "bias of unit 3"),
            // Filter 2, row 3, column 1 of [4, 1, 3, 3]; with two channels the channel has its number too.
            (&conv, &[1, 8, 8], "weight", 15, "w_2,3,1", "filter 2, row 3, column 1"),
            (&conv, &[2, 8, 8], "weight", 33, "w_2,2,3,1", "filter 2, channel 2, row 3, column 1"),
            (&conv, &[2, 8, 8], "bias", 3, "b_4", "bias of filter 4"),
            (&transposed, &[2, 4, 4], "weight", 17, "w_2,2,1,2", "channel 2 → filter 2, row 1, column 2"),
            (&conv1d, &[1, 9], "weight", 7, "w_2,3", "filter 2, step 3"),
            (&conv1d, &[3, 9], "weight", 21, "w_2,2,2", "filter 2, channel 2, step 2"),
            (&simple, &[6, 2], "weight", 5, "W_2,2", "input 2 → unit 2"),
            (&lstm, &[6, 2], "weight", 21, "W_f,2,2", "forget gate, input 2 → unit 2"),
            (&lstm, &[6, 2], "recurrent weight", 63, "U_o,4,4", "output gate, state 4 → unit 4"),
            (&lstm, &[6, 2], "bias", 8, "b_g,1", "bias of the candidate, unit 1"),
            (&gru, &[6, 2], "weight", 4, "W_z,1,1", "update gate, input 1 → unit 1"),
            (&gru, &[6, 2], "recurrent bias", 1, "b′_n,2", "recurrent bias of the candidate, unit 2"),
            (&both, &[6, 2], "reverse weight", 21, "W←_f,2,2", "reverse weight of the forget gate, input 2 → unit 2"),
            (&attention, &[6, 4], "weight", 17, "W_K,2,2", "key, input 2 → feature 2"),
            (&attention, &[6, 4], "output bias", 2, "b_O,3", "bias of the output, feature 3"),
            (&gated, &[2], "weight", 10, "V_2,2", "gate, input 2 → unit 2"),
            (&gated, &[2], "bias", 3, "c_1", "bias of the gate, unit 1"),
            // Categories count from 0, as the data number them.
            (&embedding, &[3], "weight", 7, "E_3,2", "category 3, number 2"),
            (&position, &[6, 4], "position", 9, "p_3,2", "position of step 3, feature 2"),
        ];
        for (layer, input, name, at, symbol, words) in cases {
            let tensor = tensor(layer, input, name);
            assert_eq!(
                (&tensor.symbol(at).plain()[..], &tensor.words(at)[..]),
                (symbol, words),
                "{name} {:?}",
                tensor.shape
            );
        }
    }

    #[test]
    fn every_tensor_of_every_layer_names_each_of_its_values_once() {
        let mut tensors = 0;
        for kind in palette() {
            for input in [&[4][..], &[6, 4], &[2, 6, 6]] {
                let layer = kind.definition();
                if layer.output_shape(input).is_err() {
                    continue;
                }
                let mut symbols = BTreeSet::new();
                let mut all = 0;
                for tensor in layer.parameters(input) {
                    let what = format!("{} of {}, {:?}", tensor.name, kind.info().label, tensor.shape);
                    assert_eq!(tensor.naming.axes.len(), tensor.shape.len(), "{what}");
                    let last = tensor.shape.last().expect("has an axis");
                    assert!(last.is_multiple_of(tensor.naming.parts.len()), "{what}");
                    let count = tensor.count() as usize;
                    let words: BTreeSet<String> = (0..count).map(|at| tensor.words(at)).collect();
                    assert_eq!(words.len(), count, "{what}");
                    symbols.extend((0..count).map(|at| tensor.symbol(at).plain()));
                    all += count;
                    tensors += 1;
                }
                assert_eq!(symbols.len(), all, "{}: two tensors share a name", kind.info().label);
            }
        }
        assert!(tensors > 30, "{tensors}");
    }

    #[test]
    fn sums_run_over_the_axes_of_their_role() {
        use super::Role::{Input, Kernel, Output};
        let conv = tensor(&Conv2dSpec::default(), &[1, 8, 8], "weight");
        assert_eq!(conv.symbol_over(15, &[Input, Kernel]).plain(), "w_2,u,v");
        assert_eq!(conv.letters(&[Input, Kernel]), "u,v");
        let conv = tensor(&Conv2dSpec::default(), &[2, 8, 8], "weight");
        assert_eq!(conv.symbol_over(33, &[Input, Kernel]).plain(), "w_2,i,u,v");
        assert_eq!(conv.symbol_over(33, &[Output, Kernel]).plain(), "w_o,2,u,v");
        assert!(conv.same_output(0, 17) && !conv.same_output(17, 18));
        let dense = tensor(&DenseSpec::default(), &[2], "weight");
        assert_eq!(
            (dense.symbol_over(5, &[Input]).plain(), dense.symbol_over(5, &[Output]).plain()),
            ("w_i,2".to_owned(), "w_2,k".to_owned())
        );
        assert!(dense.same_output(1, 5) && !dense.same_output(1, 2));
    }
}
