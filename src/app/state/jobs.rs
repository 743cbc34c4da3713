//! Work on threads of its own that comes back: one type for a job under way, and one place that polls.
//!
//! [`Jobs::poll`] runs once a frame and moves what has arrived into the [`Job`]s that wait for it. A job reports its progress and
//! is told to stop through [`JobProgress`]; dropping it cancels it. A panic in the work is an error, not the end of the program.
//! (`poll-promise` has neither progress nor cancelling for threads, and polling a promise whose thread panicked panics.)

use crate::data::ReadingProgress;
use crate::time_left::TimeLeft;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Instant;

/// Asks for a new frame; called from any thread.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// How far a job is, and whether it was cancelled; readers report to the same type.
pub type JobProgress = ReadingProgress;

/// Why a job has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    #[error("an internal error occurred ({0})")]
    Panicked(String),
    #[error("the system gives no thread for it ({0})")]
    NoThread(String),
    #[error("it ended without a result")]
    Ended,
}

type Outcome<T> = Result<T, JobError>;

/// Work under way whose result is a `T`; dropping it cancels the work.
pub struct Job<T> {
    slot: Rc<RefCell<Option<Outcome<T>>>>,
    progress: Arc<JobProgress>,
    begun: Instant,
    time: RefCell<TimeLeft>,
}

impl<T> Job<T> {
    fn new(slot: Rc<RefCell<Option<Outcome<T>>>>, progress: Arc<JobProgress>) -> Self {
        Self { slot, progress, begun: Instant::now(), time: RefCell::default() }
    }

    /// The result, once it has come; later calls return nothing.
    pub fn take(&mut self) -> Option<Result<T, JobError>> {
        self.slot.borrow_mut().take()
    }

    /// Whether the result has come and nobody has taken it yet.
    pub fn has_result(&self) -> bool {
        self.slot.borrow().is_some()
    }

    /// Units that are done, and of how many; 0 where that is not known.
    pub fn done(&self) -> (u64, u64) {
        self.progress.done()
    }

    /// How long it has taken and how long it still takes, with a look at how far it is; to be asked for in every frame.
    pub fn time(&self) -> TimeLeft {
        let mut time = self.time.borrow_mut();
        time.observe(self.done().0 as f64, self.begun.elapsed().as_secs_f64());
        time.clone()
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        self.progress.cancel();
    }
}

/// A job whose result has not been delivered.
trait Pending {
    /// Delivers the result if it has come; false when nothing more will.
    fn poll(&self) -> bool;
}

struct Arrival<T, R> {
    receiver: Receiver<R>,
    outcome: fn(R) -> Outcome<T>,
    slot: Weak<RefCell<Option<Outcome<T>>>>,
}

impl<T, R> Pending for Arrival<T, R> {
    fn poll(&self) -> bool {
        // Nobody waits for it any more.
        let Some(slot) = self.slot.upgrade() else { return false };
        let outcome = match self.receiver.try_recv() {
            Ok(result) => (self.outcome)(result),
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => Err(JobError::Ended),
        };
        *slot.borrow_mut() = Some(outcome);
        false
    }
}

/// Starts jobs and delivers their results.
pub struct Jobs {
    wake: Wake,
    pending: RefCell<Vec<Box<dyn Pending>>>,
}

impl Jobs {
    /// `wake` is called whenever a result waits to be polled.
    pub fn new(wake: Wake) -> Self {
        Self { wake, pending: RefCell::default() }
    }

    /// What asks for a new frame.
    pub fn wake(&self) -> Wake {
        Arc::clone(&self.wake)
    }

