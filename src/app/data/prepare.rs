//! The preparation as a list of steps in order, the split, and the balance of the classes.

use super::super::icon;
use super::super::state::{Model, Opened};
use super::super::theme::{BODY, LABEL, regular, semibold, tokens};
use super::super::widgets::{self, choice, field, hint, icon_button, label, named, number, title};
use super::targets;
use crate::app::widgets::FollowFocus as _;
use crate::data::{
    Augmentation, Balance, Column, Dataset, EncodingKind, MOST_LENGTH, MOST_VOCABULARY, Missing, Part, Preparation,
    PreparationStep, SplitBy, StepKind, Targets, TextEnd, TokenPlan, TokenUnit, Treatment,
};
use crate::format;
use egui::accesskit::Role;
use egui::{
    CornerRadius, Frame, Label, Margin, Popup, PopupCloseBehavior, Rect, RichText, Sense, Slider, Stroke, Ui, pos2,
    vec2,
};

#[derive(Default)]
pub struct PrepareView {
    /// The step that is dragged, by its place.
    dragged: Option<usize>,
}

impl PrepareView {
    /// Draws the panel.
    pub fn ui(&mut self, ui: &mut Ui, model: &Model) {
        let Some(opened) = model.table().cloned() else {
            ui.label(title("Preparation"));
            ui.add(Label::new(label(ui, "Open data to prepare them here.")).wrap());
            return;
        };
        let plan = model.plan(&opened).clone();
        predicted(ui, model, &opened, &plan);
        ui.add_space(10.0);
        self.steps(ui, model, &plan);
        ui.add_space(10.0);
        texts(ui, model, &plan);
        split(ui, model, &plan);
        if let Some(data) = model.dataset().cloned() {
            ui.add_space(10.0);
            balance(ui, &data);
        }
    }

    fn steps(&mut self, ui: &mut Ui, model: &Model, plan: &Preparation) {
        ui.label(title("Preparation"));
        let features = model.dataset().map(|d| d.features());
        let text = features.map_or_else(
            || "Applied in this order, fitted on the training rows only".to_owned(),
            |n| {
                format!(
                    "Applied in this order, fitted on the training rows only: {} features",
                    format::count(n as u128)
                )
            },
        );
        ui.add(Label::new(hint(ui, text)).wrap());
        ui.add_space(2.0);
        let steps = plan.all_steps();
        let mut new = steps.clone();
        let mut places = Vec::new();
        for k in 0..steps.len() {
            let rect = self.step(ui, k, &steps, &mut new, plan);
            places.push(rect);
        }
        self.drop_step(ui, &places, &mut new);
        let add =
            ui.add(egui::Button::new(format!("{}  Add step", icon::PLUS)).min_size(vec2(ui.available_width(), 28.0)));
        let add = named(add, Role::Button, "Add step");
        let has_pictures = model.dataset().is_some_and(|d| d.encoder.picture().is_some());
        let has_classes = model.dataset().is_some_and(|d| matches!(d.target(), Targets::Classes { .. }));
        Popup::menu(&add).show(|ui| {
            ui.set_width(230.0);
            for kind in StepKind::ALL {
                let one = matches!(kind, StepKind::Window { .. } | StepKind::Augment(_) | StepKind::Balance(_));
                let there = steps.iter().any(|s| widgets::same_kind(s.kind, kind));
                let fits = match kind {
                    StepKind::Augment(_) => has_pictures,
                    StepKind::Balance(_) => has_classes,
                    _ => true,
                };
                if fits && !(one && there) && ui.button(kind.label()).on_hover_text(kind.about()).clicked() {
                    let place = insertion(&new, kind);
                    new.insert(place, kind.into());
                    ui.close();
                }
            }
        });
        if new != steps {
            let key = same_shape(&new, &steps).then_some(7);
            model.edit_preparation("Change preparation", key, |p| {
                // Windows overlap; with a random split, test rows would have been seen in training.
                let window =
                    |steps: &[PreparationStep]| steps.iter().any(|s| matches!(s.kind, StepKind::Window { .. }));
                if window(&new) && !window(&p.steps) {
                    if p.split.by == SplitBy::Random {
                        p.split.by = SplitBy::Order;
                    }
                    // A median in the middle of a series is no value of it: windows keep clear of gaps.
                    let imputed = p.columns.iter_mut().filter(|c| c.missing == Missing::Median);
                    imputed.for_each(|c| c.missing = Missing::Drop);
                }
                p.steps = new;
            });
        }
    }

