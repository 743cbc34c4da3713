//! The first rows of a file as they will be taken, below heads that say how each column is read. Only what is in view is laid
//! out.

use super::super::theme::{BODY, LABEL, semibold, tokens};
use super::super::widgets::{at, follow_focus, label};
use super::column_reading;
use crate::data::{Column, Detected, ReadOptions, Table};
use egui::{Align, Label, Layout, Rect, RichText, ScrollArea, Ui, pos2, vec2};

/// Rows that are shown.
const ROWS: usize = 12;
const ROW: f32 = 24.0;
const HEAD: f32 = 52.0;
/// Columns are as wide as the page allows, within these.
const NARROW: f32 = 124.0;
const WIDE: f32 = 220.0;
const GAP: f32 = 14.0;

/// Draws the rows; what is chosen in the heads of columns is set in `new`.
pub fn ui(ui: &mut Ui, table: &Table, found: Option<&Detected>, new: &mut ReadOptions) {
    let all = table.columns.len();
    ui.label(label(ui, "First rows"));
    let width = (ui.available_width() / all as f32).clamp(NARROW, WIDE);
    let rows = table.rows().min(ROWS);
    ScrollArea::both().id_salt("preview").auto_shrink(false).show_viewport(ui, |ui, view| {
        let size = vec2(width * all as f32, HEAD + ROW * rows as f32);
        ui.set_min_size(size);
        let corner = ui.min_rect().min;
        let t = tokens(ui);
        for row in (1..rows).step_by(2) {
            let top = corner + vec2(view.left(), HEAD + ROW * row as f32);
            ui.painter().rect_filled(Rect::from_min_size(top, vec2(view.width(), ROW)), 0.0, t.panel);
        }
        // One more at each side, to which the keyboard focus can go.
        let first = ((view.left() / width) as usize).saturating_sub(1).min(all);
        let last = ((view.right() / width).ceil() as usize + 1).min(all);
        for (k, column) in table.columns.iter().enumerate().take(last).skip(first) {
            let left = corner.x + width * k as f32;
            let head = Rect::from_min_size(pos2(left, corner.y), vec2(width - GAP, HEAD));
            ui.push_id(k, |ui| {
                let align = if column.is_number() { Align::Max } else { Align::Min };
                at(ui, head, Layout::top_down(align), |ui| {
                    ui.spacing_mut().item_spacing.y = 2.0;
                    ui.add(Label::new(RichText::new(&column.name).font(semibold(BODY))).truncate());
                    column_reading::ui(ui, column, found, new);
                });
                for row in 0..rows {
                    let top = corner.y + HEAD + ROW * row as f32;
                    cell(ui, column, row, Rect::from_min_size(pos2(left, top), vec2(width - GAP, ROW)));
                }
            });
        }
        follow_focus(ui);
    });
}

fn cell(ui: &mut Ui, column: &Column, row: usize, rect: Rect) {
    let t = tokens(ui);
    let is_missing = column.is_missing(row);
    let text = if is_missing { "missing".to_owned() } else { column.cell(row).replace(['\n', '\r'], " ") };
    let colour = if is_missing { t.problem } else { t.text };
    let layout =
        if column.is_number() { Layout::right_to_left(Align::Center) } else { Layout::left_to_right(Align::Center) };
    at(ui, rect, layout, |ui| ui.add(Label::new(RichText::new(text).size(LABEL).color(colour)).truncate()));
}
