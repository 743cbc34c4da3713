//! What each student has done, and the report for the class.

use super::{Block, Lesson};
use crate::project::replace_file;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// One lesson of one student.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Done {
    /// By place among the lesson's tasks and questions: whether the task is done, or the first answer was right.
    pub work: BTreeMap<usize, bool>,
    /// The first answer to each question, by the same place.
    pub answers: BTreeMap<usize, usize>,
    /// Hints that were asked for.
    pub hints: u32,
    /// Tasks that the program has solved.
    pub shown: u32,
}

/// Everybody's progress on this computer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CourseProgress {
    /// Who works now; nobody in particular where it is empty.
    pub student: String,
    students: BTreeMap<String, BTreeMap<String, Done>>,
}

impl Done {
    /// Takes an answer to the question at `place`; the first one counts.
    pub fn answer(&mut self, place: usize, answer: usize, right: bool) {
        self.work.entry(place).or_insert_with(|| {
            self.answers.insert(place, answer);
            right
        });
    }

    /// Begins anew; hints that were given stay counted.
    pub fn restart(&mut self) {
        self.work.clear();
        self.answers.clear();
    }
}

impl CourseProgress {
    /// What a file holds; nothing if it is not there.
    ///
    /// # Errors
    /// Why it cannot be read, with its name.
    pub fn read(path: &Path) -> Result<Option<Self>, String> {
        let told = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| told(&e)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(told(&e)),
        }
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// Why it cannot be written, with its name.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        replace_file(path, &serde_json::to_vec(self).map_err(|e| e.to_string())?)
    }

    /// Of the student who works now.
    pub fn of(&self, lesson: &str) -> Option<&Done> {
        self.students.get(self.student.trim())?.get(lesson)
    }

    pub fn of_mut(&mut self, lesson: &str) -> &mut Done {
        self.students.entry(self.student.trim().to_owned()).or_default().entry(lesson.to_owned()).or_default()
    }

    /// Tasks and questions of a lesson that are dealt with, and all.
    pub fn share(&self, lesson: &Lesson) -> (usize, usize) {
        let all = lesson.work().count();
        let done =
            self.of(&lesson.id).map_or(0, |done| lesson.work().enumerate().filter(|(i, b)| dealt(b, done, *i)).count());
        (done, all)
    }

    /// Forgets what the student who works now has done.
    pub fn forget(&mut self) {
        self.students.remove(self.student.trim());
    }

    /// A line for each student and lesson that was begun, as CSV.
    ///
    /// # Panics
    /// Never: writing to memory does not fail.
    pub fn report(&self, lessons: &[Lesson]) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let head = [
            "student",
            "lesson",
            "tasks done",
            "tasks",
            "questions right",
            "questions answered",
            "questions",
            "hints",
            "shown",
        ];
        writer.write_record(head).expect("memory takes everything");
        for (student, own) in &self.students {
            for lesson in lessons {
                let Some(done) = own.get(&lesson.id) else { continue };
                let count = |quiz: bool, is: fn(Option<&bool>) -> bool| {
                    let own = lesson.work().enumerate().filter(|(_, b)| matches!(b, Block::Quiz(_)) == quiz);
                    own.filter(|(i, _)| is(done.work.get(i))).count()
                };
                let numbers = [
                    count(false, |d| d == Some(&true)),
                    count(false, |_| true),
                    count(true, |d| d == Some(&true)),
                    count(true, |d| d.is_some()),
                    count(true, |_| true),
                    done.hints as usize,
                    done.shown as usize,
                ];
                let student = if student.is_empty() { "(no name)" } else { student };
                let row = [student.to_owned(), lesson.title.clone()].into_iter().chain(numbers.map(|n| n.to_string()));
                writer.write_record(row).expect("memory takes everything");
            }
        }
        String::from_utf8(writer.into_inner().expect("memory takes everything")).expect("text went in")
    }
}

/// Whether a task is done or a question answered.
fn dealt(block: &Block, done: &Done, place: usize) -> bool {
    match block {
        Block::Task(_) => done.work.get(&place) == Some(&true),
        Block::Quiz(_) => done.work.contains_key(&place),
        Block::Text(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::CourseProgress;
    use crate::learn::{Block, lessons};

    #[test]
    fn the_report_has_a_line_for_each_student_and_lesson() {
        let course = lessons();
        let lesson = &course[0];
        let mut progress = CourseProgress { student: "Ada".into(), ..CourseProgress::default() };
        for (place, block) in lesson.work().enumerate() {
            let done = progress.of_mut(&lesson.id);
            // Every task, and no question at the first attempt.
            done.work.insert(place, matches!(block, Block::Task(_)));
        }
        assert_eq!(progress.share(lesson).0, lesson.work().count());
        assert_eq!(progress.share(&course[1]).0, 0);
        progress.student = "Grace, H.".into();
        assert_eq!(progress.share(lesson).0, 0, "another student begins anew");
        progress.of_mut(&course[1].id).hints = 2;
        let report = progress.report(&course);
        let lines: Vec<&str> = report.lines().collect();
        assert_eq!(lines.len(), 3, "{report}");
        let tasks = lesson.tasks().count();
        let quizzes = lesson.work().count() - tasks;
        assert_eq!(lines[1], format!("Ada,{},{tasks},{tasks},0,{quizzes},{quizzes},0,0", lesson.title));
        assert!(lines[2].starts_with("\"Grace, H.\",") && lines[2].ends_with(",2,0"), "{}", lines[2]);
    }
}
