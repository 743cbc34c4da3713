//! What the window costs while W3 trains at full speed: time of a frame on its own thread, and what is left for training.
//!
//! `cargo bench --bench window`. Frames are laid out and tessellated, not rasterised: that is the graphics card's work.
#![allow(clippy::print_stdout)]

use chainrule::app::{Answer, Chainrule, Dialogs, Question, Workspace};
use chainrule::cli::bench::{WORKLOADS, Workload};
use chainrule::data::{DataSource, Part};
use chainrule::explain::Landscape;
use chainrule::nn::NetworkSpec;
use chainrule::project::{adapt, builtin};
use chainrule::seed::{Purpose, Stream};
use chainrule::train::{Command, Replica, Session, Tick, TrainConfig, task};
use egui::{Context, Event, Key, Modifiers, Pos2, RawInput, Rect, vec2};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const ROWS: usize = 1024;
const FRAME: Duration = Duration::from_micros(16_667);
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;

struct NoDialogs;

impl Dialogs for NoDialogs {
    fn ask(&mut self, _: &Question, _: Box<dyn Fn() + Send>) -> Receiver<Answer> {
        channel().1
    }
}

/// Random rows of 784 numbers in ten classes.
fn write_rows(path: &Path) -> std::io::Result<()> {
    let mut stream = Stream::new(1, Purpose::Data, 0);
    let names: Vec<String> = (0..784).map(|k| format!("p{k}")).collect();
    let mut text = format!("{},class\n", names.join(","));
    for row in 0..ROWS {
        for _ in 0..784 {
            write!(text, "{:.3},", stream.normal()).expect("writing to a string cannot fail");
        }
        writeln!(text, "c{}", row % 10).expect("writing to a string cannot fail");
    }
    std::fs::write(path, text)
}

struct Window {
    ctx: Context,
    app: Chainrule,
    begun: Instant,
}

impl Window {
    /// Puts a workload's network on the data that are open.
    fn train_on(&mut self, workload: &Workload) -> Result<(NetworkSpec, TrainConfig), Box<dyn std::error::Error>> {
        let model = &mut self.app.model;
        let mut spec = workload.spec();
        adapt(&mut spec, &task(model.dataset().ok_or("there are no data")?), workload.batch);
        let config =
            TrainConfig { batch_size: workload.batch, learning_rate: 1e-4, epochs: None, ..TrainConfig::default() };
        model.edit("bench", None, |d| {
            d.network = spec.clone();
            d.training = config.clone();
        });
        model.sync();
        self.wait(|app| app.model.is_current() && app.model.trainable());
        Ok((spec, config))
    }

    fn wait(&mut self, done: impl Fn(&Chainrule) -> bool) {
        while !done(&self.app) {
            std::thread::yield_now();
            self.app.model.sync();
        }
    }

    /// Time from asking for a pause to training that stands still.
    fn pause(&mut self) -> Duration {
        let since = Instant::now();
        self.app.model.train(Command::Pause);
        self.app.model.sync();
        self.wait(|app| !app.model.snapshot().is_running());
        since.elapsed()
    }

    /// Draws one frame; returns how long it took.
    fn frame(&mut self) -> Duration {
        self.frame_with(Vec::new())
    }

