//! The recording of the step that is explained: requested when something it depends on changes.

use super::assistant::{Assistant, Recorded, Reply, Wanted};
use super::nudge::Nudge;
use crate::app::state::Model;
use crate::train::{Command, Status, TrainConfig};
use egui::Ui;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

/// Seconds between two recordings while training runs.
const REFRESH: f64 = 0.2;

/// Whose step is explained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordedRows {
    /// The row whose values the neurons show.
    #[default]
    One,
    /// The mini-batch that training takes next.
    MiniBatch,
}

/// What a recording depends on.
#[derive(Clone)]
struct RecordingKey {
    generation: u64,
    params: Arc<Vec<f32>>,
    row: Option<usize>,
    training: TrainConfig,
    diverged: bool,
}

impl PartialEq for RecordingKey {
    fn eq(&self, other: &Self) -> bool {
        self.generation == other.generation
            && Arc::ptr_eq(&self.params, &other.params)
            && self.row == other.row
            && self.training == other.training
            && self.diverged == other.diverged
    }
}

/// The recorded step, and what has been asked for.
#[derive(Default)]
pub struct Recording {
    pub rows: RecordedRows,
    assistant: Assistant,
    asked: Option<RecordingKey>,
    asked_at: f64,
    recorded: Option<Arc<Recorded>>,
    failure: Option<String>,
}

impl Recording {
    /// The recording, if it is of the network on screen.
    pub fn current(&self, model: &Model) -> Option<Arc<Recorded>> {
        let fits = |r: &Arc<Recorded>| model.is_current() && r.generation == model.snapshot().generation;
        self.recorded.clone().filter(fits)
    }

    /// Why the step could not be recorded.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    pub fn assistant(&mut self) -> &mut Assistant {
        &mut self.assistant
    }

    /// Takes finished recordings and curves; returns whether a recording is of another network than the last.
    pub fn receive(&mut self, model: &Model, nudge: &mut Nudge) -> bool {
        let mut other_network = false;
        while let Some(reply) = self.assistant.poll(model.jobs()) {
            match reply {
                Reply::Trace(recorded) => {
                    self.failure = None;
                    other_network |= self.recorded.as_ref().is_none_or(|r| r.generation != recorded.generation);
                    self.recorded = Some(recorded);
                }
                Reply::Walk(serial, walk) => nudge.take(serial, walk),
                Reply::At(serial, value, loss) => nudge.take_point(serial, value, loss),
                Reply::Failed(text) => {
                    self.failure = Some(text);
                    self.recorded = None;
                }
            }
        }
        other_network
    }

    /// Requests a recording if the last one is of something else.
    pub fn request(&mut self, ui: &Ui, model: &Model) {
        let Some(data) = model.dataset().cloned().filter(|_| model.trainable() && model.is_current()) else { return };
        let row = (self.rows == RecordedRows::One).then_some(model.sample().min(data.rows() - 1));
        let key = RecordingKey {
            generation: model.snapshot().generation,
            params: Arc::clone(&model.snapshot().params),
            row,
            training: model.document().training.clone(),
            diverged: matches!(model.snapshot().status, Status::Diverged(_)),
        };
        if self.asked.as_ref() == Some(&key) {
            return;
        }
        let now = ui.input(|i| i.time);
        if model.snapshot().is_running() && now - self.asked_at < REFRESH {
            ui.ctx().request_repaint_after(Duration::from_secs_f64(REFRESH));
            return;
        }
        let (sender, start) = channel();
        model.train(Command::Look(sender));
        let spec = model.document().network.clone();
        let row = row.map(|r| r as u32);
        let diverged = key.diverged;
        let (training, history) = (key.training.clone(), Arc::clone(&model.snapshot().history));
        let generation = key.generation;
        self.assistant.record(Wanted { generation, spec, data, start, row, training, history, diverged });
        (self.asked, self.asked_at) = (Some(key), now);
    }
}
