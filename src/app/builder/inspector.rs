//! The inspector: settings of the selected layers, the network's predictions, and whether everything fits together.

use super::super::icon;
use super::super::picture::Pictures;
use super::super::prediction_plots::{curve, legend, surface};
use super::super::state::Model;
use super::super::theme::{HEADING, LABEL, semibold, tokens};
use super::super::transport::training_settings;
use super::super::widgets::{self, choice, field, label, named, title};
use super::{edits, settings};
use crate::format;
use crate::nn::{Activation, LayerId, LayerKind, Loss};
use crate::train::Metrics;
use egui::accesskit::Role;
use egui::{Rect, RichText, Sense, TextEdit, Ui, vec2};

/// Training that needs less memory than this is not mentioned.
const SMALL: u128 = 1 << 20;
/// Room for the scores and the verdict under the picture.
const SCORES: f32 = 196.0;

/// Draws the inspector in a panel of height `room`.
pub fn ui(ui: &mut Ui, model: &Model, pictures: &Pictures, room: f32) {
    // A picture of the output stays where it is, whatever is selected.
    let drawn = has_picture(model, pictures);
    if drawn {
        outcome(ui, model, pictures, room * 0.62);
        ui.separator();
    }
    let known: Vec<LayerId> =
        model.selection().iter().copied().filter(|id| model.document().network.layer(*id).is_some()).collect();
    match known.as_slice() {
        [] => {
            ui.label(title("Training"));
            ui.add(egui::Label::new(label(ui, "Select a layer to see its settings.")).wrap());
            ui.add_space(4.0);
            training_settings(ui, model, false);
        }
        [id] => layer(ui, model, *id),
        several => {
            ui.label(title(&format!("{} layers", several.len())));
            many(ui, model, several);
        }
    }
    ui.add_space(6.0);
    ui.separator();
    ui.add_space(2.0);
    if !drawn {
        outcome(ui, model, pictures, room - ui.min_rect().height());
    }
    verdict(ui, model);
}

/// Whether the output can be drawn over one feature or two.
fn has_picture(model: &Model, pictures: &Pictures) -> bool {
    pictures.bounds.is_some() || model.dataset().is_some_and(|d| d.features() == 1)
}

fn layer(ui: &mut Ui, model: &Model, id: LayerId) {
    let Some(layer) = model.document().network.layer(id).cloned() else { return };
    let key = Some(u64::from(id.0) << 8);
    let mut name = layer.name.clone();
    let edit = TextEdit::singleline(&mut name).font(semibold(15.0)).desired_width(f32::INFINITY).char_limit(40);
    if named(ui.add(edit), Role::TextInput, "Layer name").on_hover_text("Name of the layer").changed() {
        model.edit("Rename layer", key, |d| {
            if let Some(l) = d.network.layer_mut(id) {
                l.name = name;
            }
        });
    }
    let info = layer.kind.info();
    let shape = |s: Option<&Vec<usize>>| s.map_or_else(|| "?".to_owned(), |s| format!("{s:?}"));
    let shapes = &model.inference().shapes;
    // What several wires bring is shown wire by wire, not as one.
    let brought: Vec<String> = model.document().network.inputs_of(id).map(|from| shape(shapes.get(&from))).collect();
    let input = if brought.len() > 1 { brought.join(" and ") } else { shape(model.inference().inputs.get(&id)) };
    let output = shape(shapes.get(&id));
    ui.label(label(ui, format!("{}: {}", info.label, info.formula))).on_hover_text(info.description);
    ui.add(egui::Label::new(label(ui, format!("{input} → {output} per sample"))).wrap());
    ui.add_space(4.0);
    settings::ui(ui, model, &layer);
}

fn many(ui: &mut Ui, model: &Model, ids: &[LayerId]) {
    let of_neurons = |kind: &LayerKind| kind.definition().units().and_then(|_| kind.definition().activation());
    let network = &model.document().network;
    let first = ids.iter().find_map(|id| of_neurons(&network.layer(*id)?.kind));
    if let Some(first) = first {
        field(ui, "Activation", "Of all selected dense layers", |ui| {
            let all = Activation::ALL;
            if let Some(v) = choice(ui, "Activation", first, all, |a| a.label().to_owned(), |a, b| a == b) {
                model.edit("Change activation", None, |d| {
                    for id in ids {
                        let layer = d.network.layer_mut(*id).filter(|l| of_neurons(&l.kind).is_some());
                        if let Some(own) = layer.and_then(|l| l.kind.definition_mut().activation_mut()) {
                            *own = v;
                        }
                    }
                });
            }
        });
    }
    ui.horizontal(|ui| {
        if ui.button("Duplicate").clicked() {
            edits::duplicate(model);
        }
        if ui.button("Delete").clicked() {
            edits::delete(model);
        }
    });
}

