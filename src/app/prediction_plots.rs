//! What the network predicts over one feature or two, with the data on top.

use super::curves::{self, Curve};
use super::picture::{Pictures, target_colour, target_extent};
use super::state::Model;
use super::theme::{RADIUS_CARD, Tokens};
use super::widgets;
use crate::data::{Dataset, Part, Targets};
use crate::format;
use egui::{Color32, CornerRadius, Rect, Stroke, StrokeKind, Ui, pos2};

/// Rows of each part that are drawn.
const POINTS: usize = 500;

/// The decision surface with the data on top; test rows have a light ring.
pub fn surface(ui: &Ui, model: &Model, pictures: &Pictures, rect: Rect, t: &Tokens) {
    let Some(data) = model.dataset() else { return };
    let painter = ui.painter().with_clip_rect(rect);
    let radius = CornerRadius::same(RADIUS_CARD);
    match pictures.surface() {
        Some(texture) => {
            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            painter.add(egui::epaint::RectShape::filled(rect, radius, Color32::WHITE).with_texture(texture, uv));
        }
        None => {
            painter.rect_filled(rect, radius, t.zero);
            widgets::centred(ui, rect, "No picture yet", "It comes as soon as everything fits");
        }
    }
    let Some(bounds) = pictures.bounds else { return };
    let extent = target_extent(data);
    for (part, ring) in [(Part::Train, Color32::from_black_alpha(170)), (Part::Test, Color32::from_white_alpha(230))] {
        let rows = data.part(part);
        for &row in rows.iter().step_by(rows.len().div_ceil(POINTS).max(1)) {
            let row = row as usize;
            let p = bounds.place(rect, data.x[[row, 0]], data.x[[row, 1]]);
            painter.circle(p, 2.6, target_colour(data, row, extent, t), Stroke::new(1.0, ring));
        }
    }
    let row = model.sample().min(data.rows() - 1);
    let p = bounds.place(rect, data.x[[row, 0]], data.x[[row, 1]]);
    painter.circle_stroke(p, 6.0, Stroke::new(2.0, t.accent));
    ui.painter().rect_stroke(rect, radius, Stroke::new(1.0, t.line), StrokeKind::Outside);
}

/// The prediction over the only feature, with the data.
pub fn curve(ui: &mut Ui, data: &Dataset, pictures: &Pictures, height: f32, t: &Tokens) {
    let Targets::Values { values, scales, names } = data.target() else { return };
    let (x_scale, y_scale) = (data.encoder.scale(0), scales[0]);
    let decode = |[x, y]: [f64; 2]| [x_scale.decode(x), y_scale.decode(y)];
    let rows = data.part(Part::Train);
    let points: Vec<[f64; 2]> = rows
        .iter()
        .step_by(rows.len().div_ceil(POINTS).max(1))
        .map(|&r| decode([f64::from(data.x[[r as usize, 0]]), f64::from(values[[r as usize, 0]])]))
        .collect();
    let line: Vec<[f64; 2]> = pictures.curve.iter().map(|&p| decode(p)).collect();
    let feature = data.encoder.feature_names().first().cloned().unwrap_or_default();
    ui.scope(|ui| {
        let plot = widgets::data_plot(ui, "fitted curve", feature.clone(), names[0].clone())
            .height(height)
            .allow_drag(false)
            .allow_zoom(false)
            .show_grid([false, true])
            .grid_color(t.line);
        let shown = curves::quiet(plot).show(ui, |plot| {
            plot.points(egui_plot::Points::new("training rows", points).radius(2.0).color(t.hint));
            plot.line(egui_plot::Line::new("prediction", line.clone()).color(t.positive).width(2.0));
            curves::read(plot, &[Curve { name: "prediction", colour: t.positive, points: &line, joined: true }])
        });
        let at = |x: f64| format!("{feature} {}", format::number(x));
        curves::tell(&shown.response, shown.inner.as_ref(), at, format::number);
    });
}
