//! Two servers and a stranger between them, who keeps everything.

use super::*;

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::proptest;
use proptest::sample::Index;

const KEY_OF_ALL: [u8; KEY] = [7; KEY];
const PAYLOAD: &[u8] = b"an advert";
const START: Instant = Instant::from_nanos(500_000_000_000);
const PERIOD: Duration = Duration::from_millis(50);

/// Two servers that send every 50 ms over two links.
struct Two {
    now: Instant,
    one: Channel,
    other: Channel,
}

impl Two {
    fn new() -> Two {
        Two {
            now: START,
            one: channel("lb1", 11, "lb2"),
            other: channel("lb2", 22, "lb1"),
        }
    }

    /// Both have proven themselves.
    fn met() -> Two {
        let mut two = Two::new();
        (0..4).for_each(|_| two.round());
        assert_eq!(two.one.proven(), Some(22));
        assert_eq!(two.other.proven(), Some(11));
        two
    }

    /// Both send, and both get it.
    fn round(&mut self) {
        self.now = self.now + PERIOD;
        let (one_sends, other_sends) = (self.one_sends(), self.other_sends());
        let _ = self.other.open(&one_sends, self.now);
        let _ = self.one.open(&other_sends, self.now);
    }

    fn one_sends(&mut self) -> Vec<u8> {
        sealed(&mut self.one, PAYLOAD, self.now)[0].clone()
    }

    fn other_sends(&mut self) -> Vec<u8> {
        sealed(&mut self.other, PAYLOAD, self.now)[0].clone()
    }

    fn later(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
    }
}

fn channel(me: &str, boot: u64, peer: &str) -> Channel {
    Channel::new(&KEY_OF_ALL, NodeId::of(me), boot, NodeId::of(peer), START)
}

/// The next advert, for two links.
fn sealed(channel: &mut Channel, payload: &[u8], now: Instant) -> [Vec<u8>; 2] {
    channel.begin(payload, now);
    [0, 1].map(|link| {
        let mut out = [0; DATAGRAM_MAX];
        channel.seal(link, payload.len(), &mut out).to_vec()
    })
}

#[test]
fn what_one_says_the_other_reads() {
    let mut two = Two::met();
    two.later(50);
    let [first, second] = sealed(&mut two.one, PAYLOAD, two.now);
    assert_eq!(sender(&first), Some(NodeId::of("lb1")));
    let text = first.windows(PAYLOAD.len()).any(|part| part == PAYLOAD);
    assert!(!text, "nobody else reads it");
    let newest = |link| {
        let payload = PAYLOAD;
        Ok(Opened::Newest { link, payload })
    };
    assert_eq!(two.other.open(&first, two.now), newest(0));
    assert_eq!(two.other.open(&second, two.now), newest(1));
    let later = two.one_sends();
    assert_eq!(two.other.open(&later, two.now), newest(0));
}

#[test]
fn two_that_start_know_each_other_after_each_has_sent_twice() {
    let mut two = Two::new();
    two.round();
    assert_eq!((two.one.proven(), two.other.proven()), (None, None));
    two.round();
    two.round();
    assert!(two.one.proven().is_some() && two.other.proven().is_some());
}

#[test]
fn two_that_heard_each_other_one_after_the_other_know_each_other_once_both_do() {
    let mut two = Two::new();
    let longer_than_fresh = 0..12;
    for _ in longer_than_fresh.clone() {
        two.later(50);
        let (heard, _lost) = (two.one_sends(), two.other_sends());
        let _ = two.other.open(&heard, two.now);
    }
    for _ in longer_than_fresh {
        two.later(50);
        let (_lost, heard) = (two.one_sends(), two.other_sends());
        let _ = two.one.open(&heard, two.now);
    }
    (0..4).for_each(|_| two.round());
    assert!(two.one.proven().is_some() && two.other.proven().is_some());
}

