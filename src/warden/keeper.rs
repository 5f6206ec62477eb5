//! The keeper: starts a warden, and another one when it dies. It is there because the main process cannot: what a warden
//! may do, the main process has given up.

use std::io;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use crate::ring::clock;
use crate::warden::process::ALONE;
use crate::warden::start::SELF;
use crate::warden::start::VERB;

/// Between the death of a warden and the start of the next; longer each time that one has died young.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MOST: Duration = Duration::from_secs(2);
/// It has worked, then.
const OLD: Duration = Duration::from_secs(10);

/// Until the main process is gone, or no warden can be started.
pub fn run(pipe: &OwnedFd) -> io::Result<()> {
    let mut pause = PAUSE;
    loop {
        let born = clock::read().now;
        let mut warden = Command::new(SELF)
            .arg0("halb")
            .args([VERB, ALONE])
            .stdin(pipe.try_clone()?)
            .stdout(Stdio::null())
            .spawn()?;
        if warden.wait()?.success() {
            return Ok(());
        }
        if clock::read().now.since(born) >= OLD {
            pause = PAUSE;
        }
        if hung_up(pipe, pause) {
            return Ok(());
        }
        pause = (pause * 2).min(PAUSE_MOST);
    }
}

/// Whether the main process is gone, after a pause: a warden that cannot even start must not cost a core.
fn hung_up(pipe: &OwnedFd, pause: Duration) -> bool {
    let pause = PollTimeout::try_from(pause).unwrap_or(PollTimeout::MAX);
    let mut polled = [PollFd::new(pipe.as_fd(), PollFlags::empty())];
    // An error is no end of the pipe: the next warden sees what is the matter.
    poll(&mut polled, pause).is_ok_and(|ready| ready > 0)
}
