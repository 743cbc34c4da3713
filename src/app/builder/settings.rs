//! The settings of one layer.

use super::super::state::Model;
use super::super::widgets::{choice, field, label, named, number};
use crate::data::ColumnEncoding as Feature;
use crate::nn::settings::SettingsPanel;
use crate::nn::{Encoding, LayerId, LayerSpec};
use egui::Ui;
use egui::accesskit::Role;
use serde_json::Value;
use std::hash::{DefaultHasher, Hash as _, Hasher};
use std::ops::RangeInclusive;

/// Draws the settings of `layer` and puts what changes into the document.
pub fn ui(ui: &mut Ui, model: &Model, layer: &LayerSpec) {
    let mut changed = layer.clone();
    let what = layer.kind.info().change;
    changed.kind.definition_mut().settings(&mut Panel { ui, model, layer: layer.id });
    learning(ui, model, &mut changed);
    if changed != *layer {
        model.edit(what, Some(setting(layer, &changed)), |d| {
            if let Some(layer) = d.network.layer_mut(layer.id) {
                *layer = changed;
            }
        });
    }
}

/// A key for the setting that differs: changes with the same key are undone together, as in one drag.
fn setting(before: &LayerSpec, after: &LayerSpec) -> u64 {
    let texts = [before, after].map(|layer| serde_json::to_value(layer).unwrap_or_default());
    let mut hasher = DefaultHasher::new();
    before.id.hash(&mut hasher);
    differing(&texts[0], &texts[1], &mut hasher);
    hasher.finish()
}

fn differing(a: &Value, b: &Value, hasher: &mut impl Hasher) {
    if let (Value::Object(a), Value::Object(b)) = (a, b) {
        let keys = a.keys().chain(b.keys());
        for key in keys.filter(|key| a.get(*key) != b.get(*key)) {
            key.hash(hasher);
            differing(a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), hasher);
        }
    }
}

/// Sharing, freezing and the learning rate of a layer's parameters.
fn learning(ui: &mut Ui, model: &Model, layer: &mut LayerSpec) {
    let network = &model.document().network;
    let shape_of = |id: LayerId| {
        let (layer, input) = (network.layer(id)?, model.inference().inputs.get(&id)?);
        let parameters = layer.kind.definition().parameters(input);
        Some(parameters.into_iter().map(|p| (p.name, p.shape)).collect::<Vec<_>>())
    };
    let own = shape_of(layer.id).unwrap_or_default();
    if own.is_empty() && layer.shares.is_none() {
        return;
    }
    let borrowed = network.layers.iter().any(|l| l.shares == Some(layer.id));
    let alike = |l: &&LayerSpec| l.id != layer.id && l.shares.is_none() && shape_of(l.id).as_ref() == Some(&own);
    let owners: Vec<LayerId> = network.layers.iter().filter(alike).map(|l| l.id).collect();
    if layer.shares.is_some() || (!borrowed && !owners.is_empty()) {
        let hover = "Uses the parameters of another layer of the same shape, so that both learn as one";
        field(ui, "Parameters", hover, |ui| {
            let choices = std::iter::once(None).chain(owners.into_iter().map(Some));
            let text =
                |of: Option<LayerId>| of.map_or_else(|| "its own".to_owned(), |id| format!("of {}", network.name(id)));
            if let Some(v) = choice(ui, "Parameters", layer.shares, choices, text, |a, b| a == b) {
                layer.shares = v;
            }
        });
    }
    if layer.shares.is_some() {
        return;
    }
    let hover = "Frozen parameters stay as they are while the others learn";
    toggle(ui, "Frozen", hover, &mut layer.frozen);
    if !layer.frozen {
        let hover = "Multiplies the learning rate for this layer";
        value(ui, "Learning-rate multiplier", hover, &mut layer.rate, 0.0..=100.0, 0.01);
    }
}

/// The inspector as the panel that a layer shows its settings to.
struct Panel<'a> {
    ui: &'a mut Ui,
    model: &'a Model,
    layer: LayerId,
}

impl SettingsPanel for Panel<'_> {
    fn count(&mut self, name: &str, hover: &str, value: &mut usize, range: RangeInclusive<usize>) {
        field(self.ui, name, hover, |ui| *value = number(ui, name, *value, range, 0.05).unwrap_or(*value));
    }

    fn number(&mut self, name: &str, hover: &str, value: &mut f32, range: RangeInclusive<f32>, speed: f64) {
        self::value(self.ui, name, hover, value, range, speed);
    }

    fn toggle(&mut self, name: &str, hover: &str, value: &mut bool) {
        self::toggle(self.ui, name, hover, value);
    }

    fn pair(&mut self, name: &str, hover: &str, value: &mut [usize; 2], range: RangeInclusive<usize>) {
        field(self.ui, name, hover, |ui| {
            ui.spacing_mut().interact_size.x = (ui.spacing().interact_size.x - 6.0) / 2.0;
            ui.spacing_mut().item_spacing.x = 6.0;
            for (v, side) in value.iter_mut().zip(["vertical", "horizontal"]) {
                *v = number(ui, &format!("{name}, {side}"), *v, range.clone(), 0.05).unwrap_or(*v);
            }
        });
    }

    fn choice(&mut self, name: &str, hover: &str, chosen: usize, options: &[&str]) -> Option<usize> {
        let text = |k: usize| options.get(k).copied().unwrap_or_default().to_owned();
        field(self.ui, name, hover, |ui| choice(ui, name, chosen, 0..options.len(), text, |a, b| a == b))
    }

    fn tick(&mut self, text: &str, name: &str, value: &mut bool) -> bool {
        named(self.ui.checkbox(value, text), Role::CheckBox, name).changed()
    }

    fn note(&mut self, text: &str) {
        self.ui.label(label(self.ui, text));
    }

    fn feature_columns(&self) -> Option<Vec<String>> {
        let names = |features: &[Feature]| features.iter().map(|e| e.column.clone()).collect();
        self.model.dataset().map(|data| names(&data.encoder.features))
    }

    fn target_columns(&self) -> Option<Vec<String>> {
        let data = self.model.dataset()?;
        Some(data.encoder.target_groups().iter().flatten().map(|e| e.column.clone()).collect())
    }

    fn class_names(&self) -> Vec<String> {
        self.model.class_names(self.layer)
    }

    fn encoding(&self) -> Option<Encoding> {
        self.model.inference().outputs.iter().find(|o| o.layer == self.layer).map(|o| o.encoding)
    }

    fn outputs(&self) -> usize {
        self.model.document().network.outputs().count()
    }
}

fn value(ui: &mut Ui, name: &str, hover: &str, value: &mut f32, range: RangeInclusive<f32>, speed: f64) {
    field(ui, name, hover, |ui| *value = number(ui, name, *value, range, speed).unwrap_or(*value));
}

fn toggle(ui: &mut Ui, name: &str, hover: &str, value: &mut bool) {
    field(ui, name, hover, |ui| {
        let text = if *value { "on" } else { "off" };
        named(ui.checkbox(value, text), Role::CheckBox, name);
    });
}
