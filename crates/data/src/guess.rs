//! A first preparation of a table: what is probably predicted, and what each column is for.

use super::plan::{ColumnPlan, Missing, Preparation, Role, Treatment};
use super::read::part;
use super::split::{Split, SplitBy};
use super::table::{Column, ColumnKind, Table, Text, Values};
use super::tokens::TokenPlan;
use rayon::prelude::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};

/// What is probably predicted, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGuess {
    /// Names of the columns; none of a table of pictures alone.
    pub columns: Vec<String>,
    /// The reason, to stand behind "because".
    pub reason: String,
}

/// A column to predict, and how: as classes, or as a number on some scale.
pub type TargetChoice = (String, Treatment);

/// Numbers with more distinct values are no classes.
const MANY_CLASSES: usize = 20;
/// Text with more distinct values is not made one-hot, and is no target that somebody would guess.
const MANY_LEVELS: usize = 50;
/// Names that a target has as a whole, the surest first.
const NAMES: [&str; 9] =
    ["target", "label", "outcome", "survived", "diagnosis", "class", "species", "category", "response"];
/// Words in the names of targets.
const WORDS: [&str; 16] = [
    "target",
    "label",
    "labels",
    "outcome",
    "class",
    "survived",
    "churn",
    "churned",
    "exited",
    "attrition",
    "default",
    "defaulted",
    "fraud",
    "diagnosis",
    "progression",
    "response",
];
/// Words that names of features may have too: they count where the last column is no target.
const WEAK_WORDS: [&str; 18] = [
    "species", "variety", "category", "price", "quality", "result", "income", "salary", "sales", "revenue", "mpg",
    "medv", "rating", "score", "cost", "charges", "status", "grade",
];

impl TargetGuess {
    /// The column that its name gives away, else the last that can be one. Columns named "target 1", "target_2" and so on
    /// are all targets.
    pub fn of(table: &Table) -> Self {
        let columns = &table.columns;
        let one = |k: usize, reason: String| Self { columns: vec![columns[k].name.clone()], reason };
        let numbered: Vec<String> =
            columns.iter().filter(|c| is_numbered_target(&c.name)).map(|c| c.name.clone()).collect();
        if !numbered.is_empty() {
            return Self { columns: numbered, reason: "they are numbered as targets".to_owned() };
        }
        let labels = one_hot_labels(table);
        if !labels.is_empty() {
            return Self { columns: labels, reason: "they are one label, 1 in the column of its class".to_owned() };
        }
        let fits: Vec<bool> = columns.par_iter().map(|c| unfit(c).is_none()).collect();
        let fitting = |k: &usize| fits[*k];
        let places = || (0..columns.len()).filter(fitting);
        let called = |name: &str| places().find(|&k| columns[k].name.trim().eq_ignore_ascii_case(name));
        let with_word = |words: &[&str]| {
            places().rev().find(|&k| words_of(&columns[k].name).iter().any(|w| words.contains(&w.as_str())))
        };
        if let Some(k) = NAMES.iter().find_map(|name| called(name)).or_else(|| with_word(&WORDS)) {
            return one(k, "its name says so".to_owned());
        }
        let Some(last) = columns.len().checked_sub(1) else { return Self::default() };
        // Tables without names, as those of UCI, often have the classes first.
        let classes = |k: usize| columns[k].kind() != ColumnKind::Image && is_of_classes(&columns[k]);
        let nameless = columns.iter().all(|c| c.name.to_lowercase().starts_with("column "));
        if nameless && fits[0] && classes(0) && (1..columns.len()).all(|k| !classes(k)) {
            return one(0, "it is the only column of classes".to_owned());
        }
        if fits[last] {
            return one(last, "it is the last column".to_owned());
        }
        if let Some(k) = with_word(&WEAK_WORDS) {
            return one(k, "its name says so".to_owned());
        }
        match places().next_back() {
            Some(k) => {
                let why = unfit(&columns[last]).unwrap_or_default();
                one(k, format!("the columns after it are hard to predict: \"{}\" {why}", columns[last].name))
            }
            // Something is predicted, so that the preparation can be corrected.
            None => match columns.iter().rposition(|c| c.kind() != ColumnKind::Image) {
                Some(k) => one(k, "no column looks like a target".to_owned()),
                None => Self::default(),
            },
        }
    }
}

