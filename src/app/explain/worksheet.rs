//! A training step on paper: every formula with its numbers, blanks for the results, and a sheet of solutions, as PDF or SVG.

use super::super::math::{self, Mark, Style};
use super::super::theme::{PRINT, regular, semibold};
use super::assistant::Recorded;
use super::current::{Current, Units, all_stops, explanation};
use super::pdf::document;
use super::print_fonts::Face;
use crate::explain::{Depth, Explanation, Math, Place, Stop, Trace};
use crate::format;
use crate::nn::LayerId;
use crate::train::Phase;
use egui::{Color32, FontId, Pos2, Rect, Ui, Vec2, pos2, vec2};
use std::fmt::Write as _;

/// A4, in points.
const PAGE: Vec2 = vec2(595.0, 842.0);
const MARGIN: f32 = 48.0;
const BODY: f32 = 10.0;
const FORMULA: f32 = 11.5;
const BLANK: Vec2 = vec2(62.0, 16.0);
/// Stops of one phase that are printed.
const STOPS: usize = 60;
/// Rows and columns of the largest table of weights that is printed.
const TABLE: usize = 8;
const COLUMN: f32 = 60.0;

/// With blanks, or with the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    Students,
    Solutions,
}

/// Pages of marks, from the top left corner.
pub struct Sheet {
    pages: Vec<Vec<(Pos2, Mark)>>,
    y: f32,
}

/// Sets these stops of the step that is on screen; `shown` are the units of each layer that can be stopped at.
pub fn sheet(ui: &Ui, current: &Current, stops: &[Stop], shown: &Units, name: &str, edition: Edition) -> Sheet {
    let recorded = &*current.recorded;
    let trace = &recorded.trace;
    let mut sheet = Sheet { pages: vec![Vec::new()], y: MARGIN };
    let all = all_stops(trace, Depth::Neuron, shown);
    let explained = |phase: Phase| -> (Vec<Explanation>, usize) {
        let own: Vec<usize> = (0..all.len()).filter(|&i| all[i].phase == phase && stops.contains(&all[i])).collect();
        let explained = own.iter().take(STOPS).filter_map(|&i| explanation(trace, &all, i, current.sample, shown));
        let mut some: Vec<Explanation> = explained.collect();
        some.iter_mut().for_each(Explanation::link_results);
        (some, own.len().saturating_sub(STOPS))
    };
    let phases: Vec<_> =
        [Phase::Forward, Phase::Error, Phase::Backward, Phase::Update].into_iter().map(|p| (p, explained(p))).collect();
    // A result that is asked for is hidden in later formulas too.
    let asked: Vec<Place> =
        phases.iter().flat_map(|(_, (all, _))| all).flat_map(|e| &e.lines).filter_map(|l| l.place).collect();
    let hidden: &[Place] = if edition == Edition::Students { &asked } else { &[] };

    sheet.head(ui, recorded, current, name, edition);
    for (number, (phase, (explanations, more))) in phases.iter().enumerate() {
        sheet.room(90.0);
        sheet.y += 8.0;
        sheet.words(ui, &format!("{}  {}", number + 1, phase.label()), &semibold(14.0), PRINT.accent);
        for explanation in explanations.iter().filter(|e| !e.lines.is_empty()) {
            sheet.stop(ui, explanation, hidden, edition);
        }
        if *more > 0 {
            sheet.words(ui, &format!("and {more} more, in the same way"), &regular(BODY), PRINT.label);
        }
    }
    sheet.number_pages(name);
    sheet
}

/// Whether a stop has something to compute; the input layer has not.
pub fn tells(trace: &Trace<f32>, stop: &Stop) -> bool {
    let layer = stop.layer.and_then(|id| trace.spec.layer(id));
    layer.is_none_or(|l| stop.phase != Phase::Forward || !l.kind.is_input())
}

