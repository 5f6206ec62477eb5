//! The faked networks: the links that adverts travel on, and the service network with its gateway.

use crate::random::Random;

/// More no world has.
pub const HOSTS: usize = 5;
pub const LINKS: usize = 3;

/// How datagrams fare on every link.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    pub loss_per_mille: u64,
    pub twice_per_mille: u64,
    /// So often one is late by up to `late`.
    pub late_per_mille: u64,
    pub late: u64,
}

/// Which paths there are. Link 0 runs over the service network, the others over cables of their own.
#[derive(Clone, Debug)]
pub struct Net {
    pub hosts: usize,
    pub links: usize,
    /// From, to, link.
    pub cut: [[[bool; LINKS]; HOSTS]; HOSTS],
    /// From, to: frames of the service network that a switch loses.
    pub between: [[bool; HOSTS]; HOSTS],
    pub mute: [bool; HOSTS],
    pub deaf: [bool; HOSTS],
    pub carrier: [bool; HOSTS],
    pub gateway: bool,
    pub gateway_cut: [bool; HOSTS],
    pub weather: Weather,
}

impl Net {
    pub fn new(hosts: usize, links: usize, weather: Weather) -> Net {
        Net {
            hosts,
            links,
            cut: [[[false; LINKS]; HOSTS]; HOSTS],
            between: [[false; HOSTS]; HOSTS],
            mute: [false; HOSTS],
            deaf: [false; HOSTS],
            carrier: [true; HOSTS],
            gateway: true,
            gateway_cut: [false; HOSTS],
            weather,
        }
    }

    /// Whether a frame of `from` gets to `to` over the service network.
    pub fn service(&self, from: usize, to: usize) -> bool {
        let sent = self.carrier[from] && !self.mute[from];
        let heard = self.carrier[to] && !self.deaf[to];
        sent && heard && !self.between[from][to]
    }

    pub fn service_both(&self, one: usize, other: usize) -> bool {
        self.service(one, other) && self.service(other, one)
    }

    pub fn link(&self, from: usize, to: usize, link: usize) -> bool {
        let cable = link > 0 || self.service(from, to);
        cable && !self.cut[from][to][link]
    }

    /// Whether some link carries adverts from one to the other.
    pub fn hears(&self, from: usize, to: usize) -> bool {
        (0..self.links).any(|link| self.link(from, to, link))
    }

    pub fn both_hear(&self, one: usize, other: usize) -> bool {
        self.hears(one, other) && self.hears(other, one)
    }

    pub fn reaches_gateway(&self, host: usize) -> bool {
        let talks = self.carrier[host] && !self.mute[host] && !self.deaf[host];
        self.gateway && talks && !self.gateway_cut[host]
    }

    pub fn heal(&mut self) {
        *self = Net::new(self.hosts, self.links, Weather::default());
    }

    /// How long each copy of a datagram takes; none is lost.
    pub fn copies(&self, random: &mut Random) -> Vec<u64> {
        let weather = self.weather;
        let mut copies = Vec::new();
        let count = 1 + u64::from(random.chance(weather.twice_per_mille));
        for _ in 0..count {
            if random.chance(weather.loss_per_mille) {
                continue;
            }
            let late = random.chance(weather.late_per_mille);
            let more = if late {
                random.below(weather.late + 1)
            } else {
                0
            };
            copies.push(random.between(50_000, 400_000) + more);
        }
        copies
    }
}
