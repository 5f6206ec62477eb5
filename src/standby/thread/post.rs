//! The pipe to the warden. Nothing here waits: what does not go into the pipe is said again soon, or was not worth it.

use std::io;
use std::net::IpAddr;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::recv;
use nix::sys::socket::send;

use crate::model::time::Instant;
use crate::ring::process::Process;
use crate::warden::wire::MESSAGE_MAX;
use crate::warden::wire::Said;
use crate::warden::wire::Setup;
use crate::warden::wire::Told;

/// A warden that holds addresses says so every 200 ms. The kernel keeps them for 1 s after that.
const STUCK: Duration = Duration::from_millis(500);
/// When this thread itself has not looked for so long, the warden may have been stopped with it.
const STOPPED: Duration = Duration::from_millis(200);

/// See above.
pub struct Post {
    /// `None`: neither a warden nor one who would start another is there any more.
    pipe: Option<OwnedFd>,
    setup: Setup,
    /// The warden that is there has not been set up.
    is_due: bool,
    wardens: u64,
    /// The one that is there, until it is killed.
    warden: Option<Process>,
    /// Its last word about the addresses.
    holds: bool,
    /// It has been asked something and has not answered.
    is_asked: bool,
    /// It leaves so much unread that nothing more goes into the pipe.
    is_full: bool,
    /// It has said something since [`Post::replace`] looked.
    spoke: bool,
    silent_since: Instant,
    looked: Instant,
    /// The last warden has died, and what it held may still be there.
    left: bool,
    outgoing: Vec<u8>,
    incoming: Box<[u8; MESSAGE_MAX]>,
}

/// What came.
#[derive(PartialEq, Eq, Debug)]
pub enum Heard {
    Said(Said),
    /// Another warden is there: the one before it has died.
    Another,
    /// There will be none any more.
    Closed,
}

impl Post {
    pub fn new(pipe: OwnedFd, setup: Setup) -> Post {
        Post {
            pipe: Some(pipe),
            setup,
            is_due: false,
            wardens: 0,
            warden: None,
            holds: false,
            is_asked: false,
            is_full: false,
            spoke: false,
            silent_since: Instant::ZERO,
            looked: Instant::ZERO,
            left: false,
            outgoing: Vec::with_capacity(MESSAGE_MAX),
            incoming: Box::new([0; MESSAGE_MAX]),
        }
    }

    /// Whether what the last of all wardens left in the kernel is gone; once. To be called with each beat.
    pub fn sees_the_end(&mut self) -> bool {
        let addresses = || self.setup.addresses.iter().map(|one| one.address);
        let end = self.left && !addresses().any(may_be_here);
        self.left &= !end;
        end
    }

    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// The domain file says otherwise now.
    pub fn set(&mut self, setup: &Setup) {
        if self.setup != *setup {
            self.setup = setup.clone();
            self.is_due = self.wardens > 0;
        }
    }

    /// Every 20 ms, and at once when it is another word than before.
    pub fn beat(&mut self, hold: bool, at: Instant) {
        if self.is_due {
            Told::Setup(self.setup.clone()).encode(&mut self.outgoing);
            self.is_due = !self.send();
        }
        self.tell(&Told::Beat { hold, at });
    }

    /// Kills a warden that owes a word and says nothing any more; its keeper starts another one. Whether it has. To be
    /// called with each beat, after everything has been heard.
    ///
    /// One that holds addresses, or is to, owes a word, and one that is asked; and nobody's pipe is full who reads. So a
    /// standby, too, has one that can help it to the addresses.
    pub fn replace(&mut self, hold: bool, now: Instant) -> bool {
        let stood = now.since(self.looked) > STOPPED;
        self.looked = now;
        let holds = (hold || self.holds) && !self.setup.addresses.is_empty();
        let owes = holds || self.is_asked || self.is_full;
        if std::mem::take(&mut self.spoke) || stood || !owes {
            self.silent_since = now;
        }
        if now.since(self.silent_since) < STUCK {
            return false;
        }
        self.warden.take().is_some_and(|stuck| stuck.kill().is_ok())
    }

