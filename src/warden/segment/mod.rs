//! The service network, from one interface: what is sent into it, and what is heard there.
//!
//! - `frame`: ARP and neighbour discovery as bytes; `echo`: pings

use std::io;
use std::io::IoSliceMut;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::process;

use nix::errno::Errno;
use nix::sys::socket::ControlMessageOwned;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::RecvMsg;
use nix::sys::socket::SockaddrIn6;
use nix::sys::socket::recv;
use nix::sys::socket::recvmsg;
use nix::sys::socket::send;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::Ipv6RecvHopLimit;
use socket2::Domain;
use socket2::Protocol;
use socket2::Socket;
use socket2::Type;

use crate::ring::packet;
use crate::ring::packet::Frames;
use crate::warden::netlink::Link;
use crate::warden::segment::frame::Arp;
use crate::warden::segment::frame::Hardware;

pub mod echo;
pub mod frame;
#[cfg(test)]
mod tests;

/// More of what is waiting on one socket is not read in one turn, so that nobody on the network can keep the warden from
/// its lease.
const AT_ONCE: usize = 64;
/// Nothing that matters here is longer.
const PACKET_BYTES: usize = 2048;

/// What was heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Somebody else says that the address is theirs.
    Owner(IpAddr),
    /// This address has answered a ping.
    Echo(IpAddr),
}

/// Sockets on one interface. Each is missing where the kernel has refused it.
pub struct Segment {
    hardware: Option<Hardware>,
    arp: Option<OwnedFd>,
    sender: Option<OwnedFd>,
    echo4: Option<UdpSocket>,
    echo6: Option<UdpSocket>,
    mark: u16,
    number: u16,
}

impl Segment {
    /// Opens what there is to open; and the first thing that was refused.
    pub fn open(name: &str, link: Link) -> (Segment, Option<io::Error>) {
        let mut refused = None;
        let mut segment = Segment {
            hardware: link.hardware,
            arp: None,
            sender: None,
            echo4: keep(echo4(name), &mut refused),
            echo6: keep(echo6(name), &mut refused),
            // Which of our wardens it is, among those that the same host may run.
            mark: (process::id() & 0xffff) as u16,
            number: 0,
        };
        if link.hardware.is_some() {
            let open = |frames| packet::open(link.index, frames).map_err(io::Error::from);
            segment.arp = keep(open(Frames::Arp), &mut refused);
            segment.sender = keep(open(Frames::None), &mut refused);
        }
        (segment, refused)
    }

    /// What a poll has to watch.
    pub fn watched(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let arp = self.arp.iter().map(AsFd::as_fd);
        let echoes = self.echo4.iter().chain(&self.echo6).map(AsFd::as_fd);
        arp.chain(echoes)
    }

    /// Asks who has `wanted`; `from` is an address of this host there.
    pub fn ask(&self, from: Option<IpAddr>, wanted: IpAddr) -> bool {
        let Some(hardware) = self.hardware else {
            return false;
        };
        self.emit(&match wanted {
            IpAddr::V4(wanted) => {
                let from = from.and_then(|from| match from {
                    IpAddr::V4(from) => Some(from),
                    IpAddr::V6(_) => None,
                });
                frame::arp_question(hardware, from, wanted)
            }
            IpAddr::V6(wanted) => {
                let from = from.and_then(|from| match from {
                    IpAddr::V6(from) => Some(from),
                    IpAddr::V4(_) => None,
                });
                frame::neighbour_question(hardware, from, wanted)
            }
        })
    }

    /// Tells everybody that `address` is here.
    pub fn announce(&self, address: IpAddr) {
        let Some(hardware) = self.hardware else {
            return;
        };
        match address {
            // Both forms: some equipment learns from the one, some from the other. RFC 5227, section 3, prefers the
            // request; Linux takes either, for an entry that it has.
            IpAddr::V4(address) => {
                self.emit(&frame::arp_announcement(Arp::Request, hardware, address));
                self.emit(&frame::arp_announcement(Arp::Reply, hardware, address));
            }
            IpAddr::V6(address) => {
                self.emit(&frame::neighbour_announcement(hardware, address));
            }
        }
    }

    /// Sends an echo request; where there is no way to `address`, nothing.
    pub fn ping(&mut self, address: IpAddr) {
        self.number = self.number.wrapping_add(1);
        let (socket, message) = match address {
            IpAddr::V4(_) => (&self.echo4, echo::request(self.mark, self.number)),
            IpAddr::V6(_) => (&self.echo6, echo::request6(self.mark, self.number)),
        };
        if let Some(socket) = socket {
            // What could not be sent is not answered either.
            let _ = socket.send_to(&message, SocketAddr::new(address, 0));
        }
    }

