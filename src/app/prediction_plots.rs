//! What the network predicts over one feature or two, with the data on top.

use super::curves::{self, Curve};
use super::picture::{Pictures, target_colour, target_extent};
use super::state::Model;
use super::theme::{RADIUS_CARD, Tokens};
use super::widgets;
use crate::data::{Dataset, Part, Targets};
use crate::format;
use egui::accesskit::Role;
use egui::{Color32, CornerRadius, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

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
            let p = bounds.place(rect, data, row);
            painter.circle(p, 2.6, target_colour(data, row, extent, t), Stroke::new(1.0, ring));
        }
    }
    let row = model.sample().min(data.rows() - 1);
    let p = bounds.place(rect, data, row);
    painter.circle_stroke(p, 6.0, Stroke::new(2.0, t.accent));
    ui.painter().rect_stroke(rect, radius, Stroke::new(1.0, t.line), StrokeKind::Outside);
}

/// What the colours of the surface, the neurons and the lines stand for.
pub fn legend(ui: &mut Ui, model: &Model, t: &Tokens) {
    const STEPS: usize = 24;
    let Some(data) = model.dataset() else { return };
    let (low, high) = match data.target() {
        Targets::Classes { names, .. } if names.len() > 2 => {
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing.x = 4.0;
                for (k, name) in names.iter().enumerate() {
                    let (dot, _) = ui.allocate_exact_size(vec2(10.0, 14.0), Sense::hover());
                    ui.painter().circle_filled(dot.center(), 4.0, t.class(k));
                    ui.label(widgets::label(ui, name));
                    ui.add_space(4.0);
                }
            });
            return;
        }
        Targets::Classes { names, .. } => (names.first().cloned(), names.get(1).cloned()),
        Targets::Values { scales, .. } => {
            let (low, high) = target_extent(data);
            let own = |v: f32| scales.first().map(|s| format::brief(s.decode(f64::from(v))));
            (own(low), own(high))
        }
    };
    let end = |ui: &mut Ui, text: Option<String>| {
        ui.label(widgets::label(ui, text.unwrap_or_default()));
    };
    let row = ui.horizontal(|ui| {
        end(ui, low);
        let wide = (ui.available_width() * 0.5).max(40.0);
        let (bar, _) = ui.allocate_exact_size(vec2(wide, 10.0), Sense::hover());
        for k in 0..STEPS {
            let cell = vec2(bar.width() / STEPS as f32, bar.height());
            let part = Rect::from_min_size(bar.min + vec2(k as f32 * cell.x, 0.0), cell);
            ui.painter().rect_filled(part, 0.0, t.signed(2.0 * k as f32 / (STEPS - 1) as f32 - 1.0));
        }
        end(ui, high);
    });
    let hover = "The same colours on neurons and lines: orange is negative, blue is positive, the stronger the larger";
    widgets::named(row.response, Role::Image, "Legend of the colours").on_hover_text(hover);
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
