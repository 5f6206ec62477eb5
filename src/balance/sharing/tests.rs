use super::*;

/// Requests given to each output when they come one after the other and none is finished.
fn pile_up(balance: Balance, weights: &[u32], requests: usize) -> Vec<u64> {
    let mut sharing = Sharing::new(balance, weights, 0);
    let mut active = vec![0; weights.len()];
    for _ in 0..requests {
        let chosen = sharing.next(Set::first(weights.len()), |index| active[index]);
        active[chosen.unwrap()] += 1;
    }
    active
}

/// Requests given to each output by several workers, when a request finishes at once. `worker` says whose
/// turn it is.
fn shares(weights: &[u32], requests: usize, mut worker: impl FnMut(usize) -> usize) -> Vec<usize> {
    let mut workers: Vec<_> = (0..4)
        .map(|worker| Sharing::new(Balance::RoundRobin, weights, worker))
        .collect();
    let mut counts = vec![0; weights.len()];
    for request in 0..requests {
        let sharing = &mut workers[worker(request)];
        let chosen = sharing.next(Set::first(weights.len()), |_| 0);
        counts[chosen.unwrap()] += 1;
    }
    counts
}

#[track_caller]
fn assert_even(counts: &[usize], weights: &[u32]) {
    let (requests, sum) = (counts.iter().sum::<usize>(), weights.iter().sum::<u32>());
    for (count, weight) in counts.iter().zip(weights) {
        let fair = requests as f64 * f64::from(*weight) / f64::from(sum);
        let off = (*count as f64 - fair).abs() / fair;
        assert!(off <= 0.02, "{counts:?} for {weights:?}: {off} off");
    }
}

#[test]
fn rotation_is_even_over_workers() {
    for weights in [&[1; 8][..], &[5, 3, 1], &[5, 3, 1, 5, 3, 1, 5, 3]] {
        // Each request on a connection of its own, which the kernel gives to any worker.
        let mut chance = Chance::new(7);
        let short = shares(weights, 8_000, |_| chance.below(4).unwrap() as usize);
        assert_even(&short, weights);
        // Sixteen long connections, four of them on each worker, which take turns.
        let long = shares(weights, 8_000, |request| request % 16 / 4);
        assert_even(&long, weights);
        // Sixteen long connections that ended up as they would: 9, 4, 2 and 1.
        let uneven = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3];
        let long = shares(weights, 8_000, |request| uneven[request % 16]);
        assert_even(&long, weights);
    }
}

#[test]
fn the_least_loaded_for_its_weight_is_next() {
    let next = |weights: &[u32], active: [u64; 3], candidates: Set| {
        Sharing::new(Balance::LeastConn, weights, 0).next(candidates, |index| active[index])
    };
    let all = Set::first(3);
    for (weights, active, expected) in [
        ([1, 1, 1], [3, 2, 4], Some(1)),
        ([1, 1, 1], [0, 0, 0], Some(0)),
        ([1, 1, 1], [1, 0, 0], Some(1)),
        ([5, 1, 1], [4, 1, 1], Some(0)),
        ([5, 1, 1], [6, 1, 2], Some(1)),
        ([5, 3, 1], [10, 6, 1], Some(2)),
        ([5, 3, 1], [u64::MAX, u64::MAX, 1], Some(2)),
    ] {
        assert_eq!(
            next(&weights, active, all),
            expected,
            "{weights:?} {active:?}"
        );
    }
    assert_eq!(next(&[1, 1, 1], [0, 1, 2], all.without(0)), Some(1));
    assert_eq!(next(&[1, 1, 1], [0, 1, 2], Set::EMPTY), None);
    assert_eq!(
        next(&[0, 1, 1], [0, 5, 6], all),
        Some(1),
        "no weight, no share"
    );
    assert_eq!(next(&[1, 1], [0, 0, 0], Set::EMPTY.with(9)), None);
}

#[test]
fn equally_loaded_outputs_take_turns() {
    let mut sharing = Sharing::new(Balance::LeastConn, &[1, 1, 1], 0);
    let idle: Vec<_> = (0..6)
        .map(|_| sharing.next(Set::first(3), |_| 0).unwrap())
        .collect();
    assert_eq!(idle, [0, 1, 2, 0, 1, 2]);
    assert_eq!(
        pile_up(Balance::LeastConn, &[1, 1, 1], 300),
        [100, 100, 100]
    );
    assert_eq!(
        pile_up(Balance::LeastConn, &[5, 3, 1], 900),
        [500, 300, 100]
    );
}

#[test]
fn of_two_the_less_loaded_is_next() {
    let mut sharing = Sharing::new(Balance::P2c, &[1, 1, 1], 0);
    let mut counts = [0; 3];
    for _ in 0..3_000 {
        // out1 loses against both, out3 wins against both.
        counts[sharing
            .next(Set::first(3), |index| 9 - index as u64)
            .unwrap()] += 1;
    }
    assert_eq!(counts[0], 0, "two different ones are drawn");
    assert!(
        (900..1_100).contains(&counts[1]) && counts[2] > 1_900,
        "{counts:?}"
    );
    let only = Set::EMPTY.with(1);
    assert_eq!(sharing.next(only, |_| 0), Some(1));
    assert_eq!(sharing.next(Set::EMPTY, |_| 0), None);
}

#[test]
fn two_choices_keep_loads_together() {
    let even = pile_up(Balance::P2c, &[1; 8], 8_000);
    assert!(
        even.iter().all(|count| count.abs_diff(1_000) <= 8),
        "{even:?}"
    );
    let weighted = pile_up(Balance::P2c, &[5, 3, 1], 9_000);
    for (count, fair) in weighted.iter().zip([5_000, 3_000, 1_000_u64]) {
        assert!(count.abs_diff(fair) <= fair / 50, "{weighted:?}");
    }
}

#[test]
fn chance_can_be_played_again_and_differs_between_workers() {
    let draws = |worker| {
        let mut chance = Chance::new(worker);
        (0..8).map(|_| chance.below(1_000)).collect::<Vec<_>>()
    };
    assert_eq!(draws(3), draws(3));
    assert_ne!(draws(3), draws(2));
    assert_eq!(Chance::new(0).below(0), None);
}
