//! A frame in which nothing has changed copies nothing: a counting allocator sees every request of this thread.
#![cfg(feature = "gui")]

#[path = "support/counting.rs"]
mod counting;

use chainrule::app::{Answer, Chainrule, Dialogs, Question, Workspace};
use chainrule::project::builtin;
use counting::REQUESTS;
use egui::{Context, Pos2, RawInput, Rect, vec2};
use std::cell::Cell;
use std::sync::mpsc::{Receiver, channel};

struct NoDialogs;

impl Dialogs for NoDialogs {
    fn ask(&mut self, _: &Question, _: Box<dyn Fn() + Send>) -> Receiver<Answer> {
        channel().1
    }
}

/// What `work` asks the allocator for, on this thread.
fn requests(work: impl FnOnce()) -> u64 {
    let before = REQUESTS.with(Cell::get);
    work();
    REQUESTS.with(Cell::get) - before
}

fn frame(ctx: &Context, app: &mut Chainrule, time: f64) {
    let screen = Rect::from_min_size(Pos2::ZERO, vec2(1280.0, 800.0));
    let input = RawInput { screen_rect: Some(screen), time: Some(time), ..RawInput::default() };
    let shown = ctx.run_ui(input, |ui| app.show(ui));
    drop(shown);
}

#[test]
fn an_idle_frame_brings_nothing_up_to_date() {
    for name in ["circle", "penguins", "lenet"] {
        let ctx = Context::default();
        let (waker, woken) = channel();
        let waker = std::sync::Mutex::new(waker);
        let wake = move || {
            // The test may have ended.
            waker.lock().expect("not poisoned").send(()).ok();
        };
        let mut app = Chainrule::new(&ctx, Box::new(NoDialogs), wake);
        app.model.show(builtin(name).expect("is built in").preset().expect("can be read"), None);
        let mut time = 0.0;
        while !(app.model.trainable() && app.model.is_current() && !app.model.is_waiting()) {
            woken.recv().expect("the window is here");
            frame(&ctx, &mut app, time);
            time += 0.1;
        }
        for workspace in [Workspace::Data, Workspace::Build, Workspace::Train] {
            app.workspace = workspace;
            for _ in 0..40 {
                frame(&ctx, &mut app, time);
                time += 0.1;
            }
            let sync = requests(|| app.model.sync());
            let whole = requests(|| frame(&ctx, &mut app, time));
            assert_eq!(sync, 0, "{name}, {workspace:?}; the whole frame: {whole}");
        }
    }
}
