//! Painting of neurons, and which unit a channel of an image stands for.

use crate::app::theme::Tokens;
use egui::epaint::RectShape;
use egui::{Color32, CornerRadius, Painter, Rect, Stroke, TextureId};

/// A neuron as a picture: the part `cut` of a texture.
pub fn picture(painter: &Painter, rect: Rect, (texture, cut): (TextureId, Rect), corners: CornerRadius, tint: Color32) {
    painter.add(RectShape::filled(rect, corners, tint).with_texture(texture, cut));
}

/// A neuron as a disc in the colour of its value.
pub fn disc(painter: &Painter, rect: Rect, fill: Color32, t: &Tokens) {
    painter.circle(rect.center(), rect.width() / 2.0, fill, Stroke::new(1.0, t.line));
}

/// The unit in the middle of a channel, for an image `[channels, height, width]`.
pub fn middle_unit(shape: &[usize; 3], channel: usize) -> usize {
    let [_, height, width] = *shape;
    channel * height * width + height / 2 * width + width / 2
}
