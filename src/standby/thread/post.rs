//! The pipe to the warden. Nothing here waits: what does not go into the pipe is said again soon, or was not worth it.

use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::recv;
use nix::sys::socket::send;

use crate::model::time::Instant;
use crate::warden::wire::MESSAGE_MAX;
use crate::warden::wire::Said;
use crate::warden::wire::Setup;
use crate::warden::wire::Told;

/// See above.
pub struct Post {
    /// `None`: neither a warden nor one who would start another is there any more.
    pipe: Option<OwnedFd>,
    setup: Setup,
    /// The warden that is there has not been set up.
    is_due: bool,
    wardens: u64,
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
            outgoing: Vec::with_capacity(MESSAGE_MAX),
            incoming: Box::new([0; MESSAGE_MAX]),
        }
    }

    /// Whether there is, or will be, a warden.
    pub fn is_open(&self) -> bool {
        self.pipe.is_some()
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

    /// `false`: it did not go into the pipe.
    pub fn tell(&mut self, told: &Told) -> bool {
        told.encode(&mut self.outgoing);
        self.send()
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
                    return Some(Heard::Closed);
                }
            };
            match Said::decode(&self.incoming[..length]) {
                None => {}
                Some(Said::Started { .. }) => {
                    self.wardens += 1;
                    self.is_due = true;
                    if self.wardens > 1 {
                        return Some(Heard::Another);
                    }
                }
                Some(said) => return Some(Heard::Said(said)),
            }
        }
    }

    fn send(&self) -> bool {
        let Some(pipe) = &self.pipe else {
            return false;
        };
        // That it is closed is seen when it is read.
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        send(pipe.as_raw_fd(), &self.outgoing, flags).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::AddressFamily;
    use nix::sys::socket::SockFlag;
    use nix::sys::socket::SockType;
    use nix::sys::socket::socketpair;

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
        assert_eq!(post.hear(), Some(Heard::Closed));
        assert_eq!(post.hear(), None);
        assert!(!post.is_open() && !post.tell(&Told::Announce));
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