    fn frame_with(&mut self, events: Vec<Event>) -> Duration {
        let input = RawInput {
            events,
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(1920.0, 1080.0))),
            time: Some(self.begun.elapsed().as_secs_f64()),
            ..RawInput::default()
        };
        let since = Instant::now();
        let app = &mut self.app;
        let mut shown = self.ctx.run_ui(input, |ui| app.show(ui));
        let shapes = std::mem::take(&mut shown.shapes);
        let drawn = self.ctx.tessellate(shapes, shown.pixels_per_point);
        let took = since.elapsed();
        assert!(!drawn.is_empty());
        took
    }

    /// Draws 60 frames a second for a while.
    fn draw(&mut self, time: Duration) -> Vec<Duration> {
        let begun = Instant::now();
        let mut frames = Vec::new();
        while begun.elapsed() < time {
            let took = self.frame();
            frames.push(took);
            std::thread::sleep(FRAME.saturating_sub(took));
        }
        frames
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::TempDir::new()?;
    let file = folder.path().join("w3.csv");
    write_rows(&file)?;
    let workload = |name| WORKLOADS.iter().find(|w| w.name == name).ok_or("there is no such workload");

    let ctx = Context::default();
    let app = Chainrule::new(&ctx, Box::new(NoDialogs), || ());
    let mut window = Window { ctx, app, begun: Instant::now() };
    window.app.model.choose_source(DataSource::file(&file));
    window.wait(|app| app.model.dataset().is_some_and(|d| d.features() == 784));
    let (spec, config) = window.train_on(workload("W3")?)?;
    let data = Arc::clone(window.app.model.dataset().ok_or("there are no data")?);
    let mut headless = Session::new(&spec, data, config, 1)?;

    let mut ratios = Vec::new();
    let mut costs: Vec<(Workspace, Vec<Duration>)> =
        [Workspace::Data, Workspace::Build, Workspace::Train, Workspace::Explain]
            .into_iter()
            .map(|w| (w, Vec::new()))
            .collect();
    for _ in 0..ROUNDS {
        let (begun, mut alone) = (Instant::now(), 0_u64);
        while begun.elapsed() < ROUND {
            alone += u64::from(headless.tick()? == Tick::Batch);
        }
        let alone = alone as f64 / begun.elapsed().as_secs_f64();
        window.app.model.train(Command::Play);
        for (workspace, frames) in &mut costs {
            window.app.workspace = *workspace;
            window.draw(Duration::from_millis(300));
            let (begun, from) = (Instant::now(), window.app.model.snapshot().step);
            frames.extend(window.draw(ROUND));
            let steps = window.app.model.snapshot().step - from;
            ratios.push((*workspace, steps as f64 / begun.elapsed().as_secs_f64() / alone));
        }
        window.pause();
    }
    println!("W3 at full speed, 1920×1080, 60 frames a second, {ROUNDS} rounds");
    for (workspace, mut frames) in costs {
        frames.sort_unstable();
        let at = |share: f64| frames[((frames.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        let mut own: Vec<f64> = ratios.iter().filter(|(w, _)| *w == workspace).map(|(_, r)| *r).collect();
        own.sort_by(f64::total_cmp);
        println!(
            "{workspace:?}: frame median {:.2} ms, 99 % below {:.2} ms; training keeps {:.1} % of its headless speed",
            at(0.5),
            at(0.99),
            own[own.len() / 2] * 100.0
        );
    }
    for name in ["W3", "W3b"] {
        window.train_on(workload(name)?)?;
        let mut answers: Vec<Duration> = Vec::new();
        for _ in 0..20 {
            window.app.model.train(Command::Play);
            window.draw(Duration::from_millis(150));
            answers.push(window.pause());
        }
        answers.sort_unstable();
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        println!(
            "{name}: a pause is answered in {:.2} ms (median), {:.2} ms (worst of 20)",
            ms(answers[10]),
            ms(answers[19])
        );
    }
    explain(&mut window)
}

/// Steps through the film of one training step of W3 (986 neurons), and walks the loss along a weight of the digits.
fn explain(window: &mut Window) -> Result<(), Box<dyn std::error::Error>> {
    let workload = WORKLOADS.iter().find(|w| w.name == "W3").ok_or("there is no such workload")?;
    window.train_on(workload)?;
    window.app.workspace = Workspace::Explain;
    window.draw(Duration::from_secs(1));
    let mut frames: Vec<Duration> = Vec::new();
    for k in 0..200 {
        let key = if k / 10 % 2 == 0 { Key::ArrowRight } else { Key::ArrowLeft };
        frames.push(window.frame_with(vec![Event::Key {
            key,
            physical_key: None,
            pressed: true,
            repeat: false,
            modifiers: Modifiers::NONE,
        }]));
    }
    frames.sort_unstable();
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    println!("Stepping through W3: frame median {:.2} ms, worst of 200 {:.2} ms", ms(frames[100]), ms(frames[199]));

    let document = builtin("digits").ok_or("there is no such preset")?.preset()?.document;
    let data = Arc::new(document.data.load()?.1);
    let session = Session::new(&document.network, Arc::clone(&data), document.training.clone(), 1)?;
    let rows = &data.part(Part::Train)[..1000];
    let start = session.training_state();
    let mut replica = None;
    let mut landscape = Replica::<f32>::reuse(&mut replica, &document.network, &data, rows.len())
        .and_then(|replica| Landscape::new(replica, &start, rows))
        .map_err(|problems| format!("the network does not fit the data: {problems:?}"))?;
    let mut walks: Vec<Duration> = Vec::new();
    for index in 0..9 {
        let since = Instant::now();
        landscape.slice(index, 1.0, 200);
        walks.push(since.elapsed());
    }
    walks.sort_unstable();
    println!("L(w) with 200 points over 1000 rows of the digits: {:.1} ms (median of 9)", ms(walks[4]));
    Ok(())
}
