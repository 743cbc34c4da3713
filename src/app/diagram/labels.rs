//! Words and numbers of the diagram: the longest form that fits, and values in a few digits.

use crate::app::widgets::short;
use egui::{Color32, FontId, Galley, Painter};
use std::sync::Arc;

/// The first of several forms of a text that is not wider than `width`.
pub fn first_fitting(
    painter: &Painter,
    forms: impl IntoIterator<Item = String>,
    font: &FontId,
    colour: Color32,
    width: f32,
) -> Option<Arc<Galley>> {
    let mut galleys = forms.into_iter().map(|text| painter.layout_no_wrap(text, font.clone(), colour));
    galleys.find(|galley| galley.size().x > 0.0 && galley.size().x <= width)
}

/// A value in a neuron: two decimals where there is room for them.
pub fn value_text(v: f32) -> String {
    if v.abs() < 100.0 { format!("{v:.2}").replace('-', "−") } else { short(f64::from(v)) }
}

/// The same, with small values as a power of ten.
pub fn small_value_text(v: f32) -> String {
    if v != 0.0 && v.abs() < 0.01 { format!("{v:.0e}").replace('-', "−") } else { value_text(v) }
}
