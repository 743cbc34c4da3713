//! What the training rows taught about each column, and how rows become numbers by it.

use super::error::DataError;
use super::prepare::{ColumnPlan, Missing, Role, Treatment};
use super::table::{Column, Table, Values};
use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The treatment of every used column, with what was learned from the training rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encoder {
    pub features: Vec<Encoding>,
    pub targets: Vec<Encoding>,
}

/// How one column becomes numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    pub column: String,
    pub kind: EncodingKind,
    /// What stands for a missing value; rows with one are dropped when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EncodingKind {
    /// (x − offset) / scale
    Linear(TargetScale),
    /// One column a level.
    OneHot { levels: Vec<String> },
    /// The place among the levels.
    Ordinal { levels: Vec<String> },
}

/// Encoded value = (x − offset) / scale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetScale {
    pub offset: f64,
    pub scale: f64,
}

impl TargetScale {
    /// The number in the column's own units.
    pub fn decode(self, value: f64) -> f64 {
        value.mul_add(self.scale, self.offset)
    }

    pub fn encode(self, value: f64) -> f64 {
        (value - self.offset) / self.scale
    }
}

/// What is to be predicted, one entry a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    Classes {
        names: Vec<String>,
        labels: Vec<u32>,
    },
    /// Encoded values `[rows, targets]`; each scale leads back to the column's own units.
    Values {
        names: Vec<String>,
        values: Array2<f32>,
        scales: Vec<TargetScale>,
    },
}

impl Targets {
    /// Name of the class, or the values in their own units.
    pub fn describe(&self, row: usize) -> String {
        match self {
            Self::Classes { names, labels } => names[labels[row] as usize].clone(),
            Self::Values { values, scales, .. } => {
                let cells = values
                    .row(row)
                    .iter()
                    .zip(scales)
                    .map(|(&v, s)| super::table::number(s.decode(f64::from(v))))
                    .collect::<Vec<_>>();
                cells.join(", ")
            }
        }
    }
}

impl Encoding {
    /// Numbers that the column becomes.
    pub fn width(&self) -> usize {
        match &self.kind {
            EncodingKind::OneHot { levels } => levels.len(),
            _ => 1,
        }
    }

    /// Names of these numbers.
    pub fn names(&self) -> Vec<String> {
        match &self.kind {
            EncodingKind::OneHot { levels } => levels.iter().map(|l| format!("{} = {l}", self.column)).collect(),
            _ => vec![self.column.clone()],
        }
    }

    /// How its numbers lead back to the column's own units.
    pub fn scale(&self) -> TargetScale {
        match self.kind {
            EncodingKind::Linear(scale) => scale,
            _ => TargetScale { offset: 0.0, scale: 1.0 },
        }
    }

    fn fit(plan: &ColumnPlan, column: &Column, kept: &[usize], training: &[usize]) -> Self {
        let numbers = || training.iter().map(|&row| raw(column, row)).filter(|v| !v.is_nan());
        let fill = match (plan.missing, plan.role) {
            (Missing::Drop, _) | (_, Role::Target | Role::Weight) => None,
            (Missing::Mean, _) if column.is_number() => Some(numbers().sum::<f64>() / numbers().count().max(1) as f64),
            // Text has no mean; its most frequent value stands in.
            (Missing::Mean | Missing::Mode, _) => mode(numbers().collect()),
            (Missing::Constant { value }, _) => Some(value),
        };
        let levels = || {
            let mut present = vec![];
            let names = column.classes();
            for &row in kept {
                if let Ok(at) = names.binary_search_by(|n| column.order(n, row)) {
                    present.push(at);
                }
            }
            present.sort_unstable();
            present.dedup();
            present.into_iter().map(|k| names[k].clone()).collect::<Vec<_>>()
        };
        let kind = match plan.treatment {
            Treatment::AsIs => EncodingKind::Linear(TargetScale { offset: 0.0, scale: 1.0 }),
            Treatment::Standardise | Treatment::MinMax => {
                let values: Vec<f64> = training
                    .iter()
                    .map(|&row| raw(column, row))
                    .filter_map(|v| if v.is_nan() { fill } else { Some(v) })
                    .collect();
                EncodingKind::Linear(linear(&values, plan.treatment))
            }
            Treatment::OneHot => EncodingKind::OneHot { levels: levels() },
            Treatment::Ordinal => EncodingKind::Ordinal { levels: levels() },
        };
        Self { column: plan.name.clone(), kind, fill }
    }

    /// Appends the numbers of one cell.
    fn encode(&self, column: &Column, row: usize, out: &mut Vec<f32>) {
        match &self.kind {
            EncodingKind::Linear(scale) => {
                let value = Some(raw(column, row)).filter(|v| !v.is_nan()).or(self.fill).unwrap_or(f64::NAN);
                out.push(scale.encode(value) as f32);
            }
            EncodingKind::OneHot { levels } => {
                let level = self.level(column, row, levels);
                out.extend((0..levels.len()).map(|k| if level == Some(k) { 1.0 } else { 0.0 }));
            }
            EncodingKind::Ordinal { levels } => {
                out.push(self.level(column, row, levels).map_or(-1.0, |k| k as f32));
            }
        }
    }

    /// Place of the cell among the levels; none where it is new.
    fn level(&self, column: &Column, row: usize, levels: &[String]) -> Option<usize> {
        if column.is_missing(row) {
            let fill = self.fill?;
            let text = match &column.values {
                Values::Numbers(_) => super::table::number(fill),
                Values::Text { levels, .. } => levels.get(fill as usize)?.clone(),
            };
            return levels.iter().position(|l| *l == text);
        }
        levels.binary_search_by(|n| column.order(n, row)).ok()
    }
}

