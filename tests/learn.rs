//! Walks every lesson of the course: its preset is loaded, its tasks are not done at the start, and they can be done.
#![cfg(feature = "gui")]

use chainrule::app::{Answer, Dialogs, Model, Question, Since, facts, solve};
use chainrule::data::{Part, Targets};
use chainrule::explain::Trace;
use chainrule::learn::{Change, Lesson, Measure, Seen, Sight, Task, lessons};
use chainrule::nn::layers::{Conv2dSpec, LayerDefinition as _};
use chainrule::nn::{Activation, Plan, compile};
use chainrule::project::Preset;
use chainrule::train::{Command, Phase, Replica, Session, task};
use std::sync::Arc;
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

fn lesson(id: &str) -> (Lesson, String) {
    let lesson =
        lessons().into_iter().find(|l| l.id.starts_with(id)).unwrap_or_else(|| panic!("there is no lesson {id}"));
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("assets/lessons/{}.md", lesson.id));
    let text = std::fs::read_to_string(file).expect("lessons are text");
    (lesson, text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What the lessons count is what their networks and data have.
#[test]
fn numbers_in_the_lessons_are_those_of_their_networks() {
    let of = |id: &str| {
        let (lesson, text) = lesson(id);
        let document = lesson.document().expect("it is read");
        let data = document.data.load().expect("the data are drawn").1;
        let plan = compile(&document.network, &task(&data), 16).expect("it fits");
        (text, document, data, plan)
    };
    let weights =
        |plan: &Plan| plan.parameters.iter().filter(|p| p.shape.decayed).map(|p| p.range.len()).sum::<usize>();

    let (text, _, _, plan) = of("05");
    let parameters = plan.parameters.iter().map(|p| p.range.len()).sum::<usize>();
    assert!(text.contains("has nine parameters") && parameters == 9, "{parameters}");
    assert!(text.contains("- 6 *") && weights(&plan) == 6);

    let (text, document, data, _) = of("08");
    let updates = data.part(Part::Train).len().div_ceil(10);
    assert!(text.contains("There are 280 training rows and the batch size is 10") && text.contains("- 28 *"));
    assert_eq!((data.part(Part::Train).len(), updates, document.training.batch_size), (280, 28, 10));

    // As many sigmoids as there are quarters in the product.
    let (text, document, ..) = of("10");
    let sigmoids =
        document.network.layers.iter().filter(|l| l.kind.definition().activation() == Some(Activation::Sigmoid));
    assert_eq!(sigmoids.count(), 8);
    assert!(text.contains("Eight hidden layers") && text.contains(r"\frac{1}{4^8}$, about 0.000015"));
    assert!((0.25_f64.powi(8) - 0.000_015).abs() < 1e-6 && !text.to_lowercase().contains("seven"));

    let (text, _, data, plan) = of("11");
    assert!(text.contains("thousands of weights") && weights(&plan) > 2000);
    assert!(text.contains("A hundred points") && data.rows() == 100);

    let (text, ..) = of("13");
    let conv = Conv2dSpec { filters: 6, kernel: [3, 3], ..Conv2dSpec::default() };
    let count: u128 = conv.parameters(&[1, 8, 8]).iter().map(chainrule::nn::ParameterShape::count).sum();
    assert!(text.contains("- 60: nine weights and a bias for each filter *") && count == 60);
}

#[test]
fn one_line_gets_at_most_three_of_the_four_clouds_right() {
    let (lesson, text) = lesson("09");
    assert!(text.contains("at most three of the four can be right"));
    let data = lesson.document().expect("it is read").data.load().expect("the data are drawn").1;
    let Targets::Classes { labels, .. } = data.target() else { panic!("there are classes") };
    let (mut best, rows) = (0.0_f64, data.rows());
    for angle in 0..180 {
        let (sin, cos) = (angle as f32).to_radians().sin_cos();
        for shift in -40..=40 {
            let side = |row: usize| data.x[[row, 0]] * cos + data.x[[row, 1]] * sin > shift as f32 * 0.06;
            let right = (0..rows).filter(|&row| side(row) == (labels[row] == 1)).count() as f64 / rows as f64;
            best = best.max(right).max(1.0 - right);
        }
    }
    assert!((0.70..0.80).contains(&best), "{best}");
}

/// Choosing the squared error in lesson 3 leaves the neuron without an activation, and makes the targets −1 and 1.
#[test]
fn the_squared_error_of_lesson_three_is_what_its_text_says() {
    let (lesson, text) = lesson("03");
    assert!(text.contains("with a target of −1 for one class and 1 for the other"));
    let mut document = lesson.document().expect("it is read");
    Change::parse("loss mean squared error").expect("is a change").apply(&mut document);
    let data = Arc::new(document.data.load().expect("the data are drawn").1);
    let session = Session::new(&document.network, Arc::clone(&data), document.training.clone(), 1).expect("it fits");
    let mut replica = Replica::<f32>::new(&document.network, data, 8, 1, 1).expect("it fits");
    let rows: Vec<u32> = (0..8).collect();
    let trace = Trace::record(&mut replica, &session.training_state(), &rows).expect("it is recorded");
    let targets = &trace.heads[0].target;
    assert!(targets.iter().all(|t| t.abs() == 1.0) && targets.iter().any(|t| *t < 0.0), "{targets:?}");
    let output = &trace.plan.nodes[trace.plan.heads[0].node];
    assert!(output.operation.activation().is_none(), "there is no activation before the output");
}
