//! What the Build workspace does to a network.

use super::super::state::Model;
use crate::nn::layers::DenseSpec;
use crate::nn::{Activation, LayerId, LayerKind, NetworkSpec, Wire};
use std::collections::BTreeMap;

/// Adds a layer after the selected one, or before the output where nothing is selected.
pub fn append(model: &Model, kind: LayerKind) {
    append_after(model, kind, model.selection().iter().next_back().copied());
}

/// Adds a layer after a layer, or before the output.
pub fn append_after(model: &Model, kind: LayerKind, selected: Option<LayerId>) {
    let spec = &model.document().network;
    let is_output = |id: LayerId| spec.layer(id).is_some_and(|l| l.kind.is_output());
    let after = match selected.filter(|&id| spec.layer(id).is_some()) {
        Some(id) if is_output(id) => spec.inputs_of(id).next(),
        Some(id) => Some(id),
        None => {
            let output = spec.layers.iter().find(|l| is_output(l.id)).and_then(|l| spec.inputs_of(l.id).next());
            // Before the layer that makes the prediction, so that its size stays right.
            output
                .and_then(|id| spec.inputs_of(id).next().or(Some(id)))
                .or_else(|| spec.topological_order().0.last().copied())
        }
    };
    insert(model, kind, |spec, id| {
        if let Some(after) = after {
            spec.insert_after(id, after);
        }
    });
}

/// Adds a hidden layer like `last` behind it; the first one behind the input.
pub fn add_hidden(model: &Model, last: Option<LayerId>) {
    let spec = &model.document().network;
    let like = last.and_then(|id| spec.layer(id)).map(|l| l.kind.clone());
    let first = DenseSpec { units: 4, activation: Activation::Tanh, ..DenseSpec::default() };
    let kind = like.unwrap_or(LayerKind::Dense(first));
    let name = free_name(spec, &kind);
    let after = last.or_else(|| spec.layers.iter().find(|l| l.kind.is_input()).map(|l| l.id));
    model.edit("Change hidden layers", None, |d| {
        let id = d.network.add(name, kind);
        if let Some(after) = after {
            d.network.insert_after(id, after);
        }
    });
}

/// Gives a layer so many units.
pub fn set_units(model: &Model, layer: LayerId, units: usize) {
    model.edit("Change units", Some(u64::from(layer.0) << 8 | 1), |d| {
        let own = d.network.layer_mut(layer).and_then(|l| l.kind.definition_mut().units_mut());
        if let Some(own) = own {
            *own = units.max(1);
        }
    });
}

/// Adds a layer on a wire.
pub fn insert_on_wire(model: &Model, kind: LayerKind, wire: Wire) {
    insert(model, kind, |spec, id| spec.insert_on_wire(id, wire.from, wire.to));
}

/// Adds a layer without wires at a place.
pub fn add_at(model: &Model, kind: LayerKind, at: [f32; 2]) {
    insert(model, kind, |spec, id| {
        if let Some(layer) = spec.layer_mut(id) {
            layer.position = Some(at);
        }
    });
}

fn insert(model: &Model, kind: LayerKind, place: impl FnOnce(&mut NetworkSpec, LayerId)) {
    let name = free_name(&model.document().network, &kind);
    let mut added = None;
    model.edit("Add layer", None, |d| {
        let id = d.network.add(name, kind);
        place(&mut d.network, id);
        added = Some(id);
    });
    model.select(added);
}

/// What its kind is called, and a number: "Hidden 3".
fn free_name(spec: &NetworkSpec, kind: &LayerKind) -> String {
    let base = kind.definition().base_name();
    let taken = |name: &str| spec.layers.iter().any(|l| l.name == name);
    (1..=spec.layers.len() + 1)
        .map(|n| format!("{base} {n}"))
        .find(|name| !taken(name))
        .unwrap_or_else(|| base.to_owned())
}

/// Removes the selected layers and connects what was before them with what was after.
pub fn delete(model: &Model) {
    let selection = model.selection();
    model.select([]);
    model.edit("Delete layers", None, |d| selection.iter().for_each(|&id| d.network.remove(id)));
}

