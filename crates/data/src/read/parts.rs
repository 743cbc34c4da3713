//! Columns that are read in parts, which are parsed at the same time.

use crate::numbers::Numbers;
use crate::table::{TextBuilder, Values};
use crate::typing::odd::OddCells;

/// Odd cells of a column that are kept: the first ones. Further ones are counted, so that nothing depends on where parts begin.
const ODD: usize = 1000;

/// A column that is being read.
pub(super) enum Sink {
    /// Numbers, the first cells among them that are none, and how many more there are.
    Numbers {
        numbers: Numbers,
        odd: OddCells,
        more: usize,
    },
    Text(TextBuilder),
    /// A column of supposed numbers in which text was found.
    Mistaken,
}

impl Sink {
    pub fn new(numeric: bool) -> Self {
        if numeric {
            Self::Numbers { numbers: Numbers::default(), odd: Vec::new(), more: 0 }
        } else {
            Self::Text(TextBuilder::default())
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Numbers { numbers, .. } => numbers.len(),
            Self::Text(text) => text.len(),
            Self::Mistaken => 0,
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Self::Numbers { numbers, odd, .. } => numbers.bytes() + 32 * odd.len(),
            Self::Text(text) => text.bytes(),
            Self::Mistaken => 0,
        }
    }

    /// Asks for memory for `rows` more numbers.
    pub fn reserve(&mut self, rows: usize) {
        if let Self::Numbers { numbers, .. } = self {
            numbers.reserve(rows);
        }
    }

    /// Appends the cells of a part of column `k`.
    pub fn append(&mut self, part: &Part, k: usize) {
        match (&mut *self, &part.columns[k]) {
            (
                Self::Numbers { numbers, odd, more },
                PartColumn::Numbers { place, odd: others, more: others_more, mistaken: false },
            ) => {
                let room = ODD - odd.len();
                odd.extend(others.iter().take(room).map(|(row, cell)| (row + numbers.len(), cell.clone())));
                *more += others.len().saturating_sub(room) + others_more;
                numbers.extend_with_every(&part.numbers, *place, part.width);
            }
            (Self::Text(text), PartColumn::Text(more)) => text.append(more),
            _ => *self = Self::Mistaken,
        }
    }

    /// Behind a block, which is the same for any number of threads: a column of which half is no number is text.
    pub fn settle(&mut self) {
        if matches!(self, Self::Numbers { numbers, more, .. } if *more * 2 > numbers.len()) {
            *self = Self::Mistaken;
        }
    }

    pub fn finish(self) -> Values {
        match self {
            Self::Numbers { mut numbers, .. } => {
                numbers.shrink();
                Values::Numbers(numbers)
            }
            Self::Text(text) => Values::Text(text.finish()),
            Self::Mistaken => unreachable!("such columns are read again"),
        }
    }
}

/// Some rows of all columns.
pub(super) struct Part {
    /// The numbers row by row, so that a row is written in one place however many columns there are.
    numbers: Vec<f64>,
    /// Columns of numbers.
    width: usize,
    /// Whole rows, and how many there may be: short ones take more memory than they have text.
    rows: usize,
    most_rows: usize,
    columns: Vec<PartColumn>,
    /// Memory for whoever fills it.
    pub memory: Vec<u32>,
}

/// A column of a part.
enum PartColumn {
    Numbers {
        /// Its place among the columns of numbers.
        place: usize,
        odd: OddCells,
        more: usize,
        /// Whether text was found in it.
        mistaken: bool,
    },
    Text(TextBuilder),
}

impl Part {
    pub fn new(numeric: &[bool]) -> Self {
        let mut width = 0;
        let column = |&numeric: &bool| {
            if numeric {
                width += 1;
                PartColumn::Numbers { place: width - 1, odd: Vec::new(), more: 0, mistaken: false }
            } else {
                PartColumn::Text(TextBuilder::default())
            }
        };
        let columns = numeric.iter().map(column).collect();
        Self { numbers: Vec::new(), width, rows: 0, most_rows: usize::MAX, columns, memory: Vec::new() }
    }

    /// Forgets all cells for another part of the columns `whole`, and keeps the memory. The part may take `most` bytes.
    pub fn clear(&mut self, whole: &[Sink], most: usize) {
        self.numbers.clear();
        self.rows = 0;
        self.most_rows = most / (size_of::<f64>() * self.columns.len().max(1));
        for (column, whole) in self.columns.iter_mut().zip(whole) {
            match column {
                PartColumn::Numbers { odd, more, mistaken, .. } => {
                    odd.clear();
                    *more = 0;
                    *mistaken = matches!(whole, Sink::Mistaken);
                }
                PartColumn::Text(text) => text.clear(matches!(whole, Sink::Text(whole) if whole.is_loose())),
            }
        }
    }

    /// Begins a row. Its numbers are missing as long as none are written; its texts are pushed one by one. There is none if the
    /// part takes too much memory.
    pub fn row(&mut self) -> Option<PartRow<'_>> {
        if self.rows >= self.most_rows {
            return None;
        }
        let start = self.numbers.len();
        self.numbers.resize(start + self.width, f64::NAN);
        self.rows += 1;
        Some(PartRow { numbers: &mut self.numbers[start..], columns: &mut self.columns, row: self.rows - 1 })
    }
}

/// A row of a part.
pub(super) struct PartRow<'a> {
    /// Its numbers side by side.
    pub numbers: &'a mut [f64],
    columns: &'a mut [PartColumn],
    row: usize,
}

impl PartRow<'_> {
    /// Whether cells of column `k` are looked at no more, since text was found in it.
    pub fn is_mistaken(&self, k: usize) -> bool {
        matches!(self.columns[k], PartColumn::Numbers { mistaken: true, .. })
    }

    pub fn is_number(&self, k: usize) -> bool {
        matches!(self.columns[k], PartColumn::Numbers { .. })
    }

    /// That column `k` is text after all.
    pub fn mistake(&mut self, k: usize) {
        if let PartColumn::Numbers { mistaken, odd, .. } = &mut self.columns[k] {
            *mistaken = true;
            odd.clear();
        }
    }

    /// The number in column `k`.
    pub fn number(&mut self, k: usize, value: f64) {
        if let PartColumn::Numbers { place, .. } = self.columns[k] {
            self.numbers[place] = value;
        }
    }

    /// A cell of column `k` that is no number.
    pub fn odd(&mut self, k: usize, cell: &str) {
        match &mut self.columns[k] {
            PartColumn::Numbers { odd, .. } if odd.len() < ODD => odd.push((self.row, cell.into())),
            PartColumn::Numbers { more, .. } => *more += 1,
            PartColumn::Text(_) => {}
        }
    }

    /// The text in column `k`; none if it is missing.
    pub fn text(&mut self, k: usize, cell: Option<&str>) {
        if let PartColumn::Text(text) = &mut self.columns[k] {
            text.push(cell);
        }
    }
}
