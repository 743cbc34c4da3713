//! Painting of one layer: its box with neurons, its title and its footer.

use super::camera::View;
use super::units::{token, unit_name};
use super::weights::Matrices;
use crate::app::diagram::labels::{cut, first_fitting};
use crate::app::diagram::layout::{BOX_WIDTH, Placed};
use crate::app::diagram::neurons;
use crate::app::diagram::strength::largest;
use crate::app::picture::Pictures;
use crate::app::state::Model;
use crate::app::theme::{BODY, HINT, RADIUS_LAYER, ink_on, regular, semibold};
use crate::format;
use crate::nn::{LayerId, LayerSpec};
use egui::{Align2, Color32, CornerRadius, Rect, Stroke, StrokeKind, pos2, vec2};
use std::collections::BTreeMap;

/// Units are labelled with their names from this zoom on.
const NAMES_FROM: f32 = 0.95;
/// The same for features and outputs, whose names matter more.
const END_NAMES_FROM: f32 = 0.6;

/// Draws a layer's box with its neurons; returns the unit under the pointer.
pub fn paint(
    view: &View<'_>,
    model: &Model,
    pictures: &Pictures,
    matrices: &Matrices,
    layer: &LayerSpec,
    p: &Placed,
) -> Option<usize> {
    let View { painter, to_screen, t, .. } = view;
    let rect = to_screen.mul_rect(p.rect);
    let selected = model.selection().contains(&layer.id);
    let stroke = if is_broken(model, layer.id) {
        Stroke::new(1.5, t.problem)
    } else if selected {
        Stroke::new(2.0, t.accent)
    } else {
        Stroke::new(1.0, t.line)
    };
    let radius = (f32::from(RADIUS_LAYER) * to_screen.scaling).clamp(3.0, 20.0);
    painter.rect(rect, radius, t.panel, stroke, StrokeKind::Inside);
    if view.shows_neurons() {
        paint_neurons(view, model, pictures, matrices, layer, p);
        let pointer = view.pointer?;
        let inside = (0..p.shown.len()).find(|&i| to_screen.mul_rect(p.tile(i)).contains(pointer));
        return inside.map(|i| p.shown[i]);
    }
    if p.units > 0 {
        let size = (p.rect.width() * to_screen.scaling * 0.34).clamp(7.0, 22.0);
        painter.text(rect.center(), Align2::CENTER_CENTER, p.units, semibold(size), t.text);
    }
    None
}

/// Whether something is wrong with a layer.
pub fn is_broken(model: &Model, id: LayerId) -> bool {
    model.inference().problems.iter().any(|problem| problem.layer == Some(id))
}

fn paint_neurons(
    view: &View<'_>,
    model: &Model,
    pictures: &Pictures,
    matrices: &Matrices,
    layer: &LayerSpec,
    p: &Placed,
) {
    let View { painter, to_screen, t, .. } = view;
    let scale = to_screen.scaling;
    let strongest = pictures.strongest(layer.id).max(if p.units == 1 { 1.0 } else { 1e-6 });
    for (i, &unit) in p.shown.iter().enumerate() {
        let rect = to_screen.mul_rect(p.tile(i));
        let radius = CornerRadius::from(5.0 * scale);
        if let Some((texture, cut)) = pictures.map(layer.id, unit).filter(|_| p.maps) {
            painter.image(texture, rect, cut, Color32::WHITE);
            painter.rect_stroke(rect, 1.0, Stroke::new(1.0, t.line), StrokeKind::Outside);
        } else if let Some((texture, cut)) = pictures.tile(layer.id, unit).filter(|_| !p.maps) {
            neurons::picture(painter, rect, (texture, cut), radius, Color32::WHITE);
        } else if let Some((_, a)) = pictures.value(layer.id, unit).filter(|_| !p.maps) {
            let fill = t.signed(a / strongest);
            neurons::disc(painter, rect, fill, t);
            let size = 13.0 * scale;
            if size > 7.5 {
                painter.text(
                    rect.center(),
                    Align2::CENTER_CENTER,
                    format::tight(f64::from(a)),
                    regular(size),
                    ink_on(fill),
                );
            }
        } else {
            neurons::disc(painter, rect, t.raised, t);
        }
        let ends = layer.kind.is_input() || layer.kind.is_output();
        if (ends && scale > END_NAMES_FROM) || (p.is_selection() && scale > NAMES_FROM) {
            let value = pictures.value(layer.id, unit).map(|(_, a)| a);
            let name =
                value.and_then(|a| token(model, layer, unit, a)).unwrap_or_else(|| unit_name(model, layer, unit));
            let width = BOX_WIDTH * scale - 8.0;
            let galley = cut(painter, name, &regular(10.0), t.label, width);
            let left = rect.center().x - galley.size().x / 2.0;
            painter.galley(pos2(left, rect.bottom() + 1.0), galley, t.label);
        }
    }
    if p.is_selection() {
        let rect = to_screen.mul_rect(p.matrix());
        if let Some(texture) = matrices.texture(layer.id) {
            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            painter.image(texture, rect, uv, Color32::WHITE);
            painter.rect_stroke(rect, 2.0, Stroke::new(1.0, t.line), StrokeKind::Outside);
        }
    }
}

