//! The records that wait for their receiver, in bounded memory: the oldest go first. It knows no sockets.

use std::collections::VecDeque;
use std::sync::Arc;

/// What a receiver needs for one reading.
#[derive(Clone, Debug)]
pub struct Record {
    /// The line that says what the counters are; the same for many records. It has to come before.
    pub definitions: Arc<str>,
    pub line: Arc<str>,
}

/// Records in the order in which they were made.
pub struct Queue {
    records: VecDeque<Record>,
    bytes: usize,
    bytes_most: usize,
    /// Bytes of the oldest may have left: cutting it off there would break the line.
    begun: bool,
}

impl Queue {
    /// Keeps so many bytes of lines, and always the newest.
    pub fn new(bytes_most: usize) -> Queue {
        Queue {
            records: VecDeque::new(),
            bytes: 0,
            bytes_most,
            begun: false,
        }
    }

    /// Puts a record at the end. How many had to go for it.
    pub fn push(&mut self, record: Record) -> u64 {
        let oldest = usize::from(self.begun);
        let mut dropped = 0;
        while self.bytes + record.line.len() > self.bytes_most
            && let Some(old) = self.records.remove(oldest)
        {
            self.bytes -= old.line.len();
            dropped += 1;
        }
        self.bytes += record.line.len();
        self.records.push_back(record);
        dropped
    }

    /// The oldest, which begins to leave.
    pub fn begin(&mut self) -> Option<Record> {
        let record = self.records.front().cloned();
        self.begun = record.is_some();
        record
    }

    /// The oldest has left.
    pub fn sent(&mut self) {
        assert!(self.begun, "what has left has begun to");
        self.begun = false;
        let record = self.records.pop_front();
        self.bytes -= record.map_or(0, |record| record.line.len());
    }

    /// The connection on which the oldest was leaving is gone: it leaves whole on the next.
    pub fn restart(&mut self) {
        self.begun = false;
    }

    pub fn len(&self) -> usize {
        self.records.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(line: &str) -> Record {
        Record {
            definitions: "".into(),
            line: line.into(),
        }
    }

    fn all(queue: &mut Queue) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(record) = queue.begin() {
            lines.push(record.line.to_string());
            queue.sent();
        }
        lines
    }

    #[test]
    fn records_leave_in_order() {
        let mut queue = Queue::new(100);
        assert!(queue.begin().is_none());
        for line in ["one", "two", "three"] {
            assert_eq!(queue.push(record(line)), 0);
        }
        assert_eq!(all(&mut queue), ["one", "two", "three"]);
        assert_eq!((queue.len(), queue.bytes), (0, 0));
    }

    #[test]
    fn the_oldest_go_and_the_newest_stays() {
        let mut queue = Queue::new(10);
        assert_eq!(queue.push(record("aaaa")), 0);
        assert_eq!(queue.push(record("bbbb")), 0);
        assert_eq!(queue.push(record("cccc")), 1);
        assert_eq!(queue.push(record("longer than everything")), 2);
        assert_eq!(queue.len(), 1, "the newest is never refused");
        assert_eq!(all(&mut queue), ["longer than everything"]);
    }

    #[test]
    fn a_line_that_has_begun_is_not_torn() {
        let mut queue = Queue::new(10);
        queue.push(record("aaaa"));
        queue.push(record("bbbb"));
        assert_eq!(&*queue.begin().unwrap().line, "aaaa");
        assert_eq!(queue.push(record("cccc")), 1, "not the one that is leaving");
        assert_eq!(queue.push(record("dddd")), 1);
        queue.restart();
        assert_eq!(all(&mut queue), ["aaaa", "dddd"]);
    }

    #[test]
    fn a_line_that_was_cut_off_leaves_whole_again() {
        let mut queue = Queue::new(10);
        queue.push(record("aaaa"));
        queue.begin();
        queue.restart();
        assert_eq!(all(&mut queue), ["aaaa"]);
        queue.push(record("bbbb"));
        queue.begin();
        queue.restart();
        assert_eq!(queue.push(record("longer")), 0);
        assert_eq!(
            queue.push(record("longest")),
            2,
            "it may be dropped meanwhile"
        );
    }

    proptest::proptest! {
        /// Whatever happens, memory is bounded, and what was put in has left, was dropped, or waits.
        #[test]
        fn nothing_is_lost_uncounted(steps in proptest::collection::vec(0_u8..5, 0..200)) {
            let mut queue = Queue::new(64);
            let (mut put, mut left, mut dropped) = (0_u64, 0, 0);
            let mut last = String::new();
            let mut leaving = None;
            for step in steps {
                match step {
                    0 | 1 => {
                        put += 1;
                        dropped += queue.push(record(&format!("{put:08}")));
                    }
                    2 => leaving = queue.begin().or(leaving),
                    3 => {
                        if let Some(record) = leaving.take() {
                            assert!(*record.line > *last, "in order, and each once");
                            assert_eq!(queue.begin().unwrap().line, record.line, "it was kept");
                            last = record.line.to_string();
                            queue.sent();
                            left += 1;
                        }
                    }
                    _ => {
                        queue.restart();
                        leaving = None;
                    }
                }
                assert!(queue.bytes <= 64);
                assert_eq!(put, left + dropped + queue.len() as u64);
            }
        }
    }
}
