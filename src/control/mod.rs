//! The control core: what operators see and order, and what outlives a restart. One thread of its own; whatever
//! it waits for, the data plane does not notice. All that both share is [`crate::plane`].
//!
//! - `shared`: what all parts have in common; `journal`: what has happened; `probed`: what probes found;
//!   `figures`: everything that is counted; `counters`: the seed's names for it; `overview`: what an operator wants to
//!   see of it
//! - `prober`: probes, and what host names resolve to; `pressure`: how full the memory is
//! - `ctl` and `ui`: the terminals; `access`: who gets in; `serve`: web servers on a thread
//! - `metrics`: everything that is counted, as Prometheus reads it
//! - `mon`: the counters, pushed to whoever keeps them
//! - `reload`: another configuration, while everything runs; `systemd`: what the service manager is told
//! - `memory`: from one start to the next; `state`: the files in `state_dir`
//! - `domain`: the other servers and the file that all of them have
//! - `log`: the program's own log; `access_log`: a line for each request
#![forbid(unsafe_code)]

pub mod access;
pub mod access_log;
pub mod counters;
pub mod ctl;
pub mod domain;
pub mod figures;
pub mod journal;
pub mod log;
pub mod memory;
pub mod metrics;
pub mod mon;
pub mod overview;
pub mod pressure;
pub mod probed;
pub mod prober;
pub mod reload;
pub mod serve;
pub mod shared;
pub mod state;
pub mod systemd;
pub mod ui;

use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use crate::balance::hash::HashKey;
use crate::balance::table::LearnedSession;
use crate::control::access_log::AccessLog;
use crate::control::access_log::Opened;
use crate::control::ctl::Ctl;
use crate::control::ctl::domain::Desk;
use crate::control::ctl::orders::Orders;
use crate::control::domain::Domain;
use crate::control::domain::Subject;
use crate::control::domain::failure::Failure;
use crate::control::domain::file;
use crate::control::domain::file::DomainFile;
use crate::control::domain::file::answer::Answered;
use crate::control::domain::joined;
use crate::control::domain::liaison::Liaison;
use crate::control::domain::mirror;
use crate::control::domain::mirror::Mirror;
use crate::control::domain::stream::Streams;
use crate::control::memory::Copies;
use crate::control::memory::Keeper;
use crate::control::memory::Memory;
use crate::control::overview::Recorder;
use crate::control::pressure::Gauge;
use crate::control::pressure::Pressure;
use crate::control::prober::Prober;
use crate::control::reload::Maximum;
use crate::control::reload::Reloader;
use crate::control::reload::Source;
use crate::control::reload::Trial;
use crate::control::reload::parts::Part;
use crate::control::reload::parts::Terminal;
use crate::control::serve::Served;
use crate::control::serve::door;
use crate::control::serve::serve;
use crate::control::shared::Derived;
use crate::control::shared::Shared;
use crate::control::state::Folder;
use crate::control::state::sessions::Saver;
use crate::control::state::whereabouts;
use crate::control::systemd::Notifier;
use crate::control::ui::Ui;
use crate::model::config::Config;
use crate::pair::event;
use crate::plane::Order;

/// The running control core.
pub struct Control {
    served: Served,
    shared: Arc<Shared>,
    saver: Option<Arc<Saver>>,
    folder: Option<Arc<Folder>>,
    access_log: Arc<AccessLog>,
    hung_up: Arc<Notify>,
    streams: Option<Arc<Streams>>,
}

/// Other servers are told that this one stops, and have so long to close.
const FAREWELL: Duration = Duration::from_millis(300);

/// What it works on.
pub struct ControlSetup {
    pub shared: Arc<Shared>,
    /// Where `ctl` is asked.
    pub ctl: TcpListener,
    /// Where `ui` is looked at.
    pub ui: TcpListener,
    /// Drawn at this start.
    pub secret: HashKey,
    /// Where a reload reads the configuration.
    pub source: Source,
    pub notifier: Arc<Notifier>,
    pub maximum: Maximum,
    pub access_log: Opened,
    /// Where it is read how full the memory is, if anywhere.
    pub gauge: Option<Gauge>,
    pub domain: Option<DomainSetup>,
}

/// What there is besides where there is a domain.
pub struct DomainSetup {
    /// The pair thread.
    pub liaison: Arc<Liaison>,
    pub streams: Arc<Streams>,
    /// Where the domain file is.
    pub file: PathBuf,
    /// What was in it when the configuration was read.
    pub text: Vec<u8>,
    /// Reads a text as this server's configuration.
    pub trial: Trial,
}

/// Everything that goes on on control's thread.
struct Work {
    shared: Arc<Shared>,
    bell: UnixStream,
    terminals: [(UnboundedReceiver<TcpListener>, Router); 2],
    recorder: Arc<Recorder>,
    reloader: Arc<Reloader>,
    access_log: Arc<AccessLog>,
    hung_up: Arc<Notify>,
    notifier: Arc<Notifier>,
    gauge: Option<Gauge>,
    domain: Option<DomainWork>,
    keeper: Option<Keeper>,
}

