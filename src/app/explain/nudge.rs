//! The loss around one weight: its curve with the tangent whose slope is the gradient, the step that comes next, what other
//! optimizers would do, and the loss over two weights.

use super::super::curves::{self, Curve};
use super::super::theme::{LABEL, Tokens};
use super::super::widgets::{self, hint, label, named, segmented, title};
use super::assistant::{Along, Assistant, Recorded, SIDE, Walk};
use crate::app::widgets::FollowFocus as _;
use crate::explain::{Trace, parameter_name, proposals};
use crate::format;
use egui::accesskit::Role;
use egui::{Align2, Color32, ColorImage, Layout, RichText, ScrollArea, TextureHandle, TextureOptions, Ui, vec2};
use egui_plot::{Line, LineStyle, PlotImage, PlotPoint, PlotPoints, Points};

/// What the card shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    #[default]
    Curve,
    Optimizers,
    Surface,
}

/// View state of the card.
#[derive(Default)]
pub struct Nudge {
    tab: Tab,
    all: bool,
    /// How far the slider reaches to both sides.
    reach: f64,
    second: Option<usize>,
    asked: Option<(u64, Along)>,
    walk: Option<(u64, Box<Walk>)>,
    /// Where the slider stands, beside the weight's own value; and the loss there once it is known.
    moved: f64,
    point: Option<(f64, f64)>,
    surface: Option<TextureHandle>,
    surface_of: (u64, Option<Along>, bool),
    /// Where the two weights have been while this card was open.
    path: Vec<[f64; 2]>,
    path_of: Option<(usize, usize, u64)>,
    /// Whether the slider has the focus.
    pub sliding: bool,
}

const REACH: f64 = 2.0;

impl Nudge {
    /// A curve has come.
    pub fn take(&mut self, serial: u64, walk: Box<Walk>) {
        self.walk = Some((serial, walk));
    }

    pub fn take_point(&mut self, serial: u64, value: f64, loss: f64) {
        if self.asked.is_some_and(|(s, _)| s == serial) {
            self.point = Some((value, loss));
        }
    }

    /// The curve of a weight, if it is of this recording.
    pub fn walk(&self, serial: u64, index: usize) -> Option<(&Walk, u64)> {
        let (of, walk) = self.walk.as_ref()?;
        (*of == serial && walk.along.index == index).then_some((walk, *of))
    }

    /// The slope of the curve where the slider stands, as a share of that at the weight's own value; none while it stands there.
    pub fn slope_share(&self) -> Option<f64> {
        let (_, walk) = self.walk.as_ref().filter(|_| self.moved != 0.0)?;
        let at = walk.slice.at + self.moved;
        let little = self.reach * 0.02;
        let slope = |w: f64| interpolate(&walk.slice.points, w + little) - interpolate(&walk.slice.points, w - little);
        let own = slope(walk.slice.at).abs();
        (own > 0.0).then(|| slope(at).abs() / own)
    }

    /// Draws the card without its numbers.
    pub fn covered(&mut self, ui: &mut Ui, recorded: &Recorded, weight: usize, words: &str) {
        self.sliding = false;
        ui.label(title("Nudge"));
        let name = RichText::new(parameter_name(&recorded.trace, weight)).size(LABEL);
        ui.add(egui::Label::new(name).truncate());
        ui.add_space(12.0);
        ui.add(egui::Label::new(label(ui, words)).wrap());
    }

