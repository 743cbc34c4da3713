//! Pan and zoom of the canvas, and what one frame sees through them.

use crate::app::diagram::edges::wire;
use crate::app::diagram::layout::{Placed, bounds};
use crate::app::theme::Tokens;
use crate::nn::{LayerId, Wire};
use egui::emath::TSTransform;
use egui::{Painter, Pos2, Rect, Response, Ui, Vec2, pos2, vec2};
use std::collections::BTreeMap;

/// Below this zoom a layer is a card without neurons.
const NEURONS_FROM: f32 = 0.36;
const ZOOM: std::ops::RangeInclusive<f32> = 0.08..=4.0;

/// Which part of the diagram the canvas shows.
pub struct Camera {
    /// From diagram units to screen points, relative to the canvas' corner.
    transform: TSTransform,
    /// Whether the whole network stays in view as it changes.
    fitted: bool,
    /// Whether it is brought into view in the next frame, whatever the pointer does.
    fit_next: bool,
}

impl Default for Camera {
    fn default() -> Self {
        Self { transform: TSTransform::IDENTITY, fitted: false, fit_next: true }
    }
}

impl Camera {
    /// Shows the whole network from the next frame on.
    pub fn fit(&mut self) {
        self.fit_next = true;
    }

    /// Keeps pan and zoom as they are when the network changes.
    pub fn keep(&mut self) {
        self.fitted = false;
    }

    pub fn scale(&self) -> f32 {
        self.transform.scaling
    }

    /// From diagram units to screen points, for a canvas at `area`.
    pub fn to_screen(&self, area: Rect) -> TSTransform {
        TSTransform::from_translation(area.min.to_vec2()) * self.transform
    }

    /// Follows the pointer's drags and scrolls, and fits the network into the canvas where that was asked for.
    ///
    /// `selecting` says that a drag draws a selection rectangle.
    pub fn navigate(
        &mut self,
        ui: &Ui,
        background: &Response,
        area: Rect,
        placed: &BTreeMap<LayerId, Placed>,
        selecting: bool,
    ) {
        let band = ui.input(|i| i.modifiers.shift);
        if (background.dragged_by(egui::PointerButton::Primary) && !band && !selecting)
            || background.dragged_by(egui::PointerButton::Middle)
        {
            self.transform.translation += background.drag_delta();
            self.keep();
        }
        if let Some(p) = ui.input(|i| i.pointer.hover_pos()).filter(|p| area.contains(*p) && ui.ui_contains_pointer()) {
            let (zoom, scroll) = ui.input(|i| (i.zoom_delta(), i.smooth_scroll_delta.y));
            let factor = zoom * (scroll * 0.004).exp();
            if (factor - 1.0).abs() > 1e-4 {
                self.zoom_around(p - area.min.to_vec2(), factor);
            }
        }
        if self.fit_next || self.fitted {
            self.fit_next = false;
            self.fitted = true;
            let all = bounds(placed);
            // Titles and footers keep their size at any zoom, and the tools stand at the foot.
            let room = Rect::from_min_max(pos2(10.0, 64.0), area.size().to_pos2() - vec2(10.0, 92.0));
            let scale = (room.width() / all.width()).min(room.height() / all.height()).clamp(*ZOOM.start(), 1.25);
            let centre = room.center();
            self.transform = TSTransform::new(centre.to_vec2() - all.center().to_vec2() * scale, scale);
        }
    }

    /// Zooms by `factor`; `p`, relative to the canvas' corner, stays where it is.
    pub fn zoom_around(&mut self, p: Pos2, factor: f32) {
        let target = (self.transform.scaling * factor).clamp(*ZOOM.start(), *ZOOM.end());
        let fixed = self.transform.inverse() * p;
        self.transform = TSTransform::new(p.to_vec2() - fixed.to_vec2() * target, target);
        self.keep();
    }
}

/// What one frame of the canvas is drawn with.
pub struct View<'a> {
    pub area: Rect,
    /// From diagram units to screen points.
    pub to_screen: TSTransform,
    pub placed: &'a BTreeMap<LayerId, Placed>,
    /// Clipped to `area`.
    pub painter: Painter,
    pub t: &'a Tokens,
    /// The pointer on the screen, where it is over the canvas.
    pub pointer: Option<Pos2>,
}

impl<'a> View<'a> {
    /// The two layers that a wire connects.
    pub fn ends(&self, w: Wire) -> Option<(&'a Placed, &'a Placed)> {
        Some((self.placed.get(&w.from)?, self.placed.get(&w.to)?))
    }

    /// A wire as one curve on the screen.
    pub fn straight(&self, w: Wire) -> Option<[Pos2; 4]> {
        let (from, to) = self.ends(w)?;
        Some(wire(self.to_screen * from.right_port(), self.to_screen * to.left_port()))
    }

    pub fn scale(&self) -> f32 {
        self.to_screen.scaling
    }

    /// Whether layers are drawn with their neurons.
    pub fn shows_neurons(&self) -> bool {
        self.scale() >= NEURONS_FROM
    }

    /// A faint grid of points that moves with the diagram.
    pub fn grid(&self) {
        let Self { area, to_screen, painter, t, .. } = self;
        let mut step = 40.0 * to_screen.scaling;
        while step < 18.0 {
            step *= 4.0;
        }
        let origin = *to_screen * Pos2::ZERO;
        let first = |from: f32, origin: f32| from + (origin - from).rem_euclid(step);
        let mut y = first(area.top(), origin.y);
        while y < area.bottom() {
            let mut x = first(area.left(), origin.x);
            while x < area.right() {
                let dot = Rect::from_center_size(pos2(x, y), Vec2::splat(1.5));
                painter.rect_filled(dot, 0.0, t.line.gamma_multiply(0.7));
                x += step;
            }
            y += step;
        }
    }
}
