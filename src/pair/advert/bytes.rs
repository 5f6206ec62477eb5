//! An advert as it travels: every word has its place, so that all adverts are of one size.

use crate::pair::advert::Advert;
use crate::pair::advert::FileVersion;
use crate::pair::advert::Heed;
use crate::pair::advert::Wish;
use crate::pair::node::NodeId;
use crate::pair::state::Conditions;
use crate::pair::state::State;
use crate::pair::term::Term;

/// Words of 64 bits, little end first.
const WORDS: usize = 16;
/// The size of an advert.
pub const BYTES: usize = WORDS * 8;

impl Advert {
    pub fn encode(&self) -> [u8; BYTES] {
        let versions = u64::from(self.protocol) << 32 | u64::from(self.release);
        let (vote_term, vote_for) = self.vote.unzip();
        let heeds = self.heeds.unwrap_or(Heed {
            node: NodeId::from_bits(0),
            boot: 0,
            stamp: 0,
        });
        let bits = |node: Option<NodeId>| node.map_or(0, NodeId::bits);
        let words: [u64; WORDS] = [
            self.from.bits(),
            self.boot,
            versions,
            self.flags(),
            self.term.number,
            self.released.map_or(0, |term| term.number),
            bits(self.handing),
            vote_term.map_or(0, |term| term.number),
            bits(vote_for),
            self.stamp,
            heeds.node.bits(),
            heeds.boot,
            heeds.stamp,
            self.file.term,
            self.file.generation,
            self.file.hash,
        ];
        let mut bytes = [0; BYTES];
        for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// `None`: these bytes are no advert.
    pub fn decode(bytes: &[u8]) -> Option<Advert> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            let little = bytes.iter().rev();
            *word = little.fold(0, |all, byte| all << 8 | u64::from(*byte));
        }
        let flags = words[3];
        let is = |flag: u32| flags & 1 << flag != 0;
        let term = |number, main| Term { number, main };
        let node = NodeId::from_bits;
        Some(Advert {
            from: node(words[0]),
            boot: words[1],
            protocol: u16::try_from(words[2] >> 32).ok()?,
            release: words[2] as u32,
            term: term(words[4], is(TERM_MAIN)),
            state: STATES[(flags & 0b11) as usize],
            conditions: Conditions {
                isolated: is(ISOLATED),
                blind: is(BLIND),
                failing: is(FAILING),
                claiming: is(CLAIMING),
            },
            holds: is(HOLDS),
            released: is(RELEASED).then(|| term(words[5], is(RELEASED_MAIN))),
            reaches_ping: is(REACHES_PING),
            able: is(ABLE),
            ready: is(READY),
            starting: is(STARTING),
            wish: *WISHES.get((flags >> 2 & 0b11) as usize)?,
            handing: is(HANDING).then(|| node(words[6])),
            vote: is(VOTE).then(|| (term(words[7], is(VOTE_MAIN)), node(words[8]))),
            stamp: words[9],
            heeds: is(HEEDS).then(|| Heed {
                node: node(words[10]),
                boot: words[11],
                stamp: words[12],
            }),
            file: FileVersion {
                term: words[13],
                generation: words[14],
                hash: words[15],
            },
        })
    }

    fn flags(&self) -> u64 {
        let Conditions {
            isolated,
            blind,
            failing,
            claiming,
        } = self.conditions;
        let main = |term: Option<Term>| term.is_some_and(|term| term.main);
        let state = STATES.iter().position(|state| *state == self.state);
        let wish = WISHES.iter().position(|wish| *wish == self.wish);
        let kinds = state.unwrap_or(0) | wish.unwrap_or(0) << 2;
        let flags = [
            (TERM_MAIN, self.term.main),
            (ISOLATED, isolated),
            (BLIND, blind),
            (FAILING, failing),
            (CLAIMING, claiming),
            (HOLDS, self.holds),
            (RELEASED, self.released.is_some()),
            (RELEASED_MAIN, main(self.released)),
            (REACHES_PING, self.reaches_ping),
            (ABLE, self.able),
            (READY, self.ready),
            (STARTING, self.starting),
            (HANDING, self.handing.is_some()),
            (VOTE, self.vote.is_some()),
            (VOTE_MAIN, main(self.vote.map(|(term, _)| term))),
            (HEEDS, self.heeds.is_some()),
        ];
        let set = flags.iter().filter(|(_, is)| *is);
        set.fold(kinds as u64, |all, (flag, _)| all | 1 << flag)
    }
}

const STATES: [State; 4] = [
    State::Maintenance,
    State::Active,
    State::Standby,
    State::Inactive,
];
const WISHES: [Wish; 3] = [Wish::None, Wish::Switch, Wish::SwitchWithoutCut];

// Behind two bits for the state and two for the wish.
const TERM_MAIN: u32 = 4;
const ISOLATED: u32 = 5;
const BLIND: u32 = 6;
const FAILING: u32 = 7;
const CLAIMING: u32 = 8;
const HOLDS: u32 = 9;
const RELEASED: u32 = 10;
const RELEASED_MAIN: u32 = 11;
const REACHES_PING: u32 = 12;
const ABLE: u32 = 13;
const READY: u32 = 14;
const STARTING: u32 = 15;
const HANDING: u32 = 16;
const VOTE: u32 = 17;
const VOTE_MAIN: u32 = 18;
const HEEDS: u32 = 19;
