//! A network to begin with, for data of any form.

use crate::data::{Dataset, EncodingKind, Part, Targets};
use crate::nn::layers::{
    Cell, Comparison, Conv2dSpec, DenseSpec, EmbeddingSpec, FlattenSpec, InputSpec, JoinKind, JoinSpec, MeanStepsSpec,
    OutputSpec, Padding, Pool2dSpec, RecurrentSpec, ReshapeSpec,
};
use crate::nn::{Activation, LayerId, LayerKind, Loss, NetworkSpec, Optimizer, Target, TargetGroup, Task, volume};
use crate::train::{EarlyStopping, Schedule, Session, TrainConfig, task};
use std::sync::Arc;

/// A network, and a way to train it, that usually do for such data.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    pub form: Form,
    pub network: NetworkSpec,
    pub training: TrainConfig,
}

/// What a sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A row of numbers.
    Row,
    /// The same, where a straight line predicts the numbers as well as anything.
    Line,
    /// Tokens of text, with or without other features.
    Text,
    /// Steps of a series, with the features of each.
    Series {
        steps: usize,
        features: usize,
    },
    Picture {
        channels: usize,
        height: usize,
        width: usize,
    },
}

/// Shorter series, and smaller pictures, are rows of numbers.
const STEPS: usize = 4;
const SIDE: usize = 8;
/// From this side on pictures are pooled twice, and three times.
const MIDDLE: usize = 16;
const LARGE: usize = 32;

impl Form {
    fn of(data: &Dataset) -> Self {
        let encoder = &data.encoder;
        if encoder.has_tokens() && encoder.window.is_none() {
            return Self::Text;
        }
        match (encoder.picture(), encoder.window) {
            (Some((height, width, channels)), _) if height.min(width) >= SIDE => {
                Self::Picture { channels, height, width }
            }
            (_, Some(window)) if window.length >= STEPS => {
                Self::Series { steps: window.length, features: data.features() / window.length }
            }
            _ => Self::Row,
        }
    }

    /// What such a network is.
    pub fn network(self) -> &'static str {
        match self {
            Self::Row => "A dense network",
            Self::Line => "A linear network",
            Self::Text => "An embedding of the tokens and their mean",
            Self::Series { .. } => "A recurrent network with a line past it",
            Self::Picture { .. } => "A convolutional network",
        }
    }

    /// Why it is that one, as a sentence behind another, where it is not plain.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Line => " In a trial it predicted the validation rows better than one with a hidden layer.",
            Self::Text => {
                " Which tokens occur usually says most about the topic of a text; a GRU or attention in place of the mean also reads their order."
            }
            Self::Row | Self::Series { .. } | Self::Picture { .. } => "",
        }
    }
}

/// That of a new document.
impl Default for Suggestion {
    fn default() -> Self {
        let task = Task::new(vec![2], Target::Classes(2));
        let training = TrainConfig { epochs: None, ..TrainConfig::default() };
        Self { form: Form::Row, network: default_network(&task), training }
    }
}

