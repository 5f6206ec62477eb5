//! ARP (RFC 826) and neighbour discovery (RFC 4861) as bytes: what is asked, what is announced, and what is read of those
//! who answer. Frames of others may be anything.

use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

/// The address of a network card.
pub type Hardware = [u8; 6];

/// ICMPv6 types (RFC 4861, section 4; RFC 4443, section 4).
pub const NEIGHBOUR_SOLICITATION: u8 = 135;
pub const NEIGHBOUR_ADVERTISEMENT: u8 = 136;

const EVERYBODY: Hardware = [0xff; 6];
const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const NEXT_HEADER_ICMPV6: u8 = 58;
/// Neighbour discovery from further away is forged (RFC 4861, section 7.1).
pub const HOP_LIMIT: u8 = 255;
/// The option with the sender's own hardware address, and with that of the target (RFC 4861, section 4.6.1).
const SOURCE_OPTION: u8 = 1;
const TARGET_OPTION: u8 = 2;
/// What is said overrides what was cached (RFC 4861, section 4.4).
const OVERRIDE: u8 = 0x20;

/// Which of the two forms an ARP message has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arp {
    Request = 1,
    Reply = 2,
}

/// Somebody says that an address is at a network card.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim<A> {
    pub address: A,
    /// Not said in every advertisement.
    pub hardware: Option<Hardware>,
}

/// Asks who has `wanted`. `from`: an address of ours there, so that everybody answers; without one it is a probe
/// (RFC 5227, section 2.1.1), which changes nobody's cache.
pub fn arp_question(hardware: Hardware, from: Option<Ipv4Addr>, wanted: Ipv4Addr) -> Vec<u8> {
    let from = from.unwrap_or(Ipv4Addr::UNSPECIFIED);
    arp(Arp::Request, hardware, from, [0; 6], wanted)
}

/// Tells everybody that `address` is at `hardware` (gratuitous ARP, RFC 5227 section 3).
pub fn arp_announcement(form: Arp, hardware: Hardware, address: Ipv4Addr) -> Vec<u8> {
    let target = match form {
        Arp::Request => [0; 6],
        // RFC 5944, section 4.6. Linux takes a reply for gratuitous only so; another one does not count within a
        // second of the last (`locktime`).
        Arp::Reply => hardware,
    };
    arp(form, hardware, address, target, address)
}

/// What an Ethernet frame with ARP says of its sender: `None` if it is nothing of that kind, or names no address.
pub fn read_arp(frame: &[u8]) -> Option<Claim<Ipv4Addr>> {
    let (head, arp) = frame.split_first_chunk::<14>()?;
    // Ethernet and IPv4, with addresses as long as theirs.
    let (kind, arp) = arp.split_first_chunk::<6>()?;
    if head[12..] != ETHERTYPE_ARP || *kind != [0, 1, 8, 0, 6, 4] {
        return None;
    }
    let (form, arp) = arp.split_first_chunk::<2>()?;
    if !matches!(u16::from_be_bytes(*form), 1 | 2) {
        return None;
    }
    let (hardware, arp) = arp.split_first_chunk::<6>()?;
    let (address, _) = arp.split_first_chunk::<4>()?;
    let address = Ipv4Addr::from(*address);
    (!address.is_unspecified()).then_some(Claim {
        address,
        hardware: Some(*hardware),
    })
}

/// Asks who has `wanted`. Without an address of ours it is a probe (RFC 4862, section 5.4.2): everybody is answered.
pub fn neighbour_question(hardware: Hardware, from: Option<Ipv6Addr>, wanted: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c] = wanted.octets();
    let group = Ipv6Addr::new(
        0xff02,
        0,
        0,
        0,
        0,
        1,
        0xff00 | u16::from(a),
        u16::from_be_bytes([b, c]),
    );
    let mut message = vec![NEIGHBOUR_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(&wanted.octets());
    if from.is_some() {
        message.extend_from_slice(&[SOURCE_OPTION, 1]);
        message.extend_from_slice(&hardware);
    }
    icmp6(
        hardware,
        from.unwrap_or(Ipv6Addr::UNSPECIFIED),
        group,
        message,
    )
}

