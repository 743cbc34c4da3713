//! The table: only the cells that can be seen are drawn, whatever its size. The head of each column sets its role.

use super::super::model::{Model, Opened};
use super::super::theme::{BODY, LABEL, semibold, tokens};
use super::super::widgets::{self, at, brief, choice, count, hint, label, number, short, title};
use crate::data::{Column, ColumnPlan, DataSource, Missing, ReadOptions, Role, Summary, Treatment};
use egui::{Align, Layout, Rect, RichText, ScrollArea, Stroke, Ui, UiBuilder, pos2, vec2};

const WIDTH: f32 = 148.0;
const INDEX: f32 = 58.0;
/// Height of a column's head, and what a choice for missing values adds to it.
const HEAD: f32 = 164.0;
const GAPS: f32 = 25.0;
const ROW: f32 = 24.0;

/// Where the table is scrolled to.
#[derive(Default)]
pub struct TableView {
    offset: f32,
}

impl TableView {
    /// Draws head and rows.
    pub fn ui(&mut self, ui: &mut Ui, model: &mut Model, opened: &Opened) {
        let table = &opened.loaded.table;
        heading(ui, model, opened);
        if let Some(e) = model.data_error.clone() {
            widgets::message(
                ui,
                super::super::icon::WARNING,
                tokens(ui).problem,
                "Nothing can be trained on these columns yet",
                &e,
            );
        }
        ui.add_space(4.0);
        let plan = model.document().data.preparation(table).columns;
        let gaps = opened.summaries.iter().any(|s| s.missing > 0);
        let constant = plan.iter().any(|p| matches!(p.missing, Missing::Constant { .. }));
        let height = HEAD + if gaps { GAPS } else { 0.0 } + if gaps && constant { GAPS } else { 0.0 };
        let (head, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), egui::Sense::hover());
        self.head(ui, model, opened, &plan, head);
        let total = vec2(INDEX + WIDTH * table.columns.len() as f32, ROW * table.rows() as f32);
        ui.spacing_mut().item_spacing.y = 0.0;
        let output = ScrollArea::both().auto_shrink(false).show_viewport(ui, |ui, view| {
            ui.set_min_size(total);
            let origin = ui.max_rect().min;
            let columns = columns_in(view.left(), view.right(), table.columns.len());
            let first = (view.top() / ROW).max(0.0) as usize;
            for row in first..((view.bottom() / ROW).ceil() as usize).min(table.rows()) {
                rows(ui, table.columns.get(columns.clone()).unwrap_or(&[]), row, origin, columns.start);
            }
        });
        self.offset = output.state.clamped_offset().x;
    }

    fn head(&self, ui: &mut Ui, model: &mut Model, opened: &Opened, plan: &[ColumnPlan], head: Rect) {
        let t = tokens(ui);
        let inside = Rect::from_min_max(pos2(head.left() + INDEX, head.top()), head.max);
        let table = &opened.loaded.table;
        let mut clipped = ui.new_child(UiBuilder::new().max_rect(inside));
        clipped.set_clip_rect(inside.intersect(ui.clip_rect()));
        for k in columns_in(self.offset, self.offset + inside.width(), table.columns.len()) {
            let left = inside.left() + k as f32 * WIDTH - self.offset;
            let rect = Rect::from_min_size(pos2(left, head.top()), vec2(WIDTH - 8.0, head.height() - 8.0));
            clipped.painter().rect_filled(rect, 8.0, t.panel);
            let role = plan.iter().find(|p| p.name == table.columns[k].name).map(|p| p.role);
            let line = match role {
                Some(Role::Target) => t.accent,
                Some(Role::Feature) => t.positive,
                _ => t.line,
            };
            clipped.painter().line_segment(
                [rect.left_top() + vec2(8.0, 0.0), rect.right_top() - vec2(8.0, 0.0)],
                Stroke::new(2.0, line),
            );
            at(&mut clipped, rect.shrink(8.0), Layout::top_down(Align::Min), |ui| {
                ui.push_id(k, |ui| column_head(ui, model, &table.columns[k], &opened.summaries[k], plan));
            });
        }
    }
}

