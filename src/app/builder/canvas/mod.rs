//! The canvas of Build: the network with neurons and weights, or as cards when zoomed out. It brings together pan and
//! zoom (camera), painting (layers, wires, weights) and the pointer's actions (gestures).

mod camera;
mod gestures;
mod layers;
mod units;
mod weights;
mod wires;

use super::edits;
use super::playground::hidden;
use crate::app::diagram::layout::place;
use crate::app::fix::fix_button;
use crate::app::icon;
use crate::app::keyboard;
use crate::app::picture::Pictures;
use crate::app::state::{Action, Model};
use crate::app::theme::{LABEL, tokens};
use crate::app::widgets::{self, at, icon_button, label, named, segmented};
use crate::format;
use crate::nn::{LayerId, LayerSpec};
use camera::{Camera, View};
use egui::accesskit::Role;
use egui::{Align, Layout, Rect, RichText, Sense, Shape, Stroke, StrokeKind, Ui, pos2, vec2};
use gestures::Gestures;
use units::Hover;
use weights::{Lines, Matrices};

/// What one click on a button of the zoom multiplies.
const ZOOM_STEP: f32 = 1.1;

/// View state of the canvas.
#[derive(Default)]
pub struct Canvas {
    camera: Camera,
    gestures: Gestures,
    lines: Lines,
    matrices: Matrices,
}

impl Canvas {
    /// Shows the whole network in the next frame.
    pub fn fit(&mut self) {
        self.camera.fit();
    }

    /// Draws the canvas over the rest of `ui`; where somebody `plays`, neurons are added and removed above their layers.
    pub fn ui(&mut self, ui: &mut Ui, model: &Model, pictures: &Pictures, plays: bool) {
        let t = tokens(ui);
        let (area, background) = ui.allocate_exact_size(ui.available_size(), Sense::click_and_drag());
        let background = named(background, Role::Canvas, "Network canvas");
        ui.painter().rect_filled(area, 0.0, t.background);
        let mut placed = place(&model.document().network, model.inference());
        self.camera.navigate(ui, &background, area, &placed, self.gestures.is_selecting());
        self.gestures.carry(&mut placed);
        let over = |p: &egui::Pos2| area.contains(*p) && background.contains_pointer();
        let view = View {
            area,
            to_screen: self.camera.to_screen(area),
            placed: &placed,
            painter: ui.painter().with_clip_rect(area),
            t,
            pointer: ui.input(|i| i.pointer.hover_pos()).filter(over),
        };
        view.grid();
        self.matrices.refresh(ui, model, self.lines, t);

        let mut hover = None;
        for w in &model.document().network.wires {
            let found = wires::paint(&view, model, self.lines, *w);
            hover = hover.or(found);
        }
        self.gestures.paint_target(model, &view);
        let unit = self.layers(ui, model, pictures, &view);
        if plays && view.shows_neurons() {
            neuron_buttons(ui, model, &view);
        }
        let hover = unit.or(hover);
        self.gestures.paint_wiring(ui, &view);
        gestures::receive_drop(ui, &background, model, &mut self.camera, &view);
        self.gestures.select_band(ui, &background, model, &view);
        self.gestures.context_menu(&background, model, &mut self.camera, &view);
        let escaped = keyboard::escaped(ui.ctx());
        if background.clicked() || escaped {
            model.select([]);
        }
        if let (Some(hover), false) = (hover, ui.input(|i| i.pointer.any_down())) {
            units::tooltip(ui, &background, model, pictures, &hover);
        }
        self.tools(ui, model, area);
        global_problems(ui, model, area);
    }

    /// Draws all layers and handles clicks and drags on them; returns the unit under the pointer.
    fn layers(&mut self, ui: &mut Ui, model: &Model, pictures: &Pictures, view: &View<'_>) -> Option<Hover> {
        let mut hover = None;
        let layers: Vec<LayerSpec> = model.document().network.layers.clone();
        let pitch = layers::column_pitch(view.placed) * view.scale();
        for layer in &layers {
            let Some(p) = view.placed.get(&layer.id) else { continue };
            let rect = view.to_screen.mul_rect(p.rect);
            if !rect.expand(60.0).intersects(view.area) {
                continue;
            }
            self.gestures.layer(ui, model, &mut self.camera, view, layer, rect.intersect(view.area));
            if let Some(unit) = layers::paint(view, model, pictures, &self.matrices, layer, p) {
                hover = Some(Hover::Neuron(layer.id, unit));
            }
            layers::titles(view, layer, rect, pitch);
            layers::footer(view, model, layer.id, p, rect, pitch);
            self.gestures.port(ui, model, view, layer, rect);
            if layers::is_broken(model, layer.id) {
                problem(ui, model, layer.id, rect, view.area);
            }
        }
        hover
    }

