//! Text as tokens: characters, words, or byte pairs that are learned (Sennrich, Haddow & Birch 2016), each with a number.
//!
//! A word is a run of letters, digits and underscores, or a run of other signs that are no blanks: `\w+|[^\w\s]+`. For byte pairs a
//! blank before a word belongs to it, written `▁`. Number 0 is any token that is not in the vocabulary; places of a sample
//! that no token fills are [`PADDING`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

/// The number of a place without a token: an embedding has no row for it and gives zeros.
pub const PADDING: f32 = -1.0;
/// What stands for a token that is not in the vocabulary, and for its number 0.
pub const UNKNOWN: &str = "[unknown]";
/// Longest sample that is chosen without being asked for, in tokens.
const MOST_STEPS: usize = 256;
/// Share of the texts that a length which nobody chose takes in whole.
const WHOLE: f64 = 0.95;
/// Limits of the settings.
pub const MOST_LENGTH: usize = 4096;
pub const MOST_VOCABULARY: usize = 100_000;
/// The blank before a word, in byte pairs.
const BLANK: char = '▁';

/// What a token is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenUnit {
    Characters,
    #[default]
    Words,
    /// Frequent pairs of neighbours, merged again and again, from characters to words
    BytePairs,
}

/// An end of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextEnd {
    Start,
    End,
}

/// How a column of text becomes tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenPlan {
    pub unit: TokenUnit,
    /// Most tokens that are learned, with the one for unknown ones
    pub vocabulary: usize,
    /// Tokens of a sample; where it is not said, as many as 95 % of the texts have, at most 256
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<usize>,
    /// How often a token, or a pair, must occur in the training rows
    pub least: usize,
    /// Whether capital letters become small ones
    pub lowercase: bool,
    /// Where shorter texts are padded
    pub padding: TextEnd,
    /// Where longer texts are truncated
    pub truncation: TextEnd,
}

impl TokenPlan {
    /// Padding stands in front, so that a recurrent layer reads the text last.
    pub const DEFAULT: Self = Self {
        unit: TokenUnit::Words,
        vocabulary: 2000,
        length: None,
        least: 2,
        lowercase: true,
        padding: TextEnd::Start,
        truncation: TextEnd::End,
    };

    /// What is wrong with it, if anything.
    pub fn invalid(&self) -> Option<String> {
        if !(2..=MOST_VOCABULARY).contains(&self.vocabulary) {
            let size = self.vocabulary;
            Some(format!("a vocabulary has 2 to {MOST_VOCABULARY} tokens, but here {size}"))
        } else if self.length.is_some_and(|n| !(1..=MOST_LENGTH).contains(&n)) {
            let length = self.length.unwrap_or(0);
            Some(format!("a text has 1 to {MOST_LENGTH} tokens, but here {length}"))
        } else {
            None
        }
    }
}

impl Default for TokenPlan {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl TokenUnit {
    pub const ALL: [Self; 3] = [Self::Characters, Self::Words, Self::BytePairs];

    /// Several of them.
    pub fn label(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::Words => "words",
            Self::BytePairs => "byte pairs",
        }
    }

    /// What it is, in a sentence.
    pub fn about(self) -> &'static str {
        match self {
            Self::Characters => "Each character is a token: a small vocabulary and long sequences",
            Self::Words => "Each word is a token, and each run of punctuation; rare words are unknown",
            Self::BytePairs => {
                "Frequent pairs of neighbours are merged, from characters to words: rare words are read in pieces"
            }
        }
    }
}

impl TextEnd {
    pub const ALL: [Self; 2] = [Self::Start, Self::End];

    pub fn label(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
        }
    }
}