    /// `false`: it did not go into the pipe.
    pub fn tell(&mut self, told: &Told) -> bool {
        told.encode(&mut self.outgoing);
        let is_sent = self.send();
        self.is_asked |= is_sent && matches!(told, Told::Ask { .. });
        is_sent
    }

    /// The next thing that came; what is no message is passed over.
    pub fn hear(&mut self) -> Option<Heard> {
        loop {
            let pipe = self.pipe.as_ref()?.as_raw_fd();
            let length = match recv(pipe, &mut self.incoming[..], MsgFlags::MSG_DONTWAIT) {
                Ok(length) if length > 0 => length,
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => return None,
                // The end, or a pipe that is broken (ECONNRESET).
                Ok(_) | Err(_) => {
                    self.pipe = None;
                    self.left = true;
                    return Some(Heard::Closed);
                }
            };
            let said = Said::decode(&self.incoming[..length]);
            self.spoke |= said.is_some();
            match said {
                None => {}
                Some(Said::Started { process }) => {
                    self.wardens += 1;
                    self.is_due = true;
                    self.holds = false;
                    self.is_asked = false;
                    // Without it a stuck warden stays, and the lease of the kernel is what is left.
                    self.warden = Process::open(process).ok();
                    if self.wardens > 1 {
                        return Some(Heard::Another);
                    }
                }
                Some(said) => {
                    match said {
                        Said::Holds(holds) => self.holds = holds,
                        Said::Answered { .. } => self.is_asked = false,
                        _ => {}
                    }
                    return Some(Heard::Said(said));
                }
            }
        }
    }

    fn send(&mut self) -> bool {
        let Some(pipe) = &self.pipe else {
            return false;
        };
        // That it is closed is seen when it is read.
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let sent = send(pipe.as_raw_fd(), &self.outgoing, flags);
        self.is_full = sent == Err(Errno::EAGAIN);
        sent.is_ok()
    }
}

