//! Positions of layers and neurons in the diagram: pure arithmetic, in diagram units.

use super::edges::wire;
use crate::nn::{Inference, LayerId, NetworkSpec, volume};
use egui::{Pos2, Rect, Vec2, pos2, vec2};
use std::collections::BTreeMap;

/// Neurons that are drawn in one column; wider layers show a selection, and layers in one column share the number.
const MOST: usize = 8;
/// Neurons that are drawn of every layer at least.
const LEAST: usize = 3;
/// Side of a neuron's tile.
pub const TILE: f32 = 54.0;
const PITCH: f32 = 84.0;
pub const BOX_WIDTH: f32 = 108.0;
/// Height of the picture of a wide layer's weights.
pub const MATRIX: f32 = 84.0;
const PADDING: f32 = 22.0;

/// The units of a layer that are drawn: all of them, or evenly spaced ones including the first and the last.
fn shown(units: usize, most: usize) -> Vec<usize> {
    if units <= most {
        return (0..units).collect();
    }
    (0..most).map(|i| i * (units - 1) / (most - 1)).collect()
}

/// Units of a layer's output, or channels of an image, which `maps` says.
fn units_of(shape: &[usize]) -> (usize, bool) {
    let maps = shape.len() == 3;
    (if maps { shape[0] } else { volume(shape) * usize::from(!shape.is_empty()) }, maps)
}

/// The units that are drawn of every layer.
pub fn selections(spec: &NetworkSpec, inference: &Inference) -> BTreeMap<LayerId, Vec<usize>> {
    let depths = depths(spec);
    let most = |id: &LayerId| {
        let beside = depths.values().filter(|&d| Some(d) == depths.get(id)).count().max(1);
        (MOST / beside).max(LEAST)
    };
    let shape = |id: &LayerId| inference.shapes.get(id).map_or(&[][..], Vec::as_slice);
    spec.layers.iter().map(|l| (l.id, shown(units_of(shape(&l.id)).0, most(&l.id)))).collect()
}

/// One layer on the canvas.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    pub rect: Rect,
    pub units: usize,
    pub shown: Vec<usize>,
    /// Whether its units are the channels of an image.
    pub maps: bool,
}

impl Placed {
    /// Whether some units are not drawn.
    pub fn is_selection(&self) -> bool {
        self.shown.len() < self.units
    }

    /// The tile of the `i`-th drawn neuron.
    pub fn tile(&self, i: usize) -> Rect {
        let top = self.rect.top() + PADDING + PITCH / 2.0;
        Rect::from_center_size(pos2(self.rect.center().x, top + i as f32 * PITCH), Vec2::splat(TILE))
    }

    /// Where a wide layer's weights are drawn.
    pub fn matrix(&self) -> Rect {
        let centre = pos2(self.rect.center().x, self.rect.bottom() - PADDING / 2.0 - MATRIX / 2.0);
        Rect::from_center_size(centre, vec2(MATRIX, MATRIX))
    }

    pub fn left_port(&self) -> Pos2 {
        self.rect.left_center()
    }

    pub fn right_port(&self) -> Pos2 {
        self.rect.right_center()
    }
}

/// Distance between two columns; deep networks are drawn closer.
fn column(layers: usize) -> f32 {
    match layers {
        0..=5 => 240.0,
        6..=7 => 205.0,
        _ => 168.0,
    }
}

/// Space between two layers of one column.
const ROW_GAP: f32 = 180.0;

/// The depth of each layer: how many layers come before it on the longest path.
fn depths(spec: &NetworkSpec) -> BTreeMap<LayerId, usize> {
    let (order, cyclic) = spec.topological_order();
    let mut depths = BTreeMap::new();
    for id in order {
        let before = spec.inputs_of(id).filter_map(|from| depths.get(&from)).max();
        let loose = usize::from(before.is_none() && spec.layers.first().is_some_and(|l| l.id != id));
        depths.insert(id, before.map_or(loose, |d| d + 1));
    }
    let behind = depths.values().max().map_or(0, |d| d + 1);
    depths.extend(cyclic.into_iter().zip(behind..));
    depths
}

/// Places every layer: at the position in the document, else in columns by depth, branches below each other.
pub fn place(spec: &NetworkSpec, inference: &Inference) -> BTreeMap<LayerId, Placed> {
    let depths = depths(spec);
    let columns = depths.values().max().map_or(0, |d| d + 1);
    let pitch = column(columns);
    let mut placed: BTreeMap<LayerId, Placed> = BTreeMap::new();
    let mut selections = selections(spec, inference);
    for layer in &spec.layers {
        let (units, maps) = units_of(inference.shapes.get(&layer.id).map_or(&[][..], Vec::as_slice));
        let shown = selections.remove(&layer.id).unwrap_or_default();
        let input = inference.inputs.get(&layer.id).map_or(&[][..], Vec::as_slice);
        let weighed = layer.kind.definition().parameters(input).iter().any(|p| p.name == "weight") && !maps;
        let matrix = if weighed && shown.len() < units { MATRIX + PADDING } else { 0.0 };
        let height = shown.len().max(1) as f32 * PITCH + 2.0 * PADDING - 8.0 + matrix;
        let rect = Rect::from_center_size(Pos2::ZERO, vec2(BOX_WIDTH, height));
        placed.insert(layer.id, Placed { rect, units, shown, maps });
    }
    for depth in 0..columns {
        let own: Vec<LayerId> = spec.layers.iter().map(|l| l.id).filter(|id| depths.get(id) == Some(&depth)).collect();
        let total: f32 = own.iter().filter_map(|id| placed.get(id)).map(|p| p.rect.height() + ROW_GAP).sum();
        let mut top = (ROW_GAP - total) / 2.0;
        for id in own {
            if let Some(p) = placed.get_mut(&id) {
                let height = p.rect.height();
                p.rect = Rect::from_center_size(pos2(depth as f32 * pitch, top + height / 2.0), p.rect.size());
                top += height + ROW_GAP;
            }
        }
    }
    for layer in &spec.layers {
        if let (Some([x, y]), Some(p)) = (layer.position, placed.get_mut(&layer.id)) {
            p.rect = Rect::from_center_size(pos2(x, y), p.rect.size());
        }
    }
    placed
}