fn columns_in(left: f32, right: f32, all: usize) -> std::ops::Range<usize> {
    let first = ((left - INDEX) / WIDTH).max(0.0) as usize;
    first.min(all)..((right / WIDTH).ceil().max(0.0) as usize + 1).min(all)
}

fn rows(ui: &mut Ui, columns: &[Column], row: usize, origin: egui::Pos2, first: usize) {
    let t = tokens(ui);
    let top = origin.y + row as f32 * ROW;
    let cell = |left: f32, width: f32| Rect::from_min_size(pos2(origin.x + left, top), vec2(width, ROW));
    if row % 2 == 1 {
        ui.painter().rect_filled(
            cell(0.0, INDEX + WIDTH * (first + columns.len()) as f32),
            0.0,
            t.panel.gamma_multiply(0.6),
        );
    }
    let shown = ui.clip_rect();
    for (i, column) in columns.iter().enumerate() {
        let missing = column.is_missing(row);
        let text = if missing { "missing".to_owned() } else { column.cell(row) };
        let colour = if missing { t.problem } else { t.text };
        let layout = if column.is_number() {
            Layout::right_to_left(Align::Center)
        } else {
            Layout::left_to_right(Align::Center)
        };
        let rect = cell(INDEX + (first + i) as f32 * WIDTH, WIDTH - 8.0).shrink2(vec2(8.0, 0.0));
        at(ui, rect, layout, |ui| ui.add(egui::Label::new(RichText::new(text).size(LABEL).color(colour)).truncate()));
    }
    let index = Rect::from_min_size(pos2(shown.left(), top), vec2(INDEX, ROW));
    ui.painter().rect_filled(index, 0.0, t.background);
    let place = index.right_center() - vec2(14.0, 0.0);
    ui.painter().text(place, egui::Align2::RIGHT_CENTER, row + 1, super::super::theme::regular(11.0), t.hint);
}

fn column_head(ui: &mut Ui, model: &mut Model, column: &Column, summary: &Summary, plans: &[ColumnPlan]) {
    let t = tokens(ui);
    ui.spacing_mut().item_spacing.y = 3.0;
    ui.add(egui::Label::new(RichText::new(&column.name).font(semibold(BODY))).truncate()).on_hover_text(&column.name);
    let kind = if column.is_number() { "number" } else { "text" };
    let gaps =
        if summary.missing > 0 { format!(", {} missing", count(summary.missing as u128)) } else { String::new() };
    ui.add(egui::Label::new(hint(ui, format!("{kind}{gaps}"))).truncate());
    let range = match summary.range {
        Some(r) => format!("{} to {}", brief(r.min), brief(r.max)),
        None => format!("{} different values", summary.distinct),
    };
    let more = match summary.range {
        Some(r) => format!(
            "mean {}, standard deviation {}, {} different values",
            short(r.mean),
            short(r.std),
            summary.distinct
        ),
        None => summary
            .levels
            .iter()
            .zip(&summary.histogram)
            .map(|(l, n)| format!("{l}: {n}"))
            .collect::<Vec<_>>()
            .join("\n"),
    };
    ui.add(egui::Label::new(label(ui, range)).truncate()).on_hover_text(more);
    let (bars, _) = ui.allocate_exact_size(vec2(ui.available_width(), 26.0), egui::Sense::hover());
    widgets::histogram(ui, bars, &summary.histogram, t.positive);
    let Some(plan) = plans.iter().find(|p| p.name == column.name).cloned() else { return };
    ui.spacing_mut().combo_width = WIDTH - 24.0;
    ui.spacing_mut().interact_size.y = 22.0;
    ui.spacing_mut().button_padding = vec2(6.0, 2.0);
    let name = column.name.clone();
    let edit = |model: &mut Model, what, f: &dyn Fn(&mut ColumnPlan)| {
        model.edit_preparation(what, None, |p| p.columns.iter_mut().filter(|c| c.name == name).for_each(f));
    };
    let role = choice(ui, &format!("Role of {name}"), plan.role, Role::ALL, |r| r.label().to_owned(), |a, b| a == b);
    if let Some(role) = role {
        change_role(model, &name, role, column.is_number());
    }
    if matches!(plan.role, Role::Ignore | Role::Weight) {
        return;
    }
    let fits = |t: &Treatment| column.is_number() || t.takes_text();
    let treatments = Treatment::ALL.into_iter().filter(fits);
    let text = |t: Treatment| t.label(plan.role).to_owned();
    if let Some(v) = choice(ui, &format!("Treatment of {name}"), plan.treatment, treatments, text, |a, b| a == b) {
        edit(model, "Change treatment", &|c| c.treatment = v);
    }
    if summary.missing > 0 && plan.role == Role::Feature {
        let same = |a: Missing, b: Missing| std::mem::discriminant(&a) == std::mem::discriminant(&b);
        let choices = Missing::ALL
            .into_iter()
            .filter(|m| column.is_number() || !matches!(m, Missing::Mean | Missing::Constant { .. }));
        let missing = choice(
            ui,
            &format!("Missing values of {name}"),
            plan.missing,
            choices,
            |m| format!("gaps: {}", m.label()),
            same,
        );
        if let Some(v) = missing {
            edit(model, "Change missing values", &|c| c.missing = v);
        }
        if let Missing::Constant { value } = plan.missing {
            ui.spacing_mut().interact_size.x = WIDTH - 24.0;
            if let Some(value) = number(ui, &format!("Constant for {name}"), value, -1e9..=1e9, 0.1) {
                edit(model, "Change missing values", &|c| c.missing = Missing::Constant { value });
            }
        }
    }
}

