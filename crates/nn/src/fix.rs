//! Changes of a network that one click makes: they remove a problem that shape inference or the diagnosis has found.

use super::activation::Activation;
use super::init::Initialiser;
use super::layer_id::LayerId;
use super::layers::{
    ClassWeights, Comparison, DenseSpec, FlattenSpec, InputSpec, LayerDefinition, LayerFix, LayerKind, OutputSpec,
    ReshapeSpec, palette,
};
use super::losses::Loss;
use super::spec::NetworkSpec;

/// A change of a network.
#[derive(Clone, Debug, PartialEq)]
pub enum NetworkFix {
    AddInput,
    AddOutput {
        after: LayerId,
    },
    SetUnits {
        layer: LayerId,
        units: usize,
    },
    SetActivation {
        layer: LayerId,
        activation: Activation,
    },
    SetLoss {
        layer: LayerId,
        loss: Loss,
    },
    InsertDense {
        before: LayerId,
        units: usize,
        activation: Activation,
    },
    Connect {
        from: LayerId,
        to: LayerId,
    },
    Remove {
        layer: LayerId,
    },
    KeepOneWire {
        to: LayerId,
    },
    /// A layer that gives the last step of a sequence gives every one.
    EveryStep {
        layer: LayerId,
    },
    InsertOnWire {
        from: LayerId,
        to: LayerId,
        kind: Box<LayerKind>,
    },
    SetRate {
        layer: LayerId,
        rate: f32,
    },
    InsertFlatten {
        before: LayerId,
    },
    InsertReshape {
        before: LayerId,
        shape: Vec<usize>,
    },
    OwnParameters {
        layer: LayerId,
    },
    AllFeatures {
        layer: LayerId,
    },
    CompareWithTarget {
        layer: LayerId,
    },
    EqualClasses {
        layer: LayerId,
    },
    Reset {
        layer: LayerId,
    },
    SetVocabulary {
        layer: LayerId,
        vocabulary: usize,
    },
    /// With weights that suit the activation.
    UseActivation {
        layers: Vec<LayerId>,
        activation: Activation,
    },
    SmallerWeights {
        layers: Vec<LayerId>,
    },
    UsualInitialiser {
        layer: LayerId,
    },
    /// What is fed by an output is fed by what feeds the output.
    BypassOutput {
        output: LayerId,
        to: LayerId,
    },
    BalanceClasses {
        layer: LayerId,
    },
}

