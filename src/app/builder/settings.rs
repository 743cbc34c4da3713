//! Everything that can be set on one layer.

use super::super::model::Model;
use super::super::widgets::{self, choice, field, label, named, number};
use crate::data::Dataset;
use crate::nn::layers::{
    AttentionSpec, ClassWeights, Comparison, Conv1dSpec, Conv2dSpec, DenseSpec, InputSpec, JoinKind, OutputSpec,
    Padding, Padding1d, PermuteSpec, PoolKind, RecurrentSpec,
};
use crate::nn::{Activation, Encoding, Initialiser, LayerId, LayerKind, LayerSpec, Loss};
use egui::Ui;
use egui::accesskit::Role;
use serde_json::Value;
use std::hash::{DefaultHasher, Hash as _, Hasher};
use std::ops::RangeInclusive;

/// Draws the settings of `layer` and puts what changes into the document.
pub fn ui(ui: &mut Ui, model: &mut Model, layer: &LayerSpec) {
    let mut changed = layer.clone();
    let what = kind(ui, model, layer.id, &mut changed.kind);
    learning(ui, model, &mut changed);
    if changed != *layer {
        model.edit(what, Some(setting(layer, &changed)), |d| {
            if let Some(layer) = d.network.layer_mut(layer.id) {
                *layer = changed;
            }
        });
    }
}

/// A number for the setting that differs, so that the steps of one drag are undone together and those of two settings apart.
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

/// The settings of each kind; returns what a change of them is called.
fn kind(ui: &mut Ui, model: &Model, id: LayerId, kind: &mut LayerKind) -> &'static str {
    match kind {
        LayerKind::Input(spec) => {
            input(ui, model, spec);
            "Change input"
        }
        LayerKind::Output(spec) => {
            output(ui, model, id, spec);
            "Change output"
        }
        LayerKind::Dense(spec) => {
            dense(ui, spec);
            "Change dense layer"
        }
        LayerKind::Activation(spec) => {
            activation(ui, &mut spec.function);
            "Change activation"
        }
        LayerKind::Prelu(spec) => {
            value(ui, "Slope", "α at the beginning of training", &mut spec.slope, -1.0..=1.0, 0.005);
            "Change PReLU"
        }
        LayerKind::Dropout(spec) => {
            value(
                ui,
                "Dropout rate",
                "Share of values that are silenced while training",
                &mut spec.rate,
                0.0..=0.95,
                0.005,
            );
            "Change dropout"
        }
        LayerKind::Noise(spec) => {
            let hover = "Standard deviation of the noise while training";
            value(ui, "Deviation", hover, &mut spec.deviation, 0.0..=10.0, 0.005);
            "Change noise"
        }
        LayerKind::Conv2d(spec) => {
            convolution(ui, spec);
            "Change convolution"
        }
        LayerKind::Conv1d(spec) => {
            convolution_1d(ui, spec);
            "Change convolution"
        }
        LayerKind::Pool2d(spec) => {
            pool_kind(ui, "The largest value of each window, or the mean", &mut spec.kind);
            pair(ui, "Window", "Height and width", &mut spec.kernel, 1..=64);
            pair(ui, "Stride", "How far the window moves, down and to the right", &mut spec.stride, 1..=64);
            padding(ui, &mut spec.padding);
            "Change pooling"
        }
        LayerKind::Pool1d(spec) => {
            pool_kind(ui, "The largest value of each window, or the mean", &mut spec.kind);
            count(ui, "Window", "Steps under the window", &mut spec.kernel, 1..=64);
            count(ui, "Stride", "How far the window moves", &mut spec.stride, 1..=64);
            padding_1d(ui, &mut spec.padding);
            "Change pooling"
        }
        LayerKind::GlobalPool(spec) => {
            pool_kind(ui, "The largest value of each channel, or the mean", &mut spec.kind);
            "Change pooling"
        }
        LayerKind::BatchNorm(spec) => {
            let hover = "Share of each mini-batch in the running averages";
            value(ui, "Momentum", hover, &mut spec.momentum, 0.0..=1.0, 0.005);
            epsilon(ui, &mut spec.epsilon);
            "Change batch norm"
        }
        LayerKind::LayerNorm(spec) => {
            epsilon(ui, &mut spec.epsilon);
            "Change layer norm"
        }
        LayerKind::GroupNorm(spec) => {
            let hover = "Channels are cut into so many groups, each normalised by itself";
            count(ui, "Groups", hover, &mut spec.groups, 1..=4096);
            epsilon(ui, &mut spec.epsilon);
            "Change group norm"
        }
        LayerKind::Recurrent(spec) => {
            recurrent(ui, spec);
            "Change recurrent layer"
        }
        LayerKind::Attention(spec) => {
            attention(ui, spec);
            "Change attention"
        }
        LayerKind::Position(spec) => {
            toggle(ui, "Learned", "Whether the encoding is learned; else it is made of sines", &mut spec.learned);
            "Change position"
        }
        LayerKind::Embedding(spec) => {
            count(ui, "Categories", "Numbers from 0; one beyond gives zeros", &mut spec.vocabulary, 1..=1_000_000);
            count(ui, "Dimensions", "Numbers that each category becomes", &mut spec.dimensions, 1..=4096);
            initialiser(ui, &mut spec.initialiser);
            "Change embedding"
        }
        LayerKind::Upsample(spec) => {
            pair(ui, "Factor", "Times down and to the right; a sequence takes the second", &mut spec.factor, 1..=64);
            "Change upsampling"
        }
        LayerKind::Reshape(spec) => {
            reshape(ui, &mut spec.shape);
            "Change shape"
        }
        LayerKind::Permute(spec) => {
            permute(ui, spec);
            "Change order"
        }
        LayerKind::Flatten(_) => "Change layer",
        LayerKind::Join(spec) => {
            field(ui, "Joins by", "What is done with the branches, in the order of their wires", |ui| {
                let all = JoinKind::ALL;
                let new = choice(ui, "Joins by", spec.kind, all, |k| k.label().to_owned(), |a, b| a == b);
                spec.kind = new.unwrap_or(spec.kind);
            });
            "Change join"
        }
    }
}

