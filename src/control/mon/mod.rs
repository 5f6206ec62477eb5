//! The terminal `mon`: the counters, pushed every `mon_interval` to whoever wants to keep them.
//!
//! A receiver that is slow, absent or dying delays nothing: what it does not take waits in bounded memory, the
//! oldest is dropped first, and what was dropped is counted.
//!
//! - `lines`: JSON lines; `statsd`: StatsD; both know no sockets
//! - `queue`: what waits; `backoff`: when to try again
//! - `tcp`, `udp`: the two drivers; `resolve`: names, off the runtime

mod backoff;
mod lines;
mod queue;
mod resolve;
mod statsd;
mod tcp;
mod udp;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::errno::Errno;
use socket2::Domain;
use socket2::Socket;
use socket2::Type;
use tokio::sync::watch::Receiver;
use tokio::time::Interval;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;

use crate::control::counters::Counter;
use crate::control::counters::counters;
use crate::control::figures::Figures;
use crate::control::shared::Current;
use crate::control::shared::Shared;
use crate::model::address::HostPort;
use crate::model::config::Config;
use crate::model::config::Mon;
use crate::model::config::MonWire;

/// What became of what was to be pushed. Written by `mon` alone.
#[derive(Default)]
pub struct MonCounts {
    sent: AtomicU64,
    dropped: AtomicU64,
    connected: AtomicBool,
}

impl MonCounts {
    /// Records (`tcp`) or datagrams (`statsd`) handed to the kernel.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Records or datagrams that nobody took.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether there is a connection, or for `statsd` an address.
    pub fn connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    fn add_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    fn add_dropped(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    fn set_connected(&self, to: bool) {
        self.connected.store(to, Ordering::Relaxed);
    }
}

/// What of the configuration matters here.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Settings {
    wire: MonWire,
    to: HostPort,
    interval: Duration,
    /// For the connection; `None`: as long as it takes.
    connect_within: Option<Duration>,
    node: String,
}

/// Pushes as long as the configuration in force asks for it, until it is dropped.
pub async fn run(shared: Arc<Shared>) {
    let mut follower = shared.follow();
    let mut from_start = true;
    loop {
        let settings = Settings::of(&follower.borrow_and_update().config);
        tokio::select! {
            others = other_than(&settings, &mut follower) => {
                if others.is_none() {
                    return;
                }
            }
            () = push(&shared, settings.as_ref(), from_start) => {}
        }
        shared.mon.set_connected(false);
        from_start = false;
    }
}

/// Whether this process may have the sockets that pushing needs. A receiver that is not there, or whose name is not
/// known, is no reason not to start.
pub fn check(config: &Config) -> io::Result<()> {
    let Some(mon) = &config.mon else {
        return Ok(());
    };
    let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let domain = Domain::for_address(mon.address.socket().unwrap_or(any));
    let kind = match mon.wire {
        MonWire::Json => Type::STREAM,
        MonWire::Statsd => Type::DGRAM,
    };
    Socket::new(domain, kind, None).map(drop)
}

impl Settings {
    fn of(config: &Config) -> Option<Settings> {
        let Mon { wire, address } = config.mon.clone()?;
        Some(Settings {
            wire,
            to: address,
            interval: config.mon_interval,
            connect_within: config.conn_timeout,
            node: config.node.clone(),
        })
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.wire {
            MonWire::Json => "tcp",
            MonWire::Statsd => "statsd",
        };
        write!(f, "{scheme}://{}", self.to)
    }
}

/// Ends when something else is wanted; with `None` when nothing will be any more.
async fn other_than(
    settings: &Option<Settings>,
    follower: &mut Receiver<Arc<Current>>,
) -> Option<()> {
    let differs = |current: &Arc<Current>| Settings::of(&current.config) != *settings;
    follower.wait_for(differs).await.ok().map(drop)
}

async fn push(shared: &Shared, settings: Option<&Settings>, from_start: bool) {
    match settings {
        None => std::future::pending().await,
        Some(settings) => match settings.wire {
            MonWire::Json => tcp::push(shared, settings).await,
            MonWire::Statsd => udp::push(shared, settings, from_start).await,
        },
    }
}

/// The first one comes at once. Those that were missed are not made up for.
fn ticks(settings: &Settings) -> Interval {
    let mut ticks = interval(settings.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

fn reading(shared: &Shared) -> Vec<Counter> {
    counters(&Figures::collect(shared))
}

/// A line of the journal about the receiver.
fn note(shared: &Shared, settings: &Settings, what: &str) {
    shared
        .journal
        .note("mon", None, format!("{settings}: {what}"));
}

/// Without the number of the error, which says nothing more.
fn plain(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