fn is_numbered_target(name: &str) -> bool {
    let name = name.to_lowercase();
    let rest = name.strip_prefix("target").map(|r| r.trim_start_matches([' ', '_', '-']));
    rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()))
}

/// The words of a name in lower case, "HasChurned_2" as "has", "churned" and "2".
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let next = !c.is_alphanumeric()
            || (c.is_uppercase() && before.is_lowercase())
            || (c.is_ascii_digit() != before.is_ascii_digit());
        if next && words.last().is_some_and(|w| !w.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words
}

/// Why nobody would predict the column, if so.
fn unfit(column: &Column) -> Option<&'static str> {
    let rows = column.len();
    match &column.values {
        Values::Images(_) => Some("holds pictures"),
        _ if column.is_blank() => Some("is empty"),
        Values::Dates(_) => Some("holds dates"),
        Values::Numbers(_) if is_called_id(&column.name) && column.counts_rows() => Some("numbers the rows"),
        _ if is_bookkeeping(column) => Some("numbers the rows"),
        _ if names_parts(column) => Some("says the part of each row"),
        Values::Text(text) if rows > MANY_CLASSES && is_free_text(text) => {
            Some("holds text that differs from row to row")
        }
        Values::Numbers(v) if rows > 1 && v.missing() == 0 && v.iter().all(|n| n == v.get(0)) => {
            Some("has the same value in every row")
        }
        _ => None,
    }
}

/// Whether most cells differ: names, keys, sentences.
fn is_free_text(text: &Text) -> bool {
    let counts = text.counts();
    let (distinct, cells) = (counts.iter().filter(|&&n| n > 0).count(), counts.iter().sum::<usize>());
    distinct > MANY_LEVELS && distinct * 2 > cells
}

/// Whether cells are sentences rather than names of levels.
fn is_long(text: &Text) -> bool {
    const WORDS: usize = 5;
    let (words, cells) = text
        .levels()
        .iter()
        .zip(text.counts())
        .fold((0, 0), |(words, cells), (level, n)| (words + n * level.split_whitespace().count(), cells + n));
    words > WORDS * cells
}

/// Whether the values of a target are classes: text, two numbers, or a few whole ones that occur often.
fn is_of_classes(column: &Column) -> bool {
    if column.kind() != ColumnKind::Number {
        return column.kind() == ColumnKind::Text;
    }
    let Some(levels) = column.classes(MANY_CLASSES) else { return false };
    let whole = levels.iter().all(|l| l.parse::<i64>().is_ok());
    whole && (levels.len() <= 2 || levels.len() * 5 <= column.len() - column.missing())
}

/// Whether so few rows have a value that a feature would be little but imputed values: at most one in twenty, of twenty rows or
/// more. An empty column is another matter.
pub(super) fn is_nearly_empty(column: &Column) -> bool {
    let (rows, missing) = (column.len(), column.missing());
    rows >= 20 && missing < rows && (rows - missing) * 20 <= rows
}

/// Whether every row says "train", "validation" or "test", and some say the first and some another.
fn names_parts(column: &Column) -> bool {
    let Values::Text(text) = &column.values else { return false };
    let used = || text.levels().iter().zip(text.counts()).filter(|(_, n)| *n > 0).map(|(level, _)| part(level));
    column.missing() == 0
        && (2..=3).contains(&used().count())
        && used().all(|p| p.is_some())
        && used().any(|p| p == Some("train"))
}

/// Whether a program wrote the column for itself: pandas' index, or the row numbers of a table without a name for them.
fn is_bookkeeping(column: &Column) -> bool {
    let name = column.name.trim().to_lowercase();
    let of_program = name.starts_with("__index_level_") || name.starts_with("unnamed: 0") || name == "level_0";
    let nameless = ["column 1", "index", "idx", "row", "rownames", "row_id", "rowid", "_id", "#", "nr", "no"];
    of_program || (nameless.contains(&name.as_str()) && numbers_rows(column))
}

/// Whether the values are the numbers of the rows from 0 or 1 on, in any order, each once.
fn numbers_rows(column: &Column) -> bool {
    const FEW: usize = 10;
    let Values::Numbers(v) = &column.values else { return false };
    if v.len() < FEW || v.missing() > 0 {
        return false;
    }
    let mut seen = vec![false; v.len()];
    let first = v.iter().fold(f64::INFINITY, f64::min);
    (first == 0.0 || first == 1.0)
        && v.iter().all(|value| {
            let place = value - first;
            place.fract() == 0.0 && seen.get_mut(place as usize).is_some_and(|seen| !std::mem::replace(seen, true))
        })
}

