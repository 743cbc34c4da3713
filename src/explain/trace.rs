//! One training step as numbers: every value, gradient and parameter, recorded from the code that trains.

use crate::data::{ColumnEncoding, EncodingKind, TargetScale};
use crate::nn::{Intermediate, LayerId, Network, NetworkSpec, Parameter, Plan, Problem, Real, UpdateRule};
use crate::train::{Replica, TrainingState};
use ndarray::{Array2, ArrayView2};
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};

/// A step on some rows of a data set, in numbers of type `T`: `f32` are those that training uses.
///
/// The step is a copy of the training's: the same parameters, optimizer state, learning rate and random numbers, and the
/// four phases of [`Network`]. Training itself is not touched. Where an update gathers several mini-batches, the step takes
/// these rows alone.
#[derive(Clone, Debug)]
pub struct Trace<T> {
    pub spec: NetworkSpec,
    pub plan: Plan,
    /// Rows of the data set, one a column of all arrays below.
    pub rows: Vec<u32>,
    /// Whether they are pictures that were changed at random for this step.
    pub augmented: bool,
    /// Whether the network gets other numbers than the table holds: scaled or encoded ones.
    pub prepared: bool,
    /// Names of the features, where there are few enough to be told apart.
    pub features: Vec<String>,
    pub rule: UpdateRule,
    /// Updates made before this one.
    pub steps: u64,
    /// For each node of the plan its output, `[units, samples]`.
    pub values: Vec<Array2<T>>,
    /// For each node what it computed on the way there.
    pub intermediates: Vec<Vec<Intermediate<T>>>,
    /// The same after the backward pass, where gates have given way to their gradients.
    pub intermediate_gradients: Vec<Vec<Intermediate<T>>>,
    /// For each node ∂L/∂output; none where no gradient went.
    pub grads: Vec<Option<Array2<T>>>,
    pub heads: Vec<HeadTrace<T>>,
    /// Parameters before and after, flat as in the plan.
    pub before: Vec<T>,
    pub after: Vec<T>,
    /// ∂L/∂parameter.
    pub gradient: Vec<T>,
    /// The same as the optimizer took it: regularised and clipped.
    pub taken: Vec<T>,
    /// Running averages of the optimizer before and after the step; empty where it has none.
    pub state: [[Vec<T>; 2]; 2],
    pub loss: f64,
    /// Loss of the same rows with the new parameters.
    pub loss_after: f64,
}

/// More features than that are pixels or words, which are told by their numbers.
const NAMED: usize = 256;

/// Whether a feature enters the network as it stands in the table.
fn is_as_in_table(feature: &ColumnEncoding) -> bool {
    matches!(&feature.kind, EncodingKind::Linear(scale) if *scale == TargetScale::SAME)
}

/// Numbers of a layer, `[units, samples]`, where it has such.
type Maybe<'a, T> = Option<ArrayView2<'a, T>>;

/// What one output is compared with.
#[derive(Clone, Debug)]
pub struct HeadTrace<T> {
    /// `[outputs, samples]`, as the loss takes it.
    pub target: Array2<T>,
    /// Probabilities for cross-entropies, else the output.
    pub prediction: Array2<T>,
    /// How much each sample counts; they add up to 1.
    pub shares: Vec<T>,
    /// Of the classes, or of the values that are predicted.
    pub names: Vec<String>,
    /// Without its weight.
    pub loss: f64,
}

impl<T: Real> Trace<T> {
    /// The name of a feature, or "input" where there are too many.
    pub fn feature(&self, feature: usize) -> String {
        self.features.get(feature).cloned().unwrap_or_else(|| "input".to_owned())
    }