    pub fn ui(&mut self, ui: &mut Ui, assistant: &mut Assistant, recorded: &Recorded, weight: usize, t: &Tokens) {
        ui.horizontal(|ui| {
            // The choices take the whole line where there is little room.
            if ui.available_width() > 310.0 {
                ui.label(title("Nudge"));
            }
            ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                let choices = [
                    (Tab::Curve, "curve", "The loss as this weight changes, all others as they are"),
                    (Tab::Optimizers, "optimizers", "The step that each optimizer would take with the same gradient"),
                    (Tab::Surface, "two weights", "The loss as two weights change"),
                ];
                segmented(ui, &mut self.tab, &choices);
            });
        });
        if self.reach == 0.0 {
            self.reach = REACH;
        }
        let trace = &recorded.trace;
        let second = (self.tab == Tab::Surface).then(|| self.second_weight(trace, weight));
        let along = Along { index: weight, reach: self.reach, all: self.all, second: second.flatten() };
        let wanted = (recorded.serial, along);
        if self.asked != Some(wanted) {
            if self.asked.is_none_or(|(_, a)| a.index != weight) {
                (self.moved, self.point) = (0.0, None);
            }
            self.asked = Some(wanted);
            assistant.walk(along);
        }
        let ready = self.walk.as_ref().is_some_and(|(_, walk)| walk.along.index == weight);
        let name = parameter_name(trace, weight);
        ui.add(egui::Label::new(RichText::new(name).size(LABEL).color(t.label)).truncate());
        if !ready {
            ui.add_space(20.0);
            ui.label(hint(ui, "Computing the curve"));
            return;
        }
        match self.tab {
            Tab::Curve => self.curve(ui, assistant, recorded, weight, along, t),
            Tab::Optimizers => self.optimizers(ui, trace, weight, t),
            Tab::Surface => self.surface(ui, recorded, along, t),
        }
    }

    fn curve(
        &mut self,
        ui: &mut Ui,
        assistant: &mut Assistant,
        recorded: &Recorded,
        weight: usize,
        along: Along,
        t: &Tokens,
    ) {
        let foot = 69.0;
        let height = (ui.available_height() - foot).max(60.0);
        let value = self.draw(ui, &recorded.trace, weight, height, None, t);
        ui.horizontal(|ui| {
            let at = value + self.moved;
            let known = self.point.filter(|(w, _)| (*w - at).abs() < 1e-9).map(|(_, loss)| loss);
            let loss = if self.moved == 0.0 { self.walk.as_ref().map(|(_, w)| w.slice.loss) } else { known };
            let text =
                format!("w = {}, L = {}", format::number(at), loss.map_or_else(|| "…".to_owned(), format::number));
            ui.label(RichText::new(text).font(super::super::theme::semibold(LABEL)));
            ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                let rows = self.walk.as_ref().map_or(0, |(_, w)| w.rows);
                let text = format!("over {}", format::counted(rows, "row"));
                let response = ui.selectable_label(self.all, RichText::new(text).size(LABEL));
                let hover = "Click to change between the rows of this step and the training rows (the first 1000)";
                if response.on_hover_text(hover).clicked() {
                    self.all = !self.all;
                }
            });
        });
        ui.spacing_mut().slider_width = ui.available_width() - 4.0;
        let slider = egui::Slider::new(&mut self.moved, -self.reach..=self.reach).show_value(false);
        let response = named(ui.add(slider), Role::Slider, "Nudge the weight");
        self.sliding = response.has_focus();
        if response.changed() {
            assistant.at(along, value + self.moved);
        }
        if response.double_clicked() {
            (self.moved, self.point) = (0.0, None);
        }
        response.on_hover_text(
            "Drag to move this weight alone; the loss is computed anew for each place. Training is not touched",
        );
    }

    /// The curve; `marks` are other places to show on it. Returns the weight's value.
    fn draw(
        &self,
        ui: &mut Ui,
        trace: &Trace<f32>,
        weight: usize,
        height: f32,
        marks: Option<&[(String, f64, Color32)]>,
        t: &Tokens,
    ) -> f64 {
        let Some((_, walk)) = &self.walk else { return 0.0 };
        let slice = &walk.slice;
        let at = slice.at;
        let loss_at = |w: f64| interpolate(&slice.points, w);
        let finite: Vec<[f64; 2]> = slice.points.iter().copied().filter(|p| p[1].is_finite()).collect();
        if finite.len() < 2 || !slice.loss.is_finite() || !walk.slope.is_finite() {
            ui.add(
                egui::Label::new(label(
                    ui,
                    "The loss is not a finite number here, so it has no curve. Rewind to start again.",
                ))
                .wrap(),
            );
            return 0.0;
        }
        let (low, high) =
            finite.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), p| (a.min(p[1]), b.max(p[1])));
        let margin = ((high - low) * 0.12).max(1e-9);
        let finite_ends = (finite.first().map_or(0.0, |p| p[1]), finite.last().map_or(0.0, |p| p[1]));
        let half = self.reach * 0.35;
        let tangent: Vec<[f64; 2]> = [-half, half].iter().map(|d| [at + d, slice.loss + walk.slope * d]).collect();
        let next = f64::from(trace.after[weight]);
        let moved = self.moved;
        let point = self.point;
        let plot = widgets::plot(ui, "nudge", false)
            .height(height)
            .show_grid([false, true])
            .allow_drag(false)
            .allow_zoom(false)
            .allow_scroll(false)
            .allow_boxed_zoom(false)
            .include_x(at - self.reach)
            .include_x(at + self.reach)
            .include_y(low - margin)
            .include_y(high + margin)
            .y_axis_formatter(|mark, _| format::tick(mark.value, mark.step_size))
            .x_axis_formatter(|mark, _| format::tick(mark.value, mark.step_size));
        let plot = curves::quiet(plot).show(ui, |plot| {
            plot.set_plot_bounds_y(low - margin..=high + margin);
            plot.line(Line::new("loss", PlotPoints::from(finite.clone())).color(t.positive).width(2.0));
            let dashed = LineStyle::Dashed { length: 6.0 };
            plot.line(
                Line::new("slope = ∂L/∂w", PlotPoints::from(tangent.clone())).color(t.accent).width(1.5).style(dashed),
            );
            if marks.is_none() {
                let step = vec![[at, slice.loss], [next, loss_at(next)]];
                plot.line(Line::new("next step", PlotPoints::from(step)).color(t.negative).width(2.5));
                plot.points(Points::new("after the update", vec![[next, loss_at(next)]]).radius(4.0).color(t.negative));
            }
            for (name, to, colour) in marks.unwrap_or_default() {
                plot.points(Points::new(name.clone(), vec![[*to, loss_at(*to)]]).radius(4.0).color(*colour));
            }
            plot.points(Points::new("now", vec![[at, slice.loss]]).radius(5.0).color(t.accent));
            if moved != 0.0 {
                let w = at + moved;
                let loss = point.filter(|p| (p.0 - w).abs() < 1e-9).map_or_else(|| loss_at(w), |p| p.1);
                plot.points(Points::new("nudged", vec![[w, loss]]).radius(5.0).color(t.text));
            }
            let lines = [("L", t.positive, &finite), ("on the tangent", t.accent, &tangent)];
            let lines = lines.map(|(name, colour, points)| Curve { name, colour, points, joined: true });
            curves::read(plot, &lines)
        });
        let weight = |w: f64| format!("w = {}", format::number(w));
        curves::tell(&plot.response, plot.inner.as_ref(), weight, format::number);
        // What the lines are, where the curve leaves room.
        let rect = plot.response.rect;
        let falls = finite_ends.0 > finite_ends.1;
        let mut place = if falls { rect.right_top() + vec2(-8.0, 6.0) } else { rect.left_top() + vec2(44.0, 6.0) };
        let align = if falls { Align2::RIGHT_TOP } else { Align2::LEFT_TOP };
        let own = trace.rule.optimizer.label();
        let mut words = vec![(format!("slope ∂L/∂w = {}", format::number(walk.slope)), t.accent)];
        if marks.is_none() {
            words.push((format!("next step of {own}, to {}", format::number(next)), t.negative));
        }
        for (text, colour) in words {
            let text = ui.painter().layout_no_wrap(text, super::super::theme::regular(11.0), colour);
            let used = align.anchor_size(place, text.size());
            // No line of the plot goes through it.
            ui.painter().rect_filled(used.expand(1.0), 2.0, t.panel);
            ui.painter().galley(used.min, text, colour);
            place.y = used.bottom() + 2.0;
        }
        named(plot.response, Role::Image, "Loss along the weight");
        at
    }

    fn optimizers(&mut self, ui: &mut Ui, trace: &Trace<f32>, weight: usize, t: &Tokens) {
        let all = proposals(trace, weight);
        let at = f64::from(trace.before[weight]);
        let marks: Vec<(String, f64, Color32)> =
            all.iter().enumerate().map(|(k, p)| (p.optimizer.label().to_owned(), p.to, t.class(k))).collect();
        let height = (ui.available_height() * 0.36).max(60.0);
        self.draw(ui, trace, weight, height, Some(&marks), t);
        let rate = format::brief(f64::from(trace.rule.learning_rate));
        let own = trace.rule.optimizer.label();
        let text = format!("At learning rate {rate}; all but {own} begin afresh");
        ui.add(egui::Label::new(hint(ui, text)).truncate());
        ScrollArea::vertical().id_salt("proposals").auto_shrink(false).show_with_focus(ui, |ui| {
            egui::Grid::new("proposals")
                .num_columns(4)
                .min_col_width(8.0)
                .min_row_height(15.0)
                .spacing([10.0, 1.0])
                .show(ui, |ui| {
                    for (k, p) in all.iter().enumerate() {
                        let (dot, _) = ui.allocate_exact_size(vec2(10.0, 15.0), egui::Sense::hover());
                        ui.painter().circle_filled(dot.center(), 4.0, t.class(k));
                        let name = RichText::new(p.optimizer.label()).size(LABEL);
                        ui.label(if p.current { name.strong().color(t.accent) } else { name });
                        let step = p.to - at;
                        let colour = if step >= 0.0 { t.positive } else { t.negative };
                        ui.label(RichText::new(format::number(step)).size(LABEL).color(colour));
                        let loss = self.walk.as_ref().map(|(_, w)| interpolate(&w.slice.points, p.to));
                        ui.label(label(ui, format!("L {}", loss.map_or_else(String::new, format::number))));
                        ui.end_row();
                    }
                });
        });
    }

    /// The weight beside the chosen one: another into the same unit.
    fn second_weight(&mut self, trace: &Trace<f32>, weight: usize) -> Option<usize> {
        let fits = |&s: &usize| s != weight && s < trace.plan.learning;
        self.second = self.second.filter(fits).or_else(|| {
            let others = others(trace, weight);
            others.into_iter().max_by(|&a, &b| trace.gradient[a].abs().total_cmp(&trace.gradient[b].abs()))
        });
        self.second
    }

    fn surface(&mut self, ui: &mut Ui, recorded: &Recorded, along: Along, t: &Tokens) {
        let trace = &recorded.trace;
        let Some(second) = along.second else {
            ui.label(label(ui, "There is no second weight beside this one."));
            return;
        };
        ui.horizontal(|ui| {
            ui.label(label(ui, "and"));
            let all = others(trace, along.index);
            let text = |w: usize| format!("{} (up)", parameter_name(trace, w));
            ui.spacing_mut().combo_width = ui.available_width() - 8.0;
            if let Some(w) = widgets::choice(ui, "Second weight", second, all, text, |a, b| a == b) {
                self.second = Some(w);
            }
        });
        let pair = (along.index, second, recorded.generation);
        if self.path_of != Some(pair) {
            (self.path, self.path_of) = (Vec::new(), Some(pair));
        }
        let now = [f64::from(trace.before[along.index]), f64::from(trace.before[second])];
        if self.path.last() != Some(&now) {
            self.path.push(now);
        }
        let Some((serial, walk)) = self.walk.as_ref().filter(|(_, w)| w.along.second == Some(second)) else {
            ui.label(hint(ui, "Computing the surface"));
            return;
        };
        let Some(values) = &walk.surface else { return };
        let dark = ui.visuals().dark_mode;
        if self.surface_of != (*serial, Some(walk.along), dark) {
            self.surface_of = (*serial, Some(walk.along), dark);
            let image = surface_image(values, t);
            match &mut self.surface {
                Some(handle) => handle.set(image, TextureOptions::LINEAR),
                None => self.surface = Some(ui.ctx().load_texture("loss surface", image, TextureOptions::LINEAR)),
            }
        }
        let Some(texture) = self.surface.as_ref().map(TextureHandle::id) else { return };
        let (reach, path) = (walk.along.reach, self.path.clone());
        let centre = walk.slice.at;
        let middle = f64::from(trace.before[second]);
        let next = [f64::from(trace.after[along.index]), f64::from(trace.after[second])];
        // The words below take a second line where there is little room.
        let foot = if ui.available_width() < 350.0 { 38.0 } else { 22.0 };
        let height = (ui.available_height() - foot).max(60.0);
        let plot = widgets::plot(ui, "loss surface", false)
            .height(height)
            .show_grid(false)
            .allow_drag(false)
            .allow_zoom(false)
            .allow_scroll(false)
            .allow_boxed_zoom(false)
            .x_axis_formatter(|mark, _| format::tick(mark.value, mark.step_size))
            .y_axis_formatter(|mark, _| format::tick(mark.value, mark.step_size));
        let plot = plot.show(ui, |plot| {
            plot.set_plot_bounds_x(centre - reach..=centre + reach);
            plot.set_plot_bounds_y(middle - reach..=middle + reach);
            let size = vec2(2.0 * reach as f32, 2.0 * reach as f32);
            plot.image(PlotImage::new("loss", texture, PlotPoint::new(centre, middle), size));
            plot.line(Line::new("path of training", PlotPoints::from(path)).color(t.text).width(1.5));
            plot.line(Line::new("next step", PlotPoints::from(vec![now, next])).color(t.negative).width(3.0));
            plot.points(Points::new("now", vec![now]).radius(5.0).color(t.accent));
        });
        named(plot.response, Role::Image, "Loss over two weights");
        let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
        let text = format!(
            "L from {} to {}, stronger is higher; line: training so far",
            format::number(low),
            format::number(high)
        );
        ui.add(egui::Label::new(hint(ui, text)).wrap());
    }
}

