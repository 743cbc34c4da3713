//! Words and numbers of the diagram: the longest form that fits.

use egui::text::{LayoutJob, TextWrapping};
use egui::{Color32, FontId, Galley, Painter};
use std::sync::Arc;

/// A text, cut with “…” where it is wider than `width`.
pub fn cut(painter: &Painter, text: String, font: &FontId, colour: Color32, width: f32) -> Arc<Galley> {
    let mut job = LayoutJob::simple_singleline(text, font.clone(), colour);
    job.wrap = TextWrapping::truncate_at_width(width);
    painter.layout_job(job)
}

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