#[test]
fn nobody_without_the_key_is_believed() {
    let mut two = Two::met();
    let mut stranger = Channel::new(&[8; KEY], NodeId::of("lb1"), 11, NodeId::of("lb2"), START);
    (0..50).for_each(|_| stranger.begin(PAYLOAD, two.now));
    let forged = &sealed(&mut stranger, PAYLOAD, two.now)[0];
    assert_eq!(two.other.open(forged, two.now), Err(Refused::Forged));
    // What was meant for a third server is nothing for this one.
    let mut to_third = channel("lb1", 11, "lb3");
    (0..50).for_each(|_| to_third.begin(PAYLOAD, two.now));
    let diverted = &sealed(&mut to_third, PAYLOAD, two.now)[0];
    assert_eq!(two.other.open(diverted, two.now), Err(Refused::Forged));
    // Nor is what this one has sent itself.
    let own = two.other_sends();
    assert_eq!(two.other.open(&own, two.now), Err(Refused::Foreign));
    let next = two.one_sends();
    assert!(two.other.open(&next, two.now).is_ok(), "nothing was harmed");
}

#[test]
fn a_changed_bit_anywhere_is_noticed() {
    let mut two = Two::met();
    let good = two.one_sends();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(two.other.open(&bad, two.now).is_err(), "bit {bit}");
    }
    for length in 0..good.len() {
        assert!(two.other.open(&good[..length], two.now).is_err());
    }
    assert!(two.other.open(&good, two.now).is_ok());
}

#[test]
fn nothing_counts_twice() {
    let mut two = Two::met();
    let [first, second] = sealed(&mut two.one, PAYLOAD, two.now);
    assert!(two.other.open(&first, two.now).is_ok());
    assert_eq!(two.other.open(&first, two.now), Err(Refused::Replayed));
    let newer = two.one_sends();
    assert!(two.other.open(&newer, two.now).is_ok());
    assert_eq!(two.other.open(&first, two.now), Err(Refused::Replayed));
    // The slower link works, but has nothing new to say.
    let overtaken = Ok(Opened::Overtaken { link: 1 });
    assert_eq!(two.other.open(&second, two.now), overtaken);
    assert_eq!(two.other.open(&second, two.now), Err(Refused::Replayed));
}

/// The domain file names the other server no longer, and then again: the key is the same as before.
#[test]
fn a_channel_that_is_made_again_repeats_no_number() {
    let mut two = Two::met();
    let said: Vec<_> = (0..100).map(|_| two.one_sends()).collect();
    two.later(1);
    let peer = NodeId::of("lb2");
    two.one = Channel::new(&KEY_OF_ALL, NodeId::of("lb1"), 11, peer, two.now);
    let number = |datagram: &[u8]| Head::read(datagram).map(|head| head.number);
    let again = two.one_sends();
    assert!(said.iter().all(|old| number(old) < number(&again)));
    assert!(two.other.open(&again, two.now).is_ok());
}

#[test]
fn an_older_boot_never_comes_back() {
    let mut two = Two::met();
    let kept: Vec<_> = (0..200).map(|_| two.one_sends()).collect();
    two.one = channel("lb1", 12, "lb2");
    (0..6).for_each(|_| two.round());
    assert_eq!(two.other.proven(), Some(12), "the new one is known");
    for old in &kept {
        assert_eq!(two.other.open(old, two.now), Err(Refused::Retired));
    }
    assert_eq!(two.other.proven(), Some(12));
}

/// A server that has just started knows nothing of boots that are over: only the challenge protects it.
#[test]
fn what_was_recorded_says_nothing_to_a_server_that_starts() {
    let mut two = Two::met();
    let kept: Vec<_> = (0..200).map(|_| two.one_sends()).collect();
    two.other = channel("lb2", 23, "lb1");
    for old in &kept {
        assert_eq!(two.other.open(old, two.now), Err(Refused::Unproven));
        let _asked = two.other_sends();
    }
    assert_eq!(two.other.proven(), None);
    // And does not keep the real one out.
    two.one = channel("lb1", 12, "lb2");
    for old in kept.iter().take(40) {
        let _ = two.other.open(old, two.now);
        two.round();
    }
    assert_eq!(two.other.proven(), Some(12));
}

