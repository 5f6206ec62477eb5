//! What threads share, in every order of events: the sources of `src/plane` over primitives of `loom`, which runs
//! a model once for each order that makes a difference, weak memory included.
//!
//! A model's threads wait for each other's wakes as workers do, so that a wake that is lost shows as a deadlock.
#![forbid(unsafe_code)]

mod bandwidth;
mod board;
mod exchange;
mod hatch;
mod inboxes;
mod model;
mod outputs;
mod places;
mod plane;
mod plans;
mod records;
mod snapshots;
mod standing;

use std::sync::Arc;

use loom::model::Builder;
use loom::sync::Condvar;
use loom::sync::Mutex;

/// Tries all orders in which no more than `preemptions` threads are interrupted where they need not be. Nearly all
/// mistakes show with two; each further one costs a factor.
fn try_all_orders(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(model);
}

/// What wakes each worker: as the kernel's event counter, a wake that comes early is kept.
struct Bells(Vec<(Mutex<bool>, Condvar)>);

impl Bells {
    fn new(workers: usize) -> Arc<Bells> {
        let bell = |_| (Mutex::new(false), Condvar::new());
        Arc::new(Bells((0..workers).map(bell).collect()))
    }

    fn wake(&self, worker: usize) {
        let (rung, bell) = &self.0[worker];
        *rung.lock().unwrap() = true;
        bell.notify_one();
    }

    fn sleep(&self, worker: usize) {
        let (rung, bell) = &self.0[worker];
        let mut rung = rung.lock().unwrap();
        while !std::mem::take(&mut *rung) {
            rung = bell.wait(rung).unwrap();
        }
    }
}
