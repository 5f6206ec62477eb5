//! The verbs that only print: the effective configuration, completions, the manual page.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::daemon::EXIT_FAILURE;
use crate::daemon::args::Arguments;
use crate::daemon::args::Options;
use crate::daemon::check;
use crate::model::load::show;
use crate::model::load::show::Secrets;
use crate::model::manual;

/// `halb config`
pub fn verb(options: &Options) -> ExitCode {
    match check::configuration(options) {
        Ok(loaded) => {
            check::say(&check::warnings(&loaded.warnings));
            check::put(&show::render(&loaded, Secrets::Masked))
        }
        Err(unusable) => {
            check::say(&unusable.listing());
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// `halb config --reference`
pub fn reference() -> ExitCode {
    check::put(&manual::page())
}

/// `halb completions SHELL`
pub fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "halb", &mut script);
    check::put(&String::from_utf8_lossy(&script))
}

/// `halb man`
pub fn man() -> ExitCode {
    let mut page = Vec::new();
    match clap_mangen::Man::new(Arguments::command()).render(&mut page) {
        Ok(()) => check::put(&String::from_utf8_lossy(&page)),
        Err(error) => {
            check::say(&format!("cannot make the manual page: {error}\n"));
            ExitCode::from(EXIT_FAILURE)
        }
    }
}
