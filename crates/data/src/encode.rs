//! The fitted encoder: how rows of a table become features and targets.

use super::dates;
use super::error::DataError;
use super::numbers::{Numbers, first};
use super::scale::{Function, TargetScale, apply_all};
use super::table::{Column, ColumnKind, Places, Table, Values};
use super::tokens::{PADDING, Tokeniser, Tokens};
use chainrule_common::format;
use chrono::{Datelike as _, Timelike as _};
use ndarray::{ArcArray2, Array2};
use rayon::prelude::{IndexedParallelIterator as _, ParallelIterator as _, ParallelSliceMut as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The encoding of every used column, fitted to the training rows. It is saved with a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encoder {
    pub features: Vec<ColumnEncoding>,
    pub targets: Vec<ColumnEncoding>,
    /// Set if several consecutive rows make a sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// The smallest and the largest value of each feature of numbers in the training rows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ranges: BTreeMap<String, [f64; 2]>,
}

/// A feature of some rows that the training rows do not prepare for.
#[derive(Clone, Debug, PartialEq)]
pub struct Unprepared {
    pub column: String,
    pub rows: usize,
    /// The first of them, counted from 0.
    pub first: usize,
    pub why: Why,
}

/// Why rows are not what training has seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// They lack a value that is not imputed.
    Gap,
    /// The first has this value, which is outside of the range of the training rows.
    Outside { value: f64, range: [f64; 2] },
    /// They have levels that no training row has: each with its first row, the first few of them, and how many there are.
    Unseen { levels: Vec<(String, usize)>, count: usize },
}

/// How consecutive rows make a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Number of rows in a sample.
    pub length: usize,
    /// The target is this many rows after the last of them.
    pub horizon: usize,
}

/// How one column becomes numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnEncoding {
    pub column: String,
    /// The kind the column is converted to, if it is not the detected one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_as: Option<ColumnKind>,
    pub kind: EncodingKind,
    /// Replaces a missing value; if absent, rows with missing values are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EncodingKind {
    /// (x − offset) / scale
    Linear(TargetScale),
    /// Functions in order.
    Chain { name: String, steps: Vec<Function> },
    /// The product of several columns, each after its own functions, and functions of the product.
    Product { name: String, of: Vec<Factor>, steps: Vec<Function> },
    /// One column per level.
    OneHot { levels: Vec<String> },
    /// The index of the level.
    Ordinal { levels: Vec<String> },
    /// The mean of the target for each level; `unknown` for a new level.
    TargetMean { levels: Vec<String>, means: Vec<Vec<f64>>, unknown: Vec<f64> },
    /// Words hashed into buckets.
    Hash { places: usize },
    /// Numbers of tokens, one after the other.
    Tokens(Tokens),
    /// Parts of a date; cyclic ones as sine and cosine.
    Calendar { scale: TargetScale, times: bool },
    /// 1 where the value is missing.
    Missing,
    /// All pixels of a picture, one channel after the other.
    Pixels { height: usize, width: usize, channels: usize, scale: TargetScale },
}

/// A factor of a product: a column and the functions applied to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    pub column: String,
    pub steps: Vec<Function>,
}

/// What is to be predicted, one entry per row. A clone shares the numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    Classes {
        names: Vec<String>,
        labels: Arc<[u32]>,
    },
    /// Encoded values `[rows, targets]`; each scale leads back to the column's own units.
    Values {
        names: Vec<String>,
        values: ArcArray2<f32>,
        scales: Vec<TargetScale>,
    },
}

impl Targets {
    /// The class, or the values in their units, as text.
    pub fn describe(&self, row: usize) -> String {
        match self {
            Self::Classes { names, labels } => names[labels[row] as usize].clone(),
            Self::Values { values, scales, .. } => {
                let cells = values
                    .row(row)
                    .iter()
                    .zip(scales)
                    .map(|(&v, s)| format::cell(s.decode(f64::from(v))))
                    .collect::<Vec<_>>();
                cells.join(", ")
            }
        }
    }
}

/// Samples that are encoded together.
const CHUNK: usize = 64;

/// Names of the features of a date.
const CALENDAR: [&str; 7] = ["time", "year sin", "year cos", "week sin", "week cos", "day sin", "day cos"];