    /// One step with its settings; where it stands.
    fn step(
        &mut self,
        ui: &mut Ui,
        k: usize,
        steps: &[PreparationStep],
        new: &mut Vec<PreparationStep>,
        plan: &Preparation,
    ) -> Rect {
        let t = tokens(ui);
        let step = &steps[k];
        let fixed = matches!(step.kind, StepKind::Gaps | StepKind::Treat);
        let dragged = self.dragged == Some(k);
        let stroke = Stroke::new(1.0, if dragged { t.accent } else { t.line });
        let frame = Frame::new()
            .fill(t.raised)
            .stroke(stroke)
            .corner_radius(CornerRadius::same(6))
            .inner_margin(Margin::symmetric(8, 5));
        let response = frame.show(ui, |ui| {
            ui.set_width(ui.available_width() - 2.0);
            ui.spacing_mut().item_spacing.y = 3.0;
            ui.horizontal(|ui| {
                let (grip, response) = ui.allocate_exact_size(vec2(12.0, 20.0), Sense::drag());
                for i in 0..6 {
                    let at = grip.left_top() + vec2(3.0 + 5.0 * (i % 2) as f32, 5.0 + 5.0 * (i / 2) as f32);
                    ui.painter().circle_filled(at, 1.2, t.hint);
                }
                let response = named(response, Role::Button, &format!("Drag step {}", k + 1));
                if response.on_hover_cursor(egui::CursorIcon::Grab).drag_started() {
                    self.dragged = Some(k);
                }
                let colour = if step.off { t.hint } else { t.text };
                let name = Label::new(RichText::new(step.kind.label()).font(semibold(BODY)).color(colour));
                ui.add(name.truncate()).on_hover_text(step.kind.about());
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    ui.spacing_mut().item_spacing.x = 2.0;
                    let name = |what: &str| format!("{what} step {}, {}", k + 1, step.kind.label());
                    if !fixed {
                        if icon_button(ui, icon::CLOSE, &name("Remove"), "", true).clicked() {
                            new.remove(k);
                        }
                        let mut on = !step.off;
                        if named(ui.checkbox(&mut on, ""), Role::CheckBox, &name("Use"))
                            .on_hover_text("Whether this step is applied")
                            .changed()
                        {
                            new[k].off = !on;
                        }
                    }
                    if small_arrow(ui, "▼", &name("Move down"), k + 1 < steps.len()) {
                        new.swap(k, k + 1);
                    }
                    if small_arrow(ui, "▲", &name("Move up"), k > 0) {
                        new.swap(k, k - 1);
                    }
                });
            });
            if new.len() == steps.len() && new[k].kind == step.kind {
                settings(ui, k, &mut new[k], plan);
            }
        });
        response.response.rect
    }

    /// Moves a dragged step to where it is dropped.
    fn drop_step(&mut self, ui: &Ui, places: &[Rect], new: &mut Vec<PreparationStep>) {
        let Some(from) = self.dragged else { return };
        let Some(pointer) = ui.ctx().pointer_latest_pos() else { return };
        let to = places.iter().filter(|r| r.center().y < pointer.y).count();
        let y = places.get(to).map_or_else(|| places.last().map_or(0.0, |r| r.bottom() + 2.0), |r| r.top() - 2.0);
        if let Some(first) = places.first() {
            ui.painter().hline(first.x_range(), y, Stroke::new(2.0, tokens(ui).accent));
        }
        if !ui.input(|i| i.pointer.any_down()) {
            self.dragged = None;
            if from < new.len() && to != from && to != from + 1 {
                let step = new.remove(from);
                new.insert(if to > from { to - 1 } else { to }, step);
            }
        }
    }
}

/// How each column of text becomes tokens, and what became of them.
fn texts(ui: &mut Ui, model: &Model, plan: &Preparation) {
    let feature = crate::data::Role::Feature;
    for (k, column) in plan.columns.iter().enumerate().filter(|(_, c)| c.role == feature) {
        let Treatment::Tokens(now) = column.treatment else { continue };
        let name = &column.name;
        ui.add(Label::new(title(&format!("Tokens of {name}"))).truncate());
        let mut new = now;
        ui.push_id(("tokens", k), |ui| token_settings(ui, name, &mut new));
        if new != now {
            let key = (new.unit == now.unit).then_some(20 + k as u64);
            model.edit_preparation("Change tokens", key, |p| p.columns[k].treatment = Treatment::Tokens(new));
        }
        ui.add_space(10.0);
    }
    let Some(data) = model.dataset() else { return };
    for text in data.told.iter() {
        let line = ui.add(Label::new(label(ui, text.clone())).wrap());
        named(line, Role::Label, text);
        ui.add_space(6.0);
    }
}

