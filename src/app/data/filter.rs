//! Which rows of a table are shown, and in which order.

use crate::data::{Column, Table};
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _, ParallelSliceMut as _};

/// One condition on a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub column: usize,
    pub test: Test,
    pub value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    Is,
    IsNot,
    Less,
    Greater,
    Contains,
    Missing,
}

impl Test {
    pub const ALL: [Self; 6] = [Self::Is, Self::IsNot, Self::Less, Self::Greater, Self::Contains, Self::Missing];

    pub fn label(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::IsNot => "≠",
            Self::Less => "<",
            Self::Greater => ">",
            Self::Contains => "contains",
            Self::Missing => "is missing",
        }
    }
}

/// What is asked of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Text that some cell must contain.
    pub search: String,
    pub conditions: Vec<Condition>,
    /// A column, and whether the largest comes first.
    pub sort: Option<(usize, bool)>,
}

impl Query {
    /// Whether it leaves the table as it is.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// The rows that it asks for, in its order; missing values stand last.
    pub fn rows(&self, table: &Table) -> Vec<u32> {
        let search = self.search.to_lowercase();
        let found = |row: usize| {
            search.is_empty() || table.columns.iter().any(|c| c.cell(row).to_lowercase().contains(&search))
        };
        let tests: Vec<_> = self.conditions.iter().filter_map(|c| Some((table.columns.get(c.column)?, c))).collect();
        let keeps = |row: &u32| {
            let row = *row as usize;
            tests.iter().all(|(column, c)| c.holds(column, row)) && found(row)
        };
        let mut rows: Vec<u32> = (0..table.rows() as u32).into_par_iter().filter(keeps).collect();
        if let Some((column, falling)) = self.sort.and_then(|(k, falling)| Some((table.columns.get(k)?, falling))) {
            let missing = |row: u32| column.is_missing(row as usize);
            let compare = |a: u32, b: u32| match column.kind() {
                crate::data::ColumnKind::Text => column.cell(a as usize).cmp(&column.cell(b as usize)),
                _ => column.number(a as usize).total_cmp(&column.number(b as usize)),
            };
            rows.par_sort_by(|&a, &b| {
                let order = compare(a, b);
                missing(a).cmp(&missing(b)).then(if falling { order.reverse() } else { order })
            });
        }
        rows
    }
}

impl Condition {
    fn holds(&self, column: &Column, row: usize) -> bool {
        let missing = column.is_missing(row);
        let number = |text: &str| text.trim().replace(',', ".").parse::<f64>();
        let cell = || column.cell(row);
        match self.test {
            Test::Missing => missing,
            _ if missing => false,
            Test::Contains => cell().to_lowercase().contains(&self.value.to_lowercase()),
            Test::Is | Test::IsNot => {
                let same = match number(&self.value) {
                    Ok(value) if column.is_number() => column.number(row) == value,
                    _ => cell() == self.value,
                };
                same == (self.test == Test::Is)
            }
            Test::Less | Test::Greater => {
                let order = match number(&self.value) {
                    Ok(value) if column.is_number() => column.number(row).total_cmp(&value),
                    // Dates are formatted so that alphabetical order is chronological.
                    _ => cell().as_str().cmp(self.value.as_str()),
                };
                order == if self.test == Test::Less { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Condition, Query, Test};
    use crate::data::{Column, Table};

    fn table() -> Table {
        Table {
            name: "t".into(),
            columns: vec![
                Column::numbers("n", vec![3.0, f64::NAN, 1.0, 2.0]),
                Column::text("word", [Some("Pear"), Some("apple"), None, Some("plum")]),
            ],
        }
    }

    #[test]
    fn rows_are_found_filtered_and_sorted() {
        let condition = |column, test, value: &str| Condition { column, test, value: value.into() };
        let with = |conditions: Vec<Condition>| Query { conditions, ..Query::default() }.rows(&table());
        assert_eq!(Query { search: "P".into(), ..Query::default() }.rows(&table()), [0, 1, 3]);
        assert_eq!(with(vec![condition(0, Test::Greater, "1")]), [0, 3]);
        assert_eq!(with(vec![condition(0, Test::Is, "1,0")]), [2]);
        assert_eq!(with(vec![condition(0, Test::Missing, "")]), [1]);
        assert_eq!(with(vec![condition(1, Test::IsNot, "plum")]), [0, 1]);
        assert_eq!(with(vec![condition(1, Test::Contains, "PL"), condition(0, Test::Less, "9")]), [3]);
        let sorted = |k, falling| Query { sort: Some((k, falling)), ..Query::default() }.rows(&table());
        assert_eq!((sorted(0, false), sorted(0, true)), (vec![2, 3, 0, 1], vec![0, 3, 2, 1]));
        assert_eq!(sorted(1, false), [0, 1, 3, 2]);
    }
}
