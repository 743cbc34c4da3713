//! A lesson is a Markdown file: front matter, an introduction, and steps under headings of the second level. Fenced blocks
//! called `task` and `quiz` are read by the program; everything else is shown as it stands. `assets/lessons/README.md` is the
//! guide for those who write one.

use super::{Change, Goal, SolutionStep};
use crate::data::special_file;
use crate::project::{Document, Preset, builtin};
use std::path::{Path, PathBuf};

/// A lesson, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// The file's name without its ending: what progress is kept under.
    pub id: String,
    pub title: String,
    pub summary: String,
    pub order: u32,
    pub minutes: u32,
    /// A built-in preset, or a file beside the lesson.
    preset: String,
    setup: Vec<Change>,
    /// Where a file beside it would be.
    folder: Option<PathBuf>,
    /// What stands before the first heading.
    pub introduction: String,
    pub steps: Vec<Step>,
}

/// What stands under one heading.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub title: String,
    pub blocks: Vec<Block>,
}

/// A piece of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    Text(String),
    Task(Task),
    Quiz(Question),
}

/// Something to do, and when it is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    pub text: String,
    pub goal: Goal,
    /// The workspace where it is done.
    pub workspace: Option<String>,
    /// The control that is pointed at, by its name.
    pub highlight: Option<String>,
    pub hints: Vec<String>,
    /// How it can be solved; what is seen or answered in Explain stands for itself.
    pub solution: Vec<SolutionStep>,
}

/// A question with one right answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    pub text: String,
    pub answers: Vec<String>,
    pub right: usize,
    pub because: String,
}

/// What is wrong with a lesson, and where.
#[derive(Debug, thiserror::Error)]
#[error("{}, line {line}: {what}", path.display())]
pub struct LessonError {
    path: PathBuf,
    line: usize,
    what: String,
}

macro_rules! bundled {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../assets/lessons/", $name, ".md")))),*]
    };
}

const BUNDLED: [(&str, &str); 13] = bundled!(
    "01-one-neuron",
    "02-activation-functions",
    "03-the-error",
    "04-the-chain-rule",
    "05-forward-by-hand",
    "06-backward-by-hand",
    "07-the-update",
    "08-epochs-and-mini-batches",
    "09-why-hidden-layers",
    "10-vanishing-gradients",
    "11-overfitting",
    "12-optimizers",
    "13-convolutions",
);

/// The course that comes with the program.
///
/// # Panics
/// Never: a test reads every lesson.
pub fn lessons() -> Vec<Lesson> {
    let read = |(id, text): &(&str, &str)| {
        Lesson::parse(Path::new(id), text, None)
            .unwrap_or_else(|e| panic!("a lesson of the program cannot be read: {e}"))
    };
    BUNDLED.iter().map(read).collect()
}

/// Largest lesson that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// The lessons of a folder in their order, and what is wrong with those that cannot be read.
///
/// # Errors
/// When the folder cannot be read.
pub fn folder(path: &Path) -> Result<(Vec<Lesson>, Vec<LessonError>), LessonError> {
    let fail = |path: &Path, what: String| LessonError { path: path.to_owned(), line: 1, what };
    let entries = std::fs::read_dir(path).map_err(|e| fail(path, format!("the folder cannot be read: {e}")))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e.eq_ignore_ascii_case("md")))
        .filter(|p| !p.file_stem().is_some_and(|s| s.eq_ignore_ascii_case("readme")))
        .collect();
    files.sort();
    let (mut lessons, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        let about = std::fs::metadata(&file).ok();
        let text = if let Some(what) = about.as_ref().and_then(special_file) {
            Err(fail(&file, format!("it is {what}, not a file")))
        } else if about.is_some_and(|about| about.len() > LARGEST) {
            Err(fail(&file, "it is larger than a megabyte, which is no lesson".to_owned()))
        } else {
            std::fs::read_to_string(&file).map_err(|e| fail(&file, format!("it cannot be read: {e}")))
        };
        match text.and_then(|text| Lesson::parse(&file, &text, Some(path))) {
            Ok(lesson) => lessons.push(lesson),
            Err(problem) => problems.push(problem),
        }
    }
    lessons.sort_by_key(|l| l.order);
    Ok((lessons, problems))
}

