//! A table of typed columns.

/// Columns of equal length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
}

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    pub values: Values,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// NaN where missing.
    Numbers(Vec<f64>),
    /// Index into `levels`; none where missing.
    Text { codes: Vec<Option<u32>>, levels: Vec<String> },
}

impl Table {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }
}

impl Column {
    pub fn numbers(name: impl Into<String>, values: Vec<f64>) -> Self {
        Self { name: name.into(), values: Values::Numbers(values) }
    }

    /// A text column with levels in order of first appearance.
    pub fn text<'a>(name: impl Into<String>, cells: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut levels: Vec<String> = Vec::new();
        let mut known = std::collections::HashMap::new();
        let codes = cells
            .into_iter()
            .map(|cell| {
                cell.map(|text| {
                    *known.entry(text.to_owned()).or_insert_with(|| {
                        levels.push(text.to_owned());
                        levels.len() as u32 - 1
                    })
                })
            })
            .collect();
        Self { name: name.into(), values: Values::Text { codes, levels } }
    }

    pub fn len(&self) -> usize {
        match &self.values {
            Values::Numbers(v) => v.len(),
            Values::Text { codes, .. } => codes.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn is_number(&self) -> bool {
        matches!(self.values, Values::Numbers(_))
    }

    pub fn is_missing(&self, row: usize) -> bool {
        match &self.values {
            Values::Numbers(v) => v[row].is_nan(),
            Values::Text { codes, .. } => codes[row].is_none(),
        }
    }

    /// The cell as people read it; empty where missing.
    pub fn cell(&self, row: usize) -> String {
        match &self.values {
            Values::Numbers(v) if v[row].is_nan() => String::new(),
            Values::Numbers(v) => number(v[row]),
            Values::Text { codes, levels } => codes[row].map_or_else(String::new, |c| levels[c as usize].clone()),
        }
    }

    /// The first row whose number is infinite.
    pub fn first_infinite(&self) -> Option<usize> {
        match &self.values {
            Values::Numbers(v) => v.iter().position(|x| x.is_infinite()),
            Values::Text { .. } => None,
        }
    }

    /// Where `level` of [`Self::classes`] stands in comparison with the cell; a missing cell is larger than all.
    pub fn order(&self, level: &str, row: usize) -> std::cmp::Ordering {
        match &self.values {
            Values::Numbers(v) => level.parse::<f64>().unwrap_or(f64::NAN).total_cmp(&rounded(v[row])),
            Values::Text { codes, levels } => {
                codes[row].map_or(std::cmp::Ordering::Less, |c| level.cmp(levels[c as usize].as_str()))
            }
        }
    }

    /// Distinct present values as text, sorted by number or name.
    pub fn classes(&self) -> Vec<String> {
        match &self.values {
            Values::Numbers(v) => {
                let mut distinct: Vec<f64> = v.iter().copied().filter(|x| !x.is_nan()).map(rounded).collect();
                distinct.sort_by(f64::total_cmp);
                distinct.dedup();
                distinct.into_iter().map(number).collect()
            }
            Values::Text { codes, levels } => {
                let mut used = vec![false; levels.len()];
                codes.iter().flatten().for_each(|&c| used[c as usize] = true);
                let mut names: Vec<String> =
                    levels.iter().zip(used).filter(|(_, u)| *u).map(|(l, _)| l.clone()).collect();
                names.sort();
                names
            }
        }
    }
}

/// The number as [`number`] writes it, so that levels and cells compare by what people see.
fn rounded(value: f64) -> f64 {
    if value.is_finite() { number(value).parse().unwrap_or(value) } else { value }
}

/// A number with at most six significant digits and no trailing zeros.
pub fn number(value: f64) -> String {
    significant(value, 6)
}

/// A number with at most so many significant digits, without trailing zeros; whole numbers are written out.
pub fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..9.0).contains(&magnitude) {
        return format!("{value:.*e}", digits.min(5) - 1);
    }
    let decimals = (digits as f64 - 1.0 - magnitude).clamp(0.0, 9.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