fn token_settings(ui: &mut Ui, column: &str, plan: &mut TokenPlan) {
    field(ui, "Tokens", &TokenUnit::ALL.map(|u| format!("{}: {}", u.label(), u.about())).join("\n"), |ui| {
        let units = TokenUnit::ALL;
        let chosen =
            choice(ui, &format!("Token unit of {column}"), plan.unit, units, |u| u.label().to_owned(), |a, b| a == b);
        plan.unit = chosen.unwrap_or(plan.unit);
    });
    field(ui, "Vocabulary", "Most tokens that are learned on the training rows; all others are unknown", |ui| {
        let name = format!("Vocabulary of {column}");
        plan.vocabulary = number(ui, &name, plan.vocabulary, 2..=MOST_VOCABULARY, 5.0).unwrap_or(plan.vocabulary);
    });
    field(ui, "Least count", "A token, or a pair that is merged, must occur this often in the training rows", |ui| {
        plan.least = number(ui, &format!("Least count of {column}"), plan.least, 1..=1000, 0.1).unwrap_or(plan.least);
    });
    let mut chosen = plan.length.is_none();
    let hover = "As long as 95 % of the texts need, at most 256 tokens";
    let tick = ui.checkbox(&mut chosen, "Length from the texts").on_hover_text(hover);
    if named(tick, Role::CheckBox, &format!("Length of {column} from the texts")).changed() {
        plan.length = (!chosen).then_some(32);
    }
    if let Some(length) = &mut plan.length {
        field(ui, "Length", "Tokens of a sample: longer texts are truncated, shorter ones padded", |ui| {
            let name = format!("Length of {column}");
            *length = number(ui, &name, *length, 1..=MOST_LENGTH, 0.2).unwrap_or(*length);
        });
    }
    let ends = [
        (
            "Pad at",
            "Where padding fills up shorter texts; a recurrent layer should read the text last",
            &mut plan.padding,
        ),
        ("Truncate at", "Where longer texts lose their tokens", &mut plan.truncation),
    ];
    for (what, hover, end) in ends {
        field(ui, what, hover, |ui| {
            let name = format!("{what}, {column}");
            *end = choice(ui, &name, *end, TextEnd::ALL, |e| e.label().to_owned(), |a, b| a == b).unwrap_or(*end);
        });
    }
    let tick = ui.checkbox(&mut plan.lowercase, "Lower case").on_hover_text("Capital letters become small ones");
    named(tick, Role::CheckBox, &format!("Lower case of {column}"));
}

/// What is predicted, to be changed.
fn predicted(ui: &mut Ui, model: &Model, opened: &Opened, plan: &Preparation) {
    let table = &opened.loaded.table;
    let encodings = model.dataset().map_or(&[][..], |data| &data.encoder.targets);
    let classes = |column: &Column| match encodings.iter().find(|e| e.column == column.name).map(|e| &e.kind) {
        Some(EncodingKind::OneHot { levels }) => levels.into(),
        _ => Vec::new().into(),
    };
    if let Some(targets) = targets::ui(ui, table, &plan.choices(), classes, None) {
        model.edit_preparation("Change target", None, |p| p.predict(table, &targets));
    }
}

fn small_arrow(ui: &mut Ui, text: &str, name: &str, enabled: bool) -> bool {
    let button = egui::Button::new(RichText::new(text).size(9.0)).min_size(vec2(20.0, 22.0)).frame_when_inactive(false);
    named(ui.add_enabled(enabled, button), Role::Button, name).on_hover_text(name).clicked()
}

/// The usual position of a new step: transformations and clipping before scaling, derived features after imputation, sampling at
/// the end.
fn insertion(steps: &[PreparationStep], kind: StepKind) -> usize {
    let of = |wanted: StepKind| steps.iter().position(|s| s.kind == wanted);
    match kind {
        StepKind::Indicator => of(StepKind::Gaps).unwrap_or(0),
        StepKind::Log | StepKind::Power | StepKind::Clip { .. } => of(StepKind::Treat).unwrap_or(steps.len()),
        StepKind::Polynomial { .. } | StepKind::Products | StepKind::Waves => {
            of(StepKind::Treat).map_or(steps.len(), |k| k + 1)
        }
        _ => steps.len(),
    }
}

/// Whether only settings differ.
fn same_shape(a: &[PreparationStep], b: &[PreparationStep]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| widgets::same_kind(a.kind, b.kind) && a.off == b.off)
}

