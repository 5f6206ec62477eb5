//! The parts that know no socket.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use crate::control::domain::mirror::follower::Follower;
use crate::control::domain::mirror::follower::Heard;
use crate::control::domain::mirror::follower::SILENT;
use crate::control::domain::mirror::leader::Led;
use crate::control::domain::mirror::message::Message;
use crate::control::domain::mirror::message::What;
use crate::control::domain::mirror::orders;
use crate::control::domain::mirror::orders::Ordered;
use crate::control::domain::mirror::orders::Stamp;
use crate::control::domain::mirror::orders::Stamps;
use crate::control::domain::mirror::totals::Counted;
use crate::control::domain::mirror::totals::Process;
use crate::control::domain::mirror::totals::Totals;
use crate::control::domain::stream::subject::Sender;
use crate::model::output::OutputId;
use crate::model::standing::Switch;
use crate::model::time::Instant;
use crate::pair::node::NodeId;
use crate::pair::term::Term;
use crate::plane::inbox::Entry;

const NOW: Instant = Instant::from_nanos(1_000_000_000_000);

fn leader(stream: u64) -> Sender {
    Sender {
        node: NodeId::from_bits(1),
        boot: 1,
        stream,
    }
}

fn message(number: u64, sequence: u64, what: What) -> Message {
    Message {
        number,
        sequence,
        what,
    }
}

#[test]
fn a_following_goes_through_its_states() {
    let mut follower = Follower::new(10);
    let hear = |follower: &mut Follower, number, sequence, what| {
        follower.on_message(leader(1), &message(number, sequence, what), NOW)
    };
    assert_eq!(hear(&mut follower, 10, 0, What::Alive), Heard::Pass);
    assert!(follower.on_leader(Some(leader(1)), NOW));
    assert!(
        !follower.on_leader(Some(leader(1)), NOW),
        "it has been asked"
    );
    assert_eq!(follower.number(), 11);
    let known = || What::Known(Vec::new());
    for (number, sequence, what, heard, whole) in [
        (10, 0, known(), Heard::Pass, false),
        (11, 0, known(), Heard::Take, false),
        (11, 0, known(), Heard::Pass, false),
        (11, 1, What::Alive, Heard::Take, false),
        (11, 2, What::Whole, Heard::Take, true),
        (11, 3, What::Alive, Heard::Take, true),
        (11, 5, What::Alive, Heard::Again, false),
        (11, 4, What::Alive, Heard::Pass, false),
        (12, 0, What::Whole, Heard::Take, true),
    ] {
        let told = format!("{number} {sequence} {what:?}");
        assert_eq!(hear(&mut follower, number, sequence, what), heard, "{told}");
        assert_eq!(follower.is_whole(NOW), whole, "{told}");
    }
    assert_eq!(follower.resyncs(), 1);
    // Over another stream, or of another server, nothing counts.
    let other = follower.on_message(leader(2), &message(12, 1, What::Alive), NOW);
    assert_eq!(other, Heard::Pass);
    // Silence: not whole, and asked again.
    let late = NOW + SILENT;
    assert!(!follower.is_whole(late));
    assert!(follower.on_tick(late));
    assert_eq!(follower.number(), 13);
    assert!(!follower.on_tick(late));
    // A new stream is a new beginning; without a leader there is nothing to ask.
    assert!(follower.on_leader(Some(leader(3)), late));
    assert!(!follower.on_leader(None, late));
    assert!(!follower.on_tick(late + SILENT));
}

