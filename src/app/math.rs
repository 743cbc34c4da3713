//! Typesetting of formulas: fractions, indices, sums and roots, in the mathematics font, at any size.

use super::theme::{self, Tokens, math_font, semibold};
use crate::explain::{Math, Place};
use crate::format;
use egui::{Color32, Galley, Pos2, Rect, Response, Sense, Stroke, Ui, Vec2, pos2, vec2};
use std::borrow::Cow;
use std::sync::Arc;

/// How a formula is set.
#[derive(Clone, Copy)]
pub struct Style<'a> {
    pub size: f32,
    pub colours: &'a Tokens,
    /// Numbers in the colours of their sign.
    pub signed: bool,
    /// Numbers that are shown as a question mark.
    pub hidden: &'a [Place],
}

enum Piece {
    Text(Arc<Galley>, Color32),
    Line(Vec2, f32),
    Stroke(Vec<Vec2>),
    /// A number that can be pointed at, and what it is called.
    Link(Vec2, Place, String),
}

/// A typeset part: its box around a baseline, and what is drawn in it.
struct Set {
    width: f32,
    /// Above and below the baseline.
    up: f32,
    down: f32,
    pieces: Vec<(Vec2, Piece)>,
}

impl Set {
    fn empty() -> Self {
        Self { width: 0.0, up: 0.0, down: 0.0, pieces: Vec::new() }
    }

    /// Puts another piece at a place relative to this one's baseline.
    fn put(&mut self, at: Vec2, other: Self) {
        self.up = self.up.max(other.up - at.y);
        self.down = self.down.max(other.down + at.y);
        self.pieces.extend(other.pieces.into_iter().map(|(p, piece)| (p + at, piece)));
    }

    fn append(&mut self, gap: f32, other: Self) {
        let at = self.width + gap;
        self.width = at + other.width;
        self.put(vec2(at, 0.0), other);
    }
}

/// How wide a formula is on one line.
pub fn width(ui: &Ui, math: &Math, style: Style<'_>) -> f32 {
    let math = shown(math, style.hidden);
    let parts = match math.as_ref() {
        Math::Row(parts) => flat(parts),
        other => vec![other.clone()],
    };
    parts.iter().map(|part| set(ui, part, style).width + style.size * GAP).sum()
}

/// The formula as it is shown: hidden numbers have no brackets, which only negative ones have.
fn shown<'a>(math: &'a Math, hidden: &[Place]) -> Cow<'a, Math> {
    if hidden.is_empty() { Cow::Borrowed(math) } else { Cow::Owned(veiled(math, hidden, &Math::clone)) }
}

/// A formula in which `cover` stands for each hidden number, without the brackets that only negative numbers have.
fn veiled(math: &Math, hidden: &[Place], cover: &impl Fn(&Math) -> Math) -> Math {
    let is_hidden = |math: &Math| matches!(math, Math::Number { place: Some(place), .. } if hidden.contains(place));
    let again = |math: &Math| veiled(math, hidden, cover);
    match math {
        number if is_hidden(number) => cover(number),
        Math::Row(parts) => match &parts[..] {
            [Math::Text(open), number, Math::Text(close)] if open == "(" && close == ")" && is_hidden(number) => {
                cover(number)
            }
            parts => Math::Row(parts.iter().map(again).collect()),
        },
        Math::Fraction(over, under) => Math::Fraction(Box::new(again(over)), Box::new(again(under))),
        Math::Below(base, index) => Math::Below(Box::new(again(base)), Box::new(again(index))),
        Math::Above(base, exponent) => Math::Above(Box::new(again(base)), Box::new(again(exponent))),
        Math::Sum(over) => Math::Sum(Box::new(again(over))),
        Math::Root(of) => Math::Root(Box::new(again(of))),
        Math::Symbol(_) | Math::Text(_) | Math::Number { .. } => math.clone(),
    }
}

/// Space between the parts of a line, in sizes of the letters.
const GAP: f32 = 0.28;