impl ColumnEncoding {
    /// Whether a row without a value cannot be encoded.
    fn gaps_matter(&self) -> bool {
        let filled = |steps: &[Function]| steps.iter().any(|s| matches!(s, Function::Fill(_)));
        match &self.kind {
            EncodingKind::Chain { steps, .. } => !filled(steps),
            EncodingKind::Product { of, .. } => of.iter().any(|f| !filled(&f.steps)),
            EncodingKind::Missing | EncodingKind::Hash { .. } | EncodingKind::Tokens(_) => false,
            _ => self.fill.is_none(),
        }
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        match &self.kind {
            EncodingKind::OneHot { levels } => levels.len(),
            EncodingKind::TargetMean { unknown, .. } => unknown.len(),
            EncodingKind::Hash { places } => *places,
            EncodingKind::Tokens(tokens) => tokens.length,
            EncodingKind::Calendar { times, .. } => CALENDAR.len() - if *times { 0 } else { 2 },
            EncodingKind::Pixels { height, width, channels, .. } => height * width * channels,
            _ => 1,
        }
    }

    /// Names of these features.
    pub fn names(&self) -> Vec<String> {
        let column = &self.column;
        match &self.kind {
            EncodingKind::OneHot { levels } => levels.iter().map(|l| format!("{column} = {l}")).collect(),
            EncodingKind::TargetMean { unknown, .. } if unknown.len() > 1 => {
                (0..unknown.len()).map(|k| format!("{column} mean {k}")).collect()
            }
            EncodingKind::Hash { places } => (0..*places).map(|k| format!("{column} #{k}")).collect(),
            EncodingKind::Tokens(tokens) => (1..=tokens.length).map(|k| format!("{column} token {k}")).collect(),
            EncodingKind::Calendar { .. } => {
                CALENDAR.iter().take(self.width()).map(|part| format!("{column} {part}")).collect()
            }
            EncodingKind::Pixels { height, width, channels, .. } => {
                let at = |k: usize| {
                    let (channel, row, across) = (k / (height * width), k / width % height, k % width);
                    let channel = if *channels > 1 {
                        format!(", {}", ["red", "green", "blue", "alpha"].get(channel).unwrap_or(&"?"))
                    } else {
                        String::new()
                    };
                    format!("{column} {row}, {across}{channel}")
                };
                (0..self.width()).map(at).collect()
            }
            _ => vec![self.label()],
        }
    }

    /// The name of the feature, or of the group of features.
    pub fn label(&self) -> String {
        match &self.kind {
            EncodingKind::Chain { name, .. } | EncodingKind::Product { name, .. } => name.clone(),
            EncodingKind::Missing => format!("{} missing", self.column),
            _ => self.column.clone(),
        }
    }

    /// The scale that decodes the numbers; the identity where there is none.
    pub fn scale(&self) -> TargetScale {
        match &self.kind {
            EncodingKind::Linear(scale) | EncodingKind::Pixels { scale, .. } => *scale,
            _ => TargetScale::SAME,
        }
    }

