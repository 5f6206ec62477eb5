//! The data plane: one worker per core.
#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::model::plan::Plan;
use crate::plane::Plane;
use crate::ring::port::Completion;
use crate::ring::port::Ring;
use crate::ring::port::Socket;

/// Whether a worker still has something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    Running,
    Stopped,
}

/// One event loop: a ring, the connections on it, and what it knows of the outputs.
pub struct Worker<R: Ring> {
    ring: R,
    completions: Vec<Completion>,
    _plan: Arc<Plan>,
    _plane: Arc<Plane>,
}

impl<R: Ring> Worker<R> {
    /// The worker at `index`, listening on `listeners` (its own, not shared with other workers).
    pub fn new(
        ring: R,
        _index: usize,
        _listeners: Vec<Socket>,
        plan: Arc<Plan>,
        plane: Arc<Plane>,
    ) -> Worker<R> {
        Worker {
            ring,
            completions: Vec::new(),
            _plan: plan,
            _plane: plane,
        }
    }

    /// Waits for something to happen and does what follows from it, once.
    pub fn turn(&mut self) -> Progress {
        self.ring.turn(None, &mut self.completions);
        Progress::Running
    }

    /// The ring, to look at its counts.
    pub fn ring(&self) -> &R {
        &self.ring
    }
}
