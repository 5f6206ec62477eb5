//! The verbs that serve.

use std::process::ExitCode;

use crate::daemon::EXIT_FAILURE;
use crate::daemon::args::Options;
use crate::daemon::check;
use crate::model::load::Loaded;

/// Why serving did not begin, or ended: the cause, in plain words.
pub struct StartError(pub String);

/// `halb run`
pub fn verb(options: &Options) -> ExitCode {
    let loaded = match check::configuration(options) {
        Ok(loaded) => loaded,
        Err(unusable) => {
            check::say(&unusable.listing());
            return ExitCode::from(EXIT_FAILURE);
        }
    };
    check::say(&check::warnings(&loaded.warnings));
    finish(run(&loaded))
}

/// `halb demo`
pub fn demo() -> ExitCode {
    finish(Err(StartError(
        "the data plane is not part of this build".to_owned(),
    )))
}

/// Serves until told to stop.
pub fn run(_loaded: &Loaded) -> Result<(), StartError> {
    Err(StartError(
        "the data plane is not part of this build".to_owned(),
    ))
}

fn finish(served: Result<(), StartError>) -> ExitCode {
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(StartError(cause)) => {
            check::say(&format!("Error: failed to start HALB: {cause}\n"));
            ExitCode::from(EXIT_FAILURE)
        }
    }
}
