//! The options for reading a file.

use crate::data::{ColumnReading, DateOrder, PixelColumns, Quoting, ReadKind, ReadOptions, Separator};

/// How a file is read, where it is not to be detected.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Reading the file")]
pub(super) struct ReadArguments {
    /// What separates the columns of a text file: a character or several, "tab", "space", "blanks" for any number of them,
    /// "none" for one column, or the characters of a line at which columns begin, such as fixed:0,10,18
    #[arg(long, value_name = "TEXT", value_parser = separator)]
    delimiter: Option<Separator>,
    /// Whether its first row holds the names of the columns
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    header: Option<bool>,
    /// How many rows make the names of the columns, joined by a blank
    #[arg(long, value_name = "ROWS")]
    header_rows: Option<usize>,
    /// Whether its numbers have a decimal comma
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    decimal_comma: Option<bool>,
    /// Its text encoding, such as UTF-8 or windows-1252
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// Lines that begin with it are skipped; "none" if all are rows
    #[arg(long, value_name = "CHARACTER", value_parser = comment)]
    comment: Option<String>,
    /// Lines before the table
    #[arg(long, value_name = "LINES")]
    skip: Option<usize>,
    /// Lines after the table that are not blank
    #[arg(long, value_name = "LINES")]
    footer: Option<usize>,
    /// Whether rows that hold sums, means and their like of others are kept
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    summaries: Option<bool>,
    /// Whether cells may stand in quotes; if not, quotes are plain characters
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    quotes: Option<bool>,
    /// What is unusual about quotes: single (they are single ones), backslash (a backslash before a quote makes it one of the
    /// cell), blanks (they may stand before quotes), several of these separated by commas, or usual
    #[arg(long, value_name = "WORDS", value_parser = Quoting::named)]
    quoting: Option<Quoting>,
    /// Whether lines that draw a table, such as ---+---, are left out, with the bars around its rows
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    drawn: Option<bool>,
    /// Whether cells beyond the last column are left out instead of refused
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    cut_long_rows: Option<bool>,
    /// The sheet of a workbook
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// The arrays of an archive that become columns, separated by commas; names that hold one stand in quotes
    #[arg(long, value_name = "NAMES", value_parser = words)]
    arrays: Option<Words>,
    /// The file in an archive of several
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
    /// The table or view of a database, or the table of a web page
    #[arg(long, value_name = "NAME", conflicts_with = "query")]
    table: Option<String>,
    /// An SQL query that reads from a database
    #[arg(long, value_name = "SQL")]
    query: Option<String>,
    /// The key below which the records of JSON lie, such as results or answer.items
    #[arg(long, value_name = "KEY")]
    records: Option<String>,
    /// Whether one-hot labels of an array become one column of classes
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    one_hot: Option<bool>,
    /// Whether columns that pandas had as its index are taken too
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    index: Option<bool>,
    /// The cells of a sheet that are the table, such as A3:D20
    #[arg(long, value_name = "CELLS")]
    area: Option<String>,
    /// The folder that names the class of a picture, counted from 1 below the folder of the parts
    #[arg(long, value_name = "LEVEL")]
    class_folder: Option<usize>,
    /// Columns that are the pixels of pictures: the first one, and the size, such as pixel0,28,28; ,3 behind it for colours
    #[arg(long, value_name = "COLUMN,HEIGHT,WIDTH", value_parser = pixels)]
    pixels: Option<PixelColumns>,
    /// Words that mean a missing value, separated by commas, in place of the usual ones; one that holds a comma stands in quotes,
    /// as in "NA,\"no, unknown\""
    #[arg(long, value_name = "WORDS", value_parser = words)]
    missing: Option<Words>,
    /// What a column is read as: number, text, date, hours, boolean, epoch-seconds, epoch-milliseconds or workbook-days; for dates
    /// also day-first, month-first, year-first or year-day. May be given for several columns
    #[arg(long = "column", value_name = "NAME=KIND", value_parser = column)]
    columns: Vec<(String, ColumnReading)>,
}

