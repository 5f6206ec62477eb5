//! The verbs that serve: from a configuration to running workers, and from a signal to their end.

use std::fmt;
use std::fs::File;
use std::io;
use std::io::Read;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::ToSocketAddrs;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use signal_hook::consts::SIGHUP;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::consts::SIGUSR1;
use signal_hook::consts::SIGUSR2;
use signal_hook::iterator::Signals;

use crate::balance::hash::HashKey;
use crate::control;
use crate::control::Control;
use crate::control::ControlSetup;
use crate::control::Memory;
use crate::control::log;
use crate::control::reload::Source;
use crate::control::shared::Current;
use crate::control::shared::Limits;
use crate::control::shared::Shared;
use crate::control::state::Denied;
use crate::control::state::Folder;
use crate::control::systemd::Notifier;
use crate::daemon::EXIT_FAILURE;
use crate::daemon::args::Options;
use crate::daemon::budget;
use crate::daemon::budget::Budget;
use crate::daemon::check;
use crate::daemon::workers::Known;
use crate::daemon::workers::Leftovers;
use crate::daemon::workers::Orders;
use crate::daemon::workers::Workers;
use crate::daemon::workers::WorkersError;
use crate::daemon::workers::WorkersSetup;
use crate::model::address::HostPort;
use crate::model::config::Config;
use crate::model::config::Mode;
use crate::model::plan::Plan;
use crate::model::property;
use crate::model::property::Fallback;
use crate::plane::Order;
use crate::plane::Plane;
use crate::ring::socket::paces_clients;
use crate::ring::thread::cores;
use crate::worker::Learning;

/// Why serving did not begin.
#[derive(Debug)]
pub enum StartError {
    /// The seed's own text stands in front of each.
    Memory(String),
    Cores(String),
    State(PathBuf, Denied),
    Ctl(SocketAddr, io::Error),
    Workers(WorkersError),
    Other(std::io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Memory(cause) => {
                write!(
                    f,
                    "Error: unable to determine appliance memory configuration: {cause}"
                )
            }
            StartError::Cores(cause) => {
                write!(
                    f,
                    "Error: failed to determine number of available CPUs: {cause}"
                )
            }
            StartError::State(folder, cause) => write!(
                f,
                "Error: failed to create the state file: {}: {cause} (state_dir)",
                folder.display()
            ),
            StartError::Ctl(address, error) => write!(
                f,
                "Error: failed to initialize the control web service interface: \
                 cannot listen on {address} (ctl, ctl_port): {}",
                plain(error)
            ),
            StartError::Workers(error) => write!(f, "Error: failed to start HALB: {error}"),
            StartError::Other(error) => write!(f, "Error: failed to start HALB: {error}"),
        }
    }
}

fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
        _ => error.to_string(),
    }
}

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
    let started = state_folder(&loaded.config)
        .and_then(|folder| start(&loaded.config, folder, check::source(options)))
        .and_then(serve);
    conclude(started)
}