/// Whether and how fast its parameters learn, and whose they are.
fn learning(ui: &mut Ui, model: &Model, layer: &mut LayerSpec) {
    let network = &model.document().network;
    let shape_of = |id: LayerId| {
        let (layer, input) = (network.layer(id)?, model.inference.inputs.get(&id)?);
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
        let hover = "Factor on the learning rate for this layer";
        value(ui, "Rate factor", hover, &mut layer.rate, 0.0..=100.0, 0.01);
    }
}

fn input(ui: &mut Ui, model: &Model, spec: &mut InputSpec) {
    let Some(data) = &model.dataset else { return };
    let all: Vec<String> = data.encoder.features.iter().map(|e| e.column.clone()).collect();
    if all.len() > MOST_COLUMNS {
        ui.label(label(ui, format!("{} features", all.len())));
        return;
    }
    ui.label(label(ui, "Columns that enter here"));
    let taken = |spec: &InputSpec, column: &String| spec.columns.is_empty() || spec.columns.contains(column);
    for column in &all {
        let mut on = taken(spec, column);
        if named(ui.checkbox(&mut on, column), Role::CheckBox, &format!("Column {column}")).changed() {
            let wanted = |c: &&String| if *c == column { on } else { taken(spec, c) };
            let chosen: Vec<String> = all.iter().filter(wanted).cloned().collect();
            // Nothing at all cannot enter; everything needs no list.
            if !chosen.is_empty() {
                spec.columns = if chosen.len() == all.len() { Vec::new() } else { chosen };
            }
        }
    }
}

/// More columns than this are not listed one by one.
const MOST_COLUMNS: usize = 40;

