//! Turns arguments into a run of the program, and its error into one line and an exit code.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    halb::daemon::main()
}