impl Suggestion {
    /// What suits the data. Of rows with numbers to predict it is tried out, on some rows, whether a hidden layer is of use.
    pub fn of(data: &Dataset) -> Self {
        let form = Form::of(data);
        let task = task(data);
        let rows = data.part(Part::Train).len();
        let defaults = TrainConfig::default();
        // Without validation rows nobody says when to stop.
        let early_stopping = (!data.part(Part::Validation).is_empty())
            .then_some(EarlyStopping { patience: PATIENCE, restore_best: true });
        let (network, training) = match form {
            Form::Row | Form::Line => {
                let training = TrainConfig {
                    optimizer: Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.1 },
                    schedule: Schedule::Plateau { factor: 0.5, patience: 10 },
                    batch_size: if rows > MANY_ROWS { 128 } else { 32 },
                    epochs: Some(if rows > MANY_ROWS { 60 } else { 300 }),
                    early_stopping,
                    ..defaults
                };
                let units =
                    (2 * data.features()).next_power_of_two().clamp(64, if rows > MANY_ROWS { 128 } else { 64 });
                let hidden = network(vec![("Hidden 1".to_owned(), dense(units, Activation::Relu))], &task);
                let line = network(Vec::new(), &task);
                if is_straight(data, &line, &hidden, &training) {
                    return Self { form: Form::Line, network: line, training };
                }
                (hidden, training)
            }
            Form::Text => {
                let training = TrainConfig {
                    learning_rate: 0.005,
                    epochs: Some(if rows > MANY_ROWS { 20 } else { 100 }),
                    early_stopping,
                    batch_size: 32,
                    ..defaults
                };
                (embedded(data, &task), training)
            }
            Form::Series { steps, features } => {
                let training = TrainConfig { learning_rate: 0.005, l2: 0.001, epochs: Some(100), ..defaults };
                (recurrent(steps, features, &task), TrainConfig { batch_size: 32, early_stopping, ..training })
            }
            Form::Picture { channels, height, width } => {
                let training = TrainConfig {
                    optimizer: Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.1 },
                    learning_rate: 0.003,
                    schedule: Schedule::Plateau { factor: 0.5, patience: 10 },
                    epochs: Some(if rows > MANY_ROWS { 20 } else { 100 }),
                    ..defaults
                };
                let layers = convolutions(channels, height, width);
                (network(layers, &task), TrainConfig { batch_size: 32, early_stopping, ..training })
            }
        };
        Self { form, network, training }
    }

    /// For data in the plane that are made here: a small network, to be watched for as long as somebody likes.
    pub fn to_watch(data: &Dataset) -> Self {
        let training = TrainConfig { epochs: None, ..TrainConfig::default() };
        Self { form: Form::Row, network: default_network(&task(data)), training }
    }
}

/// Epochs without a lower validation loss after which training ends.
const PATIENCE: u64 = 30;
/// From this many training rows on there are fewer epochs of larger mini-batches, and wider layers.
const MANY_ROWS: usize = 20_000;

/// Whether numbers are predicted better without a hidden layer: both networks are trained for a moment on some rows, and
/// judged by the validation loss.
fn is_straight(data: &Dataset, line: &NetworkSpec, hidden: &NetworkSpec, training: &TrainConfig) -> bool {
    const ROWS: usize = 1000;
    const FEATURES: usize = 64;
    const EPOCHS: u64 = 80;
    /// So much lower the loss must be: in doubt there is a hidden layer.
    const BETTER: f64 = 0.95;
    let numbers = matches!(data.targets.as_slice(), [Targets::Values { .. }]);
    if !numbers || data.features() > FEATURES || training.early_stopping.is_none() {
        return false;
    }
    let some = |part: Part| -> Arc<[u32]> {
        let rows = data.part(part);
        rows.iter().copied().step_by(rows.len().div_ceil(ROWS).max(1)).collect()
    };
    let parts = [some(Part::Train), some(Part::Validation), Arc::from([])];
    let data = Arc::new(Dataset { parts, ..data.clone() });
    let training = TrainConfig {
        early_stopping: Some(EarlyStopping { patience: 15, restore_best: false }),
        batch_size: 32,
        ..training.clone()
    };
    let least = |spec: &NetworkSpec| -> Option<f64> {
        let mut session = Session::new(spec, Arc::clone(&data), training.clone(), 1).ok()?;
        let mut least = f64::INFINITY;
        while session.epochs() < EPOCHS && !session.has_stopped_early() {
            session.epoch().ok()?;
            least = least.min(session.validation()?.loss);
        }
        Some(least)
    };
    matches!((least(line), least(hidden)), (Some(line), Some(hidden)) if line < BETTER * hidden)
}

/// A small network for rows of numbers: one hidden layer, and the usual loss.
pub fn default_network(task: &Task) -> NetworkSpec {
    let units = volume(&task.input).clamp(6, 32);
    network(vec![("Hidden 1".to_owned(), dense(units, Activation::Tanh))], task)
}

/// Layers behind an input, and for each kind of target the prediction that the task asks for.
fn network(layers: Vec<(String, LayerKind)>, task: &Task) -> NetworkSpec {
    let mut chain = vec![("Input".to_owned(), LayerKind::Input(InputSpec::default()))];
    chain.extend(layers);
    let last = chain.len() - 1;
    let [(prediction, output), others @ ..] = &heads(task)[..] else { return NetworkSpec::chain(chain) };
    let (prediction, output) = (prediction.clone(), output.clone());
    chain.push((named("Prediction", task, 0), prediction));
    chain.push((named("Output", task, 0), output));
    let mut network = NetworkSpec::chain(chain);
    let from = network.layers[last].id;
    for (k, (prediction, output)) in others.iter().enumerate() {
        let prediction = network.add(named("Prediction", task, k + 1), prediction.clone());
        let output = network.add(named("Output", task, k + 1), output.clone());
        network.connect(from, prediction);
        network.connect(prediction, output);
    }
    network
}