/// Columns that are one label, 1 in the column of its class and 0 in the others: `y[0]`, `y[1]` and so on.
fn one_hot_labels(table: &Table) -> Vec<String> {
    const NAMES: [&str; 10] =
        ["y", "y_train", "target", "targets", "label", "labels", "train_y", "train_labels", "onehot", "classes"];
    let stem = |c: &Column| c.name.strip_suffix(']').and_then(|n| Some(n.split_once('[')?.0.to_owned()));
    let Some(last) = table.columns.iter().filter_map(stem).rfind(|s| NAMES.contains(&s.to_lowercase().as_str())) else {
        return Vec::new();
    };
    let group: Vec<&Column> = table.columns.iter().filter(|c| stem(c).as_ref() == Some(&last)).collect();
    let rows = table.rows();
    let one_hot = group.len() > 1
        && (0..rows).all(|row| {
            let cells = || group.iter().map(|c| c.number(row));
            cells().all(|v| v == 0.0 || v == 1.0) && cells().sum::<f64>() == 1.0
        });
    if one_hot { group.iter().map(|c| c.name.clone()).collect() } else { Vec::new() }
}

/// Whether the name suggests an identifier of rows.
fn is_called_id(name: &str) -> bool {
    const NAMES: [&str; 9] = ["index", "idx", "row", "rownames", "nr", "no", "#", "unnamed: 0", "column 1"];
    let name = name.trim().to_lowercase();
    name.ends_with("id") || NAMES.contains(&name.as_str())
}

impl Preparation {
    /// A first guess, with the target of [`TargetGuess`].
    pub fn guess(table: &Table) -> Self {
        Self::for_targets(table, &TargetGuess::of(table).columns)
    }

    /// A guess where the targets are known by their names.
    pub fn for_targets(table: &Table, targets: &[String]) -> Self {
        let plan = |(k, c): (usize, &Column)| {
            // Of columns that share a name, which readers do not make, the last is meant.
            let last = || table.columns.iter().rposition(|other| other.name == c.name) == Some(k);
            ColumnPlan::guess(c, targets.contains(&c.name) && last())
        };
        let mut columns: Vec<ColumnPlan> = table.columns.par_iter().enumerate().map(plan).collect();
        let mut split = Split::default();
        // A column that says the part of each row splits the rows, and is no feature.
        let free = |c: &&Column| !targets.contains(&c.name);
        if let Some(column) = table.columns.iter().filter(free).find(|c| names_parts(c)) {
            split.by = SplitBy::Column(column.name.clone());
            columns.iter_mut().filter(|c| c.name == column.name).for_each(|c| c.role = Role::Ignore);
        }
        // Where there is nothing else to go by than sentences, these are read.
        if !columns.iter().any(|c| c.role == Role::Feature) {
            let sentences = |c: &Column| matches!(&c.values, Values::Text(text) if is_long(text));
            let texts = columns.iter_mut().zip(&table.columns).filter(|(p, c)| p.role == Role::Ignore && sentences(c));
            texts.for_each(|(p, _)| (p.role, p.treatment) = (Role::Feature, Treatment::Tokens(TokenPlan::DEFAULT)));
        }
        Self { columns, steps: Vec::new(), split }
    }

    /// What to know of the columns that are not used because hardly a row has a value of them, in a sentence each.
    pub fn nearly_empty(&self, table: &Table) -> Vec<String> {
        let ignored = self.columns.iter().filter(|plan| plan.role == Role::Ignore);
        let columns =
            ignored.filter_map(|plan| table.column(&plan.name)).filter(|c| is_nearly_empty(c) || c.is_blank());
        let told =
            |c: &Column| format!("\"{}\" is not a feature: {} of {} rows have no value", c.name, c.missing(), c.len());
        columns.map(told).collect()
    }

    /// What is predicted.
    pub fn choices(&self) -> Vec<TargetChoice> {
        self.targets().map(|c| (c.name.clone(), c.treatment)).collect()
    }