impl Lesson {
    /// Reads a lesson. `folder` is where a preset beside it would be.
    ///
    /// # Errors
    /// The line that cannot be read, what is wrong with it, and what could stand there.
    pub fn parse(path: &Path, text: &str, folder: Option<&Path>) -> Result<Self, LessonError> {
        let fail = |line: usize, what: String| LessonError { path: path.to_owned(), line: line + 1, what };
        let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        // Editors of Windows write a byte-order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines: Vec<&str> = text.lines().collect();
        if lines.first().is_none_or(|l| l.trim() != "---") {
            return Err(fail(0, "a lesson begins with front matter between two lines of ---".to_owned()));
        }
        let end = lines.iter().skip(1).position(|l| l.trim() == "---").map(|n| n + 1);
        let Some(end) = end else { return Err(fail(0, "the front matter has no closing line of ---".to_owned())) };
        let mut lesson = Self {
            id,
            title: String::new(),
            summary: String::new(),
            order: 0,
            minutes: 0,
            preset: String::new(),
            setup: Vec::new(),
            folder: folder.map(Path::to_owned),
            introduction: String::new(),
            steps: Vec::new(),
        };
        for (at, line) in lines.iter().enumerate().take(end).skip(1).filter(|(_, l)| !l.trim().is_empty()) {
            let Some((key, value)) = line.split_once(':') else {
                return Err(fail(at, format!("“{line}” is not of the form key: value")));
            };
            let value = value.trim();
            let number = || value.parse().ok().ok_or_else(|| fail(at, format!("“{value}” is not a whole number")));
            match key.trim() {
                "title" => value.clone_into(&mut lesson.title),
                "summary" => value.clone_into(&mut lesson.summary),
                "order" => lesson.order = number()?,
                "minutes" => lesson.minutes = number()?,
                "preset" => value.clone_into(&mut lesson.preset),
                "setup" => {
                    for part in value.split(',') {
                        lesson.setup.push(Change::parse(part.trim()).map_err(|what| fail(at, what))?);
                    }
                }
                other => {
                    let known = "title, summary, order, minutes, preset, setup";
                    return Err(fail(at, format!("“{other}” is unknown; known are {known}")));
                }
            }
        }
        for (key, value) in [("title", &lesson.title), ("preset", &lesson.preset)] {
            if value.is_empty() {
                return Err(fail(end, format!("the front matter names no {key}")));
            }
        }
        let mut reader = Reader { lesson, open: String::new() };
        let mut at = end + 1;
        while at < lines.len() {
            let line = lines[at];
            match line.trim().strip_prefix("```") {
                Some(kind @ ("task" | "quiz")) => {
                    let close = (at + 1..lines.len()).find(|&n| lines[n].trim() == "```");
                    let close = close.ok_or_else(|| fail(at, "this block is never closed by ```".to_owned()))?;
                    let inside = &lines[at + 1..close];
                    let block =
                        if kind == "task" { task(inside).map(Block::Task) } else { quiz(inside).map(Block::Quiz) };
                    let block = block.map_err(|(line, what)| fail(at + 1 + line, what))?;
                    if !reader.put(block) {
                        return Err(fail(
                            at,
                            "a task or quiz stands in a step, under a heading of the form ## Title".to_owned(),
                        ));
                    }
                    at = close;
                }
                Some(_) => {
                    // A block for the reader's eyes, whatever headings it holds.
                    let close = (at + 1..lines.len()).find(|&n| lines[n].trim() == "```").unwrap_or(lines.len() - 1);
                    lines[at..=close].iter().for_each(|l| reader.text(l));
                    at = close;
                }
                None => match line.strip_prefix("## ") {
                    Some(title) => reader.begin(title.trim()),
                    None => reader.text(line),
                },
            }
            at += 1;
        }
        reader.flush();
        if reader.lesson.steps.is_empty() {
            return Err(fail(end, "a lesson has at least one step, under a heading of the form ## Title".to_owned()));
        }
        Ok(reader.lesson)
    }

    /// What it begins with.
    ///
    /// # Errors
    /// Why the preset cannot be read, in words.
    pub fn document(&self) -> Result<Document, String> {
        let preset = match (builtin(&self.preset), &self.folder) {
            (Some(own), _) => own.preset(),
            (None, Some(folder)) => Preset::open(&folder.join(&self.preset)),
            (None, None) => return Err(format!("There is no built-in preset called “{}”.", self.preset)),
        };
        let mut document = preset.map_err(|e| e.to_string())?.document;
        document.name.clone_from(&self.title);
        document.description.clone_from(&self.summary);
        self.setup.iter().for_each(|change| change.apply(&mut document));
        Ok(document)
    }

