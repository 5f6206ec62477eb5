//! Joins the rooms: command line, start, signals, stop.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

use crate::daemon::args::Arguments;
use crate::daemon::args::Verb;
use crate::warden;

pub mod args;
pub mod budget;
pub mod check;
pub mod ctl;
pub mod demo;
pub mod domain;
pub mod interface;
pub mod pair;
pub mod print;
pub mod reload;
pub mod resources;
pub mod run;
pub mod sizing;
pub mod top;
pub mod workers;

/// What went wrong was the configuration or the start.
pub const EXIT_FAILURE: u8 = 1;

/// The whole program: arguments in, an exit code out. Wrong usage ends it with 2, by clap.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.verb() {
        Verb::Run => run::verb(&arguments.options()),
        Verb::Check => check::verb(&arguments.options()),
        Verb::Config { reference: true } => print::reference(),
        Verb::Config { reference: false } => print::verb(&arguments.options()),
        Verb::Reload => reload::verb(&arguments.options()),
        Verb::Ctl(ask) => ctl::verb(&arguments.options(), &ask),
        Verb::Domain(verb) => domain::verb(&arguments.options(), &verb),
        Verb::Demo => demo::verb(),
        Verb::Top { interval, once } => top::verb(&arguments.options(), interval, once),
        Verb::Warden { alone } => warden::process::main(alone),
        Verb::Completions { shell } => print::completions(shell),
        Verb::Man => print::man(),
    }
}