fn output(ui: &mut Ui, model: &Model, id: LayerId, spec: &mut OutputSpec) {
    field(ui, "Loss", spec.loss.formula(), |ui| {
        if let Some(v) = choice(ui, "Loss", spec.loss, Loss::ALL, |l| l.label().to_owned(), |a, b| a == b) {
            spec.loss = v;
        }
    });
    ui.label(label(ui, spec.loss.formula()));
    if let Some(data) = &model.dataset {
        compare(ui, data, &mut spec.target);
    }
    let encoding = model.inference.outputs.iter().find(|o| o.layer == id).map(|o| o.encoding);
    if encoding == Some(Encoding::OneHot) {
        let hover = "Share of each target that is spread over all classes, so that the network is never quite sure";
        value(ui, "Label smoothing", hover, &mut spec.label_smoothing, 0.0..=0.9, 0.005);
    }
    if spec.loss == Loss::Focal {
        let hover = "γ: how much less samples count that are already right";
        value(ui, "Focus", hover, &mut spec.focus, 0.0..=10.0, 0.02);
    }
    if encoding.is_some_and(|e| e != Encoding::Values) {
        class_weights(ui, model, id, &mut spec.class_weights);
    }
    if model.document().network.outputs().count() > 1 {
        let hover = "Factor on this output's loss in the sum of all outputs";
        value(ui, "Output weight", hover, &mut spec.weight, 0.0..=1000.0, 0.01);
    }
}

/// What the output is compared with, where there is a choice.
fn compare(ui: &mut Ui, data: &Dataset, target: &mut Comparison) {
    let mut choices = vec![Comparison::Target];
    let groups = data.encoder.target_groups();
    let columns: Vec<String> = groups.iter().flatten().map(|e| e.column.clone()).collect();
    if columns.len() > 1 {
        choices.extend(columns.into_iter().map(|column| Comparison::Columns(vec![column])));
    }
    choices.push(Comparison::Features);
    let at = choices.iter().position(|c| c == target).unwrap_or_else(|| {
        choices.push(target.clone());
        choices.len() - 1
    });
    let text = |k: usize| match &choices[k] {
        Comparison::Target => "the target".to_owned(),
        Comparison::Columns(columns) => columns.join(", "),
        Comparison::Features => "the features".to_owned(),
    };
    let hover =
        "What is predicted: the target of the data, one of its columns, or the features themselves (an autoencoder)";
    field(ui, "Compared with", hover, |ui| {
        if let Some(k) = choice(ui, "Compared with", at, 0..choices.len(), text, |a, b| a == b) {
            *target = choices[k].clone();
        }
    });
}

fn class_weights(ui: &mut Ui, model: &Model, id: LayerId, weights: &mut ClassWeights) {
    let all = [0, 1, 2];
    let at = match weights {
        ClassWeights::Equal => 0,
        ClassWeights::Balanced => 1,
        ClassWeights::Chosen(_) => 2,
    };
    let names = model.class_names(id);
    let hover = "How much each class counts in training: alike, rare ones more, or as chosen";
    field(ui, "Class weights", hover, |ui| {
        let text = |k: usize| ["equal", "balanced", "chosen"][k].to_owned();
        if let Some(k) = choice(ui, "Class weights", at, all, text, |a, b| a == b) {
            *weights = match k {
                0 => ClassWeights::Equal,
                1 => ClassWeights::Balanced,
                _ => ClassWeights::Chosen(vec![1.0; names.len()]),
            };
        }
    });
    if let ClassWeights::Chosen(weights) = weights {
        for (weight, name) in weights.iter_mut().zip(names) {
            value(ui, &name, "How much a row of this class counts", weight, 0.0..=1000.0, 0.02);
        }
    }
}

fn dense(ui: &mut Ui, spec: &mut DenseSpec) {
    count(ui, "Units", "Neurons in this layer", &mut spec.units, 1..=100_000);
    activation(ui, &mut spec.activation);
    initialiser(ui, &mut spec.initialiser);
    toggle(ui, "Bias", "A number that is added to every weighted sum", &mut spec.bias);
    let hover = "Takes a sequence [steps, features] and does the same with every step";
    toggle(ui, "Each step alone", hover, &mut spec.per_step);
}

