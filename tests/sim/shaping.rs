//! Bandwidth that is shared: all of it is used, connections get the same, short requests come through, and nobody is
//! blamed for time that they had to wait for us. To the byte and the nanosecond, for no real clock is involved.

use std::collections::BTreeMap;
use std::time::Duration;

use halb::plane::bandwidth::Bucket;

use crate::flow::Gone;
use crate::profile::Family;
use crate::profile::MILLISECOND;
use crate::profile::Profile;
use crate::profile::SECOND;
use crate::profile::Sizes;
use crate::run;
use crate::run::Report;
use crate::run::play;

const MBPS: u64 = 1_000_000;

/// Long bodies over `clients` connections, in a world that does nothing unexpected.
fn bulk(mbps: u64, workers: usize, clients: usize, long: usize) -> Profile {
    let mut profile = Profile::quiet(workers as u64, Family::Shaped);
    profile.gets_only = true;
    profile.bandwidth = Some(mbps * MBPS);
    profile.workers = workers;
    profile.clients = clients;
    profile.requests = 1;
    profile.sizes = Some(Sizes {
        long_clients: clients,
        long,
        short: 200,
        uploads: false,
    });
    profile
}

/// What left while all who move a long body were at it: from when the bucket was empty until the first has half of it.
struct Contest<'r> {
    begin: u64,
    end: u64,
    gone: Vec<&'r Gone>,
}

impl Contest<'_> {
    fn of<'r>(report: &'r Report, profile: &Profile) -> Contest<'r> {
        let rate = profile.bandwidth.expect("a limit") / 8;
        let sizes = profile.sizes.expect("long bodies");
        let bucket = Bucket::new(rate);
        let mut sums: BTreeMap<usize, u64> = BTreeMap::new();
        let (mut all, mut begin, mut end) = (0, None, None);
        for one in &report.flow.gone {
            let sum = sums.entry(one.actor).or_default();
            *sum += one.bytes;
            all += one.bytes;
            if begin.is_none() && all > bucket.depth() * 2 {
                begin = Some(one.at);
            }
            if end.is_none() && *sum > sizes.long as u64 * 9 / 10 {
                end = Some(one.at);
            }
        }
        let (begin, end) = begin.zip(end).expect("long enough bodies");
        assert!(begin < end, "bodies too short to see anything");
        let within = |one: &&Gone| (begin..end).contains(&one.at);
        Contest {
            begin,
            end,
            gone: report.flow.gone.iter().filter(within).collect(),
        }
    }

    fn bytes(&self) -> u64 {
        self.gone.iter().map(|one| one.bytes).sum()
    }

    /// What the rate brought meanwhile.
    fn brought(&self, rate: u64) -> u64 {
        (u128::from(self.end - self.begin) * u128::from(rate) / u128::from(SECOND)) as u64
    }

    /// What left for each, the one with least first.
    fn shares(&self) -> Vec<u64> {
        let mut shares: BTreeMap<usize, u64> = BTreeMap::new();
        for one in self.gone.iter().filter(|one| one.bytes > 500) {
            *shares.entry(one.actor).or_default() += one.bytes;
        }
        let mut shares: Vec<u64> = shares.into_values().collect();
        shares.sort_unstable();
        shares
    }
}