    /// Runs `work` on a thread called `name`. The work reports to the progress, and ends early when that is cancelled.
    pub fn start<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Arc<JobProgress>) -> T + Send + 'static,
    ) -> Job<T> {
        let (sender, receiver) = channel();
        let progress = Arc::<JobProgress>::default();
        let (wake, told) = (self.wake(), Arc::clone(&progress));
        let run = move || {
            // Whoever asked may have gone.
            sender.send(guarded(|| work(&told))).ok();
            wake();
        };
        match std::thread::Builder::new().name(name.to_owned()).spawn(run) {
            Ok(_) => self.wait(receiver, |outcome| outcome, progress),
            Err(e) => {
                let slot = Rc::new(RefCell::new(Some(Err(JobError::NoThread(e.to_string())))));
                (self.wake)();
                Job::new(slot, progress)
            }
        }
    }

    /// Waits for the answer of another thread, which wakes the window by itself.
    pub fn expect<T: 'static>(&self, receiver: Receiver<T>) -> Job<T> {
        self.wait(receiver, Ok, Arc::default())
    }

    fn wait<T: 'static, R: 'static>(
        &self,
        receiver: Receiver<R>,
        outcome: fn(R) -> Outcome<T>,
        progress: Arc<JobProgress>,
    ) -> Job<T> {
        let slot = Rc::default();
        self.pending.borrow_mut().push(Box::new(Arrival { receiver, outcome, slot: Rc::downgrade(&slot) }));
        Job::new(slot, progress)
    }

    /// Delivers every result that has come.
    pub fn poll(&self) {
        self.pending.borrow_mut().retain(|pending| pending.poll());
    }
}

/// Runs `work`; a panic becomes an error.
///
/// # Errors
/// When `work` panics, with what it said.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, JobError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        JobError::Panicked(text.unwrap_or("unknown reason").to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::{Job, JobError, Jobs};
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    fn jobs() -> (Jobs, Receiver<()>) {
        let (sender, woken) = channel();
        let sender = std::sync::Mutex::new(sender);
        let wake = move || {
            sender.lock().expect("not poisoned").send(()).ok();
        };
        (Jobs::new(Arc::new(wake)), woken)
    }

    fn result<T>(jobs: &Jobs, woken: &Receiver<()>, job: &mut Job<T>) -> Result<T, JobError> {
        loop {
            jobs.poll();
            if let Some(result) = job.take() {
                return result;
            }
            woken.recv_timeout(Duration::from_secs(30)).expect("a job wakes the window");
        }
    }

    #[test]
    fn a_result_is_delivered_once_and_a_panic_is_an_error() {
        let (jobs, woken) = jobs();
        let mut good = jobs.start("good", |progress| {
            progress.set(3, 4);
            7
        });
        assert_eq!(result(&jobs, &woken, &mut good), Ok(7));
        assert_eq!((good.take(), good.done()), (None, (3, 4)));
        let mut bad: Job<()> = jobs.start("bad", |_| panic!("on purpose"));
        assert_eq!(result(&jobs, &woken, &mut bad), Err(JobError::Panicked("on purpose".to_owned())));
    }

    #[test]
    fn a_job_that_is_dropped_is_told_to_stop_and_forgotten() {
        let (jobs, woken) = jobs();
        let (go, started) = channel::<()>();
        let (told, stopped) = channel();
        let job = jobs.start("dropped", move |progress| {
            started.recv().ok();
            told.send(progress.is_cancelled()).ok();
        });
        drop(job);
        go.send(()).expect("the thread waits");
        assert!(stopped.recv_timeout(Duration::from_secs(30)).expect("the thread answers"));
        woken.recv_timeout(Duration::from_secs(30)).expect("it wakes the window all the same");
        jobs.poll();
        assert!(jobs.pending.borrow().is_empty());
    }

    #[test]
    fn an_answer_that_never_comes_is_an_error() {
        let (jobs, _woken) = jobs();
        let (sender, receiver) = channel::<u8>();
        let mut job = jobs.expect(receiver);
        jobs.poll();
        assert_eq!(job.take(), None);
        drop(sender);
        jobs.poll();
        assert_eq!(job.take(), Some(Err(JobError::Ended)));
    }
}