/// Draws a formula, wrapped to the available width; returns the number under the pointer, and whether it was clicked.
pub fn show(ui: &mut Ui, math: &Math, style: Style<'_>) -> (Option<Place>, bool) {
    let lines = lines(ui, math, style, ui.available_width());
    let said = if style.hidden.is_empty() {
        math.plain()
    } else {
        veiled(math, style.hidden, &|_| Math::Text("?".to_owned())).plain()
    };
    let width = lines.iter().map(|l| l.width).fold(0.0, f32::max);
    let between = style.size * 0.35;
    let height: f32 = lines.iter().map(|l| l.up + l.down).sum::<f32>() + between * (lines.len() - 1) as f32;
    let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::hover());
    super::widgets::named(response, egui::accesskit::Role::Label, &said);
    let mut found = (None, false);
    let mut top = rect.top();
    for line in lines {
        let base = pos2(rect.left(), top + line.up);
        top += line.up + line.down + between;
        if let Some((place, response)) = paint(ui, base, line, style) {
            found = (Some(place), response.clicked());
        }
    }
    found
}

/// The lines of a formula that is wrapped at a width.
fn lines(ui: &Ui, math: &Math, style: Style<'_>, room: f32) -> Vec<Set> {
    let math = shown(math, style.hidden);
    let parts = match math.as_ref() {
        Math::Row(parts) => flat(parts),
        other => vec![other.clone()],
    };
    let gap = style.size * GAP;
    let mut lines = vec![Set::empty()];
    for part in &parts {
        let set = set(ui, part, style);
        let line = lines.last_mut().expect("there is one");
        if line.width > 0.0 && line.width + gap + set.width > room {
            lines.push(Set::empty());
        }
        let line = lines.last_mut().expect("there is one");
        let gap = if line.width > 0.0 { gap } else { 0.0 };
        line.append(gap, set);
    }
    lines
}

/// A mark on paper, relative to its position; a text starts on its baseline.
pub enum Mark {
    Text { text: String, font: egui::FontId, colour: Color32 },
    Line { to: Vec2, width: f32, colour: Color32 },
}

/// A line of a formula: its size, and its marks around the beginning of its baseline.
pub struct Printed {
    pub width: f32,
    pub up: f32,
    pub height: f32,
    pub marks: Vec<(Vec2, Mark)>,
}

/// A formula for paper, wrapped at a width.
pub fn marks(ui: &Ui, math: &Math, style: Style<'_>, room: f32) -> Vec<Printed> {
    let ink = style.colours.text;
    let print = |set: Set| {
        let mut marks = Vec::new();
        for (at, piece) in set.pieces {
            match piece {
                Piece::Text(galley, colour) => {
                    let up = baseline(&galley);
                    let font = galley.job.sections.first().map(|s| s.format.font_id.clone()).unwrap_or_default();
                    let text = galley.job.text.clone();
                    marks.push((at + vec2(0.0, up), Mark::Text { text, font, colour }));
                }
                Piece::Line(to, width) => marks.push((at, Mark::Line { to, width, colour: ink })),
                Piece::Stroke(points) => {
                    let width = style.size * 0.06;
                    marks.extend(
                        points.windows(2).map(|p| (at + p[0], Mark::Line { to: p[1] - p[0], width, colour: ink })),
                    );
                }
                Piece::Link(..) => {}
            }
        }
        Printed { width: set.width, up: set.up, height: set.up + set.down, marks }
    };
    lines(ui, math, style, room).into_iter().map(print).collect()
}

/// How far below its top the first row of a text has its baseline.
fn baseline(galley: &Galley) -> f32 {
    galley.rows.first().and_then(|r| r.glyphs.first()).map_or(galley.size().y * 0.75, |g| g.pos.y)
}

/// The parts of a row with nested rows flattened, so that it can be wrapped anywhere.
fn flat(parts: &[Math]) -> Vec<Math> {
    parts
        .iter()
        .flat_map(|part| match part {
            // Bracketed numbers and short products stay together.
            Math::Row(inner) if inner.len() > 3 => flat(inner),
            other => vec![other.clone()],
        })
        .collect()
}

