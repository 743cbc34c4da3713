//! Pictures of the data. Many rows are sampled evenly, and the picture says so.

use super::super::model::{Model, Opened};
use super::super::theme::{LABEL, Tokens, mix, tokens};
use super::super::widgets::{self, brief, choice, count, data_plot, hint, label, named, number};
use super::plane::{Plane, project};
use super::scroll::Scroll;
use super::thumbnails::{Thumbnails, extent};
use crate::data::{Augmentation, Column, EncodingKind, Images, Kind, StepKind, Table, Targets, Values, written};
use crate::train::Augmenter;
use egui::accesskit::Role;
use egui::{Align, Color32, Layout, Rect, RichText, Sense, Slider, Ui, pos2, vec2};
use egui_plot::{Line, PlotPoints, Points};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows that are drawn in a scatter, and in each field of a matrix or as lines.
pub(super) const POINTS: usize = 4000;
pub(super) const FEW: usize = 1000;
/// Classes that have a colour of their own.
const COLOURED: usize = 20;

/// Which columns are drawn.
#[derive(Default)]
pub struct Views {
    x: Option<usize>,
    y: Option<usize>,
    /// Columns of a matrix and of parallel axes, if some were chosen.
    pub(super) sides: Option<Vec<usize>>,
    pub(super) axes: Option<Vec<usize>>,
    colour: Option<usize>,
    of_class: Option<usize>,
    /// Pictures are shown as training changes them, and in which draw.
    changed: bool,
    draw: u64,
    drawn: Option<Augmentation>,
    zoom: f32,
    scroll: Scroll,
    first: usize,
    plane: Option<(usize, Arc<Plane>)>,
    /// For the column that was coloured by last.
    colours: Option<(Option<usize>, Arc<Colours>)>,
}

/// How rows are coloured: by a column.
pub(super) enum Colours {
    Classes(Vec<String>),
    Numbers { low: f64, high: f64 },
    One,
}

impl Colours {
    fn of(column: Option<&Column>) -> Self {
        let Some(column) = column else { return Self::One };
        if let Some(names) = column.classes(COLOURED).filter(|_| column.kind() != Kind::Image) {
            return Self::Classes(names);
        }
        if column.kind() == Kind::Number {
            let finite = (0..column.len()).map(|row| column.number(row)).filter(|v| v.is_finite());
            let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
            return Self::Numbers { low, high };
        }
        Self::One
    }

    pub(super) fn colour(&self, column: Option<&Column>, row: usize, t: &Tokens) -> Color32 {
        match (self, column) {
            (Self::Classes(names), Some(column)) if !column.is_missing(row) => {
                names.binary_search_by(|n| column.order(n, row)).map_or(t.hint, |k| t.class(k))
            }
            (Self::Classes(_), _) => t.hint,
            (Self::Numbers { low, high }, Some(column)) => {
                let share = (column.number(row) - low) / (high - low).max(1e-300);
                // A few shades, so that points of one shade are one series.
                let share = (share * 12.0).round() / 12.0;
                if share.is_nan() { t.hint } else { mix(t.negative, t.positive, share as f32) }
            }
            _ => t.positive,
        }
    }

    fn legend(&self, ui: &mut Ui, column: Option<&Column>) {
        let t = tokens(ui);
        ui.horizontal_wrapped(|ui| match self {
            Self::Classes(names) => {
                for (k, name) in names.iter().enumerate() {
                    ui.label(RichText::new(format!("● {name}")).size(LABEL).color(t.class(k)));
                }
            }
            Self::Numbers { low, high } => {
                let name = column.map_or("", |c| c.name.as_str());
                ui.label(label(ui, format!("{name} from")));
                ui.label(RichText::new(format!("● {}", brief(*low))).size(LABEL).color(t.negative));
                ui.label(label(ui, "to"));
                ui.label(RichText::new(format!("● {}", brief(*high))).size(LABEL).color(t.positive));
            }
            Self::One => {}
        });
    }
}

/// Every so manieth row, and what is said about it.
pub(super) fn sample(rows: usize, most: usize) -> (Vec<usize>, Option<String>) {
    let step = rows.div_ceil(most).max(1);
    let taken: Vec<usize> = (0..rows).step_by(step).collect();
    let note = (step > 1)
        .then(|| format!("{} of {} rows, evenly taken from all", count(taken.len() as u128), count(rows as u128)));
    (taken, note)
}

