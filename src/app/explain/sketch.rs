//! Small pictures beside the formulas: the window of a convolution, what pooling keeps, the curve of an activation with its
//! slope, probabilities against the target.

use super::super::theme::{Tokens, ink_on, regular};
use super::super::widgets::named;
use crate::explain::{OneSample, Stop, Trace};
use crate::format;
use crate::nn::picture::{Grid, Picture, PointLine};
use crate::nn::{Activation, Link};
use crate::train::Phase;
use egui::accesskit::Role;
use egui::{Align2, Pos2, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

/// Side of a cell of a window.
const CELL: f32 = 34.0;
const HEIGHT: f32 = 116.0;

/// Draws what fits the stop, if there is a picture for it.
pub fn ui(ui: &mut Ui, trace: &Trace<f32>, stop: Stop, unit: usize, sample: usize, t: &Tokens) {
    let Some(layer) = stop.layer else { return };
    // An enlarged card shows an enlarged picture.
    let scale = (ui.available_width() / 560.0).clamp(1.0, 1.7);
    let at = Sketch { trace, sample, t, scale };
    if stop.phase == Phase::Error {
        if let Some(head) = trace.head_of(layer) {
            at.probabilities(ui, head, false);
        }
        return;
    }
    if !matches!(stop.phase, Phase::Forward | Phase::Backward) {
        return;
    }
    let backward = stop.phase == Phase::Backward;
    // What the loss sends back to the layer that it judges.
    let judged = trace.spec.outputs_of(layer).find_map(|to| trace.head_of(to));
    if let Some(head) = judged.filter(|_| backward) {
        at.probabilities(ui, head, true);
    }
    let recorded = OneSample { trace, sample };
    let mut inputs: Option<&[usize]> = None;
    for (node, unit) in recorded.path(layer, unit) {
        let plan = &trace.plan.nodes[node];
        // Of operations one behind the other the first that has a picture, of such side by side all.
        if inputs.is_some_and(|inputs| inputs != plan.inputs) {
            continue;
        }
        if let Some(picture) = plan.operation.picture(&recorded.at(node, unit), backward) {
            at.draw(ui, &picture);
            inputs = Some(&plan.inputs);
        }
    }
}

struct Sketch<'a> {
    trace: &'a Trace<f32>,
    sample: usize,
    t: &'a Tokens,
    /// Of all sizes.
    scale: f32,
}

/// A square of so many rows and columns.
struct Square<'a> {
    side: usize,
    values: &'a [f32],
    strongest: f32,
    framed: usize,
}

