//! What stands in for the main process: tells a real warden what a test wants, beats included.

use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Child;

use halb::model::plan::Network;
use halb::ring::clock;
use halb::warden::start;
use halb::warden::start::Warden;
use halb::warden::wire::MESSAGE_MAX;
use halb::warden::wire::Said;
use halb::warden::wire::Setup;
use halb::warden::wire::Told;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::poll;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::recv;
use nix::sys::socket::send;
use nix::unistd::Pid;

use crate::host::Host;
use crate::host::PATIENCE;
use crate::host::wait_for;

/// HALB itself.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_halb");
pub const VIRTUAL: &str = "10.0.0.100";
pub const VIRTUAL6: &str = "2001:db8::100";
const BEAT_MS: u8 = 20;

/// The main process's side of a warden.
pub struct Main {
    pipe: std::os::fd::OwnedFd,
    keeper: Child,
    pub warden: Pid,
    /// What each beat says.
    pub hold: bool,
}

impl Main {
    /// A warden in `host` that is set up, and has said so.
    pub fn start(host: &Host) -> Main {
        let mut main = Main::bare(host);
        main.tell_setup();
        main
    }

    /// Sets a new warden up.
    pub fn tell_setup(&mut self) {
        self.tell(&Told::Setup(setup()));
        self.wait(|said| *said == Said::Carrier(true));
        self.wait(|said| *said == Said::Holds(false));
    }

    /// One that was told nothing yet.
    pub fn bare(host: &Host) -> Main {
        let warden = host.run(|| start::start_program(Path::new(PROGRAM)));
        Main::of(warden.unwrap())
    }

    pub fn of(warden: Warden) -> Main {
        let mut main = Main {
            pipe: warden.pipe,
            keeper: warden.keeper,
            warden: Pid::from_raw(0),
            hold: false,
        };
        main.warden = main.started();
        main
    }

    /// Waits for a warden that says it has started.
    pub fn started(&mut self) -> Pid {
        let said = self.wait(|said| matches!(said, Said::Started { .. }));
        let Said::Started { process } = said else {
            unreachable!("that was waited for");
        };
        Pid::from_raw(i32::try_from(process).unwrap())
    }

    /// Something for the warden, if it has room for it.
    pub fn tell(&self, told: &Told) {
        let mut bytes = Vec::new();
        told.encode(&mut bytes);
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        let _ = send(self.pipe.as_raw_fd(), &bytes, flags);
    }

    /// Holds, until the warden says it does.
    pub fn hold(&mut self) {
        self.hold = true;
        self.wait(|said| *said == Said::Holds(true));
    }

    /// Lets go, until the warden has.
    pub fn let_go(&mut self) {
        self.hold = false;
        self.wait(|said| *said == Said::Holds(false));
    }

    /// Beats until something is said that is waited for.
    pub fn wait(&mut self, wanted: impl Fn(&Said) -> bool) -> Said {
        let begun = clock::read().now;
        let mut heard = Vec::new();
        loop {
            if let Some(said) = self.beat() {
                if wanted(&said) {
                    return said;
                }
                heard.push(said);
            }
            let patient = clock::read().now.since(begun) < PATIENCE;
            assert!(patient, "only this was said: {heard:?}");
        }
    }

    /// One beat, and what is said within 20 ms, if anything is.
    pub fn beat(&self) -> Option<Said> {
        let at = clock::read().now;
        self.tell(&Told::Beat {
            hold: self.hold,
            at,
        });
        self.hear()
    }

    /// What is said within 20 ms, without a beat.
    pub fn hear(&self) -> Option<Said> {
        let mut polled = [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)];
        poll(&mut polled, BEAT_MS).unwrap();
        let mut bytes = [0; MESSAGE_MAX];
        let count = recv(self.pipe.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT);
        let count = count.ok().filter(|count| *count > 0)?;
        Some(Said::decode(&bytes[..count]).expect("a word of the wire"))
    }

    /// Beats until `gone` is so.
    pub fn until(&self, gone: impl Fn() -> bool) {
        wait_for(|| {
            self.beat();
            gone()
        });
    }

    /// The process that would start another warden.
    pub fn keeper(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.keeper.id()).unwrap())
    }

    /// The warden is stopped, and does nothing any more when this returns.
    pub fn stop(&self) {
        self.signal(Signal::SIGSTOP);
        let path = format!("/proc/{}/status", self.warden);
        wait_for(|| {
            let status = std::fs::read_to_string(&path).unwrap();
            status.contains("State:\tT")
        });
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.warden, signal).unwrap();
    }

    /// Ends as the death of the main process does: nobody has the other end.
    pub fn die(self) -> Child {
        self.keeper
    }
}

pub fn setup() -> Setup {
    let network = |address: &str, prefix_length| Network {
        address: address.parse().unwrap(),
        prefix_length,
    };
    Setup {
        interface: "eth0".to_owned(),
        addresses: vec![network(VIRTUAL, 24), network(VIRTUAL6, 64)],
        ping_addresses: Vec::new(),
        lease_s: 1,
    }
}