/// Where `ctl` listens.
pub fn ctl_address(config: &Config) -> SocketAddr {
    SocketAddr::new(config.ctl.0, config.ctl_port)
}

/// Where `ui` listens.
pub fn ui_address(config: &Config) -> SocketAddr {
    SocketAddr::new(config.ui.0, config.ui_port)
}

impl Control {
    /// Does everything that control does, on a thread of its own.
    pub fn start(setup: ControlSetup, memory: Memory) -> io::Result<Control> {
        let folder = memory.folder.clone();
        let keeper = memory.keeper.as_ref();
        let saver = keeper.map(|keeper| Arc::clone(&keeper.saver));
        let hung_up = Arc::new(Notify::new());
        let shared = Arc::clone(&setup.shared);
        let streams = setup.domain.as_ref();
        let streams = streams.map(|domain| Arc::clone(&domain.streams));
        let work = Work::new(setup, memory, Arc::clone(&hung_up))?;
        if let Some(folder) = &folder {
            whereabouts::write(folder, ctl_address(&shared.current().config));
        }
        let access_log = Arc::clone(&work.access_log);
        Ok(Control {
            served: Served::run("halb-control", work.run())?,
            shared,
            saver,
            folder,
            access_log,
            hung_up,
            streams,
        })
    }

    /// SIGHUP: the configuration is read again. The access log is opened again also when that cannot be used.
    pub fn hang_up(&self) {
        self.access_log.reopen();
        self.hung_up.notify_one();
    }

    /// The end: nothing is answered any more, what was learned is saved, and every request has its line.
    pub fn finish(self, sessions: Vec<LearnedSession>) {
        if let Some(streams) = self.streams {
            // So that others do not take it for a crash.
            streams.finish(FAREWELL);
        }
        drop(self.served); // and a save that was under way is over
        self.access_log.finish();
        if let Some(folder) = self.folder {
            whereabouts::remove(&folder);
        }
        if let Some(saver) = self.saver {
            saver.save_or_say(sessions, &self.shared.current().plan);
        }
    }
}

impl Work {
    fn new(setup: ControlSetup, memory: Memory, hung_up: Arc<Notify>) -> io::Result<Work> {
        let (folder, copies) = (memory.folder, memory.copies);
        let shared = setup.shared;
        let bell = shared.hub.control_bell()?;
        let (ctl_part, ctl_listeners) = terminal(setup.ctl, "ctl, ctl_port", ctl_address);
        let (ui_part, ui_listeners) = terminal(setup.ui, "ui, ui_port", ui_address);
        let orders = Arc::new(Orders::new(
            Arc::clone(&shared),
            folder.clone(),
            &memory.switches,
        ));
        let recorder = Arc::new(Recorder::new(Arc::clone(&shared)));
        let access_log = Arc::new(AccessLog::start(&shared, setup.access_log)?);
        let reloader = Arc::new(Reloader::new(reload::Setup {
            shared: Arc::clone(&shared),
            source: setup.source,
            orders: Arc::clone(&orders),
            parts: vec![ctl_part, ui_part, Box::new(Arc::clone(&access_log))],
            notifier: Arc::clone(&setup.notifier),
            maximum: setup.maximum,
            folder: folder.clone(),
        }));
        let domain = match setup.domain {
            Some(domain) => DomainWork::new(domain, &shared, &reloader, folder, &orders, copies),
            None => None,
        };
        let of_ctl = ctl::router(Ctl {
            shared: Arc::clone(&shared),
            orders: Arc::clone(&orders),
            reloader: Arc::clone(&reloader),
            recorder: Arc::clone(&recorder),
            guard: Derived::default(),
            secret: setup.secret.clone(),
        });
        let watched = Arc::clone(&recorder);
        let of_ui = ui::router(Ui::new(Arc::clone(&shared), orders, watched, setup.secret));
        Ok(Work {
            shared,
            bell,
            terminals: [(ctl_listeners, of_ctl), (ui_listeners, of_ui)],
            recorder,
            reloader,
            access_log,
            hung_up,
            notifier: setup.notifier,
            gauge: setup.gauge,
            domain,
            keeper: memory.keeper,
        })
    }

