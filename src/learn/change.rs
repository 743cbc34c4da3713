//! What a lesson does to a document when it begins, and how a task can be solved: `hidden units 4`, `train 200 epochs`.

use crate::data::{DataSource, Generator, Shape};
use crate::nn::layers::{DenseSpec, DropoutSpec, LayerDefinition};
use crate::nn::{Activation, Initialiser, LayerId, LayerKind, Loss, NetworkSpec, Optimizer};
use crate::project::Document;

/// A change of the document.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    LearningRate(f32),
    BatchSize(usize),
    L2(f32),
    Seed(u64),
    Optimizer(Optimizer),
    Loss(Loss),
    /// Units of every hidden layer.
    HiddenUnits(usize),
    /// So many hidden layers like the first.
    HiddenLayers(usize),
    /// Of every hidden layer.
    Activation(Activation),
    /// Of the layer that is judged.
    PredictionActivation(Activation),
    /// Of every dense layer.
    Initialiser(Initialiser),
    /// Behind every hidden layer; 0 takes it away.
    Dropout(f32),
    Data(Shape),
    Samples(usize),
    Noise(f64),
}

/// A step of a solution.
#[derive(Clone, Debug, PartialEq)]
pub enum SolutionStep {
    Change(Change),
    Rewind,
    Epochs(u32),
    /// Batches
    Updates(u32),
}

impl SolutionStep {
    /// Reads one line.
    ///
    /// # Errors
    /// What cannot be read, and what could stand there.
    pub fn parse(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        Ok(match words[..] {
            ["rewind"] => Self::Rewind,
            ["train", count, "epochs" | "epoch"] => Self::Epochs(number(count)?),
            ["train", count, "updates" | "update"] => Self::Updates(number(count)?),
            _ => Self::Change(Change::parse(line)?),
        })
    }
}

const KNOWN: &str = "train N epochs, train N updates, rewind, learning rate, batch size, l2, seed, optimizer, loss, hidden units, hidden layers, activation, prediction activation, initialiser, dropout, data, samples, noise";

/// More hidden layers are a slip of the keyboard.
const MOST_HIDDEN: usize = 100;

impl Change {
    /// Reads `learning rate 0.1`, `activation ReLU` and the like.
    ///
    /// # Errors
    /// What cannot be read, and what could stand there.
    pub fn parse(line: &str) -> Result<Self, String> {
        let value = |key: &str| line.trim().strip_prefix(key)?.strip_prefix(' ').map(str::trim);
        // The longer names first, where one begins with another.
        Ok(if let Some(v) = value("learning rate") {
            Self::LearningRate(number(v)?)
        } else if let Some(v) = value("batch size") {
            Self::BatchSize(number(v)?)
        } else if let Some(v) = value("l2") {
            Self::L2(number(v)?)
        } else if let Some(v) = value("seed") {
            Self::Seed(number(v)?)
        } else if let Some(v) = value("optimizer") {
            Self::Optimizer(named(v, &Optimizer::ALL, Optimizer::label)?)
        } else if let Some(v) = value("loss") {
            Self::Loss(named(v, &Loss::ALL, Loss::label)?)
        } else if let Some(v) = value("hidden units") {
            Self::HiddenUnits(number(v)?)
        } else if let Some(v) = value("hidden layers") {
            let count = number(v)?;
            if count > MOST_HIDDEN {
                return Err(format!("“{line}”: a lesson makes at most {MOST_HIDDEN} hidden layers"));
            }
            Self::HiddenLayers(count)
        } else if let Some(v) = value("prediction activation") {
            Self::PredictionActivation(named(v, &Activation::ALL, Activation::label)?)
        } else if let Some(v) = value("activation") {
            Self::Activation(named(v, &Activation::ALL, Activation::label)?)
        } else if let Some(v) = value("initialiser") {
            Self::Initialiser(named(v, &Initialiser::ALL, Initialiser::label)?)
        } else if let Some(v) = value("dropout") {
            Self::Dropout(number(v)?)
        } else if let Some(v) = value("data") {
            Self::Data(named(v, &Shape::ALL, Shape::label)?)
        } else if let Some(v) = value("samples") {
            Self::Samples(number(v)?)
        } else if let Some(v) = value("noise") {
            Self::Noise(number(v)?)
        } else {
            return Err(format!("“{line}” is nothing that can be done; what can: {KNOWN}"));
        })
    }

    /// Changes the document. A change that does not fit it (the noise of a file) changes nothing.
    pub fn apply(&self, document: &mut Document) {
        let (network, training) = (&mut document.network, &mut document.training);
        match *self {
            Self::LearningRate(rate) => training.learning_rate = rate,
            Self::BatchSize(size) => training.batch_size = size,
            Self::L2(l2) => training.l2 = l2,
            Self::Seed(seed) => training.seed = seed,
            Self::Optimizer(optimizer) => training.optimizer = optimizer,
            Self::Loss(loss) => {
                for layer in &mut network.layers {
                    if let Some(output) = layer.kind.output_mut() {
                        output.loss = loss;
                    }
                }
            }
            Self::HiddenUnits(units) => each(network, true, |l| set(l.units_mut(), units)),
            Self::Activation(activation) => each(network, true, |l| set(l.activation_mut(), activation)),
            Self::PredictionActivation(activation) => each(network, false, |l| set(l.activation_mut(), activation)),
            Self::Initialiser(initialiser) => {
                each(network, true, |l| set(l.initialiser_mut(), initialiser));
                each(network, false, |l| set(l.initialiser_mut(), initialiser));
            }
            Self::HiddenLayers(count) => hidden_layers(network, count),
            Self::Dropout(rate) => dropout(network, rate),
            Self::Data(shape) => {
                let like = generator(document).cloned().unwrap_or_default();
                document.data.source = DataSource::Generator(Generator { shape, ..like });
                document.data.preparation = None;
            }
            Self::Samples(samples) => {
                if let Some(own) = generator(document) {
                    own.samples = samples;
                }
            }
            Self::Noise(noise) => {
                if let Some(own) = generator(document) {
                    own.noise = noise;
                }
            }
        }
    }
}