    /// Records the step that would follow `start` on `rows` of the replica's data, whose parameters are overwritten.
    ///
    /// # Errors
    /// When so many rows would need too much memory.
    ///
    /// # Panics
    /// If there are no rows, or `start` belongs to another network: the caller's bug.
    pub fn record(replica: &mut Replica<T>, start: &TrainingState, rows: &[u32]) -> Result<Self, Vec<Problem>> {
        replica.reserve(rows.len())?;
        replica.set_state(start);
        let mut state = start.state.cast::<T>();
        let before_state = [state.first.clone(), state.second.clone()];

        replica.forward(rows, start.seed, start.address);
        let names: Vec<Vec<String>> = replica.head_targets().iter().map(|h| h.names().to_vec()).collect();
        let network = replica.network_mut();
        let before = network.params().to_vec();
        let nodes = network.plan().nodes.len();
        let values = (0..nodes).map(|i| network.node_values(i).to_owned()).collect();
        let intermediates = (0..nodes).map(|i| network.node_intermediates(i)).collect();
        let loss = network.error();
        let heads = names.into_iter().enumerate().map(|(i, names)| HeadTrace::of(network, i, names)).collect();
        network.backward();
        let intermediate_gradients = (0..nodes).map(|i| network.node_intermediates(i)).collect();
        let grads = (0..nodes).map(|i| network.node_grads(i).map(|g| g.to_owned())).collect();
        let learning = network.plan().learning;
        let mut gradient = network.grads().to_vec();
        gradient[learning..].fill(T::ZERO);
        network.update(&start.rule, &mut state);
        let mut taken = network.grads().to_vec();
        taken[learning..].fill(T::ZERO);
        network.forward(true, start.address);
        // Copies of shared parameters follow in the forward pass.
        let after = network.params().to_vec();
        let loss_after = network.error();
        Ok(Self {
            spec: replica.spec().clone(),
            plan: replica.plan().clone(),
            rows: rows.to_vec(),
            augmented: replica.augments(),
            prepared: !replica.data().encoder.features.iter().all(is_as_in_table),
            features: if replica.data().features() <= NAMED {
                replica.data().encoder.feature_names()
            } else {
                Vec::new()
            },
            rule: start.rule,
            steps: start.state.steps,
            values,
            intermediates,
            intermediate_gradients,
            grads,
            heads,
            before,
            after,
            gradient,
            taken,
            state: [before_state, [state.first, state.second]],
            loss,
            loss_after,
        })
    }

    /// Layers in computing order.
    pub fn layers(&self) -> impl DoubleEndedIterator<Item = LayerId> + '_ {
        self.plan.order.iter().copied()
    }

    /// The tensor that a place in the flat vector belongs to.
    pub fn parameter(&self, index: usize) -> Option<&Parameter> {
        self.plan.parameters.iter().find(|p| p.range.contains(&index))
    }

    /// The node of a layer's activations.
    pub fn node(&self, layer: LayerId) -> Option<usize> {
        self.plan.layer_nodes.get(&layer).map(|&(_, a)| a)
    }

    /// Weighted sums and activations of a layer, `[units, samples]`; z only where it is another thing than a.
    pub fn layer_values(&self, layer: LayerId) -> Option<(Option<ArrayView2<'_, T>>, ArrayView2<'_, T>)> {
        let &(z, a) = self.plan.layer_nodes.get(&layer)?;
        Some(((z != a).then(|| self.values[z].view()), self.values[a].view()))
    }

    /// The same of ∂L/∂z and ∂L/∂a. Where a loss takes logits, no gradient goes through the function before it.
    pub fn layer_grads(&self, layer: LayerId) -> Option<(Maybe<'_, T>, Maybe<'_, T>)> {
        let &(z, a) = self.plan.layer_nodes.get(&layer)?;
        let of = |node: usize| self.grads[node].as_ref().map(|g| g.view());
        Some(((z != a).then(|| of(z)).flatten(), of(a)))
    }

    /// The output that a layer is, if it is one.
    pub fn head_of(&self, layer: LayerId) -> Option<usize> {
        self.plan.heads.iter().position(|h| h.layer == layer)
    }
}

impl<T: Real> HeadTrace<T> {
    fn of(network: &mut Network<T>, index: usize, names: Vec<String>) -> Self {
        let (batch, stride, outputs) = (network.batch(), network.stride(), network.outputs(index));
        let of = |values: &[T]| Array2::from_shape_fn((outputs, batch), |(k, s)| values[k * stride + s]);
        let mut prediction = vec![T::ZERO; outputs * stride];
        network.predict(index, &mut prediction);
        let loss = network.head_loss(index);
        let (_, target, shares) = network.head(index);
        Self { target: of(target), shares: shares[..batch].to_vec(), prediction: of(&prediction), names, loss }
    }
}

/// As `{"loss", "loss_after", "rows", "layers": [{"id", "name", "kind", "input", "z", "a", "grad_a", "grad_z", "params"}]}`, where arrays
/// are nested by sample and parameters by their shape.
impl<T: Real + Serialize> Serialize for Trace<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("loss", &self.loss)?;
        map.serialize_entry("loss_after", &self.loss_after)?;
        map.serialize_entry("step", &(self.steps + 1))?;
        map.serialize_entry("rows", &self.rows)?;
        map.serialize_entry("layers", &Layers(self))?;
        map.end()
    }
}

