//! How workers reach each other: an event counter to wake one, and a bounded inbox for sockets.
//!
//! Each worker has a descriptor table of its own, so a number means nothing to another: sockets travel as
//! `SCM_RIGHTS`. All of this is opened before the threads start, so that every table has it under the same
//! numbers.
//!
//! Invariants the `unsafe` here rests on:
//! - I1: a number that arrives in `SCM_RIGHTS` was just put into this thread's table by the kernel; nobody
//!   else owns it.

use std::io::IoSlice;
use std::io::IoSliceMut;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;
use nix::sys::socket::AddressFamily;
use nix::sys::socket::ControlMessage;
use nix::sys::socket::ControlMessageOwned;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::SockFlag;
use nix::sys::socket::SockType;
use nix::sys::socket::recvmsg;
use nix::sys::socket::sendmsg;
use nix::sys::socket::socketpair;

/// What one worker is reached by.
struct Door {
    bell: EventFd,
    /// Others write here …
    slot: OwnedFd,
    /// … and the worker reads here.
    inbox: OwnedFd,
}

/// Every worker's door. Made once, before the threads start, and kept by the maker until they have ended:
/// dropping it closes the descriptors of the dropping thread's table only.
pub struct Hub {
    doors: Vec<Door>,
}

impl Hub {
    /// Doors for so many workers. `EMFILE`, `ENFILE`: three descriptors per worker were too many.
    pub fn new(workers: usize) -> Result<Hub, Errno> {
        let doors = (0..workers)
            .map(|_| Door::new())
            .collect::<Result<_, _>>()?;
        Ok(Hub { doors })
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.doors.len()
    }

    /// Wakes a worker, from any thread whose table has the hub.
    pub fn wake(&self, worker: usize) {
        match self.doors[worker].bell.write(1) {
            // EAGAIN: the counter is full, so the worker is awake already.
            Ok(_) | Err(Errno::EAGAIN) => {}
            Err(errno) => panic!("an eventfd of ours refused a write: {errno}"),
        }
    }

    /// The descriptors that a thread needs to stay on the hub; for [`crate::ring::thread::own_table`].
    pub fn descriptors(&self) -> Vec<RawFd> {
        let each = |door: &Door| {
            [
                door.bell.as_raw_fd(),
                door.slot.as_raw_fd(),
                door.inbox.as_raw_fd(),
            ]
        };
        self.doors.iter().flat_map(each).collect()
    }

    /// The counter that wakes `worker`.
    pub(super) fn bell(&self, worker: usize) -> RawFd {
        self.doors[worker].bell.as_raw_fd()
    }

    /// Puts a copy of `socket` into a worker's inbox; `false` when that is full.
    pub(super) fn put(&self, worker: usize, socket: RawFd) -> bool {
        let rights = [socket];
        let sent = sendmsg::<()>(
            self.doors[worker].slot.as_raw_fd(),
            &[IoSlice::new(b"s")],
            &[ControlMessage::ScmRights(&rights)],
            MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL,
            None,
        );
        match sent {
            Ok(_) => true,
            // Full, or more descriptors under way than the process may have open (unix(7)), or no memory.
            Err(Errno::EAGAIN | Errno::ETOOMANYREFS | Errno::ENOBUFS | Errno::ENOMEM) => false,
            Err(errno) => panic!("an inbox of ours refused a socket: {errno}"),
        }
    }

    /// What arrived for `worker`.
    pub(super) fn take(&self, worker: usize) -> Taken {
        let mut byte = [0; 1];
        let mut parts = [IoSliceMut::new(&mut byte)];
        let mut space = cmsg_space!(RawFd);
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
        let inbox = self.doors[worker].inbox.as_raw_fd();
        let message = match recvmsg::<()>(inbox, &mut parts, Some(&mut space), flags) {
            Ok(message) => message,
            Err(Errno::EAGAIN) => return Taken::Nothing,
            Err(Errno::EINTR | Errno::ENOMEM | Errno::ENOBUFS) => return Taken::Lost,
            Err(errno) => panic!("an inbox of ours cannot be read: {errno}"),
        };
        // Without room in this table (EMFILE) the kernel drops what was sent and says MSG_CTRUNC.
        let Ok(mut controls) = message.cmsgs() else {
            return Taken::Lost;
        };
        match controls.next() {
            Some(ControlMessageOwned::ScmRights(sockets)) if sockets.len() == 1 => {
                // SAFETY: I1, the kernel made this number for us a moment ago.
                Taken::Socket(unsafe { OwnedFd::from_raw_fd(sockets[0]) })
            }
            _ => Taken::Lost,
        }
    }
}

/// What an inbox held.
pub(super) enum Taken {
    Nothing,
    Socket(OwnedFd),
    /// A message without its socket: this table was full, and the connection is closed.
    Lost,
}

impl Door {
    fn new() -> Result<Door, Errno> {
        let bell =
            EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        // SEQPACKET keeps messages apart, and is bounded by its send buffer (about 200 sockets) where
        // DGRAM is bounded by net.unix.max_dgram_qlen (10).
        let (slot, inbox) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
        )?;
        Ok(Door { bell, slot, inbox })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_socket_arrives_and_works() {
        let hub = Hub::new(2).unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        assert!(matches!(hub.take(1), Taken::Nothing));
        assert!(hub.put(1, ours.as_raw_fd()));
        drop(ours);
        assert!(matches!(hub.take(0), Taken::Nothing), "not worker 0's");
        let Taken::Socket(arrived) = hub.take(1) else {
            panic!("nothing arrived");
        };
        UnixStream::from(arrived).write_all(b"hello").unwrap();
        let mut text = String::new();
        theirs.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
    }

    #[test]
    fn an_inbox_is_bounded_and_drains() {
        let hub = Hub::new(1).unwrap();
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut sent = 0;
        while hub.put(0, ours.as_raw_fd()) {
            sent += 1;
            assert!(sent < 100_000, "an inbox has an end");
        }
        assert!(sent >= 16, "room for {sent} only");
        let mut taken = 0;
        while let Taken::Socket(_) = hub.take(0) {
            taken += 1;
        }
        assert_eq!(taken, sent);
        assert!(hub.put(0, ours.as_raw_fd()), "there is room again");
    }
}
