//! The table of the data; only visible cells are drawn. A column's header sets its role and sorts; search and filters are
//! above.

use super::super::icon;
use super::super::state::{Job, Model, Opened};
use super::super::theme::{BODY, LABEL, regular, semibold, tokens};
use super::super::widgets::{self, at, choice, hint, label, named, number};
use super::filter::{Condition, Query, Test};
use super::scroll::{BAR, Scroll, thumb};
use super::thumbnails::Thumbnails;
use crate::data::{Column, ColumnKind, ColumnPlan, Missing, Role, Summary, Treatment, Values};
use crate::format;
use egui::accesskit;
use egui::{
    Align, Align2, Button, Label, Layout, Popup, Rect, RichText, Sense, Stroke, TextEdit, Ui, UiBuilder, pos2, vec2,
};
use std::sync::Arc;

const WIDTH: f32 = 148.0;
const INDEX: f32 = 66.0;
/// Height of a column's head, and what a choice for missing values adds to it.
const HEAD: f32 = 164.0;
const GAPS: f32 = 25.0;
const ROW: f32 = 24.0;
/// Of a table with pictures.
const TALL: f32 = 44.0;
/// Tables with more cells are filtered on another thread.
const SMALL: usize = 500_000;

/// What of the table is shown.
#[derive(Default)]
pub struct TableView {
    offset: f32,
    scroll: Scroll,
    query: Query,
    /// Rows that the query asks for; all where it asks for nothing.
    rows: Option<Arc<Vec<u32>>>,
    asked: Query,
    filtering: Option<Job<Vec<u32>>>,
    draft: Option<Condition>,
}

