use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;

use super::*;
use crate::control::log::limit;

/// What a door has written, when its reader lets it.
struct Reader {
    said: Receiver<String>,
    /// Each one lets it write once.
    go: Option<Sender<()>>,
}

/// A door of a test's own; `put` is a plain function, so what it writes to is the thread's and the kind's of test.
macro_rules! door {
    () => {{
        static SAID: Mutex<Option<(Sender<String>, Receiver<()>)>> = Mutex::new(None);
        let ((say, said), (go, wait)) = (mpsc::channel(), mpsc::channel());
        *SAID.lock().unwrap() = Some((say, wait));
        let put = |lines: &str| {
            let guard = SAID.lock().unwrap();
            let (say, wait) = guard.as_ref().unwrap();
            let _ = wait.recv(); // an error: everything is read
            let _ = say.send(lines.to_owned());
        };
        let reader = Reader { said, go: Some(go) };
        (Arc::new(Door::new(put)), reader)
    }};
}

impl Reader {
    /// Reads everything from now on.
    fn reads(&mut self) {
        self.go = None;
    }

    fn all(self) -> String {
        self.said.try_iter().collect()
    }
}

/// The sum of the numbers behind `start`.
fn sum(lines: &str, start: &str) -> u64 {
    let number = |line: &str| line.strip_prefix(start)?.parse::<u64>().ok();
    lines.lines().filter_map(number).sum()
}

fn say(door: &Door, kind: &'static str, count: usize) {
    let what = What {
        event: kind,
        output: None,
    };
    (0..count).for_each(|n| door.say(&what, format!("event={kind} n={n}\n")));
}

#[test]
fn at_the_start_and_at_the_end_everything_is_written_at_once() {
    let (door, mut reader) = door!();
    reader.reads();
    say(&door, "start", 30);
    assert_eq!(reader.said.try_iter().count(), 30);
    Door::serve(&door).unwrap();
    door.finish();
    say(&door, "end", 30);
    assert_eq!(reader.said.try_iter().count(), 30);
}

#[test]
fn what_is_too_much_is_counted_and_told_at_the_end_at_the_latest() {
    let (door, mut reader) = door!();
    reader.reads();
    Door::serve(&door).unwrap();
    // However long this takes, no line is unaccounted for.
    say(&door, "down", 500);
    door.finish();
    let all = reader.all();
    let suppressed = sum(&all, "event=suppressed kind=down times=");
    let written = all.matches("event=down n=").count() as u64;
    assert_eq!(written + suppressed, 500);
    assert!(written >= u64::from(limit::LINES_MOST));
    assert!(suppressed > 0, "500 lines in so short a time");
}

#[test]
fn who_does_not_read_holds_up_nobody_and_hears_what_was_lost() {
    let (door, mut reader) = door!();
    Door::serve(&door).unwrap();
    // Each kind is its own, so that nothing is suppressed.
    let kinds: Vec<&'static str> = (0..LINES_MOST / 5)
        .map(|n| &*Box::leak(format!("k{n}").into_boxed_str()))
        .collect();
    for kind in &kinds {
        say(&door, kind, 10);
    }
    reader.reads();
    door.finish();
    say(&door, "last", 1);
    let all = reader.all();
    let written = all.matches("event=k").count();
    assert!(written >= LINES_MOST, "{written}");
    let lost = sum(&all, "event=lost times=");
    assert_eq!(written as u64 + lost, 10 * kinds.len() as u64);
    assert!(all.ends_with("event=last n=0\n"));
}
