//! The start of the warden, by the daemon: before any thread, so that the right to change addresses is given up by the
//! whole process.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use nix::fcntl::FcntlArg;
use nix::fcntl::OFlag;
use nix::fcntl::fcntl;
use nix::sys::socket::AddressFamily;
use nix::sys::socket::SockFlag;
use nix::sys::socket::SockType;
use nix::sys::socket::socketpair;

use crate::warden::rights;
use crate::warden::rights::Denied;

/// The verb of the command line; nobody but HALB gives it.
pub const VERB: &str = "warden";
/// This program, also when another one has been put in its place since.
pub(super) const SELF: &str = "/proc/self/exe";

/// A warden, from outside.
#[derive(Debug)]
pub struct Warden {
    /// To it and from it, one message each ([`crate::warden::wire`]); never waited for. Closed by the other end when there
    /// is no warden and no keeper that would start one.
    pub pipe: OwnedFd,
    /// The process that starts a warden, and another one when it dies.
    pub keeper: Child,
}

/// Why there is none.
#[derive(Debug)]
pub enum StartError {
    Denied(Denied),
    Process(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Denied(denied) => denied.fmt(f),
            StartError::Process(error) => write!(f, "cannot start the warden: {error}"),
        }
    }
}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> StartError {
        StartError::Process(error)
    }
}

/// Starts the warden with what it may, and gives up the same. To be called by the one thread there is.
pub fn start() -> Result<Warden, StartError> {
    rights::lend().map_err(StartError::Denied)?;
    let warden = start_program(Path::new(SELF));
    rights::surrender().map_err(StartError::Denied)?;
    Ok(warden?)
}

/// The same with `program` as HALB's own, and without giving up anything: for tests, which are programs of their own.
pub fn start_program(program: &Path) -> io::Result<Warden> {
    let (ours, theirs) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )?;
    fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let keeper = Command::new(program)
        .arg0("halb")
        .arg(VERB)
        .env_clear()
        .current_dir("/")
        .stdin(theirs)
        .stdout(Stdio::null())
        .spawn()?;
    Ok(Warden { pipe: ours, keeper })
}
