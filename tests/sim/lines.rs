//! What the access log would say at the end of a world: each ending has its line, and the lines say what the counters
//! say.

use halb::http::ending::Ending;
use halb::plane::Plane;
use halb::plane::page::Count;
use halb::plane::page::Page;
use halb::plane::record::Record;
use halb::plane::record::Text;

/// What one worker's lines add up to.
#[derive(Default)]
struct Sums {
    endings: Vec<u64>,
    bytes_in: u64,
    lines: u64,
}

/// Nobody has taken any line before.
pub fn agree_with_counters(plane: &Plane) {
    for (index, records) in plane.records() {
        let mut sums = Sums {
            endings: vec![0; Ending::COUNT],
            ..Sums::default()
        };
        records.take(usize::MAX, &mut Vec::new(), |bytes| sums.add(bytes));
        let page = &plane.pages()[index];
        if page.log_dropped.get() == 0 {
            sums.check(page);
        }
    }
}

impl Sums {
    fn add(&mut self, bytes: &[u8]) {
        let (record, texts) = Record::decode(bytes).expect("what a worker says can be read");
        self.endings[record.ending.number()] += 1;
        self.bytes_in += record.bytes_in;
        self.lines += 1;
        if record.ending == Ending::Answered {
            assert!(record.status.is_some() && record.output.is_some());
            assert!(record.version.is_some() && record.answered.is_some());
            assert!(!texts.of(Text::Method).is_empty());
            assert!(!texts.of(Text::Target).is_empty());
        }
        // A response that has begun keeps its status, however it ends.
        let unanswered = record.answered.is_none();
        if let Some(status) = record.ending.status().filter(|_| unanswered) {
            let told = record.status.is_none_or(|said| said == status);
            assert!(told, "{record:?}");
        }
    }

    fn check(&self, page: &Page) {
        let counted: Vec<u64> = page.endings.iter().map(Count::get).collect();
        // Who does not take an answer of ours may be shed; that request has had its line.
        let shed = Ending::Shed.number();
        for (number, (lines, counted)) in self.endings.iter().zip(&counted).enumerate() {
            if number == shed {
                assert!(lines <= counted);
            } else {
                assert_eq!(lines, counted, "{:?}", Ending::from_number(number));
            }
        }
        let bytes_in: u64 = page.outputs.iter().map(|o| o.bytes_in.get()).sum();
        // Of a session that has ended bytes may still arrive.
        assert!(self.bytes_in <= bytes_in);
        assert!(self.lines >= page.requests_total.get());
    }
}