    /// The column of a table, converted as this encoding needs it.
    fn column<'t>(&self, table: &'t Table) -> Result<Cow<'t, Column>, DataError> {
        let column = find(table, &self.column)?;
        let mut column = read_as(column, self.read_as)?;
        let fits = match &self.kind {
            EncodingKind::Linear(_) | EncodingKind::Chain { .. } | EncodingKind::Product { .. } => {
                matches!(column.values, Values::Numbers(_) | Values::Dates(_))
            }
            EncodingKind::Calendar { .. } => {
                if column.kind() == ColumnKind::Text {
                    column = Cow::Owned(read_as(&column, Some(ColumnKind::Date))?.into_owned());
                }
                column.kind() == ColumnKind::Date
            }
            EncodingKind::Pixels { height, width, channels, .. } => {
                let Values::Images(images) = &column.values else {
                    return Err(DataError::NotPictures { column: self.column.clone() });
                };
                let (wanted, found) = ((*height, *width, *channels), (images.height, images.width, images.channels));
                if wanted != found {
                    return Err(DataError::OtherSize { column: self.column.clone(), wanted, found });
                }
                true
            }
            EncodingKind::Missing => true,
            EncodingKind::Tokens(_) => column.kind() == ColumnKind::Text || column.is_blank(),
            _ => column.kind() != ColumnKind::Image,
        };
        if fits { Ok(column) } else { Err(DataError::TextAsNumber { column: self.column.clone() }) }
    }

    /// Writes the features of one row to `out`.
    fn encode(&self, columns: &[Cow<'_, Column>], places: &Places, row: usize, out: &mut [f32]) {
        let column = &*columns[0];
        let filled = || Function::Fill(self.fill.unwrap_or(f64::NAN)).apply(column.number(row));
        match &self.kind {
            EncodingKind::Linear(scale) => out[0] = scale.encode(filled()) as f32,
            EncodingKind::Chain { steps, .. } => out[0] = apply_all(steps, column.number(row)) as f32,
            EncodingKind::Product { of, steps, .. } => {
                let factors = of.iter().zip(columns).map(|(f, column)| apply_all(&f.steps, column.number(row)));
                out[0] = apply_all(steps, factors.product()) as f32;
            }
            EncodingKind::OneHot { levels } => {
                out.fill(0.0);
                if let Some(level) = self.level(column, places, row, levels) {
                    out[level] = 1.0;
                }
            }
            EncodingKind::Ordinal { levels } => {
                out[0] = self.level(column, places, row, levels).map_or(-1.0, |k| k as f32);
            }
            EncodingKind::TargetMean { levels, means, unknown } => {
                let found = self.level(column, places, row, levels).and_then(|k| means.get(k)).unwrap_or(unknown);
                out.iter_mut().zip(found).for_each(|(out, &mean)| *out = mean as f32);
            }
            EncodingKind::Hash { places } => {
                out.fill(0.0);
                for word in column.cell(row).split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
                    let hash = fnv(&word.to_lowercase());
                    // The highest bit gives the sign, so that collisions cancel on average (Weinberger et al. 2009).
                    out[(hash % *places as u64) as usize] += if hash >> 63 == 0 { 1.0 } else { -1.0 };
                }
            }
            EncodingKind::Tokens(_) => out.fill(PADDING),
            EncodingKind::Calendar { scale, .. } => write_calendar(filled(), *scale, out),
            EncodingKind::Missing => out[0] = f32::from(u8::from(column.is_missing(row))),
            EncodingKind::Pixels { channels, scale, .. } => {
                let Values::Images(images) = &column.values else { return };
                let plane = images.height * images.width;
                for (k, value) in images.picture(row).enumerate() {
                    out[k % channels * plane + k / channels] = scale.encode(value) as f32;
                }
            }
        }
    }

    /// The functions that make a feature of a number; none where it is made otherwise.
    fn functions(&self) -> Option<Vec<Function>> {
        match &self.kind {
            EncodingKind::Linear(scale) => {
                Some(self.fill.map(Function::Fill).into_iter().chain([Function::Linear(*scale)]).collect())
            }
            EncodingKind::Chain { steps, .. } => Some(steps.clone()),
            _ => None,
        }
    }

    /// The index of the cell's level; none if it is new.
    fn level(&self, column: &Column, places: &Places, row: usize, levels: &[String]) -> Option<usize> {
        if column.is_missing(row) {
            let fill = self.fill?;
            // For text the fill is the index of a level.
            let text = match &column.values {
                Values::Text(_) => return levels.get(fill as usize).map(|_| fill as usize),
                Values::Dates(_) => dates::written(fill),
                _ => format::cell(fill),
            };
            return levels.iter().position(|l| *l == text);
        }
        places.get(column, row)
    }

    /// The levels that cells are looked up in; empty for other encodings.
    fn levels(&self) -> &[String] {
        match &self.kind {
            EncodingKind::OneHot { levels }
            | EncodingKind::Ordinal { levels }
            | EncodingKind::TargetMean { levels, .. } => levels,
            _ => &[],
        }
    }
}

/// The name of a feature `back` rows before the last of a window.
pub fn stepped(name: &str, back: usize) -> String {
    if back == 0 { name.to_owned() } else { format!("{name} −{back}") }
}

fn find<'t>(table: &'t Table, name: &str) -> Result<&'t Column, DataError> {
    table.column(name).ok_or_else(|| DataError::ColumnMissing(name.to_owned()))
}

/// The column converted to `kind`, or unchanged.
pub(super) fn read_as(column: &Column, kind: Option<ColumnKind>) -> Result<Cow<'_, Column>, DataError> {
    let Some(kind) = kind.filter(|&kind| kind != column.kind()) else { return Ok(Cow::Borrowed(column)) };
    let (from, to) = (column.kind().label(), kind.label());
    let converted = column.converted(kind);
    converted.map(Cow::Owned).ok_or_else(|| DataError::NoWay { column: column.name.clone(), from, to })
}

/// Fowler–Noll–Vo hash (FNV-1a, 64 bits), the same on every machine.
fn fnv(word: &str) -> u64 {
    let hash =
        word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    // The low bits of FNV are weak; mix the high ones in.
    hash ^ (hash >> 29)
}

fn write_calendar(seconds: f64, scale: TargetScale, out: &mut [f32]) {
    out.fill(f32::NAN);
    out[0] = scale.encode(seconds) as f32;
    let Some(moment) = dates::moment(seconds) else { return };
    let day = f64::from(moment.num_seconds_from_midnight()) / 86_400.0;
    let days = if moment.date().leap_year() { 366.0 } else { 365.0 };
    let turns = [
        (f64::from(moment.ordinal0()) + day) / days,
        (f64::from(moment.weekday().num_days_from_monday()) + day) / 7.0,
        day,
    ];
    for (pair, turn) in out[1..].chunks_exact_mut(2).zip(turns) {
        let angle = turn * std::f64::consts::TAU;
        pair[0] = libm::sin(angle) as f32;
        pair[1] = libm::cos(angle) as f32;
    }
}