    /// Predicts these columns in this way, and no others.
    pub fn predict(&mut self, table: &Table, choices: &[TargetChoice]) {
        let names: Vec<String> = choices.iter().map(|(name, _)| name.clone()).collect();
        self.retarget(table, &names);
        for (name, treatment) in choices {
            self.columns.iter_mut().filter(|c| c.name == *name).for_each(|c| c.treatment = *treatment);
        }
    }

    /// Makes these columns the targets, each treated as suits it, and features of those that were targets before.
    pub fn retarget(&mut self, table: &Table, targets: &[String]) {
        for plan in &mut self.columns {
            let Some(column) = table.column(&plan.name) else { continue };
            match (plan.role == Role::Target, targets.contains(&plan.name)) {
                (false, true) => plan.take_role(Role::Target, column),
                (true, false) => plan.take_role(ColumnPlan::guess(column, false).role, column),
                _ => {}
            }
        }
    }
}

impl ColumnPlan {
    /// What is done with a column where nobody has said it. Where values are missing they are imputed: by the median of
    /// numbers, the most frequent level of text. Of a column without gaps it is not known how to fill one, so that a new row
    /// which has one gets no prediction.
    pub fn guess(column: &Column, target: bool) -> Self {
        let rows = column.len();
        let (role, treatment) = match (target, &column.values) {
            (_, Values::Images(_)) => (Role::Feature, Treatment::MinMax),
            (true, _) if is_of_classes(column) => (Role::Target, Treatment::OneHot),
            (true, _) => (Role::Target, Treatment::Standardise),
            (false, Values::Text(_)) if is_nearly_empty(column) => (Role::Ignore, Treatment::OneHot),
            (false, _) if is_nearly_empty(column) => (Role::Ignore, Treatment::Standardise),
            (false, _) if is_bookkeeping(column) => (Role::Ignore, Treatment::Standardise),
            (false, Values::Text(text)) => text_feature(text),
            (false, _) if rows > 0 && column.is_blank() => (Role::Ignore, Treatment::Standardise),
            (false, Values::Numbers(_)) if is_called_id(&column.name) && column.counts_rows() => {
                (Role::Ignore, Treatment::Standardise)
            }
            (false, Values::Numbers(_)) => (Role::Feature, Treatment::Standardise),
            (false, Values::Dates(_)) => (Role::Feature, Treatment::Calendar),
        };
        let missing = match column.kind() {
            _ if target || column.missing() == 0 => Missing::Drop,
            ColumnKind::Number | ColumnKind::Date => Missing::Median,
            ColumnKind::Text => Missing::Mode,
            ColumnKind::Image => Missing::Drop,
        };
        Self { name: column.name.clone(), role, treatment, missing, read_as: None }
    }

    /// Gives the column another role, with the treatment that suits it. A scale that was chosen for a number stays one.
    pub fn take_role(&mut self, role: Role, column: &Column) {
        let converted = self.read_as.and_then(|kind| column.converted(kind));
        let column = converted.as_ref().unwrap_or(column);
        let guess = Self::guess(column, role == Role::Target);
        let chosen = self.treatment.is_scale() && guess.treatment.is_scale();
        if self.role != role && !chosen {
            self.treatment = guess.treatment;
        }
        if self.role == Role::Target && role != Role::Target {
            self.missing = guess.missing;
        }
        self.role = role;
    }
}

/// A few levels are one-hot; more of them, and sentences, are left out, and hashed should somebody want them.
fn text_feature(text: &Text) -> (Role, Treatment) {
    let counts = text.counts();
    let (levels, cells) = (counts.iter().filter(|&&n| n > 0).count(), text.len());
    if levels == 0 {
        (Role::Ignore, Treatment::OneHot)
    } else if is_long(text) || levels > MANY_LEVELS || levels * 2 > cells {
        (Role::Ignore, Treatment::Hash)
    } else {
        (Role::Feature, Treatment::OneHot)
    }
}

#[cfg(test)]
mod tests {
    use super::{TargetGuess, words_of};
    use crate::{Column, ColumnPlan, Missing, Preparation, Role, Table, Treatment};

    fn numbers(name: &str, of: impl Fn(usize) -> f64) -> Column {
        Column::numbers(name, (0..100).map(of).collect::<Vec<f64>>())
    }

    fn text(name: &str, of: impl Fn(usize) -> String) -> Column {
        let cells: Vec<String> = (0..100).map(of).collect();
        Column::text(name, cells.iter().map(|c| Some(c.as_str())))
    }

