//! Scatter plots of the data. Many rows are sampled evenly, and the picture says so.

use super::super::picture::{target_colour, target_extent};
use super::super::state::{Model, Opened};
use super::super::theme::{LABEL, tokens};
use super::super::widgets::{self, choice, data_plot, label, named};
use super::colours::{COLOURED, Colours};
use super::sampling::{POINTS, drawable, notes, sample, trimmed};
use crate::data::{Column, ColumnKind, Dataset, Projection, Targets, Values, project};
use crate::format;
use egui::accesskit::Role;
use egui::{Color32, RichText, Ui};
use egui_plot::Points;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// Which columns are drawn.
#[derive(Default)]
pub struct Views {
    x: Option<usize>,
    y: Option<usize>,
    /// Columns of a matrix and of parallel axes, if some were chosen.
    pub(super) sides: Option<Vec<usize>>,
    pub(super) axes: Option<Vec<usize>>,
    colour: Option<usize>,
    /// The projection, and the data set that it is of.
    projection: Option<(Weak<Dataset>, Arc<Projection>)>,
    /// For the column that was coloured by last.
    colours: Option<(Option<usize>, Arc<Colours>)>,
}

impl Views {
    /// Another table is shown.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// The target colours rows unless something else was chosen.
    pub fn colour_column(&self, model: &Model, opened: &Opened) -> Option<usize> {
        let table = &opened.loaded.table;
        let target = || {
            let name = &model.plan(opened).targets().next()?.name;
            table.columns.iter().position(|c| c.name == *name)
        };
        self.colour.map_or_else(target, |k| Some(k).filter(|&k| k < table.columns.len()))
    }

    /// The colours by a column, computed once.
    fn colours(&mut self, k: Option<usize>, column: Option<&Column>) -> Arc<Colours> {
        match &self.colours {
            Some((of, colours)) if *of == k => Arc::clone(colours),
            _ => {
                let colours = Arc::new(Colours::of(column));
                self.colours = Some((k, Arc::clone(&colours)));
                colours
            }
        }
    }

    /// The choice of a column that colours the rows, and its legend.
    pub(super) fn coloured<'t>(
        &mut self,
        ui: &mut Ui,
        model: &Model,
        opened: &'t Opened,
    ) -> (Option<&'t Column>, Arc<Colours>) {
        let colour = ui.horizontal(|ui| self.colour_choice(ui, model, opened)).inner;
        let by = colour.map(|k| &opened.loaded.table.columns[k]);
        let colours = self.colours(colour, by);
        colours.legend(ui, by);
        (by, colours)
    }

    fn colour_choice(&mut self, ui: &mut Ui, model: &Model, opened: &Opened) -> Option<usize> {
        let table = &opened.loaded.table;
        let now = self.colour_column(model, opened);
        ui.label(label(ui, "Colour"));
        let none = usize::MAX;
        let all = std::iter::once(none).chain(drawable(table).into_iter().take(500));
        let name = |k: usize| if k == none { "one for all".to_owned() } else { table.columns[k].name.clone() };
        if let Some(k) = choice(ui, "Colour by", now.unwrap_or(none), all, name, |a, b| a == b) {
            self.colour = Some(k);
        }
        self.colour_column(model, opened)
    }

    /// Two columns against each other.
    pub fn scatter(&mut self, ui: &mut Ui, model: &Model, opened: &Opened) {
        let table = &opened.loaded.table;
        let columns = drawable(table);
        let Some((x, y)) = self.two_columns(model, opened, &columns) else {
            widgets::centred(ui, ui.available_rect_before_wrap(), "Nothing to draw", "There are no numbers or words");
            return;
        };
        let mut colour = None;
        ui.horizontal(|ui| {
            ui.spacing_mut().combo_width = 130.0;
            let name = |k: usize| table.columns[k].name.clone();
            ui.label(label(ui, "To the right"));
            let all = || columns.iter().copied().take(500);
            if let Some(k) = choice(ui, "Horizontal column", x, all(), name, |a, b| a == b) {
                self.x = Some(k);
            }
            ui.label(label(ui, "Up"));
            if let Some(k) = choice(ui, "Vertical column", y, all(), name, |a, b| a == b) {
                self.y = Some(k);
            }
            colour = self.colour_choice(ui, model, opened);
        });
        let t = tokens(ui);
        let by = colour.map(|k| &table.columns[k]);
        let colours = self.colours(colour, by);
        let (rows, note) = sample(table.rows(), POINTS);
        let (right, up) = (&table.columns[x], &table.columns[y]);
        let mut series: BTreeMap<[u8; 4], Vec<[f64; 2]>> = BTreeMap::new();
        for &row in &rows {
            let place = [right.number(row) + spread(right, row, 0), up.number(row) + spread(up, row, 1)];
            if place.iter().all(|v| v.is_finite()) {
                series.entry(colours.colour(by, row, t).to_array()).or_default().push(place);
            }
        }
        colours.legend(ui, by);
        let words = [right, up].iter().any(|c| c.kind() == ColumnKind::Text);
        let spread =
            words.then(|| "points at words are spread a little, so that they do not cover each other".to_owned());
        notes(ui, [note, spread]);
        draw(ui, "scatter", [right, up], series);
    }

    /// Two columns: those that were chosen, or the first that are features.
    fn two_columns(&self, model: &Model, opened: &Opened, columns: &[usize]) -> Option<(usize, usize)> {
        let (table, plan) = (&opened.loaded.table, model.plan(opened));
        let features = columns.iter().copied().filter(|&k| {
            let role = plan.columns.iter().find(|c| c.name == table.columns[k].name).map(|c| c.role);
            role == Some(crate::data::Role::Feature)
        });
        // Numbers before text: their points spread further.
        let mut features: Vec<usize> = features.collect();
        features.sort_by_key(|&k| table.columns[k].kind() != ColumnKind::Number);
        let first = *features.first().or(columns.first())?;
        let second =
            features.get(1).copied().or_else(|| columns.iter().copied().find(|&k| k != first)).unwrap_or(first);
        let valid = |k: usize| columns.contains(&k);
        Some((self.x.filter(|&k| valid(k)).unwrap_or(first), self.y.filter(|&k| valid(k)).unwrap_or(second)))
    }

    /// The projection of a data set, computed once.
    fn projected(&mut self, data: &Arc<Dataset>) -> Arc<Projection> {
        match &self.projection {
            // A weak reference keeps the address from being used again.
            Some((of, projection)) if std::ptr::eq(of.as_ptr(), Arc::as_ptr(data)) => Arc::clone(projection),
            _ => {
                let (rows, _) = sample(data.rows(), POINTS);
                let projection = Arc::new(project(data, rows));
                self.projection = Some((Arc::downgrade(data), Arc::clone(&projection)));
                projection
            }
        }
    }

    /// The prepared features, projected onto their first two principal components.
    pub fn plane(&mut self, ui: &mut Ui, model: &Model) {
        let Some(data) = model.dataset().cloned().filter(|d| d.features() > 1) else {
            widgets::centred(
                ui,
                ui.available_rect_before_wrap(),
                "Too few features",
                "The plane needs data with two features that can be trained on",
            );
            return;
        };
        let projection = self.projected(&data);
        let t = tokens(ui);
        let extent = target_extent(&data);
        let mut series: BTreeMap<[u8; 4], Vec<[f64; 2]>> = BTreeMap::new();
        for (point, &row) in projection.points.iter().zip(&projection.rows) {
            let colour = target_colour(&data, row, extent, t);
            series.entry(colour.to_array()).or_default().push(*point);
        }
        let [first, second] = projection.shares;
        let sampled = if projection.rows.len() < data.rows() {
            format!(
                "; {} of {} rows, evenly taken from all",
                format::count(projection.rows.len() as u128),
                format::count(data.rows() as u128)
            )
        } else {
            String::new()
        };
        ui.label(label(
            ui,
            format!(
                "The two directions of largest spread hold {} and {} of the spread of {} prepared features{sampled}",
                format::percent(first, 0),
                format::percent(second, 0),
                data.features()
            ),
        ));
        if let Targets::Classes { names, .. } = data.target() {
            ui.horizontal_wrapped(|ui| {
                for (k, name) in names.iter().enumerate().take(COLOURED) {
                    ui.label(RichText::new(format!("● {name}")).size(LABEL).color(t.class(k)));
                }
            });
        }
        let response = data_plot(ui, "plane", "first direction".to_owned(), "second direction".to_owned())
            .height(ui.available_height() - 4.0)
            .show_grid([false, false])
            .data_aspect(1.0)
            .show(ui, |plot| points(plot, series));
        named(response.response, Role::Image, "Plane of the main directions");
    }
}