/// The decision surface or the curve, the losses, and the score on rows that were never trained on.
pub fn outcome(ui: &mut Ui, model: &Model, pictures: &Pictures, room: f32) {
    let Some(data) = model.dataset().cloned() else { return };
    let t = tokens(ui);
    match pictures.bounds {
        Some(bounds) => {
            ui.label(title("Output over the plane"));
            // As large as the panel is wide, but so that the scores below stay in sight.
            let side = ui.available_width().min((room - SCORES).max(170.0));
            let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), side), Sense::hover());
            let rect = Rect::from_center_size(rect.center(), vec2(side, side));
            let response = named(response, Role::Image, "Output over the plane, with the data");
            surface(ui, model, pictures, rect, t);
            hover_value(response, &data, pictures, rect);
            legend(ui, model, t);
            let names = data.encoder.feature_names();
            if let [Some(x), Some(y)] = bounds.axes.map(|k| names.get(k)) {
                let text = format!("{x} to the right, {y} up; white rings are test rows");
                ui.add(egui::Label::new(widgets::hint(ui, text)).truncate());
            }
        }
        None if data.features() == 1 => {
            ui.label(title("Output over the feature"));
            curve(ui, &data, pictures, 210.0, t);
        }
        None => {}
    }
    let losses = model.is_current().then(|| model.snapshot().losses());
    let (training, validation) = losses.unwrap_or_default();
    let test = model.test().map(|t| t.evaluation.metrics);
    let parameters = model.inference().total_parameters();
    ui.columns(2, |columns| {
        let loss = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), format::number);
        for (column, (name, value)) in
            columns.iter_mut().zip([("Training loss", training), ("Validation loss", validation)])
        {
            column.spacing_mut().item_spacing.y = 2.0;
            column.label(label(column, name));
            column.label(RichText::new(loss(value)).font(semibold(HEADING)));
        }
    });
    ui.columns(2, |columns| {
        let big = |ui: &mut Ui, name: &str, value: String| {
            ui.spacing_mut().item_spacing.y = 2.0;
            let heading = ui.label(label(ui, name));
            ui.label(RichText::new(value).font(semibold(HEADING)));
            heading
        };
        let tested = model.snapshot().test.of();
        match test {
            Some(Metrics::Classes { accuracy }) => {
                big(&mut columns[0], "Test accuracy", format::percent(accuracy, 1)).on_hover_text(tested)
            }
            Some(Metrics::Values { r2, .. }) => {
                big(&mut columns[0], "Test R²", format::score(r2)).on_hover_text(tested)
            }
            None => big(&mut columns[0], "Test", "–".to_owned()),
        };
        if test.is_some() {
            // While training runs these are of earlier parameters.
            columns[0].label(widgets::hint(&columns[0], format!("at epoch {}", model.snapshot().test.epoch)));
        }
        big(&mut columns[1], "Parameters", format::count(parameters));
    });
    if let Some(Metrics::Values { mae, .. }) = test {
        ui.label(label(ui, format!("Mean absolute error {}, in units of the target", format::number(mae))));
    }
    for other in model.snapshot().test.heads.iter().skip(1).filter(|_| model.is_current()) {
        let score = match other.evaluation.metrics {
            Metrics::Classes { accuracy } => format!("test accuracy {}", format::percent(accuracy, 1)),
            Metrics::Values { r2, .. } => format!("test R² {}", format::score(r2)),
        };
        ui.label(label(ui, format!("{}: {score}", model.document().network.name(other.layer))));
    }
}

fn hover_value(response: egui::Response, data: &crate::data::Dataset, pictures: &Pictures, rect: Rect) {
    let (Some(p), Some(bounds)) = (response.hover_pos().filter(|p| rect.contains(*p)), pictures.bounds) else { return };
    let part = vec2((p.x - rect.left()) / rect.width(), (rect.bottom() - p.y) / rect.height());
    let value = |k: usize, t: f32| {
        let v = bounds.low[k] + (bounds.high[k] - bounds.low[k]) * t;
        format::number(data.encoder.scale(bounds.axes[k]).decode(f64::from(v)))
    };
    let names = data.encoder.feature_names();
    let [x, y] = bounds.axes.map(|k| names.get(k).cloned().unwrap_or_default());
    response.on_hover_text_at_pointer(format!("{x} {}   {y} {}", value(0, part.x), value(1, part.y)));
}

/// Whether everything fits together.
fn verdict(ui: &mut Ui, model: &Model) {
    let t = tokens(ui);
    ui.add_space(6.0);
    if let Some(e) = model.data_error() {
        widgets::message(ui, icon::WARNING, t.problem, "No data to train on", e);
    } else if let Some(problem) = model.inference().problems.first() {
        let text = problem.text(&model.document().network);
        widgets::message(ui, icon::WARNING, t.problem, "Something does not fit", &text);
    } else if model.dataset().is_some() {
        let memory = match model.inference().memory {
            0..SMALL => String::new(),
            bytes => format!(" Training takes {}.", crate::format::bytes(bytes)),
        };
        widgets::message(ui, icon::OK, t.ok, "Everything fits together", &format!("{}{memory}", pairing(model)));
    } else {
        ui.label(RichText::new("Loading the data…").size(LABEL));
    }
}

/// How the last layer, the loss and the target go together, in words.
fn pairing(model: &Model) -> String {
    use crate::nn::Encoding;
    let spec = &model.document().network;
    let loss = spec.outputs().next().map(|(_, output)| output.loss);
    let Some(loss) = loss.map(Loss::label) else { return String::new() };
    match model.inference().encoding() {
        Some(Encoding::OneHot) => format!("{loss} with one unit a class."),
        Some(Encoding::SignedOneHot) => format!("{loss}; the true class is +1, the others are −1."),
        Some(Encoding::Signed) => format!("{loss}; the two classes are −1 and +1."),
        Some(Encoding::ZeroOne) => format!("{loss}; the two classes are 0 and 1."),
        Some(Encoding::Values) => format!("{loss} on the target's values."),
        None => String::new(),
    }
}
