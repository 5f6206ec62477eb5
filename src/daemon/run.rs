//! The verbs that serve: from a configuration to running workers, and from a signal to their end.

use std::fmt;
use std::fs::File;
use std::io;
use std::io::Read;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

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
use crate::control::access_log::Opened;
use crate::control::log;
use crate::control::memory::Memory;
use crate::control::memory::Secret;
use crate::control::mon;
use crate::control::prober;
use crate::control::prober::names;
use crate::control::reload::Maximum;
use crate::control::reload::Source;
use crate::control::reload::Trial;
use crate::control::shared::Current;
use crate::control::shared::Limits;
use crate::control::shared::Shared;
use crate::control::state::Denied;
use crate::control::state::Folder;
use crate::control::systemd::Notifier;
use crate::daemon::EXIT_FAILURE;
use crate::daemon::args::DEFAULT_FILE;
use crate::daemon::args::Options;
use crate::daemon::budget::Budget;
use crate::daemon::check;
use crate::daemon::pair;
use crate::daemon::pair::PairError;
use crate::daemon::pair::Prepared;
use crate::daemon::pair::Running;
use crate::daemon::resources::Unknown;
use crate::daemon::sizing::Sizing;
use crate::daemon::workers::Known;
use crate::daemon::workers::Leftovers;
use crate::daemon::workers::Orders;
use crate::daemon::workers::Workers;
use crate::daemon::workers::WorkersError;
use crate::daemon::workers::WorkersSetup;
use crate::model::address::HostPort;
use crate::model::config::Config;
use crate::model::plan::Plan;
use crate::model::property;
use crate::model::property::Fallback;
use crate::plane::Order;
use crate::plane::Plane;
use crate::ring::socket::paces_clients;
use crate::standby::key::Use;
use crate::worker::Learning;

/// A start waits so long for the addresses of host names. What comes later is known a moment after it.
const NAMES_PATIENCE: Duration = Duration::from_secs(2);

/// Why serving did not begin, or could not go on.
#[derive(Debug)]
pub enum StartError {
    /// The seed's own text stands in front of each.
    Memory(String),
    Cores(String),
    State(PathBuf, Denied),
    Ctl(SocketAddr, io::Error),
    /// A socket to push counters over.
    Statistics(io::Error),
    Ui(SocketAddr, io::Error),
    /// A socket to probe an output with.
    Checker(io::Error),
    Workers(WorkersError),
    /// What a server of a domain needs besides.
    Pair(PairError),
    /// There is no warden any more.
    Forsaken,
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
            StartError::Statistics(error) => write!(
                f,
                "Error: failed to initialize statistics reporting: no socket for mon: {error}"
            ),
            StartError::Ui(address, error) => write!(
                f,
                "Error: failed to initialize the user interface terminal: \
                 cannot listen on {address} (ui, ui_port): {}",
                plain(error)
            ),
            StartError::Checker(error) => write!(
                f,
                "Error: failed to initialize external health checker: no socket to probe any output with: {error}"
            ),
            StartError::Workers(error) => write!(f, "Error: failed to start HALB: {error}"),
            StartError::Pair(error) => {
                write!(f, "Error: failed to initialize the hot standby: {error}")
            }
            StartError::Forsaken => f.write_str(
                "Error: the warden and the keeper that starts wardens have died, and HALB has ended because of that: without \
                 them it cannot hold the virtual addresses; start it again",
            ),
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
        .and_then(|folder| start(&loaded.config, folder, Reading::of(options, loaded.text)))
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
    pub terminals: Terminals,
    control: Control,
    pair: Option<Running>,
    signals: Signals,
    notifier: Arc<Notifier>,
}

/// Where the terminals of control are.
pub struct Terminals {
    pub ctl: SocketAddr,
    pub ui: SocketAddr,
}

impl Terminals {
    fn of(ctl: &TcpListener, ui: &TcpListener) -> io::Result<Terminals> {
        Ok(Terminals {
            ctl: ctl.local_addr()?,
            ui: ui.local_addr()?,
        })
    }
}

/// Where the configuration is read again.
pub struct Reading {
    pub source: Source,
    pub file: PathBuf,
    /// What was in it when the configuration was read.
    pub text: Vec<u8>,
    /// Another text in place of the file.
    pub trial: Trial,
}

