//! Echo requests (RFC 792, RFC 4443) and what answers to them.

use crate::warden::segment::frame::checksum;

pub const ECHO_REPLY: u8 = 0;
pub const ECHO_REPLY_6: u8 = 129;

const ECHO_REQUEST: u8 = 8;
const ECHO_REQUEST_6: u8 = 128;
/// Some equipment drops an echo without a load.
const LOAD: [u8; 24] = *b"halb: is the network up?";

/// To an IPv4 address. `mark` tells ours from those of other programs.
pub fn request(mark: u16, number: u16) -> Vec<u8> {
    let mut message = message(ECHO_REQUEST, mark, number);
    let sum = checksum(&[&message]);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

/// To an IPv6 address; the kernel puts the checksum in (RFC 3542, section 3.1).
pub fn request6(mark: u16, number: u16) -> Vec<u8> {
    message(ECHO_REQUEST_6, mark, number)
}

/// Whether an IPv4 packet, as a raw socket gives it, answers a request with that mark.
pub fn answers(mark: u16, packet: &[u8]) -> bool {
    let Some(first) = packet.first() else {
        return false;
    };
    let head = usize::from(first & 0x0f) * 4;
    packet
        .get(head.max(20)..)
        .is_some_and(|message| is(ECHO_REPLY, mark, message))
}

/// Whether an ICMPv6 message does.
pub fn answers6(mark: u16, message: &[u8]) -> bool {
    is(ECHO_REPLY_6, mark, message)
}

fn is(kind: u8, mark: u16, message: &[u8]) -> bool {
    message.first_chunk::<8>().is_some_and(|head| {
        head[..2] == [kind, 0] && u16::from_be_bytes([head[4], head[5]]) == mark
    })
}

fn message(kind: u8, mark: u16, number: u16) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0];
    message.extend_from_slice(&mark.to_be_bytes());
    message.extend_from_slice(&number.to_be_bytes());
    message.extend_from_slice(&LOAD);
    message
}
