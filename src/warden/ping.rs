//! Whether anybody of the ping addresses answers: asked by ICMP, and those on our own network, who need not answer that,
//! by who they are as well.

use std::net::IpAddr;
use std::time::Duration;

use crate::model::plan::Network;
use crate::model::time::Instant;
use crate::warden::addresses;
use crate::warden::netlink::Kernel;
use crate::warden::netlink::Link;
use crate::warden::segment::Segment;

/// Between two rounds.
const ROUND: Duration = Duration::from_millis(200);
/// Rounds until this host's own addresses are read again.
const ROUNDS_FRESH: u32 = 10;

/// Who is asked.
#[derive(Default)]
pub struct Pings {
    asked: Vec<Asked>,
    /// This host's own addresses and networks on the interface.
    own: Vec<Network>,
    /// Rounds since those were read.
    age: u32,
    next: Option<Instant>,
}

struct Asked {
    address: IpAddr,
    /// Whether it has answered the last echo request.
    echoes: bool,
}

impl Pings {
    pub fn set(&mut self, addresses: &[IpAddr], now: Instant) {
        self.asked = addresses
            .iter()
            .map(|address| Asked {
                address: *address,
                echoes: false,
            })
            .collect();
        self.next = (!self.asked.is_empty()).then_some(now);
    }

    /// The interface is another one, or has other addresses.
    pub fn look(&mut self, kernel: &mut Kernel, link: Option<Link>) {
        // What cannot be read is said when it matters: when addresses are added.
        let own = link.and_then(|link| addresses::own(kernel, link, &mut |_| {}));
        self.own = own.unwrap_or_default();
        self.age = 0;
    }

    /// Whether it is time to look again.
    pub fn stale(&self) -> bool {
        self.age >= ROUNDS_FRESH
    }

    pub fn own(&self) -> &[Network] {
        &self.own
    }

    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Whether a round is due now.
    pub fn due(&mut self, now: Instant) -> bool {
        let due = self.next.is_some_and(|next| next <= now);
        if due {
            self.next = Some(now + ROUND);
        }
        due
    }

    /// One round.
    pub fn send(&mut self, segment: &mut Segment) {
        self.age += 1;
        for asked in &mut self.asked {
            segment.ping(asked.address);
            // The host's own address there, if it is a neighbour.
            let near = self.own.iter().find(|own| own.contains(asked.address));
            if let Some(own) = near.filter(|_| !asked.echoes) {
                segment.ask(Some(own.address), asked.address);
            }
            asked.echoes = false;
        }
    }

    /// Whether it is one of them that has answered an echo request.
    pub fn on_echo(&mut self, from: IpAddr) -> bool {
        let asked = self.asked.iter_mut().find(|asked| asked.address == from);
        asked.map(|asked| asked.echoes = true).is_some()
    }

    /// Whether it is one of them that has been heard on the network.
    pub fn on_neighbour(&self, address: IpAddr) -> bool {
        self.asked.iter().any(|asked| asked.address == address)
    }
}