    fn table(columns: Vec<Column>) -> Table {
        Table { name: "t".into(), columns }
    }

    fn messy(i: usize) -> f64 {
        ((i * 7919 + 13) % 101) as f64 / 7.0
    }

    #[test]
    fn a_column_that_only_counts_the_rows_is_no_feature() {
        let role = |name: &str, of: &dyn Fn(usize) -> f64| {
            let table = table(vec![numbers(name, of), numbers("target", messy)]);
            Preparation::guess(&table).columns[0].role
        };
        assert_eq!(role("PassengerId", &|i| (i + 5) as f64), Role::Ignore);
        assert_eq!(role("PassengerId", &messy), Role::Feature);
        assert_eq!(role("step", &|i| (i + 5) as f64), Role::Feature);
    }

    #[test]
    fn what_is_predicted_is_guessed_by_name_place_and_kind() {
        let name = |i: usize| format!("Name {i} of somebody");
        let port = |i: usize| ["S", "C", "Q"][i % 3].to_owned();
        let target = |columns: Vec<Column>| {
            let guess = TargetGuess::of(&table(columns));
            assert!(!guess.reason.is_empty());
            guess.columns
        };
        let half = |i: usize| (i % 2) as f64;
        // The Titanic's passengers.
        let passengers = vec![
            numbers("PassengerId", |i| i as f64),
            numbers("Survived", half),
            numbers("Pclass", |i| (i % 3) as f64),
            text("Name", name),
            text("Embarked", port),
        ];
        assert_eq!(target(passengers.clone()), ["Survived"]);
        // The last one is no target, or its name is told only by a part.
        assert_eq!(target(vec![numbers("a", messy), numbers("b", half), text("note", name)]), ["b"]);
        assert_eq!(target(vec![numbers("HasChurned", half), numbers("b", messy)]), ["HasChurned"]);
        assert_eq!(target(vec![numbers("price", messy), numbers("b", messy)]), ["b"]);
        assert_eq!(target(vec![numbers("price", messy), numbers("same", |_| 1.0)]), ["price"]);
        assert_eq!(target(vec![numbers("x", messy), numbers("y", messy), numbers("z", messy)]), ["z"]);
        assert_eq!(target(vec![numbers("Subclass", half), numbers("b", messy)]), ["b"]);
        // Without names: the classes, wherever they stand.
        let nameless = |k: usize| numbers(&format!("Column {k}"), |i| messy(i) * k as f64);
        assert_eq!(target(vec![numbers("Column 1", half), nameless(2), nameless(3)]), ["Column 1"]);
        assert_eq!(target(vec![nameless(1), nameless(2), numbers("Column 3", half)]), ["Column 3"]);
        assert_eq!(
            target(vec![numbers("target_1", messy), nameless(2), numbers("target_2", half)]),
            ["target_1", "target_2"]
        );
    }

    #[test]
    fn words_of_a_name_are_told_by_signs_capitals_and_digits() {
        assert_eq!(words_of("HasChurned_2"), ["has", "churned", "2"]);
        assert_eq!(words_of("default payment next month"), ["default", "payment", "next", "month"]);
        assert_eq!(words_of("target0"), ["target", "0"]);
    }

    #[test]
    fn gaps_are_imputed_and_sentences_are_not_one_hot() {
        let gap = |i: usize| if i.is_multiple_of(10) { f64::NAN } else { messy(i) };
        let sentence = |i: usize| format!("a longer sentence about thing number {} of a few", i % 9);
        let table = table(vec![
            numbers("a", gap),
            Column::text("colour", (0..100).map(|i| [Some("red"), Some("blue"), None][i % 3])),
            text("review", sentence),
            text("key", |i| format!("k{i}")),
            numbers("whole", messy),
            numbers("target", |i| (i % 2) as f64),
        ]);
        let plan = Preparation::guess(&table);
        let of = |name: &str| plan.columns.iter().find(|c| c.name == name).expect("is there");
        assert_eq!((of("a").missing, of("colour").missing), (Missing::Median, Missing::Mode));
        assert_eq!(of("whole").missing, Missing::Drop, "nothing is known of gaps where there are none");
        assert_eq!((of("review").role, of("review").treatment), (Role::Ignore, Treatment::Hash));
        assert_eq!((of("key").role, of("key").treatment), (Role::Ignore, Treatment::Hash));
        assert_eq!(of("target").treatment, Treatment::OneHot);
    }

