//! `NetworkSpec`: a network as data. The document owns it, the screen edits it, [`super::compile`] makes machinery of it.

use super::defaults::{is_one, one};
use super::layer_id::LayerId;
use super::layers::{LayerKind, OutputSpec};
use chainrule_common::format;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// A network with more layers is refused: every edit works out the shapes of all.
pub const MOST_LAYERS: usize = 4096;
/// A network with more wires is refused.
pub const MOST_WIRES: usize = 65_536;

/// Layers and the wires between them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    pub layers: Vec<LayerSpec>,
    pub wires: Vec<Wire>,
}

/// One layer: its identity, its place on the canvas and what it computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerSpec {
    pub id: LayerId,
    pub name: String,
    /// Position of the card's centre on the canvas; laid out automatically when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<[f32; 2]>,
    pub kind: LayerKind,
    /// Whether its parameters stay as they are; a frozen batch norm also keeps its running averages and uses them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frozen: bool,
    /// The layer whose parameters it uses instead of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<LayerId>,
    /// Factor on the learning rate for its parameters.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub rate: f32,
}

impl LayerSpec {
    /// A layer that learns like every other.
    pub fn new(id: LayerId, name: String, kind: LayerKind) -> Self {
        Self { id, name, position: None, kind, frozen: false, shares: None, rate: 1.0 }
    }
}

/// A connection from one layer's output to another's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    pub from: LayerId,
    pub to: LayerId,
}

impl NetworkSpec {
    /// A chain of layers in order, numbered from 1 and wired one to the next.
    pub fn chain(layers: impl IntoIterator<Item = (String, LayerKind)>) -> Self {
        let layers: Vec<LayerSpec> =
            layers.into_iter().zip(1..).map(|((name, kind), id)| LayerSpec::new(LayerId(id), name, kind)).collect();
        let wires = layers.windows(2).map(|pair| Wire { from: pair[0].id, to: pair[1].id }).collect();
        Self { layers, wires }
    }

