//! The control core: what operators see and order, and what outlives a restart. One thread of its own; whatever
//! it waits for, the data plane does not notice. All that both share is [`crate::plane`].
//!
//! - `shared`: what all parts have in common; `journal`: what has happened; `probed`: what probes found;
//!   `figures`: everything that is counted; `overview`: what an operator wants to see of it
//! - `prober`: probes, and what host names resolve to
//! - `ctl` and `ui`: the terminals; `access`: who gets in; `serve`: web servers on a thread
//! - `state`: the files in `state_dir`
//! - `log`: the program's own log
#![forbid(unsafe_code)]

pub mod access;
pub mod ctl;
pub mod figures;
pub mod journal;
pub mod log;
pub mod overview;
pub mod probed;
pub mod prober;
pub mod serve;
pub mod shared;
pub mod state;
pub mod ui;

use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use crate::balance::hash::HashKey;
use crate::balance::table::LearnedSession;
use crate::control::ctl::Ctl;
use crate::control::ctl::orders;
use crate::control::ctl::orders::Orders;
use crate::control::overview::Recorder;
use crate::control::prober::Prober;
use crate::control::serve::Door;
use crate::control::serve::Served;
use crate::control::serve::door;
use crate::control::serve::serve;
use crate::control::shared::Derived;
use crate::control::shared::Shared;
use crate::control::state::Folder;
use crate::control::state::sessions;
use crate::control::state::sessions::Periodic;
use crate::control::state::sessions::Saver;
use crate::control::ui::Ui;
use crate::model::config::Config;
use crate::model::output::OutputId;
use crate::model::plan::Plan;
use crate::model::standing::Switch;
use crate::plane::snapshot::Desk;

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
    room: usize,
}

/// The running control core.
pub struct Control {
    served: Served,
    shared: Arc<Shared>,
    saver: Option<Arc<Saver>>,
    /// Where a reload puts in the next listener.
    pub doors: Doors,
}

/// The terminals' doors.
pub struct Doors {
    pub ctl: Door,
    pub ui: Door,
}

/// What it works on.
pub struct ControlSetup {
    pub shared: Arc<Shared>,
    /// Where `ctl` is asked.
    pub ctl: TcpListener,
    /// Where `ui` is looked at.
    pub ui: TcpListener,
    /// Drawn at this start.
    pub secret: HashKey,
}

/// Where `ctl` listens.
pub fn ctl_address(config: &Config) -> SocketAddr {
    SocketAddr::new(config.ctl.0, config.ctl_port)
}

/// Where `ui` listens.
pub fn ui_address(config: &Config) -> SocketAddr {
    SocketAddr::new(config.ui.0, config.ui_port)
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
            memory.keeper = Some(Keeper {
                saver: Arc::new(Saver::new(folder, memory.hash.clone())),
                desk: Arc::default(),
                room,
            });
        }
        memory
    }

    /// Where the first worker hands out its sessions.
    pub fn desk(&self) -> Option<Arc<Desk<LearnedSession>>> {
        self.keeper.as_ref().map(|keeper| Arc::clone(&keeper.desk))
    }
}

impl Control {
    /// Serves `ctl` and `ui`, and saves what is learned, on a thread of its own.
    pub fn start(setup: ControlSetup, memory: Memory) -> io::Result<Control> {
        let shared = setup.shared;
        let bell = shared.hub.control_bell()?;
        let orders = Arc::new(Orders::new(Arc::clone(&shared), memory.folder));
        let recorder = Arc::new(Recorder::new(Arc::clone(&shared)));
        let of_ctl = ctl::router(Ctl {
            shared: Arc::clone(&shared),
            orders: Arc::clone(&orders),
            recorder: Arc::clone(&recorder),
            guard: Derived::default(),
            secret: setup.secret.clone(),
        });
        let watched = Arc::clone(&recorder);
        let of_ui = ui::router(Ui::new(Arc::clone(&shared), orders, watched, setup.secret));
        let (ctl, ctl_listeners) = opened(setup.ctl);
        let (ui, ui_listeners) = opened(setup.ui);
        let keeper = memory.keeper;
        let saver = keeper.as_ref().map(|keeper| Arc::clone(&keeper.saver));
        let parts = Arc::clone(&shared);
        let work = async move {
            let mut tasks = JoinSet::new();
            let rings = Arc::clone(&parts).listen_for_rings(bell);
            tasks.spawn(async move {
                if let Err(error) = rings.await {
                    log::event("control_deaf", &[("cause", &error)]);
                }
            });
            tasks.spawn(Prober::of(Arc::clone(&parts)).run());
            tasks.spawn(serve(ctl_listeners, of_ctl));
            tasks.spawn(serve(ui_listeners, of_ui));
            tasks.spawn(recorder.run());
            if let Some(keeper) = keeper {
                tasks.spawn(keeper.periodic(parts).run());
            }
            tasks.join_all().await;
        };
        Ok(Control {
            served: Served::run("halb-control", work)?,
            shared,
            saver,
            doors: Doors { ctl, ui },
        })
    }

    /// The end: nothing is answered any more, and what was learned is saved.
    pub fn finish(self, sessions: Vec<LearnedSession>) {
        drop(self.served); // and a save that was under way is over
        if let Some(saver) = self.saver {
            saver.save_or_say(sessions, &self.shared.current().plan);
        }
    }
}

/// A door with its first listener.
fn opened(listener: TcpListener) -> (Door, UnboundedReceiver<TcpListener>) {
    let (door, listeners) = door();
    // The receiver is here: what is put in is received.
    let _ = door.send(listener);
    (door, listeners)
}

impl Keeper {
    fn periodic(self, shared: Arc<Shared>) -> Periodic {
        Periodic {
            saver: self.saver,
            desk: self.desk,
            shared,
            room: self.room,
        }
    }
}
