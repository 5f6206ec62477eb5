//! How the mirror is doing, for everybody who wants to know.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use crate::control::domain::mirror::totals::Counted;
use crate::pair::node::NodeId;

/// Written by the mirror alone.
#[derive(Default)]
pub struct View(Mutex<Seen>);

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// Whom this server mirrors.
    pub following: Option<NodeId>,
    /// Whether it has everything that the one it mirrors has learned.
    pub is_whole: bool,
    /// Who mirrors this server, and how far each is behind.
    pub followers: Vec<(NodeId, Duration)>,
    /// How often everything was asked for again because something was missing.
    pub resyncs: u64,
    /// How often workers learned more than control took away in time.
    pub dropped: u64,
    /// What all other processes of the domain have counted.
    pub base: Counted,
}

impl View {
    pub fn seen(&self) -> Seen {
        self.lock().clone()
    }

    /// What all other processes of the domain have counted.
    pub fn base(&self) -> Counted {
        self.lock().base.clone()
    }

    pub fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