fn settings(ui: &mut Ui, k: usize, step: &mut PreparationStep, plan: &Preparation) {
    ui.push_id(k, |ui| match &mut step.kind {
        StepKind::Clip { low, high } => {
            for (name, value, range) in [("Lower quantile", low, 0.0..=0.49), ("Upper quantile", high, 0.51..=1.0)] {
                field(ui, name, "Of the training rows", |ui| {
                    *value = number(ui, name, *value, range, 0.002).unwrap_or(*value);
                });
            }
        }
        StepKind::Polynomial { degree } => {
            field(ui, "Degree", "The highest power", |ui| {
                *degree = number(ui, "Degree", *degree, 2..=9, 0.05).unwrap_or(*degree);
            });
        }
        StepKind::Window { length, horizon, past } => {
            field(ui, "Length", "Rows that are seen", |ui| {
                *length = number(ui, "Window length", *length, 1..=1000, 0.1).unwrap_or(*length);
            });
            field(ui, "Horizon", "Rows from the last input row to the target", |ui| {
                *horizon = number(ui, "Horizon", *horizon, 0..=1000, 0.1).unwrap_or(*horizon);
            });
            ui.checkbox(past, "Include past targets")
                .on_hover_text("Past values of the target are features, up to the last input row");
        }
        StepKind::Augment(how) => augmentation(ui, how),
        StepKind::Balance(by) => {
            field(ui, "By", "By class weights, or by resampling the rows", |ui| {
                let name = |b: Balance| if b == Balance::Weights { "weights" } else { "sampling" }.to_owned();
                let all = [Balance::Weights, Balance::Sampling];
                *by = choice(ui, "Balance by", *by, all, name, |a, b| a == b).unwrap_or(*by);
            });
        }
        _ => {}
    });
    if step.kind.takes_columns() {
        columns(ui, k, step, plan);
    }
}

fn augmentation(ui: &mut Ui, how: &mut Augmentation) {
    ui.checkbox(&mut how.flip, "Flip left and right").on_hover_text("With probability 0.5");
    field(ui, "Shift", "Up to this many pixels in each direction", |ui| {
        how.shift = number(ui, "Shift", how.shift, 0..=64, 0.05).unwrap_or(how.shift);
    });
    field(ui, "Rotate", "Up to this many degrees in either direction", |ui| {
        how.rotate = number(ui, "Rotate", how.rotate, 0.0..=180.0, 0.3).unwrap_or(how.rotate);
    });
    field(ui, "Noise", "Standard deviation of what is added to each scaled value", |ui| {
        how.noise = number(ui, "Noise of pictures", how.noise, 0.0..=2.0, 0.005).unwrap_or(how.noise);
    });
}

/// Which columns a step changes.
fn columns(ui: &mut Ui, k: usize, step: &mut PreparationStep, plan: &Preparation) {
    let features: Vec<&str> = plan
        .columns
        .iter()
        .filter(|c| {
            c.role == crate::data::Role::Feature && (c.treatment.is_scale() || step.kind == StepKind::Indicator)
        })
        .map(|c| c.name.as_str())
        .collect();
    // Only curves can be followed back, so only they are for targets.
    let targets: Vec<&str> = match step.kind {
        StepKind::Log | StepKind::Power => {
            plan.targets().filter(|c| c.treatment.is_scale()).map(|c| c.name.as_str()).collect()
        }
        _ => Vec::new(),
    };
    let text = match step.columns.as_slice() {
        [] => "all numbers".to_owned(),
        [one] => one.clone(),
        several => format!("{} columns", several.len()),
    };
    let button = ui.add(egui::Button::new(RichText::new(format!("of {text}")).size(LABEL)).truncate());
    let button = named(button, Role::Button, &format!("Columns of step {}", k + 1));
    Popup::menu(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
        ui.set_width(210.0);
        egui::ScrollArea::vertical().max_height(280.0).show_with_focus(ui, |ui| {
            if ui.selectable_label(step.columns.is_empty(), "All numbers").clicked() {
                step.columns.clear();
            }
            for (name, is_target) in
                features.iter().map(|n| (*n, false)).chain(targets.iter().map(|n| (*n, true))).take(500)
            {
                let mut on = step.columns.iter().any(|c| c == name);
                let text = if is_target { format!("{name} (target)") } else { name.to_owned() };
                if ui.checkbox(&mut on, text).changed() {
                    step.columns.retain(|c| c != name);
                    if on {
                        step.columns.push(name.to_owned());
                    }
                }
            }
        });
    });
}

