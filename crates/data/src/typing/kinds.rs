//! How a column is read: what a person has set, or what was decided and is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the cells of a column are read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadKind {
    /// Numbers in any notation
    Number,
    /// Text as it is written
    Text,
    /// Dates, with or without a time
    Date,
    /// Times of day and lengths of time, in hours
    Hours,
    /// True and false in any spelling
    Boolean,
    /// Seconds since 1970
    EpochSeconds,
    /// Milliseconds since 1970
    EpochMilliseconds,
    /// Days since 1900, as workbooks count them
    WorkbookDays,
}

/// Which of the three numbers of a date is which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    DayFirst,
    MonthFirst,
    YearFirst,
    /// The year, the day and the month
    YearDayFirst,
}

impl DateOrder {
    /// Behind "dates with".
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::DayFirst => "the day first",
            Self::MonthFirst => "the month first",
            Self::YearFirst => "the year first",
            Self::YearDayFirst => "the year first, then the day",
        }
    }

    /// What the button says that chooses it.
    pub(crate) fn choice(self) -> &'static str {
        match self {
            Self::DayFirst => "The day is first",
            Self::MonthFirst => "The month is first",
            Self::YearFirst => "The year is first",
            Self::YearDayFirst => "The year is first, then the day",
        }
    }

    /// The one that is taken for it most easily.
    pub(crate) fn other(self) -> Self {
        if self == Self::DayFirst { Self::MonthFirst } else { Self::DayFirst }
    }
}

/// How one column is read. What is not set is detected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnReading {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ReadKind>,
    /// Cells that are gaps, in any case, besides empty ones: words, or numbers such as -9999.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Vec<String>>,
    /// Whether the decimal sign of numbers is a comma.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal_comma: Option<bool>,
    /// The unit behind or before all numbers; other units make gaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Whether k, M, B and their like behind numbers are thousands, millions and billions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub magnitudes: Option<bool>,
    /// Whether ="…" around cells, as Excel keeps digits, is left out; it is, unless that is denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formulas: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_order: Option<DateOrder>,
    /// Levels of text; cells that differ from one by case, blanks or the form of Unicode only are that level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spellings: Option<Vec<String>>,
}

impl ColumnReading {
    /// A column read as this kind.
    pub fn of(kind: ReadKind) -> Self {
        Self { kind: Some(kind), ..Self::default() }
    }

    /// Takes over what is not set.
    pub(crate) fn fill(&mut self, other: Self) {
        self.kind = self.kind.or(other.kind);
        self.missing = self.missing.take().or(other.missing);
        self.decimal_comma = self.decimal_comma.or(other.decimal_comma);
        self.unit = self.unit.take().or(other.unit);
        self.magnitudes = self.magnitudes.or(other.magnitudes);
        self.formulas = self.formulas.or(other.formulas);
        self.date_order = self.date_order.or(other.date_order);
        self.spellings = self.spellings.take().or(other.spellings);
    }

    /// Whether nothing is set.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

impl ReadKind {
    pub const ALL: [Self; 8] = [
        Self::Number,
        Self::Text,
        Self::Date,
        Self::Hours,
        Self::Boolean,
        Self::EpochSeconds,
        Self::EpochMilliseconds,
        Self::WorkbookDays,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Number => "numbers",
            Self::Text => "text",
            Self::Date => "dates",
            Self::Hours => "hours",
            Self::Boolean => "booleans",
            Self::EpochSeconds => "epoch seconds",
            Self::EpochMilliseconds => "epoch milliseconds",
            Self::WorkbookDays => "workbook days",
        }
    }

    /// The kind of a label, which may be in the singular.
    pub fn named(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase().replace(['_', '-'], " ");
        Self::ALL.into_iter().find(|kind| kind.label() == text || kind.label().strip_suffix('s') == Some(text.as_str()))
    }
}