    /// What is wrong where there are too many layers or wires: which list, and why.
    pub fn too_large(&self) -> Option<(&'static str, String)> {
        let told = |what: &'static str, count: usize, most: usize| {
            let has = format!(
                "{} {what}, more than the limit of {}",
                format::count(count as u128),
                format::count(most as u128)
            );
            (count > most).then(|| (what, format!("has {has}; leave some out")))
        };
        told("layers", self.layers.len(), MOST_LAYERS).or_else(|| told("wires", self.wires.len(), MOST_WIRES))
    }

    pub fn layer(&self, id: LayerId) -> Option<&LayerSpec> {
        self.layers.iter().find(|l| l.id == id)
    }

    pub fn layer_mut(&mut self, id: LayerId) -> Option<&mut LayerSpec> {
        self.layers.iter_mut().find(|l| l.id == id)
    }

    /// The outputs, in the order of the list; the first is the one that is judged.
    pub fn outputs(&self) -> impl Iterator<Item = (LayerId, &OutputSpec)> {
        self.layers.iter().filter_map(|l| Some((l.id, l.kind.output()?)))
    }

    /// The layer whose parameters `id` uses: its own, or those of the layer that it shares with.
    pub fn owner(&self, id: LayerId) -> LayerId {
        self.layer(id).and_then(|l| l.shares).unwrap_or(id)
    }

    /// The layer's name, or its number where it is unknown.
    pub fn name(&self, id: LayerId) -> String {
        self.layer(id).map_or_else(|| format!("layer {}", id.0), |l| l.name.clone())
    }

    pub fn inputs_of(&self, id: LayerId) -> impl Iterator<Item = LayerId> + '_ {
        self.wires.iter().filter(move |w| w.to == id).map(|w| w.from)
    }

    pub fn outputs_of(&self, id: LayerId) -> impl Iterator<Item = LayerId> + '_ {
        self.wires.iter().filter(move |w| w.from == id).map(|w| w.to)
    }

    /// Whether a layer feeds an output.
    pub fn is_prediction(&self, id: LayerId) -> bool {
        self.outputs_of(id).any(|to| self.layer(to).is_some_and(|l| l.kind.is_output()))
    }

    /// A layer number that is not in use.
    pub fn fresh_id(&self) -> LayerId {
        LayerId(self.layers.iter().map(|l| l.id.0).max().unwrap_or(0).saturating_add(1))
    }

    /// Adds a layer without wires.
    pub fn add(&mut self, name: impl Into<String>, kind: LayerKind) -> LayerId {
        let id = self.fresh_id();
        self.layers.push(LayerSpec::new(id, name.into(), kind));
        id
    }

    pub fn connect(&mut self, from: LayerId, to: LayerId) {
        let wire = Wire { from, to };
        if !self.wires.contains(&wire) {
            self.wires.push(wire);
        }
    }

    /// Puts `layer` on the wire from `from` to `to`.
    pub fn insert_on_wire(&mut self, layer: LayerId, from: LayerId, to: LayerId) {
        self.wires.retain(|w| !(w.from == from && w.to == to));
        self.connect(from, layer);
        self.connect(layer, to);
    }

    /// Puts `layer` behind `after`: what `after` fed is now fed by `layer`.
    pub fn insert_after(&mut self, layer: LayerId, after: LayerId) {
        for wire in &mut self.wires {
            if wire.from == after {
                wire.from = layer;
            }
        }
        self.connect(after, layer);
    }

    /// Takes the layer out of its wires and joins its inputs to its outputs.
    pub fn detach(&mut self, id: LayerId) {
        let inputs: Vec<_> = self.inputs_of(id).collect();
        let outputs: Vec<_> = self.outputs_of(id).collect();
        self.wires.retain(|w| w.from != id && w.to != id);
        for &from in &inputs {
            for &to in &outputs {
                self.connect(from, to);
            }
        }
    }

    /// Removes the layer and heals the chain around it.
    pub fn remove(&mut self, id: LayerId) {
        self.detach(id);
        self.layers.retain(|l| l.id != id);
        self.layers.iter_mut().filter(|l| l.shares == Some(id)).for_each(|l| l.shares = None);
    }

    /// Layers so that every wire goes forward, ties in the order of the list; the second value holds those that stand on a cycle or
    /// behind one. Takes time in proportion to layers and wires (Kahn 1962).
    pub fn topological_order(&self) -> (Vec<LayerId>, Vec<LayerId>) {
        let graph = Graph::new(self);
        let mut waits_for: Vec<usize> = graph.inputs.iter().map(Vec::len).collect();
        let free = (0..waits_for.len()).filter(|&k| waits_for[k] == 0);
        let mut ready: BinaryHeap<Reverse<usize>> = free.map(Reverse).collect();
        let mut order = Vec::with_capacity(self.layers.len());
        let mut done = vec![false; self.layers.len()];
        while let Some(Reverse(k)) = ready.pop() {
            order.push(self.layers[k].id);
            done[k] = true;
            for &to in &graph.outputs[k] {
                waits_for[to] -= 1;
                if waits_for[to] == 0 {
                    ready.push(Reverse(to));
                }
            }
        }
        let left = self.layers.iter().zip(done).filter(|(_, done)| !done).map(|(l, _)| l.id).collect();
        (order, left)
    }

    /// Whether a wire from one layer to another would close a cycle.
    pub fn would_close_cycle(&self, from: LayerId, to: LayerId) -> bool {
        let mut seen = BTreeSet::from([to]);
        let mut next = vec![to];
        while let Some(layer) = next.pop() {
            if layer == from {
                return true;
            }
            next.extend(self.outputs_of(layer).filter(|id| seen.insert(*id)));
        }
        false
    }

    /// The cycles, each with its layers in the order of the list: the strongly connected components (Tarjan 1972) that a wire leads
    /// around in.
    pub fn cycles(&self) -> Vec<Vec<LayerId>> {
        let graph = Graph::new(self);
        let mut search = Search::new(graph.outputs.len());
        (0..graph.outputs.len()).for_each(|k| search.visit(k, &graph.outputs));
        let mut cycles: Vec<Vec<usize>> =
            search.components.into_iter().filter(|c| c.len() > 1 || graph.outputs[c[0]].contains(&c[0])).collect();
        for cycle in &mut cycles {
            cycle.sort_unstable();
        }
        cycles.sort_unstable();
        cycles.into_iter().map(|c| c.into_iter().map(|k| self.layers[k].id).collect()).collect()
    }
}

/// The layers by their numbers and what feeds each: a look at a large network without a walk over all its layers and wires.
pub(super) struct Wiring<'a> {
    layers: BTreeMap<LayerId, &'a LayerSpec>,
    /// In the order of the wires.
    inputs: BTreeMap<LayerId, Vec<LayerId>>,
    /// Layers that a wire leads from.
    feeding: BTreeSet<LayerId>,
}

