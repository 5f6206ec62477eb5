//! What probes found, in words and numbers: written by who probes, read by who shows it.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use crate::model::output::OUTPUTS_MAX;
use crate::model::output::OutputId;

/// One probe that is over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Probed {
    /// Milliseconds since 1970 (UTC).
    pub unix_ms: u64,
    pub ok: bool,
    /// In plain words: `HTTP 500 to GET /health_check.php`.
    pub text: String,
    pub took: Duration,
}

/// What is known of one output.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProbeState {
    pub last: Option<Probed>,
    /// Its health has been what it is since then; milliseconds since 1970 (UTC), 0: from the start.
    pub since_unix_ms: u64,
    /// Probes that failed.
    pub failed: u64,
    /// Times it went from up to down.
    pub downs: u64,
}

/// One for a process.
pub struct ProbeBoard(Mutex<Vec<ProbeState>>);

impl Default for ProbeBoard {
    fn default() -> ProbeBoard {
        ProbeBoard(Mutex::new(vec![ProbeState::default(); OUTPUTS_MAX]))
    }
}

impl ProbeBoard {
    pub fn get(&self, output: OutputId) -> ProbeState {
        self.lock()[output.index()].clone()
    }

    /// By the one who probes.
    pub fn change(&self, output: OutputId, change: impl FnOnce(&mut ProbeState)) {
        change(&mut self.lock()[output.index()]);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ProbeState>> {
        // A panic ends the process; a test that caught one goes on with what there is.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