/// Jitter of a row around its text value: fixed for each row, and less than half of the distance to the next value.
fn spread(column: &Column, row: usize, axis: u64) -> f64 {
    if column.kind() != ColumnKind::Text {
        return 0.0;
    }
    // The fractional part of multiples of an irrational number fills the range evenly (Weyl); one for each axis.
    let step = [0.618_033_988_749_895, 0.754_877_666_246_693][axis as usize];
    ((row as f64 * step).fract() - 0.5) * 0.6
}

fn points(plot: &mut egui_plot::PlotUi<'_>, series: BTreeMap<[u8; 4], Vec<[f64; 2]>>) {
    for ([r, g, b, _], places) in series {
        plot.points(Points::new("rows", places).radius(2.6).color(Color32::from_rgb(r, g, b)));
    }
}

fn draw(ui: &mut Ui, id: &str, [right, up]: [&Column; 2], series: BTreeMap<[u8; 4], Vec<[f64; 2]>>) {
    let mark = |column: &Column, v: f64| match &column.values {
        Values::Text(text) if v.fract() == 0.0 && v >= 0.0 => {
            text.levels().get(v as usize).map_or_else(String::new, |l| trimmed(l, 12))
        }
        Values::Text(_) => String::new(),
        Values::Dates(_) => column.written(v),
        _ => format::brief(v),
    };
    let response = data_plot(ui, id, right.name.clone(), up.name.clone())
        .height(ui.available_height() - 4.0)
        .show_grid([false, false])
        .x_axis_formatter(|m, _| mark(right, m.value))
        .y_axis_formatter(|m, _| mark(up, m.value))
        .show(ui, |plot| points(plot, series));
    named(response.response, Role::Image, "Scatter of two columns");
}

#[cfg(test)]
mod tests {
    use super::Views;
    use crate::data::{DataSource, Preparation, prepare};
    use std::sync::Arc;

    /// A new data set may lie where an old one lay.
    #[test]
    fn the_plane_of_a_data_set_that_is_gone_is_never_shown_for_another() {
        let mut views = Views::default();
        for name in ["iris", "wine"].into_iter().cycle().take(20) {
            let table = DataSource::Builtin { name: name.to_owned() }.load().expect("is built in").table;
            let data = Arc::new(prepare(&table, &Preparation::guess(&table)).expect("fits"));
            let plane = views.projected(&data);
            assert_eq!(plane.rows.len(), data.rows(), "{name}");
            assert!(Arc::ptr_eq(&plane, &views.projected(&data)), "found once");
        }
    }
}
