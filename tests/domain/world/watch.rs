//! Sees addresses come and go on all hosts, as their kernels tell it, in the order in which it happens.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;

use halb::model::time::Instant;
use halb::ring::clock;
use netlink_packet_core::NetlinkMessage;
use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::AddressAttribute;
use netlink_packet_route::address::AddressMessage;
use netlink_sys::Socket;
use netlink_sys::SocketAddr;
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use super::record::Record;
use super::space::Space;

/// rtnetlink(7): RTNLGRP_IPV4_IFADDR and RTNLGRP_IPV6_IFADDR.
const GROUPS: [u32; 2] = [5, 9];
/// How often the thread looks whether it shall end.
const GLANCE_MS: u16 = 50;

/// Of one host.
pub struct Ear {
    socket: Socket,
    /// Those that are there, by what has been read.
    there: BTreeSet<IpAddr>,
    /// What has been read and not been told: whether it has any of them.
    news: Vec<bool>,
    held: Record<bool>,
}

impl Ear {
    /// Records when the first of the addresses is there and when the last is gone; a renewal is no news.
    pub fn new(space: &Space, held: Record<bool>) -> Ear {
        let socket = space.within(|| {
            let mut socket = Socket::new(NETLINK_ROUTE).unwrap();
            socket.bind(&SocketAddr::new(0, 0)).unwrap();
            socket.set_non_blocking(true).unwrap();
            for group in GROUPS {
                socket.add_membership(group).unwrap();
            }
            socket
        });
        Ear {
            socket,
            there: BTreeSet::new(),
            news: Vec::new(),
            held,
        }
    }

    /// Reads all that the kernel has said; how much there is to tell.
    fn read(&mut self, addresses: &[IpAddr]) -> usize {
        loop {
            let bytes = match self.socket.recv_from_full() {
                Ok((bytes, _)) => bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return self.news.len(),
                Err(error) => panic!("the kernel tells nothing any more: {error}"),
            };
            for (address, is_there) in changes(&bytes, addresses) {
                let held = !self.there.is_empty();
                match is_there {
                    true => self.there.insert(address),
                    false => self.there.remove(&address),
                };
                let holds = !self.there.is_empty();
                if holds != held {
                    self.news.push(holds);
                }
            }
        }
    }

    /// Tells the first `count` news, and the release behind them, if there is one.
    fn tell(&mut self, count: usize, at: Instant) {
        let releases = self.news.get(count) == Some(&false);
        for holds in self.news.drain(..count + usize::from(releases)) {
            self.held.push_at(at, holds);
        }
    }
}

/// Ends when dropped.
pub struct Watch {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub fn new(mut ears: Vec<Ear>, addresses: Vec<IpAddr>) -> Watch {
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let thread = thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                listen(&mut ears, &addresses);
            }
        });
        Watch {
            ended,
            thread: Some(thread),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // what went wrong on it has been printed
        }
    }
}

/// One thread hears all hosts, and what it finds at once it says at once. Everything is read twice, and of what only the
/// second time brings, just releases are told: whatever came before something that the first time brought is there by
/// the second. So addresses that left one host before they came to another are never seen on both, however late this
/// thread runs.
fn listen(ears: &mut [Ear], addresses: &[IpAddr]) {
    if ears.iter().all(|ear| ear.news.is_empty()) {
        wait(ears);
    }
    let counts: Vec<usize> = ears.iter_mut().map(|ear| ear.read(addresses)).collect();
    for ear in &mut *ears {
        ear.read(addresses);
    }
    let at = clock::read().now;
    for (ear, count) in ears.iter_mut().zip(counts) {
        ear.tell(count, at);
    }
}

fn wait(ears: &[Ear]) {
    let polled = ears.iter().map(|ear| ear.socket.as_fd());
    let mut polled: Vec<PollFd<'_>> = polled
        .map(|socket| PollFd::new(socket, PollFlags::POLLIN))
        .collect();
    let _ = poll(&mut polled, PollTimeout::from(GLANCE_MS)); // interrupted: then it looks a little early
}

/// What messages say about the addresses: that one is there, or gone.
fn changes(mut bytes: &[u8], addresses: &[IpAddr]) -> Vec<(IpAddr, bool)> {
    let mut changes = Vec::new();
    while !bytes.is_empty() {
        let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes).unwrap();
        let length = usize::try_from(message.header.length).unwrap().max(1);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        let (news, is_there) = match message.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewAddress(news)) => (news, true),
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelAddress(news)) => (news, false),
            _ => continue,
        };
        let named = addresses.iter().filter(|address| is(&news, **address));
        changes.extend(named.map(|address| (*address, is_there)));
    }
    changes
}

fn is(message: &AddressMessage, address: IpAddr) -> bool {
    message
        .attributes
        .contains(&AddressAttribute::Address(address))
}
