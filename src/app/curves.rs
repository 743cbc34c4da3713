//! What the curves of a plot say under the pointer: the value of each line at that place, marked on it.

use super::theme::{HINT, semibold, tokens};
use super::widgets::label;
use egui::{Color32, Response, RichText, Ui, vec2};
use egui_plot::{Plot, PlotUi, Points};

/// A line that can be read.
pub struct Curve<'a> {
    pub name: &'a str,
    pub colour: Color32,
    /// In the order of x.
    pub points: &'a [[f64; 2]],
    /// Whether it goes on between its points, or is known only at them.
    pub joined: bool,
}

/// What is read at one place.
pub struct Reading {
    pub x: f64,
    /// Name, colour and height of each line that is there.
    pub values: Vec<(String, Color32, f64)>,
}

/// A plot that tells nothing by itself: [`read`] and [`tell`] do.
pub fn quiet(plot: Plot<'_>) -> Plot<'_> {
    plot.label_formatter(|_| None).show_crosshair(false)
}

/// Reads the curves under the pointer, and marks them there. Where lines are known only at their points, that is the nearest one.
pub fn read(plot: &mut PlotUi<'_>, curves: &[Curve<'_>]) -> Option<Reading> {
    if !plot.response().hovered() {
        return None;
    }
    let pointer = plot.pointer_coordinate()?.x;
    let nearest = |a: f64, b: f64| if (b - pointer).abs() < (a - pointer).abs() { b } else { a };
    let known = curves.iter().filter(|c| !c.joined).filter_map(|c| nearest_point(c.points, pointer)).map(|p| p[0]);
    let x = known.reduce(nearest).unwrap_or(pointer);
    let at = |c: &Curve<'_>| {
        let y = if c.joined { between(c.points, x)? } else { nearest_point(c.points, x).filter(|p| p[0] == x)?[1] };
        y.is_finite().then(|| (c.name.to_owned(), c.colour, y))
    };
    let values: Vec<_> = curves.iter().filter_map(at).collect();
    for (name, colour, y) in &values {
        plot.points(Points::new(name.clone(), vec![[x, *y]]).radius(4.0).color(*colour).allow_hover(false));
    }
    (!values.is_empty()).then_some(Reading { x, values })
}

/// Says beside the pointer what was read: a heading, and a line for each curve with its value as `text` writes it.
pub fn tell(
    response: &Response,
    reading: Option<&Reading>,
    heading: impl Fn(f64) -> String,
    text: impl Fn(f64) -> String,
) {
    let Some(Reading { x, values }) = reading else { return };
    response.clone().on_hover_ui_at_pointer(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        let heading = heading(*x);
        if !heading.is_empty() {
            ui.label(RichText::new(heading).font(semibold(HINT + 1.0)));
        }
        for (name, colour, y) in values {
            line(ui, name, *colour, &text(*y));
        }
    });
}

fn line(ui: &mut Ui, name: &str, colour: Color32, value: &str) {
    ui.horizontal(|ui| {
        let (dot, _) = ui.allocate_exact_size(vec2(8.0, 12.0), egui::Sense::hover());
        ui.painter().circle_filled(dot.center(), 3.5, colour);
        let text = if name.is_empty() { value.to_owned() } else { format!("{name} {value}") };
        ui.label(label(ui, text).color(tokens(ui).text));
    });
}

/// The point whose x is nearest.
fn nearest_point(points: &[[f64; 2]], x: f64) -> Option<[f64; 2]> {
    let after = points.partition_point(|p| p[0] < x);
    let both = [after.checked_sub(1).and_then(|k| points.get(k)), points.get(after)];
    both.into_iter().flatten().copied().min_by(|a, b| (a[0] - x).abs().total_cmp(&(b[0] - x).abs()))
}

/// The height of the line through the points at x; none beside them.
fn between(points: &[[f64; 2]], x: f64) -> Option<f64> {
    let after = points.partition_point(|p| p[0] < x);
    let to = points.get(after)?;
    if to[0] == x {
        return Some(to[1]);
    }
    let from = points.get(after.checked_sub(1)?)?;
    Some(from[1] + (to[1] - from[1]) * (x - from[0]) / (to[0] - from[0]))
}

#[cfg(test)]
mod tests {
    use super::{between, nearest_point};

    #[test]
    fn curves_are_read_at_their_points_and_between_them() {
        let points = [[1.0, 10.0], [2.0, 20.0], [4.0, 0.0]];
        for (x, nearest, height) in [
            (0.0, 1.0, None),
            (1.0, 1.0, Some(10.0)),
            (1.4, 1.0, Some(14.0)),
            (1.6, 2.0, Some(16.0)),
            (3.5, 4.0, Some(5.0)),
            (4.0, 4.0, Some(0.0)),
            (9.0, 4.0, None),
        ] {
            assert_eq!(nearest_point(&points, x).map(|p| p[0]), Some(nearest), "{x}");
            assert_eq!(between(&points, x), height, "{x}");
        }
        assert_eq!((nearest_point(&[], 1.0), between(&[], 1.0)), (None, None));
    }
}
