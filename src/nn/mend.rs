//! One click that removes a problem which shape inference has found.

use super::layers::{ClassWeights, Comparison, DenseSpec, FlattenSpec, InputSpec, OutputSpec, ReshapeSpec, palette};
use super::spec::{LayerId, LayerKind, NetworkSpec};
use super::{Activation, Loss};

/// One click that removes a problem.
#[derive(Clone, Debug, PartialEq)]
pub enum Mend {
    AddInput,
    AddOutput { after: LayerId },
    SetUnits { layer: LayerId, units: usize },
    SetActivation { layer: LayerId, activation: Activation },
    SetLoss { layer: LayerId, loss: Loss },
    InsertDense { before: LayerId, units: usize, activation: Activation },
    Connect { from: LayerId, to: LayerId },
    Remove { layer: LayerId },
    KeepOneWire { to: LayerId },
    SetRate { layer: LayerId, rate: f32 },
    InsertFlatten { before: LayerId },
    InsertReshape { before: LayerId, shape: Vec<usize> },
    OwnParameters { layer: LayerId },
    AllFeatures { layer: LayerId },
    CompareWithTarget { layer: LayerId },
    EqualClasses { layer: LayerId },
    Reset { layer: LayerId },
    SetVocabulary { layer: LayerId, vocabulary: usize },
}

impl Mend {
    /// What the button says.
    pub fn label(&self, spec: &NetworkSpec) -> String {
        match self {
            Self::AddInput => "Add an input layer".to_owned(),
            Self::AddOutput { .. } => "Add an output layer".to_owned(),
            Self::SetUnits { layer, units } => format!("Set {} to {units} units", spec.name(*layer)),
            Self::SetActivation { layer, activation } => {
                format!("Set {} to {}", spec.name(*layer), activation.label())
            }
            Self::SetLoss { loss, .. } => format!("Use {}", loss.label().to_lowercase()),
            Self::InsertDense { units, .. } => format!("Insert a dense layer of {units} units"),
            Self::Connect { from, to } => format!("Connect {} to {}", spec.name(*from), spec.name(*to)),
            Self::Remove { layer } => format!("Remove {}", spec.name(*layer)),
            Self::KeepOneWire { .. } => "Keep only the first wire".to_owned(),
            Self::SetRate { rate, .. } => format!("Set the rate to {rate}"),
            Self::InsertFlatten { .. } => "Insert a flatten layer".to_owned(),
            Self::InsertReshape { shape, .. } => {
                let sides: Vec<String> = shape.iter().map(ToString::to_string).collect();
                format!("Insert a reshape layer to {}", sides.join("×"))
            }
            Self::OwnParameters { layer } => format!("Give {} parameters of its own", spec.name(*layer)),
            Self::AllFeatures { .. } => "Take all features".to_owned(),
            Self::CompareWithTarget { .. } => "Compare with the target of the data".to_owned(),
            Self::EqualClasses { .. } => "Let all classes count alike".to_owned(),
            Self::SetVocabulary { vocabulary, .. } => format!("Set it to {vocabulary} categories"),
            Self::Reset { layer } => format!("Give {} its usual settings", spec.name(*layer)),
        }
    }

