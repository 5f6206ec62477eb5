//! Who of a crew does what part of an order. One station whenever it suffices: two on one core wake each other for
//! every batch.

use std::net::SocketAddr;

use nix::sys::resource::Resource;
use nix::sys::resource::getrlimit;
use nix::sys::resource::setrlimit;

use crate::station::held::WARM;
use crate::station::order::Kind;
use crate::station::order::Order;
use crate::station::order::SOURCES_EACH;
use crate::trouble::Trouble;
use crate::trouble::While;

/// Stations that have source addresses of their own in 127.1.0.0/16.
pub const STATIONS_MAX: usize = (1 << 16) / SOURCES_EACH as usize;
/// One address has 28,232 ports by default; beyond so many connections several are used.
const ONE_SOURCE_MAX: usize = 20_000;
/// Whoever has one connection to the origin for each client (the relay) is one process with as many descriptors as a
/// station, and cannot hold more idle ones than this part of them: 9,500 of 20,000.
const PAIRS: (usize, usize) = (19, 40);
/// This part of a station's descriptors is for other things than connections: 500 of 20,000.
const RESERVED: usize = 40;
/// This part of the first station's is for connections that contenders keep to the origin after their turn: 4,000 of
/// 20,000.
const KEPT: usize = 5;

/// More than these a station does not use: its table has 2^20 places for clients and origin each.
const DESCRIPTORS_MAX: usize = 500_000;

/// One station's part.
#[derive(Debug)]
pub struct Share {
    pub station: usize,
    pub order: Order,
}

/// What an order needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Need {
    pub kind: Kind,
    pub connections: usize,
    pub moving: usize,
    /// Straight to the origin, without anybody between.
    pub direct: bool,
}

impl Need {
    /// Connections that may end at the origin, which the first station serves.
    fn ends(&self, descriptors: usize) -> usize {
        let kept = descriptors / KEPT;
        let pairs = descriptors / PAIRS.1 * PAIRS.0;
        match self.kind {
            Kind::Keep | Kind::Fresh | Kind::Offered => self.connections + kept,
            Kind::Idle | Kind::Hold if self.direct => self.connections,
            Kind::Idle => self.connections.min(pairs),
            Kind::Hold => (self.moving + kept / 2).max(self.connections.min(pairs)),
        }
    }

    /// How many connections each of `count` stations makes; `None` when that is not all of them.
    fn connections_each(&self, count: usize, descriptors: usize) -> Option<Vec<usize>> {
        // Those that warm up stay.
        let warm = match self.kind {
            Kind::Keep | Kind::Fresh | Kind::Offered => 0,
            Kind::Idle | Kind::Hold => WARM,
        };
        let room = descriptors - descriptors / RESERVED;
        let mut left = self.connections;
        let mut each = Vec::with_capacity(count);
        for station in 0..count {
            let mut taken = warm;
            if station == 0 {
                taken += self.ends(descriptors) + warm * count;
            }
            let part = left.min(room.saturating_sub(taken));
            left -= part;
            each.push(part);
        }
        (left == 0).then_some(each)
    }

    /// The least number of stations that can do it, with so many descriptors each.
    pub fn stations(&self, descriptors: usize) -> Result<usize, Trouble> {
        let suffices = |count: &usize| self.connections_each(*count, descriptors).is_some();
        let found = (1..=STATIONS_MAX).find(suffices);
        found.ok_or_else(|| self.too_much(STATIONS_MAX, descriptors))
    }

    fn too_much(&self, stations: usize, descriptors: usize) -> Trouble {
        let connections = self.connections;
        Trouble::new(format!(
            "{connections} connections are too many for {stations} stations with {descriptors} open files each"
        ))
    }
}

/// Descriptors that a station has, after [`raise_limit`].
pub fn descriptors() -> Result<usize, Trouble> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).during("reading the limit of open files")?;
    let hard = usize::try_from(hard).unwrap_or(usize::MAX);
    Ok(hard.min(DESCRIPTORS_MAX))
}

/// Takes all the descriptors that this process may have.
pub fn raise_limit() -> Result<(), Trouble> {
    let doing = "raising the limit of open files";
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).during(doing)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).during(doing)
}

/// The stations there are.
#[derive(Clone, Copy, Debug)]
pub struct Stations<'a> {
    pub processes: &'a [i32],
    pub descriptors: usize,
    pub origin: SocketAddr,
}

/// Divides an order among the stations. Who has nothing to do gets none.
pub fn split(order: &Order, stations: Stations<'_>) -> Result<Vec<Share>, Trouble> {
    let need = Need {
        kind: order.kind,
        connections: order.connections,
        moving: order.moving,
        direct: order.target == stations.origin,
    };
    let (count, descriptors) = (stations.processes.len(), stations.descriptors);
    let each = need
        .connections_each(count, descriptors)
        .ok_or_else(|| need.too_much(count, descriptors))?;
    let several_sources = order.kind == Kind::Fresh || order.connections > ONE_SOURCE_MAX;
    let total = order.connections.max(1);
    let mut before = 0;
    let mut shares = Vec::new();
    for (station, connections) in each.into_iter().enumerate() {
        if connections == 0 {
            continue;
        }
        let after = before + connections;
        // By what all up to here have, so that the parts add up to the whole.
        let moving = order.moving * after / total - order.moving * before / total;
        let mut part = Order {
            connections,
            moving,
            rate: order.rate * connections as f64 / total as f64,
            first_source: 0,
            watch: Vec::new(),
            crew: Vec::new(),
            ..order.clone()
        };
        if several_sources {
            // Never 0, which leaves the choice to the kernel.
            part.first_source = station as u32 * SOURCES_EACH + 1;
        }
        if shares.is_empty() {
            part.watch.clone_from(&order.watch);
            part.crew = stations.processes.to_vec();
        }
        shares.push(Share {
            station,
            order: part,
        });
        before = after;
    }
    Ok(shares)
}
