//! `NetworkSpec`: a network as data. The document owns it, the screen edits it, [`super::compile`] makes machinery of it.

use super::defaults::{is_one, one};
use super::layer_id::LayerId;
use super::layers::{LayerKind, OutputSpec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

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

    /// Layers so that every wire goes forward, ties in the order of the list; the second value holds those that no order can have:
    /// layers on cycles, and what follows from them. Linear in layers and wires, but for the ties.
    pub fn topological_order(&self) -> (Vec<LayerId>, Vec<LayerId>) {
        let place: HashMap<LayerId, usize> = self.layers.iter().enumerate().map(|(k, l)| (l.id, k)).collect();
        let mut waits = vec![0_usize; self.layers.len()];
        let mut feeds: Vec<Vec<usize>> = vec![Vec::new(); self.layers.len()];
        for wire in &self.wires {
            if let (Some(&from), Some(&to)) = (place.get(&wire.from), place.get(&wire.to)) {
                waits[to] += 1;
                feeds[from].push(to);
            }
        }
        let free = (0..waits.len()).filter(|&k| waits[k] == 0);
        let mut ready: BinaryHeap<Reverse<usize>> = free.map(Reverse).collect();
        let mut order = Vec::with_capacity(waits.len());
        let mut done = vec![false; waits.len()];
        while let Some(Reverse(k)) = ready.pop() {
            order.push(self.layers[k].id);
            done[k] = true;
            for &to in &feeds[k] {
                waits[to] -= 1;
                if waits[to] == 0 {
                    ready.push(Reverse(to));
                }
            }
        }
        let left = self.layers.iter().zip(done).filter(|(_, done)| !done).map(|(l, _)| l.id).collect();
        (order, left)
    }

    /// The layers that lie on cycles, or between two of them, in the order of the list; not what only follows from them.
    pub fn cycles(&self) -> Vec<LayerId> {
        let left = self.topological_order().1;
        if left.is_empty() {
            return left;
        }
        // Seen from the other end, what only follows comes first.
        let layers = self.layers.iter().filter(|l| left.contains(&l.id)).cloned().collect();
        let wires = self.wires.iter().map(|w| Wire { from: w.to, to: w.from }).collect();
        Self { layers, wires }.topological_order().1
    }

    /// Whether a wire from one layer to another would close a cycle.
    pub fn would_close_cycle(&self, from: LayerId, to: LayerId) -> bool {
        let mut seen = HashSet::from([to]);
        let mut next = vec![to];
        while let Some(layer) = next.pop() {
            if layer == from {
                return true;
            }
            next.extend(self.outputs_of(layer).filter(|id| seen.insert(*id)));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::NetworkSpec;
    use crate::LayerId;
    use crate::layers::{DropoutSpec, InputSpec, LayerKind, OutputSpec};

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
    fn a_cycle_is_named() {
        let mut net = chain();
        net.connect(LayerId(3), LayerId(2));
        assert_eq!(net.topological_order().1, [LayerId(2), LayerId(3), LayerId(4)]);
        assert_eq!(net.cycles(), [LayerId(2), LayerId(3)], "the output only follows");
        let net = chain();
        assert!(net.cycles().is_empty());
        assert!(net.would_close_cycle(LayerId(3), LayerId(2)) && net.would_close_cycle(LayerId(2), LayerId(2)));
        assert!(!net.would_close_cycle(LayerId(1), LayerId(3)));
    }

    #[test]
    fn an_order_does_not_depend_on_how_layers_are_listed() {
        // Thirty thousand layers from the last to the first; a quadratic search would not end.
        let mut net =
            NetworkSpec::chain((0..30_000).map(|k| (k.to_string(), LayerKind::Dropout(DropoutSpec::default()))));
        let order = net.topological_order().0;
        net.layers.reverse();
        net.wires.reverse();
        assert_eq!(net.topological_order(), (order, vec![]));
    }
}
