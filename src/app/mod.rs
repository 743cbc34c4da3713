//! The window: a bar above with the workspaces, the transport bar below, the work between. The only module that knows egui.
//!
//! Each screen is a struct with its own view state and one `ui` method; it reads the [`Model`] and queues [`Action`]s.

mod annotate;
mod builder;
mod curves;
mod data;
mod diagram;
mod dialogs;
mod experiment;
mod explain;
mod fix;
mod gallery;
mod icon;
mod keyboard;
mod learn;
mod math;
mod menu;
mod picture;
mod prediction_plots;
mod recovery;
mod shell;
mod state;
mod theme;
mod train;
mod transport;
mod widgets;

pub use dialogs::{Answer, Dialogs, Native, Question};
pub use learn::{Since, facts, solve};
pub use shell::{Chainrule, Workspace};
pub use state::{Action, Intention, Model};

use crate::cli::DEFAULT_PRESET;
use std::path::Path;

const NAME: &str = "Chainrule";

/// Opens the window, with a preset file or built-in preset if one is named.
///
/// # Errors
/// When the system gives no window.
pub fn run(preset: Option<String>) -> Result<(), eframe::Error> {
    let viewport = egui::ViewportBuilder::default()
        .with_app_id("chainrule")
        .with_title(NAME)
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([900.0, 560.0])
        .with_icon(icon_image())
        .with_drag_and_drop(true);
    let options = eframe::NativeOptions { viewport, persist_window: true, ..eframe::NativeOptions::default() };
    eframe::run_native(
        NAME,
        options,
        Box::new(move |creation| {
            let ctx = creation.egui_ctx.clone();
            let mut app = Chainrule::new(&creation.egui_ctx, Box::new(Native), move || ctx.request_repaint());
            if let Some(storage) = creation.storage {
                app.restore(storage, &creation.egui_ctx);
            }
            match preset.as_deref().map(|named| (named, crate::project::builtin(named))) {
                None => app.model.welcome(DEFAULT_PRESET),
                Some((named, Some(b))) if !Path::new(named).exists() => {
                    app.model.queue(Action::Proceed(Intention::Builtin(b.name)));
                }
                Some((named, _)) => app.model.open_any(named.into()),
            }
            if let Some(folders) = directories::ProjectDirs::from("", "", NAME) {
                app.keep_below(folders.data_dir());
            }
            Ok(Box::new(app))
        }),
    )
}

/// The wave of the logo as a picture for the task bar.
fn icon_image() -> egui::IconData {
    const SIZE: usize = 64;
    let mut rgba = vec![0; SIZE * SIZE * 4];
    for (i, pixel) in rgba.chunks_exact_mut(4).enumerate() {
        let (x, y) = ((i % SIZE) as f32 / SIZE as f32, (i / SIZE) as f32 / SIZE as f32);
        let wave = 0.5 - 0.3 * (x * std::f32::consts::TAU).sin();
        let ink = 1.0 - ((y - wave).abs() / 0.09).clamp(0.0, 1.0);
        let alpha = if ink > 0.0 && (0.06..0.94).contains(&x) { (ink.min(0.5) * 510.0) as u8 } else { 0 };
        pixel.copy_from_slice(&[0xa7, 0x8b, 0xfa, alpha]);
    }
    egui::IconData { rgba, width: SIZE as u32, height: SIZE as u32 }
}
