//! Columns that look like numbers in a notation that nothing here reads, which is said.

use super::column::Job;
use super::dates;
use super::survey::Survey;
use super::words::names_places;
use crate::read::Note;
use crate::table::Text;
use chainrule_common::format;

/// A longer text is not looked at.
const LONGEST: usize = 24;
/// Levels that show whether it is worth while to look at all of them.
const SAMPLED: usize = 400;

/// Whether a cell begins with digits, has few letters, and is neither a code nor a date.
fn looks_like_number(cell: &str) -> bool {
    let bare = cell.trim_start_matches(|c: char| "+-<>≤≥~≈=± $€£¥".contains(c));
    if cell.chars().count() > LONGEST || !bare.starts_with(|c: char| c.is_ascii_digit()) || dates::read(cell).is_some()
    {
        return false;
    }
    let digits = cell.chars().filter(char::is_ascii_digit).count();
    let letters = cell.chars().filter(|c| c.is_alphabetic()).count();
    let groups: Vec<&str> = cell.split(|c: char| !c.is_ascii_digit()).filter(|g| !g.is_empty()).collect();
    let is_code = groups.first().is_some_and(|group| group.len() > 1 && group.starts_with('0'));
    // Versions, addresses and telephone numbers; letters between digits.
    let often = |sign: char| cell.matches(sign).count() > 1;
    let between = cell.split_whitespace().any(|word| {
        let kinds: Vec<bool> = word.chars().filter(|c| c.is_alphanumeric()).map(|c| c.is_ascii_digit()).collect();
        kinds.windows(2).filter(|pair| pair[0] != pair[1]).count() > 1
    });
    // What joins two numbers is a range, if the second is larger; years that follow each other are none.
    let range = match (&groups[..], cell.contains(['-', '/', '–'])) {
        ([a, b], true) => {
            let (a, b) = (a.parse::<u64>().unwrap_or(0), b.parse::<u64>().unwrap_or(0));
            a < b && !(1500..=2200).contains(&a)
        }
        _ => true,
    };
    letters <= digits.max(2) && !is_code && !['.', ':', '-', '/'].into_iter().any(often) && !between && range
}

impl Job<'_> {
    /// That most cells of a column of text look like numbers.
    pub(super) fn unread(&self, text: &Text, survey: &Survey) -> Option<Note> {
        let levels = text.levels();
        if self.reading.kind.is_some() || names_places(&self.column.name) {
            return None;
        }
        let used = || levels.iter().zip(&survey.counts).filter(|(l, n)| **n > 0 && !self.words.has(l));
        // Most columns show by their first levels that they are words.
        let (mut seen, mut such) = (0, 0);
        for (level, _) in used().take(SAMPLED) {
            seen += 1;
            such += usize::from(looks_like_number(level));
        }
        if such * 10 <= seen * 7 {
            return None;
        }
        let all: usize = used().map(|(_, n)| n).sum();
        let fit: usize = used().filter(|(l, _)| looks_like_number(l)).map(|(_, n)| n).sum();
        if all < 3 || fit * 10 <= all * 8 {
            return None;
        }
        let row = (0..text.len()).find(|&row| text.get(row).is_some_and(looks_like_number))?;
        let note = format!(
            "\"{}\" was kept as text: {fit} of {} look like numbers in a notation that is not read, the first in row {} \"{}\".",
            self.column.name,
            format::counted(text.len(), "cell"),
            row + 1,
            text.get(row).unwrap_or_default()
        );
        Some(note.into())
    }
}

#[cfg(test)]
mod tests {
    use super::looks_like_number;

    #[test]
    fn numbers_are_told_from_codes_and_words() {
        for cell in
            ["10,000+", "3½", "5 (3)", "12 ± 3", "10-20", "5'11\"", "<10", "12/20", "1st", "25:30", "1.5x", "~40"]
        {
            assert!(looks_like_number(cell), "{cell}");
        }
        for cell in [
            "1.2.3",
            "192.168.0.1",
            "555-123-4567",
            "4x4",
            "12 Main Street",
            "2019/20",
            "3f2a9c",
            "030-12",
            "2024-01-01",
            "x5",
            "",
        ] {
            assert!(!looks_like_number(cell), "{cell}");
        }
    }
}