fn paint(ui: &mut Ui, base: Pos2, set: Set, style: Style<'_>) -> Option<(Place, Response)> {
    let t = style.colours;
    let mut found = None;
    for (at, piece) in set.pieces {
        let at = base + at;
        match piece {
            Piece::Text(galley, colour) => {
                ui.painter().galley(at, galley, colour);
            }
            Piece::Line(size, width) => {
                ui.painter().line_segment([at, at + size], Stroke::new(width, t.text));
            }
            Piece::Stroke(points) => {
                let points = points.into_iter().map(|p| at + p).collect();
                ui.painter().line(points, Stroke::new((style.size * 0.06).max(1.0), t.text));
            }
            Piece::Link(size, place, name) => {
                let rect = Rect::from_min_size(at, size);
                let response = ui.interact(rect, ui.scope_id().with((place, at.x as i32, at.y as i32)), Sense::click());
                let response = super::widgets::named(response, egui::accesskit::Role::Link, &name);
                let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
                if response.hovered() {
                    let line = Rect::from_min_max(pos2(rect.left(), rect.bottom() - 1.5), rect.max);
                    ui.painter().rect_filled(line, 0.0, t.accent);
                }
                // The pointer comes before the keyboard.
                if response.hovered() || response.clicked() || (response.has_focus() && found.is_none()) {
                    found = Some((place, response));
                }
            }
        }
    }
    found
}

fn glyphs(ui: &Ui, text: String, font: egui::FontId, colour: Color32) -> Set {
    let galley = ui.painter().layout_no_wrap(text, font, colour);
    let up = baseline(&galley);
    let size = galley.size();
    Set { width: size.x, up, down: size.y - up, pieces: vec![(vec2(0.0, -up), Piece::Text(galley, colour))] }
}

fn set(ui: &Ui, math: &Math, style: Style<'_>) -> Set {
    let t = style.colours;
    let size = style.size;
    match math {
        Math::Symbol(text) => glyphs(ui, italic(text), math_font(size * 1.1), t.text),
        Math::Text(text) => glyphs(ui, text.clone(), math_font(size * 1.05), t.text),
        Math::Number { value, place } => number(ui, *value, *place, style),
        Math::Row(parts) => {
            let mut all = Set::empty();
            for (i, part) in parts.iter().enumerate() {
                let tight = matches!(part, Math::Text(s) if s.starts_with([')', ',', '′']))
                    || (i > 0 && matches!(&parts[i - 1], Math::Text(s) if s.ends_with('(') || s.ends_with("′(")))
                    || (i > 0 && matches!((&parts[i - 1], part), (Math::Symbol(s), _) if s == "∂"))
                    || (i > 0
                        && matches!((&parts[i - 1], part), (Math::Symbol(_), Math::Text(s)) if s.starts_with('(')));
                let gap = if i == 0 || tight { 0.0 } else { size * 0.2 };
                all.append(gap, set(ui, part, style));
            }
            all
        }
        Math::Fraction(over, under) => {
            let (over, under) = (set(ui, over, style), set(ui, under, style));
            let width = over.width.max(under.width) + size * 0.24;
            let axis = -size * 0.3;
            let pad = size * 0.08;
            let mut all = Set::empty();
            all.width = width;
            let at = |w: f32| (width - w) / 2.0;
            all.put(vec2(at(over.width), axis - pad - over.down), over);
            all.put(vec2(at(under.width), axis + pad + under.up), under);
            all.pieces.push((vec2(0.0, axis), Piece::Line(vec2(width, 0.0), (size * 0.06).max(1.0))));
            all
        }
        Math::Above(base, exponent) if matches!(**base, Math::Below(..)) => {
            let Math::Below(letter, index) = base.as_ref() else { return Set::empty() };
            // One above the other.
            let small = Style { size: size * 0.72, ..style };
            let (mut all, index, exponent) = (
                set(ui, letter, style),
                set(ui, index, small),
                set(ui, exponent, Style { size: size * 0.62, ..style }),
            );
            let at = all.width + size * 0.03;
            all.width = at + index.width.max(exponent.width);
            all.put(vec2(at, size * 0.24), index);
            all.put(vec2(at, -size * 0.46), exponent);
            all
        }
        Math::Below(base, index) | Math::Above(base, index) => {
            let mut all = set(ui, base, style);
            let index = set(ui, index, Style { size: size * 0.72, ..style });
            let shift = if matches!(math, Math::Below(..)) { size * 0.24 } else { -size * 0.42 };
            let at = all.width + size * 0.03;
            all.width = at + index.width;
            all.put(vec2(at, shift), index);
            all
        }
        Math::Sum(over) => {
            let sign = glyphs(ui, "∑".to_owned(), math_font(size * 1.5), t.text);
            let below = set(ui, over, Style { size: size * 0.66, ..style });
            let width = sign.width.max(below.width);
            let mut all = Set::empty();
            all.width = width;
            let (x, y) = ((width - sign.width) / 2.0, size * 0.1);
            all.put(vec2(x, y), sign);
            let x = (width - below.width) / 2.0;
            all.put(vec2(x, size * 1.0), below);
            all
        }
        Math::Root(of) => {
            let of = set(ui, of, style);
            let lead = size * 0.55;
            let (up, down, width) = (of.up, of.down, of.width);
            let mut all = Set::empty();
            all.width = lead + width + size * 0.1;
            all.put(vec2(lead, 0.0), of);
            let roof = -up + size * 0.12;
            let points = vec![
                vec2(size * 0.05, -size * 0.2),
                vec2(size * 0.2, -size * 0.28),
                vec2(size * 0.34, down * 0.6),
                vec2(lead, roof),
                vec2(all.width, roof),
            ];
            all.pieces.push((Vec2::ZERO, Piece::Stroke(points)));
            all
        }
    }
}