pub(super) fn drawable(table: &Table) -> Vec<usize> {
    let all = table.columns.iter().enumerate();
    all.filter(|(_, c)| c.kind() != Kind::Image && c.missing() < c.len()).map(|(k, _)| k).collect()
}

/// What of the data is left out of a picture.
pub(super) fn notes(ui: &mut Ui, notes: [Option<String>; 2]) {
    let notes: Vec<String> = notes.into_iter().flatten().collect();
    if !notes.is_empty() {
        ui.label(hint(ui, notes.join("; ")));
    }
}

impl Views {
    /// Another table is shown.
    pub fn forget(&mut self) {
        *self = Self { zoom: self.zoom, ..Self::default() };
    }

    /// The target colours rows unless something else was chosen.
    fn colour_column(&self, model: &Model, opened: &Opened) -> Option<usize> {
        let table = &opened.loaded.table;
        let target = || {
            let name = &model.plan(opened).targets().next()?.name;
            table.columns.iter().position(|c| c.name == *name)
        };
        self.colour.map_or_else(target, |k| Some(k).filter(|&k| k < table.columns.len()))
    }

    /// What the colours of a column are, found out once.
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
        let words = [right, up].iter().any(|c| c.kind() == Kind::Text);
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
        // Numbers first: they spread further.
        let mut features: Vec<usize> = features.collect();
        features.sort_by_key(|&k| table.columns[k].kind() != Kind::Number);
        let first = *features.first().or(columns.first())?;
        let second =
            features.get(1).copied().or_else(|| columns.iter().copied().find(|&k| k != first)).unwrap_or(first);
        let valid = |k: usize| columns.contains(&k);
        Some((self.x.filter(|&k| valid(k)).unwrap_or(first), self.y.filter(|&k| valid(k)).unwrap_or(second)))
    }

    /// The prepared features on the plane of their two main directions.
    pub fn plane(&mut self, ui: &mut Ui, model: &Model) {
        let Some(data) = model.dataset.clone().filter(|d| d.features() > 1) else {
            widgets::centred(
                ui,
                ui.available_rect_before_wrap(),
                "Too few features",
                "The plane needs data with two features that can be trained on",
            );
            return;
        };
        let key = Arc::as_ptr(&data) as usize;
        let plane = match &self.plane {
            Some((of, plane)) if *of == key => Arc::clone(plane),
            _ => {
                let plane = Arc::new(project(&data));
                self.plane = Some((key, Arc::clone(&plane)));
                plane
            }
        };
        let t = tokens(ui);
        let extent = super::super::picture::target_extent(&data);
        let mut series: BTreeMap<[u8; 4], Vec<[f64; 2]>> = BTreeMap::new();
        for (point, &row) in plane.points.iter().zip(&plane.rows) {
            let colour = super::super::picture::target_colour(&data, row, extent, t);
            series.entry(colour.to_array()).or_default().push(*point);
        }
        let [first, second] = plane.shares;
        let sampled = if plane.rows.len() < data.rows() {
            format!(
                "; {} of {} rows, evenly taken from all",
                count(plane.rows.len() as u128),
                count(data.rows() as u128)
            )
        } else {
            String::new()
        };
        ui.label(label(ui, format!("The two directions of largest spread hold {:.0} % and {:.0} % of the spread of {} prepared features{sampled}", first * 100.0, second * 100.0, data.features())));
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

    /// All pictures with their labels.
    pub fn images(&mut self, ui: &mut Ui, model: &Model, opened: &Opened, thumbnails: &mut Thumbnails) {
        let table = &opened.loaded.table;
        let Some((k, images)) = table.columns.iter().enumerate().find_map(|(k, c)| match &c.values {
            Values::Images(images) => Some((k, images)),
            _ => None,
        }) else {
            return;
        };
        if self.zoom == 0.0 {
            self.zoom = 64.0;
        }
        let colour = self.colour_column(model, opened);
        let labels = colour.map(|k| &table.columns[k]);
        let classes = labels.and_then(|c| c.classes(200));
        ui.horizontal(|ui| {
            ui.label(label(ui, "Size"));
            let slider = Slider::new(&mut self.zoom, 24.0..=256.0).show_value(false);
            named(ui.add(slider), Role::Slider, "Size of the pictures");
            if let (Some(names), Some(column)) = (&classes, labels) {
                ui.label(label(ui, &column.name));
                let none = usize::MAX;
                let all = std::iter::once(none).chain(0..names.len());
                let text = |k: usize| names.get(k).map_or_else(|| "all".to_owned(), Clone::clone);
                ui.spacing_mut().combo_width = 120.0;
                if let Some(k) = choice(ui, "Shown class", self.of_class.unwrap_or(none), all, text, |a, b| a == b) {
                    self.of_class = Some(k).filter(|&k| k != none);
                    self.scroll = Scroll::default();
                }
            }
            self.changed_choice(ui, model);
        });
        ui.add_space(4.0);
        let mut changed = model.dataset.as_ref().filter(|_| self.changed).and_then(|d| Some((d, Augmenter::of(d)?)));
        let wanted = self.of_class.and_then(|k| classes.as_ref()?.get(k));
        let shown: Vec<usize> = match (wanted, labels) {
            (Some(name), Some(column)) => (0..table.rows()).filter(|&row| column.order(name, row).is_eq()).collect(),
            _ => (0..table.rows()).collect(),
        };
        let side = self.zoom;
        let (width, height) =
            (side + 8.0, side * images.height as f32 / (images.width.max(images.height)) as f32 + 24.0);
        let whole = ui.available_rect_before_wrap();
        let across = (((whole.width() - 14.0) / width) as usize).max(1);
        let lines = shown.len().div_ceil(across);
        let area = self.scroll.ui(ui, whole, lines, height, "Pictures");
        ui.allocate_rect(whole, Sense::hover());
        let t = tokens(ui);
        let mut child = ui.new_child(egui::UiBuilder::new().max_rect(area));
        child.set_clip_rect(area);
        let (visible, mut top) = self.scroll.visible(area, lines, height);
        for line in visible {
            for (place, &row) in shown.iter().skip(line * across).take(across).enumerate() {
                let rect = Rect::from_min_size(pos2(area.left() + place as f32 * width, top), vec2(side, height - 4.0));
                widgets::at(&mut child, rect, Layout::top_down(Align::Center), |ui| {
                    let place = changed.as_ref().and_then(|(d, _)| d.source_rows.binary_search(&row).ok());
                    match (&mut changed, place) {
                        (Some((data, augmenter)), Some(place)) => {
                            let of = || {
                                let pixels = data.x.row(place).to_vec();
                                let (black, white) = extent(images, row);
                                let range = match data.encoder.features[0].kind {
                                    EncodingKind::Pixels { scale, .. } => (scale.encode(black), scale.encode(white)),
                                    _ => (black, white),
                                };
                                let address = self.draw << 32 | place as u64;
                                let changed = augmenter.changed(&pixels, 0, address);
                                (pixel_by_pixel(&changed, images), range)
                            };
                            thumbnails.show_values(ui, images, ("changed", self.draw as usize, row), row, side, of);
                        }
                        _ => thumbnails.show(ui, images, ("grid", k, row), row, side),
                    }
                    let text = labels.map_or_else(|| (row + 1).to_string(), |c| c.cell(row));
                    ui.add(egui::Label::new(RichText::new(text).size(11.0).color(t.label)).truncate());
                });
            }
            top += height;
        }
    }

    /// Whether pictures are shown as they are, or as training changes them.
    fn changed_choice(&mut self, ui: &mut Ui, model: &Model) {
        let Some(how) = model.dataset.as_ref().and_then(|d| d.augmentation) else { return };
        ui.checkbox(&mut self.changed, "As training sees them")
            .on_hover_text("Shifted, turned and so on at random, as the step \"Augment\" says");
        let again = self.changed && ui.button("Again").on_hover_text("Other random changes").clicked();
        if again || self.drawn.replace(how) != Some(how) {
            self.draw += 1;
        }
    }

    /// Columns over the rows, and the window of one sample.
    pub fn series(&mut self, ui: &mut Ui, model: &Model, opened: &Opened) {
        const SHOWN: usize = 4;
        let table = &opened.loaded.table;
        let plan = model.plan(opened);
        let used: Vec<usize> = (0..table.columns.len())
            .filter(|&k| table.columns[k].kind() == Kind::Number)
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
        ui.horizontal(|ui| match (window, &model.dataset) {
            (Some(w), Some(data)) => {
                ui.label(label(ui, "Sample"));
                let last = data.rows().saturating_sub(1);
                self.first =
                    number(ui, "Shown sample", self.first.min(last), 0..=last, 0.3).unwrap_or(self.first.min(last));
                ui.label(label(ui, format!("sees {} rows and predicts {} behind the last", w.length, w.horizon)));
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
        let dates = table.columns.iter().find(|c| c.kind() == Kind::Date);
        let when = |row: f64| match dates {
            Some(dates) if row.fract() == 0.0 && (1.0..=rows as f64).contains(&row) => {
                written(dates, dates.number(row as usize - 1))
            }
            Some(_) => String::new(),
            None => brief(row),
        };
        let shown = &used[..used.len().min(SHOWN)];
        let height = (ui.available_height() / shown.len() as f32 - 8.0).max(60.0);
        let last = model.dataset.as_ref().and_then(|d| d.source_rows.get(self.first).copied());
        for &k in shown {
            let column = &table.columns[k];
            let is_target = plan.targets().any(|c| c.name == column.name);
            let colour = if is_target { t.accent } else { t.positive };
            let line: Vec<[f64; 2]> =
                taken.iter().map(|&row| [row as f64 + 1.0, column.number(row)]).filter(|p| p[1].is_finite()).collect();
            let response = data_plot(ui, &format!("series {k}"), String::new(), column.name.clone())
                .height(height)
                .show_grid([false, false])
                .x_axis_formatter(|mark, _| when(mark.value))
                .show(ui, |plot| {
                    plot.line(Line::new(column.name.clone(), PlotPoints::from(line)).color(colour).width(1.4));
                    if let (Some(w), Some(last)) = (window, last) {
                        let of = |row: usize| [row as f64 + 1.0, column.number(row)];
                        if is_target && last + w.horizon < rows {
                            plot.points(
                                Points::new("target", vec![of(last + w.horizon)]).radius(5.0).color(t.negative),
                            );
                        }
                        if !is_target || plan.sees_past() {
                            let seen: Vec<[f64; 2]> = (last + 1 - w.length.min(last + 1)..=last).map(of).collect();
                            let ink = if is_target { t.text } else { t.accent };
                            plot.points(Points::new("seen", seen).radius(3.0).color(ink));
                        }
                    }
                });
            named(response.response, Role::Image, &format!("{} over the rows", column.name));
        }
    }
}

/// How far from its word a row is drawn: always the same for the same row, and less than half of the way to the next.
fn spread(column: &Column, row: usize, axis: u64) -> f64 {
    if column.kind() != Kind::Text {
        return 0.0;
    }
    // The fractional part of multiples of an irrational number fills the range evenly (Weyl); one for each axis.
    let step = [0.618_033_988_749_895, 0.754_877_666_246_693][axis as usize];
    ((row as f64 * step).fract() - 0.5) * 0.6
}

pub(super) fn trimmed(text: &str, most: usize) -> String {
    if text.chars().count() <= most.max(3) {
        text.to_owned()
    } else {
        text.chars().take(most.max(3) - 1).chain(['…']).collect()
    }
}

pub(super) fn range(summary: &crate::data::Summary) -> (f64, f64) {
    summary.range.map_or((0.0, 1.0), |r| (r.min, r.max))
}

pub(super) fn share(v: f64, (low, high): (f64, f64)) -> f32 {
    if high > low { ((v - low) / (high - low)) as f32 } else { 0.5 }
}

/// From channel by channel, as networks take pictures.
fn pixel_by_pixel(planes: &[f32], images: &Images) -> Vec<f64> {
    let places = images.height * images.width;
    let pixel = |k: usize| (0..images.channels).map(move |channel| f64::from(planes[channel * places + k]));
    (0..places).flat_map(pixel).collect()
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
        Values::Dates(_) => written(column, v),
        _ => brief(v),
    };
    let response = data_plot(ui, id, right.name.clone(), up.name.clone())
        .height(ui.available_height() - 4.0)
        .show_grid([false, false])
        .x_axis_formatter(|m, _| mark(right, m.value))
        .y_axis_formatter(|m, _| mark(up, m.value))
        .show(ui, |plot| points(plot, series));
    named(response.response, Role::Image, "Scatter of two columns");
}
