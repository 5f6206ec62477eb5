//! Mode `source`: the client's address chooses the output, by weighted rendezvous hashing.
//!
//! Every output runs an exponential race whose speed is its weight; the first at the goal has the client.
//! What an output draws depends on the address and on its own number alone: when it goes, only its clients move,
//! and when it returns they return. Nothing here is secret or drawn at start, so that both servers of a pair and
//! a restarted one agree. All of it is integer arithmetic, so that they also agree about the last bit.

use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher24;

use crate::balance::set::Set;
use crate::balance::sharing::mixed;
use crate::model::output::OutputId;

/// Steps from one output's draw to the next: the golden ratio, as in SplitMix64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
/// Binary digits of a logarithm behind its point.
const FRACTION_BITS: u32 = 32;
const ROW_BITS: u32 = 8;
const ROWS: usize = 1 << ROW_BITS;
static LOGARITHMS: [u64; ROWS + 1] = logarithms();

/// A client as mode `source` knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Source(u64);

impl Source {
    /// An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn of(client: IpAddr) -> Source {
        let mut hasher = SipHasher24::new();
        match client.to_canonical() {
            IpAddr::V4(address) => hasher.write(&address.octets()),
            IpAddr::V6(address) => hasher.write(&address.octets()),
        }
        Source(hasher.finish())
    }

    /// Its output among `candidates`; `outputs` are identity and weight of all that the set may name.
    pub fn choose(self, candidates: Set, outputs: &[(OutputId, u32)]) -> Option<usize> {
        let mut runners = candidates
            .iter()
            .filter_map(|index| outputs.get(index).map(|(id, weight)| (index, *id, *weight)))
            .filter(|(_, _, weight)| *weight > 0);
        let (mut best, id, weight) = runners.next()?;
        let mut leader = self.runner(id, weight);
        for (index, id, weight) in runners {
            let other = self.runner(id, weight);
            if other.beats(leader) {
                (best, leader) = (index, other);
            }
        }
        Some(best)
    }

    fn runner(self, id: OutputId, weight: u32) -> Runner {
        let step = STEP.wrapping_mul(id.number() as u64);
        Runner {
            draw: mixed(self.0.wrapping_add(step)),
            weight,
        }
    }
}

#[derive(Clone, Copy)]
struct Runner {
    draw: u64,
    weight: u32,
}

impl Runner {
    /// Whether it is at the goal earlier: its time is −log(draw) / weight. Of equal weights the higher draw is
    /// earlier, without a logarithm; draws that are told apart by no digit of it keep that order, too.
    fn beats(self, other: Runner) -> bool {
        if self.weight == other.weight {
            return self.draw > other.draw;
        }
        let own = u128::from(way(self.draw)) * u128::from(other.weight);
        let others = u128::from(way(other.draw)) * u128::from(self.weight);
        own < others || (own == others && self.draw > other.draw)
    }
}

/// 64 − log₂ of a number, in units of 2⁻³²: from a table, and straight lines between its rows. That is 3
/// millionths off at most, the same way for all outputs; and a higher draw never has a longer way.
fn way(draw: u64) -> u64 {
    let draw = draw.max(1);
    let zeros = draw.leading_zeros();
    let mantissa = draw << zeros;
    let row = (mantissa >> (63 - ROW_BITS)) as usize & (ROWS - 1);
    let between = mantissa >> (63 - ROW_BITS - 32) & u64::from(u32::MAX);
    let (low, high) = (LOGARITHMS[row], LOGARITHMS[row + 1]);
    let digits = low + (((high - low) * between) >> 32);
    (64 << FRACTION_BITS) - (u64::from(63 - zeros) << FRACTION_BITS) - digits
}

/// log₂ of 1, 1 + 1/256 … 2.
const fn logarithms() -> [u64; ROWS + 1] {
    let mut table = [1 << FRACTION_BITS; ROWS + 1];
    let mut row = 0;
    while row < ROWS {
        table[row] = logarithm((1 << 63) + ((row as u64) << (63 - ROW_BITS)));
        row += 1;
    }
    table
}

/// log₂ of a number whose 63 lower bits stand behind its point, a binary digit for each squaring.
const fn logarithm(number: u64) -> u64 {
    let (mut number, mut digits) = (number as u128, 0);
    let mut digit = 0;
    while digit < FRACTION_BITS {
        let square = number * number;
        let carry = square >> 127;
        digits = digits << 1 | carry as u64;
        number = square >> (63 + carry);
        digit += 1;
    }
    digits
}

#[cfg(test)]
mod tests;
