//! Sockets below IP, for the warden: frames that leave and arrive on one interface, and which of the kernel's messages
//! a raw socket wants to see.
//!
//! Invariants the `unsafe` here rests on:
//! - P1: what a system call is given as an address or an option is a whole value of the type that the kernel expects
//!   there, with its own length, and lives until the call returns; the kernel copies it.
//! - P2: a `sockaddr_ll` is numbers and an array of bytes: all zeros is a valid one.

use std::mem;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::AddressFamily;
use nix::sys::socket::SockFlag;
use nix::sys::socket::SockProtocol;
use nix::sys::socket::SockType;
use nix::sys::socket::socket;

/// Which frames a packet socket receives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Frames {
    Arp,
    /// It only sends (packet(7): protocol 0).
    None,
}

/// Opens a socket for whole Ethernet frames on the interface with that number, which never waits.
///
/// `EPERM`: no CAP_NET_RAW. `ENODEV`, `ENETDOWN`: no such interface, or it is down.
pub fn open(interface: u32, frames: Frames) -> Result<OwnedFd, Errno> {
    let protocol = match frames {
        Frames::Arp => u16::to_be(libc::ETH_P_ARP as u16),
        Frames::None => 0,
    };
    // Without a protocol first: it must not take frames of other interfaces before it is bound.
    let packet = socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        None::<SockProtocol>,
    )?;
    // SAFETY: P2.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = protocol;
    address.sll_ifindex = i32::try_from(interface).map_err(|_| Errno::ENODEV)?;
    let (pointer, length) = (&raw const address, size_of_val(&address) as u32);
    // SAFETY: P1.
    let result = unsafe { libc::bind(packet.as_raw_fd(), pointer.cast(), length) };
    Errno::result(result)?;
    Ok(packet)
}

/// Lets a raw ICMPv6 socket receive only these types (RFC 3542, section 3.2).
pub fn only_icmp6(socket: &OwnedFd, types: &[u8]) -> Result<(), Errno> {
    const ICMP6_FILTER: libc::c_int = 1;
    // A bit that is set keeps its type out.
    let mut filter = [u32::MAX; 8];
    for kind in types {
        filter[usize::from(kind / 32)] &= !(1 << (kind % 32));
    }
    set(
        socket.as_raw_fd(),
        libc::IPPROTO_ICMPV6,
        ICMP6_FILTER,
        &filter,
    )
}

/// Lets a raw ICMP socket receive only these types, all below 32 (raw(7)).
pub fn only_icmp4(socket: &OwnedFd, types: &[u8]) -> Result<(), Errno> {
    const SOL_RAW: libc::c_int = 255;
    const ICMP_FILTER: libc::c_int = 1;
    let filter = types.iter().fold(u32::MAX, |filter, kind| {
        filter & !1u32.checked_shl(u32::from(*kind)).unwrap_or(0)
    });
    set(socket.as_raw_fd(), SOL_RAW, ICMP_FILTER, &[filter])
}

fn set<const N: usize>(
    socket: RawFd,
    level: libc::c_int,
    name: libc::c_int,
    value: &[u32; N],
) -> Result<(), Errno> {
    let (pointer, length) = (value.as_ptr(), size_of_val(value) as u32);
    // SAFETY: P1.
    let result = unsafe { libc::setsockopt(socket, level, name, pointer.cast(), length) };
    Errno::result(result).map(drop)
}