impl TableView {
    /// Another table is shown.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Draws tools, head and rows.
    pub fn ui(&mut self, ui: &mut Ui, model: &Model, opened: &Arc<Opened>, thumbnails: &mut Thumbnails) {
        self.tools(ui, opened);
        self.draft(ui, opened);
        self.filter(model, opened);
        let table = &opened.loaded.table;
        let plan = model.plan(opened).columns.clone();
        let gaps = opened.summaries.iter().any(|s| s.missing > 0);
        let constant = plan.iter().any(|p| matches!(p.missing, Missing::Constant { .. }));
        let height = HEAD + if gaps { GAPS } else { 0.0 } + if gaps && constant { GAPS } else { 0.0 };
        let (head, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
        let whole = ui.available_rect_before_wrap();
        let wide = WIDTH * table.columns.len() as f32;
        let body = self.across(ui, whole, head, wide);
        self.head(ui, model, opened, &plan, Rect::from_min_max(head.min, pos2(body.right(), head.bottom())));
        let rows = self.rows.as_ref().map_or(table.rows(), |r| r.len());
        let pictures = table.columns.iter().any(|c| c.kind() == ColumnKind::Image);
        let height = if pictures { TALL } else { ROW };
        let area = self.scroll.ui(ui, body, rows, height, "Rows");
        ui.allocate_rect(whole, Sense::hover());
        if rows == 0 {
            widgets::centred(ui, area, "No matching rows", "Change the search or the filter above");
        }
        self.body(ui, opened, area, rows, height, thumbnails);
    }

    /// Scrolls to the sides, with a bar below; the area above the bar.
    fn across(&mut self, ui: &mut Ui, whole: Rect, head: Rect, wide: f32) -> Rect {
        let seen = whole.width() - INDEX - 12.0;
        let most = (wide - seen).max(0.0);
        if ui.rect_contains_pointer(whole.union(head)) {
            self.offset -= ui.input(|i| i.smooth_scroll_delta().x);
        }
        self.offset = self.offset.clamp(0.0, most);
        if most == 0.0 {
            return whole;
        }
        let bar = Rect::from_min_max(
            pos2(whole.left() + INDEX, whole.bottom() - BAR),
            pos2(whole.right() - 12.0, whole.bottom()),
        );
        let place = f64::from(self.offset / most);
        if let Some(place) = thumb(ui, bar, 0, f64::from(seen / wide), place, "Columns") {
            self.offset = most * place as f32;
        }
        Rect::from_min_max(whole.min, pos2(whole.right(), bar.top() - 2.0))
    }

    /// Search, filters, and how many rows are left.
    fn tools(&mut self, ui: &mut Ui, opened: &Opened) {
        let table = &opened.loaded.table;
        ui.horizontal(|ui| {
            let search =
                TextEdit::singleline(&mut self.query.search).hint_text("Search all cells").desired_width(150.0);
            named(ui.add(search), accesskit::Role::SearchInput, "Search all cells");
            let add = named(ui.button(format!("{}  Filter", icon::PLUS)), accesskit::Role::Button, "Filter");
            if add.on_hover_text("Show only rows that match a condition").clicked() {
                self.draft = match self.draft.take() {
                    Some(_) => None,
                    None => Some(Condition { column: 0, test: Test::Is, value: String::new() }),
                };
            }
            let mut gone = None;
            for (k, c) in self.query.conditions.iter().enumerate() {
                let name = table.columns.get(c.column).map_or("", |c| c.name.as_str());
                let value = if c.test == Test::Missing { "" } else { &c.value };
                let text = format!("{name} {} {value}", c.test.label());
                let chip = Button::new(RichText::new(format!("{}  {}", text.trim(), icon::CLOSE)).size(LABEL));
                if named(ui.add(chip), accesskit::Role::Button, &format!("Remove filter {}", text.trim())).clicked() {
                    gone = Some(k);
                }
            }
            if let Some(k) = gone {
                self.query.conditions.remove(k);
            }
            if self.filtering.is_some() {
                ui.add(egui::Spinner::new().size(14.0));
            }
            if !self.query.is_plain() {
                let shown = self.rows.as_ref().map_or(table.rows(), |r| r.len());
                let text = format!("{} of {} rows", format::count(shown as u128), format::count(table.rows() as u128));
                ui.label(label(ui, text));
                if ui.button("Show all").on_hover_text("No search, no filter, the order of the file").clicked() {
                    self.query = Query::default();
                }
            }
        });
    }

    /// A condition that is being put together.
    fn draft(&mut self, ui: &mut Ui, opened: &Opened) {
        let table = &opened.loaded.table;
        let Some(mut draft) = self.draft.take() else { return };
        draft.column = draft.column.min(table.columns.len() - 1);
        let (mut done, mut cancelled) = (false, false);
        ui.horizontal(|ui| {
            ui.spacing_mut().combo_width = 150.0;
            let text = |k: usize| table.columns[k].name.clone();
            let columns = 0..table.columns.len().min(2000);
            let column = choice(ui, "Filtered column", draft.column, columns, text, |a, b| a == b);
            draft.column = column.unwrap_or(draft.column);
            ui.spacing_mut().combo_width = 90.0;
            let test = choice(ui, "Condition", draft.test, Test::ALL, |t| t.label().to_owned(), |a, b| a == b);
            draft.test = test.unwrap_or(draft.test);
            if draft.test != Test::Missing {
                let value = TextEdit::singleline(&mut draft.value).hint_text("Value").desired_width(120.0);
                let response = named(ui.add(value), accesskit::Role::TextInput, "Value of the filter");
                done = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
            }
            done |= ui.button("Add filter").clicked();
            cancelled = ui.button("Cancel").clicked();
        });
        if done {
            self.query.conditions.push(draft);
        } else if !cancelled {
            self.draft = Some(draft);
        }
    }

    /// Updates the rows after a change of the query.
    fn filter(&mut self, model: &Model, opened: &Arc<Opened>) {
        if let Some(outcome) = self.filtering.as_mut().and_then(Job::take) {
            self.filtering = None;
            match outcome {
                Ok(rows) => self.rows = Some(Arc::new(rows)),
                Err(e) => model.problem(format!("The rows could not be filtered: {e}.")),
            }
        }
        if self.asked == self.query {
            return;
        }
        self.asked = self.query.clone();
        self.scroll = Scroll::default();
        let table = &opened.loaded.table;
        if self.query.is_plain() {
            (self.rows, self.filtering) = (None, None);
        } else if table.bytes() < SMALL {
            self.rows = Some(Arc::new(self.query.rows(table)));
        } else {
            let (query, opened) = (self.query.clone(), Arc::clone(opened));
            self.filtering = Some(model.jobs().start("filter", move |_| query.rows(&opened.loaded.table)));
        }
    }

    fn head(&mut self, ui: &mut Ui, model: &Model, opened: &Opened, plan: &[ColumnPlan], head: Rect) {
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
                ui.push_id(k, |ui| {
                    self.name(ui, k, &table.columns[k]);
                    column_head(ui, model, &table.columns[k], &opened.summaries[k], plan);
                });
            });
        }
    }

    /// The name of a column, which sorts by it.
    fn name(&mut self, ui: &mut Ui, k: usize, column: &Column) {
        ui.spacing_mut().item_spacing.y = 3.0;
        let arrow = match self.query.sort {
            Some((by, falling)) if by == k => {
                if falling {
                    " ▼"
                } else {
                    " ▲"
                }
            }
            _ => "",
        };
        let text = Label::new(RichText::new(format!("{}{arrow}", column.name)).font(semibold(BODY))).truncate();
        let response = ui.add(text.sense(Sense::click()));
        let response = response.on_hover_text(format!("{}\nA click sorts by it", column.name));
        if response.clicked() && column.kind() != ColumnKind::Image {
            self.query.sort = match self.query.sort {
                Some((by, false)) if by == k => Some((k, true)),
                Some((by, true)) if by == k => None,
                _ => Some((k, false)),
            };
        }
    }

    fn body(&self, ui: &mut Ui, opened: &Opened, area: Rect, rows: usize, height: f32, thumbnails: &mut Thumbnails) {
        let t = tokens(ui);
        let table = &opened.loaded.table;
        let mut child = ui.new_child(UiBuilder::new().max_rect(area));
        child.set_clip_rect(area.intersect(ui.clip_rect()));
        let ui = &mut child;
        let columns = columns_in(self.offset, self.offset + area.width() - INDEX, table.columns.len());
        let (visible, mut top) = self.scroll.visible(area, rows, height);
        for place in visible {
            let row = self.rows.as_ref().map_or(place, |r| r[place] as usize);
            let line = Rect::from_min_size(pos2(area.left(), top), vec2(area.width(), height));
            if place % 2 == 1 {
                ui.painter().rect_filled(line, 0.0, t.panel.gamma_multiply(0.6));
            }
            for k in columns.clone() {
                let left = area.left() + INDEX + k as f32 * WIDTH - self.offset;
                let cell = Rect::from_min_size(pos2(left, top), vec2(WIDTH - 8.0, height)).shrink2(vec2(8.0, 0.0));
                // Row numbers cover the cells below them.
                if cell.right() > area.left() + INDEX {
                    self::cell(ui, &table.columns[k], k, row, cell, thumbnails);
                }
            }
            let index = Rect::from_min_size(line.min, vec2(INDEX, height));
            ui.painter().rect_filled(index, 0.0, t.background);
            let place = index.right_center() - vec2(14.0, 0.0);
            ui.painter().text(place, Align2::RIGHT_CENTER, format::count(row as u128 + 1), regular(11.0), t.hint);
            top += height;
        }
    }
}

