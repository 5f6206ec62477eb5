//! What several workers believe, when news between them takes its time.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const WORKERS: usize = 3;

/// Tables, and from each worker to each other one the news that has not arrived yet.
struct House {
    tables: Vec<SessionTable>,
    inboxes: Vec<Vec<VecDeque<News>>>,
}

impl House {
    fn new(timeout: Option<Duration>) -> House {
        House {
            tables: (0..WORKERS)
                .map(|_| SessionTable::new(64, timeout))
                .collect(),
            inboxes: vec![vec![VecDeque::new(); WORKERS]; WORKERS],
        }
    }

    fn tell(&mut self, from: usize, news: Option<News>) {
        for to in (0..WORKERS).filter(|to| *to != from) {
            self.inboxes[from][to].extend(news);
        }
    }

    /// A request with a cookie comes to a worker; when it is unknown, `output` is chosen.
    fn request(&mut self, worker: usize, number: u64, chosen: OutputId, now: Instant) -> OutputId {
        if let Some(found) = self.tables[worker].look_up(key(number), now) {
            self.tell(worker, found.news);
            return found.output;
        }
        let news = self.tables[worker].tie(key(number), chosen, now);
        self.tell(worker, news);
        chosen
    }

    fn response(&mut self, worker: usize, number: u64, output: OutputId, now: Instant) {
        let news = self.tables[worker].learn(key(number), output, now);
        self.tell(worker, news);
    }

    fn deliver(&mut self, from: usize, to: usize, now: Instant) {
        if let Some(news) = self.inboxes[from][to].pop_front() {
            self.tables[to].hear(news, now);
        }
    }

    fn deliver_all(&mut self, now: Instant) {
        for from in 0..WORKERS {
            for to in 0..WORKERS {
                while !self.inboxes[from][to].is_empty() {
                    self.deliver(from, to, now);
                }
            }
        }
    }
}

#[test]
fn news_are_believed_by_what_is_known() {
    let tied = (out(4), Trust::Tied);
    let used = (out(4), Trust::Used);
    let learned = (out(4), Trust::Learned);
    for (known, what, lower, higher) in [
        (tied, What::Tied, (out(2), Trust::Tied), tied),
        (
            tied,
            What::InUse(Trust::Used),
            (out(2), Trust::Used),
            (out(6), Trust::Used),
        ),
        (
            tied,
            What::Learned,
            (out(2), Trust::Learned),
            (out(6), Trust::Learned),
        ),
        (used, What::Tied, used, used),
        (used, What::InUse(Trust::Used), (out(2), Trust::Used), used),
        (
            used,
            What::InUse(Trust::Learned),
            (out(2), Trust::Learned),
            (out(6), Trust::Learned),
        ),
        (learned, What::Tied, learned, learned),
        (learned, What::InUse(Trust::Used), learned, learned),
        (learned, What::InUse(Trust::Learned), learned, learned),
        (
            learned,
            What::Learned,
            (out(2), Trust::Learned),
            (out(6), Trust::Learned),
        ),
    ] {
        for (output, expected) in [(out(2), lower), (out(6), higher)] {
            let mut table = table(64);
            table.put(key(1), known.0, known.1, Stamp::of(at(0)));
            table.hear(
                News {
                    key: key(1),
                    output,
                    what,
                },
                at(0),
            );
            assert_eq!(
                knows(&table, 1),
                Some(expected),
                "{known:?} {what:?} {output}"
            );
        }
    }
}

#[test]
fn news_of_the_same_output_confirm() {
    let mut table = table(64);
    let news = |what| News {
        key: key(1),
        output: out(1),
        what,
    };
    table.hear(news(What::Tied), at(0));
    assert_eq!(table.counts(), (0, 1));
    table.hear(news(What::InUse(Trust::Used)), at(0));
    assert_eq!(knows(&table, 1), Some((out(1), Trust::Used)));
    table.hear(news(What::Learned), at(0));
    table.hear(news(What::Tied), at(0));
    assert_eq!(knows(&table, 1), Some((out(1), Trust::Learned)));
    assert_eq!(table.counts(), (1, 0));
}

/// Used at any time on one worker, a session is known on the others until the timeout after that.
#[test]
fn a_session_in_use_expires_nowhere() {
    let timeout = Duration::from_secs(32);
    let mut house = House::new(Some(timeout));
    house.response(0, 1, out(5), at(0));
    let mut told = 0;
    // The last use is the second one in its period.
    for second in 1..=1_000 {
        house.request(0, 1, out(1), at(second));
        told += house.inboxes[0][1].len();
        house.deliver_all(at(second));
    }
    assert!(
        told <= 502,
        "the others hear of it once in two seconds: {told}"
    );
    let found = house.tables[1].look_up(key(1), at(1_000) + timeout);
    assert_eq!(output(found), Some(out(5)));
    assert_eq!(house.tables[2].look_up(key(1), at(1_000 + 32 + 3)), None);
}

/// Right after it was learned, too.
#[test]
fn a_session_that_was_learned_this_moment_expires_nowhere_early() {
    let timeout = Duration::from_secs(32);
    for start in 0..4 {
        let mut house = House::new(Some(timeout));
        house.response(0, 1, out(5), at(start));
        house.deliver_all(at(start));
        house.request(0, 1, out(1), at(start + 1));
        house.deliver_all(at(start + 1));
        let found = house.tables[1].look_up(key(1), at(start + 1) + timeout);
        assert_eq!(output(found), Some(out(5)), "{start}");
    }
}

/// Without a timeout, too: or what one worker uses would be the first to go on another.
#[test]
fn a_session_in_use_is_evicted_nowhere() {
    let mut house = House::new(None);
    house.response(0, 1, out(5), at(0));
    for number in 2..1_000 {
        let now = at(number * 10);
        house.request(0, 1, out(1), now);
        house.response(1, number, out(2), now);
        house.deliver_all(now);
    }
    for worker in 0..WORKERS {
        assert_eq!(
            knows(&house.tables[worker], 1),
            Some((out(5), Trust::Learned))
        );
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Request(usize, u64, usize),
    /// From an output that depends on the cookie alone: two do not set the same one.
    Response(usize, u64),
    Deliver(usize, usize),
}

fn event() -> impl Strategy<Value = Event> {
    let worker = || 0..WORKERS;
    prop_oneof![
        4 => (worker(), 0..6_u64, 1..=8_usize).prop_map(|(worker, number, chosen)| Event::Request(worker, number, chosen)),
        1 => (worker(), 0..6_u64).prop_map(|(worker, number)| Event::Response(worker, number)),
        6 => (worker(), worker()).prop_map(|(from, to)| Event::Deliver(from, to)),
    ]
}

proptest! {
    #[test]
    fn all_workers_come_to_believe_the_same(events in prop::collection::vec(event(), 1..200)) {
        let mut house = House::new(None);
        for event in events {
            match event {
                Event::Request(worker, number, chosen) => {
                    house.request(worker, number, out(chosen), at(0));
                }
                Event::Response(worker, number) => house.response(worker, number, out(1 + number as usize), at(0)),
                Event::Deliver(from, to) => house.deliver(from, to, at(0)),
            }
        }
        house.deliver_all(at(0));
        for number in 0..6 {
            let beliefs: Vec<_> = house.tables.iter().map(|table| knows(table, number)).collect();
            prop_assert!(beliefs.iter().all(|belief| *belief == beliefs[0]), "{}: {:?}", number, beliefs);
        }
    }
}
