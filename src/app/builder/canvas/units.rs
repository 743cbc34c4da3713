//! Names of single units, and the tooltip of the unit or weight under the pointer.

use crate::app::picture::Pictures;
use crate::app::state::Model;
use crate::app::theme::{TITLE, semibold, tokens};
use crate::app::widgets::{hint, label};
use crate::data::Targets;
use crate::format;
use crate::nn::{Encoding, HeadTarget, LayerId, LayerSpec, volume};
use egui::{Id, Response, RichText, Ui};

/// What lies under the pointer.
pub enum Hover {
    Neuron(LayerId, usize),
    Weight { from: usize, to: usize, layer: LayerId },
}

/// The name of a unit: its feature, its output, or its number.
pub fn unit_name(model: &Model, layer: &LayerSpec, unit: usize) -> String {
    let data = model.dataset();
    let own = if let Some(input) = layer.kind.input() {
        data.and_then(|d| {
            let all = d.encoder.features.iter();
            if input.columns.is_empty() {
                return all.flat_map(crate::data::ColumnEncoding::names).nth(unit);
            }
            let of = |column: &String| {
                d.encoder.features.iter().find(|e| e.column == *column).map(crate::data::ColumnEncoding::names)
            };
            input.columns.iter().filter_map(of).flatten().nth(unit)
        })
    } else if layer.kind.is_output() {
        data.and_then(|d| {
            let judged = model.inference().outputs.iter().find(|o| o.layer == layer.id)?;
            match &judged.target {
                HeadTarget::Features => d.encoder.feature_names().get(unit).cloned(),
                HeadTarget::Group { group, columns } => match d.targets.get(*group)? {
                    Targets::Values { names, .. } => {
                        let place = columns.as_ref().map_or(Some(unit), |chosen| chosen.get(unit).copied());
                        names.get(place?).cloned()
                    }
                    // A single unit for two classes is the probability of the second.
                    Targets::Classes { names, .. } => {
                        let single = matches!(judged.encoding, Encoding::Signed | Encoding::ZeroOne);
                        names.get(if single { 1 } else { unit }).cloned()
                    }
                },
            }
        })
    } else {
        None
    };
    own.unwrap_or_else(|| format!("unit {}", unit + 1))
}

/// The token that the value of an input's unit stands for.
pub fn token(model: &Model, layer: &LayerSpec, unit: usize, value: f32) -> Option<String> {
    let input = layer.kind.input()?;
    let token = model.dataset()?.encoder.token_of(&input.columns, unit, value)?;
    Some(if token.is_empty() { "padding".to_owned() } else { token.to_owned() })
}

/// A tooltip with the values of the unit or weight under the pointer.
pub fn tooltip(ui: &Ui, background: &Response, model: &Model, pictures: &Pictures, hover: &Hover) {
    let spec = &model.document().network;
    egui::Tooltip::always_open(ui.ctx().clone(), background.layer_id, Id::unique("value"), egui::PopupAnchor::Pointer)
        .gap(14.0)
        .show(|ui| {
            let t = tokens(ui);
            ui.spacing_mut().interact_size.y = 18.0;
            ui.spacing_mut().item_spacing.y = 3.0;
            let value = |ui: &mut Ui, name: &str, v: f32| {
                ui.horizontal(|ui| {
                    ui.label(label(ui, name));
                    ui.label(RichText::new(format::number(f64::from(v))).font(semibold(TITLE)).color(t.sign(v)));
                });
            };
            match *hover {
                Hover::Weight { from, to, layer } => {
                    let source = spec.inputs_of(layer).next().map(|id| spec.name(id)).unwrap_or_default();
                    let heading = format!("{source}, {} → {}, {}", from + 1, spec.name(layer), to + 1);
                    ui.label(label(ui, heading));
                    let Some((weights, grads)) = model.snapshot().tensor(layer, "weight") else { return };
                    let outputs = model.inference().shapes.get(&layer).map_or(1, |s| volume(s));
                    let at = from * outputs + to;
                    if let (Some(&w), Some(&grad)) = (weights.get(at), grads.get(at)) {
                        value(ui, "w", w);
                        value(ui, "∂L/∂w", grad);
                    }
                }
                Hover::Neuron(id, unit) => {
                    let Some(layer) = spec.layer(id) else { return };
                    let map = pictures.map(id, unit).is_some();
                    let unit_name = if map { format!("channel {}", unit + 1) } else { unit_name(model, layer, unit) };
                    ui.label(label(ui, format!("{}, {unit_name}", layer.name)));
                    if let Some((low, high)) = pictures.map_range(id, unit) {
                        value(ui, "smallest", low);
                        value(ui, "largest", high);
                    } else if let Some((z, a)) = pictures.value(id, unit) {
                        if layer.kind.definition().shows_sum() {
                            value(ui, "z", z);
                        }
                        let output = layer.kind.is_output();
                        value(ui, if output { "prediction" } else { "a" }, a);
                    }
                    let bias = model.snapshot().tensor(id, "bias");
                    if let Some((&b, &grad)) = bias.and_then(|(b, grads)| b.get(unit).zip(grads.get(unit))) {
                        value(ui, "bias", b);
                        value(ui, "∂L/∂b", grad);
                    }
                    ui.label(hint(ui, format!("for row {}", model.sample() + 1)));
                }
            }
        });
}
