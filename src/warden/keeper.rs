//! The keeper: starts a warden, and another one when it dies. It is there because the main process cannot: what a warden
//! may do, the main process has given up.

use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::send;

use crate::ring::clock;
use crate::warden::process::ALONE;
use crate::warden::start::SELF;
use crate::warden::start::VERB;
use crate::warden::wire::Said;

/// Between the death of a warden and the start of the next; longer each time that one has died young.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MOST: Duration = Duration::from_secs(2);
/// It has worked, then.
const OLD: Duration = Duration::from_secs(10);

/// Until the main process is gone.
pub fn run(pipe: &OwnedFd) {
    keep(pipe, || start(pipe));
}

fn start(pipe: &OwnedFd) -> io::Result<Child> {
    Command::new(SELF)
        .arg0("halb")
        .args([VERB, ALONE])
        .stdin(pipe.try_clone()?)
        .stdout(Stdio::null())
        .spawn()
}

/// One that cannot be started, as where there is no memory or no room for another process, is tried again like one that
/// has died: without a keeper there would be no warden any more.
fn keep(pipe: &OwnedFd, mut start: impl FnMut() -> io::Result<Child>) {
    let mut pause = PAUSE;
    loop {
        let born = clock::read().now;
        match start() {
            Ok(mut warden) => {
                if warden.wait().is_ok_and(|status| status.success()) {
                    return;
                }
            }
            Err(error) => say(pipe, format!("the warden cannot be started: {error}")),
        }
        if clock::read().now.since(born) >= OLD {
            pause = PAUSE;
        }
        if hung_up(pipe, pause) {
            return;
        }
        pause = (pause * 2).min(PAUSE_MOST);
    }
}

/// In the place of the warden, which is not there to say it.
fn say(pipe: &OwnedFd, sentence: String) {
    let mut bytes = Vec::new();
    Said::Trouble(sentence).encode(&mut bytes);
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    // A main process that does not read, or is gone, misses nothing but a sentence.
    let _ = send(pipe.as_raw_fd(), &bytes, flags);
}

/// Whether the main process is gone, after a pause: a warden that cannot even start must not cost a core.
fn hung_up(pipe: &OwnedFd, pause: Duration) -> bool {
    let pause = PollTimeout::try_from(pause).unwrap_or(PollTimeout::MAX);
    let mut polled = [PollFd::new(pipe.as_fd(), PollFlags::empty())];
    // An error is no end of the pipe: the next warden sees what is the matter.
    poll(&mut polled, pause).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warden::wire::MESSAGE_MAX;
    use nix::errno::Errno;
    use nix::sys::socket::AddressFamily;
    use nix::sys::socket::SockFlag;
    use nix::sys::socket::SockType;
    use nix::sys::socket::recv;
    use nix::sys::socket::socketpair;

    fn both() -> (OwnedFd, OwnedFd) {
        let kind = SockType::SeqPacket;
        socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC).unwrap()
    }

    #[test]
    fn a_warden_that_cannot_be_started_is_tried_again_and_said() {
        let (main, pipe) = both();
        let mut starts = 0;
        keep(&pipe, || {
            starts += 1;
            match starts {
                1 => Err(Errno::EAGAIN.into()),
                2 => Command::new("false").spawn(),
                _ => Command::new("true").spawn(),
            }
        });
        assert_eq!(starts, 3);
        let mut bytes = [0; MESSAGE_MAX];
        let mut read = || recv(main.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT);
        let count = read().unwrap();
        assert_eq!(read(), Err(Errno::EAGAIN), "that is said once");
        let said = Said::decode(&bytes[..count]);
        assert!(matches!(said, Some(Said::Trouble(text)) if text.contains("cannot be started")));
    }

    #[test]
    fn no_other_one_is_started_for_nobody() {
        let (main, pipe) = both();
        drop(main);
        let mut starts = 0;
        keep(&pipe, || {
            starts += 1;
            Command::new("false").spawn()
        });
        assert_eq!(starts, 1);
    }
}
