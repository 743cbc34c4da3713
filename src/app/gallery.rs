//! The built-in presets, each with its name, what it is for, and a picture of its data.

use super::picture::{target_colour, target_extent, telling};
use super::state::{Intention, Model};
use super::theme::{BODY, LABEL, mix, regular, semibold, tokens};
use super::widgets::named;
use crate::app::widgets::FollowFocus as _;
use crate::data::{Dataset, Targets};
use crate::format;
use crate::project::builtins;
use egui::accesskit::Role;
use egui::text::LayoutJob;
use egui::{Context, CornerRadius, Rect, Sense, Stroke, StrokeKind, Ui, Window, pos2, vec2};

/// The window with the presets; their data are read when it opens for the first time.
#[derive(Default)]
pub struct Gallery {
    pub open: bool,
    entries: Vec<Entry>,
}

struct Entry {
    name: &'static str,
    title: String,
    description: String,
    data: Option<Dataset>,
}

const CARD: egui::Vec2 = vec2(252.0, 176.0);

impl Gallery {
    /// Draws the window when it is open.
    pub fn ui(&mut self, ctx: &Context, model: &Model) {
        if !self.open {
            return;
        }
        if self.entries.is_empty() {
            self.entries = builtins().iter().filter_map(entry).collect();
        }
        let mut open = true;
        let mut chosen = None;
        let size = ctx.content_rect().size();
        Window::new("Preset gallery")
            .open(&mut open)
            .collapsible(false)
            .resizable(false)
            .anchor(egui::Align2::CENTER_CENTER, vec2(0.0, 0.0))
            .show(ctx, |ui| {
                let columns = ((size.x - 80.0) / (CARD.x + 8.0)).floor().clamp(2.0, 4.0) as usize;
                let all = self.entries.len().div_ceil(columns) as f32 * (CARD.y + 8.0);
                let height = all.min(size.y - 130.0);
                egui::ScrollArea::vertical().min_scrolled_height(height).max_height(height).show_with_focus(ui, |ui| {
                    for row in self.entries.chunks(columns) {
                        ui.horizontal(|ui| {
                            for entry in row {
                                if card(ui, entry) {
                                    chosen = Some(entry.name);
                                }
                            }
                        });
                    }
                });
            });
        self.open = open && chosen.is_none();
        if let Some(name) = chosen {
            model.intend(Intention::Builtin(name));
        }
    }
}

fn entry(builtin: &crate::project::Builtin) -> Option<Entry> {
    let document = builtin.preset().ok()?.document;
    let data = document.data.load().ok().map(|(_, data)| data);
    Some(Entry { name: builtin.name, title: document.name, description: document.description, data })
}

fn card(ui: &mut Ui, entry: &Entry) -> bool {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(CARD, Sense::click());
    let response = named(response, Role::Button, &format!("Open {}", entry.title));
    let lit = response.hovered() || response.has_focus();
    let stroke = Stroke::new(1.0, if lit { t.accent } else { t.line });
    ui.painter().rect(rect, CornerRadius::same(8), t.raised, stroke, StrokeKind::Inside);
    let picture = Rect::from_min_size(rect.min + vec2(10.0, 10.0), vec2(84.0, 84.0));
    ui.painter().rect_filled(picture, 6.0, t.background);
    if let Some(data) = &entry.data {
        thumbnail(ui, data, picture.shrink(5.0));
    }
    let title = ui.painter().layout(entry.title.clone(), semibold(BODY), t.text, rect.width() - 116.0);
    ui.painter().galley(pos2(picture.right() + 12.0, picture.top() + 2.0), title, t.text);
    if let Some(data) = &entry.data {
        let kind = match data.target() {
            Targets::Classes { names, .. } => format!("{} classes", names.len()),
            Targets::Values { .. } => "regression".to_owned(),
        };
        let text = format!("{} rows\n{}\n{kind}", data.rows(), format::counted(data.features(), "feature"));
        let galley = ui.painter().layout_no_wrap(text, regular(11.0), t.label);
        ui.painter().galley(pos2(picture.right() + 12.0, picture.bottom() - galley.size().y), galley, t.label);
    }
    let font = regular(LABEL - 0.5);
    let corner = pos2(rect.left() + 10.0, picture.bottom() + 8.0);
    let line = ui.fonts_mut(|f| f.row_height(&font));
    let mut job = LayoutJob::simple(entry.description.clone(), font, t.label, rect.width() - 20.0);
    // What does not fit ends in "…", and is told whole on hover.
    job.wrap.max_rows = ((rect.bottom() - 6.0 - corner.y) / line) as usize;
    let description = ui.fonts_mut(|f| f.layout_job(job));
    ui.painter().galley(corner, description, t.label);
    response.on_hover_text(&entry.description).clicked()
}

