//! Text that stays text: which words are gaps, and which levels are one.

use super::column::{Job, Verdict};
use super::kinds::ReadKind;
use super::survey::{Survey, answer};
use super::words::{Kept, MissingWords, in_quotes, is_value};
use crate::table::{Text, Values};
use chainrule_common::format;
use std::borrow::Cow;
use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization as _;

/// Text with more levels is not searched for those that differ by case or blanks only.
const COMPARED: usize = 5000;
/// So few levels are compared in any case.
const FEW: usize = 20;

impl Job<'_> {
    pub(super) fn as_text(&self, text: &Text, survey: &Survey) -> Verdict {
        let levels = text.levels();
        let used = || levels.iter().zip(&survey.counts).filter(|(_, n)| **n > 0);
        let mut verdict = Verdict::default();
        let any_missing = used().any(|(l, _)| self.words.has(l));
        let kept = if any_missing { self.kept_words(text, survey, &mut verdict) } else { Vec::new() };
        let gone = |l: &str| any_missing && self.words.has(l) && !kept.contains(&l);
        let present = used().filter(|(l, _)| !gone(l)).map(|(l, n)| (l, *n));
        let merged = match &self.reading.spellings {
            Some(spellings) => by_alike(spellings),
            None => self.spellings(&present, text.len(), &mut verdict),
        };
        let changes = any_missing && used().any(|(l, _)| gone(l)) || !merged.is_empty();
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

    /// The words of the usual list that are values here, which is said.
    fn kept_words<'t>(&self, text: &'t Text, survey: &Survey, verdict: &mut Verdict) -> Vec<&'t str> {
        let levels = text.levels();
        let name = &self.column.name;
        let used = || levels.iter().zip(&survey.counts).filter(|(_, n)| **n > 0);
        let mut kept: Vec<(&str, Kept, usize)> = Vec::new();
        if self.words.0.is_none() {
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
        kept.into_iter().map(|(word, ..)| word).collect()
    }

    /// The spelling of each level of which there are several that differ by case or blanks only. Answers are merged, of others
    /// it is offered.
    fn spellings<'t>(
        &self,
        present: &(impl Iterator<Item = (&'t str, usize)> + Clone),
        cells: usize,
        verdict: &mut Verdict,
    ) -> HashMap<String, String> {
        let name = &self.column.name;
        let mut merged = HashMap::new();
        let distinct = present.clone().count();
        if distinct > COMPARED || distinct > FEW && distinct * 2 > cells {
            return merged;
        }
        let mut groups: HashMap<String, Vec<(&str, usize)>> = HashMap::new();
        for (level, n) in present.clone() {
            groups.entry(alike(level)).or_default().push((level, n));
        }
        let answers = groups.len() == 2 && groups.keys().all(|g| answer(g).is_some());
        let mut doubles: Vec<&Vec<(&str, usize)>> = groups.values().filter(|g| g.len() > 1).collect();
        doubles.sort_by_key(|g| g[0].0);
        let spelling = |group: &[(&str, usize)]| {
            group.iter().rev().max_by_key(|(_, n)| *n).map(|(l, _)| (*l).to_owned()).unwrap_or_default()
        };
        if answers {
            let mut spellings: Vec<String> = groups.values().map(|g| spelling(g)).collect();
            spellings.sort();
            if !doubles.is_empty() {
                merged = by_alike(&spellings);
                let text = format!(
                    "\"{name}\": {} in several spellings were read as \"{}\" and \"{}\".",
                    in_quotes(&doubles.iter().flat_map(|g| g.iter().map(|(l, _)| (*l).to_owned())).collect::<Vec<_>>()),
                    spellings[0],
                    spellings[1]
                );
                verdict.notes.push(self.offer(text, "Keep them apart", |own| own.spellings = Some(Vec::new())));
            }
            verdict.reading.spellings = Some(spellings);
        } else if let Some(first) = doubles.first() {
            let count: usize = doubles.iter().map(|g| g.len()).sum();
            let pair: Vec<String> = first.iter().take(2).map(|(l, _)| format!("\"{l}\"")).collect();
            // What looks alike is told by how it is written.
            let form = |k: usize| composed(first[k].0);
            let how = if form(0) == form(1) { "the form of Unicode" } else { "case or blanks" };
            let text = format!(
                "\"{name}\": {} differ by {how} only, such as {}.",
                format::counted(count, "level"),
                pair.join(" and ")
            );
            let spellings: Vec<String> = doubles.iter().map(|g| spelling(g)).collect();
            verdict.notes.push(self.offer(text, "Merge them", |own| own.spellings = Some(spellings)));
        }
        merged
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

/// Spellings by what does not tell them from others.
fn by_alike(spellings: &[String]) -> HashMap<String, String> {
    spellings.iter().map(|s| (alike(s), s.clone())).collect()
}

/// A level without what does not tell it from others.
fn alike(level: &str) -> String {
    composed(&level.split_whitespace().collect::<Vec<_>>().join(" ")).to_lowercase()
}

/// The form of Unicode in which a letter and its accent are one.
fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { text.into() } else { text.nfc().collect::<String>().into() }
}
