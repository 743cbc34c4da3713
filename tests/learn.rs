//! Walks every lesson of the course: its preset is loaded, its tasks are not done at the start, and they can be done.
#![cfg(feature = "gui")]

use chainrule::app::{Answer, Dialogs, Model, Question, Since, facts, solve};
use chainrule::learn::{Lesson, Measure, Seen, Sight, Task, lessons};
use chainrule::project::Preset;
use chainrule::train::{Command, Phase};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

struct NoDialogs;

impl Dialogs for NoDialogs {
    fn ask(&mut self, _: &Question, _: Box<dyn Fn() + Send>) -> Receiver<Answer> {
        channel().1
    }
}

/// Longest wait for one thing to happen.
const PATIENCE: Duration = Duration::from_mins(2);

struct Class {
    model: Model,
    woken: Receiver<()>,
}

impl Class {
    fn begin(lesson: &Lesson) -> Self {
        let (wake, woken): (Sender<()>, _) = channel();
        let model = Model::new(Box::new(NoDialogs), move || {
            wake.send(()).ok();
        });
        let mut class = Self { model, woken };
        let document = lesson.document().unwrap_or_else(|e| panic!("{}: {e}", lesson.id));
        class.model.show(Preset { document, run: None }, None);
        class.until(&lesson.id, |m| m.is_current() && m.trainable());
        class
    }

    fn until(&mut self, what: &str, happened: impl Fn(&Model) -> bool) {
        loop {
            self.model.sync();
            if happened(&self.model) {
                return;
            }
            let stuck = self.woken.recv_timeout(PATIENCE).is_err();
            assert!(!stuck, "{what}: {:?}, {:?}", self.model.snapshot().status, self.model.inference().problems);
        }
    }

    /// Waits until the trainer has done all it was told.
    fn finish(&mut self) {
        let (sender, reply) = channel();
        self.model.train(Command::Look(sender));
        self.model.sync();
        reply.recv_timeout(PATIENCE).expect("the trainer answers in turn");
        self.model.sync();
    }

    fn reached(&self, task: &Task, since: &Since) -> bool {
        task.goal.is_reached(&facts(&self.model, Some(since)))
    }
}

/// What somebody has seen who has done everything there is to do in Explain.
fn diligent() -> Seen {
    let mut seen = Seen::default();
    (seen.right_signs, seen.right_sizes, seen.right_numbers, seen.nudged_slope) = (9, 9, 9, Some(0.0));
    for phase in [Phase::Forward, Phase::Error, Phase::Backward, Phase::Update] {
        seen.take(Sight::Phase(phase));
    }
    for weight in 0..9 {
        seen.take(Sight::Chain(weight));
    }
    seen
}

#[test]
fn every_task_of_the_course_is_open_at_the_start_and_can_be_done() {
    for lesson in lessons() {
        let mut class = Class::begin(&lesson);
        let start = Since::now(&class.model);
        for task in lesson.tasks() {
            assert!(!class.reached(task, &start), "{}: “{}” is done before it begins", lesson.id, task.text);
        }
        for task in lesson.tasks() {
            class.model.set_seen(Seen::default());
            let mut since = Since::now(&class.model);
            assert!(!class.reached(task, &since), "{}: “{}” is done by the task before it", lesson.id, task.text);
            solve(&class.model, task);
            if task.goal.measures().any(Measure::is_seen) {
                class.model.set_seen(diligent());
            }
            class.model.sync();
            since.follow(&class.model);
            class.finish();
            // Test rows are evaluated after the last update.
            let text = format!("{}: “{}” is not done by its solution", lesson.id, task.text);
            class.until(&text, |m| task.goal.is_reached(&facts(m, Some(&since))));
        }
    }
}