impl<'a> Wiring<'a> {
    pub fn new(spec: &'a NetworkSpec) -> Self {
        let mut inputs: BTreeMap<LayerId, Vec<LayerId>> = BTreeMap::new();
        spec.wires.iter().for_each(|w| inputs.entry(w.to).or_default().push(w.from));
        let layers = spec.layers.iter().rev().map(|l| (l.id, l)).collect();
        Self { layers, inputs, feeding: spec.wires.iter().map(|w| w.from).collect() }
    }

    pub fn count(&self) -> usize {
        self.layers.len()
    }

    pub fn layer(&self, id: LayerId) -> Option<&'a LayerSpec> {
        self.layers.get(&id).copied()
    }

    /// As [`NetworkSpec::name`].
    pub fn name(&self, id: LayerId) -> String {
        self.layer(id).map_or_else(|| format!("layer {}", id.0), |l| l.name.clone())
    }

    pub fn inputs_of(&self, id: LayerId) -> &[LayerId] {
        self.inputs.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Whether nothing is wired behind the layer.
    pub fn ends_at(&self, id: LayerId) -> bool {
        !self.feeding.contains(&id)
    }
}

/// Who feeds whom, by the places of the layers in the list. Wires to layers that do not exist are left out.
struct Graph {
    inputs: Vec<Vec<usize>>,
    outputs: Vec<Vec<usize>>,
}

impl Graph {
    fn new(spec: &NetworkSpec) -> Self {
        // Of two layers with one number, which a document never has, the first counts.
        let places: BTreeMap<LayerId, usize> = spec.layers.iter().enumerate().rev().map(|(k, l)| (l.id, k)).collect();
        let empty = vec![Vec::new(); spec.layers.len()];
        let mut graph = Self { inputs: empty.clone(), outputs: empty };
        for wire in &spec.wires {
            if let (Some(&from), Some(&to)) = (places.get(&wire.from), places.get(&wire.to)) {
                graph.inputs[to].push(from);
                graph.outputs[from].push(to);
            }
        }
        graph
    }
}

/// A search for strongly connected components, without recursion: a chain of layers may be long.
struct Search {
    /// When each layer was found, from 1; 0 before.
    found: Vec<usize>,
    /// The earliest layer on the stack that each one leads back to.
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    time: usize,
    components: Vec<Vec<usize>>,
}

impl Search {
    fn new(layers: usize) -> Self {
        let zeros = vec![0; layers];
        Self {
            found: zeros.clone(),
            low: zeros,
            on_stack: vec![false; layers],
            stack: Vec::new(),
            time: 0,
            components: Vec::new(),
        }
    }

    fn enter(&mut self, k: usize) {
        self.time += 1;
        (self.found[k], self.low[k], self.on_stack[k]) = (self.time, self.time, true);
        self.stack.push(k);
    }

