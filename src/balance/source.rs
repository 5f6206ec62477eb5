//! Mode `source`: the client's address chooses the output, by weighted rendezvous hashing.
//!
//! Every output runs an exponential race whose speed is its weight; the first one at the goal has the client.
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

/// 64 − log₂ of a number, in units of 2⁻³².
fn way(draw: u64) -> u64 {
    let draw = draw.max(1);
    let zeros = draw.leading_zeros();
    let mut mantissa = draw << zeros;
    let mut digits = u64::from(63 - zeros);
    for _ in 0..FRACTION_BITS {
        let square = u128::from(mantissa) * u128::from(mantissa);
        let carry = (square >> 127) as u64;
        digits = digits << 1 | carry;
        mantissa = (square >> (63 + carry)) as u64;
    }
    (64 << FRACTION_BITS) - digits
}

#[cfg(test)]
mod tests;