    /// Tasks and questions, each with its place among both.
    pub fn work(&self) -> impl Iterator<Item = &Block> {
        self.steps.iter().flat_map(|s| &s.blocks).filter(|b| !matches!(b, Block::Text(_)))
    }

    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.work().filter_map(|b| if let Block::Task(task) = b { Some(task) } else { None })
    }
}

/// A lesson that is being read, and the text since the last block.
struct Reader {
    lesson: Lesson,
    open: String,
}

impl Reader {
    fn text(&mut self, line: &str) {
        self.open.push_str(line);
        self.open.push('\n');
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.open);
        let text = text.trim().to_owned();
        match self.lesson.steps.last_mut() {
            _ if text.is_empty() => {}
            Some(step) => step.blocks.push(Block::Text(text)),
            None => self.lesson.introduction = text,
        }
    }

    fn begin(&mut self, title: &str) {
        self.flush();
        self.lesson.steps.push(Step { title: title.to_owned(), blocks: Vec::new() });
    }

    fn put(&mut self, block: Block) -> bool {
        self.flush();
        self.lesson.steps.last_mut().map(|step| step.blocks.push(block)).is_some()
    }
}

/// Lines of the form `key: value` after a text.
fn task(lines: &[&str]) -> Result<Task, (usize, String)> {
    let mut text = String::new();
    let mut goal = None;
    let mut task = Task {
        text: String::new(),
        goal: Goal::parse("epochs >= 0").map_err(|e| (0, e))?,
        workspace: None,
        highlight: None,
        hints: Vec::new(),
        solution: Vec::new(),
    };
    for (at, line) in lines.iter().enumerate() {
        let fail = |what: String| (at, what);
        match line.split_once(':').map(|(key, value)| (key.trim(), value.trim())) {
            Some(("goal", value)) => goal = Some(Goal::parse(value).map_err(fail)?),
            Some(("workspace", value)) => {
                const ALL: [&str; 4] = ["Data", "Build", "Train", "Explain"];
                if !ALL.contains(&value) {
                    return Err(fail(format!("“{value}” is none of the workspaces {}", ALL.join(", "))));
                }
                task.workspace = Some(value.to_owned());
            }
            Some(("highlight", value)) => task.highlight = Some(value.to_owned()),
            Some(("hint", value)) => task.hints.push(value.to_owned()),
            Some(("solution", value)) => {
                for part in value.split(',') {
                    task.solution.push(SolutionStep::parse(part.trim()).map_err(fail)?);
                }
            }
            _ => {
                text.push_str(line.trim());
                text.push(' ');
            }
        }
    }
    text.trim().clone_into(&mut task.text);
    task.goal = goal.ok_or((0, "a task needs a line of the form goal: MEASURE >= NUMBER".to_owned()))?;
    if task.text.is_empty() {
        return Err((0, "a task says what is to be done before its goal".to_owned()));
    }
    Ok(task)
}

/// A question, answers as list items of which the right one ends in `*`, and `because:`.
fn quiz(lines: &[&str]) -> Result<Question, (usize, String)> {
    let mut question = Question { text: String::new(), answers: Vec::new(), right: 0, because: String::new() };
    let mut right = None;
    for line in lines {
        if let Some(answer) = line.trim().strip_prefix("- ") {
            let answer = answer.trim();
            if let Some(plain) = answer.strip_suffix('*') {
                if right.replace(question.answers.len()).is_some() {
                    return Err((0, "a question has one right answer, but two end in *".to_owned()));
                }
                question.answers.push(plain.trim().to_owned());
            } else {
                question.answers.push(answer.to_owned());
            }
        } else if let Some(because) = line.trim().strip_prefix("because:") {
            because.trim().clone_into(&mut question.because);
        } else {
            question.text.push_str(line.trim());
            question.text.push(' ');
        }
    }
    question.text = question.text.trim().to_owned();
    question.right = right.ok_or((0, "the right answer of a question ends in *".to_owned()))?;
    if question.answers.len() < 2 || question.text.is_empty() {
        return Err((
            0,
            "a question has a text and at least two answers, each in a line that begins with -".to_owned(),
        ));
    }
    Ok(question)
}