    /// Finds the components that can be reached from layer `k`.
    fn visit(&mut self, k: usize, outputs: &[Vec<usize>]) {
        if self.found[k] > 0 {
            return;
        }
        self.enter(k);
        let mut path = vec![(k, 0)];
        while let Some((at, next)) = path.last_mut() {
            let at = *at;
            if let Some(&to) = outputs[at].get(*next) {
                *next += 1;
                if self.found[to] == 0 {
                    self.enter(to);
                    path.push((to, 0));
                } else if self.on_stack[to] {
                    self.low[at] = self.low[at].min(self.found[to]);
                }
                continue;
            }
            path.pop();
            if let Some(&(before, _)) = path.last() {
                self.low[before] = self.low[before].min(self.low[at]);
            }
            if self.low[at] == self.found[at] {
                let first = self.stack.iter().rposition(|&l| l == at).unwrap_or(0);
                let component = self.stack.split_off(first);
                for &l in &component {
                    self.on_stack[l] = false;
                }
                self.components.push(component);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_LAYERS, NetworkSpec, Wire};
    use crate::LayerId;
    use crate::layers::{DropoutSpec, InputSpec, LayerKind, OutputSpec};
    use chainrule_common::seed::{Purpose, Stream};
    use std::time::{Duration, Instant};

    fn chain() -> NetworkSpec {
        NetworkSpec::chain([
            ("in".into(), LayerKind::Input(InputSpec::default())),
            ("a".into(), LayerKind::Dropout(DropoutSpec::default())),
            ("b".into(), LayerKind::Dropout(DropoutSpec::default())),
            ("out".into(), LayerKind::Output(OutputSpec::default())),
        ])
    }

    #[test]
    fn removing_a_layer_heals_the_chain() {
        let mut net = chain();
        net.remove(LayerId(2));
        assert_eq!(net.outputs_of(LayerId(1)).collect::<Vec<_>>(), [LayerId(3)]);
        assert_eq!(net.topological_order().0, [LayerId(1), LayerId(3), LayerId(4)]);
    }

    #[test]
    fn inserting_on_a_wire_or_after_a_layer_keeps_one_chain() {
        let mut net = chain();
        let on_wire = net.add("c", LayerKind::Dropout(DropoutSpec::default()));
        net.insert_on_wire(on_wire, LayerId(2), LayerId(3));
        let after = net.add("d", LayerKind::Dropout(DropoutSpec::default()));
        net.insert_after(after, LayerId(1));
        let order: Vec<u32> = net.topological_order().0.iter().map(|id| id.0).collect();
        assert_eq!(order, [1, after.0, 2, on_wire.0, 3, 4]);
    }

    #[test]
    fn a_cycle_is_named_without_what_stands_behind_it() {
        let mut net = chain();
        net.connect(LayerId(3), LayerId(2));
        assert_eq!(net.topological_order().1, [LayerId(2), LayerId(3), LayerId(4)]);
        assert_eq!(net.cycles(), [[LayerId(2), LayerId(3)]]);
        // Another one behind it, of a single layer.
        net.connect(LayerId(4), LayerId(4));
        assert_eq!(net.cycles(), [vec![LayerId(2), LayerId(3)], vec![LayerId(4)]]);
        let net = chain();
        assert!(net.cycles().is_empty());
        assert!(net.would_close_cycle(LayerId(3), LayerId(2)) && net.would_close_cycle(LayerId(2), LayerId(2)));
        assert!(!net.would_close_cycle(LayerId(1), LayerId(3)));
    }

    /// The order as it is defined: again and again the first layer of the list whose inputs are all there.
    fn order_by_definition(net: &NetworkSpec) -> Vec<LayerId> {
        let mut left: Vec<LayerId> = net.layers.iter().map(|l| l.id).collect();
        let mut order = Vec::new();
        let fed = |id: LayerId, order: &[LayerId]| {
            net.inputs_of(id).all(|from| order.contains(&from) || net.layer(from).is_none())
        };
        while let Some(at) = left.iter().position(|&id| fed(id, &order)) {
            order.push(left.remove(at));
        }
        order
    }

    #[test]
    fn the_order_of_random_graphs_is_the_one_that_is_defined() {
        let mut stream = Stream::new(5, Purpose::Init, 0);
        for round in 0..200 {
            let mut net = NetworkSpec::default();
            let count = 1 + stream.below(12);
            (0..count).for_each(|_| {
                net.add("d", LayerKind::Dropout(DropoutSpec::default()));
            });
            for _ in 0..stream.below(2 * count) {
                let end = |stream: &mut Stream| LayerId(1 + stream.below(count + 1) as u32);
                net.wires.push(Wire { from: end(&mut stream), to: end(&mut stream) });
            }
            let (order, left) = net.topological_order();
            assert_eq!(order, order_by_definition(&net), "round {round}");
            assert_eq!(order.len() + left.len(), count);
            let cycles = net.cycles();
            assert_eq!(cycles.is_empty(), left.is_empty(), "round {round}");
            // Whoever is on a cycle reaches itself, and nobody else does.
            for layer in &net.layers {
                let next = |id: LayerId| net.outputs_of(id).filter(|to| net.layer(*to).is_some()).collect::<Vec<_>>();
                let mut reached = next(layer.id);
                let mut at = 0;
                while at < reached.len() {
                    let more: Vec<LayerId> = next(reached[at]).into_iter().filter(|id| !reached.contains(id)).collect();
                    reached.extend(more);
                    at += 1;
                }
                let circular = reached.contains(&layer.id);
                assert_eq!(cycles.iter().any(|c| c.contains(&layer.id)), circular, "round {round}: {:?}", layer.id);
            }
        }
    }

    #[test]
    fn the_longest_chain_listed_last_to_first_is_ordered_at_once() {
        let layers = |_| ("d".to_owned(), LayerKind::Dropout(DropoutSpec::default()));
        let mut net = NetworkSpec::chain((0..MOST_LAYERS).map(layers));
        net.layers.reverse();
        let begun = Instant::now();
        let (order, left) = net.topological_order();
        assert!(left.is_empty() && net.cycles().is_empty());
        assert!(order.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        assert_eq!(net.too_large(), None);
        net.add("one more", LayerKind::Output(OutputSpec::default()));
        let (what, says) = net.too_large().expect("is too large");
        assert_eq!(what, "layers");
        assert!(says.contains("4\u{202f}097 layers, more than the limit of 4\u{202f}096"), "{says}");
    }
}