struct Layers<'a, T>(&'a Trace<T>);

impl<T: Real + Serialize> Serialize for Layers<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        for id in self.0.layers() {
            seq.serialize_element(&OneLayer(self.0, id))?;
        }
        seq.end()
    }
}

struct OneLayer<'a, T>(&'a Trace<T>, LayerId);

impl<T: Real + Serialize> Serialize for OneLayer<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(trace, id) = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &id)?;
        if let Some(layer) = trace.spec.layer(id) {
            map.serialize_entry("name", &layer.name)?;
            map.serialize_entry("kind", layer.kind.name())?;
        }
        let inputs: Vec<_> =
            trace.spec.inputs_of(id).filter_map(|from| Some(Samples(trace.layer_values(from)?.1))).collect();
        match &inputs[..] {
            [one] => map.serialize_entry("input", one)?,
            several => map.serialize_entry("input", several)?,
        }
        if let Some((z, a)) = trace.layer_values(id) {
            map.serialize_entry("z", &z.map(Samples))?;
            map.serialize_entry("a", &Samples(a))?;
        }
        if let Some((grad_z, grad_a)) = trace.layer_grads(id) {
            map.serialize_entry("grad_a", &grad_a.map(Samples))?;
            map.serialize_entry("grad_z", &grad_z.map(Samples))?;
        }
        if let Some(head) = trace.head_of(id).map(|i| &trace.heads[i]) {
            map.serialize_entry("target", &Samples(head.target.view()))?;
            map.serialize_entry("prediction", &Samples(head.prediction.view()))?;
            map.serialize_entry("loss", &head.loss)?;
        }
        map.serialize_entry("params", &Parameters(trace, id))?;
        map.end()
    }
}

struct Parameters<'a, T>(&'a Trace<T>, LayerId);

impl<T: Real + Serialize> Serialize for Parameters<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(trace, id) = *self;
        let mut map = serializer.serialize_map(None)?;
        for p in trace.plan.parameters.iter().filter(|p| p.layer == id) {
            let of = |values: &'_ [T]| values.get(p.range.clone()).map(<[T]>::to_vec);
            let shape = &p.shape.shape[..];
            let nested = |values: Option<Vec<T>>| values.map(|values| Nested { values, shape });
            let tensor = Tensor {
                shape,
                axes: p.shape.naming.axes.iter().map(|axis| axis.counts).collect(),
                before: nested(of(&trace.before)),
                grad: nested(of(&trace.gradient)),
                taken: nested(of(&trace.taken)),
                after: nested(of(&trace.after)),
                first: nested(of(&trace.state[1][0])),
                second: nested(of(&trace.state[1][1])),
            };
            map.serialize_entry(p.shape.name, &tensor)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Tensor<'a, T: Serialize> {
    shape: &'a [usize],
    /// What the indices of a value count.
    axes: Vec<&'static str>,
    before: Option<Nested<'a, T>>,
    grad: Option<Nested<'a, T>>,
    /// The gradient as the optimizer took it.
    taken: Option<Nested<'a, T>>,
    after: Option<Nested<'a, T>>,
    /// Running averages after the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<Nested<'a, T>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second: Option<Nested<'a, T>>,
}

/// Numbers nested by their shape.
struct Nested<'a, T> {
    values: Vec<T>,
    shape: &'a [usize],
}

impl<T: Serialize> Serialize for Nested<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        nested(&self.values, self.shape, serializer)
    }
}

fn nested<T: Serialize, S: Serializer>(values: &[T], shape: &[usize], serializer: S) -> Result<S::Ok, S::Error> {
    struct Part<'a, T>(&'a [T], &'a [usize]);
    impl<T: Serialize> Serialize for Part<'_, T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            nested(self.0, self.1, serializer)
        }
    }
    match shape {
        [] | [_] => serializer.collect_seq(values),
        [first, rest @ ..] => {
            let size = (values.len() / first).max(1);
            serializer.collect_seq(values.chunks(size).map(|part| Part(part, rest)))
        }
    }
}

/// `[units, samples]` written sample by sample.
struct Samples<'a, T>(ArrayView2<'a, T>);

impl<T: Serialize> Serialize for Samples<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.0.columns();
        serializer.collect_seq(columns.into_iter().map(|c| c.into_iter().collect::<Vec<_>>()))
    }
}
