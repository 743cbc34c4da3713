//! A network to begin with, for data of any form.

use crate::data::Dataset;
use crate::nn::layers::{
    Cell, Conv2dSpec, DenseSpec, FlattenSpec, InputSpec, JoinSpec, OutputSpec, Padding, Pool2dSpec, RecurrentSpec,
    ReshapeSpec,
};
use crate::nn::{Activation, LayerId, LayerKind, Loss, NetworkSpec, Target, Task, volume};
use crate::train::{TrainConfig, task};

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
/// From this side on pictures are pooled three times.
const LARGE: usize = 32;

impl Form {
    fn of(data: &Dataset) -> Self {
        let encoder = &data.encoder;
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
            Self::Series { .. } => "A recurrent network with a line past it",
            Self::Picture { .. } => "A convolutional network",
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
    /// What suits the data.
    pub fn of(data: &Dataset) -> Self {
        let form = Form::of(data);
        let task = task(data);
        let (network, learning_rate, l2, epochs) = match form {
            Form::Row => return Self { form, network: default_network(&task), training: TrainConfig::default() },
            Form::Series { steps, features } => (recurrent(steps, features, &task), 0.005, 0.001, 100),
            Form::Picture { channels, height, width } => {
                (network(convolutions(channels, height, width), &task), 0.001, 0.0, 50)
            }
        };
        let defaults = TrainConfig::default();
        let training = TrainConfig { learning_rate, l2, batch_size: 32, epochs: Some(epochs), ..defaults };
        Self { form, network, training }
    }
}

/// A small network for rows of numbers: one hidden layer, and the usual loss.
pub fn default_network(task: &Task) -> NetworkSpec {
    let units = volume(&task.input).clamp(6, 32);
    network(vec![("Hidden 1".to_owned(), dense(units, Activation::Tanh))], task)
}

/// The layers between an input and the prediction that the task asks for.
fn network(layers: Vec<(String, LayerKind)>, task: &Task) -> NetworkSpec {
    let (units, loss) = match task.target() {
        Target::Classes(2) => (1, Loss::BinaryCrossEntropy),
        Target::Classes(k) => (k, Loss::CategoricalCrossEntropy),
        Target::Values(k) => (k, Loss::MeanSquaredError),
    };
    let mut chain = vec![("Input".to_owned(), LayerKind::Input(InputSpec::default()))];
    chain.extend(layers);
    chain.push(("Prediction".to_owned(), dense(units, Activation::Identity)));
    chain.push(("Output".to_owned(), LayerKind::Output(OutputSpec { loss, ..OutputSpec::default() })));
    NetworkSpec::chain(chain)
}

fn dense(units: usize, activation: Activation) -> LayerKind {
    LayerKind::Dense(DenseSpec { units, activation, ..DenseSpec::default() })
}

fn reshape(name: &str, shape: Vec<usize>) -> (String, LayerKind) {
    (name.to_owned(), LayerKind::Reshape(ReshapeSpec { shape }))
}

/// A recurrent cell, and a line past it: cells keep within the range that they have seen, but a series may rise beyond it.
fn recurrent(steps: usize, features: usize, task: &Task) -> NetworkSpec {
    let cell = LayerKind::Recurrent(RecurrentSpec::of(Cell::Gru));
    let mut network = network(vec![reshape("Series", vec![steps, features]), ("Memory".to_owned(), cell)], task);
    let ids: Vec<LayerId> = network.layers.iter().map(|l| l.id).collect();
    let [input, .., prediction, output] = ids.as_slice() else { return network };
    let line = network.layers[ids.len() - 2].kind.clone();
    let line = network.add("Line", line);
    let sum = network.add("Sum", LayerKind::Join(JoinSpec::default()));
    network.insert_on_wire(sum, *prediction, *output);
    network.connect(*input, line);
    network.connect(line, sum);
    network
}

/// Convolutions with twice as many filters after each pooling, and a dense layer.
fn convolutions(channels: usize, height: usize, width: usize) -> Vec<(String, LayerKind)> {
    let mut layers = vec![reshape("Image", vec![channels, height, width])];
    let stages = if height.min(width) >= LARGE { 3 } else { 2 };
    for stage in 0..stages {
        let convolution = Conv2dSpec {
            filters: 8 << stage,
            padding: Padding::Same,
            activation: Activation::Relu,
            ..Conv2dSpec::default()
        };
        layers.push((format!("Conv {}", stage + 1), LayerKind::Conv2d(convolution)));
        layers.push((format!("Pool {}", stage + 1), LayerKind::Pool2d(Pool2dSpec::default())));
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
