//! What each side says of itself first, and what follows from it.
//!
//! | bytes | what |
//! |---|---|
//! | 2, 2 | the oldest and the newest protocol it speaks |
//! | 4 | `major << 16 \| minor` of its release |
//! | 8 | its boot id |
//! | 1 | bit 0: it knows that the stream there was is no good any more |
//! | 1, … | length of its name, its name |
//! | 1, … | the same of the server that it has dialled; of length 0 from the one who was dialled |
//!
//! What a later release appends is passed over.

use std::fmt;

use crate::pair::advert::PROTOCOL;
use crate::pair::node::NodeId;

/// This release speaks its own protocol and the one before it, so that of two neighbours the newer can.
pub const PROTOCOLS: Protocols = Protocols {
    oldest: if PROTOCOL > 1 { PROTOCOL - 1 } else { 1 },
    newest: PROTOCOL,
};

const REPLACES: u8 = 1;

/// What somebody speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protocols {
    pub oldest: u16,
    pub newest: u16,
}

impl Protocols {
    /// The newest that both speak.
    pub fn common(self, other: Protocols) -> Option<u16> {
        let newest = self.newest.min(other.newest);
        (newest >= self.oldest.max(other.oldest)).then_some(newest)
    }
}

/// One side's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    pub protocols: Protocols,
    pub release: u32,
    pub boot: u64,
    /// It knows that the stream there was is no good any more.
    pub replaces: bool,
    pub name: String,
    /// Whom it has dialled: who is found at an address may be another one.
    pub wanted: Option<String>,
}

/// Why bytes are no hello.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreadable;

impl Hello {
    pub fn node(&self) -> NodeId {
        NodeId::of(&self.name)
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&self.protocols.oldest.to_be_bytes());
        bytes.extend_from_slice(&self.protocols.newest.to_be_bytes());
        bytes.extend_from_slice(&self.release.to_be_bytes());
        bytes.extend_from_slice(&self.boot.to_be_bytes());
        bytes.push(if self.replaces { REPLACES } else { 0 });
        for name in [
            self.name.as_str(),
            self.wanted.as_deref().unwrap_or_default(),
        ] {
            let name = &name.as_bytes()[..name.len().min(u8::MAX.into())];
            bytes.push(name.len() as u8);
            bytes.extend_from_slice(name);
        }
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Hello, Unreadable> {
        let (fixed, rest) = bytes.split_first_chunk::<17>().ok_or(Unreadable)?;
        let [o0, o1, n0, n1, r0, r1, r2, r3, boot @ .., flags] = *fixed;
        let (name, rest) = name(rest)?;
        let (wanted, _later) = self::name(rest)?;
        Ok(Hello {
            protocols: Protocols {
                oldest: u16::from_be_bytes([o0, o1]),
                newest: u16::from_be_bytes([n0, n1]),
            },
            release: u32::from_be_bytes([r0, r1, r2, r3]),
            boot: u64::from_be_bytes(boot),
            replaces: flags & REPLACES != 0,
            name,
            wanted: (!wanted.is_empty()).then_some(wanted),
        })
    }
}

fn name(bytes: &[u8]) -> Result<(String, &[u8]), Unreadable> {
    let (length, rest) = bytes.split_first().ok_or(Unreadable)?;
    let (name, rest) = rest.split_at_checked((*length).into()).ok_or(Unreadable)?;
    let name = str::from_utf8(name).map_err(|_| Unreadable)?;
    Ok((name.to_owned(), rest))
}

/// Why two servers do not talk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// No protocol that both speak.
    Protocol {
        name: String,
        release: u32,
        theirs: Protocols,
        ours: Protocols,
    },
    /// It is not one of the domain, by this server's file.
    Stranger(String),
    /// It calls itself as this server does.
    Namesake(String),
    /// Somebody else is at the address of the one who was dialled.
    Other { wanted: String, name: String },
    /// This server is at the address of another one that was dialled.
    Elsewhere {
        name: String,
        wanted: String,
        here: String,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Protocol {
                name,
                release,
                theirs,
                ours,
            } => {
                let (major, minor) = (release >> 16, release & 0xffff);
                let older = theirs.newest < ours.oldest;
                let older = if older { name.as_str() } else { "this server" };
                write!(
                    f,
                    "{name} (release {major}.{minor}) speaks protocol {} of the links, this server {}: \
                     upgrade {older}, one release line after the other",
                    theirs.newest, ours.newest
                )
            }
            Refused::Stranger(name) => {
                write!(
                    f,
                    "{name} is not among the servers of this server's domain file"
                )
            }
            Refused::Namesake(name) => {
                write!(
                    f,
                    "another server calls itself {name}: each needs its own --node"
                )
            }
            Refused::Other { wanted, name } => {
                write!(f, "{name} answers at an address of {wanted}")
            }
            Refused::Elsewhere { name, wanted, here } => {
                write!(f, "{name} has dialled {wanted} and found {here}")
            }
        }
    }
}

/// What follows from the other side's hello: the protocol to speak, or why not. `wanted`: who was dialled.
pub fn meet(
    ours: &Hello,
    theirs: &Hello,
    wanted: Option<&str>,
    is_member: bool,
) -> Result<u16, Refused> {
    let name = theirs.name.clone();
    if theirs.name == ours.name {
        return Err(Refused::Namesake(name));
    }
    if let Some(wanted) = wanted.filter(|wanted| *wanted != theirs.name) {
        let wanted = wanted.to_owned();
        return Err(Refused::Other { wanted, name });
    }
    if let Some(wanted) = theirs
        .wanted
        .as_ref()
        .filter(|wanted| **wanted != ours.name)
    {
        let (wanted, here) = (wanted.clone(), ours.name.clone());
        return Err(Refused::Elsewhere { name, wanted, here });
    }
    if !is_member {
        return Err(Refused::Stranger(name));
    }
    let common = ours.protocols.common(theirs.protocols);
    common.ok_or(Refused::Protocol {
        name,
        release: theirs.release,
        theirs: theirs.protocols,
        ours: ours.protocols,
    })
}