impl ReadArguments {
    /// What the command line says, and the rest as in `options`.
    pub(super) fn over(&self, options: ReadOptions) -> ReadOptions {
        let Self {
            delimiter,
            header,
            header_rows,
            decimal_comma,
            encoding,
            comment,
            skip,
            footer,
            summaries,
            quotes,
            quoting,
            drawn,
            cut_long_rows,
            sheet,
            arrays,
            pixels,
            member,
            table,
            query,
            records,
            area,
            class_folder,
            one_hot,
            index,
            missing,
            columns,
        } = self.clone();
        let mut by_name = options.columns;
        by_name.extend(columns);
        ReadOptions {
            delimiter: delimiter.or(options.delimiter),
            header: header.or(options.header),
            header_rows: header_rows.or(options.header_rows),
            decimal_comma: decimal_comma.or(options.decimal_comma),
            encoding: encoding.or(options.encoding),
            comment: comment.or(options.comment),
            skip: skip.or(options.skip),
            footer: footer.or(options.footer),
            summaries: summaries.or(options.summaries),
            quotes: quotes.or(options.quotes),
            quoting: quoting.or(options.quoting),
            drawn: drawn.or(options.drawn),
            cut_long_rows: cut_long_rows.or(options.cut_long_rows),
            sheet: sheet.or(options.sheet),
            arrays: arrays.map(|words| words.0).or(options.arrays),
            member: member.or(options.member),
            table: table.or(options.table),
            query: query.or(options.query),
            records: records.or(options.records),
            area: area.or(options.area),
            one_hot: one_hot.or(options.one_hot),
            index: index.or(options.index),
            class_folder: class_folder.or(options.class_folder),
            indices: options.indices,
            images: options.images,
            pixels: pixels.or(options.pixels),
            missing: missing.map(|words| words.0).or(options.missing),
            columns: by_name,
        }
    }

    /// Whether columns of pixels are left as they are.
    pub(super) fn takes_no_pixels(&self) -> bool {
        self.pixels.is_none()
    }

    /// The columns that it names.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// As a file is read of which nothing is known but this.
    pub(super) fn alone(&self) -> ReadOptions {
        self.over(ReadOptions::default())
    }
}

/// A list that was given as one text.
#[derive(Clone, Debug)]
struct Words(Vec<String>);

/// The words between commas, those in quotes with the commas that they hold.
fn words(text: &str) -> Result<Words, String> {
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader.has_headers(false).trim(csv::Trim::All).from_reader(text.as_bytes());
    let record = reader.into_records().next().transpose().map_err(|e| e.to_string())?;
    Ok(Words(record.iter().flatten().map(str::to_owned).collect()))
}

fn separator(text: &str) -> Result<Separator, String> {
    match text {
        "tab" | "\\t" => Ok(Separator::Character('\t')),
        "space" => Ok(Separator::Character(' ')),
        "blanks" => Ok(Separator::Blanks),
        "none" => Ok(Separator::NONE),
        text => Separator::try_from(text.to_owned()),
    }
}

fn comment(text: &str) -> Result<String, String> {
    let mut characters = text.chars();
    match (text, characters.next(), characters.next()) {
        ("none" | "", ..) => Ok(String::new()),
        (_, Some(one), None) if one.is_ascii() => Ok(one.to_string()),
        _ => Err("it must be one character of ASCII, or \"none\"".to_owned()),
    }
}

fn pixels(text: &str) -> Result<PixelColumns, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let (first, sizes) = parts.split_first().ok_or("it must name the first column")?;
    let sizes: Result<Vec<u32>, _> = sizes.iter().map(|s| s.parse::<u32>()).collect();
    match sizes.as_deref() {
        Ok([height, width, rest @ ..]) if rest.len() < 2 => Ok(PixelColumns {
            first: (*first).to_owned(),
            height: *height,
            width: *width,
            channels: rest.first().copied().unwrap_or(1),
            planar: false,
        }),
        _ => Err("it must be the first column, the height and the width, such as pixel0,28,28".to_owned()),
    }
}

fn column(text: &str) -> Result<(String, ColumnReading), String> {
    let (name, kind) = text.rsplit_once('=').ok_or("it must be the name of a column and a kind, such as zip=text")?;
    let order = match kind {
        "day-first" => Some(DateOrder::DayFirst),
        "month-first" => Some(DateOrder::MonthFirst),
        "year-first" => Some(DateOrder::YearFirst),
        "year-day" => Some(DateOrder::YearDayFirst),
        _ => None,
    };
    let kind = if order.is_some() { Some(ReadKind::Date) } else { ReadKind::named(kind) };
    let kind = kind.ok_or_else(|| {
        let all: Vec<String> = ReadKind::ALL.iter().map(|k| k.label().replace(' ', "-")).collect();
        format!(
            "\"{}\" is none of {}, day-first, month-first, year-first and year-day",
            text.rsplit('=').next().unwrap_or(""),
            all.join(", ")
        )
    })?;
    Ok((name.to_owned(), ColumnReading { date_order: order, ..ColumnReading::of(kind) }))
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err("it must be yes or no".to_owned()),
    }
}
