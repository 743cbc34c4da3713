//! The program: the command line decides between the window and the headless commands.

use chainrule::cli::{self, Outcome};
use std::process::ExitCode;

fn main() -> ExitCode {
    end_quietly_on_a_closed_pipe();
    match cli::run() {
        Outcome::Done(code) => code,
        Outcome::Window(preset) => open_window(preset),
    }
}

/// Ends the program without a word where nobody reads on what it prints, as in `chainrule inspect FILE | head`.
fn end_quietly_on_a_closed_pipe() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let closed = info.payload_as_str().is_some_and(|text| text.contains("Broken pipe"));
        if closed {
            // What the shell gives for a program that SIGPIPE has ended.
            std::process::exit(141);
        }
        usual(info);
    }));
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