/// What was learned from the training rows: enough to number any text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    pub unit: TokenUnit,
    pub lowercase: bool,
    /// Tokens of a sample
    pub length: usize,
    pub padding: TextEnd,
    pub truncation: TextEnd,
    /// Numbers that there can be, with that of unknown tokens; as large whichever rows train
    pub size: usize,
    /// The first has the number 1
    pub vocabulary: Vec<String>,
    /// Numbers of the two tokens that become one, in the order in which they were learned; for byte pairs
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merges: Vec<[u32; 2]>,
}

impl Tokens {
    /// Learns a vocabulary from `training`, texts with how often each occurs. Length and size follow from `all` texts that are used.
    pub fn learn<'t>(
        plan: &TokenPlan,
        training: impl Iterator<Item = (&'t str, usize)>,
        all: impl Iterator<Item = (&'t str, usize)> + Clone,
    ) -> Self {
        let (unit, lowercase, limit) = (plan.unit, plan.lowercase, plan.vocabulary - 1);
        let (vocabulary, merges) = match unit {
            TokenUnit::BytePairs => learn_pairs(&counts(unit, lowercase, training), limit, plan.least),
            _ => (frequent(counts(unit, lowercase, training), limit, plan.least), Vec::new()),
        };
        let size = match unit {
            TokenUnit::BytePairs => plan.vocabulary,
            _ => frequent(counts(unit, lowercase, all.clone()), limit, plan.least).len() + 1,
        };
        let mut tokens = Self {
            unit,
            lowercase,
            length: plan.length.unwrap_or(0),
            padding: plan.padding,
            truncation: plan.truncation,
            size: size.max(vocabulary.len() + 1),
            vocabulary,
            merges,
        };
        if plan.length.is_none() {
            tokens.length = tokens.usual_length(all);
        }
        tokens
    }

    /// The length that takes in most of the texts whole.
    fn usual_length<'t>(&self, texts: impl Iterator<Item = (&'t str, usize)>) -> usize {
        let tokeniser = self.tokeniser();
        let mut lengths: BTreeMap<usize, usize> = BTreeMap::new();
        let mut ids = Vec::new();
        for (text, times) in texts {
            tokeniser.read(text, &mut ids);
            *lengths.entry(ids.len()).or_default() += times;
        }
        let wanted = (lengths.values().sum::<usize>() as f64 * WHOLE).ceil() as usize;
        let mut covered = 0;
        for (length, texts) in lengths {
            covered += texts;
            if covered >= wanted {
                return length.clamp(1, MOST_STEPS);
            }
        }
        1
    }

    /// The token with that number, as it is stored in a feature; empty for padding.
    pub fn name(&self, number: f32) -> &str {
        match number {
            n if n < 0.0 => "",
            0.0 => UNKNOWN,
            n => self.vocabulary.get(n as usize - 1).map_or(UNKNOWN, String::as_str),
        }
    }

    /// Makes it ready to read texts.
    pub fn tokeniser(&self) -> Tokeniser<'_> {
        let numbers: HashMap<&str, u32> = (1..).zip(&self.vocabulary).map(|(n, token)| (token.as_str(), n)).collect();
        let token = |number: u32| self.vocabulary.get(number as usize - 1).map_or("", String::as_str);
        let merge = |(rank, &[a, b]): (usize, &[u32; 2])| {
            let whole = numbers.get(format!("{}{}", token(a.max(1)), token(b.max(1))).as_str())?;
            Some(((a, b), (rank, *whole)))
        };
        let merges = self.merges.iter().enumerate().filter_map(merge).collect();
        Tokeniser { tokens: self, numbers, merges }
    }
}

/// Numbers the tokens of texts.
pub struct Tokeniser<'a> {
    tokens: &'a Tokens,
    numbers: HashMap<&'a str, u32>,
    /// The place of each pair in the order of learning, and what it becomes.
    merges: HashMap<(u32, u32), (usize, u32)>,
}