fn recurrent(ui: &mut Ui, spec: &mut RecurrentSpec) {
    use crate::nn::layers::Cell;
    field(ui, "Cell", "What happens at each step", |ui| {
        let new = choice(ui, "Cell", spec.cell, Cell::ALL, |c| c.label().to_owned(), |a, b| a == b);
        spec.cell = new.unwrap_or(spec.cell);
    });
    count(ui, "Units", "Numbers in the state", &mut spec.units, 1..=4096);
    toggle(ui, "Every step", "Whether the state of every step goes on, or the last one only", &mut spec.sequence);
    toggle(ui, "Backwards", "Whether it reads from the last step to the first", &mut spec.backwards);
    initialiser(ui, &mut spec.initialiser);
}

fn attention(ui: &mut Ui, spec: &mut AttentionSpec) {
    count(
        ui,
        "Heads",
        "Parts that the features are cut into, each with an attention of its own",
        &mut spec.heads,
        1..=64,
    );
    let hover = "Whether queries, keys, values and the result are weighted";
    toggle(ui, "Projections", hover, &mut spec.projections);
    toggle(ui, "Causal", "Whether a step sees only itself and the ones before it", &mut spec.causal);
    if spec.projections {
        initialiser(ui, &mut spec.initialiser);
    }
}

fn convolution(ui: &mut Ui, spec: &mut Conv2dSpec) {
    count(ui, "Filters", "Channels of the output", &mut spec.filters, 1..=4096);
    pair(ui, "Kernel", "Height and width of the window", &mut spec.kernel, 1..=64);
    pair(ui, "Stride", "How far the window moves, down and to the right", &mut spec.stride, 1..=64);
    padding(ui, &mut spec.padding);
    pair(ui, "Dilation", "Distance between two taps of the window", &mut spec.dilation, 1..=64);
    count(ui, "Groups", GROUPS, &mut spec.groups, 1..=4096);
    activation(ui, &mut spec.activation);
    initialiser(ui, &mut spec.initialiser);
    toggle(ui, "Bias", "A number for each filter that is added everywhere", &mut spec.bias);
}

const GROUPS: &str = "Channels are cut into so many groups that do not see each other";

fn convolution_1d(ui: &mut Ui, spec: &mut Conv1dSpec) {
    count(ui, "Filters", "Channels of the output", &mut spec.filters, 1..=4096);
    count(ui, "Kernel", "Steps under the window", &mut spec.kernel, 1..=64);
    count(ui, "Stride", "How far the window moves", &mut spec.stride, 1..=64);
    padding_1d(ui, &mut spec.padding);
    count(ui, "Dilation", "Distance between two taps of the window", &mut spec.dilation, 1..=64);
    count(ui, "Groups", GROUPS, &mut spec.groups, 1..=4096);
    activation(ui, &mut spec.activation);
    initialiser(ui, &mut spec.initialiser);
    toggle(ui, "Bias", "A number for each filter that is added everywhere", &mut spec.bias);
}

fn reshape(ui: &mut Ui, shape: &mut Vec<usize>) {
    let mut sides = shape.len();
    count(ui, "Sides", "1 for a row, 2 for a sequence, 3 for an image", &mut sides, 1..=4);
    shape.resize(sides, 1);
    const NAMES: [&[&str]; 4] = [
        &["Length"],
        &["Steps", "Features"],
        &["Channels", "Height", "Width"],
        &["Channels", "Depth", "Height", "Width"],
    ];
    for (side, name) in shape.iter_mut().zip(NAMES[sides - 1]) {
        count(ui, name, "Numbers along this side", side, 1..=1_000_000);
    }
}

fn permute(ui: &mut Ui, spec: &mut PermuteSpec) {
    let mut sides = spec.order.len();
    count(ui, "Sides", "As many as the input has", &mut sides, 2..=4);
    if sides != spec.order.len() {
        // The last first, as in [steps, features] to [features, steps].
        spec.order = (0..sides).rev().collect();
    }
    for place in 0..sides {
        let name = format!("Side {place}");
        field(ui, &name, "Which side of the input comes here", |ui| {
            let text = |side: usize| format!("side {side}");
            if let Some(side) = choice(ui, &name, spec.order[place], 0..sides, text, |a, b| a == b) {
                let other = spec.order.iter().position(|&s| s == side).unwrap_or(place);
                spec.order.swap(place, other);
            }
        });
    }
}

