//! The warden's end of the pipe to the main process. Nothing waits here: what does not fit is kept, or not said where it
//! is said again anyway.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::recv;
use nix::sys::socket::send;

use crate::warden::wire::MESSAGE_MAX;
use crate::warden::wire::Said;
use crate::warden::wire::Told;

/// More is not kept for a main process that does not read.
const KEPT_MOST: usize = 256;

/// What came through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Came {
    Told(Told),
    /// Nothing more for now.
    Nothing,
    /// The main process is gone.
    Closed,
}

/// To and from the main process.
pub struct Pipe {
    socket: OwnedFd,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    kept: VecDeque<Said>,
}

impl Pipe {
    pub fn new(socket: OwnedFd) -> Pipe {
        Pipe {
            socket,
            incoming: vec![0; MESSAGE_MAX],
            outgoing: Vec::with_capacity(MESSAGE_MAX),
            kept: VecDeque::with_capacity(KEPT_MOST),
        }
    }

    /// The next message. What is none counts as nothing that was said.
    pub fn read(&mut self) -> Came {
        loop {
            let flags = MsgFlags::MSG_DONTWAIT;
            match recv(self.socket.as_raw_fd(), &mut self.incoming, flags) {
                Ok(0) => return Came::Closed,
                Ok(count) => {
                    if let Some(told) = Told::decode(&self.incoming[..count]) {
                        return Came::Told(told);
                    }
                }
                Err(Errno::EAGAIN) => return Came::Nothing,
                Err(Errno::EINTR) => {}
                Err(_) => return Came::Closed,
            }
        }
    }

    /// Says something, now or as soon as there is room.
    pub fn say(&mut self, said: Said) {
        let again = matches!(said, Said::Reached | Said::Holds(true) | Said::Trouble(_));
        if again && !self.kept.is_empty() {
            return;
        }
        // Of what keeps a state the last word is all that counts, and none of it is lost to what came after.
        self.kept.retain(|old| !is_overtaken(old, &said));
        if self.kept.len() == KEPT_MOST {
            // What is newer is nearer to how it is.
            self.kept.pop_front();
        }
        self.kept.push_back(said);
        self.flush();
    }

    /// Whether something waits for room.
    pub fn waits(&self) -> bool {
        !self.kept.is_empty()
    }

    pub fn flush(&mut self) {
        while let Some(said) = self.kept.front() {
            said.encode(&mut self.outgoing);
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            if let Err(Errno::EAGAIN) = send(self.socket.as_raw_fd(), &self.outgoing, flags) {
                return;
            }
            // Anything else is the end of the main process, which is read, too.
            self.kept.pop_front();
        }
    }
}

/// Whether `new` says otherwise of the same thing.
fn is_overtaken(old: &Said, new: &Said) -> bool {
    matches!(
        (old, new),
        (Said::Holds(_), Said::Holds(_)) | (Said::Carrier(_), Said::Carrier(_))
    )
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::AddressFamily;
    use nix::sys::socket::SockFlag;
    use nix::sys::socket::SockType;
    use nix::sys::socket::socketpair;

    /// The main process is stopped while much happens: what it reads when it goes on is how it is by then.
    #[test]
    fn a_main_process_that_does_not_read_misses_no_last_word() {
        let kind = SockType::SeqPacket;
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, kind, None, SockFlag::empty()).unwrap();
        let mut pipe = Pipe::new(ours);
        while !pipe.waits() {
            pipe.say(Said::Carrier(true));
        }
        pipe.say(Said::Holds(false));
        for flaps in 0..1000 {
            pipe.say(Said::Carrier(flaps % 2 == 0));
        }
        let mut said = Vec::new();
        let mut bytes = vec![0; MESSAGE_MAX];
        while let Ok(count) = recv(theirs.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
            said.push(Said::decode(&bytes[..count]).unwrap());
            pipe.flush();
        }
        assert!(said.ends_with(&[Said::Holds(false), Said::Carrier(false)]));
    }
}