/// Tells everybody that `address` is at `hardware` (unsolicited, RFC 4861 section 7.2.6).
pub fn neighbour_announcement(hardware: Hardware, address: Ipv6Addr) -> Vec<u8> {
    let mut message = vec![NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0];
    message.extend_from_slice(&address.octets());
    message.extend_from_slice(&[TARGET_OPTION, 1]);
    message.extend_from_slice(&hardware);
    icmp6(hardware, address, ALL_NODES, message)
}

/// What an ICMPv6 message says, if it is an advertisement. The kernel has looked at its checksum.
pub fn read_advertisement(message: &[u8]) -> Option<Claim<Ipv6Addr>> {
    let (head, message) = message.split_first_chunk::<8>()?;
    if head[..2] != [NEIGHBOUR_ADVERTISEMENT, 0] {
        return None;
    }
    let (address, mut options) = message.split_first_chunk::<16>()?;
    let mut hardware = None;
    while let [kind, length, ..] = *options {
        // In units of eight bytes; one without a length makes the whole message invalid (RFC 4861, section 4.6).
        let length = usize::from(length) * 8;
        let (option, rest) = options.split_at_checked(length)?;
        if option.is_empty() {
            return None;
        }
        if kind == TARGET_OPTION {
            hardware = Some(*option.get(2..)?.first_chunk::<6>()?);
        }
        options = rest;
    }
    Some(Claim {
        address: Ipv6Addr::from(*address),
        hardware,
    })
}

/// The Internet checksum (RFC 1071) over pieces, all but the last of even length.
pub fn checksum(pieces: &[&[u8]]) -> u16 {
    let mut sum: u32 = 0;
    for piece in pieces {
        for pair in piece.chunks(2) {
            sum += u32::from(u16::from_be_bytes([
                pair[0],
                pair.get(1).copied().unwrap_or(0),
            ]));
        }
        // Ones' complement: what is carried out comes in again. A piece has at most 64 KiB.
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

fn arp(
    form: Arp,
    hardware: Hardware,
    from: Ipv4Addr,
    target: Hardware,
    wanted: Ipv4Addr,
) -> Vec<u8> {
    let mut frame = ethernet(EVERYBODY, hardware, ETHERTYPE_ARP);
    frame.extend_from_slice(&[0, 1, 8, 0, 6, 4, 0, form as u8]);
    frame.extend_from_slice(&hardware);
    frame.extend_from_slice(&from.octets());
    frame.extend_from_slice(&target);
    frame.extend_from_slice(&wanted.octets());
    // The least that an Ethernet carries.
    frame.resize(60, 0);
    frame
}

/// To a group; its hardware address is made of its own (RFC 2464, section 7).
fn icmp6(hardware: Hardware, from: Ipv6Addr, group: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let sum = checksum(&[
        &from.octets(),
        &group.octets(),
        &[0, 0],
        &length.to_be_bytes(),
        &[0, 0, 0, NEXT_HEADER_ICMPV6],
        &message,
    ]);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let [.., a, b, c, d] = group.octets();
    let mut frame = ethernet([0x33, 0x33, a, b, c, d], hardware, ETHERTYPE_IPV6);
    frame.extend_from_slice(&[0x60, 0, 0, 0]);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&[NEXT_HEADER_ICMPV6, HOP_LIMIT]);
    frame.extend_from_slice(&from.octets());
    frame.extend_from_slice(&group.octets());
    frame.extend_from_slice(&message);
    frame
}

fn ethernet(to: Hardware, from: Hardware, ethertype: [u8; 2]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(96);
    frame.extend_from_slice(&to);
    frame.extend_from_slice(&from);
    frame.extend_from_slice(&ethertype);
    frame
}