    /// Reads what has come; `false`: not all of it.
    pub fn hear(&self, mut heard: impl FnMut(Heard)) -> bool {
        let mut bytes = [0; PACKET_BYTES];
        let arp = for_each_frame(&self.arp, &mut bytes, |frame| {
            let claim = frame::read_arp(frame);
            if let Some(claim) = claim.filter(|claim| claim.hardware != self.hardware) {
                heard(Heard::Owner(claim.address.into()));
            }
        });
        let echo4 = for_each(&self.echo4, &mut bytes, |from, packet| {
            if echo::answers(self.mark, packet) {
                heard(Heard::Echo(from));
            }
        });
        let echo6 = for_each6(&self.echo6, &mut bytes, |from, hop_limit, message| {
            if echo::answers6(self.mark, message) {
                heard(Heard::Echo(from));
            } else if hop_limit == Some(frame::HOP_LIMIT)
                && let Some(claim) = frame::read_advertisement(message)
                && (claim.hardware.is_none() || claim.hardware != self.hardware)
            {
                heard(Heard::Owner(claim.address.into()));
            }
        });
        arp && echo4 && echo6
    }

    fn emit(&self, frame: &[u8]) -> bool {
        self.sender.as_ref().is_some_and(|sender| {
            send(sender.as_raw_fd(), frame, MsgFlags::MSG_DONTWAIT) == Ok(frame.len())
        })
    }
}

/// As all three of these: `false` when there was more than is read at once.
fn for_each_frame(socket: &Option<OwnedFd>, bytes: &mut [u8], mut each: impl FnMut(&[u8])) -> bool {
    let Some(socket) = socket else {
        return true;
    };
    for _ in 0..AT_ONCE {
        match recv(socket.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT) {
            Ok(count) => each(&bytes[..count]),
            Err(Errno::EAGAIN) => return true,
            // That the interface was down is told once and taken away by that.
            Err(_) => {}
        }
    }
    false
}

fn for_each(
    socket: &Option<UdpSocket>,
    bytes: &mut [u8],
    mut each: impl FnMut(IpAddr, &[u8]),
) -> bool {
    let Some(socket) = socket else {
        return true;
    };
    for _ in 0..AT_ONCE {
        match socket.recv_from(bytes) {
            Ok((count, from)) => each(from.ip(), &bytes[..count]),
            // What an earlier packet met, such as an unreachable network, is told once and taken away by that.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {}
            Err(_) => return true,
        }
    }
    false
}

/// With the hop limit, which says whether the sender is on this network.
fn for_each6(
    socket: &Option<UdpSocket>,
    bytes: &mut [u8],
    mut each: impl FnMut(IpAddr, Option<u8>, &[u8]),
) -> bool {
    let Some(socket) = socket else {
        return true;
    };
    let mut control = nix::cmsg_space!(i32);
    for _ in 0..AT_ONCE {
        let mut parts = [IoSliceMut::new(bytes)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let received =
            recvmsg::<SockaddrIn6>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags);
        let (count, from, hop_limit) = match received {
            Ok(received) => (received.bytes, received.address, hop_limit(&received)),
            Err(Errno::EAGAIN) => return true,
            Err(_) => continue,
        };
        if let Some(from) = from {
            each(from.ip().into(), hop_limit, &bytes[..count]);
        }
    }
    false
}

fn hop_limit(received: &RecvMsg<'_, '_, SockaddrIn6>) -> Option<u8> {
    received.cmsgs().ok()?.find_map(|message| match message {
        ControlMessageOwned::Ipv6HopLimit(limit) => u8::try_from(limit).ok(),
        _ => None,
    })
}

fn echo4(name: &str) -> io::Result<UdpSocket> {
    let socket = raw(Domain::IPV4, Protocol::ICMPV4, name)?;
    packet::only_icmp4(&socket, &[echo::ECHO_REPLY])?;
    Ok(socket.into())
}

fn echo6(name: &str) -> io::Result<UdpSocket> {
    let socket = raw(Domain::IPV6, Protocol::ICMPV6, name)?;
    setsockopt(&socket, Ipv6RecvHopLimit, &true)?;
    packet::only_icmp6(
        &socket,
        &[echo::ECHO_REPLY_6, frame::NEIGHBOUR_ADVERTISEMENT],
    )?;
    Ok(socket.into())
}

/// A standard library's socket can send to an address and say who has sent, whatever its type.
fn raw(domain: Domain, protocol: Protocol, name: &str) -> io::Result<OwnedFd> {
    let socket = Socket::new(domain, Type::RAW.nonblocking().cloexec(), Some(protocol))?;
    socket.bind_device(Some(name.as_bytes()))?;
    Ok(socket.into())
}

fn keep<T>(opened: io::Result<T>, refused: &mut Option<io::Error>) -> Option<T> {
    match opened {
        Ok(opened) => Some(opened),
        Err(error) => {
            // A machine without IPv6 has nothing to ask there.
            if error.raw_os_error() != Some(Errno::EAFNOSUPPORT as i32) {
                refused.get_or_insert(error);
            }
            None
        }
    }
}
