//! Pictures of several columns at once: a scatter matrix, and axes side by side.

use super::super::state::{Model, Opened};
use super::super::theme::{LABEL, regular, tokens};
use super::super::widgets::{self, named};
use super::sampling::{FEW, POINTS, drawable, notes, range, sample, share, trimmed};
use super::views::Views;
use crate::app::widgets::FollowFocus as _;
use crate::data::{ColumnKind, Table, Values};
use crate::format;
use egui::accesskit::Role;
use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Align2, PopupCloseBehavior, Rect, ScrollArea, Sense, Stroke, Ui, pos2, vec2};

/// Columns of a scatter matrix at most and by default, and parallel axes at most.
const SIDES: usize = 8;
const FIRST: usize = 6;
const AXES: usize = 16;
/// Points of a scatter matrix.
const CIRCLES: usize = 36_000;
/// Columns that can be chosen from.
const LISTED: usize = 500;

/// The columns that were chosen, or so many of all.
fn chosen(all: &[usize], wanted: Option<&Vec<usize>>, first: usize) -> Vec<usize> {
    wanted.cloned().unwrap_or_else(|| all.iter().copied().take(first).collect())
}

/// A list of columns of which at least two and at most `most` are ticked.
fn columns_choice(
    ui: &mut Ui,
    table: &Table,
    all: &[usize],
    now: &[usize],
    most: usize,
    wanted: &mut Option<Vec<usize>>,
) {
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    MenuButton::new(format!("Columns: {} of {}", now.len(), all.len())).config(config).ui(ui, |ui| {
        ui.label(widgets::hint(ui, format!("From 2 to {most}")));
        ScrollArea::vertical().max_height(320.0).show_with_focus(ui, |ui| {
            for &k in all.iter().take(LISTED) {
                let mut ticked = now.contains(&k);
                let may = if ticked { now.len() > 2 } else { now.len() < most };
                if ui.add_enabled(may, egui::Checkbox::new(&mut ticked, &table.columns[k].name)).clicked() {
                    let mut new: Vec<usize> = now.iter().copied().filter(|&old| old != k).collect();
                    new.extend(Some(k).filter(|_| ticked));
                    new.sort_unstable();
                    *wanted = Some(new);
                }
            }
        });
    });
}

impl Views {
    /// Several columns, every two against each other.
    pub fn matrix(&mut self, ui: &mut Ui, model: &Model, opened: &Opened) {
        let table = &opened.loaded.table;
        let all: Vec<usize> =
            drawable(table).into_iter().filter(|&k| table.columns[k].kind() != ColumnKind::Text).collect();
        if all.len() < 2 {
            widgets::centred(
                ui,
                ui.available_rect_before_wrap(),
                "Too few numbers",
                "A matrix needs two columns of numbers",
            );
            return;
        }
        let columns = chosen(&all, self.sides.as_ref(), FIRST);
        let (by, colours) = ui
            .horizontal(|ui| {
                columns_choice(ui, table, &all, &columns, SIDES, &mut self.sides);
                self.coloured(ui, model, opened)
            })
            .inner;
        let (rows, note) = sample(table.rows(), (CIRCLES / columns.len().pow(2)).min(POINTS));
        notes(ui, [note, None]);
        let area = ui.available_rect_before_wrap();
        let response = ui.allocate_rect(area, Sense::hover());
        named(response, Role::Image, "Scatter matrix");
        let t = tokens(ui);
        let n = columns.len();
        let (width, height) = (area.width() / n as f32, area.height() / n as f32);
        let ranges: Vec<(f64, f64)> = columns.iter().map(|&k| range(&opened.summaries[k])).collect();
        for (r, &up) in columns.iter().enumerate() {
            for (c, &right) in columns.iter().enumerate() {
                let field = Rect::from_min_size(
                    area.min + vec2(c as f32 * width, r as f32 * height),
                    vec2(width - 6.0, height - 6.0),
                );
                ui.painter().rect_filled(field, 4.0, t.panel);
                if r == c {
                    let bars = Rect::from_min_max(field.min + vec2(8.0, 26.0), field.max - vec2(8.0, 6.0));
                    widgets::histogram(ui, bars, &opened.summaries[right].histogram, t.line);
                    let clip = ui.painter().with_clip_rect(field);
                    clip.text(
                        field.min + vec2(8.0, 6.0),
                        Align2::LEFT_TOP,
                        &table.columns[right].name,
                        regular(LABEL),
                        t.text,
                    );
                    continue;
                }
                let inner = field.shrink(6.0);
                for &row in &rows {
                    let (x, y) = (table.columns[right].number(row), table.columns[up].number(row));
                    if x.is_finite() && y.is_finite() {
                        let at = pos2(
                            inner.left() + inner.width() * share(x, ranges[c]),
                            inner.bottom() - inner.height() * share(y, ranges[r]),
                        );
                        ui.painter().circle_filled(at, 1.6, colours.colour(by, row, t).gamma_multiply(0.8));
                    }
                }
            }
        }
    }

