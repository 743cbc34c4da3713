//! The program: the command line decides between the window and the headless commands.

use chainrule::cli::{self, Outcome};
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Outcome::Done(code) => code,
        Outcome::Window(preset) => open_window(preset),
    }
}

#[cfg(feature = "gui")]
fn open_window(preset: Option<String>) -> ExitCode {
    match chainrule::app::run(preset) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: the window cannot be opened: {e}. `chainrule train PRESET` works without one.");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(feature = "gui"))]
fn open_window(preset: Option<String>) -> ExitCode {
    cli::train_in_terminal(preset.as_deref())
}