impl Reading {
    pub fn of(options: &Options, text: Vec<u8>) -> Reading {
        Reading {
            source: check::source(options),
            file: options.file.as_deref().unwrap_or(DEFAULT_FILE).into(),
            text,
            trial: check::trial(options),
        }
    }
}

/// Starts the workers that a configuration asks for, and control. Without a folder nothing is kept; `reading` is where a
/// reload reads the configuration again.
pub fn start(
    config: &Config,
    folder: Option<Arc<Folder>>,
    reading: Reading,
) -> Result<Started, StartError> {
    let prepared = pair::prepare(config).map_err(StartError::Pair)?; // while there is one thread
    let sizing = sizing(config)?;
    let plan = planned(config, &sizing.budget);
    let has_folder = folder.is_some();
    let hash = session_secret(prepared.as_ref())?;
    let known = Memory::read(folder, &plan, hash, sizing.budget.session_room());
    let (ctl, ui) = listen_all(config)?;
    let terminals = Terminals::of(&ctl, &ui).map_err(StartError::Other)?;
    let access_log = Opened::of(config).map_err(StartError::Other)?;
    let setup = workers_setup(config, plan, &sizing, &known);
    // Before anybody can know that we listen: whoever reads the line below may order a stop at once. And not
    // earlier, so that Ctrl-C still ends a start that waits for a name server.
    let signals =
        Signals::new([SIGTERM, SIGUSR1, SIGINT, SIGHUP, SIGUSR2]).map_err(StartError::Other)?;
    let workers = Workers::start(&setup).map_err(StartError::Workers)?;
    let shared = shared(config, &workers, &sizing);
    let state = pair::State {
        config,
        shared: &shared,
        has_folder,
    };
    let pair = match start_pair(prepared, &state) {
        Ok(pair) => pair,
        Err(error) => return Err(give_up(workers, StartError::Pair(error))),
    };
    let notifier = Arc::new(Notifier::from_environment());
    let parts = ControlSetup {
        shared,
        ctl,
        ui,
        secret: secret()?,
        source: Arc::clone(&reading.source),
        notifier: Arc::clone(&notifier),
        maximum: maximum(&sizing.budget),
        access_log,
        gauge: sizing.gauge(),
        domain: pair.as_ref().map(|pair| pair.control(reading)),
    };
    let control = match Control::start(parts, known) {
        Ok(control) => control,
        Err(error) => return Err(give_up(workers, StartError::Other(error))),
    };
    announce(&workers, &setup, &terminals);
    if let Err(error) = log::serve() {
        log::event("log_without_limit", &[("cause", &error)]);
    }
    notifier.ready(&format!("serving {} outputs", setup.plan.outputs.len()));
    Ok(Started {
        workers,
        terminals,
        control,
        pair,
        signals,
        notifier,
    })
}

fn start_pair(
    prepared: Option<Prepared>,
    state: &pair::State<'_>,
) -> Result<Option<Running>, PairError> {
    let both = prepared.zip(state.config.domain.as_ref());
    both.map(|(prepared, domain)| prepared.start(domain, state))
        .transpose()
}

fn give_up(workers: Workers, error: StartError) -> StartError {
    workers.orders().give(Order::Stop);
    workers.join();
    error
}

fn shared(config: &Config, workers: &Workers, sizing: &Sizing) -> Arc<Shared> {
    let current = Current {
        config: Arc::new(config.clone()),
        plan: Arc::clone(workers.plan()),
    };
    let (plane, hub) = (Arc::clone(workers.plane()), Arc::clone(workers.hub()));
    Arc::new(Shared::new(plane, hub, current, limits(sizing)))
}

fn maximum(budget: &Budget) -> Maximum {
    Maximum {
        plain: budget.without_sessions().max_connections(),
        learning: budget.with_sessions().max_connections(),
    }
}

/// All servers of a domain know a session by the same hash.
fn session_secret(prepared: Option<&Prepared>) -> Result<Secret, StartError> {
    let Some(prepared) = prepared else {
        return secret().map(Secret::Drawn);
    };
    let mut bytes = [0; HashKey::LENGTH];
    bytes.copy_from_slice(&prepared.key(Use::Sessions)[..HashKey::LENGTH]);
    Ok(Secret::Domain(HashKey::from_bytes(bytes)))
}

fn secret() -> Result<HashKey, StartError> {
    random_key().map_err(StartError::Other)
}

