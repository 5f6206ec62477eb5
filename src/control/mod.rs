//! The control core: what operators see and order, and what outlives a restart. One thread of its own; whatever
//! it waits for, the data plane does not notice. All that both share is [`crate::plane`].
//!
//! - `ctl`: the terminal; `serve`: web servers on a thread
//! - `state`: the files in `state_dir`
//! - `log`: the program's own log
#![forbid(unsafe_code)]

pub mod ctl;
pub mod log;
pub mod pressure;
pub mod serve;
pub mod state;

use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::balance::hash::HashKey;
use crate::balance::table::LearnedSession;
use crate::control::ctl::Ctl;
use crate::control::ctl::guard::Guard;
use crate::control::ctl::orders;
use crate::control::ctl::orders::Orders;
use crate::control::serve::Served;
use crate::control::state::Folder;
use crate::control::state::sessions;
use crate::control::state::sessions::Periodic;
use crate::control::state::sessions::Saver;
use crate::model::config::Config;
use crate::model::output::OutputId;
use crate::model::plan::Plan;
use crate::model::standing::Switch;
use crate::plane::Plane;
use crate::plane::snapshot::Desk;
use crate::ring::inbox::Hub;

/// What is known from before, and what is kept for after.
pub struct Memory {
    folder: Option<Arc<Folder>>,
    /// What learned sessions are hashed with.
    pub hash: HashKey,
    /// Least recently used first.
    pub sessions: Arc<Vec<LearnedSession>>,
    pub switches: Vec<(OutputId, Switch)>,
    keeper: Option<Keeper>,
}

/// How learned sessions are kept; only where there are any.
struct Keeper {
    saver: Arc<Saver>,
    desk: Arc<Desk<LearnedSession>>,
    complete: Arc<Notify>,
    room: usize,
}

/// The running control core.
pub struct Control {
    served: Served,
    saver: Option<Arc<Saver>>,
}

/// What it works on.
pub struct ControlSetup<'a> {
    pub config: &'a Config,
    pub plan: &'a Arc<Plan>,
    pub plane: &'a Arc<Plane>,
    pub hub: &'a Arc<Hub>,
    /// Where `ctl` is asked.
    pub listener: TcpListener,
    /// Drawn at this start.
    pub secret: HashKey,
}

/// Where `ctl` listens.
pub fn address(config: &Config) -> SocketAddr {
    SocketAddr::new(config.ctl.0, config.ctl_port)
}

impl Memory {
    /// Reads what there is. `secret` serves where no key was kept; with `room` for none, no sessions are learned.
    pub fn read(folder: Option<Arc<Folder>>, plan: &Plan, secret: HashKey, room: usize) -> Memory {
        let mut memory = Memory {
            folder: folder.clone(),
            hash: secret,
            sessions: Arc::default(),
            switches: Vec::new(),
            keeper: None,
        };
        let Some(folder) = folder else {
            return memory;
        };
        memory.switches = orders::read(&folder, plan);
        if room > 0 {
            if let Some(restored) = sessions::read(&folder, plan) {
                memory.hash = restored.hash;
                memory.sessions = Arc::new(restored.sessions);
            }
            let saver = Saver::new(folder, memory.hash.clone(), plan);
            memory.keeper = Some(Keeper::new(saver, room));
        }
        memory
    }

    /// Where the first worker hands out its sessions.
    pub fn desk(&self) -> Option<Arc<Desk<LearnedSession>>> {
        self.keeper.as_ref().map(|keeper| Arc::clone(&keeper.desk))
    }
}

impl Keeper {
    fn new(saver: Saver, room: usize) -> Keeper {
        let complete = Arc::new(Notify::new());
        let bell = Arc::clone(&complete);
        Keeper {
            saver: Arc::new(saver),
            desk: Arc::new(Desk::new(move || bell.notify_one())),
            complete,
            room,
        }
    }
}

impl Control {
    /// Serves `ctl` and saves what is learned, on a thread of its own.
    pub fn start(setup: ControlSetup<'_>, memory: Memory) -> io::Result<Control> {
        let (plane, hub) = (Arc::clone(setup.plane), Arc::clone(setup.hub));
        let orders = Orders::new(plane, hub, Arc::clone(setup.plan), memory.folder);
        let router = ctl::router(Ctl {
            guard: Guard::new(setup.config, setup.plan, setup.secret),
            orders,
        });
        let saver = memory
            .keeper
            .as_ref()
            .map(|keeper| Arc::clone(&keeper.saver));
        let hub = Arc::clone(setup.hub);
        let periodic = memory.keeper.map(|keeper| Periodic {
            saver: keeper.saver,
            desk: keeper.desk,
            complete: keeper.complete,
            hub,
            room: keeper.room,
        });
        let besides = async move {
            if let Some(periodic) = periodic {
                periodic.run().await;
            }
        };
        Ok(Control {
            served: Served::start_with("halb-control", setup.listener, router, besides)?,
            saver,
        })
    }

    /// The end: nothing is answered any more, and what was learned is saved.
    pub fn finish(self, sessions: Vec<LearnedSession>) {
        drop(self.served); // and a save that was under way is over
        if let Some(saver) = self.saver {
            saver.save_or_say(sessions);
        }
    }
}