/// Whether this host has an address: only then a socket can have it. Where anything may be bound
/// (`net.ipv4.ip_nonlocal_bind`), or no socket can be had, nothing is known, and the lease alone counts.
fn may_be_here(address: IpAddr) -> bool {
    let bound = UdpSocket::bind((address, 0));
    !bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plan::Network;
    use nix::sys::socket::AddressFamily;
    use nix::sys::socket::SockFlag;
    use nix::sys::socket::SockType;
    use nix::sys::socket::socketpair;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    struct Warden(OwnedFd);

    impl Warden {
        fn say(&self, said: &Said) {
            let mut bytes = Vec::new();
            said.encode(&mut bytes);
            send(self.0.as_raw_fd(), &bytes, MsgFlags::empty()).unwrap();
        }

        fn told(&self) -> Option<Told> {
            let mut bytes = [0; MESSAGE_MAX];
            let length = recv(self.0.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT).ok()?;
            Told::decode(&bytes[..length])
        }
    }

    fn both() -> (Post, Warden) {
        let kind = SockType::SeqPacket;
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, kind, None, SockFlag::empty()).unwrap();
        let setup = Setup {
            interface: "eth0".to_owned(),
            lease_s: 1,
            addresses: vec![Network {
                address: "10.0.0.100".parse().unwrap(),
                prefix_length: 24,
            }],
            ..Setup::default()
        };
        (Post::new(ours, setup), Warden(theirs))
    }

    #[test]
    fn each_warden_is_set_up_and_one_that_has_died_is_missed() {
        let (mut post, warden) = both();
        let at = Instant::from_nanos(7);
        let setup = Told::Setup(post.setup.clone());
        warden.say(&Said::Started { process: 1 });
        warden.say(&Said::Carrier(true));
        assert_eq!(post.hear(), Some(Heard::Said(Said::Carrier(true))));
        assert_eq!(post.hear(), None);
        post.beat(true, at);
        assert_eq!(warden.told(), Some(setup.clone()));
        assert_eq!(warden.told(), Some(Told::Beat { hold: true, at }));
        post.beat(false, at);
        assert_eq!(warden.told(), Some(Told::Beat { hold: false, at }));
        warden.say(&Said::Started { process: 2 });
        assert_eq!(post.hear(), Some(Heard::Another));
        post.beat(true, at);
        assert_eq!(warden.told(), Some(setup));
        drop(warden);
        assert!(!post.sees_the_end(), "that one holds, or another one will");
        assert_eq!(post.hear(), Some(Heard::Closed));
        assert_eq!(post.hear(), None);
        assert!(!post.tell(&Told::Announce));
    }

    /// Loopback has every address of its network; that of a document (RFC 5737) is nobody's.
    #[test]
    fn what_the_last_warden_left_is_seen_to_be_gone_once() {
        let here = |address: &str| {
            let (mut post, warden) = both();
            for own in &mut post.setup.addresses {
                own.address = address.parse().unwrap();
            }
            drop(warden);
            assert_eq!(post.hear(), Some(Heard::Closed));
            post
        };
        let mut left = here("127.0.0.9");
        assert!(!left.sees_the_end());
        left.setup.addresses[0].address = "192.0.2.9".parse().unwrap();
        assert!(left.sees_the_end());
        assert!(!left.sees_the_end(), "once");
        assert!(here("2001:db8::9").sees_the_end());
    }

    #[test]
    fn a_warden_that_owes_a_word_for_long_is_killed_once() {
        let (mut post, warden) = both();
        let at = |ms: u64| Instant::from_nanos(ms * 1_000_000);
        let mut process = Command::new("sleep").arg("60").spawn().unwrap();
        let started = Said::Started {
            process: process.id(),
        };
        warden.say(&started);
        assert_eq!(post.hear(), None);
        let mut look = |hold, from_ms: u64, to_ms: u64| {
            warden.say(&Said::Reached);
            assert!(post.hear().is_some());
            (from_ms..=to_ms)
                .step_by(20)
                .find(|ms| post.replace(hold, at(*ms)))
        };
        // With nothing to hold it has nothing to say.
        assert_eq!(look(false, 1000, 3000), None);
        // It says something now and then.
        assert_eq!(look(true, 3020, 3500), None);
        assert_eq!(look(true, 3520, 4000), None);
        // This thread has not looked.
        assert_eq!(look(true, 4300, 4780), None);
        assert_eq!(look(true, 5000, 8000), Some(5500));
        assert_eq!(process.wait().unwrap().signal(), Some(9));
        assert_eq!(look(true, 8000, 9000), None);
    }

    /// A standby's holds nothing, and is needed all the same.
    #[test]
    fn a_warden_that_does_not_answer_or_read_is_killed() {
        for is_asked in [true, false] {
            let (mut post, warden) = both();
            let at = |ms: u64| Instant::from_nanos(ms * 1_000_000);
            let mut process = Command::new("sleep").arg("60").spawn().unwrap();
            warden.say(&Said::Started {
                process: process.id(),
            });
            assert_eq!(post.hear(), None);
            let mut turn = |ms: u64| {
                post.beat(false, at(ms));
                while warden.told().is_some() {}
                post.replace(false, at(ms))
            };
            assert_eq!((0..2000).step_by(20).find(|ms| turn(*ms)), None);
            let number = 7;
            let reply = crate::pair::event::Reply::Silence;
            assert!(post.tell(&Told::Ask { number }));
            warden.say(&Said::Answered { number, reply });
            assert!(post.hear().is_some());
            if is_asked {
                assert!(post.tell(&Told::Ask { number }));
            } else {
                while post.tell(&Told::Announce) {}
            }
            let mut turn = |ms: u64| {
                post.beat(false, at(ms));
                post.replace(false, at(ms))
            };
            assert_eq!(
                (2000..4000).step_by(20).find(|ms| turn(*ms)),
                Some(2500),
                "{is_asked}"
            );
            assert_eq!(process.wait().unwrap().signal(), Some(9));
        }
    }

    #[test]
    fn a_pipe_that_is_full_holds_nobody_up_and_the_setup_comes_later() {
        let (mut post, warden) = both();
        let at = Instant::ZERO;
        while post.tell(&Told::Announce) {}
        warden.say(&Said::Started { process: 1 });
        assert_eq!(post.hear(), None);
        post.beat(true, at);
        while warden.told() == Some(Told::Announce) {}
        post.beat(true, at);
        assert!(matches!(warden.told(), Some(Told::Setup(_))));
    }
}