#[test]
fn what_was_withheld_is_not_believed_later() {
    let mut two = Two::met();
    let mut withheld = Vec::new();
    for _ in 0..40 {
        two.later(50);
        withheld.push(two.one_sends());
        let other_sends = two.other_sends();
        let _ = two.one.open(&other_sends, two.now);
    }
    two.later(3000); // by now the sender is dead
    for old in &withheld {
        assert_eq!(two.other.open(old, two.now), Err(Refused::Late));
    }
}

#[test]
fn one_direction_alone_is_believed_for_days() {
    let mut two = Two::met();
    let now_of_one = two.now;
    for minutes in 1..=5000_u64 {
        two.now = now_of_one + Duration::from_secs(60 * minutes);
        let drift = Duration::from_millis(6 * minutes); // 100 parts in a million
        let slow = Instant::from_nanos(two.now.as_nanos() - drift.as_nanos() as u64);
        let heard = &sealed(&mut two.one, PAYLOAD, slow)[0];
        assert!(two.other.open(heard, two.now).is_ok(), "minute {minutes}");
    }
}

#[test]
fn a_clock_that_has_jumped_is_believed_once_it_is_proven() {
    let mut two = Two::met();
    let behind = Duration::from_secs(30); // as a machine that was stopped and continued
    let mut believed = 0;
    for _ in 0..8 {
        two.later(50);
        let late = Instant::from_nanos(two.now.as_nanos() - behind.as_nanos() as u64);
        let [heard, _] = sealed(&mut two.one, PAYLOAD, late);
        believed += u32::from(two.other.open(&heard, two.now).is_ok());
        let other_sends = two.other_sends();
        // Its own times are late, too.
        let _ = two.one.open(&other_sends, late);
    }
    assert!(believed >= 6, "{believed} of 8");
}

#[test]
fn nothing_is_allocated_once_two_have_met() {
    let mut two = Two::met();
    let mut out = [0; DATAGRAM_MAX];
    let info = allocation_counter::measure(|| {
        for _ in 0..100 {
            two.now = two.now + PERIOD;
            two.one.begin(PAYLOAD, two.now);
            let datagram = two.one.seal(0, PAYLOAD.len(), &mut out);
            assert!(two.other.open(datagram, two.now).is_ok());
        }
    });
    assert_eq!(info.count_total, 0);
}

proptest! {
    /// Whatever comes: no panic, and nobody is believed.
    #[test]
    fn noise_is_refused(mut noise in vec(any::<u8>(), 0..DATAGRAM_MAX * 2), dressed: bool) {
        let mut two = Two::met();
        if dressed {
            let good = two.one_sends();
            let length = noise.len().min(HEAD);
            noise[..length].copy_from_slice(&good[..length]);
        }
        assert!(two.other.open(&noise, two.now).is_err());
    }

    /// Lost, doubled, in any order: of what is believed the newest never gets older, and nothing counts twice.
    #[test]
    fn any_order_is_survived(order in vec((any::<Index>(), 0..100_u64), 1..200)) {
        let mut two = Two::met();
        let mut under_way: Vec<Vec<u8>> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut newest = 0;
        for (which, pause) in order {
            two.later(pause);
            let number = two.one.sent.number + 1;
            under_way.extend(sealed(&mut two.one, &number.to_le_bytes(), two.now));
            let datagram = which.get(&under_way).clone();
            match two.other.open(&datagram, two.now) {
                Ok(Opened::Newest { link, payload }) => {
                    let number = u64::from_le_bytes(eight(payload));
                    assert!(number >= newest, "{number} after {newest}");
                    assert!(seen.insert((link, number)), "twice");
                    newest = number;
                }
                Ok(Opened::Overtaken { .. }) | Err(_) => {}
            }
        }
    }
}
