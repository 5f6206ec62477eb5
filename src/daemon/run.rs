//! The verbs that serve: from a configuration to running workers, and from a signal to their end.

use std::fmt;
use std::fs::File;
use std::io;
use std::io::Read;
use std::net::SocketAddr;
use std::net::ToSocketAddrs;
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
use crate::daemon::EXIT_FAILURE;
use crate::daemon::args::Options;
use crate::daemon::budget;
use crate::daemon::budget::Budget;
use crate::daemon::check;
use crate::control::log;
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
use crate::plane::Order;
use crate::plane::Plane;
use crate::ring::thread::cores;
use crate::worker::Learning;

/// Why serving did not begin.
#[derive(Debug)]
pub enum StartError {
    /// The seed's own text stands in front of these two.
    Memory(String),
    Cores(String),
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
            StartError::Workers(error) => write!(f, "Error: failed to start HALB: {error}"),
            StartError::Other(error) => write!(f, "Error: failed to start HALB: {error}"),
        }
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
    conclude(start(&loaded.config).and_then(serve))
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

/// Workers that serve, and the signals that end it.
pub struct Started {
    pub workers: Workers,
    signals: Signals,
}

/// Starts the workers that a configuration asks for.
pub fn start(config: &Config) -> Result<Started, StartError> {
    let cores = worker_cores(config)?;
    let memory = memory_bytes(config)?;
    let mut budget = Budget::new(memory, budget::descriptors(), cores.len() as u64);
    if config.mode == Mode::Passive && !config.cookie_name.is_empty() {
        budget = budget.with_sessions();
    }
    let plan = Plan::from_config(config, resolve, budget.max_connections());
    log::event(
        "maximum",
        &[
            ("max_connections", &plan.max_connections),
            ("computed", &budget),
        ],
    );
    let setup = WorkersSetup {
        plan: Arc::new(plan),
        listen: config.r#in.clone(),
        cores,
        small_buffers: budget.small_buffers,
        large_buffers: budget.large_buffers,
        pipes: budget.pipes,
        learning: Learning {
            hash: secret().map_err(StartError::Other)?,
            capacity: budget.sessions,
        },
        known: Known::default(),
    };
    // Before anybody can know that we listen: whoever reads the line below may order a stop at once. And not
    // earlier, so that Ctrl-C still ends a start that waits for a name server.
    let signals =
        Signals::new([SIGTERM, SIGUSR1, SIGINT, SIGHUP, SIGUSR2]).map_err(StartError::Other)?;
    let workers = Workers::start(&setup).map_err(StartError::Workers)?;
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
    Ok(Started { workers, signals })
}

/// Serves until told to stop: SIGTERM and SIGUSR1 finish what was begun, a second SIGTERM, or SIGINT, stops at
/// once.
pub fn serve(started: Started) -> Result<(), StartError> {
    let Started {
        workers,
        mut signals,
    } = started;
    let (orders, closer) = (workers.orders(), signals.handle());
    let plane = Arc::clone(workers.plane());
    let joiner = thread::Builder::new()
        .name("halb-joiner".to_owned())
        .spawn(move || {
            let left = workers.join();
            closer.close();
            left
        });
    let joiner = joiner.map_err(StartError::Other)?;
    let mut finishing = false;
    for signal in signals.forever() {
        on_signal(signal, &mut finishing, &orders);
    }
    if let Ok(left) = joiner.join() {
        report(&plane, &left.left);
    }
    Ok(())
}

fn on_signal(signal: i32, finishing: &mut bool, orders: &Orders) {
    match signal {
        SIGTERM | SIGUSR1 if !*finishing => {
            *finishing = true;
            log::event("finishing", &[]);
            orders.give(Order::Finish);
        }
        SIGTERM | SIGINT => {
            log::event("stopping", &[]);
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

/// What learned sessions are hashed with, so that nobody outside can make two of them meet.
fn secret() -> io::Result<HashKey> {
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