#[cfg(test)]
mod tests {
    use super::{Block, Lesson, lessons};
    use std::path::Path;

    const SMALL: &str = "---\ntitle: Small\npreset: xor\norder: 3\nsetup: hidden units 3, noise 0.1\n---\nHello.\n\n## First\nDo it.\n\n```task\nTrain a little\ngoal: epochs >= 2\nworkspace: Train\nhint: Press play\nsolution: train 2 epochs\n```\n\nWell done.\n\n## Last\n```quiz\nWhich?\n- this\n- that *\nbecause: it is so\n```\n";

    #[test]
    fn a_lesson_is_read_with_its_steps_in_order() {
        let lesson = Lesson::parse(Path::new("small.md"), SMALL, None).expect("it is well formed");
        assert_eq!((lesson.id.as_str(), lesson.order, lesson.introduction.as_str()), ("small", 3, "Hello."));
        let titles: Vec<_> = lesson.steps.iter().map(|s| s.title.as_str()).collect();
        assert_eq!(titles, ["First", "Last"]);
        assert!(matches!(&lesson.steps[0].blocks[..], [Block::Text(_), Block::Task(_), Block::Text(_)]));
        let Block::Quiz(quiz) = &lesson.steps[1].blocks[0] else { panic!("a quiz") };
        assert_eq!((quiz.right, quiz.answers.len(), quiz.because.as_str()), (1, 2, "it is so"));
        let document = lesson.document().expect("the preset is built in");
        assert_eq!(
            crate::learn::goal::hidden(&document.network)
                .filter_map(crate::nn::layers::LayerDefinition::units)
                .sum::<usize>(),
            3
        );
    }

    #[test]
    fn a_lesson_may_begin_with_a_byte_order_mark_and_a_pipe_is_none() {
        let marked = format!("\u{feff}{SMALL}");
        let read = |text: &str| Lesson::parse(Path::new("small.md"), text, None).expect("it is well formed");
        assert_eq!(read(&marked), read(SMALL));
        let folder = tempfile::TempDir::new().expect("the system has a temporary folder");
        std::fs::write(folder.path().join("small.md"), marked).expect("can be written");
        #[cfg(unix)]
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("endless.md")).expect("can be made");
        let (lessons, problems) = super::folder(folder.path()).expect("can be read");
        assert_eq!(lessons.len(), 1);
        #[cfg(unix)]
        assert!(problems.len() == 1 && problems[0].to_string().contains("a device"), "{problems:?}");
    }

    #[test]
    fn what_is_wrong_with_a_lesson_is_said_with_its_line() {
        for (from, to, line, told) in [
            ("title: Small\n", "", 5, "no title"),
            ("order: 3", "order: soon", 4, "whole number"),
            ("order: 3", "colour: red", 4, "known are"),
            ("goal: epochs >= 2", "goal: beauty >= 2", 14, "cannot be measured"),
            ("solution: train 2 epochs", "solution: wait", 17, "what can"),
            ("workspace: Train", "workspace: Kitchen", 15, "none of the workspaces"),
            ("- that *", "- that", 24, "ends in *"),
            ("because: it is so\n```\n", "", 23, "never closed"),
        ] {
            let text = SMALL.replace(from, to);
            let problem = Lesson::parse(Path::new("small.md"), &text, None).expect_err(to).to_string();
            assert!(problem.contains(told) && problem.contains(&format!("line {line}:")), "{to}: {problem}");
        }
        assert!(Lesson::parse(Path::new("x.md"), "Hello", None).is_err());
    }

    #[test]
    fn the_course_is_in_order_and_says_how_its_tasks_are_solved() {
        let course = lessons();
        for (lesson, order) in course.iter().zip(1..) {
            assert_eq!(lesson.order, order, "{}", lesson.id);
            assert!(!lesson.summary.is_empty() && lesson.minutes > 0, "{}", lesson.id);
            assert!(lesson.tasks().count() > 0, "{} sets no task", lesson.id);
            assert!(matches!(lesson.work().last(), Some(Block::Quiz(_))), "{} closes with a quiz", lesson.id);
            for task in lesson.tasks() {
                assert!(!task.hints.is_empty(), "{}: {} has no hint", lesson.id, task.text);
                let seen = task.goal.measures().all(super::super::Measure::is_seen);
                assert!(seen || !task.solution.is_empty(), "{}: {} has no solution", lesson.id, task.text);
            }
        }
    }
}