    /// Buttons for zoom, for what the lines show, and for the row whose values the neurons show.
    fn tools(&mut self, ui: &mut Ui, model: &Model, area: Rect) {
        let t = tokens(ui);
        let strip = Rect::from_min_max(
            pos2(area.left() + 12.0, area.bottom() - 44.0),
            pos2(area.right() - 12.0, area.bottom() - 10.0),
        );
        let under = ui.painter().add(Shape::Noop);
        let used = at(ui, strip, Layout::left_to_right(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            let middle = (area.size() / 2.0).to_pos2();
            if icon_button(ui, icon::MINUS, "Zoom out", "scroll down", true).clicked() {
                self.camera.zoom_around(middle, 1.0 / ZOOM_STEP);
            }
            let percent = format::percent(self.camera.scale(), 0);
            ui.add_sized(vec2(44.0, 28.0), egui::Label::new(label(ui, percent)));
            if icon_button(ui, icon::PLUS, "Zoom in", "scroll up", true).clicked() {
                self.camera.zoom_around(middle, ZOOM_STEP);
            }
            if icon_button(ui, icon::FIT, "Fit network to view", "F", true).clicked() {
                self.fit();
            }
            ui.add_space(8.0);
            let choices = [
                (Lines::Weights, "weights", "Lines show the weights: blue positive, orange negative, width is size"),
                (Lines::Gradients, "gradients", "Lines show ∂L/∂w of the last mini-batch"),
            ];
            segmented(ui, &mut self.lines, &choices);
            if let Some(data) = model.dataset().cloned() {
                ui.add_space(8.0);
                let begin = named(ui.button("New network"), Role::Button, "New network for these data");
                if begin.on_hover_text("What suits rows, series or pictures; undo takes it back").clicked() {
                    model.queue(Action::ResetNetwork);
                }
                ui.label(label(ui, "Values for row"));
                let mut row = model.sample() + 1;
                ui.spacing_mut().interact_size = vec2(48.0, 26.0);
                let field = egui::DragValue::new(&mut row).range(1..=data.rows()).speed(0.1);
                if named(ui.add(field), Role::SpinButton, "Row whose values are shown").changed() {
                    model.show_sample(row - 1);
                }
                let text = format!("of {}: {}", data.rows(), data.target().describe(model.sample()));
                ui.add(egui::Label::new(label(ui, text)).truncate());
            }
            ui.min_rect()
        });
        let frame = used.expand2(vec2(6.0, 2.0));
        let stroke = Stroke::new(1.0, t.line);
        ui.painter().set(under, egui::epaint::RectShape::new(frame, 8.0, t.panel, stroke, StrokeKind::Inside));
    }
}

/// Above each hidden layer: one neuron less, or more.
fn neuron_buttons(ui: &mut Ui, model: &Model, view: &View<'_>) {
    const MOST: usize = 64;
    /// Above the title of a layer.
    const ABOVE: f32 = 53.0;
    let network = &model.document().network;
    for id in hidden(network) {
        let Some((layer, p)) = network.layer(id).zip(view.placed.get(&id)) else { continue };
        let Some(units) = layer.kind.definition().units() else { continue };
        let top = view.to_screen.mul_rect(p.rect).center_top() - vec2(0.0, ABOVE);
        let place = Rect::from_center_size(top, vec2(46.0, 20.0));
        if !view.area.contains_rect(place) {
            continue;
        }
        at(ui, place, Layout::left_to_right(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            for (glyph, word, new, enabled) in [
                (icon::MINUS, "less", units.saturating_sub(1), units > 1),
                (icon::PLUS, "more", units + 1, units < MOST),
            ] {
                let button = egui::Button::new(RichText::new(glyph).size(11.0)).min_size(vec2(21.0, 20.0));
                let name = format!("One neuron {word} in {}", layer.name);
                if named(ui.add_enabled(enabled, button), Role::Button, &name).on_hover_text(&name).clicked() {
                    edits::set_units(model, id, new);
                }
            }
        });
    }
}

/// A problem of a layer, shown under it, with a button that fixes it.
fn problem(ui: &mut Ui, model: &Model, id: LayerId, rect: Rect, area: Rect) {
    let Some(problem) = model.inference().problems.iter().find(|p| p.layer == Some(id)).cloned() else { return };
    let width = 220.0;
    let left =
        (rect.center().x - width / 2.0).clamp(area.left() + 8.0, (area.right() - width - 8.0).max(area.left() + 8.0));
    let top = (rect.bottom() + 10.0).min(area.bottom() - 160.0).max(area.top() + 8.0);
    let place = Rect::from_min_size(pos2(left, top), vec2(width, 150.0));
    at(ui, place, Layout::top_down(Align::Min), |ui| problem_box(ui, model, &problem));
}

fn problem_box(ui: &mut Ui, model: &Model, problem: &crate::nn::Problem) {
    let t = tokens(ui);
    widgets::card(ui).stroke(Stroke::new(1.0, t.problem)).inner_margin(10).show(ui, |ui| {
        let text = problem.text(&model.document().network);
        ui.horizontal_top(|ui| {
            ui.label(RichText::new(icon::WARNING).size(15.0).color(t.problem));
            ui.add(egui::Label::new(RichText::new(text).size(LABEL)).wrap());
        });
        if let Some(fix) = problem.fix.clone() {
            fix_button(ui, model, &fix.into());
        }
    });
}

fn global_problems(ui: &mut Ui, model: &Model, area: Rect) {
    if let Some(e) = model.data_error().map(str::to_owned) {
        let place = Rect::from_center_size(area.center_top() + vec2(0.0, 60.0), vec2(420.0, 90.0));
        at(ui, place, Layout::top_down(Align::Min), |ui| {
            widgets::message(ui, icon::WARNING, tokens(ui).problem, "No data to train on", &e);
        });
        return;
    }
    let Some(problem) = model.inference().problems.iter().find(|p| p.layer.is_none()).cloned() else { return };
    let place = Rect::from_min_size(area.center_top() + vec2(-160.0, 16.0), vec2(320.0, 90.0));
    at(ui, place, Layout::top_down(Align::Min), |ui| problem_box(ui, model, &problem));
}
