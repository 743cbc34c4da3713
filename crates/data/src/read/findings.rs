//! What is odd about the lines of a text, and how it is told.

use super::dialect::Row;
use super::footer::Footer;
use super::layout::{tell_footer, were};
use super::lines::Tally;
use super::options::{Note, ReadOptions};

/// What is odd about some lines.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Rows with fewer cells than most.
    pub short: Tally,
    /// Rows with more, and how many cells the first has.
    pub long: Tally,
    pub longest: usize,
    /// Rows of separators only.
    pub empty: Tally,
    /// Rows that repeat the names.
    pub repeated: Tally,
    /// Cells with bytes that are no text.
    pub replaced: Tally,
    /// Records with a quote that swallows rows, and records whose quotes are in order though each of their lines is a row.
    pub stray: Tally,
    pub spanned: Tally,
    /// Quotes that became plain characters, and NUL bytes that were left out.
    pub mended: Tally,
    pub nul: Tally,
    pub footer: Footer,
}

impl Findings {
    /// Adds those of a later part, which begins behind `lines` lines.
    pub fn merge(&mut self, later: &Self, lines: usize) {
        if self.long.count == 0 {
            self.longest = later.longest;
        }
        self.short.merge(later.short, lines);
        self.long.merge(later.long, lines);
        self.empty.merge(later.empty, lines);
        self.repeated.merge(later.repeated, lines);
        self.replaced.merge(later.replaced, lines);
        self.stray.merge(later.stray, lines);
        self.spanned.merge(later.spanned, lines);
    }

    pub fn tell(&self, notes: &mut Vec<Note>, header: Option<&Row>, cells: usize, options: &ReadOptions) {
        tell_footer(notes, &self.footer, options);
        let first = |tally: Tally| match tally.count {
            1 => format!("line {}", tally.first),
            _ => format!("the first in line {}", tally.first),
        };
        let rows =
            |tally: Tally| if tally.count == 1 { "1 row has".to_owned() } else { format!("{} rows have", tally.count) };
        if self.short.count > 0 {
            let text = format!(
                "{} fewer cells than the {cells} of most ({}): what is missing there became gaps.",
                rows(self.short),
                first(self.short)
            );
            notes.push(text.into());
        }
        if self.long.count > 0 {
            let text = format!(
                "{} more cells than the {cells} of most ({}): what stands beyond the last column was left out.",
                rows(self.long),
                first(self.long)
            );
            notes.push(Note::from(text).offering("Refuse such rows", options, |o| o.cut_long_rows = None));
        }
        if self.empty.count > 0 {
            notes.push(
                format!(
                    "{} nothing but separators ({}) and {} left out.",
                    rows(self.empty),
                    first(self.empty),
                    if self.empty.count == 1 { "was" } else { "were" }
                )
                .into(),
            );
        }
        if let Some(header) = header.filter(|_| self.repeated.count > 0) {
            let names: Vec<String> = header.cells.iter().take(5).map(|c| format!("\"{}\"", c.trim())).collect();
            let text = format!(
                "{} the names of the header again, {} ({}), and {} left out.",
                rows(self.repeated).replace("has", "holds").replace("have", "hold"),
                names.join(", "),
                first(self.repeated),
                if self.repeated.count == 1 { "was" } else { "were" }
            );
            notes.push(text.into());
        }
        if self.nul.count > 0 {
            let text = format!(
                "{} left out, as damaged files have them ({}).",
                were(self.nul.count, "NUL byte"),
                first(self.nul)
            );
            notes.push(text.into());
        }
        if self.mended.count > 0 {
            let text = format!(
                "{} a quote that does not close where a cell ends ({}). It was read as a plain character, since it would swallow the rows below.",
                if self.mended.count == 1 {
                    "1 line has".to_owned()
                } else {
                    format!("{} lines have", self.mended.count)
                },
                first(self.mended)
            );
            let note =
                Note::from(text).offering("All quotes are plain characters", options, |o| o.quotes = Some(false));
            notes.push(note.offering("Follow the quotes", options, |o| o.quotes = Some(true)));
        }
        if self.spanned.count > 0 && options.quotes.is_none() {
            let text = format!(
                "{} a cell in quotes over several lines of which each looks like a row ({}).",
                rows(self.spanned),
                first(self.spanned)
            );
            notes.push(Note::from(text).offering("Quotes are plain characters", options, |o| o.quotes = Some(false)));
        }
    }

    /// Notes a row of `cells` cells that has `rest` behind its last column, unless that is empty.
    pub fn too_long(&mut self, line: usize, cells: usize, rest: &[u8], separator: u8) {
        if rest.iter().all(|&b| b == separator || b == b' ') {
            return;
        }
        if self.long.count == 0 {
            self.longest = cells;
        }
        self.long.add(line);
    }
}