    /// Several columns side by side, a line for each row.
    pub fn parallel(&mut self, ui: &mut Ui, model: &Model, opened: &Opened) {
        let table = &opened.loaded.table;
        let all = drawable(table);
        // A text that is different in every row is left out unless it is chosen.
        let telling =
            |&k: &usize| opened.summaries[k].distinct < table.rows() || table.columns[k].kind() != ColumnKind::Text;
        let first: Vec<usize> = all.iter().copied().filter(telling).collect();
        let columns = chosen(&first, self.axes.as_ref(), AXES);
        if columns.len() < 2 {
            widgets::centred(ui, ui.available_rect_before_wrap(), "Too few columns", "Parallel axes need two columns");
            return;
        }
        let (by, colours) = ui
            .horizontal(|ui| {
                columns_choice(ui, table, &all, &columns, AXES, &mut self.axes);
                self.coloured(ui, model, opened)
            })
            .inner;
        let (rows, note) = sample(table.rows(), FEW);
        notes(ui, [note, None]);
        let t = tokens(ui);
        let area = ui.available_rect_before_wrap();
        named(ui.allocate_rect(area, Sense::hover()), Role::Image, "Parallel axes");
        let inner = Rect::from_min_max(area.min + vec2(46.0, 34.0), area.max - vec2(46.0, 24.0));
        let across = |k: usize| inner.left() + inner.width() * k as f32 / (columns.len() - 1) as f32;
        let ranges: Vec<(f64, f64)> = columns
            .iter()
            .map(|&k| match &table.columns[k].values {
                Values::Text(text) => (0.0, (text.levels().len() as f64 - 1.0).max(1.0)),
                _ => range(&opened.summaries[k]),
            })
            .collect();
        for &row in &rows {
            let colour = colours.colour(by, row, t).gamma_multiply(if rows.len() > 300 { 0.25 } else { 0.5 });
            let mut line = Vec::new();
            for (k, &column) in columns.iter().enumerate() {
                let v = table.columns[column].number(row);
                // A gap breaks the line.
                if v.is_finite() {
                    line.push(pos2(across(k), inner.bottom() - inner.height() * share(v, ranges[k])));
                } else if line.len() > 1 {
                    ui.painter().line(std::mem::take(&mut line), Stroke::new(1.0, colour));
                } else {
                    line.clear();
                }
            }
            if line.len() > 1 {
                ui.painter().line(line, Stroke::new(1.0, colour));
            }
        }
        for (k, &column) in columns.iter().enumerate() {
            let x = across(k);
            ui.painter().line_segment([pos2(x, inner.top()), pos2(x, inner.bottom())], Stroke::new(1.2, t.label));
            let column = &table.columns[column];
            let room = inner.width() / (columns.len() - 1) as f32;
            let name = trimmed(&column.name, (room / 6.5) as usize);
            ui.painter().text(pos2(x, inner.top() - 20.0), Align2::CENTER_CENTER, name, regular(LABEL), t.text);
            let end = |v: f64| match &column.values {
                Values::Text(text) => text.levels().get(v as usize).map_or_else(String::new, |l| trimmed(l, 10)),
                Values::Dates(_) => column.written(v),
                _ => format::brief(v),
            };
            ui.painter().text(
                pos2(x, inner.top() - 7.0),
                Align2::CENTER_CENTER,
                end(ranges[k].1),
                regular(10.0),
                t.hint,
            );
            ui.painter().text(
                pos2(x, inner.bottom() + 9.0),
                Align2::CENTER_CENTER,
                end(ranges[k].0),
                regular(10.0),
                t.hint,
            );
        }
    }
}
