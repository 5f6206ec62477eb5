//! The start and the end of what a server of a domain has besides: the warden before everything else, the pair thread
//! once the workers listen.

use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::sync::Arc;
use std::thread::Builder;
use std::thread::JoinHandle;
use std::time::Duration;

use nix::poll::poll;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::control::DomainSetup;
use crate::control::domain::Domain;
use crate::control::domain::Pair;
use crate::control::domain::Peers;
use crate::control::domain::joined;
use crate::control::domain::joined::Identity;
use crate::control::domain::liaison::Liaison;
use crate::control::domain::stream::Streams;
use crate::control::log;
use crate::control::shared::Shared;
use crate::daemon::run::Reading;
use crate::daemon::workers::Orders;
use crate::model::config;
use crate::model::config::Config;
use crate::pair::term::Ballot;
use crate::plane::Order;
use crate::ring::thread::block_signals;
use crate::standby::ballot;
use crate::standby::ballot::Found;
use crate::standby::domain::Setting;
use crate::standby::domain::Unfit;
use crate::standby::handle;
use crate::standby::handle::Handle;
use crate::standby::key;
use crate::standby::key::Key;
use crate::standby::key::NoKey;
use crate::standby::key::Use;
use crate::standby::scribe::NoScribe;
use crate::standby::scribe::Scribe;
use crate::standby::thread;
use crate::warden::rights;
use crate::warden::start;
use crate::warden::start::StartError;
use crate::warden::start::Warden;

/// Beyond `switch_grace`: what releasing and claiming may take, also where nothing works.
const LEAVE_SLACK: Duration = Duration::from_secs(10);
/// The warden removes the addresses and ends within milliseconds …
const END_PAUSE_MS: u8 = 5;
/// … and is waited for a second.
const END_LOOKS: u32 = 200;

/// Why a server of a domain did not start.
#[derive(Debug)]
pub enum PairError {
    Unfit(Unfit),
    Key(PathBuf, NoKey),
    Warden(StartError),
    /// There is no folder to keep the ballot in.
    NoFolder(PathBuf),
    Ballot(PathBuf, NoScribe),
    Other(io::Error),
}

impl fmt::Display for PairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PairError::Unfit(unfit) => unfit.fmt(f),
            PairError::Key(path, no_key) => unusable_key(path, no_key).fmt(f),
            PairError::Warden(error) => error.fmt(f),
            PairError::NoFolder(path) => write!(
                f,
                "{} cannot be used, and a server of a domain must not forget for whom it has voted (state_dir)",
                path.display()
            ),
            PairError::Ballot(path, error) => write!(f, "{}: {error}", path.display()),
            PairError::Other(error) => error.fmt(f),
        }
    }
}

/// What is to be said of a key file that cannot be used; nothing of one that can.
pub fn key_trouble(config: &Config) -> Option<String> {
    let path = &config.domain.as_ref()?.key_file;
    let no_key = Key::read(path).err()?;
    Some(unusable_key(path, &no_key))
}

fn unusable_key(path: &Path, no_key: &NoKey) -> String {
    format!("domain.key_file: {}: {no_key}", path.display())
}

/// What is there before any thread is.
pub struct Prepared {
    setting: Setting,
    key: Key,
    warden: Option<Warden>,
}

/// Reads the key and starts the warden, where the configuration has a domain. To be called while there is one thread.
pub fn prepare(config: &Config) -> Result<Option<Prepared>, PairError> {
    let Some(domain) = &config.domain else {
        return Ok(None);
    };
    let setting = Setting::of(domain).map_err(PairError::Unfit)?;
    let no_key = |no_key| PairError::Key(domain.key_file.clone(), no_key);
    let key = Key::read(&domain.key_file).map_err(no_key)?;
    let warden = match setting.wants_warden() {
        true => Some(start::start().map_err(PairError::Warden)?),
        false => {
            // The unit of a domain grants them, whether there is anything for a warden to do or not.
            let denied = |denied| PairError::Warden(StartError::Denied(denied));
            rights::surrender().map_err(denied)?;
            None
        }
    };
    Ok(Some(Prepared {
        setting,
        key,
        warden,
    }))
}

impl Prepared {
    /// The domain's key for one use.
    pub fn key(&self, purpose: Use) -> [u8; 32] {
        self.key.derive(purpose)
    }

