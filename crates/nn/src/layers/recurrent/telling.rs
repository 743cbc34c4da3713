//! How a recurrent cell explains one step of one unit: its gates, its memory and its state.

use super::operation::{Cell, RecurrentPlan};
use crate::activation::Activation;
use crate::math::{Math, called, factor, indexed, number, row, symbol, text};
use crate::operation::Explained;
use crate::picture::Picture;
use crate::reading::{Line, Reading, Told};
use chainrule_common::format;

/// The gates of a unit at one step.
struct Gates(Vec<f64>);

impl Gates {
    /// Gates side by side, each with its value; the last is the line's result.
    fn line(&self, names: &[(&str, usize)], last: (&str, usize)) -> Line {
        let mut symbols = Vec::new();
        for &(letter, k) in names {
            symbols.extend([symbol(letter), text("="), number(self.0[k], None), text(",")]);
        }
        symbols.push(symbol(last.0));
        Line { symbols: row(symbols), numbers: None, result: self.0[last.1], place: None }
    }
}

/// Products with signs between: "f · c + i · g".
fn products(terms: [[Math; 2]; 2]) -> Math {
    let [[a, b], [c, d]] = terms;
    row([a, text("·"), b, text("+"), c, text("·"), d])
}

impl Explained for RecurrentPlan {
    /// The step whose state the unit is.
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        let &[steps, gates] = at.intermediate_shape("gates")? else { return None };
        let units = self.units;
        let unit = at.unit % units;
        let step = if self.sequence { at.unit / units } else { self.last() };
        let first = if self.backwards { steps - 1 } else { 0 };
        let before = if self.backwards { step + 1 } else { step.wrapping_sub(1) };
        let earlier = |name| if step == first { Some(0.0) } else { at.intermediate(name, before * units + unit) };
        let gate = |k: usize| at.intermediate("gates", step * gates + k * units + unit);
        let gates = Gates((0..self.cell.gates()).map(gate).collect::<Option<_>>()?);
        let side = self.side.map_or_else(String::new, |side| format!(", read {side}"));
        let where_from = format!("This is step {} of {steps}{side}.", step + 1);
        let value = |v: f64| factor(v, None);
        let (state, state_before) = (indexed("h", "t"), indexed("h", "t−1"));
        let (lines, words) = match self.cell {
            Cell::Simple => {
                let sum =
                    row([symbol("W"), indexed("x", "t"), text("+"), symbol("U"), state_before, text("+"), symbol("b")]);
                let symbols = row([state, text("="), called(Activation::Tanh, sum)]);
                let numbers = called(Activation::Tanh, number(gates.0[0], None));
                let words = "The input and the previous hidden state are multiplied by weights and added up; tanh is applied to the sum.";
                (vec![at.line(symbols, Some(numbers))], words.to_owned())
            }
            Cell::Lstm => {
                let &[i, f, g, o] = &gates.0[..] else { return None };
                let (old, memory) = (earlier("memory")?, at.intermediate("memory", step * units + unit)?);
                let c = |t: &str| indexed("c", t);
                let of_memory = Line {
                    symbols: row([c("t"), text("="), products([[symbol("f"), c("t−1")], [symbol("i"), symbol("g")]])]),
                    numbers: Some(products([[value(f), value(old)], [value(i), value(g)]])),
                    result: memory,
                    place: None,
                };
                let symbols = row([state, text("="), symbol("o"), text("·"), called(Activation::Tanh, c("t"))]);
                let numbers = row([value(o), text("·"), value(memory.tanh())]);
                let words = format!(
                    "The forget gate keeps {} of the old cell state, the input gate adds {} of the candidate, and the output gate passes on {} of the result.",
                    format::percent(f, 0),
                    format::percent(i, 0),
                    format::percent(o, 0)
                );
                let of_gates = gates.line(&[("i", 0), ("f", 1), ("o", 3)], ("g", 2));
                (vec![of_gates, of_memory, at.line(symbols, Some(numbers))], words)
            }
            Cell::Gru => {
                let &[r, z, n] = &gates.0[..] else { return None };
                let old = earlier("state")?;
                let symbols = row([
                    state,
                    text("= (1 −"),
                    symbol("z"),
                    text(") ·"),
                    symbol("n"),
                    text("+"),
                    symbol("z"),
                    text("·"),
                    state_before,
                ]);
                let numbers = products([[value(1.0 - z), value(n)], [value(z), value(old)]]);
                let words = format!(
                    "The update gate keeps {} of the old hidden state; the reset gate lets {} of it into the candidate.",
                    format::percent(z, 0),
                    format::percent(r, 0)
                );
                (vec![gates.line(&[("r", 0), ("z", 1)], ("n", 2)), at.line(symbols, Some(numbers))], words)
            }
        };
        Some(Told { lines, words: format!("{where_from} {words}") })
    }

    /// Gates, memory and state of one unit, step by step; backward, the gradients of the gates' sums.
    fn picture(&self, at: &Reading<'_>, backward: bool) -> Option<Picture> {
        let unit = at.unit % self.units;
        let names: Vec<&str> = match self.cell {
            Cell::Simple if backward => vec!["hidden state"],
            Cell::Simple => Vec::new(),
            cell => cell.gate_names().iter().map(|(_, name)| *name).collect(),
        };
        let of = |name: &str, k: usize| -> Option<Vec<f32>> {
            let found = at.intermediates(name, backward)?;
            let &[count, all] = &found.shape[..] else { return None };
            let value = |t| found.values[[t * all + k * self.units + unit, at.recorded.sample()]];
            Some((0..count).map(value).collect())
        };
        let gates = names.iter().enumerate().filter_map(|(k, name)| Some((*name, of("gates", k)?)));
        let states: &[&str] = if backward { &[] } else { &["memory", "state"] };
        let states = states.iter().filter_map(|name| Some((*name, of(name, 0)?)));
        let name = if backward {
            "∂L/∂z of the gates of this unit, step by step"
        } else {
            "Gates and state of this unit, step by step"
        };
        let name = self.side.map_or_else(|| name.to_owned(), |side| format!("{name}, {side}"));
        Some(Picture::Steps { name, rows: gates.chain(states).collect(), gradients: backward })
    }
}
