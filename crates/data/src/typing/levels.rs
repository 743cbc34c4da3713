//! Text that stays text: which words are gaps, and which levels are one.

use super::column::{Job, Verdict};
use super::kinds::ReadKind;
use super::survey::Survey;
use super::words::{Kept, MissingWords, in_quotes, is_value};
use crate::table::{Text, Values};
use chainrule_common::format;
use std::collections::HashMap;

/// Text with more levels is not searched for those that differ by case or blanks only.
const COMPARED: usize = 5000;
/// So few levels are compared in any case.
const FEW: usize = 20;

impl Job<'_> {
    pub(super) fn as_text(&self, text: &Text, survey: &Survey) -> Verdict {
        let levels = text.levels();
        let name = &self.column.name;
        let used = || levels.iter().zip(&survey.counts).filter(|(_, n)| **n > 0);
        let own_list = self.words.0.is_some();
        let mut verdict = Verdict::default();
        // Words of the usual list that are values here.
        let mut kept: Vec<(&str, Kept, usize)> = Vec::new();
        if !own_list {
            let others = used().map(|(l, _)| l).filter(|l| !self.words.has(l));
            for (word, &count) in used().filter(|(l, _)| !l.is_empty() && self.words.has(l)) {
                let fellows =
                    others.clone().chain(used().map(|(l, _)| l).filter(|l| *l != word && matches!(*l, "-" | "?")));
                if let Some(why) = is_value(word, &fellows) {
                    kept.push((word, why, count));
                }
            }
        }
        if let Some((word, why, count)) = kept.first() {
            let is_kept = |w: &str| kept.iter().any(|(k, ..)| k.eq_ignore_ascii_case(w));
            verdict.reading.missing = Some(self.words.listed().into_iter().filter(|w| !is_kept(w)).collect());
            let others = format::counted(used().filter(|(l, _)| !self.words.has(l)).count(), "other");
            let list: Vec<String> = kept.iter().map(|(w, ..)| format!("\"{w}\"")).collect();
            if *why != Kept::Sign {
                let verb = if kept.len() > 1 { "are levels" } else { "is a level" };
                let cells = format::counted(*count, "cell");
                let text = format!(
                    "\"{name}\": {} {verb} beside {others}, not a missing value ({cells} of \"{word}\").",
                    list.join(", ")
                );
                let list = MissingWords(None).listed();
                verdict.notes.push(self.offer(text, "Treat as missing", |own| own.missing = Some(list)));
            }
        }
        let gone = |l: &str| self.words.has(l) && !kept.iter().any(|(k, ..)| *k == l);
        // Levels that differ by case or blanks only.
        let mut merged: HashMap<String, String> = HashMap::new();
        let distinct = used().filter(|(l, _)| !gone(l)).count();
        if let Some(spellings) = &self.reading.spellings {
            merged = spellings.iter().map(|s| (alike(s), s.clone())).collect();
        } else if distinct <= COMPARED && (distinct <= FEW || distinct * 2 <= text.len()) {
            let mut groups: HashMap<String, Vec<(&str, usize)>> = HashMap::new();
            for (level, &n) in used().filter(|(l, _)| !gone(l)) {
                groups.entry(alike(level)).or_default().push((level, n));
            }
            let answers = groups.len() == 2 && groups.keys().all(|g| ANSWERS.contains(&g.as_str()));
            let mut doubles: Vec<&Vec<(&str, usize)>> = groups.values().filter(|g| g.len() > 1).collect();
            doubles.sort_by_key(|g| g[0].0);
            let spelling = |group: &[(&str, usize)]| {
                group.iter().rev().max_by_key(|(_, n)| *n).map(|(l, _)| (*l).to_owned()).unwrap_or_default()
            };
            if answers {
                let mut spellings: Vec<String> = groups.values().map(|g| spelling(g)).collect();
                spellings.sort();
                if !doubles.is_empty() {
                    merged = spellings.iter().map(|s| (alike(s), s.clone())).collect();
                    let text = format!(
                        "\"{name}\": {} in several spellings were read as \"{}\" and \"{}\".",
                        in_quotes(
                            &doubles.iter().flat_map(|g| g.iter().map(|(l, _)| (*l).to_owned())).collect::<Vec<_>>()
                        ),
                        spellings[0],
                        spellings[1]
                    );
                    verdict.notes.push(self.offer(text, "Keep them apart", |own| own.spellings = Some(Vec::new())));
                }
                verdict.reading.spellings = Some(spellings);
            } else if let Some(first) = doubles.first() {
                let count: usize = doubles.iter().map(|g| g.len()).sum();
                let pair: Vec<String> = first.iter().take(2).map(|(l, _)| format!("\"{l}\"")).collect();
                let text = format!(
                    "\"{name}\": {} differ by case or blanks only, such as {}.",
                    format::counted(count, "level"),
                    pair.join(" and ")
                );
                let spellings: Vec<String> = doubles.iter().map(|g| spelling(g)).collect();
                verdict.notes.push(self.offer(text, "Merge them", |own| own.spellings = Some(spellings)));
            }
        }
        let changes = used().any(|(l, _)| gone(l)) || !merged.is_empty();
        if changes {
            let to = |l: &str| {
                if gone(l) { None } else { Some(merged.get(&alike(l)).cloned().unwrap_or_else(|| l.to_owned())) }
            };
            verdict.values = Some(Values::Text(text.mapped(to)));
        }
        if self.reading.kind.is_none() && survey.likely != ReadKind::Text {
            verdict.reading.kind = Some(ReadKind::Text);
        }
        verdict
    }

    /// Text of a typed format: only words that a person has named are missing.
    pub(super) fn words_only(&self, text: &Text) -> Verdict {
        if self.words.0.is_none() || !text.levels().iter().any(|l| self.words.has(l)) {
            return Verdict::default();
        }
        let to = |l: &str| (!self.words.has(l)).then(|| l.to_owned());
        Verdict { values: Some(Values::Text(text.mapped(to))), ..Verdict::default() }
    }
}

/// Words for yes and no, one pair of which makes a boolean.
const ANSWERS: [&str; 14] = ["yes", "no", "y", "n", "on", "off", "ja", "nein", "oui", "non", "si", "sí", "sim", "não"];

/// A level without what does not tell it from others.
fn alike(level: &str) -> String {
    level.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