impl Sketch<'_> {
    fn font(&self, size: f32) -> egui::FontId {
        regular(size * self.scale)
    }

    fn draw(&self, ui: &mut Ui, picture: &Picture) {
        match picture {
            Picture::Grids { name, grids, note } => self.grids(ui, grids, note, name),
            Picture::Curve { function, z, a } => self.curve(ui, *function, *z, *a),
            Picture::Steps { name, rows, gradients } => self.steps(ui, name, rows, *gradients),
            Picture::Square { name, side, values, strongest, framed, gradients, notes } => {
                let square = Square { side: *side, values, strongest: *strongest, framed: *framed };
                self.square(ui, name, &square, *gradients, notes);
            }
            Picture::Lines { name, lines } => self.lines(ui, name, lines),
        }
    }

    /// Values step by step, a row for each name.
    fn steps(&self, ui: &mut Ui, name: &str, rows: &[(&str, Vec<f32>)], backward: bool) {
        let (t, s) = (self.t, self.scale);
        let row_height = 17.0 * s;
        let count = rows.first().map_or(1, |(_, values)| values.len());
        let size = vec2(ui.available_width(), row_height * (rows.len() + 1) as f32);
        let (area, response) = ui.allocate_exact_size(size, Sense::hover());
        named(response, Role::Image, name);
        let all = rows.iter().flat_map(|(_, values)| values).fold(0.0_f32, |m, v| m.max(v.abs()));
        let left = area.left() + 84.0 * s;
        let cell = ((area.right() - left) / count as f32).min(26.0 * s);
        for (k, (name, values)) in rows.iter().enumerate() {
            let top = area.top() + k as f32 * row_height;
            let place = pos2(area.left(), top + row_height / 2.0);
            ui.painter().text(place, Align2::LEFT_CENTER, name, self.font(11.0), t.label);
            // Gradients are compared with each other, gates with 1.
            let strongest = if backward { all.max(1e-30) } else { values.iter().fold(1.0_f32, |m, v| m.max(v.abs())) };
            for (step, v) in values.iter().enumerate() {
                let corner = pos2(left + step as f32 * cell, top + 1.0);
                let rect = Rect::from_min_size(corner, vec2((cell - 1.0).max(1.0), row_height - 2.0));
                ui.painter().rect_filled(rect, 1.0, t.signed(v / strongest));
            }
        }
        let foot = area.top() + (rows.len() as f32 + 0.5) * row_height;
        ui.painter().text(pos2(left, foot), Align2::LEFT_CENTER, "step 1", self.font(10.0), t.hint);
        let end = pos2(left + count as f32 * cell, foot);
        ui.painter().text(end, Align2::RIGHT_CENTER, count, self.font(10.0), t.hint);
        if backward {
            let place = pos2(left + 44.0 * s, foot);
            let text = format!("strongest ∂L/∂z {}", format::brief(f64::from(all)));
            ui.painter().text(place, Align2::LEFT_CENTER, text, self.font(10.0), t.label);
        }
    }

    /// A square of values with one row framed.
    fn square(&self, ui: &mut Ui, name: &str, square: &Square<'_>, gradients: bool, notes: &[String]) {
        let (t, s) = (self.t, self.scale);
        let Square { side: count, values, strongest, framed } = *square;
        let side = ((HEIGHT + 20.0) * s).min(ui.available_width());
        let (area, response) = ui.allocate_exact_size(vec2(ui.available_width(), side), Sense::hover());
        named(response, Role::Image, name);
        let cell = side / count as f32;
        for (row, column) in (0..count).flat_map(|r| (0..count).map(move |c| (r, c))) {
            let p = values[row * count + column];
            let corner = pos2(area.left() + column as f32 * cell, area.top() + row as f32 * cell);
            let gap = if cell > 6.0 { 0.5 } else { 0.0 };
            let rect = Rect::from_min_size(corner, vec2(cell, cell)).shrink(gap);
            let fill = t.signed(p / strongest);
            ui.painter().rect_filled(rect, 1.0, fill);
            if cell >= 22.0 * s && !gradients {
                let text = format!("{p:.2}");
                ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, self.font(9.5), ink_on(fill));
            }
        }
        let frame = Rect::from_min_size(area.min + vec2(0.0, framed as f32 * cell), vec2(side, cell));
        ui.painter().rect_stroke(frame, 1.0, Stroke::new(2.0, t.accent), StrokeKind::Inside);
        let mut place = pos2(area.left() + side + 14.0 * s, area.top() + 6.0);
        for (k, note) in notes.iter().enumerate() {
            let last = k + 1 == notes.len();
            let strongest = if gradients && last {
                format!("; strongest {}", format::brief(f64::from(strongest)))
            } else {
                String::new()
            };
            let text = format!("{note}{strongest}");
            place.y = ui.painter().text(place, Align2::LEFT_TOP, text, self.font(11.5), t.label).bottom() + 4.0;
        }
    }

    /// Points on lines around zero, one below the other.
    fn lines(&self, ui: &mut Ui, name: &str, lines: &[PointLine]) {
        let (t, s) = (self.t, self.scale);
        let size = vec2(ui.available_width().min(480.0 * s), 76.0 * s);
        let (area, response) = ui.allocate_exact_size(size, Sense::hover());
        named(response, Role::Image, name);
        for (k, PointLine { title, values, own }) in lines.iter().enumerate() {
            let reach = values.iter().fold(1e-12_f32, |m, v| m.max(v.abs())) * 1.05;
            let y = area.top() + (14.0 + k as f32 * 38.0) * s;
            let (left, right) = (area.left() + 56.0 * s, area.right() - 16.0 * s);
            let x = |v: f32| left + f32::midpoint(v / reach, 1.0) * (right - left);
            ui.painter().text(pos2(area.left(), y), Align2::LEFT_CENTER, title, self.font(11.0), t.label);
            ui.painter().line_segment([pos2(left, y), pos2(right, y)], Stroke::new(1.0, t.line));
            for v in values {
                let colour = if *v >= 0.0 { t.positive } else { t.negative };
                ui.painter().circle_filled(pos2(x(*v), y), 2.5 * s, colour.gamma_multiply(0.6));
            }
            ui.painter().circle_stroke(pos2(x(*own), y), 5.0 * s, Stroke::new(2.0, t.accent));
            for v in [-reach, 0.0, reach] {
                let text = format::brief(f64::from(v));
                ui.painter().text(pos2(x(v), y + 14.0 * s), Align2::CENTER_CENTER, text, self.font(9.5), t.hint);
            }
        }
    }

    fn grids(&self, ui: &mut Ui, grids: &[Grid], more: &str, name: &str) {
        let (t, s) = (self.t, self.scale);
        let down = grids.iter().map(|g| g.values.len() / g.across).max().unwrap_or(1);
        let across: usize = grids.iter().map(|g| g.across).sum();
        let gap = 44.0 * s;
        let room = ui.available_width() - gap * (grids.len() - 1) as f32;
        let cell = (CELL * s).min(room / across as f32).min((HEIGHT + 40.0) * s / down as f32);
        let size = vec2(ui.available_width(), down as f32 * cell + 20.0 * s);
        let (area, response) = ui.allocate_exact_size(size, Sense::hover());
        named(response, Role::Image, name);
        let mut left = area.left();
        for grid in grids {
            let strongest = grid.values.iter().fold(1e-9_f32, |m, v| m.max(v.abs()));
            let width = grid.across as f32 * cell;
            for (i, &v) in grid.values.iter().enumerate() {
                let corner = pos2(
                    left + (i % grid.across) as f32 * cell,
                    area.top() + 16.0 * s + (i / grid.across) as f32 * cell,
                );
                let rect = Rect::from_min_size(corner, vec2(cell, cell)).shrink(1.0);
                let fill = t.signed(v / strongest);
                ui.painter().rect_filled(rect, 2.0, fill);
                if cell >= 26.0 * s {
                    let text = format::decimals(f64::from(v), if v.abs() < 10.0 { 2 } else { 0 });
                    ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, self.font(10.0), ink_on(fill));
                }
                if grid.framed == Some(i) {
                    ui.painter().rect_stroke(rect, 2.0, Stroke::new(2.0, t.accent), StrokeKind::Inside);
                }
            }
            ui.painter().text(pos2(left, area.top()), Align2::LEFT_TOP, grid.title, self.font(11.0), t.label);
            left += width.max(grid.title.chars().count() as f32 * 5.6 * s) + gap * 0.6;
        }
        if !more.is_empty() && left < area.right() - 150.0 * s {
            ui.painter().text(pos2(left, area.top() + 18.0 * s), Align2::LEFT_TOP, more, self.font(11.0), t.label);
        }
    }

    /// f over z, with the point where this unit stands and the slope there.
    fn curve(&self, ui: &mut Ui, f: Activation, z: f64, a: f64) {
        let (t, s) = (self.t, self.scale);
        let slope = f.slope_at(z, a);
        let size = vec2(ui.available_width().min(420.0 * s), (HEIGHT - 20.0) * s);
        let (area, response) = ui.allocate_exact_size(size, Sense::hover());
        named(response, Role::Image, &format!("Curve of {} with its slope at z = {}", f.label(), format::brief(z)));
        let reach = 4.0_f64.max(z.abs() * 1.2);
        let points: Vec<(f64, f64)> =
            (0..=120).map(|i| -reach + 2.0 * reach * f64::from(i) / 120.0).map(|x| (x, f.at(x))).collect();
        let (low, high) = points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p.1), h.max(p.1)));
        let plot = Rect::from_min_size(area.min, vec2(area.width() * 0.6, area.height()));
        let place = |x: f64, y: f64| -> Pos2 {
            let u = (x + reach) / (2.0 * reach);
            let v = (y - low) / (high - low).max(1e-9);
            pos2(plot.left() + u as f32 * plot.width(), plot.bottom() - 4.0 - v as f32 * (plot.height() - 8.0))
        };
        let quiet = Stroke::new(1.0, t.line);
        ui.painter().line_segment([place(-reach, 0.0), place(reach, 0.0)], quiet);
        ui.painter().line_segment([place(0.0, low), place(0.0, high)], quiet);
        let curve = points.iter().map(|&(x, y)| place(x, y)).collect();
        ui.painter().line(curve, Stroke::new(2.0, t.positive));
        let half = reach * 0.25;
        let tangent = [place(z - half, a - slope * half), place(z + half, a + slope * half)];
        ui.painter().with_clip_rect(plot).line_segment(tangent, Stroke::new(2.0, t.accent));
        ui.painter().circle_filled(place(z, a), 4.0 * s, t.accent);
        let words = [
            (format!("{}({}) = {}", f.label(), format::brief(z), format::brief(a)), t.text),
            (format!("slope there {}", format::brief(slope)), t.accent),
        ];
        let mut top = area.top() + 10.0;
        for (text, colour) in words {
            let used =
                ui.painter().text(pos2(plot.right() + 14.0 * s, top), Align2::LEFT_TOP, text, self.font(12.0), colour);
            top = used.bottom() + 4.0;
        }
    }

    /// Predictions as bars, with the targets they are compared with; backward, what one is more than the other.
    fn probabilities(&self, ui: &mut Ui, index: usize, backward: bool) {
        let (t, s) = (self.t, self.scale);
        let (head, own) = (&self.trace.plan.heads[index], &self.trace.heads[index]);
        let count = own.target.nrows();
        if head.loss.link() == Link::Identity || count < 2 {
            return;
        }
        let (area, response) =
            ui.allocate_exact_size(vec2(ui.available_width().min(560.0 * s), HEIGHT * s), Sense::hover());
        let name =
            if backward { "Predicted probabilities less targets" } else { "Predicted probabilities and targets" };
        named(response, Role::Image, name);
        let wide = area.width() / count as f32;
        let bottom = area.bottom() - 14.0 * s;
        for k in 0..count {
            let (p, target) = (own.prediction[[k, self.sample]], own.target[[k, self.sample]]);
            let left = area.left() + k as f32 * wide;
            let bar = |part: f32, inset: f32| {
                let height = (part.clamp(0.0, 1.0) * (area.height() - 30.0 * s)).max(1.0);
                Rect::from_min_max(pos2(left + inset, bottom - height), pos2(left + wide - inset, bottom))
            };
            let inset = (wide * 0.16).min(10.0);
            let more = p - target;
            let (height, text) = if backward {
                let colour = if more >= 0.0 { t.positive } else { t.negative };
                ui.painter().rect_filled(bar(more.abs(), inset), 2.0, colour);
                (more.abs(), format::brief(f64::from(more)))
            } else {
                ui.painter().rect_filled(bar(p, inset), 2.0, t.positive);
                ui.painter().rect_stroke(bar(target, inset), 2.0, Stroke::new(1.5, t.accent), StrokeKind::Outside);
                (p.max(target), format!("{p:.2}"))
            };
            if wide > 26.0 * s {
                let top = bar(height, inset).top() - 2.0;
                ui.painter().text(pos2(left + wide / 2.0, top), Align2::CENTER_BOTTOM, text, self.font(10.0), t.text);
            }
            let most = ((wide / (6.0 * s)) as usize).max(1);
            let name: String = own.names.get(k).map_or_else(String::new, |n| n.chars().take(most).collect());
            ui.painter().text(
                pos2(left + wide / 2.0, area.bottom()),
                Align2::CENTER_BOTTOM,
                name,
                self.font(10.0),
                t.label,
            );
        }
    }
}