impl Tokeniser<'_> {
    /// Numbers of all tokens of a text, without padding or truncation.
    pub fn read(&self, text: &str, numbers: &mut Vec<u32>) {
        numbers.clear();
        let number = |token: &str| self.numbers.get(token).copied().unwrap_or(0);
        pieces(self.tokens.unit, self.tokens.lowercase, text, |piece| {
            if self.tokens.unit == TokenUnit::BytePairs {
                let mut sign = [0; 4];
                let first = numbers.len();
                numbers.extend(piece.chars().map(|c| number(c.encode_utf8(&mut sign))));
                self.merge(numbers, first);
            } else {
                numbers.push(number(piece));
            }
        });
    }

    /// Merges pairs behind `first`, those that were learned first before others, from the left.
    fn merge(&self, numbers: &mut Vec<u32>, first: usize) {
        loop {
            let pairs = numbers[first..].windows(2).enumerate();
            let known = pairs.filter_map(|(at, pair)| Some((self.merges.get(&(pair[0], pair[1]))?, at)));
            let Some((&(_, whole), at)) = known.min() else { return };
            numbers[first + at] = whole;
            numbers.remove(first + at + 1);
        }
    }

    /// Writes the numbers of a text to `out`: truncated where it is longer, padded where it is shorter.
    pub(super) fn write(&self, text: &str, numbers: &mut Vec<u32>, out: &mut [f32]) {
        self.read(text, numbers);
        out.fill(PADDING);
        let count = numbers.len().min(out.len());
        let from = if self.tokens.truncation == TextEnd::Start { numbers.len() - count } else { 0 };
        let to = if self.tokens.padding == TextEnd::Start { out.len() - count } else { 0 };
        let pairs = out[to..to + count].iter_mut().zip(&numbers[from..]);
        pairs.for_each(|(out, &number)| *out = number as f32);
    }
}

/// Calls `each` with the pieces of a text that are numbered: characters or words, or words with the blank before them, which
/// byte pairs are made of.
fn pieces(unit: TokenUnit, lowercase: bool, text: &str, mut each: impl FnMut(&str)) {
    let small: String;
    let text = if lowercase {
        small = text.chars().flat_map(char::to_lowercase).collect();
        &small
    } else {
        text
    };
    match unit {
        TokenUnit::Characters => {
            let mut sign = [0; 4];
            text.chars().for_each(|c| each(c.encode_utf8(&mut sign)));
        }
        TokenUnit::Words => text.split_whitespace().for_each(|word| runs(word, &mut each)),
        TokenUnit::BytePairs => {
            let mut piece = String::new();
            for word in text.split_whitespace() {
                let mut blank = true;
                runs(word, |run| {
                    piece.clear();
                    piece.extend(std::mem::take(&mut blank).then_some(BLANK));
                    piece.push_str(run);
                    each(&piece);
                });
            }
        }
    }
}

/// Runs of word characters and of others.
fn runs(word: &str, mut each: impl FnMut(&str)) {
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let kind = regex_syntax::is_word_character(first);
        let end = rest.find(|c| regex_syntax::is_word_character(c) != kind).unwrap_or(rest.len());
        each(&rest[..end]);
        rest = &rest[end..];
    }
}

/// How often each piece occurs.
fn counts<'t>(
    unit: TokenUnit,
    lowercase: bool,
    texts: impl Iterator<Item = (&'t str, usize)>,
) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (text, times) in texts {
        pieces(unit, lowercase, text, |piece| match counts.get_mut(piece) {
            Some(count) => *count += times,
            None => drop(counts.insert(piece.to_owned(), times)),
        });
    }
    counts
}

/// The most frequent pieces, those in front of the alphabet first where they are as frequent.
fn frequent(counts: BTreeMap<String, usize>, limit: usize, least: usize) -> Vec<String> {
    let mut pieces: Vec<(String, usize)> = counts.into_iter().filter(|(_, n)| *n >= least).collect();
    pieces.sort_by_key(|(_, n)| Reverse(*n));
    pieces.into_iter().take(limit).map(|(piece, _)| piece).collect()
}

