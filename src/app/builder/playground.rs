//! What is changed in place while data in the plane are learned: the data, their noise, derived features, and how many layers there
//! are.

use super::edits;
use crate::app::icon;
use crate::app::picture::Pictures;
use crate::app::state::Model;
use crate::app::theme::{LABEL, tokens};
use crate::app::widgets::{choice, label, named};
use crate::data::{DataSource, Dataset, Generator, Preparation, PreparationStep, Shape, StepKind};
use crate::nn::{LayerId, NetworkSpec};
use egui::accesskit::Role;
use egui::{Button, Color32, CornerRadius, Frame, Margin, RichText, Sense, Slider, Stroke, Ui, vec2};

/// Whether there is something to change in place: data that are made here, and lie in the plane or on a line.
pub fn is_offered(model: &Model, pictures: &Pictures) -> bool {
    let made = matches!(model.document().data.source, DataSource::Generator(_) | DataSource::Drawing(_));
    made && (pictures.bounds.is_some() || model.dataset().is_some_and(|d| d.features() == 1))
}

/// Draws the controls in a row.
pub fn ui(ui: &mut Ui, model: &Model, pictures: &Pictures) {
    let t = tokens(ui);
    Frame::new().fill(t.panel).inner_margin(Margin::symmetric(12, 5)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
            ui.spacing_mut().button_padding.x = 6.0;
            ui.spacing_mut().interact_size.y = 24.0;
            data(ui, model);
            if let (Some(data), Some(bounds)) = (model.dataset(), pictures.bounds) {
                features(ui, model, data, bounds.axes);
            }
            layers(ui, model);
        });
    });
}

fn data(ui: &mut Ui, model: &Model) {
    let DataSource::Generator(own) = &model.document().data.source else { return };
    ui.label(label(ui, "Data"));
    ui.spacing_mut().combo_width = 104.0;
    let plane = |s: &Shape| matches!(s.group(), "Two classes" | "Three or more classes" | "Regression");
    let shapes = Shape::ALL.into_iter().filter(plane);
    let text = |s: Shape| s.label().to_owned();
    let shape = choice(ui, "Toy data", own.shape, shapes, text, Shape::same_kind);
    ui.label(label(ui, "Noise"));
    ui.spacing_mut().slider_width = 56.0;
    let mut noise = own.noise;
    let slider = Slider::new(&mut noise, 0.0..=1.0).max_decimals(2).show_value(false);
    let slider = named(ui.add(slider), Role::Slider, "Noise of the data").on_hover_text(format!("Noise {noise:.2}"));
    if shape.is_some() || slider.changed() {
        let shape = shape.unwrap_or(own.shape);
        model.choose_source(DataSource::Generator(Generator { shape, noise, ..own.clone() }));
    }
    ui.add_space(6.0);
}

/// A derived feature that can be switched on and off.
struct Derived {
    label: String,
    hover: String,
    kind: StepKind,
    /// The columns that it follows from.
    of: Vec<String>,
}

fn features(ui: &mut Ui, model: &Model, data: &Dataset, axes: [usize; 2]) {
    let Some(table) = model.table() else { return };
    let plan = model.plan(table);
    let [x, y] = axes.map(|k| data.encoder.feature_names().get(k).cloned().unwrap_or_default());
    ui.label(label(ui, "Features"));
    for name in [&x, &y] {
        // They are the axes of every picture.
        chip(ui, name, true, false).on_hover_text("The coordinates are always features");
    }
    let square = StepKind::Polynomial { degree: 2 };
    let derived = |label: String, hover: String, kind, of: Vec<&String>| Derived {
        label,
        hover,
        kind,
        of: of.into_iter().cloned().collect(),
    };
    let all = [
        derived(format!("{x}²"), format!("The square of {x}"), square, vec![&x]),
        derived(format!("{y}²"), format!("The square of {y}"), square, vec![&y]),
        derived(format!("{x}{y}"), format!("The product of {x} and {y}"), StepKind::Products, vec![&x, &y]),
        derived(format!("sin {x}"), format!("Sine and cosine of {x}"), StepKind::Waves, vec![&x]),
        derived(format!("sin {y}"), format!("Sine and cosine of {y}"), StepKind::Waves, vec![&y]),
    ];
    let steps = plan.all_steps();
    for feature in &all {
        let on = steps.iter().any(|step| feature.made_by(step));
        if chip(ui, &feature.label, on, true).on_hover_text(&feature.hover).clicked() {
            model.edit_preparation("Change features", None, |plan| feature.switch(plan, !on, [&x, &y]));
        }
    }
    ui.add_space(6.0);
}

impl Derived {
    fn made_by(&self, step: &PreparationStep) -> bool {
        !step.off
            && step.kind == self.kind
            && (step.columns.is_empty() || self.of.iter().all(|c| step.columns.contains(c)))
    }

    /// Switched on it follows from the coordinates as they are, and is scaled like these.
    fn switch(&self, plan: &mut Preparation, on: bool, axes: [&String; 2]) {
        let mut steps = plan.all_steps();
        if on {
            let place = steps.iter().position(|s| s.kind == StepKind::Treat).unwrap_or(steps.len());
            let columns = self.of.clone();
            steps.insert(place, PreparationStep { kind: self.kind, columns, off: false });
        } else {
            steps.retain_mut(|step| {
                if !self.made_by(step) {
                    return true;
                }
                if step.columns.is_empty() {
                    step.columns = axes.map(Clone::clone).to_vec();
                }
                step.columns.retain(|c| !self.of.contains(c));
                !step.columns.is_empty()
            });
        }
        plan.steps = steps;
    }
}

fn chip(ui: &mut Ui, name: &str, on: bool, enabled: bool) -> egui::Response {
    let t = tokens(ui);
    let colour = if on { t.text } else { t.label };
    let button = Button::new(RichText::new(name).size(LABEL).color(colour))
        .fill(if on { t.raised } else { Color32::TRANSPARENT })
        .stroke(Stroke::new(1.0, if on { t.accent } else { t.line }))
        .corner_radius(CornerRadius::same(5))
        .sense(if enabled { Sense::click() } else { Sense::hover() })
        .selected(on);
    named(ui.add(button), Role::Button, &format!("Feature {name}"))
}

fn layers(ui: &mut Ui, model: &Model) {
    let hidden = hidden(&model.document().network);
    ui.label(label(ui, "Layers")).on_hover_text("Hidden layers");
    let button = |ui: &mut Ui, glyph: &str, name: &str, enabled: bool| {
        let button = Button::new(RichText::new(glyph).size(LABEL)).min_size(vec2(22.0, 22.0));
        named(ui.add_enabled(enabled, button), Role::Button, name).on_hover_text(name).clicked()
    };
    if button(ui, icon::MINUS, "One hidden layer less", !hidden.is_empty())
        && let Some(&last) = hidden.last()
    {
        model.select([]);
        model.edit("Change hidden layers", None, |d| d.network.remove(last));
    }
    ui.label(RichText::new(hidden.len().to_string()).size(LABEL));
    if button(ui, icon::PLUS, "One hidden layer more", hidden.len() < MOST_LAYERS) {
        edits::add_hidden(model, hidden.last().copied());
    }
}

/// Layers that the row adds at most; the palette adds more.
const MOST_LAYERS: usize = 8;

/// Layers of neurons that feed no output, in computing order.
pub fn hidden(network: &NetworkSpec) -> Vec<LayerId> {
    let neurons = |id: &LayerId| network.layer(*id).is_some_and(|l| l.kind.definition().units().is_some());
    network.topological_order().0.into_iter().filter(|id| neurons(id) && !network.is_prediction(*id)).collect()
}