impl Encoder {
    /// Number of features of one row of the table.
    fn row_width(&self) -> usize {
        self.features.iter().map(ColumnEncoding::width).sum()
    }

    /// Number of rows in a sample.
    fn length(&self) -> usize {
        self.window.map_or(1, |w| w.length)
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        self.row_width() * self.length()
    }

    /// Names of the features.
    pub fn feature_names(&self) -> Vec<String> {
        let names: Vec<String> = self.features.iter().flat_map(ColumnEncoding::names).collect();
        match self.window {
            None => names,
            Some(Window { length, .. }) => {
                (0..length).rev().flat_map(|back| names.iter().map(move |name| stepped(name, back))).collect()
            }
        }
    }

    /// The scale of each feature; the identity where it has none.
    pub fn scales(&self) -> impl Iterator<Item = TargetScale> + '_ {
        let row = || self.features.iter().flat_map(|e| std::iter::repeat_n(e.scale(), e.width()));
        (0..self.length()).flat_map(move |_| row())
    }

    /// The scale of feature `k`.
    pub fn scale(&self, k: usize) -> TargetScale {
        self.scales().nth(k).unwrap_or(TargetScale::SAME)
    }

    /// Height, width and channels, if the features are the pixels of a picture and nothing else.
    pub fn picture(&self) -> Option<(usize, usize, usize)> {
        match self.features.as_slice() {
            [ColumnEncoding { kind: EncodingKind::Pixels { height, width, channels, .. }, .. }]
                if self.window.is_none() =>
            {
                Some((*height, *width, *channels))
            }
            _ => None,
        }
    }

    /// The two features that are columns of numbers as they are, or scaled, where all others follow from these: the plane in which
    /// the rows lie.
    pub fn plane(&self) -> Option<[usize; 2]> {
        let linear = |e: &&ColumnEncoding| matches!(e.kind, EncodingKind::Linear(_));
        let axes: Vec<&str> = self.features.iter().filter(linear).map(|e| e.column.as_str()).collect();
        let [x, y] = axes[..] else { return None };
        let follows = |e: &ColumnEncoding| match &e.kind {
            EncodingKind::Linear(_) => true,
            EncodingKind::Chain { .. } => [x, y].contains(&e.column.as_str()),
            EncodingKind::Product { of, .. } => of.iter().all(|f| [x, y].contains(&f.column.as_str())),
            _ => false,
        };
        let place = |column| self.features.iter().position(|e| linear(&e) && e.column == column);
        (self.window.is_none() && self.features.iter().all(follows)).then_some([place(x)?, place(y)?])
    }

    /// Features `[rows, features]` of rows that lie at places of the [plane](Self::plane) of `axes`, in units of these.
    ///
    /// # Errors
    /// If a feature follows from another column.
    pub fn of_plane(&self, axes: [usize; 2], places: &[[f64; 2]]) -> Result<Array2<f32>, DataError> {
        let column = |k: usize| {
            let values: Vec<f64> = places.iter().map(|p| p[k]).collect();
            Column::numbers(self.features[axes[k]].column.clone(), values)
        };
        let table = Table { name: String::new(), columns: vec![column(0), column(1)] };
        self.features(&table, &(0..places.len()).collect::<Vec<_>>())
    }

    /// Features `[rows, features]` of the given rows of a table with the same columns. For windows these are the last rows.
    ///
    /// # Errors
    /// If a column is missing or holds another kind of values.
    pub fn features(&self, table: &Table, rows: &[usize]) -> Result<Array2<f32>, DataError> {
        encode(&self.features.iter().collect::<Vec<_>>(), table, rows, self.length())
    }

    /// Rows of a table that can be encoded: no missing value that is not filled, and for windows enough rows before it.
    ///
    /// # Errors
    /// If a column is missing or holds another kind of values.
    pub fn complete_rows(&self, table: &Table) -> Result<Vec<usize>, DataError> {
        let mut whole = vec![true; table.rows()];
        for encoding in &self.features {
            let column = encoding.column(table)?;
            if encoding.gaps_matter() && column.missing() > 0 {
                column.unflag_missing(&mut whole);
            }
        }
        let length = self.length();
        let mut run = 0;
        let mut rows = Vec::new();
        for (row, whole) in whole.into_iter().enumerate() {
            run = if whole { run + 1 } else { 0 };
            if run >= length {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// What in the features of these rows training has not seen: gaps that are not imputed, values outside of the range, and
    /// levels.
    ///
    /// # Errors
    /// If a column is missing.
    pub fn unprepared(&self, table: &Table) -> Result<Vec<Unprepared>, DataError> {
        let mut found = Vec::new();
        let mut looked_at = BTreeSet::new();
        for encoding in &self.features {
            let column = encoding.column(table)?;
            let mut add = |rows: &mut dyn Iterator<Item = usize>, why: &dyn Fn(usize) -> Why| {
                if let Some(first) = rows.next() {
                    let column = encoding.column.clone();
                    found.push(Unprepared { column, rows: 1 + rows.count(), first, why: why(first) });
                }
            };
            if !looked_at.insert(&encoding.column) {
                continue;
            }
            if encoding.gaps_matter() && column.missing() > 0 {
                add(&mut (0..column.len()).filter(|&row| column.is_missing(row)), &|_| Why::Gap);
            }
            if let (Some(&range), Values::Numbers(numbers) | Values::Dates(numbers)) =
                (self.ranges.get(&encoding.column), &column.values)
            {
                let outside = |row: &usize| numbers.get(*row) < range[0] || numbers.get(*row) > range[1];
                let why = |row: usize| Why::Outside { value: numbers.get(row), range };
                add(&mut (0..numbers.len()).filter(outside), &why);
            }
            if let EncodingKind::OneHot { levels }
            | EncodingKind::Ordinal { levels }
            | EncodingKind::TargetMean { levels, .. } = &encoding.kind
            {
                found.extend(unseen(&encoding.column, &column, levels));
            }
        }
        Ok(found)
    }

    /// The columns of its features that must be numbers.
    pub fn columns_of_numbers(&self) -> impl Iterator<Item = &str> {
        let is_number = |e: &&ColumnEncoding| {
            matches!(e.kind, EncodingKind::Linear(_) | EncodingKind::Chain { .. }) && e.read_as.is_none()
        };
        self.features.iter().filter(is_number).map(|e| e.column.as_str())
    }

    /// The targets in groups, in order of first appearance: each column of classes alone, all numbers together.
    pub fn target_groups(&self) -> Vec<Vec<&ColumnEncoding>> {
        let mut groups: Vec<Vec<&ColumnEncoding>> = Vec::new();
        for encoding in &self.targets {
            let is_number = |e: &ColumnEncoding| !matches!(e.kind, EncodingKind::OneHot { .. });
            match groups.iter_mut().find(|g| is_number(encoding) && is_number(g[0])) {
                Some(numbers) => numbers.push(encoding),
                None => groups.push(vec![encoding]),
            }
        }
        groups
    }

    /// Targets of the samples with the given last rows.
    pub(super) fn targets(&self, table: &Table, rows: &[usize]) -> Result<Vec<Targets>, DataError> {
        let rows = ahead(rows, self.window.map_or(0, |w| w.horizon));
        self.target_groups().into_iter().map(|group| targets_of(&group, table, &rows)).collect()
    }
}

/// The levels of a column that are none of those of the training rows.
fn unseen(name: &str, column: &Column, levels: &[String]) -> Option<Unprepared> {
    const LISTED: usize = 5;
    let places = column.places(levels);
    let is_new = |row: &usize| !column.is_missing(*row) && places.get(column, *row).is_none();
    let mut new: Vec<(String, usize)> = Vec::new();
    let (mut rows, mut seen) = (0, BTreeSet::new());
    for row in (0..column.len()).filter(is_new) {
        rows += 1;
        let level = column.cell(row);
        if seen.insert(level.clone()) && new.len() < LISTED {
            new.push((level, row));
        }
    }
    let first = new.first()?.1;
    Some(Unprepared { column: name.to_owned(), rows, first, why: Why::Unseen { levels: new, count: seen.len() } })
}

/// The rows `by` rows after the given ones.
pub(super) fn ahead(rows: &[usize], by: usize) -> Cow<'_, [usize]> {
    if by == 0 { Cow::Borrowed(rows) } else { rows.iter().map(|row| row + by).collect() }
}

fn targets_of(group: &[&ColumnEncoding], table: &Table, rows: &[usize]) -> Result<Targets, DataError> {
    if let [encoding] = group
        && let EncodingKind::OneHot { levels } = &encoding.kind
    {
        let column = encoding.column(table)?;
        let places = column.places(levels);
        let label = |&row: &usize| places.get(&column, row).unwrap_or(0) as u32;
        return Ok(Targets::Classes { names: levels.clone(), labels: rows.iter().map(label).collect() });
    }
    Ok(Targets::Values {
        names: group.iter().map(|e| e.column.clone()).collect(),
        values: encode(group, table, rows, 1)?.into_shared(),
        scales: group.iter().map(|e| e.scale()).collect(),
    })
}

/// The rows of a chunk of samples at one step.
struct ChunkRows {
    rows: [usize; CHUNK],
    count: usize,
    /// Whether they follow each other in the table.
    consecutive: bool,
}

impl ChunkRows {
    /// The rows that are `back` rows before the given ones, at most [`CHUNK`].
    fn of(last: &[usize], back: usize) -> Self {
        let mut rows = [0; CHUNK];
        let count = last.len().min(CHUNK);
        rows.iter_mut().zip(last).for_each(|(row, last)| *row = last - back);
        let consecutive = rows[..count].windows(2).all(|pair| pair[1] == pair[0] + 1);
        Self { rows, count, consecutive }
    }

    fn rows(&self) -> &[usize] {
        &self.rows[..self.count]
    }

    /// Writes what functions make of the numbers of a column into the first element of each slice.
    fn write<'o>(&self, numbers: &Numbers, functions: &[Function], out: impl Iterator<Item = &'o mut [f32]>) {
        let mut values = [0.0; CHUNK];
        let values = &mut values[..self.count];
        if self.consecutive && self.count > 0 {
            numbers.copy(self.rows[0], values);
        } else {
            numbers.gather(self.rows(), values);
        }
        for function in functions {
            function.apply_to(values);
        }
        out.zip(values).for_each(|(out, value)| out[0] = *value as f32);
    }
}