/// The name of a layer of the head for a kind of target; with its column where there are several.
fn named(what: &str, task: &Task, group: usize) -> String {
    match task.targets[group].columns.as_slice() {
        _ if task.targets.len() == 1 => what.to_owned(),
        [one] => format!("{what} {one}"),
        _ => format!("{what} {}", group + 1),
    }
}

/// A dense layer and an output for each kind of target.
fn heads(task: &Task) -> Vec<(LayerKind, LayerKind)> {
    let head = |group: &TargetGroup| {
        let (units, loss) = match group.target {
            Target::Classes(2) => (1, Loss::BinaryCrossEntropy),
            Target::Classes(k) => (k, Loss::CategoricalCrossEntropy),
            Target::Values(k) => (k, Loss::MeanSquaredError),
        };
        let target =
            if task.targets.len() > 1 { Comparison::Columns(group.columns.clone()) } else { Comparison::Target };
        let output = OutputSpec { loss, target, ..OutputSpec::default() };
        (dense(units, Activation::Identity), LayerKind::Output(output))
    };
    task.targets.iter().map(head).collect()
}

fn dense(units: usize, activation: Activation) -> LayerKind {
    LayerKind::Dense(DenseSpec { units, activation, ..DenseSpec::default() })
}

fn reshape(name: &str, shape: Vec<usize>) -> (String, LayerKind) {
    (name.to_owned(), LayerKind::Reshape(ReshapeSpec { shape }))
}

/// The mean of the embedded tokens of each text, beside the other features, and the predictions behind them.
fn embedded(data: &Dataset, task: &Task) -> NetworkSpec {
    let mut network = network(Vec::new(), task);
    let input = network.layers[0].id;
    let heads: Vec<LayerId> = network.wires.iter().filter(|w| w.from == input).map(|w| w.to).collect();
    network.remove(input);
    let behind = network.layers.len();
    let (texts, others): (Vec<_>, Vec<_>) =
        data.encoder.features.iter().partition(|e| matches!(e.kind, EncodingKind::Tokens(_)));
    let mut ends = Vec::new();
    for text in &texts {
        let EncodingKind::Tokens(tokens) = &text.kind else { continue };
        let alone = texts.len() == 1;
        let name = |what: &str| if alone { what.to_owned() } else { format!("{what} {}", text.column) };
        let columns = if alone && others.is_empty() { Vec::new() } else { vec![text.column.clone()] };
        let input = network.add(
            if alone && others.is_empty() { "Input".to_owned() } else { format!("Input {}", text.column) },
            LayerKind::Input(InputSpec { columns }),
        );
        let lookup = EmbeddingSpec { vocabulary: tokens.size, dimensions: DIMENSIONS, ..EmbeddingSpec::default() };
        let lookup = network.add(name("Embedding"), LayerKind::Embedding(lookup));
        let mean = network.add(name("Mean"), LayerKind::MeanSteps(MeanStepsSpec::default()));
        network.connect(input, lookup);
        network.connect(lookup, mean);
        ends.push(mean);
    }
    if !others.is_empty() {
        let columns: Vec<String> = others.iter().map(|e| e.label()).collect();
        ends.push(network.add("Input others".to_owned(), LayerKind::Input(InputSpec { columns })));
    }
    let mut last = ends[0];
    if ends.len() > 1 {
        let join = network.add(
            "Side by side".to_owned(),
            LayerKind::Join(JoinSpec { kind: JoinKind::Concatenate, ..JoinSpec::default() }),
        );
        let hidden = network.add("Hidden 1".to_owned(), dense(32, Activation::Relu));
        for &end in &ends {
            network.connect(end, join);
        }
        network.connect(join, hidden);
        last = hidden;
    }
    for head in heads {
        network.connect(last, head);
    }
    // Layers are listed in the order of the data.
    network.layers.rotate_left(behind);
    network
}

/// Numbers of the vector of a token.
const DIMENSIONS: usize = 16;

