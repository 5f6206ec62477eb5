use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use proptest::prelude::*;

use super::*;

fn outputs(weights: &[u32]) -> Vec<(OutputId, u32)> {
    let output = |(index, weight): (usize, &u32)| (OutputId::from_index(index).unwrap(), *weight);
    weights.iter().enumerate().map(output).collect()
}

/// Addresses as they come from networks: in rows.
fn clients(count: u32) -> impl Iterator<Item = Source> {
    (0..count).map(|number| Source::of(Ipv4Addr::from_bits(0x0a00_0000 + number).into()))
}

fn shares(weights: &[u32], candidates: Set) -> Vec<u32> {
    let outputs = outputs(weights);
    let mut counts = vec![0; weights.len()];
    for source in clients(100_000) {
        counts[source.choose(candidates, &outputs).unwrap()] += 1;
    }
    counts
}

#[test]
fn shares_follow_weights() {
    for weights in [&[1; 8][..], &[5, 3, 1], &[256, 1, 255], &[2, 2, 3, 3, 2, 7]] {
        let sum: u32 = weights.iter().sum();
        let counts = shares(weights, Set::first(weights.len()));
        for (count, weight) in counts.iter().zip(weights) {
            let fair = 100_000.0 * f64::from(*weight) / f64::from(sum);
            // Three in a hundred, or what chance does to a small share.
            let margin = (fair * 0.03).max(4.0 * fair.sqrt());
            assert!(
                (f64::from(*count) - fair).abs() <= margin,
                "{counts:?} for {weights:?}"
            );
        }
    }
}

#[test]
fn both_servers_of_a_pair_and_every_release_agree() {
    let outputs = outputs(&[1, 1, 1, 2, 5, 1, 9, 1]);
    let all = Set::first(8);
    let chosen: Vec<_> = clients(16)
        .map(|c| c.choose(all, &outputs).unwrap())
        .collect();
    let written_down = [3, 4, 4, 3, 4, 6, 2, 6, 4, 6, 6, 6, 6, 6, 4, 3];
    assert_eq!(chosen, written_down, "never to change");
}

#[test]
fn a_mapped_address_is_the_address() {
    let four = Ipv4Addr::new(192, 0, 2, 55);
    assert_eq!(
        Source::of(four.into()),
        Source::of(four.to_ipv6_mapped().into())
    );
    let six: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let next: Ipv6Addr = "2001:db8::2".parse().unwrap();
    assert_ne!(Source::of(six.into()), Source::of(next.into()));
}

#[test]
fn nobody_and_those_without_weight_are_not_chosen() {
    let source = Source::of(Ipv4Addr::LOCALHOST.into());
    assert_eq!(source.choose(Set::EMPTY, &outputs(&[1])), None);
    assert_eq!(source.choose(Set::first(1), &[]), None);
    assert_eq!(source.choose(Set::first(2), &outputs(&[0, 1])), Some(1));
    assert_eq!(source.choose(Set::first(1), &outputs(&[0])), None);
}

#[test]
fn a_logarithm_is_one() {
    let unit = 1_u64 << FRACTION_BITS;
    assert_eq!(way(1), 64 * unit);
    assert_eq!(way(0), 64 * unit, "as the least draw");
    assert_eq!(way(1 << 63), unit);
    assert!(way(u64::MAX) <= 2);
    for draw in [
        3,
        1_000,
        0x1234_5678_9abc,
        u64::MAX / 3,
        u64::MAX - (1 << 40),
    ] {
        let exact = 64.0 - (draw as f64).log2();
        let off = (way(draw) as f64 / unit as f64 - exact).abs();
        assert!(off < 3e-6, "{draw}: {off}");
    }
}

#[test]
fn a_higher_draw_never_has_a_longer_way() {
    // Around every row of the table, and every power of two.
    let edges = (0..64).map(|bit| 1_u64 << bit);
    let rows = (0..ROWS as u64).map(|row| (1 << 63) + (row << (63 - ROW_BITS)));
    for edge in edges.chain(rows) {
        let first = edge - edge.min(32);
        let around: Vec<_> = (0..64).map(|step| way(first + step)).collect();
        assert!(
            around.is_sorted_by(|lower, higher| lower >= higher),
            "{edge}"
        );
    }
}

proptest! {
    #[test]
    fn only_the_clients_of_one_that_goes_move(
        weights in prop::collection::vec(1_u32..=256, 2..=64),
        first in any::<u32>(),
        members in any::<u64>(),
    ) {
        let outputs = outputs(&weights);
        let chosen_few = (0..weights.len()).filter(|index| members >> index & 1 == 1);
        let candidates: Set = chosen_few.collect();
        for number in 0..8 {
            let address = Ipv4Addr::from_bits(first.wrapping_add(number));
            let source = Source::of(address.into());
            let Some(own) = source.choose(candidates, &outputs) else {
                prop_assert!(candidates.is_empty());
                continue;
            };
            prop_assert!(candidates.contains(own));
            for gone in candidates.iter() {
                let left = source.choose(candidates.without(gone), &outputs);
                prop_assert_eq!(left == Some(own), gone != own);
                prop_assert!(left != Some(gone));
            }
        }
    }
}
