//! An advert as it travels: always the same number of bytes, big-endian, the protocol first.
//!
//! Whatever a later protocol adds comes behind these bytes, which keep their meaning. So a server knows of a neighbour,
//! and even of a stranger, who it is, whether it serves and by which term.
//!
//! | from | bytes | |
//! |---|---|---|
//! | 0 | 2 | protocol |
//! | 2 | 1 | state: 0 maintenance, 1 active, 2 standby, 3 inactive |
//! | 3 | 1 | wish: 0 none, 1 switch, 2 switch without cut |
//! | 4 | 2 | flags, see [`flag`] |
//! | 6 | 2 | 0 |
//! | 8 | 8 each | from, boot, release, term, stamp |
//! | 48 | 24 | file: term, generation, hash |
//! | 72 | 8 each | released, handing, vote's term and node, heeded node, boot and stamp; 0 where the flag is not set |

use crate::pair::advert::Advert;
use crate::pair::advert::FileVersion;
use crate::pair::advert::Heed;
use crate::pair::advert::PROTOCOL;
use crate::pair::advert::Wish;
use crate::pair::node::NodeId;
use crate::pair::state::Conditions;
use crate::pair::state::State;
use crate::pair::term::Term;

/// So long is an advert of this protocol.
pub const ADVERT_BYTES: usize = 128;

/// Why bytes are no advert.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// Fewer bytes than every advert has, or more than one of its protocol.
    Length { bytes: usize },
    /// No protocol has this number.
    Protocol,
    /// Something that is not 0 where the protocol wants 0, or a word that it does not have.
    Field { at: usize },
}

impl std::error::Error for Malformed {}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Malformed::Length { bytes } => {
                write!(f, "an advert has {ADVERT_BYTES} bytes, not {bytes}")
            }
            Malformed::Protocol => write!(f, "0 is no protocol"),
            Malformed::Field { at } => write!(f, "byte {at} of the advert has no meaning"),
        }
    }
}

/// Which bit says what.
mod flag {
    pub const ISOLATED: u16 = 1;
    pub const BLIND: u16 = 1 << 1;
    pub const FAILING: u16 = 1 << 2;
    pub const CLAIMING: u16 = 1 << 3;
    pub const HOLDS: u16 = 1 << 4;
    pub const REACHES_PING: u16 = 1 << 5;
    pub const ABLE: u16 = 1 << 6;
    pub const READY: u16 = 1 << 7;
    pub const STARTING: u16 = 1 << 8;
    pub const RELEASED: u16 = 1 << 9;
    pub const HANDING: u16 = 1 << 10;
    pub const VOTE: u16 = 1 << 11;
    pub const HEEDS: u16 = 1 << 12;
    pub const KNOWN: u16 = (1 << 13) - 1;
}

const WORDS_AT: usize = 8;
const WORDS: usize = (ADVERT_BYTES - WORDS_AT) / 8;