/// A recurrent cell, and a line past it: cells keep within the range that they have seen, but a series may rise beyond it.
fn recurrent(steps: usize, features: usize, task: &Task) -> NetworkSpec {
    let cell = LayerKind::Recurrent(RecurrentSpec::of(Cell::Gru));
    let mut network = network(vec![reshape("Series", vec![steps, features]), ("Memory".to_owned(), cell)], task);
    let ids: Vec<LayerId> = network.layers.iter().map(|l| l.id).collect();
    let input = ids[0];
    // Behind input, series and memory there are a prediction and an output for each kind of target.
    for (k, head) in ids[3..].chunks_exact(2).enumerate() {
        let line = network.layers.iter().find(|l| l.id == head[0]).map(|l| l.kind.clone());
        let Some(line) = line else { continue };
        let line = network.add(named("Line", task, k), line);
        let sum = network.add(named("Sum", task, k), LayerKind::Join(JoinSpec::default()));
        network.insert_on_wire(sum, head[0], head[1]);
        network.connect(input, line);
        network.connect(line, sum);
    }
    network
}

/// Convolutions with twice as many filters after each pooling, and a dense layer.
fn convolutions(channels: usize, height: usize, width: usize) -> Vec<(String, LayerKind)> {
    let mut layers = vec![reshape("Image", vec![channels, height, width])];
    // Small pictures are quick, and have little to pool.
    let (stages, pools, filters) = match height.min(width) {
        LARGE.. => (3, 3, 8),
        MIDDLE.. => (2, 2, 8),
        _ => (2, 1, 16),
    };
    for stage in 0..stages {
        let convolution = Conv2dSpec {
            filters: filters << stage,
            padding: Padding::Same,
            activation: Activation::Relu,
            ..Conv2dSpec::default()
        };
        layers.push((format!("Conv {}", stage + 1), LayerKind::Conv2d(convolution)));
        if stage < pools {
            layers.push((format!("Pool {}", stage + 1), LayerKind::Pool2d(Pool2dSpec::default())));
        }
    }
    layers.push(("Flatten".to_owned(), LayerKind::Flatten(FlattenSpec::default())));
    layers.push(("Hidden".to_owned(), dense(32, Activation::Relu)));
    layers
}

#[cfg(test)]
mod tests {
    use super::{Form, Suggestion};
    use crate::data::{DataSource, Part, Preparation, SplitBy, StepKind, prepare};
    use crate::nn::infer;
    use crate::train::{Metrics, Session, task};
    use std::sync::Arc;

    #[test]
    fn what_is_suggested_fits_rows_series_and_pictures() {
        let window = |length| Some(StepKind::Window { length, horizon: 1, past: true });
        for (name, step, form) in [
            ("iris", None, Form::Row),
            ("penguins", None, Form::Row),
            ("diabetes", None, Form::Row),
            ("glyphs", None, Form::Picture { channels: 1, height: 28, width: 28 }),
            ("co2", window(3), Form::Row),
            ("co2", window(12), Form::Series { steps: 12, features: 6 }),
        ] {
            let table = DataSource::Builtin { name: name.to_owned() }.load().expect("is bundled").table;
            let mut preparation = Preparation::guess(&table);
            preparation.steps.extend(step.map(Into::into));
            let data = prepare(&table, &preparation).expect("fits");
            let suggestion = Suggestion::of(&data);
            assert_eq!(suggestion.form, form, "{name}");
            let found = infer(&suggestion.network, &task(&data), suggestion.training.batch_size);
            assert_eq!(found.problems, [], "{name}");
        }
    }

    #[test]
    fn a_suggested_network_follows_a_series_beyond_what_it_has_seen() {
        let table = DataSource::Builtin { name: "co2".to_owned() }.load().expect("is bundled").table;
        let mut preparation = Preparation::guess(&table);
        preparation.steps.push(StepKind::Window { length: 12, horizon: 1, past: true }.into());
        preparation.split.by = SplitBy::Order;
        let data = Arc::new(prepare(&table, &preparation).expect("fits"));
        let Suggestion { network, training, .. } = Suggestion::of(&data);
        let epochs = training.epochs.expect("is limited");
        let mut session = Session::new(&network, data, training, 1).expect("fits");
        for _ in 0..epochs {
            session.epoch().expect("the loss is finite");
        }
        let metrics = session.evaluate_fully(Part::Test).expect("there are test rows")[0].evaluation.metrics;
        let Metrics::Values { r2, .. } = metrics else { panic!("numbers") };
        assert!(r2 > 0.9, "R² {r2}");
    }
}
