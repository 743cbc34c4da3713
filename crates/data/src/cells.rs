//! Columns that grow cell by cell, and names for them.

use super::dates;
use super::numbers::Numbers;
use super::table::{Column, TextBuilder, Values};

/// Builds a column cell by cell from a source whose cells are typed.
#[derive(Debug, Default)]
pub(super) struct CellColumn {
    numbers: Numbers,
    dates: usize,
    present: usize,
    text: Option<TextBuilder>,
}

impl CellColumn {
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    pub fn missing(&mut self) {
        self.numbers.push(f64::NAN);
        if let Some(text) = &mut self.text {
            text.push(None);
        }
    }

    pub fn number(&mut self, value: f64) {
        // Dates and numbers together are text.
        if self.dates > 0 && !value.is_nan() {
            self.written();
        }
        self.present += usize::from(!value.is_nan());
        self.numbers.push(value);
        if let Some(text) = &mut self.text {
            text.push(Some(value.to_string()).filter(|_| !value.is_nan()).as_deref());
        }
    }

    /// Seconds since 1970.
    pub fn date(&mut self, seconds: f64) {
        if self.dates < self.present {
            self.written();
        }
        self.dates += 1;
        self.present += 1;
        self.numbers.push(seconds);
        if let Some(text) = &mut self.text {
            text.push(Some(&dates::written(seconds)));
        }
    }

    pub fn text(&mut self, cell: &str) {
        let cell = cell.trim();
        if cell.is_empty() {
            return self.missing();
        }
        self.written().push(Some(cell));
        self.present += 1;
        self.numbers.push(f64::NAN);
    }

    /// The column as text, which earlier numbers or dates become.
    fn written(&mut self) -> &mut TextBuilder {
        let Self { numbers, text, .. } = self;
        let are_dates = self.dates > 0;
        text.get_or_insert_with(|| {
            let mut text = TextBuilder::default();
            for value in numbers.iter() {
                let written = if are_dates { dates::written(value) } else { value.to_string() };
                text.push(Some(written).filter(|_| !value.is_nan()).as_deref());
            }
            text
        })
    }

    /// Appends missing cells up to `rows`.
    pub fn pad(&mut self, rows: usize) {
        while self.len() < rows {
            self.missing();
        }
    }

    /// Bytes used while it is built.
    pub fn bytes(&self) -> usize {
        self.numbers.bytes() + self.text.as_ref().map_or(0, TextBuilder::bytes)
    }

    pub fn finish(mut self, name: String) -> Column {
        match self.text {
            Some(text) => Column::new(name, Values::Text(text.finish())),
            None => {
                self.numbers.shrink();
                Column::new(
                    name,
                    if self.dates > 0 { Values::Dates(self.numbers) } else { Values::Numbers(self.numbers) },
                )
            }
        }
    }
}

/// Makes names unique and fills empty ones in: "column 1" and so on.
pub(super) fn unique_names<'a>(given: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut used = std::collections::HashSet::new();
    let unique = |(k, given): (usize, &str)| {
        let base = if given.trim().is_empty() { format!("column {}", k + 1) } else { given.trim().to_owned() };
        let mut name = base.clone();
        let mut copy = 2;
        while !used.insert(name.clone()) {
            name = format!("{base} ({copy})");
            copy += 1;
        }
        name
    };
    given.into_iter().enumerate().map(unique).collect()
}

#[cfg(test)]
mod tests {
    use super::CellColumn;
    use crate::ColumnKind;

    #[test]
    fn a_column_of_numbers_and_words_is_text_as_it_was_written() {
        let mut column = CellColumn::default();
        column.number(1.5);
        column.missing();
        column.text("x");
        column.number(2.0);
        let column = column.finish("a".into());
        assert_eq!((0..4).map(|r| column.cell(r)).collect::<Vec<_>>(), ["1.5", "", "x", "2"]);
        assert!(column.is_missing(1) && column.kind() == ColumnKind::Text);
    }

    #[test]
    fn dates_and_numbers_together_are_text() {
        let cells = |column: CellColumn| {
            let column = column.finish("a".into());
            (0..column.len()).map(|r| column.cell(r)).collect::<Vec<_>>()
        };
        let (mut dates, mut numbers) = (CellColumn::default(), CellColumn::default());
        dates.date(86_400.0);
        dates.missing();
        dates.number(45_000.0);
        numbers.number(45_000.0);
        numbers.date(86_400.0);
        numbers.number(f64::NAN);
        assert_eq!(cells(dates), ["1970-01-02", "", "45000"]);
        assert_eq!(cells(numbers), ["45000", "1970-01-02", ""]);
    }
}
