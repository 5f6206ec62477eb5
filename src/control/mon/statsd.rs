//! The counters as StatsD lines, several in a datagram. It knows no sockets.
//!
//! Gauges go as they are. Of what only grows goes the growth since the last datagram that left with it, so that none
//! is lost with one that did not.

use std::collections::BTreeMap;

use crate::control::counters::Counter;
use crate::control::counters::Kind;

/// A datagram that is larger may be cut in pieces on its way, and is lost when one of them is: Ethernet's 1,500 bytes
/// less the heads of IPv6 and UDP and those of a tunnel.
pub const DATAGRAM_BYTES_MOST: usize = 1400;
/// Longer names of servers are cut: a line has to fit.
const NODE_BYTES_MOST: usize = 255;

/// One datagram.
pub struct Datagram {
    pub text: String,
    /// What is known to the receiver once it has left.
    counters: Vec<(String, u64)>,
}

/// What was sent so far.
pub struct Statsd {
    /// `halb.NODE.`
    prefix: String,
    /// Of what only grows: how much of it the receiver knows.
    told: BTreeMap<String, u64>,
    /// The receiver was there when counting began.
    from_start: bool,
}

impl Statsd {
    /// `from_start`: nothing was counted before.
    pub fn new(node: &str, from_start: bool) -> Statsd {
        Statsd {
            prefix: format!("halb.{}.", word(node)),
            told: BTreeMap::new(),
            from_start,
        }
    }

    /// What is to be sent of this reading. A counter that is first seen later than at the start begins with 0: what
    /// was before is not this interval's.
    pub fn datagrams(&mut self, counters: &[Counter]) -> Vec<Datagram> {
        let mut datagrams: Vec<Datagram> = Vec::new();
        for counter in counters {
            let line = self.line(counter);
            match datagrams.last_mut() {
                Some(last) if last.text.len() + 1 + line.len() <= DATAGRAM_BYTES_MOST => {
                    last.text.push('\n');
                    last.text.push_str(&line);
                }
                _ => datagrams.push(Datagram {
                    text: line,
                    counters: Vec::new(),
                }),
            }
            if let (Kind::Counter, Some(last)) = (counter.kind, datagrams.last_mut()) {
                last.counters.push((counter.name.clone(), counter.value));
            }
        }
        datagrams
    }

    /// This one has left.
    pub fn sent(&mut self, datagram: Datagram) {
        self.told.extend(datagram.counters);
    }

    fn line(&mut self, counter: &Counter) -> String {
        let Counter { name, value, .. } = counter;
        match counter.kind {
            Kind::Gauge => format!("{}{name}:{value}|g", self.prefix),
            Kind::Counter => {
                let before = if self.from_start { 0 } else { *value };
                let told = *self.told.entry(name.clone()).or_insert(before);
                let growth = value.saturating_sub(told);
                format!("{}{name}:{growth}|c", self.prefix)
            }
        }
    }
}

/// A name as one word of a StatsD name: dots separate words, colons and bars end them.
fn word(node: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    let word: String = node.chars().map(plain).take(NODE_BYTES_MOST).collect();
    if word.is_empty() {
        "_".to_owned()
    } else {
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(name: &str, kind: Kind, value: u64) -> Counter {
        Counter {
            name: name.to_owned(),
            description: String::new(),
            unit: "",
            kind,
            value,
        }
    }

    fn texts(datagrams: &[Datagram]) -> Vec<&str> {
        datagrams.iter().map(|one| one.text.as_str()).collect()
    }

    #[test]
    fn gauges_go_as_they_are_and_counters_by_their_growth() {
        let mut statsd = Statsd::new("lb1.example.org", false);
        let at = |errors| {
            [
                counter("out1_status", Kind::Gauge, 100),
                counter("errors", Kind::Counter, errors),
            ]
        };
        let text = |errors| {
            format!(
                "halb.lb1_example_org.out1_status:100|g\nhalb.lb1_example_org.errors:{errors}|c"
            )
        };
        // Seven were counted before anybody listened.
        for (errors, growth) in [(7, 0), (9, 2), (9, 0), (19, 10)] {
            let mut datagrams = statsd.datagrams(&at(errors));
            assert_eq!(texts(&datagrams), [text(growth)]);
            statsd.sent(datagrams.remove(0));
        }
        // What did not leave comes with the next.
        assert_eq!(texts(&statsd.datagrams(&at(20))), [text(1)]);
        assert_eq!(texts(&statsd.datagrams(&at(25))), [text(6)]);
    }

    #[test]
    fn who_is_there_from_the_start_is_told_everything() {
        let mut statsd = Statsd::new("a", true);
        let datagrams = statsd.datagrams(&[counter("errors", Kind::Counter, 7)]);
        assert_eq!(texts(&datagrams), ["halb.a.errors:7|c"]);
    }

    #[test]
    fn datagrams_are_full_but_not_too_large() {
        let mut statsd = Statsd::new(&"long".repeat(500), false);
        let counters: Vec<Counter> = (0..500)
            .map(|number| {
                counter(
                    &format!("out{number}_sessions_total"),
                    Kind::Counter,
                    u64::MAX,
                )
            })
            .collect();
        let datagrams = statsd.datagrams(&counters);
        let lines: Vec<&str> = datagrams.iter().flat_map(|one| one.text.lines()).collect();
        assert_eq!(lines.len(), counters.len());
        for (line, counter) in lines.iter().zip(&counters) {
            assert!(line.ends_with(&format!(".{}:0|c", counter.name)), "{line}");
        }
        let longest = lines.iter().map(|line| line.len()).max().unwrap();
        let (last, full) = datagrams.split_last().unwrap();
        assert!(last.text.len() <= DATAGRAM_BYTES_MOST);
        for one in full {
            assert!(one.text.len() <= DATAGRAM_BYTES_MOST);
            assert!(one.text.len() + longest + 1 > DATAGRAM_BYTES_MOST);
        }
        // What was in the first is told, what was in the others is not.
        let known = datagrams[0].counters.len();
        statsd.sent(datagrams.into_iter().next().unwrap());
        assert_eq!(statsd.told.len(), counters.len());
        assert!(known > 1);
    }

    #[test]
    fn names_stay_one_word() {
        for (node, expected) in [
            ("a.b:c|d@e\n", "a_b_c_d_e_"),
            ("", "_"),
            ("lb-1", "lb-1"),
            ("é", "_"),
        ] {
            assert_eq!(word(node), expected);
        }
    }
}