fn count(ui: &mut Ui, name: &str, hover: &str, value: &mut usize, range: RangeInclusive<usize>) {
    field(ui, name, hover, |ui| *value = number(ui, name, *value, range, 0.05).unwrap_or(*value));
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

/// Two numbers: vertical and horizontal.
fn pair(ui: &mut Ui, name: &str, hover: &str, value: &mut [usize; 2], range: RangeInclusive<usize>) {
    field(ui, name, hover, |ui| {
        ui.spacing_mut().interact_size.x = (ui.spacing().interact_size.x - 6.0) / 2.0;
        ui.spacing_mut().item_spacing.x = 6.0;
        for (v, side) in value.iter_mut().zip(["vertical", "horizontal"]) {
            *v = number(ui, &format!("{name}, {side}"), *v, range.clone(), 0.05).unwrap_or(*v);
        }
    });
}

fn padding(ui: &mut Ui, value: &mut Padding) {
    let hover = "What stands around the image: nothing, as much as keeps its size, or so many rows and columns";
    field(ui, "Padding", hover, |ui| {
        *value =
            choice(ui, "Padding", *value, Padding::ALL, |p| p.label().to_owned(), widgets::same_kind).unwrap_or(*value);
    });
    if let Padding::Explicit { vertical, horizontal } = *value {
        let mut sides = [vertical, horizontal];
        pair(ui, "Zeros", "Rows above and below, columns left and right", &mut sides, 0..=64);
        *value = Padding::Explicit { vertical: sides[0], horizontal: sides[1] };
    }
}

fn padding_1d(ui: &mut Ui, value: &mut Padding1d) {
    let hover = "What stands around the sequence: nothing, as much as keeps its length, or so many zeros";
    field(ui, "Padding", hover, |ui| {
        let all = Padding1d::ALL;
        *value = choice(ui, "Padding", *value, all, |p| p.label().to_owned(), widgets::same_kind).unwrap_or(*value);
    });
    if let Padding1d::Explicit { each } = value {
        count(ui, "Zeros", "On each side", each, 0..=64);
    }
}

fn epsilon(ui: &mut Ui, epsilon: &mut f32) {
    value(ui, "Epsilon", "Keeps the division from exploding", epsilon, 1e-8..=1.0, 1e-6);
}

fn pool_kind(ui: &mut Ui, hover: &str, value: &mut PoolKind) {
    field(ui, "Keeps", hover, |ui| {
        let new = choice(ui, "Keeps", *value, PoolKind::ALL, |k| k.label().to_owned(), |a, b| a == b);
        *value = new.unwrap_or(*value);
    });
}

fn activation(ui: &mut Ui, value: &mut Activation) {
    field(ui, "Activation", value.formula(), |ui| {
        let new = choice(ui, "Activation", *value, Activation::ALL, |a| a.label().to_owned(), |a, b| a == b);
        *value = new.unwrap_or(*value);
    });
}

fn initialiser(ui: &mut Ui, value: &mut Initialiser) {
    field(ui, "Initialiser", "How the weights are drawn before training", |ui| {
        let all = Initialiser::ALL;
        let new = choice(ui, "Initialiser", *value, all, |i| i.label().to_owned(), widgets::same_kind);
        *value = new.unwrap_or(*value);
    });
    let range = -100.0..=100.0;
    match value {
        Initialiser::Constant { value: v } => self::value(ui, "Value", "Of every weight", v, range, 0.01),
        Initialiser::Normal { std } => self::value(ui, "Deviation", "Of the weights around 0", std, range, 0.01),
        Initialiser::Uniform { low, high } => {
            self::value(ui, "Low", "The smallest weight", low, range.clone(), 0.01);
            self::value(ui, "High", "The largest weight", high, range, 0.01);
        }
        _ => {}
    }
}
