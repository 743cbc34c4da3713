//! A canvas on which points are painted and erased; they are the document's data.

use super::super::state::Model;
use super::super::theme::{LABEL, regular, tokens};
use super::super::widgets::{hint, label, named, segmented};
use crate::data::{DataSource, Drawing, DrawingKind, class_name};
use crate::seed::{Purpose, Stream};
use egui::accesskit::Role;
use egui::{Align2, Color32, Pos2, Rect, Sense, Slider, Stroke, StrokeKind, Ui, pos2, vec2};

/// What the mouse does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Paint(u8),
    Erase,
}

/// The tool, and the stroke under way.
pub struct DrawView {
    tool: Tool,
    /// Radius of the brush, in units of the plane.
    brush: f64,
    /// Points a stroke leaves at each place.
    density: usize,
    /// The drawing while the button is down; it becomes the document's when it is let go.
    stroke: Option<Drawing>,
    last: Option<(f64, f64)>,
    strokes: u64,
}

impl Default for DrawView {
    fn default() -> Self {
        Self { tool: Tool::Paint(0), brush: 0.5, density: 3, stroke: None, last: None, strokes: 0 }
    }
}

impl DrawView {
    /// Draws tools and canvas.
    pub fn ui(&mut self, ui: &mut Ui, model: &Model) {
        let DataSource::Drawing(drawing) = model.document().data.source.clone() else { return };
        let mut new = drawing.clone();
        self.tools(ui, &mut new);
        let shown = self.stroke.clone().unwrap_or_else(|| new.clone());
        let area = ui.available_rect_before_wrap();
        let side = area.width().min(area.height() - 4.0).max(120.0);
        let rect = Rect::from_min_size(area.min, vec2(side, side));
        let response = named(ui.allocate_rect(rect, Sense::click_and_drag()), Role::Canvas, "Drawing");
        paint(ui, rect, &shown, new.kind);
        beside(ui, rect, area, model);
        if shown.points.is_empty() {
            let t = tokens(ui);
            let text = if new.kind == DrawingKind::Classes {
                "Paint points of each class here"
            } else {
                "Draw a function from left to right"
            };
            ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, regular(15.0), t.label);
        }
        let at = |p: Pos2| {
            let reach = Drawing::REACH;
            let part = |v: f32, low: f32| f64::from((v - low) / side) * 2.0 * reach - reach;
            (part(p.x, rect.left()), -part(p.y, rect.top()))
        };
        if let Some(p) = response.hover_pos() {
            let radius = (self.brush / (2.0 * Drawing::REACH)) as f32 * side;
            ui.painter().circle_stroke(p, radius.max(3.0), Stroke::new(1.0, tokens(ui).label));
        }
        let held = response.is_pointer_button_down_on();
        if let Some(p) = response.interact_pointer_pos().filter(|_| held) {
            if self.stroke.is_none() {
                self.strokes += 1;
            }
            let mut stroke = self.stroke.take().unwrap_or_else(|| new.clone());
            self.touch(&mut stroke, at(p));
            self.stroke = Some(stroke);
            ui.ctx().request_repaint();
        }
        if !held && let Some(stroke) = self.stroke.take() {
            self.last = None;
            new = stroke;
        }
        if new != drawing {
            model.choose_source(DataSource::Drawing(new));
        }
    }

    fn tools(&mut self, ui: &mut Ui, new: &mut Drawing) {
        ui.horizontal_wrapped(|ui| {
            let kinds = [
                (DrawingKind::Classes, "Classes", "Points of several classes"),
                (DrawingKind::Function, "Function", "y over x"),
            ];
            segmented(ui, &mut new.kind, &kinds);
            ui.add_space(6.0);
            if new.kind == DrawingKind::Classes {
                let t = tokens(ui);
                for class in 0..Drawing::CLASSES as u8 {
                    let on = self.tool == Tool::Paint(class);
                    let (rect, response) = ui.allocate_exact_size(vec2(26.0, 26.0), Sense::click());
                    let name = format!("Paint class {}", class_name(class));
                    let response = named(response, Role::Button, &name).on_hover_text(&name);
                    let fill = t.class(usize::from(class));
                    ui.painter().circle_filled(rect.center(), if on { 12.0 } else { 9.0 }, fill);
                    if on || response.has_focus() {
                        ui.painter().circle_stroke(rect.center(), 12.5, Stroke::new(1.5, t.text));
                    }
                    let ink = super::super::theme::ink_on(fill);
                    ui.painter().text(rect.center(), Align2::CENTER_CENTER, class_name(class), regular(LABEL), ink);
                    if response.clicked() {
                        self.tool = Tool::Paint(class);
                    }
                }
            } else if ui.selectable_label(self.tool != Tool::Erase, "Draw").clicked() {
                self.tool = Tool::Paint(0);
            }
            if ui
                .selectable_label(self.tool == Tool::Erase, "Erase")
                .on_hover_text("Takes away what lies under the brush")
                .clicked()
            {
                self.tool = Tool::Erase;
            }
            ui.add_space(6.0);
            ui.spacing_mut().slider_width = 70.0;
            ui.label(label(ui, "Brush"));
            let brush = Slider::new(&mut self.brush, 0.05..=2.0).max_decimals(2).show_value(false);
            named(ui.add(brush), Role::Slider, "Size of the brush");
            ui.label(label(ui, "Points"));
            let density = Slider::new(&mut self.density, 1..=12).show_value(false);
            named(ui.add(density), Role::Slider, "Points at each place");
            if ui.add_enabled(!new.points.is_empty(), egui::Button::new("Clear")).clicked() {
                new.points.clear();
            }
            ui.label(hint(ui, format!("{} points", new.points.len())));
        });
        ui.add_space(4.0);
    }

    /// Applies the brush along the pointer's path.
    fn touch(&mut self, drawing: &mut Drawing, (x, y): (f64, f64)) {
        let from = self.last.unwrap_or((x, y));
        let way = (x - from.0).hypot(y - from.1);
        let stretch = (self.brush * 0.6).max(0.08);
        if self.last.is_some() && way < stretch {
            return;
        }
        self.last = Some((x, y));
        let Tool::Paint(class) = self.tool else {
            let reach = self.brush.max(0.1);
            drawing.points.retain(|p| (p.0 - x).hypot(p.1 - y) > reach);
            return;
        };
        // The random positions depend on the drawing only, so that the same strokes give the same data.
        let mut stream = Stream::new(self.strokes, Purpose::Data, drawing.points.len() as u64);
        let round = |v: f64| (v * 1000.0).round() / 1000.0;
        for _ in 0..self.density {
            if drawing.points.len() >= Drawing::MOST {
                return;
            }
            let (radius, angle) = (self.brush * stream.uniform().sqrt(), stream.uniform() * std::f64::consts::TAU);
            let (dx, dy) = (radius * libm::cos(angle), radius * libm::sin(angle));
            let inside = |v: f64| round(v.clamp(-Drawing::REACH, Drawing::REACH));
            let class = if drawing.kind == DrawingKind::Function { 0 } else { class };
            drawing.points.push((inside(x + dx), inside(y + dy), class));
        }
    }
}

