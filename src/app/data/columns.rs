//! What each column holds in full, what was found, how much each tells of the target, and correlations.

use super::super::fix::fix_button;
use super::super::icon;
use super::super::state::{Insight, Model, Opened};
use super::super::theme::{BODY, LABEL, mix, regular, semibold, tokens};
use super::super::widgets::{self, card, hint, label, title};
use crate::app::widgets::FollowFocus as _;
use crate::data::{Column, ColumnKind, DataWarning, Summary, Values};
use crate::explain::Fix;
use crate::format;
use egui::{Align, Align2, Label, Layout, Rect, RichText, ScrollArea, Sense, Ui, pos2, vec2};

/// Width of one number of a summary.
const STAT: f32 = 74.0;
/// Columns that are summed up one below the other.
const SHOWN: usize = 200;

/// Draws the page.
pub fn ui(ui: &mut Ui, model: &Model, opened: &Opened) {
    let insight = model.insight().cloned();
    ScrollArea::vertical().id_salt("columns").auto_shrink(false).show_with_focus(ui, |ui| {
        ui.set_width(ui.available_width() - 12.0);
        found(ui, model, opened, insight.as_deref());
        let table = &opened.loaded.table;
        for (column, summary) in table.columns.iter().zip(&opened.summaries).take(SHOWN) {
            let told = insight.as_ref().and_then(|i| i.relations.to_target.iter().find(|(n, _)| *n == column.name));
            one(ui, column, summary, told.map(|(_, share)| *share));
            ui.add_space(6.0);
        }
        if table.columns.len() > SHOWN {
            ui.label(label(ui, format!("{} more columns", table.columns.len() - SHOWN)));
        }
        if let Some(insight) = &insight {
            correlations(ui, insight);
        }
    });
}

/// What a person should know before training.
fn found(ui: &mut Ui, model: &Model, opened: &Opened, insight: Option<&Insight>) {
    let t = tokens(ui);
    let Some(insight) = insight else {
        ui.horizontal(|ui| {
            ui.add(egui::Spinner::new().size(14.0));
            ui.label(label(ui, "Looking for copies, outliers and columns that give the target away"));
        });
        return;
    };
    let plan = model.plan(opened);
    let is_open = |f: &&DataWarning| !f.fix.as_ref().is_some_and(|r| r.is_done(plan));
    let findings: Vec<&DataWarning> = insight.findings.iter().filter(is_open).collect();
    if findings.is_empty() {
        widgets::message(
            ui,
            icon::OK,
            t.ok,
            "Nothing suspicious was found",
            "No copies of rows, no column that gives the target away, few outliers",
        );
    }
    for finding in findings {
        let (icon, colour) = if finding.serious { (icon::WARNING, t.problem) } else { (icon::INFO, t.label) };
        match finding.fix.clone().map(Fix::from) {
            Some(fix) => {
                widgets::message_with(ui, icon, colour, &finding.text, |ui| {
                    fix_button(ui, model, &fix);
                });
            }
            None => widgets::message(ui, icon, colour, "", &finding.text),
        }
        ui.add_space(4.0);
    }
    ui.add_space(6.0);
}

fn one(ui: &mut Ui, column: &Column, summary: &Summary, told: Option<f64>) {
    let t = tokens(ui);
    card(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            ui.allocate_ui_with_layout(vec2(170.0, 74.0), Layout::top_down(Align::Min), |ui| {
                ui.set_min_width(170.0);
                ui.add(Label::new(RichText::new(&column.name).font(semibold(BODY))).truncate());
                ui.label(hint(ui, column.kind().label()));
                if let Some(share) = told {
                    relation(ui, share);
                }
            });
            let (bars, _) = ui.allocate_exact_size(vec2(150.0, 58.0), Sense::hover());
            if summary.levels.is_empty() {
                widgets::histogram(ui, bars, &summary.histogram, t.positive);
            } else {
                levels(ui, bars, summary);
            }
            ui.add_space(10.0);
            let mut values: Vec<(&str, String)> = vec![
                ("missing", format::count(summary.missing as u128)),
                ("different", format::count(summary.distinct as u128)),
            ];
            if let Some(r) = summary.range {
                let number =
                    |v: f64| if column.kind() == ColumnKind::Date { column.written(v) } else { format::number(v) };
                let [low, middle, high] = r.quartiles;
                values.extend([
                    ("min", number(r.min)),
                    ("25 %", number(low)),
                    ("median", number(middle)),
                    ("75 %", number(high)),
                    ("max", number(r.max)),
                    ("mean", number(r.mean)),
                ]);
                if column.kind() != ColumnKind::Date {
                    values.push(("σ", format::number(r.std)));
                    values.push(("outliers", format::count(summary.outliers as u128)));
                }
            }
            if let Values::Images(images) = &column.values {
                values.push(("pixels", format!("{} × {}", images.height, images.width)));
                values.push(("channels", images.channels.to_string()));
            }
            let wide = if column.kind() == ColumnKind::Date { 2.0 * STAT } else { STAT };
            let across = ((ui.available_width() / wide) as usize).max(1);
            ui.vertical(|ui| {
                for line in values.chunks(across) {
                    ui.horizontal(|ui| {
                        ui.spacing_mut().item_spacing.x = 0.0;
                        for (name, value) in line {
                            ui.allocate_ui_with_layout(vec2(wide, 32.0), Layout::top_down(Align::Min), |ui| {
                                ui.set_min_width(wide);
                                ui.spacing_mut().item_spacing.y = 0.0;
                                ui.label(hint(ui, *name));
                                ui.add(Label::new(RichText::new(value).size(LABEL)).truncate());
                            });
                        }
                    });
                }
            });
        });
    });
}