fn columns_in(left: f32, right: f32, all: usize) -> std::ops::Range<usize> {
    let first = (left / WIDTH).max(0.0) as usize;
    first.min(all)..((right / WIDTH).ceil().max(0.0) as usize).min(all)
}

fn cell(ui: &mut Ui, column: &Column, k: usize, row: usize, rect: Rect, thumbnails: &mut Thumbnails) {
    let t = tokens(ui);
    if let Values::Images(images) = &column.values {
        at(ui, rect, Layout::left_to_right(Align::Center), |ui| {
            thumbnails.show(ui, images, ("cell", k, row), row, TALL - 6.0);
        });
        return;
    }
    let missing = column.is_missing(row);
    let text = if missing { "missing".to_owned() } else { column.cell(row) };
    let colour = if missing { t.problem } else { t.text };
    let layout =
        if column.is_number() { Layout::right_to_left(Align::Center) } else { Layout::left_to_right(Align::Center) };
    at(ui, rect, layout, |ui| ui.add(Label::new(RichText::new(text).size(LABEL).color(colour)).truncate()));
}

/// Kinds that a column can be read as.
fn kinds(column: &Column) -> Vec<ColumnKind> {
    match column.kind() {
        ColumnKind::Image => vec![ColumnKind::Image],
        _ => vec![ColumnKind::Number, ColumnKind::Date, ColumnKind::Text],
    }
}