impl Advert {
    /// The bytes that travel.
    pub fn encode(&self) -> [u8; ADVERT_BYTES] {
        let mut bytes = [0; ADVERT_BYTES];
        bytes[0..2].copy_from_slice(&self.protocol.to_be_bytes());
        bytes[2] = state_to_byte(self.state);
        bytes[3] = wish_to_byte(self.wish);
        bytes[4..6].copy_from_slice(&self.flags().to_be_bytes());
        for (place, word) in bytes[WORDS_AT..].chunks_exact_mut(8).zip(self.words()) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// What the bytes say. Of a later protocol that is what this one knows.
    pub fn decode(bytes: &[u8]) -> Result<Advert, Malformed> {
        let length = Malformed::Length { bytes: bytes.len() };
        let (known, more) = bytes.split_first_chunk::<ADVERT_BYTES>().ok_or(length)?;
        let protocol = u16::from_be_bytes([known[0], known[1]]);
        let flags = u16::from_be_bytes([known[4], known[5]]);
        if protocol == 0 {
            return Err(Malformed::Protocol);
        }
        let is_later = protocol > PROTOCOL;
        if !more.is_empty() && !is_later {
            return Err(length);
        }
        let is_spare = flags & !flag::KNOWN == 0 && known[6] == 0 && known[7] == 0;
        if !is_spare && !is_later {
            return Err(Malformed::Field { at: 4 });
        }
        let mut words = [0; WORDS];
        for (word, place) in words.iter_mut().zip(known[WORDS_AT..].chunks_exact(8)) {
            *word = place
                .iter()
                .fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        let state = state_from_byte(known[2]).ok_or(Malformed::Field { at: 2 })?;
        let wish = wish_from_byte(known[3]).ok_or(Malformed::Field { at: 3 })?;
        let advert =
            from_words(protocol, state, wish, flags, &words).ok_or(Malformed::Field { at: 24 })?;
        if advert.words() != words {
            return Err(Malformed::Field { at: 72 });
        }
        Ok(advert)
    }

    fn flags(&self) -> u16 {
        let conditions = self.conditions;
        [
            (conditions.isolated, flag::ISOLATED),
            (conditions.blind, flag::BLIND),
            (conditions.failing, flag::FAILING),
            (conditions.claiming, flag::CLAIMING),
            (self.holds, flag::HOLDS),
            (self.reaches_ping, flag::REACHES_PING),
            (self.able, flag::ABLE),
            (self.ready, flag::READY),
            (self.starting, flag::STARTING),
            (self.released.is_some(), flag::RELEASED),
            (self.handing.is_some(), flag::HANDING),
            (self.vote.is_some(), flag::VOTE),
            (self.heeds.is_some(), flag::HEEDS),
        ]
        .into_iter()
        .fold(
            0,
            |flags, (is_set, bit)| if is_set { flags | bit } else { flags },
        )
    }

    fn words(&self) -> [u64; WORDS] {
        let vote = self
            .vote
            .map_or([0; 2], |(term, node)| [term.bits(), node.bits()]);
        let heeds = self
            .heeds
            .map_or([0; 3], |heed| [heed.node.bits(), heed.boot, heed.stamp]);
        [
            self.from.bits(),
            self.boot,
            u64::from(self.release),
            self.term.bits(),
            self.stamp,
            self.file.term,
            self.file.generation,
            self.file.hash,
            self.released.map_or(0, Term::bits),
            self.handing.map_or(0, NodeId::bits),
            vote[0],
            vote[1],
            heeds[0],
            heeds[1],
            heeds[2],
        ]
    }
}

fn from_words(
    protocol: u16,
    state: State,
    wish: Wish,
    flags: u16,
    words: &[u64; WORDS],
) -> Option<Advert> {
    let [
        from,
        boot,
        release,
        term,
        stamp,
        file_term,
        generation,
        hash,
        rest @ ..,
    ] = *words;
    let [
        released,
        handing,
        vote_term,
        vote_node,
        heed_node,
        heed_boot,
        heed_stamp,
    ] = rest;
    let has = |bit: u16| flags & bit != 0;
    Some(Advert {
        from: NodeId::from_bits(from),
        boot,
        protocol,
        release: u32::try_from(release).ok()?,
        term: Term::from_bits(term),
        state,
        conditions: Conditions {
            isolated: has(flag::ISOLATED),
            blind: has(flag::BLIND),
            failing: has(flag::FAILING),
            claiming: has(flag::CLAIMING),
        },
        holds: has(flag::HOLDS),
        released: has(flag::RELEASED).then_some(Term::from_bits(released)),
        reaches_ping: has(flag::REACHES_PING),
        able: has(flag::ABLE),
        ready: has(flag::READY),
        starting: has(flag::STARTING),
        wish,
        handing: has(flag::HANDING).then_some(NodeId::from_bits(handing)),
        vote: has(flag::VOTE).then_some((Term::from_bits(vote_term), NodeId::from_bits(vote_node))),
        stamp,
        heeds: has(flag::HEEDS).then_some(Heed {
            node: NodeId::from_bits(heed_node),
            boot: heed_boot,
            stamp: heed_stamp,
        }),
        file: FileVersion {
            term: file_term,
            generation,
            hash,
        },
    })
}

const fn state_to_byte(state: State) -> u8 {
    match state {
        State::Maintenance => 0,
        State::Active => 1,
        State::Standby => 2,
        State::Inactive => 3,
    }
}

fn state_from_byte(byte: u8) -> Option<State> {
    let states = [
        State::Maintenance,
        State::Active,
        State::Standby,
        State::Inactive,
    ];
    states
        .into_iter()
        .find(|state| state_to_byte(*state) == byte)
}

const fn wish_to_byte(wish: Wish) -> u8 {
    match wish {
        Wish::None => 0,
        Wish::Switch => 1,
        Wish::SwitchWithoutCut => 2,
    }
}

fn wish_from_byte(byte: u8) -> Option<Wish> {
    let wishes = [Wish::None, Wish::Switch, Wish::SwitchWithoutCut];
    wishes.into_iter().find(|wish| wish_to_byte(*wish) == byte)
}