/// Some texts as lines of tokens, in the colours of what they stand for; padding is left out.
fn texts(ui: &Ui, data: &Dataset, rect: Rect) {
    const LINES: usize = 9;
    const ACROSS: usize = 12;
    let t = tokens(ui);
    let size = vec2(rect.width() / ACROSS as f32, rect.height() / LINES as f32);
    let extent = target_extent(data);
    for line in 0..LINES.min(data.rows()) {
        let row = line * data.rows() / LINES;
        // Padding may stand before the tokens or behind them.
        let words = (0..data.features()).filter(|&k| data.x[[row, k]] >= 0.0).count();
        for k in 0..words.min(ACROSS) {
            let corner = rect.min + vec2(k as f32 * size.x, (line as f32 + 0.2) * size.y);
            let word = Rect::from_min_size(corner, vec2(size.x * 0.8, size.y * 0.5));
            ui.painter().rect_filled(word, 1.0, target_colour(data, row, extent, t));
        }
    }
}

/// A small scatter of two features; of pictures one of them.
fn thumbnail(ui: &Ui, data: &Dataset, rect: Rect) {
    let t = tokens(ui);
    // Digits in a table are 64 standardised columns, pictures have values from 0 to 1.
    let picture = match (data.encoder.picture(), data.features()) {
        (Some((height, width, _)), _) => Some((height, width, 0.0, 1.0)),
        (None, 64) => Some((8, 8, -1.0, 1.0)),
        _ => None,
    };
    if let Some((height, width, dark, bright)) = picture {
        let side = rect.width() / height.max(width) as f32;
        for i in 0..height * width {
            let corner = rect.min + vec2((i % width) as f32, (i / width) as f32) * side;
            let shade = ((data.x[[3, i]] - dark) / (bright - dark)).clamp(0.0, 1.0);
            ui.painter().rect_filled(Rect::from_min_size(corner, vec2(side, side)), 0.0, mix(t.zero, t.text, shade));
        }
        return;
    }
    if data.encoder.has_tokens() {
        texts(ui, data, rect);
        return;
    }
    let (first, second) = telling(data);
    let axes = [first, second.min(data.features() - 1)];
    let value = |row: usize, axis: usize| match (data.target(), data.features()) {
        (Targets::Values { values, .. }, 1) if axis == 1 => values[[row, 0]],
        _ => data.x[[row, axes[axis]]],
    };
    let range = |axis| super::picture::extent((0..data.rows()).map(move |r| value(r, axis)));
    let ranges = [range(0), range(1)];
    let part = |row, axis: usize| (value(row, axis) - ranges[axis].0) / (ranges[axis].1 - ranges[axis].0).max(1e-6);
    let extent = target_extent(data);
    // A prime stride covers every class, whatever the order of the rows.
    const STRIDE: usize = 7919;
    for row in (0..data.rows().min(240)).map(|i| i * STRIDE % data.rows()) {
        let p = pos2(rect.left() + rect.width() * part(row, 0), rect.bottom() - rect.height() * part(row, 1));
        ui.painter().circle_filled(p, 1.6, target_colour(data, row, extent, t));
    }
}
