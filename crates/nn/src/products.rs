//! Which weights, inputs and outputs meet in a weighted sum, one by one: what explanations follow. Training does not use it.

use super::math::{Math, Place, indexed, row, sum_of, sum_over, text};
use super::math::{factor, subscript};
use super::parameter::Role;
use super::reading::{Local, Reading, Told};
use chainrule_common::format;

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

/// The weighted sum of some products and a bias, in numbers.
pub(super) fn tell_sum(at: &Reading<'_>, products: &[Product], bias: Option<usize>) -> Told {
    let j = subscript(at.unit);
    let input = at.input();
    let mut terms: Vec<(f64, Math)> = products
        .iter()
        .map(|p| {
            let w = f64::from(at.recorded.parameter(p.weight).unwrap_or(0.0));
            let x = at.value(input, p.input);
            (w * x, row([at.parameter(p.weight), text("·"), factor(x, at.place(input, p.input))]))
        })
        .collect();
    let strongest = strongest(&terms);
    let mut numbers = sum_of(&mut terms);
    // What goes in and the places of a kernel are summed over; what comes out is this output.
    let summed = [Role::Input, Role::Kernel];
    let tensor = products.first().and_then(|p| at.recorded.tensor(p.weight));
    let (weight, letters) = tensor.map_or_else(
        || (indexed("w", format!("i,{j}")), "i".to_owned()),
        |(shape, place)| (shape.symbol_over(place, &summed), shape.letters(&summed)),
    );
    let sum = row([sum_over(&letters), weight, text("·"), indexed("x", letters)]);
    let mut symbols = vec![indexed("z", j), text("="), sum];
    if let Some(bias) = bias {
        symbols.extend([text("+"), at.parameter_symbol(bias)]);
        numbers.extend([text("+"), at.parameter(bias)]);
    }
    let legend = tensor.filter(|(shape, _)| shape.shape.len() > 2).map(|(shape, _)| shape.legend());
    let words = format!(
        "It multiplies its {} by weights and adds them up{}: z = {}.{}{}",
        format::counted(products.len(), "input"),
        if bias.is_some() { " and adds its bias" } else { "" },
        format::number(at.result()),
        strongest.map_or_else(String::new, |v| format!(" The strongest product is {}.", format::number(v))),
        legend.map_or_else(String::new, |axes| format!(" The indices of a weight are its {axes}."))
    );
    Told::one(at.line(row(symbols), Some(row(numbers))), words)
}

fn strongest(terms: &[(f64, Math)]) -> Option<f64> {
    let strongest = terms.iter().max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()))?;
    (terms.len() > 1).then_some(strongest.0)
}

/// The derivatives of weighted sums by one input: the weights.
pub(super) fn weights(at: &Reading<'_>, products: &[Product]) -> Vec<Local> {
    let layer = at.recorded.layer(at.node);
    let local = |p: &Product| Local {
        unit: p.output,
        derivative: f64::from(at.recorded.parameter(p.weight).unwrap_or(0.0)),
        name: "weight".to_owned(),
        place: Some(Place::Parameter { layer, index: p.weight }),
    };
    products.iter().map(local).collect()
}
