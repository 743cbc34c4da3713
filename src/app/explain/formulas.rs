//! The card of formulas: the stop that is on screen, or the chain of one weight.

use super::super::math::{self, Style};
use super::super::theme::{HINT, LABEL, TITLE, Tokens, regular, semibold};
use super::super::widgets::{label, segmented};
use super::super::{icon, widgets};
use super::current::Current;
use super::quiz::Secret;
use super::sketch;
use crate::app::widgets::FollowFocus as _;
use crate::explain::{Chain, Culprit, Math, Place, Trace, chain, parameter_name};
use crate::format;
use egui::{Align2, Layout, Rect, RichText, ScrollArea, Sense, TextStyle, Ui, vec2};

/// What the card shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Card {
    #[default]
    Step,
    Chain,
}

/// View state of the card.
#[derive(Default)]
pub struct Formulas {
    pub card: Card,
    /// The weight whose chain and curve are shown.
    pub weight: Option<usize>,
    /// The number under the pointer.
    pub lit: Option<Place>,
}

/// A card of this width fills the workspace, and words in it are as large as this.
const ENLARGED: f32 = 900.0;
const LARGE: f32 = 18.0;

/// Size of the formulas, where there is room for more.
fn size(ui: &Ui) -> f32 {
    (ui.available_width() / 38.0).clamp(14.5, 24.0)
}