/// A word while pairs are merged, and how often it occurs.
struct Word {
    symbols: Vec<u32>,
    times: i64,
}

/// Byte pair encoding: the most frequent pair becomes a token, again and again; of pairs that are as frequent that of the
/// smaller numbers. Tokens and pairs, each in the order in which they were learned.
fn learn_pairs(words: &BTreeMap<String, usize>, limit: usize, least: usize) -> (Vec<String>, Vec<[u32; 2]>) {
    let mut signs: BTreeMap<char, usize> = BTreeMap::new();
    words.iter().for_each(|(word, n)| word.chars().for_each(|c| *signs.entry(c).or_default() += n));
    let mut signs: Vec<(char, usize)> = signs.into_iter().collect();
    signs.sort_by_key(|(_, n)| Reverse(*n));
    signs.truncate(limit);
    signs.sort_unstable();
    let mut tokens: Vec<String> = signs.iter().map(|(c, _)| c.to_string()).collect();
    let mut numbers: HashMap<String, u32> = (1..).zip(&tokens).map(|(n, token)| (token.clone(), n)).collect();
    let number = |c: char| signs.binary_search_by_key(&c, |(c, _)| *c).map_or(0, |k| k as u32 + 1);
    let word =
        |(word, &times): (&String, &usize)| Word { symbols: word.chars().map(number).collect(), times: times as i64 };
    let mut words: Vec<Word> = words.iter().map(word).collect();

    let known = |pair: &[u32]| pair[0] > 0 && pair[1] > 0;
    let mut counted: HashMap<[u32; 2], i64> = HashMap::new();
    let mut places: HashMap<[u32; 2], BTreeSet<usize>> = HashMap::new();
    for (at, word) in words.iter().enumerate() {
        for pair in word.symbols.windows(2).filter(|p| known(p)) {
            *counted.entry([pair[0], pair[1]]).or_default() += word.times;
            places.entry([pair[0], pair[1]]).or_default().insert(at);
        }
    }
    let mut queue: BinaryHeap<(i64, Reverse<[u32; 2]>)> =
        counted.iter().map(|(pair, n)| (*n, Reverse(*pair))).collect();
    let mut merges = Vec::new();
    while tokens.len() < limit {
        let Some((count, Reverse(pair))) = queue.pop() else { break };
        let now = counted.get(&pair).copied().unwrap_or(0);
        if now != count {
            // It has become rarer since it was queued; one that has become more frequent was queued again.
            if now < count && now > 0 {
                queue.push((now, Reverse(pair)));
            }
            continue;
        }
        if count < least.max(1) as i64 {
            break;
        }
        let whole = format!("{}{}", tokens[pair[0] as usize - 1], tokens[pair[1] as usize - 1]);
        let whole = *numbers.entry(whole).or_insert_with_key(|token| {
            tokens.push(token.clone());
            tokens.len() as u32
        });
        merges.push(pair);
        let mut grown = BTreeSet::new();
        for at in places.remove(&pair).unwrap_or_default() {
            let Word { symbols, times } = &mut words[at];
            for old in symbols.windows(2).filter(|p| known(p)) {
                counted.entry([old[0], old[1]]).and_modify(|n| *n -= *times);
            }
            let mut k = 0;
            while k + 1 < symbols.len() {
                if symbols[k..k + 2] == pair {
                    symbols[k] = whole;
                    symbols.remove(k + 1);
                }
                k += 1;
            }
            for new in symbols.windows(2).filter(|p| known(p)) {
                let new = [new[0], new[1]];
                *counted.entry(new).or_default() += *times;
                places.entry(new).or_default().insert(at);
                if new.contains(&whole) {
                    grown.insert(new);
                }
            }
        }
        queue.extend(grown.into_iter().map(|pair| (counted[&pair], Reverse(pair))));
    }
    (tokens, merges)
}