    async fn run(self) {
        let shared = || Arc::clone(&self.shared);
        let mut tasks = JoinSet::new();
        let rings = shared().listen_for_rings(self.bell);
        tasks.spawn(async move {
            if let Err(error) = rings.await {
                log::event("control_deaf", &[("cause", &error)]);
            }
        });
        tasks.spawn(Prober::of(shared()).run());
        for (listeners, router) in self.terminals {
            tasks.spawn(serve(listeners, router));
        }
        tasks.spawn(self.recorder.run());
        let reloads = Reloads {
            hung_up: self.hung_up,
            shared: shared(),
            reloader: self.reloader,
            notifier: Arc::clone(&self.notifier),
        };
        tasks.spawn(reloads.run());
        let watched = shared();
        tasks.spawn(async move { self.notifier.watch(&watched).await });
        tasks.spawn(mon::run(shared()));
        if let Some(gauge) = self.gauge {
            tasks.spawn(Pressure::new(gauge).run(shared()));
        }
        if let Some(work) = self.domain {
            work.spawn(&self.shared, &mut tasks);
        }
        if let Some(keeper) = self.keeper {
            tasks.spawn(keeper.periodic(shared()).run());
        }
        tasks.join_all().await;
    }
}

/// A terminal that a reload can move, and its listeners, of which one is there.
fn terminal(
    listener: TcpListener,
    properties: &'static str,
    address: fn(&Config) -> SocketAddr,
) -> (Box<dyn Part>, UnboundedReceiver<TcpListener>) {
    let (door, listeners) = door();
    // The receiver is here: what is put in is received.
    let _ = door.send(listener);
    let part = Terminal {
        properties,
        address,
        door,
    };
    (Box::new(part), listeners)
}

/// What goes on where there is a domain.
struct DomainWork {
    liaison: Arc<Liaison>,
    streams: Arc<Streams>,
    mirror: Mirror,
    file: Option<(Arc<DomainFile>, file::Orders, file::Setup)>,
}

impl DomainWork {
    fn new(
        setup: DomainSetup,
        shared: &Arc<Shared>,
        reloader: &Arc<Reloader>,
        folder: Option<Arc<Folder>>,
        orders: &Arc<Orders>,
        copies: Copies,
    ) -> Option<DomainWork> {
        let domain = Arc::clone(shared.domain()?);
        let mirror = Mirror::new(mirror::Setup {
            shared: Arc::clone(shared),
            domain: Arc::clone(&domain),
            streams: Arc::clone(&setup.streams),
            orders: Arc::clone(orders),
            copies,
        });
        // Nobody else has set it.
        let _ = domain.failure.set(Failure::new(folder.clone()));
        let file = match DomainFile::at(&setup.file) {
            Ok((file, orders)) => {
                // Nobody else has set it.
                let _ = domain.file.set(Arc::clone(&file));
                let setup = file::Setup {
                    shared: Arc::clone(shared),
                    domain,
                    reloader: Arc::clone(reloader),
                    folder,
                    text: setup.text.into(),
                    trial: setup.trial,
                };
                Some((file, orders, setup))
            }
            Err(error) => {
                let path = setup.file.display();
                log::event("domain_file_unread", &[("file", &path), ("cause", &error)]);
                None
            }
        };
        Some(DomainWork {
            liaison: setup.liaison,
            streams: setup.streams,
            mirror,
            file,
        })
    }

    fn spawn(self, shared: &Arc<Shared>, tasks: &mut JoinSet<()>) {
        let Some(domain) = shared.domain().cloned() else {
            return;
        };
        if let (Some(peers), Some(desk)) = (domain.peers(), Desk::of(shared)) {
            peers.serve(Subject::Remote, Arc::new(desk));
        }
        tasks.spawn(recall_failure(Arc::clone(shared), Arc::clone(&domain)));
        tasks.spawn(self.liaison.run(Arc::clone(shared), domain));
        tasks.spawn(self.mirror.run());
        tasks.spawn(joined::run(self.streams, Arc::clone(shared)));
        if let Some((file, orders, setup)) = self.file {
            tasks.spawn(file.run(orders, setup));
        }
    }
}

/// What was reported before this start is as it was.
async fn recall_failure(shared: Arc<Shared>, domain: Arc<Domain>) {
    if let Some(text) = domain.failure.get().and_then(Failure::recall) {
        let text = format!("failure reported before this start: {text}");
        shared.journal.note("pair", None, text);
        domain.pair.order(event::Order::ReportFailure).await;
    }
}

/// What SIGHUP asks for.
struct Reloads {
    hung_up: Arc<Notify>,
    shared: Arc<Shared>,
    reloader: Arc<Reloader>,
    notifier: Arc<Notifier>,
}

impl Reloads {
    /// For ever. In a domain the file is all servers'.
    async fn run(self) {
        let Some(file) = self.shared.domain().and_then(|domain| domain.file()) else {
            return self.reloader.listen(&self.hung_up).await;
        };
        loop {
            self.hung_up.notified().await;
            // Whoever has sent the signal waits for a beginning and an end, also where this server takes up nothing.
            self.notifier.reloading();
            let answered = file.reload(false).await; // it is in the journal
            let has_said_so = matches!(answered, Answered::Same(_));
            if !has_said_so && self.shared.plane.order() == Order::Run {
                let status = format!("reload: {}", answered.sentence());
                self.notifier.ready(&status);
            }
        }
    }
}