/// The smallest distance between two columns of layers, in diagram units.
pub fn column_pitch(placed: &BTreeMap<LayerId, Placed>) -> f32 {
    let mut centres: Vec<f32> = placed.values().map(|p| p.rect.center().x).collect();
    centres.sort_by(f32::total_cmp);
    let gaps = centres.windows(2).map(|w| w[1] - w[0]).filter(|gap| *gap > BOX_WIDTH / 2.0);
    gaps.fold(f32::INFINITY, f32::min).clamp(BOX_WIDTH, 400.0)
}

/// Name and kind above a layer at `rect`, shortened to fit columns that are `pitch` points apart.
pub fn titles(view: &View<'_>, layer: &LayerSpec, rect: Rect, pitch: f32) {
    let View { painter, t, .. } = view;
    let caption = layer.kind.definition().caption();
    let without_kind = caption.split_once(' ').map_or(String::new(), |(_, rest)| rest.to_owned());
    let width = pitch - 6.0;
    let mut bottom = rect.top() - 4.0;
    let below = first_fitting(painter, [caption.clone(), without_kind], &regular(HINT), t.label, width)
        .unwrap_or_else(|| cut(painter, caption, &regular(HINT), t.label, width));
    let above = cut(painter, layer.name.clone(), &semibold(BODY), t.text, width);
    for (galley, colour) in [(below, t.label), (above, t.text)] {
        bottom -= galley.size().y;
        painter.galley(pos2(rect.center().x - galley.size().x / 2.0, bottom), galley, colour);
        bottom -= 1.0;
    }
}

/// The number of parameters, or during training the gradient norm with a bar.
pub fn footer(view: &View<'_>, model: &Model, id: LayerId, p: &Placed, rect: Rect, pitch: f32) {
    let View { painter, t, .. } = view;
    let font = regular(HINT);
    let below = rect.center_bottom() + vec2(0.0, 8.0);
    if p.is_selection() {
        let what = if p.maps { "channels" } else { "units" };
        let shorter = format!("{} of {}", p.shown.len(), p.units);
        let forms = [format!("{shorter} {what}"), shorter];
        if let Some(galley) = first_fitting(painter, forms, &font, t.hint, pitch - 12.0) {
            let weighed = model.inference().parameters.get(&id).is_some_and(|&n| n > 0);
            let down = if weighed { 20.0 } else { 0.0 };
            painter.galley(below + vec2(-galley.size().x / 2.0, down), galley, t.hint);
        }
    }
    let norms = &model.snapshot().gradient_norms;
    let norm = norms.iter().find(|(layer, _)| *layer == id).map(|(_, n)| *n).filter(|_| model.is_current());
    let Some(norm) = norm.filter(|n| *n > 0.0) else {
        let parameters = model.inference().parameters.get(&id).copied().unwrap_or(0);
        if parameters > 0 {
            let text = format!("{} parameters", format::count(parameters));
            if let Some(galley) = first_fitting(painter, [text], &font, t.label, pitch) {
                painter.galley(below - vec2(galley.size().x / 2.0, 0.0), galley, t.label);
            }
        }
        return;
    };
    let strongest = largest(norms.iter().map(|(_, n)| *n), 1e-9);
    let bar = Rect::from_center_size(below, vec2(rect.width() * 0.74, 3.0));
    painter.rect_filled(bar, 1.5, t.raised);
    let filled = Rect::from_min_size(bar.min, vec2(bar.width() * (norm / strongest).clamp(0.02, 1.0), 3.0));
    painter.rect_filled(filled, 1.5, t.accent);
    let text = format::number(f64::from(norm));
    let forms = [format!("gradient norm {text}"), format!("‖∂L/∂w‖ {text}")];
    if let Some(galley) = first_fitting(painter, forms, &font, t.label, pitch) {
        painter.galley(below + vec2(-galley.size().x / 2.0, 5.0), galley, t.label);
    }
}
