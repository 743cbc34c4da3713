//! The program: the command line decides between the window and the headless commands.

fn main() -> std::process::ExitCode {
    chainrule::cli::main()
}
