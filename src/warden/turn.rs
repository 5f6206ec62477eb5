//! What the warden does about what it is told, what the kernel and the network say, and the time.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::model::time::Instant;
use crate::pair::event::Reply;
use crate::pair::lease::Clocks;
use crate::pair::lease::Do;
use crate::pair::lease::Lease;
use crate::pair::limits;
use crate::warden::addresses;
use crate::warden::addresses::Addresses;
use crate::warden::netlink::Kernel;
use crate::warden::netlink::Link;
use crate::warden::netlink::Watch;
use crate::warden::ping::Pings;
use crate::warden::pipe::Pipe;
use crate::warden::question::Question;
use crate::warden::question::Step;
use crate::warden::repeat::Repeat;
use crate::warden::segment::Heard;
use crate::warden::segment::Segment;
use crate::warden::wire::Said;
use crate::warden::wire::Setup;
use crate::warden::wire::Told;

/// What could not be removed is tried again after this.
const AGAIN: Duration = Duration::from_millis(20);
/// Before a setup says otherwise; nothing is held then.
const NO_LEASE: Duration = Duration::from_secs(1);

/// Everything it has.
pub struct Warden {
    kernel: Kernel,
    watch: Watch,
    setup: Option<Setup>,
    lease: Lease,
    addresses: Addresses,
    link: Option<Link>,
    /// The interface may be otherwise by now.
    is_stale: bool,
    segment: Option<Segment>,
    question: Option<Question>,
    repeat: Option<Repeat>,
    pings: Pings,
    /// Addresses are still there that ought not to be; when it is tried again.
    leaving: Option<Instant>,
    /// Sentences that were said: each once, until something has changed.
    troubles: Vec<String>,
}

impl Warden {
    pub fn open() -> io::Result<Warden> {
        Ok(Warden {
            watch: Watch::open()?,
            kernel: Kernel::open()?,
            setup: None,
            lease: Lease::new(NO_LEASE),
            addresses: Addresses::default(),
            link: None,
            is_stale: false,
            segment: None,
            question: None,
            repeat: None,
            pings: Pings::default(),
            leaving: None,
            troubles: Vec::new(),
        })
    }

    /// What a poll has to watch besides the pipe.
    pub fn watched(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let segment = self.segment.iter().flat_map(Segment::watched);
        segment.chain([self.watch.as_fd()])
    }