impl NetworkFix {
    /// What a layer proposes for itself.
    pub(super) fn of(fix: LayerFix, layer: LayerId) -> Self {
        match fix {
            LayerFix::Units(units) => Self::SetUnits { layer, units },
            LayerFix::DropoutRate(rate) => Self::SetRate { layer, rate },
            LayerFix::Reset => Self::Reset { layer },
            LayerFix::InsertFlatten => Self::InsertFlatten { before: layer },
            LayerFix::InsertReshape(shape) => Self::InsertReshape { before: layer, shape },
            LayerFix::Remove => Self::Remove { layer },
        }
    }

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
            Self::EveryStep { layer } => format!("Let {} give every step", spec.name(*layer)),
            Self::InsertOnWire { from, kind, .. } => {
                format!("Insert {} after {}", kind.definition().caption(), spec.name(*from))
            }
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
            Self::UseActivation { layers, activation } if layers.len() == 1 => {
                format!("Use {} there", activation.label())
            }
            Self::UseActivation { activation, .. } => format!("Use {} in these layers", activation.label()),
            Self::SmallerWeights { .. } => "Start from smaller weights".to_owned(),
            Self::UsualInitialiser { .. } => {
                format!("Draw its weights by {}", Initialiser::default().label())
            }
            Self::BypassOutput { output, to } => {
                format!("Feed {} by what feeds {}", spec.name(*to), spec.name(*output))
            }
            Self::BalanceClasses { .. } => "Weight classes by inverse frequency".to_owned(),
            Self::Reset { layer } => format!("Give {} its usual settings", spec.name(*layer)),
        }
    }

    /// Makes the change.
    pub fn apply(&self, spec: &mut NetworkSpec) {
        let output = |spec: &mut NetworkSpec, id, change: &dyn Fn(&mut OutputSpec)| {
            if let Some(output) = spec.layer_mut(id).and_then(|l| l.kind.output_mut()) {
                change(output);
            }
        };
        match *self {
            Self::AddInput => {
                let first = spec.topological_order().0.into_iter().find(|&id| {
                    spec.inputs_of(id).next().is_none() && !spec.layer(id).is_some_and(|l| l.kind.is_input())
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
                if let Some(own) = definition_mut(spec, layer).and_then(LayerDefinition::units_mut) {
                    *own = units;
                }
            }
            Self::SetActivation { layer, activation } => {
                if let Some(own) = definition_mut(spec, layer).and_then(LayerDefinition::activation_mut) {
                    *own = activation;
                }
            }
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
                if let Some(input) = spec.layer_mut(layer).and_then(|l| l.kind.input_mut()) {
                    input.columns.clear();
                }
            }
            Self::CompareWithTarget { layer } => output(spec, layer, &|o| o.target = Comparison::Target),
            Self::EqualClasses { layer } => output(spec, layer, &|o| o.class_weights = ClassWeights::Equal),
            Self::SetVocabulary { layer, vocabulary } => {
                if let Some(own) = definition_mut(spec, layer).and_then(LayerDefinition::vocabulary_mut) {
                    *own = vocabulary;
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
            Self::UseActivation { ref layers, activation } => {
                for layer in spec.layers.iter_mut().filter(|l| layers.contains(&l.id)) {
                    layer.kind.definition_mut().use_activation(activation);
                }
            }
            Self::SmallerWeights { ref layers } => {
                for layer in spec.layers.iter_mut().filter(|l| layers.contains(&l.id)) {
                    if let Some(initialiser) = layer.kind.definition_mut().initialiser_mut() {
                        *initialiser = Initialiser::XavierUniform;
                    }
                }
            }
            Self::UsualInitialiser { layer } => {
                if let Some(own) = definition_mut(spec, layer).and_then(LayerDefinition::initialiser_mut) {
                    *own = Initialiser::default();
                }
            }
            Self::BypassOutput { output, to } => {
                spec.wires.retain(|w| !(w.from == output && w.to == to));
                let feeders: Vec<LayerId> = spec.inputs_of(output).collect();
                for from in feeders {
                    spec.connect(from, to);
                }
            }
            Self::BalanceClasses { layer } => output(spec, layer, &|o| o.class_weights = ClassWeights::Balanced),
            Self::Connect { from, to } => spec.connect(from, to),
            Self::Remove { layer } => spec.remove(layer),
            Self::KeepOneWire { to } => {
                let first = spec.inputs_of(to).next();
                spec.wires.retain(|w| w.to != to || Some(w.from) == first);
            }
            Self::EveryStep { layer } => {
                if let Some(own) = definition_mut(spec, layer).and_then(LayerDefinition::every_step_mut) {
                    *own = true;
                }
            }
            Self::InsertOnWire { from, to, ref kind } => {
                // The order of a join's wires stays.
                let place = spec.wires.iter().position(|w| w.from == from && w.to == to);
                let id = spec.add(kind.definition().base_name(), (**kind).clone());
                if let Some(place) = place {
                    spec.wires[place].from = id;
                    spec.connect(from, id);
                }
            }
            Self::SetRate { layer, rate } => {
                if let Some(own) = definition_mut(spec, layer).and_then(LayerDefinition::dropout_rate_mut) {
                    *own = rate;
                }
            }
        }
    }
}

fn definition_mut(spec: &mut NetworkSpec, layer: LayerId) -> Option<&mut dyn LayerDefinition> {
    spec.layer_mut(layer).map(|l| l.kind.definition_mut())
}

fn insert_before(spec: &mut NetworkSpec, name: &str, kind: LayerKind, before: LayerId) {
    let from = spec.inputs_of(before).next();
    let id = spec.add(name, kind);
    match from {
        Some(from) => spec.insert_on_wire(id, from, before),
        None => spec.connect(id, before),
    }
}
