//! What the warden is told and what it says: one datagram each over a pair of connected sockets (`SOCK_SEQPACKET`), so
//! that the end of either process is seen by the other at once.
//!
//! Both ends are the same binary, so the bytes carry no version. Whatever else comes is no message ([`Told::decode`] and
//! [`Said::decode`] say `None`), never a panic.

use std::net::IpAddr;

use crate::model::plan::Network;
use crate::model::time::Instant;
use crate::pair::event::Reply;
use crate::warden::wire::bytes::Reader;
use crate::warden::wire::bytes::Writer;

mod bytes;
#[cfg(test)]
mod tests;

/// No message is longer.
pub const MESSAGE_MAX: usize = 16 * 1024;
/// More addresses of one kind than this are not carried: a count is one byte.
pub const LIST_MAX: usize = 255;
/// A sentence for the log is cut behind so many bytes.
const SENTENCE_MAX: usize = 1000;

/// To the warden.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// What it is for; first of all, and again when the domain file says otherwise, and to each new warden
    /// ([`Said::Started`]).
    Setup(Setup),
    /// Every 20 ms, and at once when it is another one: whether it shall hold the addresses, and when this was said
    /// (`CLOCK_MONOTONIC`). What was said more than 150 ms ago holds nothing.
    Beat { hold: bool, at: Instant },
    /// Ask the service network who has the addresses.
    Ask { number: u32 },
    /// Tell the network again who has them.
    Announce,
}

/// What the warden is for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Setup {
    pub interface: String,
    pub addresses: Vec<Network>,
    pub ping_addresses: Vec<IpAddr>,
    pub lease_s: u64,
}

/// By the warden.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// A warden is there and wants to be set up. When it is not the first one, the one before it has died; what that
    /// one held goes with its lease, or when this one is set up.
    Started {
        process: u32,
    },
    /// The addresses are there, or gone. Said when it changes, and again with each renewal, several times a second: while
    /// it is to hold addresses, a warden that is silent for longer is stuck. After `Holds(false)` it takes a beat that says
    /// no and then one that says yes before it adds them anew.
    Holds(bool),
    Answered {
        number: u32,
        reply: Reply,
    },
    /// A ping address has answered.
    Reached,
    /// Whether the interface has a carrier.
    Carrier(bool),
    /// Something for the log, such as an address that the kernel refused; a sentence.
    Trouble(String),
}

impl Told {
    /// Writes the message into `to`, over what was there.
    pub fn encode(&self, to: &mut Vec<u8>) {
        let mut writer = Writer::new(to);
        match self {
            Told::Setup(setup) => {
                writer.byte(1);
                writer.text(&setup.interface, SENTENCE_MAX);
                writer.long(setup.lease_s);
                let addresses = &setup.addresses[..setup.addresses.len().min(LIST_MAX)];
                writer.list(addresses, |writer, network| {
                    writer.address(network.address);
                    writer.byte(network.prefix_length);
                });
                let pings = &setup.ping_addresses[..setup.ping_addresses.len().min(LIST_MAX)];
                writer.list(pings, |writer, address| writer.address(*address));
            }
            Told::Beat { hold, at } => {
                writer.byte(2);
                writer.byte(u8::from(*hold));
                writer.long(at.as_nanos());
            }
            Told::Ask { number } => {
                writer.byte(3);
                writer.long(u64::from(*number));
            }
            Told::Announce => writer.byte(4),
        }
    }

    pub fn decode(bytes: &[u8]) -> Option<Told> {
        let mut reader = Reader::new(bytes);
        let told = match reader.byte()? {
            1 => Told::Setup(Setup {
                interface: reader.text(SENTENCE_MAX)?,
                lease_s: reader.long()?,
                addresses: reader.list(|reader| {
                    Some(Network {
                        address: reader.address()?,
                        prefix_length: reader.byte()?,
                    })
                })?,
                ping_addresses: reader.list(Reader::address)?,
            }),
            2 => Told::Beat {
                hold: reader.flag()?,
                at: Instant::from_nanos(reader.long()?),
            },
            3 => Told::Ask {
                number: reader.number()?,
            },
            4 => Told::Announce,
            _ => return None,
        };
        reader.ended().then_some(told)
    }
}

impl Said {
    /// Writes the message into `to`, over what was there.
    pub fn encode(&self, to: &mut Vec<u8>) {
        let mut writer = Writer::new(to);
        match self {
            Said::Started { process } => {
                writer.byte(1);
                writer.long(u64::from(*process));
            }
            Said::Holds(holds) => {
                writer.byte(2);
                writer.byte(u8::from(*holds));
            }
            Said::Answered { number, reply } => {
                writer.byte(3);
                writer.long(u64::from(*number));
                writer.byte(match reply {
                    Reply::Silence => 0,
                    Reply::Somebody => 1,
                    Reply::Unable => 2,
                });
            }
            Said::Reached => writer.byte(4),
            Said::Carrier(carrier) => {
                writer.byte(5);
                writer.byte(u8::from(*carrier));
            }
            Said::Trouble(sentence) => {
                writer.byte(6);
                writer.text(sentence, SENTENCE_MAX);
            }
        }
    }

    pub fn decode(bytes: &[u8]) -> Option<Said> {
        let mut reader = Reader::new(bytes);
        let said = match reader.byte()? {
            1 => Said::Started {
                process: reader.number()?,
            },
            2 => Said::Holds(reader.flag()?),
            3 => Said::Answered {
                number: reader.number()?,
                reply: match reader.byte()? {
                    0 => Reply::Silence,
                    1 => Reply::Somebody,
                    2 => Reply::Unable,
                    _ => return None,
                },
            },
            4 => Said::Reached,
            5 => Said::Carrier(reader.flag()?),
            6 => Said::Trouble(reader.text(SENTENCE_MAX)?),
            _ => return None,
        };
        reader.ended().then_some(said)
    }
}
