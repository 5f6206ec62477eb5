//! The control core: what operators see and order, and what outlives a restart. One thread of its own; whatever
//! it waits for, the data plane does not notice. All that both share is [`crate::plane`].
//!
//! - `shared`: what all parts have in common; `journal`: what has happened; `probed`: what probes found;
//!   `figures`: everything that is counted; `counters`: the seed's names for it
//! - `prober`: probes, and what host names resolve to
//! - `ctl`: the terminal; `serve`: web servers on a thread
//! - `mon`: the counters, pushed to whoever keeps them
//! - `reload`: another configuration, while everything runs; `systemd`: what the service manager is told
//! - `state`: the files in `state_dir`
//! - `log`: the program's own log
#![forbid(unsafe_code)]

pub mod counters;
pub mod ctl;
pub mod figures;
pub mod journal;
pub mod log;
pub mod mon;
pub mod probed;
pub mod prober;
pub mod reload;
pub mod serve;
pub mod shared;
pub mod state;
pub mod systemd;

use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::balance::hash::HashKey;
use crate::balance::table::LearnedSession;
use crate::control::ctl::Ctl;
use crate::control::ctl::orders;
use crate::control::ctl::orders::Orders;
use crate::control::prober::Prober;
use crate::control::reload::Reloader;
use crate::control::reload::Source;
use crate::control::reload::parts::Terminal;
use crate::control::serve::Served;
use crate::control::serve::door;
use crate::control::serve::serve;
use crate::control::shared::Derived;
use crate::control::shared::Shared;
use crate::control::state::Folder;
use crate::control::state::sessions;
use crate::control::state::sessions::Periodic;
use crate::control::state::sessions::Saver;
use crate::control::state::whereabouts;
use crate::control::systemd::Notifier;
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
    folder: Option<Arc<Folder>>,
    hung_up: Arc<Notify>,
}

/// What it works on.
pub struct ControlSetup {
    pub shared: Arc<Shared>,
    /// Where `ctl` is asked.
    pub ctl: TcpListener,
    /// Drawn at this start.
    pub secret: HashKey,
    /// Where a reload reads the configuration.
    pub source: Source,
    pub notifier: Arc<Notifier>,
    /// What memory and descriptors allow.
    pub max_connections: u64,
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
    /// Serves `ctl` and saves what is learned, on a thread of its own.
    pub fn start(setup: ControlSetup, memory: Memory) -> io::Result<Control> {
        let ControlSetup {
            shared,
            ctl: listener,
            secret,
            source,
            notifier,
            max_connections,
        } = setup;
        let Memory { folder, keeper, .. } = memory;
        let bell = shared.hub.control_bell()?;
        let (ctl, listeners) = door();
        // The receiver is here: what is put in is received.
        let _ = ctl.send(listener);
        let orders = Arc::new(Orders::new(Arc::clone(&shared), folder.clone()));
        let reloader = Arc::new(Reloader::new(reload::Setup {
            shared: Arc::clone(&shared),
            source,
            orders: Arc::clone(&orders),
            parts: vec![Box::new(Terminal {
                properties: "ctl, ctl_port",
                address,
                door: ctl,
            })],
            notifier: Arc::clone(&notifier),
            max_connections,
            folder: folder.clone(),
        }));
        let router = ctl::router(Ctl {
            shared: Arc::clone(&shared),
            orders,
            reloader: Arc::clone(&reloader),
            guard: Derived::default(),
            secret,
        });
        let hung_up = Arc::new(Notify::new());
        if let Some(folder) = &folder {
            whereabouts::write(folder, address(&shared.current().config));
        }
        let saver = keeper.as_ref().map(|keeper| Arc::clone(&keeper.saver));
        let (parts, ordered) = (Arc::clone(&shared), Arc::clone(&hung_up));
        let work = async move {
            let mut tasks = JoinSet::new();
            let rings = Arc::clone(&parts).listen_for_rings(bell);
            tasks.spawn(async move {
                if let Err(error) = rings.await {
                    log::event("control_deaf", &[("cause", &error)]);
                }
            });
            tasks.spawn(Prober::of(Arc::clone(&parts)).run());
            tasks.spawn(serve(listeners, router));
            tasks.spawn(async move { reloader.listen(&ordered).await });
            let watched = Arc::clone(&parts);
            tasks.spawn(async move { notifier.watch(&watched).await });
            tasks.spawn(mon::run(Arc::clone(&parts)));
            if let Some(keeper) = keeper {
                tasks.spawn(keeper.periodic(parts).run());
            }
            tasks.join_all().await;
        };
        Ok(Control {
            served: Served::run("halb-control", work)?,
            shared,
            saver,
            folder,
            hung_up,
        })
    }

    /// SIGHUP: the configuration is read again.
    pub fn hang_up(&self) {
        self.hung_up.notify_one();
    }

    /// The end: nothing is answered any more, and what was learned is saved.
    pub fn finish(self, sessions: Vec<LearnedSession>) {
        drop(self.served); // and a save that was under way is over
        if let Some(folder) = self.folder {
            whereabouts::remove(&folder);
        }
        if let Some(saver) = self.saver {
            saver.save_or_say(sessions, &self.shared.current().plan);
        }
    }
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