fn generator(document: &mut Document) -> Option<&mut Generator> {
    if let DataSource::Generator(own) = &mut document.data.source { Some(own) } else { None }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    // "1e300" is a number, but none that single precision holds.
    let finite = text.parse::<f64>().map_or(true, |v| (v as f32).is_finite());
    text.parse().ok().filter(|_| finite).ok_or_else(|| format!("“{text}” is not a number that fits here"))
}

fn named<T: Copy>(text: &str, all: &[T], label: impl Fn(T) -> &'static str) -> Result<T, String> {
    all.iter().copied().find(|t| label(*t).eq_ignore_ascii_case(text)).ok_or_else(|| {
        let labels: Vec<_> = all.iter().map(|t| label(*t)).collect();
        format!("“{text}” is none of {}", labels.join(", "))
    })
}

/// The layers of neurons that are hidden, or the others.
fn of_neurons(network: &NetworkSpec, hidden: bool) -> Vec<LayerId> {
    let layers = network.layers.iter().filter(|l| l.kind.definition().units().is_some());
    layers.filter(|l| network.is_prediction(l.id) != hidden).map(|l| l.id).collect()
}

fn each(network: &mut NetworkSpec, hidden: bool, change: impl Fn(&mut dyn LayerDefinition)) {
    for id in of_neurons(network, hidden) {
        if let Some(layer) = network.layer_mut(id) {
            change(layer.kind.definition_mut());
        }
    }
}

/// Changes a setting, where there is such a setting.
fn set<A>(setting: Option<&mut A>, value: A) {
    if let Some(setting) = setting {
        *setting = value;
    }
}

fn hidden_layers(network: &mut NetworkSpec, count: usize) {
    let own = of_neurons(network, true);
    let like = own.first().and_then(|id| network.layer(*id)).map(|l| l.kind.clone());
    let like = like.unwrap_or(LayerKind::Dense(DenseSpec { activation: Activation::Tanh, ..DenseSpec::default() }));
    for id in own.iter().skip(count) {
        network.remove(*id);
    }
    let mut after = own.get(..count.min(own.len())).and_then(|kept| kept.last().copied());
    for number in own.len() + 1..=count {
        let id = network.add(format!("Hidden {number}"), like.clone());
        let before = after.or_else(|| network.layers.iter().find(|l| l.kind.is_input()).map(|l| l.id));
        if let Some(before) = before {
            network.insert_after(id, before);
        }
        after = Some(id);
    }
}

fn dropout(network: &mut NetworkSpec, rate: f32) {
    let old: Vec<LayerId> =
        network.layers.iter().filter(|l| l.kind.definition().dropout_rate().is_some()).map(|l| l.id).collect();
    for id in old {
        network.remove(id);
    }
    if rate > 0.0 {
        for id in of_neurons(network, true) {
            let dropout = network.add("Dropout", LayerKind::Dropout(DropoutSpec { rate }));
            network.insert_after(dropout, id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, SolutionStep};
    use crate::learn::goal::hidden;
    use crate::project::builtin;

    #[test]
    fn changes_do_what_they_say() {
        let mut document = builtin("xor").expect("built in").preset().expect("it is read").document;
        let mut apply = |line: &str| {
            Change::parse(line).expect(line).apply(&mut document);
            let data = document.data.load().expect("the data are drawn").1;
            let fits = crate::nn::infer(&document.network, &crate::train::task(&data), 16).fits();
            assert!(fits, "{line}");
            let sizes: Vec<usize> =
                hidden(&document.network).filter_map(crate::nn::layers::LayerDefinition::units).collect();
            (sizes, document.network.layers.len())
        };
        assert_eq!(apply("hidden layers 3"), (vec![2, 2, 2], 6));
        assert_eq!(apply("hidden units 5"), (vec![5, 5, 5], 6));
        assert_eq!(apply("dropout 0.2"), (vec![5, 5, 5], 9));
        assert_eq!(apply("dropout 0"), (vec![5, 5, 5], 6));
        assert_eq!(apply("hidden layers 0"), (vec![], 3));
        assert_eq!(apply("hidden layers 1"), (vec![4], 4));
        apply("samples 40");
        apply("noise 0.3");
        assert_eq!(document.data.load().expect("the data are drawn").1.rows(), 40);
        assert_eq!(SolutionStep::parse("train 20 epochs"), Ok(SolutionStep::Epochs(20)));
        for (bad, told) in [
            ("bake bread", "what can"),
            ("activation wobble", "none of"),
            ("samples few", "number"),
            ("noise 1e300", "number"),
            ("learning rate nan", "number"),
            ("hidden layers 100000", "at most"),
        ] {
            let problem = SolutionStep::parse(bad).expect_err(bad);
            assert!(problem.contains(told), "{problem}");
        }
    }
}
