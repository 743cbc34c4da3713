//! Where layers and neurons stand on the canvas: pure arithmetic, in canvas units.

use crate::nn::{Inference, LayerId, LayerKind, NetworkSpec};
use egui::{Pos2, Rect, Vec2, pos2, vec2};
use std::collections::BTreeMap;

/// Neurons of a layer that are drawn; wider layers show a selection of as many.
const MOST: usize = 8;
/// Side of a neuron's tile.
pub const TILE: f32 = 54.0;
const PITCH: f32 = 84.0;
pub const BOX_WIDTH: f32 = 108.0;
/// Height of the picture of a wide layer's weights.
pub const MATRIX: f32 = 84.0;
const PADDING: f32 = 22.0;

/// The units of a layer that are drawn: all of them, or an even selection that has the first and the last.
pub fn shown(units: usize) -> Vec<usize> {
    if units <= MOST {
        return (0..units).collect();
    }
    (0..MOST).map(|i| i * (units - 1) / (MOST - 1)).collect()
}

/// One layer on the canvas.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    pub rect: Rect,
    pub units: usize,
    pub shown: Vec<usize>,
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

/// Distance between two layers; long networks stand closer.
fn column(layers: usize) -> f32 {
    match layers {
        0..=5 => 240.0,
        6..=7 => 205.0,
        _ => 168.0,
    }
}

/// Places every layer: where the document says, else in computing order from left to right.
pub fn place(spec: &NetworkSpec, inference: &Inference) -> BTreeMap<LayerId, Placed> {
    let (mut order, cyclic) = spec.topological_order();
    order.extend(cyclic);
    let pitch = column(order.len());
    let mut placed = BTreeMap::new();
    for (i, id) in order.into_iter().enumerate() {
        let Some(layer) = spec.layer(id) else { continue };
        let units: usize = inference.shapes.get(&id).map_or(0, |s| s.iter().product());
        let shown = shown(units);
        let weighed = matches!(layer.kind, LayerKind::Dense(_));
        let matrix = if weighed && shown.len() < units { MATRIX + PADDING } else { 0.0 };
        let height = shown.len().max(1) as f32 * PITCH + 2.0 * PADDING - 8.0 + matrix;
        let centre = layer.position.map_or_else(|| pos2(i as f32 * pitch, 0.0), |[x, y]| pos2(x, y));
        placed.insert(id, Placed { rect: Rect::from_center_size(centre, vec2(BOX_WIDTH, height)), units, shown });
    }
    placed
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

/// A cubic curve that leaves and arrives horizontally.
pub fn wire(from: Pos2, to: Pos2) -> [Pos2; 4] {
    let reach = ((to.x - from.x).abs() * 0.5).max(20.0);
    [from, from + vec2(reach, 0.0), to - vec2(reach, 0.0), to]
}

/// Distance of a point from such a curve.
pub fn distance(point: Pos2, curve: &[Pos2; 4]) -> f32 {
    const SEGMENTS: usize = 16;
    let at = |i: usize| {
        let t = i as f32 / SEGMENTS as f32;
        let s = 1.0 - t;
        let sum = curve[0].to_vec2() * (s * s * s)
            + curve[1].to_vec2() * (3.0 * s * s * t)
            + curve[2].to_vec2() * (3.0 * s * t * t)
            + curve[3].to_vec2() * (t * t * t);
        sum.to_pos2()
    };
    (0..SEGMENTS).map(|i| to_segment(point, at(i), at(i + 1))).fold(f32::INFINITY, f32::min)
}

fn to_segment(p: Pos2, a: Pos2, b: Pos2) -> f32 {
    let along = b - a;
    let t = if along.length_sq() > 0.0 { ((p - a).dot(along) / along.length_sq()).clamp(0.0, 1.0) } else { 0.0 };
    (p - (a + along * t)).length()
}

#[cfg(test)]
mod tests {
    use super::{bounds, distance, place, shown, wire};
    use crate::nn::{Target, Task, infer};
    use crate::project::default_network;
    use egui::pos2;

    #[test]
    fn wide_layers_show_an_even_selection_with_both_ends() {
        assert_eq!(shown(3), [0, 1, 2]);
        let wide = shown(64);
        assert_eq!((wide.len(), wide[0], wide[7]), (8, 0, 63));
        assert!(wide.windows(2).all(|w| w[1] > w[0]));
    }

    #[test]
    fn layers_do_not_overlap_and_lie_inside_the_bounds() {
        let task = Task { input: vec![64], target: Target::Classes(10) };
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
    fn distance_to_a_wire_is_zero_on_it_and_grows_beside_it() {
        let curve = wire(pos2(0.0, 0.0), pos2(100.0, 0.0));
        assert!(distance(pos2(50.0, 0.0), &curve) < 0.1);
        assert!((distance(pos2(50.0, 9.0), &curve) - 9.0).abs() < 0.1);
    }
}
