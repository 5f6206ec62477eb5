//! What the warden asks of the kernel by rtnetlink(7): how the interface is, which addresses there are, and to add, renew
//! and remove those of HALB. The kernel answers while it is asked, so nothing waits here.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;

use netlink_packet_core::NLM_F_ACK;
use netlink_packet_core::NLM_F_CREATE;
use netlink_packet_core::NLM_F_DUMP;
use netlink_packet_core::NLM_F_REPLACE;
use netlink_packet_core::NLM_F_REQUEST;
use netlink_packet_core::NetlinkHeader;
use netlink_packet_core::NetlinkMessage;
use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::AddressAttribute;
use netlink_packet_route::address::AddressFlags;
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::address::AddressProtocol;
use netlink_packet_route::address::CacheInfo;
use netlink_packet_route::link::LinkAttribute;
use netlink_packet_route::link::LinkFlags;
use netlink_packet_route::link::LinkLayerType;
use netlink_packet_route::link::LinkMessage;
use netlink_sys::Socket;
use netlink_sys::SocketAddr;
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::errno::Errno;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::recv;

/// Who has made an address (`IFA_PROTO`, Linux 5.18): HALB. The kernel itself uses 1 to 3; the rest is free.
pub const MADE_BY_HALB: AddressProtocol = AddressProtocol::Other(0x48);
/// Events about interfaces (rtnetlink(7)).
const RTNLGRP_LINK: u32 = 1;
/// The kernel puts at most 32 KiB into one datagram of an answer (`NLMSG_GOODSIZE` grown by what was received before).
const ANSWER_BYTES: usize = 64 * 1024;

/// How an interface is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    pub index: u32,
    pub carrier: bool,
    /// Of an Ethernet; others have no neighbours that could be asked.
    pub hardware: Option<[u8; 6]>,
}

/// An address that is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Present {
    pub interface: u32,
    pub address: IpAddr,
    pub prefix_length: u8,
    pub made_by_halb: bool,
}

/// The way to the kernel.
pub struct Kernel {
    socket: Socket,
    sequence: u32,
    bytes: Vec<u8>,
}

impl Kernel {
    pub fn open() -> io::Result<Kernel> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Kernel {
            socket,
            sequence: 0,
            bytes: vec![0; ANSWER_BYTES],
        })
    }

    /// One whose answers do not arrive.
    #[cfg(test)]
    pub fn unanswered() -> io::Result<Kernel> {
        let bytes = Vec::new();
        Ok(Kernel {
            bytes,
            ..Kernel::open()?
        })
    }

    /// The interface with that name; `None`: there is none.
    pub fn link(&mut self, name: &str) -> io::Result<Option<Link>> {
        let mut question = LinkMessage::default();
        question
            .attributes
            .push(LinkAttribute::IfName(name.to_owned()));
        let answer = self.ask(RouteNetlinkMessage::GetLink(question), 0);
        match answer {
            Ok(answer) => Ok(answer.iter().find_map(|message| match message {
                RouteNetlinkMessage::NewLink(link) => Some(read_link(link)),
                _ => None,
            })),
            // ERANGE, EINVAL: no interface can be called so.
            Err(error) => match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
                Errno::ENODEV | Errno::ERANGE | Errno::EINVAL => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// All addresses of the machine.
    pub fn addresses(&mut self) -> io::Result<Vec<Present>> {
        let question = AddressMessage::default();
        let answer = self.ask(RouteNetlinkMessage::GetAddress(question), NLM_F_DUMP)?;
        Ok(answer
            .iter()
            .filter_map(|message| match message {
                RouteNetlinkMessage::NewAddress(address) => read_address(address),
                _ => None,
            })
            .collect())
    }

    /// Adds an address, or gives the one that is there another lease.
    pub fn hold(&mut self, interface: u32, address: IpAddr, lease_s: u32) -> io::Result<()> {
        let mut message = message(interface, address);
        // Preferred never: an IPv6 address that is, becomes the source of outgoing connections (RFC 6724, rule 3).
        let mut lifetime = CacheInfo::default();
        lifetime.ifa_preferred = 0;
        lifetime.ifa_valid = lease_s;
        message
            .attributes
            .push(AddressAttribute::CacheInfo(lifetime));
        message
            .attributes
            .push(AddressAttribute::Protocol(MADE_BY_HALB));
        if address.is_ipv6() {
            // The question was asked before; the kernel's own detection (RFC 4862) would take a second.
            message
                .attributes
                .push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
        self.ask(RouteNetlinkMessage::NewAddress(message), flags)
            .map(drop)
    }

    /// Removes an address; one that is not there is as good.
    pub fn let_go(&mut self, interface: u32, address: IpAddr) -> io::Result<()> {
        let message = message(interface, address);
        match self.ask(RouteNetlinkMessage::DelAddress(message), NLM_F_ACK) {
            Err(error) => match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
                // ENODEV: with the interface its addresses have gone.
                Errno::EADDRNOTAVAIL | Errno::ENODEV => Ok(()),
                _ => Err(error),
            },
            Ok(_) => Ok(()),
        }
    }

    fn ask(
        &mut self,
        question: RouteNetlinkMessage,
        flags: u16,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(question));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut answer = Vec::new();
        let whole = flags & (NLM_F_ACK | NLM_F_DUMP) != 0;
        while !self.receive(&mut answer)? {
            if !whole && !answer.is_empty() {
                break;
            }
        }
        Ok(answer)
    }

    /// Takes one datagram of the answer; whether it was the last.
    fn receive(&mut self, answer: &mut Vec<RouteNetlinkMessage>) -> io::Result<bool> {
        let socket = self.socket.as_raw_fd();
        let count = recv(socket, &mut self.bytes, MsgFlags::MSG_DONTWAIT)?;
        let mut rest = &self.bytes[..count];
        while !rest.is_empty() {
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let length = usize::try_from(message.header.length).unwrap_or(usize::MAX);
            // Each begins at a multiple of four (netlink(7)).
            rest = rest
                .get(length.max(1).next_multiple_of(4)..)
                .unwrap_or_default();
            if message.header.sequence_number != self.sequence {
                continue;
            }
            match message.payload {
                NetlinkPayload::Done(_) => return Ok(true),
                NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
                NetlinkPayload::Error(_) => return Ok(true),
                NetlinkPayload::InnerMessage(message) => answer.push(message),
                _ => {}
            }
        }
        Ok(false)
    }
}

