//! Ctrl-C and SIGTERM as something that can be waited for, so that a run ends with what it has.

use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::sys::signalfd::SfdFlags;
use nix::sys::signalfd::SignalFd;

use crate::process::Deadline;
use crate::trouble::Trouble;
use crate::trouble::While;

/// Both signals, held back from their default and readable here.
pub struct Interrupt(SignalFd);

/// What ended a wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// The first of the sources that can be read, by its index.
    Readable(usize),
    Interrupted,
    Late,
}

impl Interrupt {
    /// To be called before anything is started. Programs started later inherit the mask, so whoever starts one
    /// has to lift it there.
    pub fn hold() -> Result<Interrupt, Trouble> {
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGINT);
        signals.add(Signal::SIGTERM);
        signals.thread_block().during("holding back signals")?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&signals, flags).during("opening a signalfd")?;
        Ok(Interrupt(signals))
    }

    /// Waits until one of `sources` can be read, a signal has come, or the deadline is reached. A signal stays
    /// pending, so that every later wait ends at once too.
    pub fn wait(&self, sources: &[BorrowedFd<'_>], deadline: &Deadline) -> Result<Woken, Trouble> {
        loop {
            let signal = PollFd::new(self.0.as_fd(), PollFlags::POLLIN);
            let sources = sources.iter();
            let watched = sources.map(|source| PollFd::new(*source, PollFlags::POLLIN));
            let mut watched: Vec<PollFd<'_>> = std::iter::once(signal).chain(watched).collect();
            match poll(&mut watched, deadline.left()) {
                Ok(0) if deadline.reached() => return Ok(Woken::Late),
                Ok(0) | Err(nix::errno::Errno::EINTR) => continue,
                Ok(_) => {}
                Err(errno) => return Err(errno).during("waiting"),
            }
            // The signal is the first, so it goes before everything else.
            match watched.iter().position(|one| one.any() == Some(true)) {
                Some(0) => return Ok(Woken::Interrupted),
                Some(index) => return Ok(Woken::Readable(index - 1)),
                None => continue,
            }
        }
    }

    /// Waits for the deadline, or for a signal.
    pub fn pause(&self, deadline: &Deadline) -> Result<(), Trouble> {
        self.wait(&[], deadline).map(drop)
    }

    /// Whether a signal has come.
    pub fn seen(&self) -> bool {
        let mut watched = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        matches!(poll(&mut watched, PollTimeout::ZERO), Ok(1..))
    }
}