/// Puts a copy of the selected layers behind them as one block, with the wires among them; ends are not copied.
///
/// What came out of the block comes out of the copy; what went into it from outside goes into the copy from the block. A block with
/// several ways out is copied beside it, without wires to the rest.
pub fn duplicate(model: &Model) {
    let spec = &model.document().network;
    let copied = |id: &LayerId| spec.layer(*id).is_some_and(|l| !l.kind.is_input() && !l.kind.is_output());
    let block: Vec<LayerId> =
        spec.topological_order().0.into_iter().filter(|id| model.selection().contains(id) && copied(id)).collect();
    if block.is_empty() {
        return;
    }
    let inside = |id: &LayerId| block.contains(id);
    let leaves = |id: &LayerId| spec.outputs_of(*id).any(|to| !block.contains(&to));
    let exits: Vec<LayerId> = block.iter().copied().filter(leaves).collect();
    let mut copies = BTreeMap::new();
    model.edit("Duplicate layers", None, |d| {
        for id in &block {
            let Some(layer) = d.network.layer(*id).cloned() else { continue };
            let copy = d.network.add(free_name(&d.network, &layer.kind), layer.kind);
            if let Some(own) = d.network.layer_mut(copy) {
                (own.frozen, own.rate, own.shares) = (layer.frozen, layer.rate, layer.shares);
                own.position = layer.position.map(|[x, y]| [x + BESIDE, y + BESIDE]);
            }
            copies.insert(*id, copy);
        }
        // In the order of the wires, which is that of a join's branches.
        for wire in spec.wires.iter().filter(|w| inside(&w.to)) {
            let (to, from) = (copies[&wire.to], copies.get(&wire.from).copied());
            match (from, exits.as_slice()) {
                (Some(from), _) => d.network.connect(from, to),
                (None, [exit]) => d.network.connect(*exit, to),
                (None, _) => {}
            }
        }
        if let [exit] = exits[..] {
            for wire in d.network.wires.iter_mut().filter(|w| w.from == exit && !inside(&w.to)) {
                if !copies.values().any(|copy| *copy == wire.to) {
                    wire.from = copies[&exit];
                }
            }
        }
    });
    if exits.len() != 1 {
        model.tell("The copy has no wires to the rest: the block has several ways out. Connect it where it belongs");
    }
    model.select(copies.into_values());
}

/// How far a copy of a layer with a place of its own lies beside it, in diagram units.
const BESIDE: f32 = 40.0;

/// Moves a layer onto another wire of its chain.
pub fn move_to_wire(model: &Model, id: LayerId, wire: Wire) {
    model.edit("Reorder layers", None, |d| {
        d.network.detach(id);
        d.network.insert_on_wire(id, wire.from, wire.to);
        if let Some(layer) = d.network.layer_mut(id) {
            layer.position = None;
        }
    });
}

/// Swaps a layer with its neighbour, one place earlier or later.
pub fn shift(model: &Model, id: LayerId, later: bool) {
    let spec = &model.document().network;
    let wire = if later {
        spec.outputs_of(id).next().and_then(|next| spec.outputs_of(next).next().map(|to| Wire { from: next, to }))
    } else {
        spec.inputs_of(id).next().and_then(|prev| spec.inputs_of(prev).next().map(|from| Wire { from, to: prev }))
    };
    if let Some(wire) = wire {
        move_to_wire(model, id, wire);
    }
}

/// Connects two layers. A layer that takes one input loses the one it had; a join takes another. A wire that would close a cycle is
/// refused, and nothing changes.
pub fn connect(model: &Model, from: LayerId, to: LayerId) {
    let spec = &model.document().network;
    if spec.would_close_cycle(from, to) {
        let (from, to) = (spec.name(from), spec.name(to));
        model.problem(format!("A wire from {from} to {to} would close a cycle: {from} follows from {to}"));
        return;
    }
    model.edit("Connect layers", None, |d| {
        let joins = d.network.layer(to).is_some_and(|l| l.kind.definition().joins());
        if !joins {
            d.network.wires.retain(|w| w.to != to);
        }
        d.network.connect(from, to);
    });
}

/// Puts every layer back where the automatic layout has it.
pub fn tidy(model: &Model) {
    model.edit("Tidy up", None, |d| d.network.layers.iter_mut().for_each(|l| l.position = None));
}