/// How much a column tells of the target, as a bar.
fn relation(ui: &mut Ui, share: f64) {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(150.0, 16.0), Sense::hover());
    let bar = Rect::from_min_size(pos2(rect.left(), rect.center().y - 3.0), vec2(86.0, 6.0));
    ui.painter().rect_filled(bar, 3.0, t.raised);
    let full = Rect::from_min_size(bar.min, vec2(bar.width() * share as f32, bar.height()));
    ui.painter().rect_filled(full, 3.0, t.accent);
    let text = format!("tells {}", format::percent(share, 0));
    ui.painter().text(pos2(bar.right() + 6.0, rect.center().y), Align2::LEFT_CENTER, text, regular(11.0), t.label);
    response.on_hover_text("Relation to the target, from nothing to everything: |r| between numbers, η between numbers and classes, Cramér's V between classes");
}

/// The most frequent levels as bars with their names.
fn levels(ui: &Ui, rect: Rect, summary: &Summary) {
    let t = tokens(ui);
    let most = summary.histogram.iter().copied().max().unwrap_or(1).max(1) as f32;
    let height = rect.height() / 4.0;
    for (k, (name, &n)) in summary.levels.iter().zip(&summary.histogram).take(4).enumerate() {
        let line =
            Rect::from_min_size(pos2(rect.left(), rect.top() + k as f32 * height), vec2(rect.width(), height - 2.0));
        let bar = Rect::from_min_size(line.min, vec2(line.width() * n as f32 / most, line.height()));
        ui.painter().rect_filled(bar, 2.0, t.positive.gamma_multiply(0.45));
        let clip = ui.painter().with_clip_rect(line);
        clip.text(line.left_center() + vec2(4.0, 0.0), Align2::LEFT_CENTER, name, regular(10.5), t.text);
    }
}

/// Pearson's r of every two numbers as a field of squares.
fn correlations(ui: &mut Ui, insight: &Insight) {
    const NAME: f32 = 110.0;
    let relations = &insight.relations;
    let n = relations.names.len();
    if n < 2 {
        return;
    }
    let t = tokens(ui);
    ui.add_space(6.0);
    ui.label(title("Correlation of numbers"));
    if let Some(rows) = relations.sampled {
        ui.label(hint(ui, format!("of {} rows, evenly taken from all", format::count(rows as u128))));
    }
    let side = ((ui.available_width() - NAME) / n as f32).clamp(5.0, 40.0);
    let (rect, response) = ui.allocate_exact_size(vec2(NAME + side * n as f32, side * n as f32), Sense::hover());
    let origin = pos2(rect.left() + NAME, rect.top());
    for row in 0..n {
        for column in 0..n {
            let r = relations.correlation[row * n + column];
            let cell = Rect::from_min_size(
                origin + vec2(column as f32 * side, row as f32 * side),
                vec2(side - 1.0, side - 1.0),
            );
            let towards = if r < 0.0 { t.negative } else { t.positive };
            let fill = if r.is_nan() { t.raised } else { mix(t.raised, towards, r.abs() as f32) };
            ui.painter().rect_filled(cell, 2.0, fill);
            if side >= 26.0 && !r.is_nan() {
                let ink = super::super::theme::ink_on(fill);
                ui.painter().text(cell.center(), Align2::CENTER_CENTER, format::decimals(r, 2), regular(10.0), ink);
            }
        }
        if side >= 10.0 {
            let line = Rect::from_min_size(pos2(rect.left(), origin.y + row as f32 * side), vec2(NAME - 6.0, side));
            let clip = ui.painter().with_clip_rect(line);
            clip.text(line.left_center(), Align2::LEFT_CENTER, &relations.names[row], regular(11.0), t.label);
        }
    }
    if let Some(at) = response.hover_pos().map(|p| (p - origin) / side).filter(|v| v.x >= 0.0 && v.y >= 0.0) {
        let (row, column) = ((at.y as usize).min(n - 1), (at.x as usize).min(n - 1));
        let r = relations.correlation[row * n + column];
        let r = if r.is_nan() {
            "r is not defined: one is constant".to_owned()
        } else {
            format!("r = {}", format::score(r))
        };
        response.on_hover_text(format!("{} and {}: {r}", relations.names[row], relations.names[column]));
    }
}