impl Formulas {
    /// Draws the card; `secret` is the number that must not be seen yet, `covered` says instead of the chain why that is not
    /// shown yet, `check` the gradient of the weight by the chain rule and
    /// by central differences, where both are known.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        current: &Current,
        secret: Option<Secret>,
        covered: Option<&str>,
        check: impl Fn(usize) -> Option<(f64, f64)>,
        t: &Tokens,
    ) {
        ui.horizontal(|ui| {
            let choices = [
                (Card::Step, "this stop", "The formula of what is lit, in symbols and with its numbers"),
                (Card::Chain, "chain rule for one weight", "Every factor from the loss down to one weight"),
            ];
            segmented(ui, &mut self.card, &choices);
            let name = match self.card {
                Card::Step => current.explanation.as_ref().map(|e| e.title.clone()),
                Card::Chain => self.weight.map(|w| parameter_name(&current.recorded.trace, w)),
            };
            ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                let text = RichText::new(name.unwrap_or_default()).size(LABEL).color(t.label);
                ui.add(egui::Label::new(text).truncate());
            });
        });
        self.lit = None;
        ScrollArea::vertical().id_salt("formulas").auto_shrink(false).show_with_focus(ui, |ui| {
            if ui.available_width() > ENLARGED {
                ui.style_mut().text_styles.insert(TextStyle::Body, regular(LARGE));
            }
            match self.card {
                Card::Step => self.step_card(ui, current, secret, t),
                Card::Chain if covered.is_some() => {
                    ui.add_space(8.0);
                    ui.add(egui::Label::new(label(ui, covered.unwrap_or_default())).wrap());
                }
                Card::Chain => self.chain_card(ui, current, check, t),
            }
        });
    }

    fn step_card(&mut self, ui: &mut Ui, current: &Current, secret: Option<Secret>, t: &Tokens) {
        let Some(explanation) = &current.explanation else {
            ui.add_space(8.0);
            ui.label(label(ui, "Nothing happens here in this phase."));
            return;
        };
        let hidden: Vec<Place> = secret.into_iter().filter_map(|s| s.place).collect();
        let style = Style { size: size(ui), colours: t, signed: true, hidden: &hidden };
        let mut chosen = None;
        for (k, line) in explanation.lines.iter().enumerate() {
            ui.add_space(4.0);
            let mut parts = Vec::new();
            if let Some(numbers) = &line.numbers {
                parts.push(Math::Text("=".to_owned()));
                match numbers {
                    Math::Row(row) => parts.extend(row.iter().cloned()),
                    other => parts.push(other.clone()),
                }
            }
            parts.push(Math::Text("=".to_owned()));
            // A line before may end with the very number that is asked for: the loss of a single row.
            let asked = secret.is_some_and(|s| k + 1 == explanation.lines.len() || s.reads_like(line.result));
            parts.push(if asked {
                Math::Text("?".to_owned())
            } else {
                Math::Number { value: line.result, place: line.place }
            });
            // Symbols and numbers on one line if they fit, else one below the other.
            let numbers = Math::Row(parts);
            let room = ui.available_width() - math::width(ui, &line.symbols, style);
            let (over, clicked) = if math::width(ui, &numbers, style) < room {
                let both = [line.symbols.clone(), numbers].map(|m| match m {
                    Math::Row(parts) => parts,
                    other => vec![other],
                });
                math::show(ui, &Math::Row(both.concat()), style)
            } else {
                math::show(ui, &line.symbols, Style { signed: false, ..style });
                ui.add_space(1.0);
                math::show(ui, &numbers, style)
            };
            self.lit = self.lit.or(over);
            if clicked {
                chosen = over;
            }
        }
        ui.add_space(8.0);
        ui.separator();
        // The picture first: where not all of it fits, words are what one scrolls for.
        if secret.is_none() {
            sketch::ui(ui, &current.recorded.trace, current.stop, explanation.unit, current.sample, t);
            ui.add_space(6.0);
        }
        ui.label(RichText::new("In words").font(semibold(LABEL)).color(t.label));
        let words = if secret.is_some() { "Say what comes out, then read why." } else { explanation.words.as_str() };
        ui.add(egui::Label::new(words).wrap());
        if let Some(Place::Parameter { index, .. } | Place::ParameterGradient { index, .. }) = chosen {
            self.weight = Some(index);
            self.card = Card::Chain;
        }
    }

    fn chain_card(&mut self, ui: &mut Ui, current: &Current, check: impl Fn(usize) -> Option<(f64, f64)>, t: &Tokens) {
        let trace = &current.recorded.trace;
        let Some(chain) = self.weight.and_then(|w| chain(trace, w, current.sample)) else {
            ui.add_space(8.0);
            ui.label(label(ui, "No gradient reaches this weight, or it is inside a layer that is more than a weighted sum. Click a line between two neurons."));
            return;
        };
        ui.add_space(6.0);
        if chain.ways > 1 {
            Self::sum_over_paths(ui, &chain, trace.rows.len(), t);
        }
        self.factors(ui, trace, &chain, t);
        ui.add_space(6.0);
        ui.separator();
        ui.add(egui::Label::new(in_words(&chain, trace.rows.len())).wrap());
        if let Some((slope, difference)) = check(chain.index) {
            ui.add_space(4.0);
            checked(ui, slope, difference, t);
        }
    }

    /// The derivative as what it is: a sum over paths.
    fn sum_over_paths(ui: &mut Ui, chain: &Chain, rows: usize, t: &Tokens) {
        let style = Style { size: size(ui) + 1.0, colours: t, signed: false, hidden: &[] };
        let paths = format!("{} paths", format::count(u128::from(chain.ways)));
        let mut parts = vec![chain.symbols.clone()];
        // Of a mini-batch the loss is a mean, to which each row gives its part.
        parts.extend((rows > 1).then(|| Math::Text("by this row".to_owned())));
        parts.extend([
            Math::Text("=".to_owned()),
            Math::Sum(Box::new(Math::Text(paths))),
            Math::Text("products of local derivatives".to_owned()),
            Math::Text("=".to_owned()),
            Math::Number { value: chain.of_sample, place: None },
        ]);
        math::show(ui, &Math::Row(parts), style);
        ui.add_space(4.0);
    }

    /// The factors side by side, each with its value and its name, wrapped to the width.
    fn factors(&mut self, ui: &mut Ui, trace: &Trace<f32>, chain: &Chain, t: &Tokens) {
        let style = Style { size: size(ui) + 1.0, colours: t, signed: true, hidden: &[] };
        let wide = style.size * 5.9;
        let beside = ((ui.available_width() / wide) as usize).max(1);
        let cells = chain.factors.len() + 1;
        let height = style.size * 7.1;
        let lines = cells.div_ceil(beside);
        let (area, _) = ui.allocate_exact_size(vec2(ui.available_width(), height * lines as f32), Sense::hover());
        for k in 0..cells {
            let corner = area.min + vec2((k % beside) as f32 * wide, (k / beside) as f32 * height);
            let sign = match k {
                0 => "",
                1 => "=",
                _ => "·",
            };
            let place = corner + vec2(0.0, style.size * 1.25);
            ui.painter().text(place, Align2::LEFT_CENTER, sign, regular(TITLE), t.label);
            let inset = if k == 0 { 0.0 } else { 14.0 };
            let cell = Rect::from_min_size(corner + vec2(inset, 0.0), vec2(wide - inset - 2.0, height));
            widgets::at(ui, cell, Layout::top_down(egui::Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 3.0;
                let Some(factor) = k.checked_sub(1).map(|k| &chain.factors[k]) else {
                    // The derivative is a sum where several paths lead to the loss; the factors are those of one of them.
                    let value =
                        |ui: &mut Ui, v: f64| ui.label(RichText::new(format::number(v)).font(semibold(TITLE - 1.0)));
                    match chain.share() {
                        None => {
                            math::caption(ui, &chain.symbols, style.size);
                            value(ui, chain.product);
                            if trace.rows.len() > 1 {
                                ui.label(RichText::new("by this row").size(HINT).color(t.label));
                            }
                        }
                        Some(share) => {
                            ui.label(RichText::new("strongest path").size(HINT).color(t.label));
                            ui.add_space(style.size * 1.1);
                            value(ui, chain.product);
                            let text = format!("{} of sum", format::percent(share, 0));
                            ui.add(egui::Label::new(RichText::new(text).size(HINT).color(t.label)).truncate());
                        }
                    }
                    return;
                };
                math::caption(ui, &factor.symbols, style.size);
                let number = Math::Number { value: factor.value, place: factor.place };
                let (over, _) = math::show(ui, &number, Style { size: TITLE - 1.0, ..style });
                self.lit = self.lit.or(over);
                let (text, colour) = match factor.culprit {
                    Some(Culprit::Vanishes) => ("it vanishes here".to_owned(), t.problem),
                    Some(Culprit::Explodes) => ("it explodes here".to_owned(), t.problem),
                    None => (factor.name.clone(), t.label),
                };
                let quiet =
                    |text: String, colour| egui::Label::new(RichText::new(text).size(HINT).color(colour)).truncate();
                ui.add(quiet(text, colour)).on_hover_text(&factor.name);
                let layer = trace.spec.name(factor.layer);
                let text = trace.layer_number(factor.layer).map_or_else(|| layer.clone(), |n| format!("({n}) {layer}"));
                ui.add(quiet(text, t.hint)).on_hover_text("The layer, with its number as it stands above z and a");
            });
        }
    }
}

