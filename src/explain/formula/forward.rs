//! The forward pass: what a unit computes from its inputs, as its operations tell it.

use super::{Explanation, Line, Reader};
use crate::nn::math::{Place, row, text};
use crate::nn::{LayerKind, Told};

impl Reader<'_> {
    pub(super) fn forward(&self) -> Explanation {
        let told: Vec<Told> =
            self.recorded.path(self.layer, self.unit).into_iter().map(|(node, unit)| self.tell(node, unit)).collect();
        let (lines, words) = if told.is_empty() {
            (vec![self.passed_on()], self.about_passing_on().to_owned())
        } else {
            let words = told.iter().map(|t| &t.words[..]).collect::<Vec<_>>().join(" ");
            (told.into_iter().flat_map(|t| t.lines).collect(), words)
        };
        Explanation { title: self.name(), unit: self.unit, lines, words }
    }

    fn tell(&self, node: usize, unit: usize) -> Told {
        let at = self.recorded.at(node, unit);
        let told = self.trace.plan.nodes[node].operation.tell(&at);
        let mut told = told.unwrap_or_else(|| {
            let info = self.kind().map(LayerKind::info);
            let formula = info.map_or("a = f(x)", |i| i.formula);
            Told::one(at.line(text(formula), None), info.map_or("", |i| i.description))
        });
        for line in &mut told.lines {
            line.symbols = self.trace.in_layer(&line.symbols, node);
        }
        told
    }

    /// A layer without operations of its own.
    fn passed_on(&self) -> Line {
        let node = self.trace.node(self.layer).unwrap_or(0);
        let input = self.trace.plan.nodes[node].inputs.first();
        let own = self.trace.letter_of(node, self.unit);
        Line {
            // Features only come in.
            symbols: input.map_or_else(
                || own.clone(),
                |&input| row([own.clone(), text("="), self.trace.letter_of(input, self.unit)]),
            ),
            numbers: None,
            result: self.value(node, self.unit),
            place: Some(Place::Activation { layer: self.layer, unit: self.unit }),
        }
    }

    fn about_passing_on(&self) -> &'static str {
        if !self.kind().is_some_and(LayerKind::is_input) {
            "It passes on what comes in; nothing is computed."
        } else if self.trace.augmented {
            "The pixels of the picture enter the network here, changed at random as this step of training sees them."
        } else if self.trace.prepared {
            "The features of the row enter the network here as Data has prepared them, scaled or encoded: other numbers than those of the table."
        } else {
            "The features of the row enter the network here, with the numbers of the table."
        }
    }
}