    #[test]
    fn a_column_that_hardly_has_values_is_no_feature_and_that_is_said() {
        let sparse = |i: usize| if i < 5 { messy(i) } else { f64::NAN };
        let some = |i: usize| if i < 6 { messy(i) } else { f64::NAN };
        let table = table(vec![
            numbers("sparse", sparse),
            Column::text("pool", (0..100).map(|i| (i == 7).then_some("good"))),
            numbers("some", some),
            numbers("target", |i| (i % 2) as f64),
        ]);
        let mut plan = Preparation::guess(&table);
        assert_eq!(
            plan.columns.iter().map(|c| c.role).collect::<Vec<_>>(),
            [Role::Ignore, Role::Ignore, Role::Feature, Role::Target]
        );
        let told = plan.nearly_empty(&table);
        assert!(told.len() == 2 && told[1].contains("\"pool\"") && told[1].contains("99 of 100"), "{told:?}");
        // It is offered to use them all the same.
        let summaries: Vec<_> = table.columns.iter().map(crate::summarise).collect();
        let found = crate::warnings(&table, &summaries, &["some"], Some("target"));
        let fix = found.iter().filter_map(|w| w.fix.clone()).find(|f| f.label() == "Use pool").expect("an offer");
        fix.apply(&mut plan);
        assert_eq!(plan.columns[1].role, Role::Feature);
        assert!(crate::prepare(&table, &plan).is_ok(), "its gaps are imputed");
    }

    #[test]
    fn bookkeeping_is_neither_feature_nor_target_and_a_column_of_parts_splits_the_rows() {
        let shuffled = |i: usize| ((i * 37) % 100) as f64;
        let part = |i: usize| ["train", "train", "valid", "test"][i % 4].to_owned();
        let table = table(vec![
            numbers("Unnamed: 0", messy),
            numbers("a", messy),
            numbers("y", |i| (i % 2) as f64),
            text("set", part),
            numbers("index", shuffled),
            numbers("__index_level_0__", shuffled),
        ]);
        assert_eq!(TargetGuess::of(&table).columns, ["y"]);
        let plan = Preparation::guess(&table);
        let roles: Vec<Role> = plan.columns.iter().map(|c| c.role).collect();
        use Role::{Feature, Ignore, Target};
        assert_eq!(roles, [Ignore, Feature, Target, Ignore, Ignore, Ignore]);
        assert_eq!(plan.split.by.column(), Some("set"));
        assert!(crate::prepare(&table, &plan).is_ok());
    }

    #[test]
    fn one_hot_labels_are_targets_together() {
        let hot = |k: usize| numbers(&format!("y[{k}]"), move |i| f64::from(u8::from(i % 3 == k)));
        let table = table(vec![numbers("x", messy), hot(0), hot(1), hot(2)]);
        assert_eq!(TargetGuess::of(&table).columns, ["y[0]", "y[1]", "y[2]"]);
    }

    #[test]
    fn a_column_that_becomes_the_target_is_treated_as_one() {
        let table = table(vec![
            numbers("zero or one", |i| (i % 2) as f64),
            numbers("few", |i| (i % 7) as f64),
            numbers("many", messy),
            text("words", |i| ["red", "blue"][i % 2].to_owned()),
            numbers("last", |i| (i % 2) as f64),
        ]);
        let mut plan = Preparation::guess(&table);
        for (name, treatment) in [
            ("zero or one", Treatment::OneHot),
            ("few", Treatment::OneHot),
            ("many", Treatment::Standardise),
            ("words", Treatment::OneHot),
        ] {
            plan.retarget(&table, &[name.to_owned()]);
            let targets: Vec<&ColumnPlan> = plan.targets().collect();
            assert_eq!((targets.len(), targets[0].name.as_str(), targets[0].treatment), (1, name, treatment));
        }
        // The one before is a feature again, as it would have been.
        let first = &plan.columns[0];
        assert_eq!(
            (first.role, first.treatment, first.missing),
            (Role::Feature, Treatment::Standardise, Missing::Drop)
        );
        // Several of different kinds.
        plan.retarget(&table, &["few".to_owned(), "many".to_owned()]);
        assert_eq!(
            plan.targets().map(|c| c.treatment).collect::<Vec<_>>(),
            [Treatment::OneHot, Treatment::Standardise]
        );
    }
}
