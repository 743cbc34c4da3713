//! Keeps the open document and its run in the user's data folder, so that they outlive a crash; and what ended programs have left
//! there. Copies are made by the trainer's thread and written by a thread of their own.

use super::files::RunMark;
use super::jobs::{Job, Jobs};
use super::open::OpenDocument;
use super::trainer::Trainer;
use crate::project::{About, Document, Left, Place, Preset, Steps, left_behind};
use crate::train::{Command, RunState};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Changes are kept when nothing else has changed for so long, or after [`LATEST`].
const QUIET: Duration = Duration::from_millis(700);
const LATEST: Duration = Duration::from_millis(1500);
/// A run that goes on is kept so often.
const RUN: Duration = Duration::from_secs(8);

/// What is open: equal marks mean that there is nothing new to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    /// The number of the document on screen, and its revision.
    opened: u64,
    revision: u64,
    /// Where the run stands, if something was trained.
    run: Option<RunMark>,
}

/// What is kept, as it is when it is written.
struct Kept {
    document: Document,
    about: About,
    steps: Steps,
    /// Asked of the trainer, if something was trained.
    run: Option<Receiver<RunState>>,
}

impl Kept {
    fn of(open: &OpenDocument, trainer: &Trainer, trained: bool) -> Self {
        let project = &open.project;
        let mut document = project.document().clone();
        document.data.source.name_whole();
        let about = About { path: project.path.clone(), dirty: project.is_dirty() };
        let run = trained.then(|| {
            let (sender, receiver) = channel();
            trainer.send(Command::Save(sender));
            receiver
        });
        Self { document, about, steps: project.steps(), run }
    }
}

/// What is under way.
enum Writing {
    /// The run is on its way.
    Run {
        kept: Box<Kept>,
        job: Job<RunState>,
    },
    Files(Job<Result<(), String>>),
}

/// The keeper of one window.
#[derive(Default)]
pub struct Autosave {
    /// None where nothing is kept.
    place: Option<Arc<Place>>,
    /// What ended programs have left, the last first.
    left: Vec<Left>,
    /// What the files hold, and since when.
    written: Option<(Mark, Instant)>,
    /// The newest mark, when it was first seen, and when a change was first seen that is not written.
    seen: Option<(Mark, Instant, Instant)>,
    writing: Option<Writing>,
    problem: Option<String>,
    /// In what time there will be something to keep.
    again: Option<Duration>,
    /// What was left is asked about at the next start.
    later: bool,
}

impl Autosave {
    /// Keeps what is open below `data` from now on. Returns what cannot be read there, or why nothing can be kept.
    pub fn keep_below(&mut self, data: &Path) -> Vec<String> {
        let (left, mut problems) = left_behind(data);
        self.left = left;
        match Place::new(data) {
            Ok(place) => self.place = Some(Arc::new(place)),
            Err(e) => problems.push(e),
        }
        problems
    }

    /// In what time there will be something to keep.
    pub fn again(&self) -> Option<Duration> {
        self.again
    }

    /// The newest of what was left, to be asked about, and how much more there is.
    pub fn left(&self) -> Option<(&Left, usize)> {
        self.left.first().filter(|_| !self.later).map(|left| (left, self.left.len() - 1))
    }

    /// Asks at the next start.
    pub fn ask_later(&mut self) {
        self.later = true;
    }

    /// Takes the newest of what was left; its place becomes this window's.
    pub fn take_left(&mut self) -> Option<(Preset, About, Steps)> {
        if self.left.is_empty() {
            return None;
        }
        let Left { place, preset, about, steps, .. } = self.left.remove(0);
        // The others wait for the next start.
        self.later = true;
        self.forget();
        if let Some(old) = self.place.replace(Arc::new(place)) {
            old.remove();
        }
        Some((preset, about, steps))
    }

    /// Gives the newest of what was left up for good.
    pub fn discard_left(&mut self) {
        if !self.left.is_empty() {
            self.left.remove(0).place.remove();
        }
    }

    /// The program ends in good order: there is nothing to recover.
    pub fn end(&mut self) {
        self.forget();
        if let Some(place) = self.place.take() {
            place.remove();
        }
    }

    fn forget(&mut self) {
        (self.written, self.seen, self.writing) = (None, None, None);
    }

    /// Looks whether there is something new to keep; `opened` counts the documents. Returns a problem when it is a new one.
    pub fn look(&mut self, open: &OpenDocument, opened: u64, trainer: &Trainer, jobs: &Jobs) -> Option<String> {
        let run = trainer.run();
        let project = &open.project;
        let mark = Mark { opened, revision: project.revision(), run };
        let new = project.is_dirty() || run.is_some_and(|run| !open.saved_run.holds(run));
        let runs = trainer.snapshot().is_running();
        let now = || Kept::of(open, trainer, run.is_some());
        let (again, problem) = self.look_at(new.then_some((mark, runs)), Instant::now(), jobs, now);
        self.again = again;
        problem
    }