#[test]
fn the_active_knows_how_far_each_is_behind() {
    let ms = Duration::from_millis;
    let mut led = Led::new(7, NOW);
    assert_eq!([led.stamp(NOW + ms(5)), led.stamp(NOW + ms(20))], [0, 1]);
    led.copied();
    assert_eq!(led.lag(NOW + ms(30)), ms(30), "it has nothing yet");
    led.on_have(6, 1, NOW + ms(30)); // of another following
    led.on_have(7, 0, NOW + ms(30));
    assert_eq!(led.lag(NOW + ms(31)), ms(31), "the copy is not whole");
    led.on_have(7, 1, NOW + ms(32));
    assert_eq!(led.lag(NOW + ms(900)), ms(12), "nothing is on its way");
    assert_eq!(led.stamp(NOW + ms(900)), 2);
    assert_eq!(led.lag(NOW + ms(940)), ms(40), "of the oldest on its way");
    led.on_have(7, 2, NOW + ms(941));
    led.broke(NOW + ms(950));
    assert_eq!(
        [led.stamp(NOW), led.stamp(NOW)],
        [4, 4],
        "3 is missed, for as long as it takes"
    );
    assert_eq!(led.lag(NOW + ms(1000)), ms(50), "since something was lost");
    // Who follows anew is as far behind as before.
    assert_eq!(led.behind_since(), Some(NOW + ms(950)));
}

#[test]
fn a_follower_lacks_something_until_it_has_the_last_of_the_copy() {
    let ms = Duration::from_millis;
    let mut led = Led::new(1, NOW);
    let learned = led.stamp(NOW + ms(1));
    led.on_have(1, learned, NOW + ms(2));
    assert_eq!(led.lag(NOW + ms(70)), ms(70), "the copy is not on its way");
    let last = led.stamp(NOW + ms(70));
    led.copied();
    led.stamp(NOW + ms(71));
    led.on_have(1, last, NOW + ms(80));
    assert_eq!(led.behind_since(), Some(NOW + ms(71)));
    // What was lost before the end of the copy was said is no end of it.
    let mut led = Led::new(2, NOW);
    led.broke(NOW + ms(3));
    led.stamp(NOW + ms(4));
    led.copied();
    led.on_have(2, 9, NOW + ms(5));
    assert_eq!(led.behind_since(), Some(NOW));
}

#[derive(Clone, Debug)]
enum Step {
    Learn(u8),
    /// What becomes of the next message under way.
    Deliver,
    Drop,
    Double,
    /// It could not even be sent.
    Refuse(u8),
    /// The standby takes up what it was told to do.
    Follow,
    Alive,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u8>().prop_map(Step::Learn),
        6 => Just(Step::Deliver),
        1 => Just(Step::Drop),
        1 => Just(Step::Double),
        1 => any::<u8>().prop_map(Step::Refuse),
        2 => Just(Step::Follow),
        1 => Just(Step::Alive),
    ]
}

/// An active and a standby, and what is under way between them.
struct Pair {
    table: BTreeSet<u8>,
    led: Option<Led>,
    way: Vec<Message>,
    follower: Follower,
    mirrored: BTreeSet<u8>,
    asks: bool,
}

impl Pair {
    fn new() -> Pair {
        let mut follower = Follower::new(1);
        let asks = follower.on_leader(Some(leader(1)), NOW);
        Pair {
            table: BTreeSet::new(),
            led: None,
            way: Vec::new(),
            follower,
            mirrored: BTreeSet::new(),
            asks,
        }
    }

    fn entries(of: impl IntoIterator<Item = u8>) -> Vec<Entry> {
        let entry = |key: u8| Entry {
            key: key.into(),
            output: OutputId::from_index(0).unwrap(),
            what: 0,
        };
        of.into_iter().map(entry).collect()
    }

    fn tell(&mut self, what: What, even_if_broken: bool) {
        let Some(led) = &mut self.led else { return };
        if even_if_broken || !led.is_broken() {
            let sequence = led.stamp(NOW);
            self.way.push(message(led.number(), sequence, what));
        }
    }

