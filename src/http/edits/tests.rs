use super::*;

use proptest::collection::vec;
use proptest::prelude::*;

const LINES: &[u8] = b"first: line\r\nsecond: line\r\nthird: line\r\n";

fn span(start: u16, end: u16) -> Span {
    Span { start, end }
}

#[track_caller]
fn copied(edits: &Edits, run: Range<usize>) -> String {
    let mut room = [0; 4096];
    let mut out = Writer::new(&mut room);
    edits.copy(LINES, run, &mut out).unwrap();
    out.put(edits.added()).unwrap();
    let used = out.used();
    String::from_utf8(room[..used].to_vec()).unwrap()
}

#[test]
fn without_edits_lines_are_what_they_were() {
    let lines = std::str::from_utf8(LINES).unwrap();
    assert!(NONE.is_empty() && Edits::new().is_empty());
    assert_eq!(copied(&NONE, 0..LINES.len()), lines);
    assert_eq!(copied(&Edits::new(), 13..27), &lines[13..27]);
}

#[test]
fn edits_apply_where_they_are_in_whatever_order_they_came() {
    let mut edits = Edits::new();
    edits.replace(span(21, 25), b"place");
    edits.cut(span(27, 40));
    edits.insert(7, b"long ");
    edits.cut(span(19, 20));
    edits.add_line(&[b"fourth", b": ", b"line"]);
    assert!(!edits.is_empty());
    let rest = "fourth: line\r\n";
    assert_eq!(
        copied(&edits, 0..LINES.len()),
        format!("first: long line\r\nsecond place\r\n{rest}")
    );
    // What lies in other runs is left alone.
    assert_eq!(copied(&edits, 0..13), format!("first: long line\r\n{rest}"));
    assert_eq!(copied(&edits, 13..27), format!("second place\r\n{rest}"));
    assert_eq!(copied(&edits, 27..40), rest);
    assert_eq!(copied(&edits, 0..0), rest);
    edits.clear();
    assert!(edits.is_empty());
    assert_eq!(copied(&edits, 0..13), "first: line\r\n");
}

#[test]
fn a_line_alone_is_an_edit() {
    let mut edits = Edits::new();
    edits.add_line(&[b"a: b"]);
    assert!(!edits.is_empty());
}

#[test]
fn a_full_list_leaves_the_rest_as_it_came() {
    let mut edits = Edits::new();
    let capacity = (edits.list.capacity(), edits.text.capacity());
    let line = [b'x'; 2 * EDITS_MAX + 2];
    for position in 0..=EDITS_MAX as u16 {
        edits.replace(span(2 * position, 2 * position + 1), &[b'y'; PUT_BYTES_MAX]);
    }
    let mut room = [0; 4096];
    let mut out = Writer::new(&mut room);
    edits.copy(&line, 0..line.len(), &mut out).unwrap();
    let used = out.used();
    let mut expected = [[b'y'; PUT_BYTES_MAX].as_slice(), b"x"]
        .concat()
        .repeat(EDITS_MAX);
    expected.extend(b"xx");
    assert_eq!(room[..used], expected[..]);
    assert_eq!((edits.list.capacity(), edits.text.capacity()), capacity);
}

#[test]
#[should_panic(expected = "no edit lies over another")]
fn edits_do_not_overlap() {
    let mut edits = Edits::new();
    edits.cut(span(3, 9));
    edits.cut(span(1, 4));
}

#[test]
fn a_full_writer_is_an_error_at_every_length() {
    let mut edits = Edits::new();
    edits.replace(span(7, 11), b"words");
    edits.insert(21, b"short ");
    let mut room = [0; 64];
    let mut out = Writer::new(&mut room);
    edits.copy(LINES, 0..LINES.len(), &mut out).unwrap();
    for length in 0..out.used() {
        let mut out = Writer::new(&mut room[..length]);
        assert_eq!(
            edits.copy(LINES, 0..LINES.len(), &mut out),
            Err(Full),
            "into {length}"
        );
    }
}

proptest! {
    /// Against the slow way: from the back to the front, in a string that grows and shrinks.
    #[test]
    fn edits_do_what_splicing_does(cuts in vec((0usize..4, 0usize..4, "[a-z]{0,6}"), 0..10), back: bool) {
        let mut at = 1;
        let mut wanted = Vec::new();
        for (gap, length, text) in cuts {
            let start = at + gap;
            at = start + length + 1;
            if at < LINES.len() {
                wanted.push((start..start + length, text));
            }
        }
        let mut slow = LINES.to_vec();
        for (cut, text) in wanted.iter().rev() {
            slow.splice(cut.clone(), text.bytes());
        }
        if back {
            wanted.reverse();
        }
        let mut edits = Edits::new();
        for (cut, text) in &wanted {
            edits.replace(Span::new(cut.start, cut.end), text.as_bytes());
        }
        prop_assert_eq!(copied(&edits, 0..LINES.len()).into_bytes(), slow);
    }
}