/// What a run of the program ends with.
pub fn conclude(served: Result<(), StartError>) -> ExitCode {
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            check::say(&format!("{error}\n"));
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// Workers that serve, the control core, and the signals that end it.
pub struct Started {
    pub workers: Workers,
    control: Control,
    signals: Signals,
    notifier: Arc<Notifier>,
}

/// Starts the workers that a configuration asks for, and control. Without a folder nothing is kept; `source` is where a
/// reload reads the configuration again.
pub fn start(
    config: &Config,
    folder: Option<Arc<Folder>>,
    source: Source,
) -> Result<Started, StartError> {
    let cores = worker_cores(config)?;
    let memory = memory_bytes(config)?;
    let mut budget = Budget::new(memory, budget::descriptors(), cores.len() as u64);
    if config.mode == Mode::Passive && !config.cookie_name.is_empty() {
        budget = budget.with_sessions();
    }
    let mut plan = Plan::from_config(config, resolve, budget.max_connections());
    plan.pipe_responses = !paces_clients();
    log::event(
        "maximum",
        &[
            ("max_connections", &plan.max_connections),
            ("computed", &budget),
        ],
    );
    let secret = || random_key().map_err(StartError::Other);
    let known = Memory::read(folder, &plan, secret()?, budget.sessions);
    let listener = listen(control::address(config))?;
    let setup = workers_setup(config, plan, cores, &budget, &known);
    // Before anybody can know that we listen: whoever reads the line below may order a stop at once. And not
    // earlier, so that Ctrl-C still ends a start that waits for a name server.
    let signals =
        Signals::new([SIGTERM, SIGUSR1, SIGINT, SIGHUP, SIGUSR2]).map_err(StartError::Other)?;
    let workers = Workers::start(&setup).map_err(StartError::Workers)?;
    let address = listener.local_addr().map_err(StartError::Other)?;
    let current = Current {
        config: Arc::new(config.clone()),
        plan: Arc::clone(workers.plan()),
    };
    let (plane, hub) = (Arc::clone(workers.plane()), Arc::clone(workers.hub()));
    let notifier = Arc::new(Notifier::from_environment());
    let parts = ControlSetup {
        shared: Arc::new(Shared::new(plane, hub, current, limits(&budget))),
        ctl: listener,
        secret: secret()?,
        source,
        notifier: Arc::clone(&notifier),
        max_connections: budget.max_connections(),
    };
    match Control::start(parts, known) {
        Ok(control) => {
            announce(&workers, &setup, address);
            notifier.ready(&format!("serving {} outputs", setup.plan.outputs.len()));
            Ok(Started {
                workers,
                control,
                signals,
                notifier,
            })
        }
        Err(error) => {
            workers.orders().give(Order::Stop);
            workers.join();
            Err(StartError::Ctl(address, error))
        }
    }
}

fn workers_setup(
    config: &Config,
    plan: Plan,
    cores: Vec<Option<usize>>,
    budget: &Budget,
    known: &Memory,
) -> WorkersSetup {
    WorkersSetup {
        plan: Arc::new(plan),
        cores,
        small_buffers: budget.small_buffers,
        large_buffers: budget.large_buffers,
        pipes: budget.pipes,
        bandwidth: config.resources.bandwidth,
        learning: Learning {
            hash: known.hash.clone(),
            capacity: budget.sessions,
        },
        known: Known {
            sessions: Arc::clone(&known.sessions),
            switches: known.switches.clone(),
            desk: known.desk(),
        },
    }
}

fn limits(budget: &Budget) -> Limits {
    Limits {
        nbcproc: cores().map_or(0, |cores| cores.len()),
        memmax: budget.memory_bytes,
        ulimit_n: budget.descriptors,
        maxsock: budget.descriptors * budget.workers,
    }
}

/// The lines of `in` come last: who has read them can ask everything.
fn announce(workers: &Workers, setup: &WorkersSetup, ctl: SocketAddr) {
    log::event("listening", &[("ctl", &ctl)]);
    for address in workers.addresses() {
        let outputs = setup.plan.outputs.len();
        log::event(
            "listening",
            &[
                ("in", address),
                ("outputs", &outputs),
                ("workers", &setup.cores.len()),
            ],
        );
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    control::serve::listen(address, &[]).map_err(|error| StartError::Ctl(address, error))
}

/// The folder `state_dir`. Without one that can be used HALB runs and keeps nothing, unless somebody has named it.
fn state_folder(config: &Config) -> Result<Option<Arc<Folder>>, StartError> {
    let path = &config.state_dir;
    let denied = match Folder::open(path) {
        Ok(folder) => return Ok(Some(Arc::new(folder))),
        Err(denied) => denied,
    };
    let usual = property::find("state_dir").map(|property| property.fallback);
    let is_usual = matches!(usual, Some(Fallback::Value(usual)) if path == Path::new(usual));
    if matches!(denied, Denied::Unusable(_)) && !is_usual {
        return Err(StartError::State(path.clone(), denied));
    }
    log::event(
        "state_not_kept",
        &[("state_dir", &path.display()), ("cause", &denied)],
    );
    Ok(None)
}

/// Serves until told to stop: SIGTERM and SIGUSR1 finish what was begun, a second SIGTERM, or SIGINT, stops at
/// once.
pub fn serve(started: Started) -> Result<(), StartError> {
    let Started {
        workers,
        control,
        mut signals,
        notifier,
    } = started;
    let (orders, closer) = (workers.orders(), signals.handle());
    let plane = Arc::clone(workers.plane());
    let joiner = thread::Builder::new()
        .name("halb-joiner".to_owned())
        .spawn(move || {
            let ended = workers.join();
            closer.close();
            ended
        });
    let joiner = joiner.map_err(StartError::Other)?;
    let mut finishing = false;
    for signal in signals.forever() {
        match signal {
            SIGHUP => control.hang_up(),
            _ => on_signal(signal, &mut finishing, &orders, &notifier),
        }
    }
    if let Ok(ended) = joiner.join() {
        control.finish(ended.sessions);
        report(&plane, &ended.left);
    }
    Ok(())
}

fn on_signal(signal: i32, finishing: &mut bool, orders: &Orders, notifier: &Notifier) {
    match signal {
        SIGTERM | SIGUSR1 if !*finishing => {
            *finishing = true;
            log::event("finishing", &[]);
            notifier.stopping();
            orders.give(Order::Finish);
        }
        SIGTERM | SIGINT => {
            log::event("stopping", &[]);
            notifier.stopping();
            orders.give(Order::Stop);
        }
        SIGUSR1 => {}
        _ => log::event(
            "ignored",
            &[("signal", &signal), ("cause", &"not in this version")],
        ),
    }
}

/// How sessions ended, each way with its number. Then everything has to be home; what is not is a mistake of ours,
/// and is said.
fn report(plane: &Plane, left: &[Leftovers]) {
    let endings = plane.endings();
    let counted: Vec<(&str, &dyn fmt::Display)> = endings
        .iter()
        .filter(|(_, sessions)| *sessions > 0)
        .map(|(reason, sessions)| (*reason, sessions as &dyn fmt::Display))
        .collect();
    log::event("endings", &counted);
    let mut all = Leftovers::default();
    for worker in left {
        all.add(worker);
    }
    log::event("stopped", &[("left", &all)]);
}

/// A key that nobody outside knows.
fn random_key() -> io::Result<HashKey> {
    let mut bytes = [0; HashKey::LENGTH];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(HashKey::from_bytes(bytes))
}

/// One core for each worker. More workers than cores share them.
fn worker_cores(config: &Config) -> Result<Vec<Option<usize>>, StartError> {
    let cores = cores().map_err(|errno| StartError::Cores(errno.desc().to_owned()))?;
    if cores.is_empty() {
        return Err(StartError::Cores("the process may use none".to_owned()));
    }
    let granted = config
        .resources
        .cpu
        .map(|cpu| u64::from(cpu.thousandths).div_ceil(1000));
    let count = config.workers.or(granted).unwrap_or(cores.len() as u64);
    let count = usize::try_from(count).unwrap_or(cores.len()).max(1);
    Ok((0..count)
        .map(|index| cores.get(index % cores.len()).copied())
        .collect())
}

fn memory_bytes(config: &Config) -> Result<u64, StartError> {
    if let Some(memory) = config.resources.memory {
        return Ok(memory.bytes);
    }
    let meminfo = std::fs::read_to_string("/proc/meminfo")
        .map_err(|error| StartError::Memory(format!("/proc/meminfo: {error}")))?;
    budget::machine_memory(&meminfo).ok_or_else(|| {
        StartError::Memory("/proc/meminfo has no MemTotal; set [resources] memory".to_owned())
    })
}

/// The first address of a name; one without makes its output down, never the program fail.
fn resolve(backend: &HostPort) -> Option<SocketAddr> {
    let name = backend.to_string();
    let found = name
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next());
    if found.is_none() {
        log::event("unresolved", &[("output", &name)]);
    }
    found
}
