//! The keeper: starts a warden, and another one when it dies. It is there because the main process cannot: what a warden
//! may do, the main process has given up.

use std::io;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::process::Stdio;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use crate::warden::process::ALONE;
use crate::warden::start::SELF;
use crate::warden::start::VERB;

/// Between the death of a warden and the start of the next.
const PAUSE_MS: u8 = 50;

/// Until the main process is gone, or no warden can be started.
pub fn run(pipe: &OwnedFd) -> io::Result<()> {
    loop {
        let mut warden = Command::new(SELF)
            .arg0("halb")
            .args([VERB, ALONE])
            .stdin(pipe.try_clone()?)
            .stdout(Stdio::null())
            .spawn()?;
        if warden.wait()?.success() || hung_up(pipe) {
            return Ok(());
        }
    }
}

/// Whether the main process is gone, after a pause: a warden that cannot even start must not cost a core.
fn hung_up(pipe: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(pipe.as_fd(), PollFlags::empty())];
    // An error is no end of the pipe: the next warden sees what is the matter.
    poll(&mut polled, PollTimeout::from(PAUSE_MS)).is_ok_and(|ready| ready > 0)
}
