//! The split into training, validation and test rows, folds, and oversampling.

use super::error::DataError;
use super::table::Table;
use chainrule_common::seed::{Purpose, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The shares of validation and test rows, and how rows are chosen; the same for the same seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    pub validation: f64,
    pub test: f64,
    pub seed: u64,
    /// Keep the proportions of the classes in all parts.
    pub stratify: bool,
    #[serde(default, skip_serializing_if = "SplitBy::is_random")]
    pub by: SplitBy,
}

/// What decides to which part a row belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// At random
    #[default]
    Random,
    /// The order of the rows: the last ones are held back
    Order,
    /// The order of the values in a column, such as a date
    Time(String),
    /// Rows with the same value in a column stay together
    Group(String),
    /// A column says "train", "validation" or "test"
    Column(String),
}

impl SplitBy {
    fn is_random(&self) -> bool {
        *self == Self::Random
    }

    pub fn label(&self) -> &'static str {
        match self {
            Self::Random => "at random",
            Self::Order => "in order",
            Self::Time(_) => "by time",
            Self::Group(_) => "by group",
            Self::Column(_) => "by a column",
        }
    }

    /// The column that it goes by.
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::Random | Self::Order => None,
            Self::Time(name) | Self::Group(name) | Self::Column(name) => Some(name),
        }
    }
}

impl Default for Split {
    fn default() -> Self {
        Self { validation: 0.15, test: 0.15, seed: 1, stratify: true, by: SplitBy::Random }
    }
}

/// Assigns samples, numbered from 0, to parts or folds.
pub(super) struct Dealing<'a> {
    split: &'a Split,
    rows: usize,
    classes: Option<&'a [usize]>,
    key: Key,
}

/// What the assignment goes by, for every sample.
enum Key {
    Chance,
    /// Samples in order.
    Order(Vec<u32>),
    /// The group of each sample.
    Groups(Vec<usize>),
    /// The part of each sample.
    Parts(Vec<usize>),
}

impl<'a> Dealing<'a> {
    /// For the `kept` rows of a table.
    pub fn new(
        table: &Table,
        split: &'a Split,
        kept: &[usize],
        classes: Option<&'a [usize]>,
    ) -> Result<Self, DataError> {
        let column = match split.by.column() {
            Some(name) => Some(table.column(name).ok_or_else(|| DataError::ColumnGone(name.to_owned()))?),
            None => None,
        };
        let all = 0..kept.len() as u32;
        let key = match (&split.by, column) {
            (SplitBy::Order, _) => Key::Order(all.collect()),
            (SplitBy::Time(_), Some(column)) => {
                let mut order: Vec<u32> = all.collect();
                let text = column.kind() == super::table::ColumnKind::Text;
                order.sort_by(|&a, &b| {
                    let (a, b) = (kept[a as usize], kept[b as usize]);
                    if text {
                        column.cell(a).cmp(&column.cell(b))
                    } else {
                        column.number(a).total_cmp(&column.number(b))
                    }
                });
                Key::Order(order)
            }
            (SplitBy::Group(_), Some(column)) => {
                let mut known = HashMap::new();
                let group = |&row: &usize| {
                    let next = known.len();
                    *known.entry(column.cell(row)).or_insert(next)
                };
                Key::Groups(kept.iter().map(group).collect())
            }
            (SplitBy::Column(_), Some(column)) => {
                let part =
                    |&row: &usize| {
                        let cell = column.cell(row).to_lowercase();
                        let names = [["tr", "fit"], ["va", "dev"], ["te", "hold"]];
                        names.iter().position(|n| n.iter().any(|n| cell.starts_with(n))).ok_or_else(|| {
                            DataError::NoPart { row: row + 1, column: column.name.clone(), cell: column.cell(row) }
                        })
                    };
                Key::Parts(kept.iter().map(part).collect::<Result<_, _>>()?)
            }
            _ => Key::Chance,
        };
        Ok(Self { split, rows: kept.len(), classes: classes.filter(|_| split.stratify), key })
    }

    /// Training, validation and test rows, each in order.
    pub fn parts(&self) -> [Vec<u32>; 3] {
        self.parts_with(share(self.split.validation), share(self.split.test))
    }

    fn parts_with(&self, validation: f64, test: f64) -> [Vec<u32>; 3] {
        let mut parts = match &self.key {
            Key::Chance if validation + test == 0.0 => [(0..self.rows as u32).collect(), Vec::new(), Vec::new()],
            Key::Chance => self.at_random(validation, test),
            Key::Order(order) => {
                let count = |share: f64| (self.rows as f64 * share).round() as usize;
                let test = count(test).min(self.rows);
                let validation = count(validation).min(self.rows - test);
                let (rest, test) = order.split_at(self.rows - test);
                let (train, validation) = rest.split_at(rest.len() - validation);
                [train.to_vec(), validation.to_vec(), test.to_vec()]
            }
            Key::Groups(groups) => self.by_group(groups, validation, test),
            Key::Parts(of_rows) => {
                let mut parts = [const { Vec::new() }; 3];
                of_rows.iter().zip(0..).for_each(|(&part, row)| parts[part].push(row));
                parts
            }
        };
        for part in &mut parts {
            part.sort_unstable();
        }
        parts
    }