/// Says when anything about interfaces has changed.
pub struct Watch {
    socket: Socket,
}

impl Watch {
    pub fn open() -> io::Result<Watch> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.add_membership(RTNLGRP_LINK)?;
        Ok(Watch { socket })
    }

    /// Whether something has; what it was has to be asked for.
    pub fn changed(&self) -> bool {
        let mut bytes = [0; 1024];
        let mut changed = false;
        loop {
            match recv(self.socket.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
                Ok(_) => changed = true,
                // More than there is room for: something has.
                Err(Errno::ENOBUFS) => changed = true,
                Err(Errno::EINTR) => {}
                Err(_) => return changed,
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Always the address alone: when one with its network's prefix expires, the kernel takes along the ones of the host in
/// the same network.
fn message(interface: u32, address: IpAddr) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = interface;
    (message.header.family, message.header.prefix_len) = match address {
        IpAddr::V4(_) => (AddressFamily::Inet, 32),
        IpAddr::V6(_) => (AddressFamily::Inet6, 128),
    };
    message.attributes = vec![
        AddressAttribute::Local(address),
        AddressAttribute::Address(address),
    ];
    message
}

fn read_link(link: &LinkMessage) -> Link {
    let wanted = LinkFlags::Up | LinkFlags::Running | LinkFlags::LowerUp;
    let ethernet = link.header.link_layer_type == LinkLayerType::Ether
        && !link.header.flags.contains(LinkFlags::Noarp);
    let hardware = link
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::Address(bytes) => bytes.as_slice().try_into().ok(),
            _ => None,
        });
    Link {
        index: link.header.index,
        carrier: link.header.flags.contains(wanted),
        hardware: hardware.filter(|_| ethernet),
    }
}

fn read_address(message: &AddressMessage) -> Option<Present> {
    let (mut local, mut address, mut made_by_halb) = (None, None, false);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(found) => local = Some(*found),
            AddressAttribute::Address(found) => address = Some(*found),
            AddressAttribute::Protocol(maker) => made_by_halb = *maker == MADE_BY_HALB,
            _ => {}
        }
    }
    Some(Present {
        interface: message.header.index,
        // Of a tunnel the other one is the far end.
        address: local.or(address)?,
        prefix_length: message.header.prefix_len,
        made_by_halb,
    })
}
