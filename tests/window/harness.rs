//! A window without a display, driven by what a person would click and read.

use chainrule::app::{Answer, Chainrule, Dialogs, Question};
use chainrule::project::builtin;
use chainrule::train::Snapshot;
use egui::accesskit::Role;
use egui::{Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Dialogs that answer from a list.
#[derive(Clone, Default)]
pub struct Scripted(Arc<Mutex<VecDeque<Answer>>>);

impl Dialogs for Scripted {
    fn ask(&mut self, _: &Question, wake: Box<dyn Fn() + Send>) -> Receiver<Answer> {
        let (sender, receiver) = channel();
        let answer = self.0.lock().expect("not poisoned").pop_front();
        sender.send(answer.expect("the test expects this dialog")).expect("the receiver is here");
        wake();
        receiver
    }
}

#[derive(Debug)]
pub struct Dropped(pub PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|e| e.to_string())
    }
}

pub struct Window {
    pub harness: Harness<'static, Option<Chainrule>>,
    dialogs: Scripted,
    woken: Receiver<()>,
}

impl Window {
    /// The window as it first opens.
    pub fn open() -> Self {
        let dialogs = Scripted::default();
        let (wake, woken) = channel();
        let seam = dialogs.clone();
        // Fonts take effect in the frame after the one that sets them, so the first one draws nothing.
        let draw = move |ui: &mut egui::Ui, app: &mut Option<Chainrule>| match app {
            Some(app) => app.show(ui),
            None => {
                let wake = Mutex::new(wake.clone());
                let wake = move || {
                    // The test may have ended.
                    wake.lock().expect("not poisoned").send(()).ok();
                };
                *app = Some(Chainrule::new(ui.ctx(), Box::new(seam.clone()), wake));
            }
        };
        let harness = Harness::builder()
            .with_size(vec2(1280.0, 800.0))
            .with_step_dt(1.0 / 60.0)
            .with_max_steps(60)
            .build_ui_state(draw, None);
        let mut window = Self { harness, dialogs, woken };
        window.until("a network is ready", |app| app.model.trainable());
        window
    }

    /// The window with a built-in preset.
    pub fn preset(name: &str) -> Self {
        let mut window = Self::open();
        let preset = builtin(name).expect("is built in").preset().expect("can be read");
        window.app_mut().model.show(preset, None);
        window.ready();
        window
    }

    pub fn app(&self) -> &Chainrule {
        self.harness.state().as_ref().expect("was made in the first frame")
    }

    pub fn app_mut(&mut self) -> &mut Chainrule {
        self.harness.state_mut().as_mut().expect("was made in the first frame")
    }

    pub fn snapshot(&self) -> &Snapshot {
        self.app().model.snapshot()
    }

    /// Draws frames, one after each sign of life from the other threads, until `wanted` holds.
    pub fn until(&mut self, what: &str, wanted: impl Fn(&Chainrule) -> bool) {
        loop {
            self.harness.run_steps(2);
            if self.harness.state().as_ref().is_some_and(&wanted) {
                // What came in at the end of a frame is drawn in the next.
                self.harness.run_steps(1);
                return;
            }
            let waited = self.woken.recv_timeout(Duration::from_secs(30));
            assert!(
                waited.is_ok(),
                "in vain for: {what}; status {:?}, notice {:?}",
                self.snapshot().status,
                self.app().model.notice()
            );
        }
    }

    /// Draws frames until a text is there; for what runs on a thread that asks for frames by itself.
    pub fn until_shown(&mut self, text: &str) {
        let since = std::time::Instant::now();
        while !self.shows(text) {
            assert!(since.elapsed() < Duration::from_mins(1), "in vain for: {text}");
            self.harness.run_steps(1);
            std::thread::yield_now();
        }
    }

    /// Until the trainer has the network that is on screen.
    pub fn ready(&mut self) {
        self.until("a network is ready", |app| {
            app.model.trainable() && app.model.is_current() && !app.model.is_waiting()
        });
    }

    /// Clicks the button of that name, or the only thing of that name that is none.
    pub fn click(&mut self, label: &str) {
        match self.harness.query_by_role_and_label(Role::Button, label) {
            Some(button) => button.click(),
            None => self.harness.get_by_label(label).click(),
        }
        self.harness.run_steps(2);
    }

