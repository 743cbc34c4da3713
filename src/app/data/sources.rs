//! Where data come from: files, the sets that come with the program, toy generators.

use super::super::dialogs::Question;
use super::super::icon;
use super::super::state::Model;
use super::super::theme::{HINT, LABEL, tokens};
use super::super::widgets::{choice, field, hint, named, number, title};
use crate::data::{BUILTIN, BoundaryCurve, DataSource, Drawing, Generator, ReadOptions, Shape};
use egui::accesskit::Role;
use egui::{
    Align, Button, CornerRadius, Label, Layout, RichText, Sense, Slider, Stroke, StrokeKind, Ui, UiBuilder, vec2,
};
use std::path::PathBuf;

/// Draws the list.
pub fn ui(ui: &mut Ui, model: &Model) {
    let text = format!("{}  Open data…", icon::FOLDER);
    let button = Button::new(RichText::new(text)).min_size(vec2(ui.available_width(), 34.0));
    if named(ui.add(button), Role::Button, "Open data…")
        .on_hover_text("CSV and other text, Excel, JSON, Parquet, Arrow, NumPy, IDX, ARFF, LIBSVM, zipped pictures")
        .clicked()
    {
        model.ask(Question::OpenData);
    }
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.spacing_mut().button_padding.x = 4.0;
        let half = vec2((ui.available_width() - 6.0) / 2.0, 28.0);
        let folder = Button::new(RichText::new("Pictures…").size(LABEL)).min_size(half);
        let hover = "A folder with a sub-folder for each class, or with a table of labels beside the pictures";
        if named(ui.add(folder), Role::Button, "Open a folder of pictures…").on_hover_text(hover).clicked() {
            model.ask(Question::OpenFolder);
        }
        let draw = Button::new(RichText::new("Draw your own").size(LABEL)).min_size(half);
        if named(ui.add(draw), Role::Button, "Draw your own")
            .on_hover_text("Paint points of classes, or a function")
            .clicked()
        {
            model.choose_source(DataSource::Drawing(Drawing::default()));
        }
    });
    ui.label(hint(ui, "or drop a file or folder anywhere"));
    // Most JSON files are presets; looking into them in every frame would be too much to find out.
    let is_data = |p: &&PathBuf| p.extension().is_none_or(|e| !e.eq_ignore_ascii_case("json"));
    let files: Vec<_> = model.recent().iter().filter(is_data).cloned().collect();
    if !files.is_empty() {
        heading(ui, "Recent files");
        for path in files.iter().take(4) {
            let folder = path.parent().map_or_else(String::new, |f| f.display().to_string());
            let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
            if row(ui, model, &name, &folder, &path.display().to_string(), &DataSource::file(path)) {
                model.look_at(path.clone(), ReadOptions::default());
            }
        }
    }
    heading(ui, "Bundled data");
    for set in &BUILTIN {
        let source = DataSource::Builtin { name: set.name.to_owned() };
        let more = format!("{}. {}", set.description, set.licence);
        if row(ui, model, set.label, set.summary, &more, &source) {
            model.choose_source(source);
        }
    }
    heading(ui, "Toy data");
    if let DataSource::Generator(generator) = model.document().data.source.clone() {
        settings(ui, model, &generator);
    }
    let mut group = "";
    for shape in Shape::ALL {
        if shape.group() != group {
            group = shape.group();
            ui.label(hint(ui, group));
        }
        let current = matches!(&model.document().data.source, DataSource::Generator(g) if g.shape.same_kind(shape));
        if small_row(ui, shape.label(), current) {
            let base = match &model.document().data.source {
                DataSource::Generator(g) => g.clone(),
                _ => Generator::default(),
            };
            model.choose_source(DataSource::Generator(Generator { shape, ..base }));
        }
    }
}

fn heading(ui: &mut Ui, text: &str) {
    ui.add_space(8.0);
    ui.label(title(text));
}

/// A source with two lines.
fn row(ui: &mut Ui, model: &Model, name: &str, summary: &str, more: &str, source: &DataSource) -> bool {
    let t = tokens(ui);
    let current = match (&model.document().data.source, source) {
        (DataSource::File { path: a, .. }, DataSource::File { path: b, .. }) => a == b,
        (a, b) => a == b,
    };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 42.0), Sense::click());
    let response = named(response, Role::Button, name);
    let fill = if response.hovered() { ui.visuals().widgets.hovered.bg_fill } else { t.raised };
    let stroke = if current || response.has_focus() { t.accent } else { t.raised };
    ui.painter().rect(rect, CornerRadius::same(6), fill, Stroke::new(1.0, stroke), StrokeKind::Inside);
    let lines = UiBuilder::new().max_rect(rect.shrink2(vec2(10.0, 4.0))).layout(Layout::top_down(Align::Min));
    let mut lines = ui.new_child(lines);
    lines.spacing_mut().item_spacing.y = 1.0;
    lines.add(Label::new(RichText::new(name).color(t.text)).truncate());
    lines.add(Label::new(RichText::new(summary).size(HINT).color(t.label)).truncate());
    response.on_hover_text(more).clicked()
}

fn small_row(ui: &mut Ui, name: &str, current: bool) -> bool {
    let width = ui.available_width();
    ui.add(Button::new(name).selected(current).min_size(vec2(width, 28.0)).frame_when_inactive(current)).clicked()
}

/// The sliders of a generator.
fn settings(ui: &mut Ui, model: &Model, generator: &Generator) {
    let mut new = generator.clone();
    field(ui, "Samples", "Rows that are drawn", |ui| {
        if let Some(v) = number(ui, "Samples", new.samples, 8..=1_000_000, 2.0) {
            new.samples = v;
        }
    });
    field(ui, "Noise", "0 is clean", |ui| {
        ui.spacing_mut().slider_width = 74.0;
        ui.spacing_mut().interact_size.x = 40.0;
        let slider = Slider::new(&mut new.noise, 0.0..=1.0).max_decimals(2);
        named(ui.add(slider), Role::Slider, "Noise");
    });
    field(ui, "Seed", "Another seed draws other points", |ui| {
        if let Some(v) = number(ui, "Data seed", new.seed, 0..=9999, 0.1) {
            new.seed = v;
        }
    });
    match &mut new.shape {
        Shape::AboveCurve { curve } => {
            field(ui, "BoundaryCurve", "y > f(x) is above", |ui| {
                if let Some(v) =
                    choice(ui, "BoundaryCurve", *curve, BoundaryCurve::ALL, |c| c.label().to_owned(), |a, b| a == b)
                {
                    *curve = v;
                }
            });
        }
        Shape::Blobs { classes } | Shape::Arms { classes } => {
            field(ui, "Classes", "How many", |ui| {
                if let Some(v) = number(ui, "Classes", *classes, 3..=8, 0.05) {
                    *classes = v;
                }
            });
        }
        Shape::Adding { length } | Shape::Wave { length } | Shape::Sorting { length } => {
            field(ui, "Length", "Steps of a sequence", |ui| {
                *length = number(ui, "Length", *length, 2..=200, 0.05).unwrap_or(*length);
            });
        }
        _ => {}
    }
    if new != *generator {
        model.choose_source(DataSource::Generator(new));
    }
}
