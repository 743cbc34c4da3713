//! Pictures of the data: two columns against each other, the balance of the classes, and how rows are split.

use super::super::model::Model;
use super::super::picture::{target_colour, target_extent, telling};
use super::super::theme::{LABEL, tokens};
use super::super::widgets::{self, choice, data_plot, field, label, named, number, title};
use crate::data::{Dataset, Part, Targets};
use egui::accesskit::Role;
use egui::{Rect, RichText, Sense, Slider, Ui, pos2, vec2};
use egui_plot::Points;
use std::collections::BTreeMap;

/// Rows that are drawn in the scatter.
const POINTS: usize = 3000;

/// Which columns are drawn.
#[derive(Default)]
pub struct Views {
    x: Option<usize>,
    y: Option<usize>,
}

impl Views {
    /// Draws the panel.
    pub fn ui(&mut self, ui: &mut Ui, model: &mut Model) {
        let Some(data) = model.dataset.clone() else {
            ui.label(title("Pictures of the data"));
            ui.add(egui::Label::new(label(ui, "Choose a target and at least one feature to see them here.")).wrap());
            return;
        };
        self.scatter(ui, &data);
        ui.add_space(8.0);
        balance(ui, &data);
        ui.add_space(8.0);
        split(ui, model, &data);
    }

    fn scatter(&mut self, ui: &mut Ui, data: &Dataset) {
        let names = data.encoder.feature_names();
        let (first, second) = telling(data);
        let x = self.x.unwrap_or(first).min(names.len() - 1);
        let y = self.y.unwrap_or(second).min(names.len() - 1);
        ui.label(title("Two columns"));
        let all = || 0..names.len().min(500);
        field(ui, "To the right", "Feature along the horizontal axis", |ui| {
            if let Some(v) = choice(ui, "Horizontal feature", x, all(), |k| names[k].clone(), |a, b| a == b) {
                self.x = Some(v);
            }
        });
        let values = match data.target() {
            Targets::Values { values, scales, names } if data.features() == 1 => Some((values, scales[0], &names[0])),
            _ => None,
        };
        if values.is_none() {
            field(ui, "Up", "Feature along the vertical axis", |ui| {
                if let Some(v) = choice(ui, "Vertical feature", y, all(), |k| names[k].clone(), |a, b| a == b) {
                    self.y = Some(v);
                }
            });
        }
        let t = tokens(ui);
        let extent = target_extent(data);
        let step = data.rows().div_ceil(POINTS).max(1);
        let (x_scale, y_scale) = (data.encoder.scale(x), data.encoder.scale(y));
        // One series a colour; numbers fall into a few shades.
        let mut series: BTreeMap<[u8; 4], Vec<[f64; 2]>> = BTreeMap::new();
        for row in (0..data.rows()).step_by(step) {
            let right = x_scale.decode(f64::from(data.x[[row, x]]));
            let up = match values {
                Some((v, scale, _)) => scale.decode(f64::from(v[[row, 0]])),
                None => y_scale.decode(f64::from(data.x[[row, y]])),
            };
            series.entry(target_colour(data, row, extent, t).to_array()).or_default().push([right, up]);
        }
        let up = values.map_or_else(|| names[y].clone(), |(.., name)| name.clone());
        ui.scope(|ui| {
            let response = data_plot(ui, "scatter", names[x].clone(), up)
                .height(ui.available_width().min(260.0))
                .show_grid([false, false])
                .show(ui, |plot| {
                    for (colour, points) in series {
                        let [r, g, b, _] = colour;
                        plot.points(Points::new("rows", points).radius(2.4).color(egui::Color32::from_rgb(r, g, b)));
                    }
                });
            named(response.response, Role::Image, "Scatter of two columns");
        });
        if let Targets::Classes { names, .. } = data.target() {
            ui.horizontal_wrapped(|ui| {
                for (k, name) in names.iter().enumerate().take(12) {
                    ui.label(RichText::new(format!("● {name}")).size(LABEL).color(t.class(k)));
                }
            });
        }
    }
}

/// How many rows each class has.
fn balance(ui: &mut Ui, data: &Dataset) {
    let Targets::Classes { names, labels } = data.target() else { return };
    let t = tokens(ui);
    ui.label(title("Class balance"));
    let mut counts = vec![0_usize; names.len()];
    for &l in labels {
        counts[l as usize] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1) as f32;
    for (k, (name, &count)) in names.iter().zip(&counts).enumerate().take(20) {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 18.0), Sense::hover());
        let share = 100.0 * count as f32 / labels.len().max(1) as f32;
        named(response, Role::Label, &format!("{name}: {count} rows, {share:.0} %"));
        let bar =
            Rect::from_min_size(rect.min + vec2(84.0, 3.0), vec2((rect.width() - 168.0) * count as f32 / most, 12.0));
        ui.painter().rect_filled(bar, 3.0, t.class(k));
        let font = super::super::theme::regular(LABEL);
        let clip = ui.painter().with_clip_rect(Rect::from_min_size(rect.min, vec2(78.0, 18.0)));
        clip.text(rect.left_center(), egui::Align2::LEFT_CENTER, name, font.clone(), t.text);
        let text = format!("{count} · {share:.0} %");
        ui.painter().text(pos2(rect.right(), rect.center().y), egui::Align2::RIGHT_CENTER, text, font, t.label);
    }
}

fn split(ui: &mut Ui, model: &mut Model, data: &Dataset) {
    ui.label(title("Split"));
    let rows = |part| data.part(part).len();
    let text = format!(
        "{} rows to train, {} to validate, {} to test",
        widgets::count(rows(Part::Train) as u128),
        rows(Part::Validation),
        rows(Part::Test)
    );
    ui.add(egui::Label::new(label(ui, text)).wrap());
    let split = model.document().data.preparation.as_ref().map_or_else(Default::default, |p| p.split);
    for (name, value, key) in [("Validation", split.validation, 1), ("Test", split.test, 2)] {
        field(ui, name, "Share of the rows that is held back", |ui| {
            ui.spacing_mut().slider_width = 70.0;
            ui.spacing_mut().interact_size.x = 44.0;
            let mut percent = value * 100.0;
            let slider = Slider::new(&mut percent, 0.0..=45.0).integer().suffix(" %");
            if named(ui.add(slider), Role::Slider, &format!("{name} share")).changed() {
                model.edit_preparation("Change split", Some(key), |p| {
                    if key == 1 { p.split.validation = percent / 100.0 } else { p.split.test = percent / 100.0 }
                });
            }
        });
    }
    field(ui, "Seed", "Another seed deals the rows differently", |ui| {
        if let Some(v) = number(ui, "Split seed", split.seed, 0..=9999, 0.1) {
            model.edit_preparation("Change split", Some(3), |p| p.split.seed = v);
        }
    });
    if matches!(data.target(), Targets::Classes { .. }) {
        let mut stratify = split.stratify;
        if ui.checkbox(&mut stratify, "Keep the class shares alike").on_hover_text("Stratified split").changed() {
            model.edit_preparation("Change split", None, |p| p.split.stratify = stratify);
        }
    }
}