    fn at_random(&self, validation: f64, test: f64) -> [Vec<u32>; 3] {
        let mut groups: Vec<Vec<u32>> = Vec::new();
        match self.classes {
            Some(classes) => {
                groups.resize(classes.iter().max().map_or(0, |m| m + 1), Vec::new());
                classes.iter().zip(0..).for_each(|(&c, row)| groups[c].push(row));
            }
            None => groups.push((0..self.rows as u32).collect()),
        }
        let mut parts = [const { Vec::new() }; 3];
        let mut stream = Stream::new(self.split.seed, Purpose::Split, 0);
        // Counts are rounded on the running total, so that rounding errors do not add up over the groups.
        let (mut seen, mut dealt) = (0, [0_usize; 2]);
        for mut group in groups {
            stream.shuffle(&mut group);
            seen += group.len();
            let mut rest = group.as_slice();
            for (k, share) in [validation, test].into_iter().enumerate() {
                let wanted = ((seen as f64 * share).round() as usize).saturating_sub(dealt[k]).min(rest.len());
                let (held, left) = rest.split_at(wanted);
                parts[k + 1].extend_from_slice(held);
                dealt[k] += wanted;
                rest = left;
            }
            parts[0].extend_from_slice(rest);
        }
        parts
    }

    /// Assigns whole groups at random until each share is reached.
    fn by_group(&self, groups: &[usize], validation: f64, test: f64) -> [Vec<u32>; 3] {
        let members = members(groups);
        let mut order: Vec<usize> = (0..members.len()).collect();
        Stream::new(self.split.seed, Purpose::Split, 0).shuffle(&mut order);
        let mut parts = [const { Vec::new() }; 3];
        for group in order {
            let members = &members[group];
            // The test part first, then validation, as long as the group brings the part nearer to its share.
            let lack = |k: usize, share: f64, parts: &[Vec<u32>; 3]| share * self.rows as f64 - parts[k].len() as f64;
            let wanted = [(2, lack(2, test, &parts)), (1, lack(1, validation, &parts))];
            let held = wanted.into_iter().find(|(_, lack)| *lack >= members.len() as f64 / 2.0);
            parts[held.map_or(0, |(k, _)| k)].extend_from_slice(members);
        }
        parts
    }

    /// Rows of each fold, and the test rows, which are in none.
    pub fn folds(&self, count: usize) -> Result<(Vec<Vec<u32>>, Vec<u32>), DataError> {
        let [mut pool, validation, test] = self.parts_with(0.0, share(self.split.test));
        pool.extend(validation);
        pool.sort_unstable();
        let too_few = |rows| Err(DataError::TooFewForFolds { rows, folds: count });
        if count < 2 || pool.len() < count {
            return too_few(pool.len());
        }
        let mut held = vec![Vec::new(); count];
        match &self.key {
            Key::Order(order) => {
                let in_pool: Vec<u32> = order.iter().copied().filter(|row| pool.binary_search(row).is_ok()).collect();
                let length = in_pool.len();
                in_pool.into_iter().enumerate().for_each(|(k, row)| held[k * count / length].push(row));
            }
            Key::Groups(groups) => {
                let members = members(groups);
                let in_pool = |group: &&Vec<u32>| pool.binary_search(&group[0]).is_ok();
                let mut whole: Vec<&Vec<u32>> = members.iter().filter(in_pool).collect();
                if whole.len() < count {
                    return too_few(whole.len());
                }
                Stream::new(self.split.seed, Purpose::Split, 1).shuffle(&mut whole);
                // Large groups first, each to the smallest fold.
                whole.sort_by_key(|group| std::cmp::Reverse(group.len()));
                for group in whole {
                    if let Some(smallest) = held.iter_mut().min_by_key(|fold| fold.len()) {
                        smallest.extend_from_slice(group);
                    }
                }
            }
            Key::Chance | Key::Parts(_) => {
                Stream::new(self.split.seed, Purpose::Split, 1).shuffle(&mut pool);
                if let Some(classes) = self.classes {
                    // Rows of one class are distributed evenly over the folds.
                    pool.sort_by_key(|&row| classes[row as usize]);
                }
                pool.into_iter().enumerate().for_each(|(k, row)| held[k % count].push(row));
            }
        }
        for fold in &mut held {
            fold.sort_unstable();
        }
        Ok((held, test))
    }
}

fn share(value: f64) -> f64 {
    if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 }
}

/// The samples of each group.
fn members(groups: &[usize]) -> Vec<Vec<u32>> {
    let mut members = vec![Vec::new(); groups.iter().max().map_or(0, |m| m + 1)];
    groups.iter().zip(0..).for_each(|(&group, row)| members[group].push(row));
    members
}

/// Repeats random rows of rare classes until all classes are as frequent as the largest.
pub(super) fn oversample(classes: &[usize], training: &mut Vec<u32>, seed: u64) {
    let mut of_class: Vec<Vec<u32>> = vec![Vec::new(); classes.iter().max().map_or(0, |m| m + 1)];
    for &row in training.iter() {
        of_class[classes[row as usize]].push(row);
    }
    let most = of_class.iter().map(Vec::len).max().unwrap_or(0);
    let mut stream = Stream::new(seed, Purpose::Split, 2);
    for rows in of_class.iter().filter(|rows| !rows.is_empty()) {
        training.extend((rows.len()..most).map(|_| rows[stream.below(rows.len())]));
    }
    training.sort_unstable();
}