    /// When [`Warden::turn`] wants to be called at the latest.
    pub fn next(&self) -> Option<Instant> {
        [
            self.lease.next(),
            self.question.as_ref().map(Question::next),
            self.repeat.as_ref().map(Repeat::next),
            self.pings.next(),
            self.leaving,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub fn on_told(&mut self, told: Told, clocks: Clocks, pipe: &mut Pipe) {
        match told {
            Told::Setup(setup) => self.set_up(setup, clocks, pipe),
            // Without a setup there is nothing to hold, and what waited in the pipe was not for this warden.
            Told::Beat { .. } if self.setup.is_none() => {}
            Told::Beat { hold, at } => {
                let due = self.lease.on_beat(hold, at, clocks);
                self.carry_out(due, clocks, pipe);
            }
            Told::Ask { number } => {
                let can = self
                    .link
                    .is_some_and(|link| link.carrier && link.hardware.is_some());
                if can && self.segment.is_some() {
                    self.question = Some(Question::new(number, clocks.now));
                } else {
                    self.answer(number, Reply::Unable, pipe);
                }
            }
            Told::Announce => {
                if self.lease.holds() {
                    self.repeat = Some(Repeat::new(clocks.now));
                }
            }
        }
    }

    /// The main process is gone.
    pub fn on_closed(&mut self, clocks: Clocks, pipe: &mut Pipe) {
        let due = self.lease.on_closed();
        self.carry_out(due, clocks, pipe);
        if self.leaving.is_some() {
            self.remove(clocks, pipe);
        }
    }

    /// Everything but what it is told.
    pub fn turn(&mut self, clocks: Clocks, pipe: &mut Pipe) {
        let due = self.lease.tick(clocks);
        self.carry_out(due, clocks, pipe);
        if self.leaving.is_some_and(|again| again <= clocks.now) {
            self.remove(clocks, pipe);
        }
        self.is_stale |= self.watch.changed();
        if self.is_stale {
            self.look(pipe);
        }
        let is_all = self.hear(pipe);
        self.probe(clocks.now, is_all, pipe);
        if self
            .repeat
            .as_mut()
            .is_some_and(|repeat| repeat.due(clocks.now))
        {
            self.announce();
        }
        self.ping(clocks.now);
    }

    fn set_up(&mut self, setup: Setup, clocks: Clocks, pipe: &mut Pipe) {
        let first = self.setup.is_none();
        let other = self.setup.as_ref().map(|setup| &setup.interface) != Some(&setup.interface);
        let stay =
            |address: IpAddr| !other && setup.addresses.iter().any(|one| one.address == address);
        self.troubles.clear();
        let mut sayer = Sayer::new(&mut self.troubles, pipe);
        self.addresses
            .let_go(&mut self.kernel, stay, &mut |text| sayer.trouble(text));
        self.lease.set_length(Duration::from_secs(setup.lease_s));
        self.pings.set(&setup.ping_addresses, clocks.now);
        self.setup = Some(setup);
        if other {
            self.link = None;
            self.segment = None;
        }
        self.look(pipe);
        if first && !self.link.is_some_and(|link| link.carrier) {
            // Whoever waits for a word about the carrier gets one; that there is one has been said.
            pipe.say(Said::Carrier(false));
        }
        if first {
            self.clear(clocks.now, pipe);
        } else if self.lease.holds() {
            self.hold(clocks, pipe);
        }
    }

    /// Removes what the warden before has left.
    fn clear(&mut self, now: Instant, pipe: &mut Pipe) {
        let Some(setup) = &self.setup else {
            return;
        };
        let mut sayer = Sayer::new(&mut self.troubles, pipe);
        let trouble = &mut |text| sayer.trouble(text);
        if addresses::clear(&mut self.kernel, self.link, &setup.addresses, trouble) {
            pipe.say(Said::Holds(false));
        } else {
            // By then the kernel has done it, or there is nothing that could.
            let lease = Duration::from_secs(setup.lease_s);
            self.leaving = Some(now + lease + limits::LEASE_LATE);
        }
    }

    fn carry_out(&mut self, due: Option<Do>, clocks: Clocks, pipe: &mut Pipe) {
        match due {
            None => {}
            Some(Do::Add) => {
                self.leaving = None;
                self.hold(clocks, pipe);
            }
            Some(Do::Renew) => self.hold(clocks, pipe),
            Some(Do::Remove) => self.remove(clocks, pipe),
        }
    }

    /// Adds or renews, and says so; what cannot be held at all is lost.
    fn hold(&mut self, clocks: Clocks, pipe: &mut Pipe) {
        let Some(setup) = &self.setup else {
            return;
        };
        let mut sayer = Sayer::new(&mut self.troubles, pipe);
        let trouble = &mut |text| sayer.trouble(text);
        let before = self.addresses.held().len();
        let there = match self.link {
            None => 0,
            Some(link) => self.addresses.hold(
                &mut self.kernel,
                link,
                &setup.addresses,
                setup.lease_s,
                trouble,
            ),
        };
        if there == 0 {
            self.lease.on_lost();
            self.remove(clocks, pipe);
            return;
        }
        if self.repeat.is_none() || self.addresses.held().len() > before {
            self.repeat = Some(Repeat::new(clocks.now));
        }
        pipe.say(Said::Holds(true));
    }

    fn remove(&mut self, clocks: Clocks, pipe: &mut Pipe) {
        self.repeat = None;
        let mut sayer = Sayer::new(&mut self.troubles, pipe);
        let trouble = &mut |text| sayer.trouble(text);
        let gone = self.addresses.let_go(&mut self.kernel, |_| false, trouble);
        self.leaving = (!gone).then(|| clocks.now + AGAIN);
        if gone {
            pipe.say(Said::Holds(false));
        }
    }

    /// How is the interface? What cannot be seen now is looked at again in the next turn.
    fn look(&mut self, pipe: &mut Pipe) {
        self.is_stale = false;
        let Some(setup) = &self.setup else {
            return;
        };
        let name = &setup.interface;
        let mut sayer = Sayer::new(&mut self.troubles, pipe);
        let link = match self.kernel.link(name) {
            Ok(link) => link,
            Err(error) => {
                sayer.trouble(format!("cannot look at interface {name}: {error}"));
                self.is_stale = true;
                return;
            }
        };
        let was = std::mem::replace(&mut self.link, link);
        let which = |link: Link| (link.index, link.hardware);
        if link.map(which) != was.map(which) {
            self.troubles.clear();
        }
        let mut sayer = Sayer::new(&mut self.troubles, pipe);
        if link.is_none() {
            sayer.trouble(format!("there is no interface {name}"));
        }
        if link.is_none() || link.map(which) != was.map(which) {
            self.segment = link.map(|link| open(name, link, &mut sayer));
            self.pings.look(&mut self.kernel, link);
            if let (Some(_), own) = (link, self.pings.own()) {
                let trouble = &mut |text| sayer.trouble(text);
                addresses::check(name, own, &setup.addresses, trouble);
            }
        }
        let carrier = |link: Option<Link>| link.is_some_and(|link| link.carrier);
        if carrier(link) != carrier(was) {
            pipe.say(Said::Carrier(carrier(link)));
        }
    }

    /// What the network says; `false`: more waits.
    fn hear(&mut self, pipe: &mut Pipe) -> bool {
        let (Some(segment), Some(setup)) = (&self.segment, &self.setup) else {
            return true;
        };
        let (mut reached, mut somebody) = (false, false);
        let pings = &mut self.pings;
        let is_all = segment.hear(|heard| match heard {
            Heard::Echo(address) => reached |= pings.on_echo(address),
            Heard::Owner(address) => {
                reached |= pings.on_neighbour(address);
                somebody |= setup.addresses.iter().any(|one| one.address == address);
            }
        });
        if reached {
            pipe.say(Said::Reached);
        }
        if let Some(question) = self.question.take_if(|_| somebody) {
            self.answer(question.number, Reply::Somebody, pipe);
        }
        is_all
    }

    /// Asks, or says that nobody has answered.
    fn probe(&mut self, now: Instant, is_all_heard: bool, pipe: &mut Pipe) {
        let Some(question) = &mut self.question else {
            return;
        };
        let number = question.number;
        match question.step(now) {
            None => {}
            // What waits may be somebody's answer.
            Some(Step::Answer(_)) if !is_all_heard => {}
            Some(Step::Answer(reply)) => {
                self.question = None;
                self.answer(number, reply, pipe);
            }
            Some(Step::Probe) => {
                let (Some(segment), Some(setup)) = (&self.segment, &self.setup) else {
                    self.question = None;
                    self.answer(number, Reply::Unable, pipe);
                    return;
                };
                let mut asked = setup
                    .addresses
                    .iter()
                    .map(|one| segment.ask(None, one.address));
                // All of them, also after one that could not be sent.
                if !asked.by_ref().fold(true, |all, sent| all & sent) {
                    self.question = None;
                    self.answer(number, Reply::Unable, pipe);
                }
            }
        }
    }

    fn answer(&self, number: u32, reply: Reply, pipe: &mut Pipe) {
        pipe.say(Said::Answered { number, reply });
    }

    fn announce(&self) {
        if let Some(segment) = &self.segment {
            for address in self.addresses.held() {
                segment.announce(*address);
            }
        }
    }

    fn ping(&mut self, now: Instant) {
        if !self.pings.due(now) {
            return;
        }
        if self.pings.stale() {
            self.pings.look(&mut self.kernel, self.link);
        }
        if let Some(segment) = &mut self.segment {
            self.pings.send(segment);
        }
    }
}

fn open(name: &str, link: Link, sayer: &mut Sayer<'_>) -> Segment {
    let (segment, refused) = Segment::open(name, link);
    if let Some(error) = refused {
        sayer.trouble(format!("cannot listen to the network on {name}: {error}"));
    }
    if link.hardware.is_none() {
        sayer.trouble(format!(
            "{name} is no Ethernet: nobody can be asked there who has the virtual addresses"
        ));
    }
    segment
}

/// Says each sentence once.
struct Sayer<'a> {
    said: &'a mut Vec<String>,
    pipe: &'a mut Pipe,
}

impl<'a> Sayer<'a> {
    fn new(said: &'a mut Vec<String>, pipe: &'a mut Pipe) -> Sayer<'a> {
        Sayer { said, pipe }
    }

    fn trouble(&mut self, sentence: String) {
        if !self.said.contains(&sentence) {
            self.pipe.say(Said::Trouble(sentence.clone()));
            self.said.push(sentence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::AddressFamily;
    use nix::sys::socket::SockFlag;
    use nix::sys::socket::SockType;
    use nix::sys::socket::socketpair;

    #[test]
    fn what_could_not_be_seen_is_looked_at_again() {
        let kind = SockType::SeqPacket;
        let (ours, _theirs) =
            socketpair(AddressFamily::Unix, kind, None, SockFlag::empty()).unwrap();
        let mut pipe = Pipe::new(ours);
        let clocks = Clocks {
            now: Instant::ZERO,
            boot: Instant::ZERO,
        };
        let mut warden = Warden::open().unwrap();
        warden.kernel = Kernel::unanswered().unwrap();
        let setup = Setup {
            interface: "lo".to_owned(),
            lease_s: 1,
            ..Setup::default()
        };
        warden.on_told(Told::Setup(setup), clocks, &mut pipe);
        assert_eq!(warden.link, None);
        warden.kernel = Kernel::open().unwrap();
        warden.turn(clocks, &mut pipe);
        assert!(warden.link.is_some());
    }
}