/// Both ways alike, whoever the worker.
#[test]
fn everybody_gets_the_same_and_nothing_is_left_over() {
    for (mbps, long) in [(1, 120_000), (20, 600_000), (250, 5_000_000)] {
        for (workers, uploads, short) in [(1, false, 0), (2, false, 500), (2, true, 0)] {
            let mut profile = bulk(mbps, workers, 7, long);
            profile.jitter.short = short;
            profile.sizes = profile.sizes.map(|sizes| Sizes { uploads, ..sizes });
            let report = play(&profile, &run::halb);
            assert_eq!(report.exact, report.requests);
            let contest = Contest::of(&report, &profile);
            let rate = mbps * MBPS / 8;
            let quantum = Bucket::new(rate).quantum();
            let told = format!("{mbps} Mbps, {workers} workers, uploads {uploads}, short {short}");
            let (bytes, brought) = (contest.bytes(), contest.brought(rate));
            assert!(
                bytes.abs_diff(brought) <= brought / 100 + 2 * quantum,
                "{told}: {bytes} bytes left, {brought} should have"
            );
            if short > 0 {
                continue; // what the kernel does not take of a ration is for others
            }
            let shares = contest.shares();
            let (least, most) = (shares[0], shares[shares.len() - 1]);
            assert_eq!(shares.len(), 7, "{told}");
            assert!(most - least <= 3 * quantum, "{told}: {shares:?}");
        }
    }
}

/// A short request waits at most for one quantum of each connection that asked before it, on its way and on its way back.
#[test]
fn a_short_request_waits_for_one_quantum_of_each() {
    const LONG_CLIENTS: u64 = 9;
    for (mbps, long) in [(1, 150_000), (20, 1_000_000)] {
        let mut profile = bulk(mbps, 2, LONG_CLIENTS as usize + 1, long);
        profile.requests = 40;
        profile.sizes = profile.sizes.map(|sizes| Sizes {
            long_clients: LONG_CLIENTS as usize,
            ..sizes
        });
        let report = play(&profile, &run::halb);
        assert_eq!(report.exact, report.requests);
        let contest = Contest::of(&report, &profile);
        let rate = mbps * MBPS / 8;
        let round = (LONG_CLIENTS + 1) * Bucket::new(rate).quantum() * SECOND / rate;
        let client = LONG_CLIENTS as usize;
        let answers = contest.gone.iter().filter(|one| one.actor == client);
        let answers: Vec<u64> = answers.map(|one| one.at).collect();
        let pauses = answers.windows(2).map(|pair| pair[1] - pair[0]);
        let longest = pauses.max().expect("several short requests");
        let most = 2 * round + 20 * MILLISECOND; // client and backend take their time, too
        assert!(longest <= most, "{mbps} Mbps: {longest} ns, at most {most}");
    }
}

/// Every ration is waited for longer than any timeout, and everybody's share is less than a client is allowed to take.
#[test]
fn nobody_is_late_while_we_are() {
    for uploads in [false, true] {
        let mut profile = bulk(1, 2, 115, 20_000);
        profile.bandwidth = Some(MBPS / 4);
        profile.small = 2000;
        profile.sizes = profile.sizes.map(|sizes| Sizes { uploads, ..sizes });
        profile.jitter.late = 200;
        profile.client_timeout = Duration::from_secs(2);
        profile.server_timeout = Duration::from_secs(2);
        profile.tunnel_timeout = Duration::from_secs(100); // so much patience has everybody in all
        let report = play(&profile, &run::halb);
        assert_eq!(report.exact, report.requests);
        let (first, last) = (report.flow.gone.first(), report.flow.gone.last());
        let took = last.zip(first).map(|(last, first)| last.at - first.at);
        assert!(took > Some(70 * SECOND), "{took:?}");
    }
}

/// The same for what HALB says itself.
#[test]
fn nobody_is_late_with_an_answer_that_waits() {
    let mut profile = Profile::quiet(3, Family::Clients);
    profile.faults.malformed = 1000;
    profile.clients = 115;
    profile.requests = 1;
    profile.bandwidth = Some(MBPS / 20);
    profile.client_timeout = Duration::from_millis(200);
    play(&profile, &run::halb);
}

/// Once its ration has come, a client that takes nothing is as late as any other.
#[test]
fn who_does_not_take_its_turn_is_late() {
    for seed in 0..4 {
        let mut profile = bulk(20, 1, 5, 2_000_000);
        profile.seed = seed;
        profile.family = Family::Clients;
        profile.pipes = 0;
        profile.faults.client = 700;
        let report = play(&profile, &run::halb);
        assert!(report.exact < report.requests);
    }
}
