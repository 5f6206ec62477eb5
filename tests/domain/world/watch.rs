//! Sees an address come and go on all hosts, as their kernels tell it, in the order in which it happens.

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
    held: Record<bool>,
    holds: bool,
}

impl Ear {
    /// Records when the address is there and when it is gone; a renewal is no news.
    pub fn new(space: &Space, held: Record<bool>) -> Ear {
        let socket = space.within(|| {
            let mut socket = Socket::new(NETLINK_ROUTE).unwrap();
            socket.bind(&SocketAddr::new(0, 0)).unwrap();
            for group in GROUPS {
                socket.add_membership(group).unwrap();
            }
            socket
        });
        Ear {
            socket,
            held,
            holds: false,
        }
    }

    fn hear(&mut self, address: IpAddr, at: Instant) {
        let (bytes, _) = self.socket.recv_from_full().unwrap();
        for now in changes(&bytes, address) {
            if now != self.holds {
                self.held.push_at(at, now);
                self.holds = now;
            }
        }
    }
}

/// Ends when dropped.
pub struct Watch {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub fn new(mut ears: Vec<Ear>, address: IpAddr) -> Watch {
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let thread = thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                listen(&mut ears, address);
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

/// One thread hears all hosts, and what it finds at once it says at once: so an address that left one host before it
/// came to another is never seen on both, however late this thread runs.
fn listen(ears: &mut [Ear], address: IpAddr) {
    if readable(ears, GLANCE_MS).is_empty() {
        return;
    }
    // Once more: a host that was looked at first may have spoken before one that was looked at last.
    let speaking = readable(ears, 0);
    let at = clock::read().now;
    for index in speaking {
        ears[index].hear(address, at);
    }
}

fn readable(ears: &[Ear], wait_ms: u16) -> Vec<usize> {
    let polled = |ear| PollFd::new(Socket::as_fd(ear), PollFlags::POLLIN);
    let mut polled: Vec<PollFd<'_>> = ears.iter().map(|ear| polled(&ear.socket)).collect();
    if poll(&mut polled, PollTimeout::from(wait_ms)).is_err() {
        return Vec::new(); // interrupted
    }
    let any = polled.iter().map(|polled| polled.any() == Some(true));
    let numbered = any.enumerate();
    numbered
        .filter_map(|(index, any)| any.then_some(index))
        .collect()
}

/// What messages say about one address: that it is there, or gone.
fn changes(mut bytes: &[u8], address: IpAddr) -> Vec<bool> {
    let mut changes = Vec::new();
    while !bytes.is_empty() {
        let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes).unwrap();
        let length = usize::try_from(message.header.length).unwrap().max(1);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        match message.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewAddress(news))
                if is(&news, address) =>
            {
                changes.push(true);
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelAddress(news))
                if is(&news, address) =>
            {
                changes.push(false);
            }
            _ => {}
        }
    }
    changes
}

fn is(message: &AddressMessage, address: IpAddr) -> bool {
    message
        .attributes
        .contains(&AddressAttribute::Address(address))
}