/// Other weights of the same layer, those into the same unit first, as many as a list can show.
fn others(trace: &Trace<f32>, weight: usize) -> Vec<usize> {
    const MOST: usize = 60;
    let Some(p) = trace.parameter(weight) else { return Vec::new() };
    let mut all: Vec<usize> = p.range.clone().filter(|&w| w != weight).collect();
    all.sort_by_cached_key(|w| !p.shape.same_output(w - p.range.start, weight - p.range.start));
    all.truncate(MOST);
    all
}

/// The loss between two points of the curve.
fn interpolate(points: &[[f64; 2]], w: f64) -> f64 {
    let (first, last) = (points[0][0], points[points.len() - 1][0]);
    let place = ((w - first) / (last - first) * (points.len() - 1) as f64).clamp(0.0, (points.len() - 1) as f64);
    let (i, part) = (place.floor() as usize, place.fract());
    let next = (i + 1).min(points.len() - 1);
    points[i][1] + (points[next][1] - points[i][1]) * part
}

/// Dark where the loss is low, with contours where it passes tenths of its range.
fn surface_image(values: &[f64], t: &Tokens) -> ColorImage {
    const FINE: usize = 6;
    const LEVELS: f64 = 10.0;
    let (low, high) = values
        .iter()
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    let span = (high - low).max(1e-12);
    let n = (SIDE - 1) * FINE + 1;
    let height = |x: usize, y: usize| {
        let (i, j) = ((x / FINE).min(SIDE - 2), (y / FINE).min(SIDE - 2));
        let (u, v) = ((x - i * FINE) as f64 / FINE as f64, (y - j * FINE) as f64 / FINE as f64);
        let at = |i: usize, j: usize| (values[j * SIDE + i] - low) / span;
        (at(i, j) * (1.0 - u) + at(i + 1, j) * u) * (1.0 - v) + (at(i, j + 1) * (1.0 - u) + at(i + 1, j + 1) * u) * v
    };
    let level = |h: f64| (h.clamp(0.0, 1.0).sqrt() * LEVELS).floor() as i32;
    let mut pixels = Vec::with_capacity(n * n);
    for y in (0..n).rev() {
        for x in 0..n {
            let h = height(x, y);
            let edge =
                level(h) != level(height((x + 1).min(n - 1), y)) || level(h) != level(height(x, (y + 1).min(n - 1)));
            let fill = super::super::theme::mix(t.background, t.positive, h.clamp(0.0, 1.0).sqrt() as f32 * 0.85);
            pixels.push(if edge { super::super::theme::mix(fill, t.text, 0.35) } else { fill });
        }
    }
    ColorImage::new([n, n], pixels)
}
