//! Columns of numbers over the rows, as time series.

use super::super::curves::{self, Curve};
use super::super::state::{Model, Opened};
use super::super::theme::tokens;
use super::super::widgets::{self, data_plot, label, named, number};
use super::sampling::{POINTS, notes, sample};
use crate::data::{ColumnKind, StepKind};
use crate::format;
use egui::Ui;
use egui::accesskit::Role;
use egui_plot::{Line, PlotPoints, Points};

/// View state of the series.
#[derive(Default)]
pub struct SeriesView {
    /// The sample whose window is shown.
    first: usize,
}

impl SeriesView {
    /// Columns over the rows, and the window of one sample.
    pub fn ui(&mut self, ui: &mut Ui, model: &Model, opened: &Opened) {
        const SHOWN: usize = 4;
        let table = &opened.loaded.table;
        let plan = model.plan(opened);
        let used: Vec<usize> = (0..table.columns.len())
            .filter(|&k| table.columns[k].kind() == ColumnKind::Number)
            .filter(|&k| {
                plan.columns.iter().any(|c| c.name == table.columns[k].name && c.role != crate::data::Role::Ignore)
            })
            .collect();
        if used.is_empty() {
            widgets::centred(
                ui,
                ui.available_rect_before_wrap(),
                "No numbers are used",
                "Set the role of a column of numbers to feature or target",
            );
            return;
        }
        let window = plan.window();
        let rows = table.rows();
        ui.horizontal(|ui| match (window, model.dataset()) {
            (Some(w), Some(data)) => {
                ui.label(label(ui, "Sample"));
                let last = data.rows().saturating_sub(1);
                self.first =
                    number(ui, "Shown sample", self.first.min(last), 0..=last, 0.3).unwrap_or(self.first.min(last));
                ui.label(label(ui, format!("input: {} rows; target: {} after the last", w.length, w.horizon)));
            }
            _ => {
                let name = StepKind::Window { length: 1, horizon: 1, past: true }.label();
                ui.label(label(
                    ui,
                    format!("The columns over the rows. Add the step \"{name}\" to predict what comes from what was"),
                ));
            }
        });
        let (taken, note) = sample(rows, POINTS);
        let some = (used.len() > SHOWN).then(|| format!("the first {SHOWN} of {} columns of numbers", used.len()));
        notes(ui, [note, some]);
        let t = tokens(ui);
        let dates = table.columns.iter().find(|c| c.kind() == ColumnKind::Date);
        let when = |row: f64| match dates {
            Some(dates) if row.fract() == 0.0 && (1.0..=rows as f64).contains(&row) => {
                dates.written(dates.number(row as usize - 1))
            }
            Some(_) => String::new(),
            None => format::brief(row),
        };
        let shown = &used[..used.len().min(SHOWN)];
        let height = (ui.available_height() / shown.len() as f32 - 8.0).max(60.0);
        let last = model.dataset().and_then(|d| d.source_rows.get(self.first).copied());
        for &k in shown {
            let column = &table.columns[k];
            let is_target = plan.targets().any(|c| c.name == column.name);
            let colour = if is_target { t.accent } else { t.positive };
            let line: Vec<[f64; 2]> =
                taken.iter().map(|&row| [row as f64 + 1.0, column.number(row)]).filter(|p| p[1].is_finite()).collect();
            let plot = data_plot(ui, &format!("series {k}"), String::new(), column.name.clone())
                .height(height)
                .show_grid([false, false])
                .x_axis_formatter(|mark, _| when(mark.value));
            let shown = curves::quiet(plot).show(ui, |plot| {
                plot.line(Line::new(column.name.clone(), PlotPoints::from(line.clone())).color(colour).width(1.4));
                if let (Some(w), Some(last)) = (window, last) {
                    let of = |row: usize| [row as f64 + 1.0, column.number(row)];
                    if is_target && last + w.horizon < rows {
                        plot.points(Points::new("target", vec![of(last + w.horizon)]).radius(5.0).color(t.negative));
                    }
                    if !is_target || plan.sees_past() {
                        let seen: Vec<[f64; 2]> = (last + 1 - w.length.min(last + 1)..=last).map(of).collect();
                        let ink = if is_target { t.text } else { t.accent };
                        plot.points(Points::new("seen", seen).radius(3.0).color(ink));
                    }
                }
                curves::read(plot, &[Curve { name: &column.name, colour, points: &line, joined: false }])
            });
            let place = |row: f64| format!("row {row} {}", if dates.is_some() { when(row) } else { String::new() });
            let value = |v: f64| column.written(v);
            curves::tell(&shown.response, shown.inner.as_ref(), |x| place(x).trim().to_owned(), value);
            named(shown.response, Role::Image, &format!("{} over the rows", column.name));
        }
    }
}