/// The plan to begin with; its maximum is said.
fn planned(config: &Config, budget: &Budget) -> Plan {
    let mut plan = Plan::from_config(config, addresses(config), budget.max_connections());
    plan.pipe_responses = !paces_clients();
    log::event(
        "maximum",
        &[
            ("max_connections", &plan.max_connections),
            ("descriptors", &budget.descriptors_sum()),
            ("computed", budget),
        ],
    );
    plan
}

fn workers_setup(config: &Config, plan: Plan, sizing: &Sizing, known: &Memory) -> WorkersSetup {
    let Sizing { budget, cores, .. } = sizing;
    WorkersSetup {
        plan: Arc::new(plan),
        cores: cores.clone(),
        small_buffers: budget.small_buffers,
        large_buffers: budget.large_buffers,
        pipes: budget.pipes,
        socket_bytes: budget.socket_bytes(),
        bandwidth: config.resources.bandwidth,
        learning: Learning {
            hash: known.hash.clone(),
            capacity: budget.session_room(),
        },
        known: Known {
            sessions: Arc::clone(&known.sessions),
            switches: known
                .switches
                .iter()
                .map(|ordered| (ordered.output, ordered.switch))
                .collect(),
            desks: known.desks(),
            mirrored: config.domain.is_some(),
        },
    }
}

fn limits(sizing: &Sizing) -> Limits {
    Limits {
        nbcproc: sizing.resources.cores.len(),
        memmax: sizing.budget.memory_bytes,
        ulimit_n: sizing.budget.descriptors,
        maxsock: sizing.budget.descriptors_sum(),
    }
}

/// The lines of `in` come last: who has read them can ask everything.
fn announce(workers: &Workers, setup: &WorkersSetup, terminals: &Terminals) {
    log::event("listening", &[("ctl", &terminals.ctl)]);
    log::event("listening", &[("ui", &terminals.ui)]);
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

/// How large everything is, which is said.
fn sizing(config: &Config) -> Result<Sizing, StartError> {
    let sizing = Sizing::find(config).map_err(|unknown| match unknown {
        Unknown::Memory(cause) => StartError::Memory(cause),
        Unknown::Cores(cause) => StartError::Cores(cause),
    })?;
    sizing.announce();
    Ok(sizing)
}

/// The listeners of `ctl` and `ui`, once it is known that `mon` may have what it needs, too.
fn listen_all(config: &Config) -> Result<(TcpListener, TcpListener), StartError> {
    mon::check(config).map_err(StartError::Statistics)?;
    prober::check(config).map_err(StartError::Checker)?;
    let ctl = listen(control::ctl_address(config), StartError::Ctl)?;
    let ui = listen(control::ui_address(config), StartError::Ui)?;
    Ok((ctl, ui))
}

fn listen(
    address: SocketAddr,
    failed: fn(SocketAddr, io::Error) -> StartError,
) -> Result<TcpListener, StartError> {
    control::serve::listen(address, &[]).map_err(|error| failed(address, error))
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
        terminals: _,
        control,
        pair,
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
            SIGTERM | SIGUSR1 if !finishing => {
                finishing = true;
                log::event("finishing", &[]);
                notifier.stopping();
                finish(pair.as_ref(), &orders);
            }
            _ => on_signal(signal, &orders, &notifier),
        }
    }
    let forsaken = pair.is_some_and(Running::finish);
    if let Ok(ended) = joiner.join() {
        control.finish(ended.sessions);
        log::finish();
        report(&plane, &ended.left);
    }
    match forsaken {
        true => Err(StartError::Forsaken),
        false => Ok(()),
    }
}

/// Who is active hands the service over first, if there is somebody who can take it.
fn finish(pair: Option<&Running>, orders: &Orders) {
    if !pair.is_some_and(|pair| pair.leave(orders.clone())) {
        orders.give(Order::Finish);
    }
}

fn on_signal(signal: i32, orders: &Orders, notifier: &Notifier) {
    match signal {
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

/// What the names of the outputs resolve to. One without an address makes its output down, never the program fail.
fn addresses(config: &Config) -> impl FnMut(&HostPort) -> Option<SocketAddr> {
    let resolve: names::Resolve = Arc::new(names::system);
    let known = names::known_within(NAMES_PATIENCE, config, &resolve);
    move |name| {
        let address = known.get(name).copied();
        if address.is_none() {
            log::event("unresolved", &[("output", name)]);
        }
        address
    }
}