impl Sheet {
    fn mark(&mut self, at: Pos2, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push((at, mark));
        }
    }

    /// Starts a new page if `height` does not fit on this one.
    fn room(&mut self, height: f32) {
        if self.y + height > PAGE.y - MARGIN {
            self.pages.push(Vec::new());
            self.y = MARGIN;
        }
    }

    fn words(&mut self, ui: &Ui, words: &str, font: &FontId, colour: Color32) {
        let galley = ui.painter().layout(words.to_owned(), font.clone(), colour, PAGE.x - 2.0 * MARGIN);
        for row in &galley.rows {
            let up = row.glyphs.first().map_or(row.size.y * 0.75, |g| g.pos.y);
            self.room(row.size.y);
            let line: String = row.glyphs.iter().map(|g| g.chr).collect();
            let at = pos2(MARGIN, self.y + up);
            self.mark(at, Mark::Text { text: line, font: font.clone(), colour });
            self.y += row.size.y + 1.0;
        }
    }

    fn line(&mut self, from: Pos2, to: Pos2, width: f32, colour: Color32) {
        self.mark(from, Mark::Line { to: to - from, width, colour });
    }

    fn frame(&mut self, r: Rect, colour: Color32) {
        let corners = [r.left_top(), r.right_top(), r.right_bottom(), r.left_bottom()];
        for k in 0..4 {
            self.line(corners[k], corners[(k + 1) % 4], 0.7, colour);
        }
    }

    fn head(&mut self, ui: &Ui, recorded: &Recorded, current: &Current, name: &str, edition: Edition) {
        let (trace, data) = (&recorded.trace, &recorded.data);
        let names = data.encoder.feature_names();
        let what = if edition == Edition::Students { "Worksheet" } else { "Solutions" };
        self.words(ui, &format!("{what}: {name}"), &semibold(18.0), PRINT.text);
        let row = trace.rows[current.sample] as usize;
        let features: Vec<String> = (0..data.features().min(8))
            .map(|k| format!("{} = {}", names[k], format::number(f64::from(data.x[[row, k]]))))
            .collect();
        let more = if data.features() > 8 { ", …" } else { "" };
        let about = format!(
            "One training step by hand, on row {} of the data: {}{more}. Target: {}. Numbers are rounded to four figures, features are as they enter the network.",
            row + 1,
            features.join(", "),
            data.target().describe(row)
        );
        self.y += 2.0;
        self.words(ui, &about, &regular(BODY), PRINT.text);
        if edition == Edition::Students {
            let help = "Work out each box. A ? in a formula stands for a result of your own from further up.";
            self.words(ui, help, &regular(BODY), PRINT.label);
            self.y += 16.0;
            let (y, half) = (self.y, MARGIN + 300.0);
            for (label, from, to) in [("Name", MARGIN, half), ("Date", half + 16.0, PAGE.x - MARGIN)] {
                self.mark(pos2(from, y), Mark::Text { text: label.into(), font: regular(BODY), colour: PRINT.text });
                self.line(pos2(from + 32.0, y + 2.0), pos2(to, y + 2.0), 0.6, PRINT.label);
            }
            self.y += 12.0;
        }
        self.y += 6.0;
        self.figure(recorded);
        self.weights(ui, recorded);
    }

    /// Tables of what is known before the step.
    fn weights(&mut self, ui: &Ui, recorded: &Recorded) {
        let trace = &recorded.trace;
        let tensors: Vec<_> = trace.plan.parameters.iter().filter(|p| p.range.end <= trace.before.len()).collect();
        for parameter in tensors {
            let (rows, columns) = match parameter.shape.shape[..] {
                [n] => (1, n),
                [rows, columns] => (rows, columns),
                _ => continue,
            };
            let title = format!("{}: {}", trace.spec.name(parameter.layer), parameter.shape.name);
            if rows > TABLE || columns > TABLE {
                let text =
                    format!("{title}: {rows} × {columns} numbers, too many to print; formulas hold those they use");
                self.words(ui, &text, &regular(BODY), PRINT.label);
                continue;
            }
            self.room(16.0 * (rows as f32 + 1.0));
            self.words(ui, &title, &semibold(BODY), PRINT.text);
            for r in 0..rows {
                self.y += 12.0;
                for c in 0..columns {
                    let value = f64::from(trace.before[parameter.range.start + r * columns + c]);
                    let at = pos2(MARGIN + 10.0 + COLUMN * c as f32, self.y);
                    self.mark(at, Mark::Text { text: format::number(value), font: regular(BODY), colour: PRINT.text });
                }
            }
            self.y += 8.0;
        }
    }

    /// Sets a stop on one page, if it fits on one.
    fn stop(&mut self, ui: &Ui, explanation: &Explanation, hidden: &[Place], edition: Edition) {
        let (pages, marks, y) = (self.pages.len(), self.pages.last().map_or(0, Vec::len), self.y);
        self.set_stop(ui, explanation, hidden, edition);
        if self.pages.len() > pages && y > MARGIN {
            // It was split: once more, from the top of a page.
            self.pages.truncate(pages);
            if let Some(page) = self.pages.last_mut() {
                page.truncate(marks);
            }
            self.pages.push(Vec::new());
            self.y = MARGIN;
            self.set_stop(ui, explanation, hidden, edition);
        }
    }

    fn set_stop(&mut self, ui: &Ui, explanation: &Explanation, hidden: &[Place], edition: Edition) {
        self.y += 8.0;
        self.words(ui, &explanation.title, &semibold(BODY + 0.5), PRINT.text);
        let style = Style { size: FORMULA, colours: &PRINT, signed: false, hidden };
        for line in &explanation.lines {
            self.formula(ui, &line.symbols, style);
            let sign = || Math::Text("=".to_owned());
            let mut parts = vec![sign()];
            if let Some(numbers) = &line.numbers {
                parts.extend([numbers.clone(), sign()]);
            }
            let solved = edition == Edition::Solutions;
            if solved {
                parts.push(Math::Number { value: line.result, place: None });
            }
            let end = self.formula(ui, &Math::Row(parts), style);
            if !solved {
                let right = PAGE.x - MARGIN - BLANK.x;
                let corner = if end.x + 6.0 > right {
                    self.room(BLANK.y + 4.0);
                    self.y += BLANK.y + 2.0;
                    pos2(right, self.y - BLANK.y)
                } else {
                    pos2(end.x + 6.0, end.y - BLANK.y * 0.72)
                };
                self.frame(Rect::from_min_size(corner, BLANK), PRINT.label);
            }
        }
    }

    /// Sets a formula over as many lines as it needs; returns where its last line ends, on the baseline.
    fn formula(&mut self, ui: &Ui, formula: &Math, style: Style<'_>) -> Pos2 {
        let mut end = pos2(MARGIN, self.y);
        for line in math::marks(ui, formula, style, PAGE.x - 2.0 * MARGIN - 12.0) {
            self.room(line.height + 6.0);
            self.y += 4.0;
            let base = pos2(MARGIN + 12.0, self.y + line.up);
            for (at, mark) in line.marks {
                self.mark(base + at, mark);
            }
            end = base + vec2(line.width, 0.0);
            self.y += line.height;
        }
        end
    }

    /// The network as columns of units: their numbers are those of the formulas.
    fn figure(&mut self, recorded: &Recorded) {
        const SIDE: f32 = 11.0;
        const STEP: f32 = 15.0;
        const UNITS: usize = 8;
        let trace = &recorded.trace;
        let mut columns: Vec<(LayerId, usize)> = Vec::new();
        for &layer in &trace.plan.order {
            if let Some((_, a)) = trace.layer_values(layer) {
                columns.push((layer, a.nrows()));
            }
        }
        let wide = (PAGE.x - 2.0 * MARGIN) / columns.len().max(1) as f32;
        if columns.len() < 2 || wide < 30.0 {
            return;
        }
        let most = columns.iter().map(|(_, units)| (*units).min(UNITS)).max().unwrap_or(1) as f32;
        let height = most * STEP + 34.0;
        self.room(height);
        let (top, middle) = (self.y + 6.0, self.y + 6.0 + most * STEP / 2.0);
        let centre = |column: usize, unit: usize, units: usize| {
            let from = middle - units.min(UNITS) as f32 * STEP / 2.0;
            pos2(MARGIN + (column as f32 + 0.5) * wide, from + (unit as f32 + 0.5) * STEP)
        };
        for (to, &(layer, units)) in columns.iter().enumerate() {
            for source in trace.spec.inputs_of(layer) {
                let Some(from) = columns.iter().position(|(id, _)| *id == source) else { continue };
                let others = columns[from].1;
                for (a, b) in (0..others.min(UNITS)).flat_map(|a| (0..units.min(UNITS)).map(move |b| (a, b))) {
                    // A layer that only passes numbers on is joined unit by unit.
                    if others == units && others > 1 && !has_weights(trace, layer) && a != b {
                        continue;
                    }
                    let (a, b) = (centre(from, a, others), centre(to, b, units));
                    self.line(a + vec2(SIDE / 2.0, 0.0), b - vec2(SIDE / 2.0, 0.0), 0.3, PRINT.label);
                }
            }
        }
        for (column, &(layer, units)) in columns.iter().enumerate() {
            for unit in 0..units.min(UNITS) {
                let c = centre(column, unit, units);
                self.frame(Rect::from_center_size(c, Vec2::splat(SIDE)), PRINT.text);
                let text = (unit + 1).to_string();
                let at = c + vec2(-2.0 * text.len() as f32, 2.6);
                self.mark(at, Mark::Text { text, font: regular(7.0), colour: PRINT.text });
            }
            let number = trace.layer_number(layer).map_or_else(String::new, |n| format!("({n}) "));
            let more = if units > UNITS { format!(", {UNITS} of {units}") } else { String::new() };
            let fits = (wide / 4.6) as usize;
            let mut text = format!("{number}{}{more}", trace.spec.name(layer));
            if text.chars().count() > fits {
                text = text.chars().take(fits.saturating_sub(1)).chain(['…']).collect();
            }
            let at = pos2(MARGIN + column as f32 * wide + 2.0, top + most * STEP + 12.0);
            self.mark(at, Mark::Text { text, font: regular(8.0), colour: PRINT.label });
        }
        self.y += height;
    }

    /// The name and the number at the foot of every page.
    fn number_pages(&mut self, name: &str) {
        let all = self.pages.len();
        for (k, page) in self.pages.iter_mut().enumerate() {
            for (x, text) in [(MARGIN, name.to_owned()), (PAGE.x - MARGIN - 54.0, format!("Page {} of {all}", k + 1))] {
                page.push((pos2(x, PAGE.y - 26.0), Mark::Text { text, font: regular(8.5), colour: PRINT.label }));
            }
        }
    }

    /// Each page as SVG.
    pub fn svg(&self) -> Vec<Vec<u8>> {
        let page = |marks: &Vec<(Pos2, Mark)>| {
            let mut svg = format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}pt\" height=\"{1}pt\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
                PAGE.x, PAGE.y
            );
            for (Pos2 { x, y }, mark) in marks {
                // Writing to a string does not fail.
                match mark {
                    Mark::Text { text, font, colour } => {
                        let face = Face::of(font);
                        let safe = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                        writeln!(
                            svg,
                            "<text x=\"{x:.2}\" y=\"{y:.2}\" font-size=\"{:.2}\" {} fill=\"{}\" xml:space=\"preserve\">{safe}</text>",
                            font.size,
                            face.svg(),
                            hex(*colour)
                        )
                        .ok();
                    }
                    Mark::Line { to, width, colour } => {
                        let (x2, y2, colour) = (x + to.x, y + to.y, hex(*colour));
                        writeln!(svg, "<path d=\"M{x:.2} {y:.2} L{x2:.2} {y2:.2}\" stroke=\"{colour}\" stroke-width=\"{width:.2}\" stroke-linecap=\"square\"/>").ok();
                    }
                }
            }
            svg.push_str("</svg>\n");
            svg.into_bytes()
        };
        self.pages.iter().map(page).collect()
    }

    /// All pages as PDF.
    ///
    /// # Errors
    /// When a font of the program cannot be embedded.
    pub fn pdf(&self, ui: &Ui) -> Result<Vec<u8>, String> {
        document(ui, &self.pages, PAGE)
    }
}

fn has_weights(trace: &Trace<f32>, layer: LayerId) -> bool {
    trace.plan.parameters.iter().any(|p| p.layer == layer)
}

fn hex(c: Color32) -> String {
    format!("#{:02x}{:02x}{:02x}", c.r(), c.g(), c.b())
}
