//! The curves between layers and between neurons.

use egui::epaint::CubicBezierShape;
use egui::{Color32, Painter, Pos2, Shape, Stroke, vec2};

/// Draws a cubic curve.
pub fn bezier(painter: &Painter, points: [Pos2; 4], stroke: Stroke) {
    painter.add(Shape::CubicBezier(CubicBezierShape::from_points_stroke(points, false, Color32::TRANSPARENT, stroke)));
}

/// A cubic curve that leaves and arrives horizontally.
pub fn wire(from: Pos2, to: Pos2) -> [Pos2; 4] {
    let reach = ((to.x - from.x).abs() * 0.5).max(20.0);
    [from, from + vec2(reach, 0.0), to - vec2(reach, 0.0), to]
}

/// The point of a cubic curve at `t` between 0 and 1.
pub fn point(curve: &[Pos2; 4], t: f32) -> Pos2 {
    let s = 1.0 - t;
    let sum = curve[0].to_vec2() * (s * s * s)
        + curve[1].to_vec2() * (3.0 * s * s * t)
        + curve[2].to_vec2() * (3.0 * s * t * t)
        + curve[3].to_vec2() * (t * t * t);
    sum.to_pos2()
}

/// Distance of `from` to a cubic curve.
pub fn distance(from: Pos2, curve: &[Pos2; 4]) -> f32 {
    const SEGMENTS: usize = 16;
    let at = |i: usize| point(curve, i as f32 / SEGMENTS as f32);
    (0..SEGMENTS).map(|i| to_segment(from, at(i), at(i + 1))).fold(f32::INFINITY, f32::min)
}

fn to_segment(p: Pos2, a: Pos2, b: Pos2) -> f32 {
    let along = b - a;
    let t = if along.length_sq() > 0.0 { ((p - a).dot(along) / along.length_sq()).clamp(0.0, 1.0) } else { 0.0 };
    (p - (a + along * t)).length()
}

#[cfg(test)]
mod tests {
    use super::{distance, wire};
    use egui::pos2;

    #[test]
    fn distance_to_a_wire_is_zero_on_it_and_grows_beside_it() {
        let curve = wire(pos2(0.0, 0.0), pos2(100.0, 0.0));
        assert!(distance(pos2(50.0, 0.0), &curve) < 0.1);
        assert!((distance(pos2(50.0, 9.0), &curve) - 9.0).abs() < 0.1);
    }
}