    /// The same for what is open and whether it trains, none where nothing would be lost, at `time`; `now` gives what is kept.
    /// Returns in what time to look again too.
    fn look_at(
        &mut self,
        open: Option<(Mark, bool)>,
        time: Instant,
        jobs: &Jobs,
        now: impl FnOnce() -> Kept,
    ) -> (Option<Duration>, Option<String>) {
        let Some(place) = &self.place else { return (None, None) };
        let mut told = None;
        match self.writing.take() {
            Some(Writing::Run { kept, mut job }) => match job.take() {
                None => self.writing = Some(Writing::Run { kept, job }),
                // The trainer has another network now.
                Some(Err(_)) => self.written = None,
                Some(Ok(run)) => self.writing = Some(write(place, *kept, Some(run), jobs)),
            },
            Some(Writing::Files(mut job)) => match job.take() {
                None => self.writing = Some(Writing::Files(job)),
                Some(outcome) => {
                    let problem = outcome.map_err(|e| e.to_string()).and_then(|o| o).err();
                    if problem.is_some() {
                        self.written = None;
                    }
                    if problem != self.problem {
                        told.clone_from(&problem);
                        self.problem = problem;
                    }
                }
            },
            None => {}
        }
        if self.writing.is_some() {
            // Its thread wakes the window.
            return (None, told);
        }
        let Some((mark, runs)) = open else {
            if self.written.is_some() || self.seen.is_some() {
                place.clear();
                self.forget();
            }
            return (None, told);
        };
        if self.written.is_some_and(|(written, _)| written == mark) {
            self.seen = None;
            return (None, told);
        }
        let (seen, first) = match self.seen {
            Some((last, at, first)) if last == mark => (at, first),
            Some((_, _, first)) => (time, first),
            None => (time, time),
        };
        self.seen = Some((mark, seen, first));
        let goes_on = |(written, _): &(Mark, Instant)| {
            runs && written.run.is_some() && (written.opened, written.revision) == (mark.opened, mark.revision)
        };
        let due = match self.written.filter(goes_on) {
            Some((_, at)) => at + RUN,
            None => (seen + QUIET).min(first + LATEST),
        };
        if due > time {
            return (Some(due - time), told);
        }
        self.seen = None;
        self.written = Some((mark, time));
        let mut kept = now();
        self.writing = Some(match kept.run.take() {
            Some(run) => Writing::Run { kept: Box::new(kept), job: jobs.expect(run) },
            None => write(place, kept, None, jobs),
        });
        (None, told)
    }
}

fn write(place: &Arc<Place>, kept: Kept, run: Option<RunState>, jobs: &Jobs) -> Writing {
    let place = Arc::clone(place);
    let Kept { document, about, steps, .. } = kept;
    Writing::Files(jobs.start("autosave", move |_| {
        place.keep(&about, Preset { document, run })?;
        place.keep_steps(&steps)
    }))
}

#[cfg(test)]
mod tests {
    use super::{Autosave, Kept, Mark, QUIET, RUN, RunMark};
    use crate::app::state::jobs::Jobs;
    use crate::project::{About, Document, Project, left_behind};
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    #[test]
    fn changes_are_kept_when_they_rest_or_at_the_latest_and_a_run_every_few_seconds() {
        let data = tempfile::tempdir().expect("a folder");
        let (waker, woken) = channel();
        let waker = std::sync::Mutex::new(waker);
        let jobs = Jobs::new(Arc::new(move || {
            waker.lock().expect("not poisoned").send(()).ok();
        }));
        let mut autosave = Autosave::default();
        assert!(autosave.keep_below(data.path()).is_empty());
        let kept = || Kept {
            document: Document::default(),
            about: About::default(),
            steps: Project::default().steps(),
            run: None,
        };
        let begin = Instant::now();
        let at = |seconds: f64| begin + Duration::from_secs_f64(seconds);
        let mark = |revision, step| (Mark { opened: 1, revision, run: Some(RunMark { rewinds: 0, step }) }, true);
        // Whether it was written at that time, and when to look again.
        let mut look = |open, seconds| {
            let mut written = false;
            let (again, problem) = autosave.look_at(open, at(seconds), &jobs, || {
                written = true;
                kept()
            });
            assert_eq!(problem, None);
            if written {
                while autosave.writing.is_some() {
                    woken.recv_timeout(Duration::from_secs(30)).expect("the window is woken");
                    jobs.poll();
                    autosave.look_at(open, at(seconds), &jobs, || unreachable!("nothing is new"));
                }
            }
            (written, again)
        };
        assert_eq!(look(Some(mark(1, 0)), 0.0), (false, Some(QUIET)));
        assert_eq!(look(Some(mark(1, 0)), 0.7), (true, None));
        assert_eq!(look(Some(mark(1, 0)), 99.0), (false, None), "nothing is new");
        // One edit after the other.
        let mut edits = (0..20).map(|k| look(Some(mark(2 + k, 0)), 100.0 + 0.2 * k as f64).0);
        assert!(edits.by_ref().take(7).all(|written| !written) && edits.any(|written| written));
        assert!(look(Some(mark(50, 1)), 200.0).1.is_some() && look(Some(mark(50, 2)), 202.0).0);
        // Only the run goes on.
        let left = look(Some(mark(50, 3)), 204.0);
        assert_eq!(left, (false, Some(RUN.saturating_sub(Duration::from_secs(2)))));
        assert!(look(Some(mark(50, 90)), 210.1).0);
        // It rests.
        let (paused, _) = mark(50, 95);
        assert!(!look(Some((paused, false)), 211.0).0 && look(Some((paused, false)), 211.8).0);
        // It is in a file: nothing is left to recover.
        look(None, 212.0);
        drop(autosave);
        assert!(left_behind(data.path()).0.is_empty());
    }
}