    /// Makes the change.
    pub fn apply(&self, spec: &mut NetworkSpec) {
        let output = |spec: &mut NetworkSpec, id, change: &dyn Fn(&mut OutputSpec)| {
            if let Some(LayerKind::Output(output)) = spec.layer_mut(id).map(|l| &mut l.kind) {
                change(output);
            }
        };
        match *self {
            Self::AddInput => {
                let first = spec.topological_order().0.into_iter().find(|&id| {
                    spec.inputs_of(id).next().is_none()
                        && !matches!(spec.layer(id).map(|l| &l.kind), Some(LayerKind::Input(_)))
                });
                let input = spec.add("Input", LayerKind::Input(InputSpec::default()));
                if let Some(first) = first {
                    spec.connect(input, first);
                }
            }
            Self::AddOutput { after } => {
                let output = spec.add("Output", LayerKind::Output(OutputSpec::default()));
                spec.connect(after, output);
            }
            Self::SetUnits { layer, units } => {
                if let Some(LayerKind::Dense(dense)) = spec.layer_mut(layer).map(|l| &mut l.kind) {
                    dense.units = units;
                }
            }
            Self::SetActivation { layer, activation } => match spec.layer_mut(layer).map(|l| &mut l.kind) {
                Some(LayerKind::Dense(dense)) => dense.activation = activation,
                Some(LayerKind::Conv2d(conv)) => conv.activation = activation,
                Some(LayerKind::Conv1d(conv)) => conv.activation = activation,
                Some(LayerKind::Activation(layer)) => layer.function = activation,
                _ => {}
            },
            Self::SetLoss { layer, loss } => output(spec, layer, &|o| o.loss = loss),
            Self::InsertDense { before, units, activation } => {
                let dense = DenseSpec { units, activation, ..DenseSpec::default() };
                insert_before(spec, "Dense", LayerKind::Dense(dense), before);
            }
            Self::InsertFlatten { before } => {
                insert_before(spec, "Flatten", LayerKind::Flatten(FlattenSpec {}), before);
            }
            Self::OwnParameters { layer } => {
                if let Some(layer) = spec.layer_mut(layer) {
                    (layer.shares, layer.rate) = (None, 1.0);
                }
            }
            Self::AllFeatures { layer } => {
                if let Some(LayerKind::Input(input)) = spec.layer_mut(layer).map(|l| &mut l.kind) {
                    input.columns.clear();
                }
            }
            Self::CompareWithTarget { layer } => output(spec, layer, &|o| o.target = Comparison::Target),
            Self::EqualClasses { layer } => output(spec, layer, &|o| o.class_weights = ClassWeights::Equal),
            Self::SetVocabulary { layer, vocabulary } => {
                if let Some(LayerKind::Embedding(embedding)) = spec.layer_mut(layer).map(|l| &mut l.kind) {
                    embedding.vocabulary = vocabulary;
                }
            }
            Self::InsertReshape { before, ref shape } => {
                let reshape = ReshapeSpec { shape: shape.clone() };
                insert_before(spec, "Reshape", LayerKind::Reshape(reshape), before);
            }
            Self::Reset { layer } => {
                let usual = |kind: &LayerKind| palette().into_iter().find(|p| p.info().label == kind.info().label);
                if let Some(layer) = spec.layer_mut(layer)
                    && let Some(kind) = usual(&layer.kind)
                {
                    layer.kind = kind;
                }
            }
            Self::Connect { from, to } => spec.connect(from, to),
            Self::Remove { layer } => spec.remove(layer),
            Self::KeepOneWire { to } => {
                let first = spec.inputs_of(to).next();
                spec.wires.retain(|w| w.to != to || Some(w.from) == first);
            }
            Self::SetRate { layer, rate } => {
                if let Some(LayerKind::Dropout(dropout)) = spec.layer_mut(layer).map(|l| &mut l.kind) {
                    dropout.rate = rate;
                }
            }
        }
    }
}

/// For a layer whose own settings are wrong.
pub(super) fn invalid_mend(kind: &LayerKind, id: LayerId) -> Option<Mend> {
    match kind {
        LayerKind::Dense(_) => Some(Mend::SetUnits { layer: id, units: 4 }),
        LayerKind::Dropout(_) => Some(Mend::SetRate { layer: id, rate: 0.2 }),
        LayerKind::Input(_) | LayerKind::Output(_) => None,
        _ => Some(Mend::Reset { layer: id }),
    }
}

/// A layer of the kind that is missing in front of one that cannot take its input.
pub(super) fn shape_mend(kind: &LayerKind, id: LayerId, input: &[usize]) -> Option<Mend> {
    match (kind, input) {
        (LayerKind::Dense(dense), &[n]) if dense.per_step => {
            Some(Mend::InsertReshape { before: id, shape: vec![n, 1] })
        }
        (LayerKind::Dense(_) | LayerKind::Embedding(_), [_, _, ..]) => Some(Mend::InsertFlatten { before: id }),
        (LayerKind::Recurrent(_) | LayerKind::Attention(_) | LayerKind::Position(_), &[n]) => {
            Some(Mend::InsertReshape { before: id, shape: vec![n, 1] })
        }
        (LayerKind::Conv1d(_) | LayerKind::Pool1d(_), &[n]) => {
            Some(Mend::InsertReshape { before: id, shape: vec![1, n] })
        }
        (LayerKind::Conv2d(_) | LayerKind::Pool2d(_) | LayerKind::GlobalPool(_), &[n]) => {
            // A square image of one or three channels.
            let side = |n: usize| (n as f64).sqrt().round() as usize;
            let channels = [1, 3].into_iter().find(|c| n % c == 0 && side(n / c).pow(2) * c == n)?;
            let side = side(n / channels);
            Some(Mend::InsertReshape { before: id, shape: vec![channels, side, side] })
        }
        (LayerKind::Reshape(_) | LayerKind::Permute(_), _) => Some(Mend::Remove { layer: id }),
        _ => None,
    }
}

fn insert_before(spec: &mut NetworkSpec, name: &str, kind: LayerKind, before: LayerId) {
    let from = spec.inputs_of(before).next();
    let id = spec.add(name, kind);
    match from {
        Some(from) => spec.insert_on_wire(id, from, before),
        None => spec.connect(id, before),
    }
}