fn number(ui: &Ui, value: f64, place: Option<Place>, style: Style<'_>) -> Set {
    let t = style.colours;
    let hidden = place.is_some_and(|place| style.hidden.contains(&place));
    let colour = match () {
        () if hidden => t.accent,
        () if !style.signed || value == 0.0 => t.text,
        () if value > 0.0 => t.positive,
        () => t.negative,
    };
    let text = if hidden { "?".to_owned() } else { format::number(value) };
    let mut all = glyphs(ui, text.clone(), semibold(style.size), colour);
    if let Some(place) = place {
        let at = vec2(0.0, -all.up);
        all.pieces.push((at, Piece::Link(vec2(all.width, all.up + all.down), place, text)));
    }
    all
}

/// Letters in italics, as for variables; other characters stay.
fn italic(text: &str) -> String {
    let shift = |c: char, from: char, to: u32| char::from_u32(to + (c as u32 - from as u32)).unwrap_or(c);
    text.chars()
        .map(|c| match c {
            'h' => 'ℎ',
            'a'..='z' => shift(c, 'a', 0x1d44e),
            'A'..='Z' => shift(c, 'A', 0x1d434),
            'α'..='ω' => shift(c, 'α', 0x1d6fc),
            '∂' => '\u{1d715}',
            other => other,
        })
        .collect()
}

/// A formula within a line of text of the same size, on its baseline.
pub fn inline(ui: &mut Ui, math: &Math, size: f32) {
    let style = Style { size, colours: theme::tokens(ui), signed: false, hidden: &[] };
    let set = set(ui, math, style);
    let text = glyphs(ui, "x".to_owned(), theme::regular(size), style.colours.text);
    // Indices fit into the height of a line, fractions do not.
    let flat = set.up < text.up * 1.7 && set.down < text.down * 4.0;
    let (up, down) = if flat { (text.up, text.down) } else { (set.up.max(text.up), set.down.max(text.down)) };
    let (rect, response) = ui.allocate_exact_size(vec2(set.width, up + down), Sense::hover());
    super::widgets::named(response, egui::accesskit::Role::Label, &math.plain());
    paint(ui, pos2(rect.left(), rect.top() + up), set, style);
}

/// A formula on one line, for headings.
pub fn caption(ui: &mut Ui, math: &Math, size: f32) -> Rect {
    let t = theme::tokens(ui);
    let set = set(ui, math, Style { size, colours: t, signed: false, hidden: &[] });
    let (rect, response) = ui.allocate_exact_size(vec2(set.width, set.up + set.down), Sense::hover());
    super::widgets::named(response, egui::accesskit::Role::Label, &math.plain());
    let base = pos2(rect.left(), rect.top() + set.up);
    let colours = Style { size, colours: t, signed: false, hidden: &[] };
    paint(ui, base, set, colours);
    rect
}

#[cfg(test)]
mod tests {
    use super::veiled;
    use crate::explain::{Math, Place};
    use crate::nn::math::{factor, row, text};

    #[test]
    fn brackets_do_not_tell_the_sign_of_a_hidden_number() {
        let cover = |_: &Math| Math::Text("?".to_owned());
        let said = |value: f64, hidden: &[Place]| {
            veiled(&row([text("2"), text("·"), factor(value, Place::Loss)]), hidden, &cover).plain()
        };
        assert_eq!(said(-0.5, &[]), "2 · ( −0.5000 )");
        assert_eq!(said(-0.5, &[Place::Loss]), "2 · ?");
        assert_eq!(said(0.5, &[Place::Loss]), "2 · ?");
    }
}