/// The gradient beside its check.
fn checked(ui: &mut Ui, slope: f64, difference: f64, t: &Tokens) {
    let apart = (slope - difference).abs();
    let fine = apart <= 1e-3 * slope.abs().max(difference.abs()).max(1e-3);
    let (glyph, colour) = if fine { (icon::OK, t.ok) } else { (icon::WARNING, t.problem) };
    let text = format!(
        "Chain rule {}, finite difference {}, apart by {}",
        format::number(slope),
        format::number(difference),
        format::number(apart)
    );
    ui.horizontal(|ui| {
        ui.label(RichText::new(glyph).size(15.0).color(colour));
        ui.add(egui::Label::new(RichText::new(text).size(LABEL)).wrap());
    });
}

fn in_words(chain: &Chain, rows: usize) -> String {
    let names: Vec<&str> = chain.factors.iter().filter(|f| f.culprit.is_some()).map(|f| f.name.as_str()).collect();
    let mut words = vec![match chain.ways {
        0 | 1 => "This is the only path from the weight to the loss.".to_owned(),
        n => format!(
            "{} paths lead from this weight to the loss, and the derivative is the sum over them; the factors are those of the strongest, which contributes {} of {} for this row.",
            format::count(u128::from(n)),
            format::number(chain.product),
            format::number(chain.of_sample)
        ),
    }];
    let negative = chain.factors.iter().filter(|f| f.value < 0.0).count();
    if chain.product != 0.0 {
        let sign = if negative % 2 == 0 { "positive" } else { "negative" };
        let are = if negative == 1 { "factor is" } else { "factors are" };
        words.push(format!("{negative} {are} negative, so the product is {sign}."));
    } else if let Some(zero) = chain.factors.iter().find(|f| f.value == 0.0) {
        words.push(format!("One factor ({}) is zero, so the product is zero.", zero.name));
    }
    if rows > 1 {
        words.push(format!("Over all {rows} rows the gradient is {}.", format::number(chain.total)));
    }
    if let Some(name) = names.first() {
        words.push(format!("Most is lost or gained at the {name}."));
    }
    words.join(" ")
}
