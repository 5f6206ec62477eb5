//! Waiting for everything at once.

use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::ppoll;
use nix::sys::signal::SigSet;
use nix::sys::time::TimeSpec;

use crate::model::time::Instant;
use crate::pair::LINKS_MAX;
use crate::standby::thread::Pair;

const STOP: usize = 0;
const CONTROL: usize = 1;
const SCRIBE: usize = 2;
const WARDEN: usize = 3;
const LINKS: usize = 4;
const ALL: usize = LINKS + LINKS_MAX;

/// What there is to read.
pub struct Ready([bool; ALL]);

impl Ready {
    /// The thread is to end.
    pub fn is_over(&self) -> bool {
        self.0[STOP]
    }

    pub fn control(&self) -> bool {
        self.0[CONTROL]
    }

    pub fn scribe(&self) -> bool {
        self.0[SCRIBE]
    }

    pub fn warden(&self) -> bool {
        self.0[WARDEN]
    }

    pub fn links(&self) -> impl Iterator<Item = usize> + use<'_> {
        (0..LINKS_MAX).filter(|link| self.0[LINKS + link])
    }
}

impl Pair {
    /// Until there is something to read, or `due` has come.
    pub(super) fn wait(&self, due: Instant, now: Instant) -> Ready {
        let stop = self.inside.stop().as_fd();
        let mut fds = std::array::from_fn::<_, ALL, _>(|place| match self.at(place) {
            Some(fd) => PollFd::new(fd, PollFlags::POLLIN),
            None => PollFd::new(stop, PollFlags::empty()),
        });
        let timeout = TimeSpec::from_duration(due.since(now));
        match ppoll(&mut fds, Some(timeout), Some(SigSet::all())) {
            Ok(_) => {}
            Err(Errno::EINTR | Errno::ENOMEM) => return Ready([false; ALL]),
            Err(errno) => panic!("the pair thread cannot wait: {errno}"),
        }
        let ready = Ready(std::array::from_fn(|place| {
            let is_there = self.at(place).is_some();
            is_there && fds[place].any().unwrap_or(true)
        }));
        if ready.control() {
            // Before what was given is read, so that no later one is missed.
            let _ = self.inside.wake().read();
        }
        ready
    }

    fn at(&self, place: usize) -> Option<BorrowedFd<'_>> {
        match place {
            STOP => Some(self.inside.stop().as_fd()),
            CONTROL => Some(self.inside.wake().as_fd()),
            SCRIBE => Some(self.scribe.fd()),
            WARDEN => self.post.as_ref()?.fd(),
            link => self.links.fd(link - LINKS),
        }
    }
}
