//! How workers reach each other, and control: an event counter to wake one, and a bounded inbox for sockets.
//!
//! Each worker has a descriptor table of its own, so a number means nothing to another: sockets travel as
//! `SCM_RIGHTS`. All of this is opened before the threads start, so that every table has it under the same
//! numbers.
//!
//! Invariants the `unsafe` here rests on:
//! - I1: a number that arrives in `SCM_RIGHTS` was just put into this thread's table by the kernel; nobody
//!   else owns it.

use std::io;
use std::io::IoSlice;
use std::io::IoSliceMut;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::os::unix::net::UnixStream;

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
    /// Rung by workers for control. What wakes control's runtime is no use to them: in their tables its number is
    /// something else.
    control: Bell,
    /// Rung by workers, and by control, for the thread that writes the access log.
    log: Bell,
}

/// Rung here …
struct Bell {
    cord: UnixStream,
    /// … and heard there.
    heard: UnixStream,
}

impl Hub {
    /// Doors for so many workers. `EMFILE`, `ENFILE`: three descriptors per worker were too many.
    pub fn new(workers: usize) -> Result<Hub, Errno> {
        let doors = (0..workers)
            .map(|_| Door::new())
            .collect::<Result<_, _>>()?;
        Ok(Hub {
            doors,
            control: Bell::new().map_err(errno)?,
            log: Bell::new().map_err(errno)?,
        })
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.doors.len()
    }

    /// Wakes a worker, from any thread whose table has the hub.
    pub fn wake(&self, worker: usize) {
        ring(&self.doors[worker].bell);
    }

    /// Wakes control, from any thread whose table has the hub.
    pub fn ring_control(&self) {
        self.control.ring();
    }

    /// A descriptor for control to wait at: readable once somebody has rung, until it has been read.
    pub fn control_bell(&self) -> io::Result<UnixStream> {
        self.control.heard.try_clone()
    }

    /// Wakes who writes the access log, from any thread whose table has the hub.
    pub fn ring_log(&self) {
        self.log.ring();
    }

    /// The same as [`Hub::control_bell`], for who writes the access log.
    pub fn log_bell(&self) -> io::Result<UnixStream> {
        self.log.heard.try_clone()
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
        let doors = self.doors.iter().flat_map(each);
        let bells = [self.control.cord.as_raw_fd(), self.log.cord.as_raw_fd()];
        doors.chain(bells).collect()
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

impl Bell {
    fn new() -> io::Result<Bell> {
        let (cord, heard) = UnixStream::pair()?;
        cord.set_nonblocking(true)?;
        heard.set_nonblocking(true)?;
        Ok(Bell { cord, heard })
    }

    fn ring(&self) {
        match (&self.cord).write(b"!") {
            Ok(_) => {}
            // Full: there are rings enough that have not been heard yet.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("a bell of ours cannot be rung: {error}"),
        }
    }
}

impl Door {
    fn new() -> Result<Door, Errno> {
        let bell = bell()?;
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

fn bell() -> Result<EventFd, Errno> {
    EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)
}

/// Every failing system call has a number; `EIO` stands for a library error that has none.
fn errno(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

fn ring(bell: &EventFd) {
    match bell.write(1) {
        // EAGAIN: the counter is full, so whoever waits is awake already.
        Ok(_) | Err(Errno::EAGAIN) => {}
        Err(errno) => panic!("an eventfd of ours refused a write: {errno}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::thread::own_table;
    use std::io::Read;

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

    /// What wakes a runtime of control's would be another number there: a client's connection, perhaps.
    #[test]
    fn control_hears_a_thread_that_has_a_table_of_its_own() {
        let hub = std::sync::Arc::new(Hub::new(1).unwrap());
        let theirs = std::sync::Arc::clone(&hub);
        let ringer = std::thread::spawn(move || {
            own_table(&theirs.descriptors()).unwrap();
            // More than the bell holds: it never blocks.
            (0..100_000).for_each(|_| theirs.ring_control());
        });
        ringer.join().unwrap();
        let mut bell = hub.control_bell().unwrap();
        assert!(matches!(bell.read(&mut [0; 1]), Ok(1)));
        let silent = hub.log_bell().unwrap().read(&mut [0; 1]);
        assert!(silent.is_err(), "that one was not rung");
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