fn column_head(ui: &mut Ui, model: &Model, column: &Column, summary: &Summary, plans: &[ColumnPlan]) {
    let t = tokens(ui);
    let plan = plans.iter().find(|p| p.name == column.name).cloned();
    let kind = plan.as_ref().and_then(|p| p.read_as).unwrap_or(column.kind());
    let gaps = if summary.missing > 0 {
        format!(", {} missing", format::count(summary.missing as u128))
    } else {
        String::new()
    };
    let text = if kind == column.kind() { kind.label().to_owned() } else { format!("read as {}", kind.label()) };
    let response = ui.add(Label::new(hint(ui, format!("{text}{gaps}"))).truncate().sense(Sense::click()));
    let response = named(response, accesskit::Role::Button, &format!("Type of {}", column.name));
    let response = response.on_hover_text("A click changes the type of the column");
    Popup::menu(&response).show(|ui| {
        for other in kinds(column) {
            if ui.selectable_label(other == kind, format!("Read as {}", other.label())).clicked() {
                read_as(model, column, other);
                ui.close();
            }
        }
    });
    let range = match summary.range {
        Some(r) => format!("{} to {}", written_briefly(column, r.min), written_briefly(column, r.max)),
        None => format!("{} different values", summary.distinct),
    };
    let more = match summary.range {
        Some(r) => format!(
            "mean {}, standard deviation {}, {} different values",
            column.written(r.mean),
            format::number(r.std),
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
    ui.add(Label::new(label(ui, range)).truncate()).on_hover_text(more);
    let (bars, _) = ui.allocate_exact_size(vec2(ui.available_width(), 26.0), Sense::hover());
    widgets::histogram(ui, bars, &summary.histogram, t.positive);
    let Some(plan) = plan else { return };
    ui.spacing_mut().combo_width = WIDTH - 24.0;
    ui.spacing_mut().interact_size.y = 22.0;
    ui.spacing_mut().button_padding = vec2(6.0, 2.0);
    let name = column.name.clone();
    let edit = |model: &Model, what: &'static str, f: &dyn Fn(&mut ColumnPlan)| {
        model.edit_preparation(what, None, |p| p.columns.iter_mut().filter(|c| c.name == name).for_each(f));
    };
    let roles =
        Role::ALL.into_iter().filter(|r| kind != ColumnKind::Image || matches!(r, Role::Feature | Role::Ignore));
    let role = choice(ui, &format!("Role of {name}"), plan.role, roles, |r| r.label().to_owned(), |a, b| a == b);
    if let Some(role) = role {
        change_role(model, column, role);
    }
    if matches!(plan.role, Role::Ignore | Role::Weight) {
        return;
    }
    let treatments = Treatment::ALL.into_iter().filter(|t| t.takes(kind, plan.role));
    let text = |t: Treatment| t.label(plan.role).to_owned();
    if let Some(v) = choice(ui, &format!("Treatment of {name}"), plan.treatment, treatments, text, widgets::same_kind) {
        edit(model, "Change treatment", &|c| c.treatment = v);
    }
    if (summary.missing > 0 || kind != column.kind()) && plan.role == Role::Feature {
        let same = |a: Missing, b: Missing| std::mem::discriminant(&a) == std::mem::discriminant(&b);
        let choices = Missing::ALL.into_iter().filter(|m| {
            kind != ColumnKind::Text || !matches!(m, Missing::Mean | Missing::Median | Missing::Constant { .. })
        });
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

fn written_briefly(column: &Column, value: f64) -> String {
    if column.kind() == ColumnKind::Date { column.written(value) } else { format::brief(value) }
}

/// Another type, with a treatment that takes it.
fn read_as(model: &Model, column: &Column, kind: ColumnKind) {
    let own = column.kind();
    model.edit_preparation("Change type", None, |p| {
        for c in p.columns.iter_mut().filter(|c| c.name == column.name) {
            c.read_as = (kind != own).then_some(kind);
            if !c.treatment.takes(kind, c.role) {
                c.treatment = match kind {
                    ColumnKind::Number | ColumnKind::Image => Treatment::Standardise,
                    ColumnKind::Date if c.role == Role::Target => Treatment::Standardise,
                    ColumnKind::Date => Treatment::Calendar,
                    ColumnKind::Text => Treatment::OneHot,
                };
            }
        }
    });
}

/// A new class target takes the place of the old one, unless the network has outputs for several; numbers can be predicted together.
fn change_role(model: &Model, column: &Column, role: Role) {
    let one_output = model.document().network.outputs().count() < 2;
    let Some(table) = model.table().map(|opened| &opened.loaded.table) else { return };
    model.edit_preparation("Change role", None, |p| {
        let is_class = |c: &ColumnPlan| c.treatment == Treatment::OneHot;
        let Some(k) = p.columns.iter().position(|c| c.name == column.name) else { return };
        p.columns[k].take_role(role, column);
        let classes = role == Role::Target && p.targets().any(is_class);
        if one_output && classes {
            p.retarget(table, std::slice::from_ref(&column.name));
        }
    });
}
