//! Histograms of a layer's weights over time: one ridge an epoch, the newest in front.

use super::super::theme::{HINT, Tokens, mix, regular};
use super::super::widgets::{centred, named};
use crate::format;
use crate::train::History;
use egui::accesskit::Role;
use egui::{Align2, Mesh, Pos2, Sense, Shape, Stroke, Ui, pos2, vec2};

const RIDGES: usize = 16;

/// Draws the ridges of layer `index` of the history.
pub fn ui(ui: &mut Ui, history: &History, index: Option<usize>, t: &Tokens) {
    let rect = ui.available_rect_before_wrap();
    let response = named(ui.allocate_rect(rect, Sense::hover()), Role::Image, "Histogram of the weights over time");
    let layers: Vec<_> = index.map_or_else(Vec::new, |k| {
        history.histograms.iter().filter_map(|h| Some((h.epoch, h.layers.get(k)?))).collect()
    });
    if layers.is_empty() {
        centred(ui, rect, "Nothing yet", "Press play");
        return;
    }
    let step = layers.len().div_ceil(RIDGES).max(1);
    let mut chosen: Vec<_> = layers.iter().rev().step_by(step).collect();
    chosen.reverse();
    let low = chosen.iter().map(|(_, b)| b.low).fold(f32::INFINITY, f32::min);
    let high = chosen.iter().map(|(_, b)| b.high).fold(f32::NEG_INFINITY, f32::max);
    let span = (high - low).max(1e-6);
    let plot = rect.shrink2(vec2(6.0, 0.0)).with_max_y(rect.bottom() - 20.0).with_max_x(rect.right() - 44.0);
    let room = (plot.height() * 0.3).min(70.0);
    let pitch = (plot.height() - room) / chosen.len().max(1) as f32;
    let painter = ui.painter().with_clip_rect(rect);
    for (i, (epoch, bins)) in chosen.iter().enumerate() {
        let base = plot.top() + room + pitch * (i as f32 + 0.8);
        let most = bins.counts.iter().copied().max().unwrap_or(0).max(1) as f32;
        let width = (bins.high - bins.low) / bins.counts.len().max(1) as f32;
        let place = |x: f32, y: f32| pos2(plot.left() + (x - low) / span * plot.width(), base - y * room);
        let tops: Vec<Pos2> = std::iter::once(place(bins.low, 0.0))
            .chain(
                bins.counts
                    .iter()
                    .enumerate()
                    .map(|(k, &n)| place(bins.low + width * (k as f32 + 0.5), n as f32 / most)),
            )
            .chain([place(bins.high, 0.0)])
            .collect();
        let age = (i + 1) as f32 / chosen.len() as f32;
        let fill = mix(t.panel, t.accent, 0.08 + 0.4 * age);
        let mut mesh = Mesh::default();
        for (k, top) in tops.iter().enumerate() {
            mesh.colored_vertex(*top, fill);
            mesh.colored_vertex(pos2(top.x, base), fill);
            if k > 0 {
                let v = 2 * k as u32;
                mesh.add_triangle(v - 2, v - 1, v);
                mesh.add_triangle(v - 1, v, v + 1);
            }
        }
        painter.add(Shape::mesh(mesh));
        painter.line(tops, Stroke::new(1.2, mix(t.panel, t.accent, 0.35 + 0.65 * age)));
        if pitch > 11.0 || i % 2 == 0 || i + 1 == chosen.len() {
            painter.text(pos2(plot.right() + 6.0, base), Align2::LEFT_BOTTOM, epoch, regular(HINT - 1.0), t.hint);
        }
    }
    for (value, align) in
        [(low, Align2::LEFT_BOTTOM), (f32::midpoint(low, high), Align2::CENTER_BOTTOM), (high, Align2::RIGHT_BOTTOM)]
    {
        let x = plot.left() + (value - low) / span * plot.width();
        painter.text(pos2(x, rect.bottom()), align, format::number(f64::from(value)), regular(HINT), t.hint);
    }
    response.on_hover_text(
        "Each ridge is the histogram of the weights at one epoch, the newest in front; the number is the epoch",
    );
}
