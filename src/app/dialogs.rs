//! The system's file dialogs, behind a seam so that tests can answer them. They run off the screen's thread.

use crate::data::ENDINGS;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Which file is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    OpenData,
    /// A folder of pictures.
    OpenFolder,
    /// The file of the document, which is not where it was.
    FindData,
    OpenPreset,
    SavePreset {
        suggestion: String,
    },
    /// A folder.
    OpenLessons,
    /// A file of the given kind (its name and ending) with these contents; one for each part, where there are several.
    SaveFile {
        title: &'static str,
        suggestion: String,
        kind: (&'static str, &'static str),
        parts: Vec<Arc<[u8]>>,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Chosen(PathBuf),
    Cancelled,
    /// No dialog could be shown.
    Unavailable,
}

/// Asks a person for a file.
pub trait Dialogs {
    /// Opens the dialog; the answer comes later.
    fn ask(&mut self, question: &Question, wake: Box<dyn Fn() + Send>) -> Receiver<Answer>;
}

/// The desktop's own dialogs.
#[derive(Debug)]
pub struct Native;

/// Nobody cancels a dialog faster than this: then none was shown.
const SHOWN: Duration = Duration::from_millis(120);

impl Dialogs for Native {
    fn ask(&mut self, question: &Question, wake: Box<dyn Fn() + Send>) -> Receiver<Answer> {
        let (sender, receiver) = channel();
        let question = question.clone();
        let work = move || {
            let begun = Instant::now();
            let answer = match show(&question) {
                Some(path) => Answer::Chosen(path),
                None if begun.elapsed() < SHOWN => Answer::Unavailable,
                None => Answer::Cancelled,
            };
            // The window may have closed meanwhile.
            sender.send(answer).ok();
            wake();
        };
        // Without a thread the channel closes at once, which reads as unavailable.
        std::thread::Builder::new().name("dialog".to_owned()).spawn(work).ok();
        receiver
    }
}

fn show(question: &Question) -> Option<PathBuf> {
    let dialog = rfd::FileDialog::new();
    match question {
        Question::OpenFolder => dialog.set_title("Open a folder of pictures").pick_folder(),
        Question::OpenData | Question::FindData => dialog
            .set_title(if *question == Question::OpenData { "Open data" } else { "Find the data" })
            .add_filter("Data", &ENDINGS)
            .add_filter("All files", &["*"])
            .pick_file(),
        Question::OpenPreset => dialog
            .set_title("Open preset")
            .add_filter("Chainrule presets", &["json"])
            .add_filter("All files", &["*"])
            .pick_file(),
        Question::SavePreset { suggestion } => dialog
            .set_title("Save preset")
            .add_filter("Chainrule presets", &["json"])
            .set_file_name(suggestion)
            .save_file()
            .map(|path| if path.extension().is_some() { path } else { path.with_extension("json") }),
        Question::OpenLessons => dialog.set_title("Open lessons").pick_folder(),
        Question::SaveFile { title, suggestion, kind: (name, ending), .. } => dialog
            .set_title(*title)
            .add_filter(*name, &[*ending])
            .set_file_name(suggestion)
            .save_file()
            .map(|path| if path.extension().is_some() { path } else { path.with_extension(ending) }),
    }
}