/// A new class target takes the place of the old one, unless the network has outputs for several; numbers can be predicted together.
fn change_role(model: &mut Model, name: &str, role: Role, is_number: bool) {
    let one_output = model.document().network.outputs().count() < 2;
    model.edit_preparation("Change role", None, |p| {
        let classes = !is_number || p.targets().any(|c| c.treatment == Treatment::OneHot);
        for c in &mut p.columns {
            if c.name == name {
                c.role = role;
                c.treatment = match (role, is_number) {
                    (_, true) if c.treatment != Treatment::OneHot => c.treatment,
                    (_, false) => Treatment::OneHot,
                    (_, true) => Treatment::Standardise,
                };
            } else if one_output && role == Role::Target && classes && c.role == Role::Target {
                c.role = Role::Feature;
            }
        }
    });
}

fn heading(ui: &mut Ui, model: &mut Model, opened: &Opened) {
    let table = &opened.loaded.table;
    ui.horizontal(|ui| {
        ui.label(title(&table.name));
        ui.label(label(ui, format!("{} rows, {} columns", count(table.rows() as u128), table.columns.len())));
        let (Some(found), DataSource::File { path, options, .. }) = (opened.loaded.detected, &opened.source) else {
            return;
        };
        ui.add_space(8.0);
        ui.label(label(ui, "Read as"));
        let delimiter = |c: char| match c {
            ',' => "comma".to_owned(),
            ';' => "semicolon".to_owned(),
            '\t' => "tab".to_owned(),
            c => format!("{c}"),
        };
        let mut new: ReadOptions = options.clone();
        let chosen = choice(ui, "Delimiter", found.delimiter, [',', ';', '\t', '|'], delimiter, |a, b| a == b);
        new.delimiter = chosen.or(new.delimiter);
        let mut header = found.header;
        if ui.checkbox(&mut header, "header").on_hover_text("The first row names the columns").changed() {
            new.header = Some(header);
        }
        let mut comma = found.decimal_comma;
        if ui.checkbox(&mut comma, "decimal comma").on_hover_text("Numbers are written 3,14").changed() {
            new.decimal_comma = Some(comma);
        }
        if new != *options {
            model.choose_source(DataSource::File { path: path.clone(), sha256: String::new(), options: new });
        }
    });
}