fn split(ui: &mut Ui, model: &Model, plan: &Preparation) {
    ui.label(title("Split"));
    if let Some(data) = model.dataset() {
        let rows = |part| format::count(data.part(part).len() as u128);
        let text = format!(
            "{} training rows, {} validation rows, {} test rows",
            rows(Part::Train),
            rows(Part::Validation),
            rows(Part::Test)
        );
        ui.add(Label::new(label(ui, text)).wrap());
        if let Some(text) = data.left_out.describe() {
            let line = ui.add(Label::new(RichText::new(&text).size(LABEL).color(tokens(ui).negative)).wrap());
            named(line, Role::Label, &text);
        }
    }
    let split = &plan.split;
    let names: Vec<String> = plan.columns.iter().map(|c| c.name.clone()).collect();
    field(ui, "Split", "What decides whether a row trains, validates or tests", |ui| {
        let any = || names.first().cloned().unwrap_or_default();
        let all =
            [SplitBy::Random, SplitBy::Order, SplitBy::Time(any()), SplitBy::Group(any()), SplitBy::Column(any())];
        let same = |a: usize, b: usize| a == b;
        let now = all.iter().position(|b| std::mem::discriminant(b) == std::mem::discriminant(&split.by)).unwrap_or(0);
        if let Some(k) = choice(ui, "Split", now, 0..all.len(), |k| all[k].label().to_owned(), same) {
            let by = all[k].clone();
            model.edit_preparation("Change split", None, |p| p.split.by = by);
        }
    });
    if let Some(column) = split.by.column() {
        field(ui, "Column", "The column that decides", |ui| {
            let now = names.iter().position(|n| n == column).unwrap_or(0);
            let chosen =
                choice(ui, "Column of the split", now, 0..names.len().min(2000), |k| names[k].clone(), |a, b| a == b);
            if let Some(name) = chosen.map(|k| names[k].clone()) {
                model.edit_preparation("Change split", None, |p| {
                    p.split.by = match &p.split.by {
                        SplitBy::Time(_) => SplitBy::Time(name),
                        SplitBy::Group(_) => SplitBy::Group(name),
                        _ => SplitBy::Column(name),
                    };
                });
            }
        });
    }
    if !matches!(split.by, SplitBy::Column(_)) {
        for (name, value, key) in [("Validation", split.validation, 1), ("Test", split.test, 2)] {
            field(ui, name, "Share of the rows that is held out", |ui| {
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
    }
    if matches!(split.by, SplitBy::Random | SplitBy::Group(_)) {
        field(ui, "Seed", "Another seed gives another random split", |ui| {
            if let Some(v) = number(ui, "Split seed", split.seed, 0..=9999, 0.1) {
                model.edit_preparation("Change split", Some(3), |p| p.split.seed = v);
            }
        });
    }
    let classes = model.dataset().is_some_and(|d| matches!(d.target(), Targets::Classes { .. }));
    if classes && split.by == SplitBy::Random {
        let mut stratify = split.stratify;
        if ui
            .checkbox(&mut stratify, "Stratify")
            .on_hover_text("Keeps the class proportions the same in all parts")
            .changed()
        {
            model.edit_preparation("Change split", None, |p| p.split.stratify = stratify);
        }
    }
}

/// Room for a count and a share.
const NUMBERS: f32 = 108.0;

/// How many rows each class has.
fn balance(ui: &mut Ui, data: &Dataset) {
    let Targets::Classes { names, labels } = data.target() else { return };
    let t = tokens(ui);
    ui.label(title("Class balance"));
    let mut counts = vec![0_usize; names.len()];
    for &l in labels.iter() {
        counts[l as usize] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1) as f32;
    for (k, (name, &count)) in names.iter().zip(&counts).enumerate().take(20) {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 18.0), Sense::hover());
        let share = format::percent(count as f64 / labels.len().max(1) as f64, 0);
        named(response, Role::Label, &format!("{name}: {count} rows, {share}"));
        let bar = Rect::from_min_size(
            rect.min + vec2(84.0, 3.0),
            vec2((rect.width() - 84.0 - NUMBERS) * count as f32 / most, 12.0),
        );
        ui.painter().rect_filled(bar, 3.0, t.class(k));
        let font = regular(LABEL);
        let clip = ui.painter().with_clip_rect(Rect::from_min_size(rect.min, vec2(78.0, 18.0)));
        clip.text(rect.left_center(), egui::Align2::LEFT_CENTER, name, font.clone(), t.text);
        let text = format!("{} · {share}", format::count(count as u128));
        ui.painter().text(pos2(rect.right(), rect.center().y), egui::Align2::RIGHT_CENTER, text, font, t.label);
    }
    if names.len() > 20 {
        ui.label(hint(ui, format!("{} more classes", names.len() - 20)));
    }
}