/// Writes the numbers of the tokens of each row; a missing text is all padding.
fn write_tokens<'o>(cells: impl Iterator<Item = (&'o mut [f32], usize)>, column: &Column, tokeniser: &Tokeniser<'_>) {
    let mut numbers = Vec::new();
    for (out, row) in cells {
        if column.is_missing(row) {
            out.fill(PADDING);
        } else {
            tokeniser.write(&column.cell(row), &mut numbers, out);
        }
    }
}

/// What became of the tokens of some rows of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenCount {
    /// Texts, those without any token too
    pub texts: usize,
    /// Texts that are longer than a sample, and are truncated
    pub truncated: usize,
    /// Tokens of the longest text
    pub longest: usize,
    /// All tokens
    pub tokens: usize,
    /// Tokens that are not in the vocabulary
    pub unknown: usize,
    /// Texts with such tokens
    pub with_unknown: usize,
}

impl TokenCount {
    /// The unknown tokens of `rows`, as words behind "Unknown: "; none where there are none.
    pub fn unknown_in(&self, rows: &str) -> Option<String> {
        let share = format::percent(self.unknown as f64 / self.tokens.max(1) as f64, 1);
        let of = format::count(self.tokens as u128);
        (self.unknown > 0)
            .then(|| format!("{} of {of} tokens of the {rows} ({share})", format::count(self.unknown as u128)))
    }
}