    fn deliver(&mut self, message: &Message) {
        match self.follower.on_message(leader(1), message, NOW) {
            Heard::Pass => {}
            Heard::Again => self.asks = true,
            Heard::Take => {
                if let What::Learned(entries) | What::Known(entries) = &message.what {
                    self.mirrored
                        .extend(entries.iter().map(|entry| entry.key as u8));
                }
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Learn(key) => {
                self.table.insert(*key);
                self.tell(What::Learned(Pair::entries([*key])), false);
            }
            Step::Refuse(key) => {
                self.table.insert(*key);
                if let Some(led) = self.led.as_mut().filter(|led| !led.is_broken()) {
                    led.stamp(NOW);
                    led.broke(NOW);
                }
            }
            Step::Deliver | Step::Double | Step::Drop if self.way.is_empty() => {}
            Step::Drop => drop(self.way.remove(0)),
            Step::Deliver => {
                let message = self.way.remove(0);
                self.deliver(&message);
            }
            Step::Double => {
                let message = self.way[0].clone();
                self.deliver(&message);
            }
            Step::Follow if self.asks => {
                self.asks = false;
                self.led = Some(Led::new(self.follower.number(), NOW));
                let known = Pair::entries(self.table.clone());
                self.tell(What::Known(known), false);
                self.tell(What::Whole, false);
            }
            Step::Follow => {}
            Step::Alive => self.tell(What::Alive, true),
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_lost_or_doubled_the_mirror_becomes_whole_and_never_pretends(
        steps in prop::collection::vec(any_step(), 0..120),
    ) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.step(step);
            // All that was told is there, and nothing was refused since.
            let is_quiet = pair.way.is_empty() && pair.led.as_ref().is_some_and(|led| !led.is_broken());
            let lost = steps.iter().any(|step| matches!(step, Step::Drop));
            if pair.follower.is_whole(NOW) && is_quiet && !lost {
                prop_assert_eq!(&pair.mirrored, &pair.table);
            }
        }
        // From here on nothing is lost.
        for _ in 0..4 {
            pair.step(&Step::Follow);
            pair.step(&Step::Alive);
            while !pair.way.is_empty() {
                pair.step(&Step::Deliver);
            }
            if !pair.follower.is_whole(NOW) && !pair.asks {
                pair.asks = pair.follower.on_tick(NOW + SILENT);
            }
        }
        prop_assert!(pair.follower.is_whole(NOW));
        prop_assert_eq!(&pair.mirrored, &pair.table);
    }

    #[test]
    fn messages_are_read_as_written_and_nothing_is_a_panic(
        number in any::<u64>(), sequence in any::<u64>(),
        keys in prop::collection::vec(any::<u128>(), 0..20),
        bytes in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let entries: Vec<Entry> = keys.iter().map(|key| Entry {
            key: *key,
            output: OutputId::from_index((*key % 64) as usize).unwrap(),
            what: (*key % 5) as u8,
        }).collect();
        for what in [
            What::Follow(serde_json::json!({"orders": []})), What::Have,
            What::Learned(entries.clone()), What::Known(entries), What::Whole,
            What::State(serde_json::json!([1])), What::Alive,
        ] {
            let message = Message { number, sequence, what };
            prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
        }
        let _ = Message::decode(&bytes);
        if let Ok(value) = serde_json::from_slice(&bytes) {
            orders::decode(&value);
            Totals::decode(&value);
        }
    }

    #[test]
    fn the_later_order_holds_whatever_way_it_comes(
        given in prop::collection::vec((0..3_usize, 0..3_usize, 0..4_u64, any::<bool>(), 1..9_u64), 1..12),
        order in any::<prop::sample::Index>(),
    ) {
        let switches = [Switch::Enabled, Switch::Draining, Switch::Disabled];
        let mut given: Vec<Ordered> = given.iter().map(|(output, _, number, main, sequence)| Ordered {
            output: OutputId::from_index(*output).unwrap(),
            // One stamp is one order.
            switch: switches[((number + sequence + u64::from(*main)) % 3) as usize],
            stamp: Stamp { term: Term { number: *number, main: *main }, sequence: *sequence },
        }).collect();
        let holds = |given: &[Ordered]| {
            let mut stamps = Stamps::default();
            let mut holds = [Switch::Enabled; 3];
            for ordered in given {
                if stamps.yields_to(ordered, false) {
                    stamps.set(ordered.output, ordered.stamp);
                    holds[ordered.output.index()] = ordered.switch;
                }
            }
            (holds, stamps)
        };
        let (first, stamps) = holds(&given);
        let at = order.index(given.len());
        given.rotate_left(at);
        given.extend(given.clone());
        prop_assert_eq!(holds(&given).0, first);
        // An order given now is later than all of them.
        let next = stamps.next(Term::default());
        prop_assert!(given.iter().all(|ordered| next > ordered.stamp));
        prop_assert_eq!(orders::decode(&orders::encode(&given)), given);
    }
}

fn process(node: u64, boot: u64) -> Process {
    Process {
        node: NodeId::from_bits(node),
        boot,
    }
}

fn sessions(count: u64) -> Counted {
    Counted::from([("sessions".to_owned(), count)])
}

#[test]
fn counters_of_a_domain_count_each_session_once() {
    let (one, two) = (process(1, 10), process(2, 20));
    let (mut at_one, mut at_two) = (Totals::default(), Totals::default());
    at_one.note(one, &sessions(100));
    at_two.merge(&at_one);
    assert_eq!(at_two.besides(two), sessions(100));
    // They are cut off, and both serve.
    at_one.note(one, &sessions(150));
    at_two.note(two, &sessions(30));
    // Healed, and told over and over.
    for _ in 0..3 {
        let (first, second) = (at_one.clone(), at_two.clone());
        at_one.merge(&second);
        at_two.merge(&first);
    }
    assert_eq!(at_one, at_two);
    assert_eq!(at_one.besides(one), sessions(30));
    assert_eq!(at_two.besides(two), sessions(150));
    // The first one starts again, and hears what it had.
    let again = process(1, 11);
    let mut at_again = Totals::default();
    at_again.merge(&Totals::decode(&at_two.encode()));
    assert_eq!(at_again.besides(again), sessions(180));
    // Only what is news is told.
    let told = at_again.clone();
    at_again.note(again, &sessions(4));
    let mut heard = told.clone();
    heard.merge(&at_again.since(&told));
    assert_eq!(heard, at_again);
    assert_eq!(at_again.since(&heard), Totals::default());
    // What is older does not count.
    at_again.note(two, &sessions(5));
    assert_eq!(at_again.besides(again), sessions(180));
}

/// Whoever has the key may be broken; it must not fill our memory.
#[test]
fn what_a_broken_server_has_counted_has_its_bounds() {
    let mut totals = Totals::default();
    for number in 0..10_000_u64 {
        let counted = Counted::from([(format!("out{number}"), 1), ("x".repeat(5000), 1)]);
        totals.note(process(1, number % 100), &counted);
    }
    let text = totals.encode().to_string();
    assert!(text.len() < 2 << 20, "{} bytes", text.len());
    let mut totals = Totals::default();
    for number in 0..10_000_u64 {
        let counted = Counted::from([(format!("out{number}"), 1)]);
        totals.note(process(1, 0), &counted);
    }
    let all = totals.besides(process(2, 0));
    assert!(all.contains_key("out1000") && !all.contains_key("out9999"));
}

#[test]
fn an_order_that_leaves_no_room_for_later_ones_is_none() {
    let ordered = |sequence: u64| orders::decode(&serde_json::json!([[0, 2, 1, true, sequence]]));
    assert_eq!(ordered(u64::MAX), []);
    let highest = ordered(u64::MAX >> 1);
    let stamps: Stamps = highest.iter().copied().collect();
    assert!(stamps.next(Term::default()) > highest[0].stamp);
}

#[test]
fn of_equal_orders_that_of_the_active_holds() {
    let stamps = Stamps::default();
    let ordered = Ordered {
        output: OutputId::from_index(0).unwrap(),
        switch: Switch::Disabled,
        stamp: Stamp::default(),
    };
    assert!(stamps.yields_to(&ordered, true));
    assert!(!stamps.yields_to(&ordered, false));
}
