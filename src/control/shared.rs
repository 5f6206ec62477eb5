//! What all parts of control have in common: the plane, the configuration in force, what has happened.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;

use tokio::io::AsyncReadExt;
use tokio::sync::Notify;
use tokio::sync::watch;

use crate::control::domain::Domain;
use crate::control::journal::Journal;
use crate::control::metrics::process;
use crate::control::mon::MonCounts;
use crate::control::pressure::LastReading;
use crate::control::probed::ProbeBoard;
use crate::model::config::Config;
use crate::model::plan::Plan;
use crate::model::plan::PlannedOutput;
use crate::model::standing::Health;
use crate::model::time::Instant;
use crate::plane::Plane;
use crate::ring::clock;
use crate::ring::inbox::Hub;

/// One for a process.
pub struct Shared {
    pub plane: Arc<Plane>,
    pub hub: Arc<Hub>,
    pub journal: Journal,
    /// What probes found, in words.
    pub probes: ProbeBoard,
    pub limits: Limits,
    /// How full the memory is.
    pub memory: LastReading,
    /// What became of what `mon` was to push.
    pub mon: MonCounts,
    /// When this process began to serve.
    pub started: Instant,
    /// Memory that it had then.
    pub started_resident_bytes: Option<u64>,
    /// Told whenever a worker has rung for control.
    pub rung: Notify,
    /// Told when this server has become active: what was found down before may not be.
    pub took_service: Notify,
    /// Set at start, before control runs, where there is a domain.
    pub domain: OnceLock<Arc<Domain>>,
    current: watch::Sender<Arc<Current>>,
    /// One change at a time.
    changing: Mutex<()>,
}

/// The configuration in force, and what the workers have of it.
#[derive(Clone)]
pub struct Current {
    pub config: Arc<Config>,
    pub plan: Arc<Plan>,
}

/// What the process may use; found at start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// CPUs.
    pub nbcproc: usize,
    /// Bytes of memory.
    pub memmax: u64,
    /// Open files of the process.
    pub ulimit_n: u64,
    /// Sockets of all workers together.
    pub maxsock: u64,
}

impl Shared {
    pub fn new(plane: Arc<Plane>, hub: Arc<Hub>, current: Current, limits: Limits) -> Shared {
        Shared {
            plane,
            hub,
            journal: Journal::default(),
            probes: ProbeBoard::default(),
            limits,
            memory: LastReading::default(),
            mon: MonCounts::default(),
            started: clock::read().now,
            started_resident_bytes: process::resident_bytes(),
            rung: Notify::new(),
            took_service: Notify::new(),
            domain: OnceLock::new(),
            current: watch::Sender::new(Arc::new(current)),
            changing: Mutex::new(()),
        }
    }

    /// The configuration in force at this moment.
    pub fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.borrow())
    }

    /// The domain, where there is one.
    pub fn domain(&self) -> Option<&Arc<Domain>> {
        self.domain.get()
    }

    /// To be told of every later one.
    pub fn follow(&self) -> watch::Receiver<Arc<Current>> {
        self.current.subscribe()
    }

    /// From now on what `change` makes of the configuration in force is: for the workers, and for all who follow.
    /// Nothing happens with `None`. Of two changes at the same time the second finds the first one's result.
    pub fn put_in_force(&self, change: impl FnOnce(&Current) -> Option<Current>) {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current();
        let Some(mut next) = change(&before) else {
            return;
        };
        Arc::make_mut(&mut next.plan).succeed(&before.plan);
        let wake = |worker| self.hub.wake(worker);
        // What leads to another server now is checked before anybody goes there.
        let others = |output: &&PlannedOutput| output.revision == next.plan.number;
        for output in next.plan.outputs.iter().filter(others) {
            self.plane.set_health(output.id, Health::Checking, wake);
        }
        self.plane.set_plan(Arc::clone(&next.plan), wake);
        self.current.send_replace(Arc::new(next));
    }

    /// Tells `rung` of every ring, for ever. `bell` is the hub's.
    pub async fn listen_for_rings(self: Arc<Self>, bell: UnixStream) -> io::Result<()> {
        let mut bell = tokio::net::UnixStream::from_std(bell)?;
        let mut rings = [0; 64];
        while bell.read(&mut rings).await? > 0 {
            self.rung.notify_waiters();
        }
        Ok(())
    }
}

/// Something made from the configuration in force, and made anew when that changes.
pub struct Derived<T>(Mutex<Option<(Arc<Current>, Arc<T>)>>);

impl<T> Default for Derived<T> {
    fn default() -> Derived<T> {
        Derived(Mutex::new(None))
    }
}

impl<T> Derived<T> {
    /// What `make` gives for `current`.
    pub fn of(&self, current: &Arc<Current>, make: impl FnOnce() -> T) -> Arc<T> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, made)) = &*kept
            && Arc::ptr_eq(of, current)
        {
            return Arc::clone(made);
        }
        let made = Arc::new(make());
        *kept = Some((Arc::clone(current), Arc::clone(&made)));
        made
    }
}

#[cfg(test)]
pub mod tests;