    /// Starts the pair thread. The workers listen by now.
    pub fn start(self, config: &config::Domain, state: &State<'_>) -> Result<Running, PairError> {
        let State {
            config: whole,
            shared,
            has_folder,
        } = state;
        if !has_folder {
            return Err(PairError::NoFolder(whole.state_dir.clone()));
        }
        let path = whole.state_dir.join(ballot::NAME);
        let (scribe, found) =
            Scribe::start(&path).map_err(|error| PairError::Ballot(path.clone(), error))?;
        let mut boot = [0; 8];
        key::fill(&mut boot).map_err(PairError::Other)?;
        let (handle, inside) = handle::sides().map_err(PairError::Other)?;
        let boot = u64::from_le_bytes(boot);
        let adverts = self.key(Use::Adverts);
        let stream = self.key(Use::Stream);
        let (pipe, keeper) = match self.warden {
            Some(warden) => (Some(warden.pipe), Some(warden.keeper)),
            None => (None, None),
        };
        let setup = thread::Setup {
            setting: self.setting,
            key: adverts,
            boot,
            release: release(),
            ballot: known(found),
            scribe,
            warden: pipe,
            plane: Arc::clone(&shared.plane),
            hub: Arc::clone(&shared.hub),
            end: end_process,
        };
        let handle = Arc::new(handle);
        let liaison = Liaison::new(Arc::clone(&handle), setup.warden.is_some());
        let thread = thread::start(setup, inside).map_err(PairError::Other)?;
        let liaison = Arc::new(liaison);
        let name = config.node.as_deref().unwrap_or_default();
        let domain = Domain::new(name, Arc::clone(&liaison) as Arc<dyn Pair>);
        let identity = Identity {
            boot,
            release: release(),
            key: stream,
        };
        let streams = joined::streams(config, identity, &domain.pair);
        // Nobody else has set them.
        let _ = domain.peers.set(Arc::clone(&streams) as Arc<dyn Peers>);
        let _ = shared.domain.set(Arc::new(domain));
        Ok(Running {
            handle,
            liaison,
            streams,
            shared: Arc::clone(shared),
            thread,
            keeper,
        })
    }
}

/// What the pair thread is started beside.
pub struct State<'s> {
    pub config: &'s Config,
    pub shared: &'s Arc<Shared>,
    /// Whether `state_dir` can be used.
    pub has_folder: bool,
}

/// The pair thread at work.
pub struct Running {
    pub liaison: Arc<Liaison>,
    pub streams: Arc<Streams>,
    handle: Arc<Handle>,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
    /// Who starts the warden; it ends with the pipe.
    keeper: Option<Child>,
}

impl Running {
    /// What control has of it.
    pub fn control(&self, reading: Reading) -> DomainSetup {
        DomainSetup {
            liaison: Arc::clone(&self.liaison),
            streams: Arc::clone(&self.streams),
            file: reading.file,
            text: reading.text,
            trial: reading.trial,
        }
    }

    /// Hands the service over, if there is somebody who can take it, and then has the workers finish. `false`: nobody
    /// can be asked, and nothing is done.
    pub fn leave(&self, orders: Orders) -> bool {
        if self.handle.leave().is_err() {
            return false;
        }
        let (handle, patience) = (Arc::clone(&self.handle), self.patience());
        let builder = Builder::new().name("halb-leaver".to_owned());
        let waits = builder.spawn(move || {
            // One would end the wait as if the time were over.
            let _ = block_signals();
            if !handle.await_leave(patience) {
                log::event(
                    "leaving_unasked",
                    &[("cause", &"the pair thread is silent")],
                );
            }
            orders.give(Order::Finish);
        });
        waits.is_ok()
    }

    /// How long a planned switch may take, by the file as it is now.
    fn patience(&self) -> Duration {
        let current = self.shared.current();
        let domain = current.config.domain.as_ref();
        domain.map_or(Duration::ZERO, |domain| domain.switch_grace) + LEAVE_SLACK
    }

    /// The end: the addresses are let go of, if they are still here. Whether it was the end of the wardens, too.
    pub fn finish(self) -> bool {
        let forsaken = self.handle.is_forsaken();
        self.handle.stop();
        // A panic ends the process; there is nothing to be had from it.
        let _ = self.thread.join();
        if let Some(keeper) = self.keeper {
            await_end(keeper);
        }
        forsaken
    }
}

/// As by SIGTERM from outside: in order, and what is learned is saved.
fn end_process() {
    // Nobody may refuse it to us.
    let _ = kill(Pid::this(), Signal::SIGTERM);
}

/// It ends because its pipe does; one that hangs is left behind, and what it holds goes with its lease.
fn await_end(mut keeper: Child) {
    for _ in 0..END_LOOKS {
        if !matches!(keeper.try_wait(), Ok(None)) {
            return;
        }
        let _ = poll(&mut [], END_PAUSE_MS);
    }
}

/// A server that never had a ballot has voted for nobody.
fn known(found: Found) -> Option<Ballot> {
    match found {
        Found::Ballot(ballot) => Some(ballot),
        Found::New => Some(Ballot::default()),
        Found::Damaged => None,
    }
}

/// `major << 16 | minor`
fn release() -> u32 {
    let mut parts = env!("CARGO_PKG_VERSION").split('.');
    let mut part = || {
        parts
            .next()
            .and_then(|part| part.parse::<u32>().ok())
            .unwrap_or(0)
    };
    part() << 16 | part() & 0xffff
}
