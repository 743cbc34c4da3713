//! Tables that are drawn with signs, as databases print them and Markdown has them: lines such as `----+----` are no rows, and
//! bars at both ends of a line stand around it.

/// Lines that are looked at.
const LINES: usize = 200;
/// Dashes side by side that make a line of a drawing.
const DASHES: usize = 3;

/// The text with blank lines in place of those that draw, and without the bars around rows.
pub(super) fn without(text: &str, drawn: Drawn) -> String {
    let mut plain = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.trim() {
            own if is_drawing(own.as_bytes()) => {}
            own if drawn.framed => plain.push_str(&String::from_utf8_lossy(unframed(own.as_bytes()))),
            _ => plain.push_str(line.trim_end_matches(['\r', '\n'])),
        }
        plain.push('\n');
    }
    plain
}

/// How a table is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    /// Whether a bar stands before and behind each row.
    pub framed: bool,
}

/// Whether a line only draws: runs of dashes, with what stands between them.
pub(super) fn is_drawing(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let is_dash = |b: &u8| matches!(b, b'-' | b'=');
    let longest = line.split(|b| !is_dash(b)).map(<[u8]>::len).max().unwrap_or(0);
    // Between bars, or with colons that align, fewer will do.
    let fewest = if line.contains(&b':') { 1 } else { 2 };
    if longest < if line.starts_with(b"|") || line.starts_with(b"+") { fewest } else { DASHES } {
        return false;
    }
    let between = |b: &u8| matches!(b, b'+' | b'|' | b':' | b' ' | b'\t');
    // Between separators of another kind, each cell is a run of dashes.
    line.iter().all(|b| is_dash(b) || between(b))
        || [b',', b';'].into_iter().any(|separator| {
            line.contains(&separator)
                && line.split(|b| *b == separator).all(|cell| cell.len() > 1 && cell.iter().all(is_dash))
        })
}

/// A row without the bars around it.
pub(super) fn unframed(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"|").unwrap_or(line);
    line.strip_suffix(b"|").unwrap_or(line)
}

/// What was found of a drawing: how the table is drawn, how many of the first lines draw, and the first of them.
#[derive(Clone, Debug)]
pub(super) struct Drawing {
    pub drawn: Drawn,
    pub count: usize,
    /// Its number counted from 0, and what it is.
    pub first: (usize, String),
}

/// Looks for a table that is drawn. If it is not `known` to be, at least one of the first lines draws, and surely so.
pub(super) fn find(text: &str, known: bool) -> Option<Drawing> {
    let lines = || text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).take(LINES);
    let drawing = || lines().filter(|(_, line)| is_drawing(line.as_bytes()));
    let first = drawing().next();
    // One run of dashes is one below the names only.
    let is_sure = |line: &str| line.trim().contains(|c: char| !matches!(c, '-' | '='));
    let below_names = lines().nth(1).map(|(k, _)| k);
    let rows = || lines().filter(|(_, line)| !is_drawing(line.as_bytes()));
    let bars = rows().filter(|(_, line)| line.trim().starts_with('|') && line.trim().ends_with('|')).count();
    let bordered = first.is_some_and(|(_, line)| line.trim().starts_with(['+', '|']));
    let framed = bars > 0 && (bordered || bars * 10 >= rows().count() * 8);
    match first {
        _ if rows().next().is_none() => None,
        // Nothing but the bars.
        None if !known && framed && bars > 1 && bars == rows().count() => {
            Some(Drawing { drawn: Drawn { framed }, count: 0, first: (0, String::new()) })
        }
        Some((k, line)) if known || drawing().any(|(_, line)| is_sure(line)) || below_names == Some(k) => {
            Some(Drawing { drawn: Drawn { framed }, count: drawing().count(), first: (k, line.trim_end().to_owned()) })
        }
        _ => known.then(|| Drawing { drawn: Drawn { framed }, count: 0, first: (0, String::new()) }),
    }
}

/// Where cells begin below a line of dashes that blanks part, if the other lines have blanks before these places too.
pub(super) fn places(text: &str, line: &str) -> Option<Vec<usize>> {
    let is_run = |c: char| matches!(c, '-' | '=');
    if !line.chars().all(|c| is_run(c) || c == ' ') {
        return None;
    }
    let signs: Vec<char> = line.chars().collect();
    let starts: Vec<usize> =
        (0..signs.len()).filter(|&k| is_run(signs[k]) && (k == 0 || !is_run(signs[k - 1]))).collect();
    let fits = |row: &str| {
        let row: Vec<char> = row.chars().collect();
        starts.iter().skip(1).all(|&at| row.get(at - 1).is_none_or(|c| *c == ' ')) && !row.contains(&'\t')
    };
    let mut rows = text.lines().filter(|row| !row.trim().is_empty()).take(LINES);
    (starts.len() > 1 && starts[0] == 0 && rows.all(fits)).then_some(starts)
}

#[cfg(test)]
mod tests {
    use super::{find, is_drawing, unframed};

    #[test]
    fn lines_that_draw_are_told_from_rows() {
        for line in [
            "----+-----",
            "|---|:--:|",
            "+----+----+",
            "+====+====+",
            "--- -----",
            "---",
            "--,----,---",
            "|:---|",
            "|--|--|",
            "|:-:|-:|",
        ] {
            assert!(is_drawing(line.as_bytes()), "{line}");
        }
        for line in ["-1,-2", "--", "-|-|-", "|-|-|", "| - | - |", "a---b", "", "---,5", ",---", "2020-01-01", "--,--"]
        {
            assert!(!is_drawing(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn drawn_tables_are_found() {
        let framed = |text: &str| find(text, false).map(|d| (d.drawn.framed, d.count, d.first.0));
        assert_eq!(framed(" a | b\n---+---\n 1 | 2\n"), Some((false, 1, 1)));
        assert_eq!(framed("+---+---+\n| a | b |\n+---+---+\n| 1 | 2 |\n+---+---+\n"), Some((true, 3, 0)));
        assert_eq!(framed("| a | b |\n|---|---|\n| 1 | 2 |\n"), Some((true, 1, 1)));
        assert_eq!(framed("a,b\n1,2\n---,---\n3,4\n"), Some((false, 1, 2)));
        assert_eq!(framed("a\n1\n---\n3\n"), None, "a mark for a missing value");
        assert_eq!(framed("a,b\n1,2\n"), None);
        assert_eq!(framed("| a | b |\n| 1 | 2 |\n"), Some((true, 0, 0)));
        assert_eq!(framed("|a|b\n|1|2\n"), None);
        assert_eq!(unframed(b" | a | b | "), b" a | b ");
    }
}