/// The curves of a wire: one curve, or three that lead over the layers in between and their titles.
///
/// `titles` is the height of the titles above a layer.
pub fn route(from: LayerId, to: LayerId, placed: &BTreeMap<LayerId, Placed>, titles: f32) -> Option<Vec<[Pos2; 4]>> {
    let (start, end) = (placed.get(&from)?.right_port(), placed.get(&to)?.left_port());
    let passed = |p: &Placed| p.rect.center().x > start.x && p.rect.center().x < end.x;
    let between = || placed.iter().filter(|(id, p)| **id != from && **id != to && passed(p)).map(|(_, p)| p.rect);
    let reaches = |r: &Rect| {
        let part = (r.center().x - start.x) / (end.x - start.x);
        let y = start.y + (end.y - start.y) * part;
        r.y_range().expand(20.0).contains(y)
    };
    let top = between().map(|r| r.top()).fold(f32::INFINITY, f32::min);
    if !between().any(|r| reaches(&r)) {
        return Some(vec![wire(start, end)]);
    }
    const TURN: f32 = 54.0;
    let y = start.y.min(end.y).min(top) - titles - 16.0;
    let (up, down) = (pos2(start.x + TURN, y), pos2(end.x - TURN, y));
    let rise = [start, pos2(start.x + TURN * 0.8, start.y), pos2(start.x - TURN * 0.2, y), up];
    let fall = [down, pos2(end.x + TURN * 0.2, y), pos2(end.x - TURN * 0.8, end.y), end];
    Some(vec![rise, wire(up, down), fall])
}

/// The smallest rectangle around all layers, with some room at the sides.
pub fn bounds(placed: &BTreeMap<LayerId, Placed>) -> Rect {
    let all = placed.values().fold(Rect::NOTHING, |all, p| all.union(p.rect));
    if all.is_positive() {
        Rect::from_min_max(all.min - vec2(40.0, 10.0), all.max + vec2(40.0, 10.0))
    } else {
        Rect::from_center_size(Pos2::ZERO, vec2(400.0, 300.0))
    }
}

#[cfg(test)]
mod tests {
    use super::{bounds, place, route, shown, wire};
    use crate::nn::layers::{DenseSpec, JoinSpec};
    use crate::nn::{LayerKind, Target, Task, infer};
    use crate::project::default_network;

    #[test]
    fn wide_layers_show_an_even_selection_with_both_ends() {
        assert_eq!(shown(3, 8), [0, 1, 2]);
        let wide = shown(64, 8);
        assert_eq!((wide.len(), wide[0], wide[7]), (8, 0, 63));
        assert!(wide.windows(2).all(|w| w[1] > w[0]));
    }

    #[test]
    fn layers_do_not_overlap_and_lie_inside_the_bounds() {
        let task = Task::new(vec![64], Target::Classes(10));
        let spec = default_network(&task);
        let placed = place(&spec, &infer(&spec, &task, 16));
        let all: Vec<_> = placed.values().collect();
        for (i, a) in all.iter().enumerate() {
            assert!(bounds(&placed).contains_rect(a.rect));
            assert!(all[..i].iter().all(|b| !a.rect.intersects(b.rect)));
            assert!((0..a.shown.len()).all(|k| a.rect.contains_rect(a.tile(k))));
        }
    }

    #[test]
    fn branches_stand_below_each_other_and_wires_go_around_what_they_pass() {
        let task = Task::new(vec![3], Target::Classes(2));
        let mut spec = default_network(&task);
        let (input, hidden, prediction) = (spec.layers[0].id, spec.layers[1].id, spec.layers[2].id);
        let join = spec.add("Join", LayerKind::Join(JoinSpec::default()));
        spec.insert_on_wire(join, hidden, prediction);
        let branch = spec.add("Branch", LayerKind::Dense(DenseSpec { units: 6, ..DenseSpec::default() }));
        spec.connect(input, branch);
        spec.connect(branch, join);
        let placed = place(&spec, &infer(&spec, &task, 16));
        let (a, b) = (placed[&hidden].rect, placed[&branch].rect);
        assert!(a.center().x == b.center().x && !a.intersects(b), "{a:?} {b:?}");
        assert!(placed[&join].rect.left() > a.right());
        // A wire from the input past the hidden layers to the prediction rises above them.
        let over = route(input, prediction, &placed, 40.0).expect("both are placed");
        assert_eq!((over.len(), over[0][0]), (3, placed[&input].right_port()));
        assert!(over[1][0].y < a.top().min(placed[&join].rect.top()) - 40.0, "{over:?}");
        let straight = wire(placed[&input].right_port(), placed[&hidden].left_port());
        assert_eq!(route(input, hidden, &placed, 40.0), Some(vec![straight]));
    }
}