/// What the drawing still lacks, or what can be done with it.
fn beside(ui: &mut Ui, canvas: Rect, area: Rect, model: &Model) {
    let place = Rect::from_min_max(pos2(canvas.right() + 14.0, canvas.top()), area.max);
    if place.width() < 90.0 {
        return;
    }
    let t = tokens(ui);
    super::super::widgets::at(ui, place, egui::Layout::top_down(egui::Align::Min), |ui| {
        let text = match model.data_error() {
            Some(error) => egui::RichText::new(error).size(LABEL).color(t.negative),
            None => label(
                ui,
                "These points are the data of the document: they are saved in the preset, and Build and Train work on them as on any other.",
            ),
        };
        ui.add(egui::Label::new(text).wrap());
    });
}

fn paint(ui: &Ui, rect: Rect, drawing: &Drawing, kind: DrawingKind) {
    let t = tokens(ui);
    let painter = ui.painter().with_clip_rect(rect);
    painter.rect_filled(rect, 8.0, t.panel);
    let reach = Drawing::REACH;
    let place = |x: f64, y: f64| {
        let part = |v: f64| ((v + reach) / (2.0 * reach)) as f32;
        pos2(rect.left() + rect.width() * part(x), rect.bottom() - rect.height() * part(y))
    };
    for k in -5..=5 {
        let (v, width) = (f64::from(k), if k == 0 { 1.2 } else { 0.5 });
        painter.line_segment([place(v, -reach), place(v, reach)], Stroke::new(width, t.line));
        painter.line_segment([place(-reach, v), place(reach, v)], Stroke::new(width, t.line));
    }
    let colour =
        |class: u8| -> Color32 { if kind == DrawingKind::Function { t.positive } else { t.class(usize::from(class)) } };
    for &(x, y, class) in &drawing.points {
        painter.circle_filled(place(x, y), 3.0, colour(class));
    }
    ui.painter().rect_stroke(rect, 8.0, Stroke::new(1.0, t.line), StrokeKind::Inside);
}