impl Encoder {
    /// For each column of tokens what becomes of the tokens of these rows.
    ///
    /// # Errors
    /// If a column is missing or holds another kind of values.
    pub fn count_tokens(&self, table: &Table, rows: &[usize]) -> Result<Vec<(String, TokenCount)>, DataError> {
        let count = |encoding: &ColumnEncoding| {
            let EncodingKind::Tokens(tokens) = &encoding.kind else { return None };
            let count = encoding.column(table).map(|column| {
                let (tokeniser, mut numbers, mut count) = (tokens.tokeniser(), Vec::new(), TokenCount::default());
                for &row in rows {
                    count.texts += 1;
                    if column.is_missing(row) {
                        continue;
                    }
                    tokeniser.read(&column.cell(row), &mut numbers);
                    let unknown = numbers.iter().filter(|&&n| n == 0).count();
                    count.tokens += numbers.len();
                    count.longest = count.longest.max(numbers.len());
                    count.truncated += usize::from(numbers.len() > tokens.length);
                    count.unknown += unknown;
                    count.with_unknown += usize::from(unknown > 0);
                }
                (encoding.column.clone(), count)
            });
            Some(count)
        };
        self.features.iter().filter_map(count).collect()
    }

    /// The token that the value of feature `k` stands for, empty for padding; none where the feature is no token.
    /// Only features of `columns` are counted, unless these are empty.
    pub fn token_of(&self, columns: &[String], k: usize, value: f32) -> Option<&str> {
        if self.window.is_some() {
            return None;
        }
        let mut k = k;
        let entering = |e: &&ColumnEncoding| columns.is_empty() || columns.contains(&e.label());
        for encoding in self.features.iter().filter(entering) {
            match &encoding.kind {
                EncodingKind::Tokens(tokens) if k < tokens.length => return Some(tokens.name(value)),
                _ if k < encoding.width() => return None,
                _ => k -= encoding.width(),
            }
        }
        None
    }

