//! Painting of connections: a wire between two layers, or a line for each weight, with the shape of the data.

use super::camera::View;
use super::units::Hover;
use super::weights::Lines;
use crate::app::diagram::edges::{bezier, distance, wire};
use crate::app::diagram::layout::{Placed, route};
use crate::app::diagram::strength::{largest, relative};
use crate::app::state::Model;
use crate::app::theme::{HINT, regular};
use crate::nn::Wire;
use crate::nn::layers::Links;
use egui::{Pos2, Rect, Stroke, StrokeKind, pos2, vec2};

/// Height of the titles above a layer, in points at any zoom.
const TITLES: f32 = 36.0;

/// What is drawn between the units of two layers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    /// One line for each weight.
    Weights,
    /// One line for each kernel, with its number of weights.
    Kernels(usize),
    /// One line for each unit.
    Units,
    /// Only the wire.
    Nothing,
}

fn lines_between(model: &Model, w: Wire, from: &Placed, to: &Placed) -> Between {
    let links = model.document().network.layer(w.to).map_or(Links::None, |l| l.kind.definition().links());
    let alike = from.units == to.units;
    match links {
        Links::Weights if !from.maps => Between::Weights,
        Links::Kernels(taps) if from.maps => Between::Kernels(taps),
        Links::Same if alike => Between::Units,
        Links::SameChannel if from.maps && alike => Between::Units,
        _ => Between::Nothing,
    }
}

/// Draws a wire with its shape; returns the weight under the pointer.
pub fn paint(view: &View<'_>, model: &Model, lines: Lines, w: Wire) -> Option<Hover> {
    let (from, to) = view.ends(w)?;
    let fine = view.shows_neurons() && !from.shown.is_empty() && !to.shown.is_empty();
    let between = if fine { lines_between(model, w, from, to) } else { Between::Nothing };
    // The height of a wire that passes over other layers.
    let mut arch = None;
    let mut hover = None;
    if between == Between::Nothing {
        let curves = route(w.from, w.to, view.placed, TITLES / view.scale()).unwrap_or_default();
        arch = curves.get(1).map(|over| over[0].y);
        for curve in curves {
            bezier(&view.painter, curve.map(|p| view.to_screen * p), Stroke::new(2.0, view.t.hint));
        }
    } else {
        hover = weights(view, model, lines, w, between, (from, to));
    }
    shape_label(view, model, w, (from, to), arch);
    hover
}

/// Lines between the drawn neurons of two layers; returns the weight under the pointer.
fn weights(
    view: &View<'_>,
    model: &Model,
    lines: Lines,
    w: Wire,
    between: Between,
    (from, to): (&Placed, &Placed),
) -> Option<Hover> {
    let View { painter, to_screen, t, .. } = view;
    let pointer = view.pointer.map(|p| to_screen.inverse() * p);
    let scale = to_screen.scaling;
    let tensor = model.snapshot().tensor(w.to, "weight").filter(|_| model.is_current());
    let ends = |i: usize, j: usize| wire(from.tile(i).right_center(), to.tile(j).left_center());
    let screen = |curve: [Pos2; 4]| curve.map(|p| *to_screen * p);
    if between == Between::Units {
        // Units are connected one to one, without weights.
        for i in 0..from.shown.len().min(to.shown.len()) {
            bezier(painter, screen(ends(i, i)), Stroke::new((1.2 * scale).max(0.8), t.hint.gamma_multiply(0.6)));
        }
        return None;
    }
    let shown_value = |i: usize, j: usize| {
        let (weights, grads) = tensor?;
        let values = if lines == Lines::Weights { weights } else { grads };
        if let Between::Kernels(taps) = between {
            // The mean of the kernel between two channels.
            let kernel = values.get((to.shown[j] * from.units + from.shown[i]) * taps..)?.get(..taps)?;
            return Some(kernel.iter().sum::<f32>() / taps as f32);
        }
        values.get(from.shown[i] * to.units + to.shown[j]).copied()
    };
    let all = || (0..from.shown.len()).flat_map(|i| (0..to.shown.len()).map(move |j| (i, j)));
    let strongest = largest(all().filter_map(|(i, j)| shown_value(i, j)), 1e-9);
    let mut nearest: (f32, Option<Hover>) = (5.0 / scale, None);
    for (i, j) in all() {
        let curve = ends(i, j);
        let value = shown_value(i, j);
        let strength = value.map_or(0.15, |v| relative(v, strongest));
        let colour = match value {
            Some(_) => t.sign(strength).gamma_multiply(0.25 + 0.75 * strength.abs()),
            None => t.hint.gamma_multiply(0.5),
        };
        bezier(painter, screen(curve), Stroke::new((0.5 + 4.0 * strength.abs()) * scale.max(0.5), colour));
        if let Some(p) = pointer {
            let d = distance(p, &curve);
            if d < nearest.0 && tensor.is_some() && between == Between::Weights {
                let (from, to) = (from.shown[i], to.shown[j]);
                nearest = (d, Some(Hover::Weight { from, to, layer: w.to }));
            }
        }
    }
    nearest.1
}

/// The shape of the data on a wire: above the titles of the two layers, or on the wire's arch.
fn shape_label(view: &View<'_>, model: &Model, w: Wire, (from, to): (&Placed, &Placed), arch: Option<f32>) {
    let View { painter, to_screen, t, .. } = view;
    let Some(shape) = model.inference().shapes.get(&w.from) else { return };
    let batch = model.document().training.batch_size;
    let text = std::iter::once(&batch).chain(shape).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let gap = (to.rect.left() - from.rect.right()) * to_screen.scaling;
    let galley = painter.layout_no_wrap(format!("[{text}]"), regular(HINT), t.label);
    if galley.size().x + 14.0 > gap {
        return;
    }
    let x = f32::midpoint(from.rect.right(), to.rect.left());
    let centre = match arch {
        Some(y) => *to_screen * pos2(x, y),
        None => *to_screen * pos2(x, from.rect.top().min(to.rect.top())) - vec2(0.0, 50.0),
    };
    let rect = Rect::from_center_size(centre, galley.size() + vec2(14.0, 6.0));
    painter.rect(rect, rect.height() / 2.0, t.raised, Stroke::new(1.0, t.line), StrokeKind::Inside);
    painter.galley(rect.center() - galley.size() / 2.0, galley, t.label);
}
