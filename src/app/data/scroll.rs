//! Scrolling in rows instead of points, which stays exact for ten million rows.

use super::super::keyboard::{self, ScrollKey};
use super::super::theme::tokens;
use super::super::widgets::named;
use egui::accesskit::Role;
use egui::{Rect, Sense, Ui, pos2, vec2};

/// Width of a bar.
pub(super) const BAR: f32 = 10.0;

/// Where a view of many rows stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scroll {
    /// The row at the top, and a part of it.
    pub top: f64,
}

impl Scroll {
    /// Takes in wheel and keys over `area`, draws the bar at its right, and leaves the rest of the area.
    ///
    /// `rows` of `height` points; the part of the row at the top that is hidden is negative space above the first.
    pub fn ui(&mut self, ui: &mut Ui, area: Rect, rows: usize, height: f32, name: &str) -> Rect {
        let page = f64::from(area.height() / height);
        let last = (rows as f64 - page).max(0.0);
        if ui.rect_contains_pointer(area) {
            let wheel = ui.input(|i| i.smooth_scroll_delta().y);
            self.top -= f64::from(wheel / height);
            match keyboard::scroll(ui.ctx()) {
                Some(ScrollKey::Pages(pages)) => self.top += pages * page,
                Some(ScrollKey::Start) => self.top = 0.0,
                Some(ScrollKey::End) => self.top = last,
                None => {}
            }
        }
        let bar = Rect::from_min_max(pos2(area.right() - BAR, area.top()), area.max);
        self.top = self.top.clamp(0.0, last);
        if last > 0.0 {
            let dragged = thumb(ui, bar, 1, page / rows as f64, self.top / last, name);
            self.top = dragged.map_or(self.top, |place| place * last);
        }
        Rect::from_min_max(area.min, pos2(bar.left() - 2.0, area.bottom()))
    }

    /// Rows that can be seen, and where the first of them begins.
    pub fn visible(self, area: Rect, rows: usize, height: f32) -> (std::ops::Range<usize>, f32) {
        let first = self.top.floor();
        let shift = ((self.top - first) as f32) * height;
        let count = ((area.height() + shift) / height).ceil() as usize;
        let first = first as usize;
        (first..(first + count).min(rows), area.top() - shift)
    }
}

/// A bar to the right (axis 0) or down (axis 1), of which so much is seen at a place from 0 to 1; where it is dragged to.
pub(super) fn thumb(ui: &mut Ui, bar: Rect, axis: usize, seen: f64, place: f64, name: &str) -> Option<f64> {
    let t = tokens(ui);
    let (start, long) = (bar.min[axis], bar.size()[axis]);
    let thumb = (f64::from(long) * seen).max(24.0) as f32;
    let free = (long - thumb).max(1.0);
    let response = ui.interact(bar, ui.scope_id().with(name), Sense::click_and_drag());
    let response = named(response, Role::ScrollBar, name);
    let at = response.interact_pointer_pos().filter(|_| response.is_pointer_button_down_on());
    let dragged = at.map(|at| f64::from((at[axis] - start - thumb / 2.0) / free).clamp(0.0, 1.0));
    let (mut corner, mut size) = (bar.min + vec2(2.0, 2.0), bar.size() - vec2(4.0, 4.0));
    corner[axis] = start + free * dragged.unwrap_or(place) as f32;
    size[axis] = thumb;
    let fill = if response.hovered() || response.dragged() { t.label } else { t.line };
    ui.painter().rect_filled(Rect::from_min_size(corner, size), 3.0, fill);
    dragged
}
