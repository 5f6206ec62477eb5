//! The table against one that is obviously right, and slow.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    LookUp(u64),
    Learn(u64, usize),
    Tie(u64, usize),
    Forget(u64),
    ForgetOutput(usize),
    Restore(u64, usize, u64),
    Wait(u64),
}

/// Two lists, newest last.
struct Naive {
    confirmed: Vec<Row>,
    unconfirmed: Vec<Row>,
    timeout_s: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Row {
    number: u64,
    output: usize,
    trust: Trust,
    last_use_s: i64,
}

impl Naive {
    fn take(&mut self, number: u64, now_s: u64) -> Option<Row> {
        for list in [&mut self.confirmed, &mut self.unconfirmed] {
            if let Some(place) = list.iter().position(|row| row.number == number) {
                let row = list.remove(place);
                let idle = now_s as i64 - row.last_use_s;
                let living = self.timeout_s.is_none_or(|timeout| idle <= timeout as i64);
                return living.then_some(row);
            }
        }
        None
    }

    fn add(&mut self, row: Row) {
        let (list, most) = match row.trust {
            Trust::Tied => (&mut self.unconfirmed, 4),
            Trust::Used | Trust::Learned => (&mut self.confirmed, 12),
        };
        if list.len() == most {
            list.remove(0);
        }
        list.push(row);
    }

    fn play(&mut self, step: Step, now_s: u64) -> Option<usize> {
        let last_use_s = now_s as i64;
        match step {
            Step::LookUp(number) => {
                let row = self.take(number, now_s)?;
                let trust = row.trust.max(Trust::Used);
                self.add(Row {
                    trust,
                    last_use_s,
                    ..row
                });
                return Some(row.output);
            }
            Step::Learn(number, output) => {
                self.take(number, now_s);
                let trust = Trust::Learned;
                self.add(Row {
                    number,
                    output,
                    trust,
                    last_use_s,
                });
            }
            Step::Tie(number, output) => self.add_unknown(number, output, Trust::Tied, now_s, 0),
            Step::Restore(number, output, idle_s) => {
                if self.timeout_s.is_none_or(|timeout| idle_s <= timeout) {
                    self.add_unknown(number, output, Trust::Used, now_s, idle_s);
                }
            }
            Step::Forget(number) => {
                self.take(number, now_s);
            }
            Step::ForgetOutput(output) => {
                self.confirmed.retain(|row| row.output != output);
                self.unconfirmed.retain(|row| row.output != output);
            }
            Step::Wait(_) => {}
        }
        None
    }

    /// Unless it is known: then its place stays what it was.
    fn add_unknown(&mut self, number: u64, output: usize, trust: Trust, now_s: u64, idle_s: u64) {
        let before = (self.confirmed.clone(), self.unconfirmed.clone());
        if self.take(number, now_s).is_some() {
            (self.confirmed, self.unconfirmed) = before;
            return;
        }
        let last_use_s = now_s as i64 - idle_s as i64;
        self.add(Row {
            number,
            output,
            trust,
            last_use_s,
        });
    }
}

fn play(table: &mut SessionTable, step: Step, now: Instant) -> Option<usize> {
    match step {
        Step::LookUp(number) => {
            return output(table.look_up(key(number), now)).map(OutputId::number);
        }
        Step::Learn(number, output) => drop(table.learn(key(number), out(output), now)),
        Step::Tie(number, output) => drop(table.tie(key(number), out(output), now)),
        Step::Forget(number) => drop(table.forget(key(number))),
        Step::ForgetOutput(output) => drop(table.forget_output(out(output))),
        Step::Restore(number, output, idle_s) => {
            let (key, output, idle) = (key(number), out(output), Duration::from_secs(idle_s));
            table.restore(
                LearnedSession {
                    key,
                    output,
                    trust: Trust::Used,
                    idle,
                },
                now,
            );
        }
        Step::Wait(_) => {}
    }
    None
}

fn rows(table: &SessionTable) -> Vec<(SessionKey, usize, Trust)> {
    let entries = table.store.confirmed();
    entries
        .map(|entry| (entry.key, entry.output.number(), entry.trust))
        .collect()
}

fn step() -> impl Strategy<Value = Step> {
    let number = || 0..40_u64;
    let output = || 1..=4_usize;
    prop_oneof![
        6 => number().prop_map(Step::LookUp),
        4 => (number(), output()).prop_map(|(number, output)| Step::Learn(number, output)),
        4 => (number(), output()).prop_map(|(number, output)| Step::Tie(number, output)),
        2 => number().prop_map(Step::Forget),
        1 => output().prop_map(Step::ForgetOutput),
        2 => (number(), output(), 0..30_u64).prop_map(|(number, output, idle)| Step::Restore(number, output, idle)),
        3 => (1..10_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn the_table_does_what_the_naive_one_does(
        steps in prop::collection::vec(step(), 1..400),
        timeout_s in prop::option::of(5..40_u64),
    ) {
        let mut table = SessionTable::new(16, timeout_s.map(Duration::from_secs));
        let (confirmed, unconfirmed) = (Vec::new(), Vec::new());
        let mut naive = Naive { confirmed, unconfirmed, timeout_s };
        let mut now_s = 0;
        for step in steps {
            if let Step::Wait(seconds) = step {
                now_s += seconds;
            }
            let found = play(&mut table, step, at(now_s));
            prop_assert_eq!(found, naive.play(step, now_s), "{:?}", step);
            let expected: Vec<_> = naive.confirmed.iter().map(|row| (key(row.number), row.output, row.trust)).collect();
            prop_assert_eq!(rows(&table), expected, "{:?}", step);
            prop_assert_eq!(table.counts(), (naive.confirmed.len(), naive.unconfirmed.len()));
        }
    }
}