/// The number in a cell, or the index of its level.
fn raw(column: &Column, row: usize) -> f64 {
    match &column.values {
        Values::Numbers(v) => v[row],
        Values::Text { codes, .. } => codes[row].map_or(f64::NAN, f64::from),
    }
}

fn mode(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let runs = values.chunk_by(|a, b| a == b);
    // Of equally frequent values the smallest counts.
    runs.rev().max_by_key(|run| run.len()).map(|run| run[0])
}

fn linear(values: &[f64], treatment: Treatment) -> TargetScale {
    let n = values.len().max(1) as f64;
    let (offset, spread) = if treatment == Treatment::MinMax {
        let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
        (low, high - low)
    } else {
        let mean = values.iter().sum::<f64>() / n;
        (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt())
    };
    // A constant column becomes zeros.
    let scale = if spread.is_finite() && spread > 1e-12 * offset.abs().max(1e-300) { spread } else { 1.0 };
    TargetScale { offset: if offset.is_finite() { offset } else { 0.0 }, scale }
}

impl Encoder {
    /// Learns every column from the `training` rows of the table (levels from all `kept` rows).
    pub(super) fn fit(used: &[(&ColumnPlan, &Column)], kept: &[usize], training: &[usize]) -> Self {
        let of = |role| {
            used.iter().filter(move |(p, _)| p.role == role).map(|(p, c)| Encoding::fit(p, c, kept, training)).collect()
        };
        Self { features: of(Role::Feature), targets: of(Role::Target) }
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        self.features.iter().map(Encoding::width).sum()
    }

    /// Names of the features.
    pub fn feature_names(&self) -> Vec<String> {
        self.features.iter().flat_map(Encoding::names).collect()
    }

    /// How each feature follows from its column, where that is a line.
    pub fn scales(&self) -> impl Iterator<Item = TargetScale> + '_ {
        self.features.iter().flat_map(|e| std::iter::repeat_n(e.scale(), e.width()))
    }

    /// The same for feature `k`.
    pub fn scale(&self, k: usize) -> TargetScale {
        self.scales().nth(k).unwrap_or(TargetScale { offset: 0.0, scale: 1.0 })
    }

    /// Features `[rows, features]` of the given rows of a table that has the same columns.
    ///
    /// # Errors
    /// When a column is gone or holds text where numbers are needed.
    pub fn features(&self, table: &Table, rows: &[usize]) -> Result<Array2<f32>, DataError> {
        encode(&self.features.iter().collect::<Vec<_>>(), table, rows)
    }

    /// Whether a row has a gap that nothing fills.
    pub fn has_gap(&self, table: &Table, row: usize) -> bool {
        let gap = |e: &Encoding| e.fill.is_none() && table.column(&e.column).is_some_and(|c| c.is_missing(row));
        self.features.iter().any(gap)
    }

    /// The targets by kind, in order of first appearance: each column of classes alone, all numbers together.
    pub fn target_groups(&self) -> Vec<Vec<&Encoding>> {
        let mut groups: Vec<Vec<&Encoding>> = Vec::new();
        for encoding in &self.targets {
            let is_number = |e: &Encoding| !matches!(e.kind, EncodingKind::OneHot { .. });
            match groups.iter_mut().find(|g| is_number(encoding) && is_number(g[0])) {
                Some(numbers) => numbers.push(encoding),
                None => groups.push(vec![encoding]),
            }
        }
        groups
    }

    pub(super) fn targets(&self, table: &Table, rows: &[usize]) -> Result<Vec<Targets>, DataError> {
        self.target_groups().into_iter().map(|group| targets_of(&group, table, rows)).collect()
    }
}

fn targets_of(group: &[&Encoding], table: &Table, rows: &[usize]) -> Result<Targets, DataError> {
    if let [Encoding { column, kind: EncodingKind::OneHot { levels }, .. }] = group {
        let column = table.column(column).ok_or_else(|| DataError::ColumnGone(column.clone()))?;
        let label = |&row: &usize| levels.binary_search_by(|n| column.order(n, row)).unwrap_or(0) as u32;
        return Ok(Targets::Classes { names: levels.clone(), labels: rows.iter().map(label).collect() });
    }
    Ok(Targets::Values {
        names: group.iter().map(|e| e.column.clone()).collect(),
        values: encode(group, table, rows)?,
        scales: group.iter().map(|e| e.scale()).collect(),
    })
}

fn encode(encodings: &[&Encoding], table: &Table, rows: &[usize]) -> Result<Array2<f32>, DataError> {
    let mut columns = Vec::new();
    for encoding in encodings {
        let name = &encoding.column;
        let column = table.column(name).ok_or_else(|| DataError::ColumnGone(name.clone()))?;
        if matches!(encoding.kind, EncodingKind::Linear(_)) && !column.is_number() {
            return Err(DataError::TextAsNumber { column: name.clone() });
        }
        columns.push(column);
    }
    let width: usize = encodings.iter().map(|e| e.width()).sum();
    let mut flat = Vec::with_capacity(rows.len() * width);
    for &row in rows {
        for (encoding, column) in encodings.iter().zip(&columns) {
            encoding.encode(column, row, &mut flat);
        }
    }
    Ok(Array2::from_shape_vec((rows.len(), width), flat).expect("every row has the same width"))
}