    /// Whether any feature is a token.
    pub fn has_tokens(&self) -> bool {
        self.features.iter().any(|e| matches!(e.kind, EncodingKind::Tokens(_)))
    }
}

/// `[rows, length · features]`: the features of the `length` rows that end with each row, the oldest first.
fn encode(
    encodings: &[&ColumnEncoding],
    table: &Table,
    rows: &[usize],
    length: usize,
) -> Result<Array2<f32>, DataError> {
    let mut parts = Vec::new();
    for encoding in encodings {
        let mut columns = vec![encoding.column(table)?];
        if let EncodingKind::Product { of, .. } = &encoding.kind {
            columns = of.iter().map(|f| find(table, &f.column).map(Cow::Borrowed)).collect::<Result<_, _>>()?;
            if let Some(text) = columns.iter().find(|c| !matches!(c.values, Values::Numbers(_) | Values::Dates(_))) {
                return Err(DataError::TextAsNumber { column: text.name.clone() });
            }
        }
        let levels = encoding.levels();
        let places = if levels.is_empty() { Places::OfLevels(Vec::new()) } else { columns[0].places(levels) };
        let tokeniser = if let EncodingKind::Tokens(tokens) = &encoding.kind { Some(tokens.tokeniser()) } else { None };
        parts.push((*encoding, columns, places, tokeniser, encoding.functions(), encoding.width()));
    }
    let width: usize = parts.iter().map(|(.., width)| width).sum();
    let whole = width * length;
    let mut flat = vec![0.0; rows.len() * whole];
    // Returns where the first infinite number is, which is looked for while the chunk is in the cache.
    let encode_chunk = |(chunk, out): (usize, &mut [f32])| {
        // Column by column over a few rows, so that columns and output stay in the cache.
        for step in 0..length {
            let rows = ChunkRows::of(&rows[chunk * CHUNK..], length - 1 - step);
            let mut start = step * width;
            for (encoding, columns, known, tokeniser, functions, width) in &parts {
                let places = out.chunks_exact_mut(whole).map(|out| &mut out[start..start + width]);
                match (tokeniser, functions, &columns[0].values) {
                    (Some(tokeniser), ..) => {
                        write_tokens(places.zip(rows.rows().iter().copied()), &columns[0], tokeniser);
                    }
                    // The most frequent case, without a branch per cell.
                    (None, Some(functions), Values::Numbers(numbers) | Values::Dates(numbers)) => {
                        rows.write(numbers, functions, places);
                    }
                    _ => {
                        for (&row, out) in rows.rows().iter().zip(places) {
                            encoding.encode(columns, known, row, out);
                        }
                    }
                }
                start += width;
            }
        }
        first(out, f32::is_infinite).map(|at| chunk * CHUNK * whole + at)
    };
    let infinite =
        if whole == 0 { None } else { flat.par_chunks_mut(CHUNK * whole).enumerate().filter_map(encode_chunk).min() };
    if let Some(at) = infinite {
        let (row, place) = (rows[at / whole], at % whole);
        let mut widths = parts.iter().scan(0, |end, (encoding, .., width)| {
            *end += width;
            Some((*end, encoding))
        });
        let column = widths.find(|(end, _)| place % width < *end).map_or_else(String::new, |(_, e)| e.label());
        return Err(DataError::Overflow { row: row + 1 + place / width + 1 - length, column });
    }
    Ok(Array2::from_shape_vec((rows.len(), whole), flat).expect("every row has the same width"))
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, ColumnEncoding, EncodingKind, Window};
    use crate::table::Places;
    use crate::{Column, Encoder, Function, ScaleCurve, Table, TargetScale};
    use proptest::prelude::{Just, Strategy as _, prop_assert_eq, prop_oneof, proptest};
    use std::borrow::Cow;

    fn encoding(column: &str, kind: EncodingKind, fill: Option<f64>) -> ColumnEncoding {
        ColumnEncoding { column: column.into(), read_as: None, kind, fill }
    }

    proptest! {
        /// Chunks of rows, consecutive or not, are encoded as one row is.
        #[test]
        fn rows_together_are_encoded_as_one_by_one(
            cells in proptest::collection::vec(
                prop_oneof![Just(f64::NAN), (0..=255_u8).prop_map(f64::from), -1e3..1e3, Just(1e30)], 3 * CHUNK),
            kinds in proptest::array::uniform3(0..3),
            fill in proptest::option::of(-9.0..9.0),
            (first, step, length) in (3_usize..40, 1_usize..3, 1_usize..4),
        ) {
            // Each in another width.
            let of = |kind: i32, v: f64| match kind {
                0 => v.abs().min(255.0).round(),
                1 => f64::from(v as f32),
                _ => v,
            };
            let name = |k: usize| ["a", "b", "c"][k];
            let column = |k: usize| {
                Column::numbers(name(k), cells.iter().map(|&v| if kinds[k] == 0 && v.is_nan() { 3.0 } else { of(kinds[k], v) }).collect::<Vec<_>>())
            };
            let table = Table { name: "t".into(), columns: (0..3).map(column).collect() };
            let line = TargetScale::line(0.3, 7.0);
            let features = vec![
                encoding("a", EncodingKind::Linear(line), fill),
                encoding("b", EncodingKind::Linear(TargetScale { curve: ScaleCurve::Log, ..line }), fill),
                encoding("c", EncodingKind::Chain {
                    name: "c".into(),
                    steps: vec![Function::Fill(2.0), Function::Clip { low: -5.0, high: 1e20 }, Function::Linear(line), Function::Raise(2)],
                }, None),
                encoding("b", EncodingKind::Missing, None),
            ];
            let rows: Vec<usize> = (first..cells.len()).step_by(step).collect();
            let window = (length > 1).then_some(Window { length, horizon: 0 });
            let encoder = Encoder { features: features.clone(), window, ..Encoder::default() };
            let x = encoder.features(&table, &rows).expect("numbers");
            for (sample, &row) in rows.iter().enumerate() {
                for back in 0..length {
                    for (k, feature) in features.iter().enumerate() {
                        let mut out = [0.0];
                        let columns = [Cow::Borrowed(table.column(&feature.column).expect("there"))];
                        feature.encode(&columns, &Places::OfLevels(Vec::new()), row - back, &mut out);
                        let found: f32 = x[[sample, (length - 1 - back) * features.len() + k]];
                        let bits = |v: f32| if v.is_nan() { f32::NAN.to_bits() } else { v.to_bits() };
                        prop_assert_eq!(bits(found), bits(out[0]), "row {} of feature {}", row - back, k);
                    }
                }
            }
        }
    }

    #[test]
    fn the_first_number_that_does_not_fit_is_told() {
        let numbers = |at: &[usize]| {
            let mut cells = vec![1.5; 20 * CHUNK];
            for &k in at {
                cells[k] = 1e300;
            }
            cells
        };
        let column = |name: &str, at: &[usize]| Column::numbers(name, numbers(at));
        let features = ["a", "b"].map(|name| encoding(name, EncodingKind::Linear(TargetScale::SAME), None));
        let encoder = Encoder { features: features.to_vec(), ..Encoder::default() };
        let all: Vec<usize> = (0..20 * CHUNK).collect();
        for (a, b, says) in [
            (&[700, 1000][..], &[699, 90][..], "Row 91, column \"b\""),
            (&[700], &[700, 1200], "Row 701, column \"a\""),
            (&[1279], &[], "Row 1280, column \"a\""),
        ] {
            let table = Table { name: "t".into(), columns: vec![column("a", a), column("b", b)] };
            let error = encoder.features(&table, &all).expect_err("too large").to_string();
            assert!(error.starts_with(says), "{error}");
        }
        let table = Table { name: "t".into(), columns: vec![column("a", &[]), column("b", &[])] };
        assert!(encoder.features(&table, &all).is_ok());
    }

    #[test]
    fn dates_become_turns() {
        let text = ["2024-01-01", "2024-07-02"];
        let table = Table { name: "t".into(), columns: vec![Column::text("day", text.map(Some))] };
        let kind = EncodingKind::Calendar { scale: TargetScale::SAME, times: false };
        let encoder = Encoder { features: vec![encoding("day", kind, None)], ..Encoder::default() };
        let x = encoder.features(&table, &[0, 1]).expect("dates");
        assert_eq!(x.dim(), (2, 5));
        let near = |a: f32, b: f32| (a - b).abs() < 1e-6;
        // New year on a Monday; half a leap year later on a Tuesday.
        assert!(near(x[[0, 1]], 0.0) && near(x[[0, 2]], 1.0) && near(x[[0, 3]], 0.0) && near(x[[0, 4]], 1.0));
        assert!(near(x[[1, 1]], 0.0) && near(x[[1, 2]], -1.0));
        assert!(near(x[[1, 3]], (std::f32::consts::TAU / 7.0).sin()));
    }
}
