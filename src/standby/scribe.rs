//! Who writes the ballot down: a thread of its own, so that a disk that hangs holds up nobody else.
//!
//! Both sides have one end of a pair of sockets, which keeps messages apart, takes no memory of ours, and can be waited
//! for together with everything else.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread::Builder;
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::fcntl::FcntlArg;
use nix::fcntl::OFlag;
use nix::fcntl::fcntl;
use nix::sys::socket::AddressFamily;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::Shutdown;
use nix::sys::socket::SockFlag;
use nix::sys::socket::SockType;
use nix::sys::socket::recv;
use nix::sys::socket::send;
use nix::sys::socket::shutdown;
use nix::sys::socket::socketpair;

use crate::pair::node::NodeId;
use crate::pair::term::Ballot;
use crate::pair::term::Term;
use crate::standby::ballot::Found;
use crate::standby::ballot::Store;
use crate::standby::ballot::Unusable;

/// Number, main, whether there is a vote, vote.
const BALLOT: usize = 8 + 1 + 1 + 8;
/// Why it could not be written comes behind it, as the kernel numbers that; 0: it is on the disk.
const ANSWER: usize = BALLOT + 4;

/// What became of a ballot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    Stored(Ballot),
    /// The one before it stands.
    Refused(Errno),
}

/// The pair thread's end. With it the thread ends.
#[derive(Debug)]
pub struct Scribe {
    pipe: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

/// Why there is none.
#[derive(Debug)]
pub enum NoScribe {
    Unusable(Unusable),
    Thread(io::Error),
}

impl fmt::Display for NoScribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoScribe::Unusable(unusable) => unusable.fmt(f),
            NoScribe::Thread(error) => write!(f, "cannot start the thread of the ballot: {error}"),
        }
    }
}

impl Scribe {
    /// Opens the file; what was in it comes back.
    pub fn start(path: &Path) -> Result<(Scribe, Found), NoScribe> {
        let (store, found) = Store::open(path).map_err(NoScribe::Unusable)?;
        let scribe = Scribe::of(store).map_err(NoScribe::Thread)?;
        Ok((scribe, found))
    }

    pub(super) fn of(mut store: Store) -> io::Result<Scribe> {
        let (pipe, theirs) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )?;
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let builder = Builder::new().name("halb-scribe".to_owned());
        let thread = builder.spawn(move || write_all(&theirs, |ballot| store.put(ballot)))?;
        let thread = Some(thread);
        Ok(Scribe { pipe, thread })
    }

    /// Asks for a ballot to be written. `false`: so much is waiting already that the disk must be stuck.
    pub fn ask(&self, ballot: Ballot) -> bool {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        send(self.pipe.as_raw_fd(), &encode(ballot), flags).is_ok()
    }

    /// The next answer, if there is one.
    pub fn answer(&self) -> Option<Answer> {
        let mut answer = [0; ANSWER];
        let length = recv(self.pipe.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT);
        if length != Ok(ANSWER) {
            return None;
        }
        let (ballot, code) = answer.split_first_chunk::<BALLOT>()?;
        match i32::from_le_bytes(*code.first_chunk()?) {
            0 => Some(Answer::Stored(decode(ballot))),
            code => Some(Answer::Refused(Errno::from_raw(code))),
        }
    }

    /// Readable when there is an answer.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        let _ = shutdown(self.pipe.as_raw_fd(), Shutdown::Both);
        // A thread that hangs at a disk is left to the end of the process.
        drop(self.thread.take());
    }
}

/// Writes what comes, until nobody is left to ask.
fn write_all(pipe: &OwnedFd, mut put: impl FnMut(Ballot) -> io::Result<()>) {
    let mut ballot = [0; BALLOT];
    loop {
        match recv(pipe.as_raw_fd(), &mut ballot, MsgFlags::empty()) {
            Ok(BALLOT) => {}
            Err(Errno::EINTR) => continue,
            Ok(_) | Err(_) => return,
        }
        let mut answer = [0; ANSWER];
        answer[..BALLOT].copy_from_slice(&ballot);
        let code = put(decode(&ballot)).err().map_or(0, code);
        answer[BALLOT..].copy_from_slice(&code.to_le_bytes());
        if send(pipe.as_raw_fd(), &answer, MsgFlags::MSG_NOSIGNAL).is_err() {
            return;
        }
    }
}

/// What the library says by itself, such as that nothing could be written, has no number.
fn code(error: io::Error) -> i32 {
    error.raw_os_error().unwrap_or(Errno::EIO as i32)
}

fn encode(ballot: Ballot) -> [u8; BALLOT] {
    let mut bytes = [0; BALLOT];
    bytes[..8].copy_from_slice(&ballot.term.number.to_le_bytes());
    bytes[8] = u8::from(ballot.term.main);
    bytes[9] = u8::from(ballot.vote.is_some());
    let vote = ballot.vote.map_or(0, NodeId::bits);
    bytes[10..].copy_from_slice(&vote.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8; BALLOT]) -> Ballot {
    let word = |from: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[from..from + 8]);
        u64::from_le_bytes(word)
    };
    Ballot {
        term: Term {
            number: word(0),
            main: bytes[8] != 0,
        },
        vote: (bytes[9] != 0).then(|| NodeId::from_bits(word(10))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use nix::poll::PollFd;
    use nix::poll::PollFlags;
    use nix::poll::PollTimeout;
    use nix::poll::poll;

    fn answered(scribe: &Scribe) -> Answer {
        let mut fds = [PollFd::new(scribe.fd(), PollFlags::POLLIN)];
        let ready = poll(&mut fds, PollTimeout::try_from(10_000).unwrap());
        assert_eq!(ready, Ok(1), "an answer comes");
        scribe.answer().unwrap()
    }

    #[test]
    fn what_is_written_is_said() {
        let name = format!("halb-scribe-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&path);
        let (scribe, found) = Scribe::start(&path).unwrap();
        assert!(matches!(found, Found::New));
        for number in 1..5 {
            let ballot = Ballot {
                term: Term { number, main: true },
                vote: Some(NodeId::of("lb2")),
            };
            assert!(scribe.ask(ballot));
            assert_eq!(answered(&scribe), Answer::Stored(ballot));
            let (_, found) = Store::open(&path).unwrap();
            assert!(matches!(found, Found::Ballot(there) if there == ballot));
        }
        assert_eq!(scribe.answer(), None);
        std::fs::remove_file(&path).unwrap();
    }

    /// As where the file system became read-only, or the disk died.
    #[test]
    fn what_cannot_be_written_is_said_and_nobody_waits_for_a_disk_that_hangs() {
        let path = std::env::temp_dir().join(format!("halb-scribe-ro-{}", std::process::id()));
        drop(Store::open(&path).unwrap());
        let file = std::fs::File::open(&path).unwrap();
        let scribe = Scribe::of(Store::of(file)).unwrap();
        assert!(scribe.ask(Ballot::default()));
        assert_eq!(answered(&scribe), Answer::Refused(Errno::EBADF));
        std::fs::remove_file(&path).unwrap();
        let (pipe, _nobody_reads) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket,
            None,
            SockFlag::SOCK_CLOEXEC,
        )
        .unwrap();
        let thread = None;
        let stuck = Scribe { pipe, thread };
        let asked = (0..100_000).take_while(|_| stuck.ask(Ballot::default()));
        assert!(asked.count() < 100_000, "in the end it says so");
    }
}