    pub fn press(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run_steps(2);
    }

    pub fn choose(&mut self, list: &str, entry: &str) {
        self.harness.get_by_role_and_label(Role::ComboBox, list).click();
        self.harness.run_steps(2);
        self.click(entry);
    }

    /// Types a number into a field.
    pub fn enter(&mut self, field: &str, value: f64) {
        self.harness.get_by_role_and_label(Role::SpinButton, field).set_value_accesskit(value);
        self.harness.run_steps(2);
    }

    /// Types into a field of text.
    pub fn focus_and_type(&mut self, field: &str, text: &str) {
        self.harness.get_by_role_and_label(Role::TextInput, field).focus();
        self.harness.run_steps(2);
        self.harness.get_by_role_and_label(Role::TextInput, field).type_text(text);
        self.harness.run_steps(2);
    }

    /// Presses the button, moves in ten steps, and lets it go.
    pub fn drag(&mut self, from: egui::Pos2, to: egui::Pos2) {
        self.harness.hover_at(from);
        self.harness.run_steps(1);
        self.harness.drag_at(from);
        for k in 1..=10 {
            self.harness.run_steps(1);
            self.harness.hover_at(from + (to - from) * (k as f32 / 10.0));
        }
        self.harness.run_steps(1);
        self.harness.drop_at(to);
        self.harness.run_steps(2);
    }

    pub fn answer(&mut self, answer: Answer) {
        self.dialogs.0.lock().expect("not poisoned").push_back(answer);
    }

    /// Whether a text is on screen.
    pub fn shows(&self, text: &str) -> bool {
        self.harness.query_all_by_label_contains(text).next().is_some()
    }

    /// Everything that can be read: what is painted, and what a screen reader says.
    pub fn texts(&self) -> Vec<String> {
        fn painted(shape: &egui::Shape, all: &mut Vec<String>) {
            match shape {
                egui::Shape::Text(text) => all.push(text.galley.job.text.clone()),
                egui::Shape::Vec(shapes) => shapes.iter().for_each(|shape| painted(shape, all)),
                _ => {}
            }
        }
        let mut all = Vec::new();
        self.harness.output().shapes.iter().for_each(|clipped| painted(&clipped.shape, &mut all));
        for node in self.harness.root().children_recursive() {
            let node = node.accesskit_node();
            all.extend([node.label(), node.value(), node.description()].into_iter().flatten());
        }
        all
    }

    /// The rectangle of what has the keyboard focus, its name, and whether a ring is painted around it.
    pub fn focus(&self) -> Option<(egui::Rect, String, bool)> {
        const WIDTH: f32 = 2.25;
        let id = self.harness.ctx.memory(egui::Memory::focused)?;
        let response = self.harness.ctx.read_response(id)?;
        let shapes = &self.harness.output().shapes;
        let ring = shapes.iter().any(|clipped| {
            matches!(&clipped.shape, egui::Shape::Rect(r) if r.stroke.width == WIDTH
                && r.rect.expand(1.0).contains_rect(response.interact_rect) && clipped.clip_rect.intersects(r.rect))
        });
        let named = self.harness.root().children_recursive().find(egui_kittest::Node::is_focused);
        let name = named.and_then(|n| n.accesskit_node().label()).unwrap_or_default();
        Some((response.rect, name, ring))
    }

    /// What Tab goes to, one after the other, until it comes back to where it began.
    pub fn focus_stops(&mut self) -> Vec<(egui::Rect, String, bool)> {
        const MOST: usize = 150;
        let mut all: Vec<(egui::Rect, String, bool)> = Vec::new();
        let mut ids = Vec::new();
        while all.len() < MOST {
            self.press(Modifiers::NONE, Key::Tab);
            self.harness.run_steps(1);
            let Some(id) = self.harness.ctx.memory(egui::Memory::focused) else { continue };
            if ids.first() == Some(&id) {
                break;
            }
            ids.push(id);
            all.extend(self.focus());
        }
        all
    }

    pub fn layers(&self) -> Vec<String> {
        let network = &self.app().model.document().network;
        let order = network.topological_order().0;
        order.iter().filter_map(|id| network.layer(*id)).map(|l| l.kind.definition().caption()).collect()
    }
}
