//! What holds for all cookies: a slow way that works on text has to come to the same head.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::tests::Head;
use super::tests::LIMIT;
use super::tests::SID;
use super::tests::known;
use super::tests::try_request;
use super::tests::try_response;
use super::*;
use crate::http::edits;
use crate::http::edits::Edits;
use crate::http::request::Method;

/// Pieces that make cookies, nearly cookies, and junk.
fn piece() -> impl Strategy<Value = &'static str> {
    select(vec![
        "SID",
        "SID=",
        "SID=out1~x",
        "SID=out2",
        "out3~",
        "out5~",
        "out64~",
        "=",
        ";",
        "; ",
        " ",
        "\t",
        "\"",
        ",",
        "a=1",
        "b",
        "~",
        "sid=x",
        "é",
        ";SID=",
        "; Max-Age=0",
        "; Expires=",
        "Thu, 01-Jan-1970 00:00:01 GMT",
    ])
}

fn cookie_text() -> impl Strategy<Value = String> {
    vec(piece(), 0..14).prop_map(|pieces| pieces.concat())
}

/// Lines as they come: the name of the field and its value.
fn lines(field: &'static str) -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let line = prop_oneof![
        6 => cookie_text().prop_map(move |text| (field, text)),
        1 => cookie_text().prop_map(|text| ("Other", text)),
        1 => Just(("Connection", "Other, X".to_owned())),
        1 => Just(("Cache-Control", "public".to_owned())),
    ];
    vec(line, 0..6)
}

fn joined(lines: &[(&str, String)]) -> Vec<u8> {
    let line = |(name, value): &(&str, String)| format!("{name}: {value}\r\n");
    lines.iter().map(line).collect::<String>().into_bytes()
}

/// The lines with the values of `field` changed; `None`: the line goes.
fn changed<'l>(
    lines: &'l [(&'static str, String)],
    field: &str,
    change: impl Fn(&str) -> Option<String>,
) -> Vec<(&'static str, String)> {
    let line = |(name, value): &'l (&'static str, String)| {
        if *name == field {
            change(value.trim_matches(BLANK)).map(|value| (*name, value))
        } else {
            Some((*name, value.clone()))
        }
    };
    lines.iter().filter_map(line).collect()
}

const BLANK: [char; 2] = [' ', '\t'];

/// The value of the cookie in `item`, if it is one of ours.
fn naive_value(item: &str) -> Option<&str> {
    let (name, value) = item.split_once('=')?;
    (name.trim_matches(BLANK).as_bytes() == SID).then_some(value.trim_matches(BLANK))
}

fn naive_unquoted(value: &str) -> &str {
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value)
}

fn naive_prefix(value: &str) -> Option<(&str, &str)> {
    let (name, rest) = naive_unquoted(value).split_once('~')?;
    OutputId::from_name(name).filter(|output| known(*output))?;
    Some((name, rest))
}

/// Every `outN~` off the values, by putting the line together again.
fn naive_strip(line: &str) -> String {
    let strip = |item: &str| match naive_value(item).and_then(naive_prefix) {
        Some((name, _)) => item.replacen(&format!("{name}~"), "", 1),
        None => item.to_owned(),
    };
    line.split(';').map(strip).collect::<Vec<_>>().join(";")
}

/// The line without our cookie.
fn naive_remove(line: &str) -> Option<String> {
    let all: Vec<&str> = line.split(';').collect();
    let mut rest: Vec<&str> = all.clone();
    rest.retain(|item| naive_value(item).is_none());
    if rest.len() == all.len() {
        return Some(line.to_owned());
    }
    if rest.iter().all(|item| item.trim_matches(BLANK).is_empty()) {
        return None;
    }
    if naive_value(all[0]).is_some() {
        rest[0] = rest[0].trim_start_matches(BLANK);
    }
    Some(rest.join(";"))
}

fn naive_values(lines: &[(&str, String)]) -> Vec<String> {
    let cookies = lines.iter().filter(|(name, _)| *name == "Cookie");
    let items = cookies.flat_map(|(_, line)| line.trim_matches(BLANK).split(';'));
    items
        .filter_map(naive_value)
        .map(|value| naive_unquoted(value).to_owned())
        .collect()
}

fn found(head: &Head<crate::http::request::Request>) -> Vec<String> {
    let value = |span: Span| String::from_utf8(span.of(&head.bytes).to_vec()).unwrap();
    values(&head.fields, &head.bytes, SID).map(value).collect()
}

proptest! {
    #[test]
    fn values_are_those_of_the_slow_way(lines in lines("Cookie")) {
        let head = try_request(&joined(&lines)).unwrap();
        prop_assert_eq!(found(&head), naive_values(&lines));
    }

    /// Servers and proxies join lines by `; ` (RFC 6265 §5.4, RFC 9113 §8.2.3), or part them.
    #[test]
    fn it_does_not_matter_how_cookies_lie_in_lines(texts in vec(cookie_text(), 0..8), parted in vec(any::<bool>(), 8)) {
        let mut lines = Vec::<(&str, String)>::new();
        for (text, parted) in texts.iter().zip(parted) {
            match lines.last_mut() {
                Some((_, line)) if !parted => *line = format!("{line}; {text}"),
                _ => lines.push(("Cookie", text.clone())),
            }
        }
        let apart: Vec<_> = texts.into_iter().map(|text| ("Cookie", text)).collect();
        let (parted, apart) = (try_request(&joined(&lines)).unwrap(), try_request(&joined(&apart)).unwrap());
        prop_assert_eq!(found(&parted), found(&apart));
    }

    #[test]
    fn sync_changes_a_request_as_the_slow_way_does(lines in lines("Cookie")) {
        let head = try_request(&joined(&lines)).unwrap();
        let mut edits = Edits::new();
        let tied = sync::request(&head.fields, &head.bytes, SID, known, &mut edits);
        let slow = changed(&lines, "Cookie", |line| Some(naive_strip(line)));
        let slow_tied = naive_values(&lines).iter().find_map(|v| OutputId::from_name(naive_prefix(v)?.0));
        prop_assert_eq!(tied, slow_tied);
        let expected = try_request(&joined(&slow)).unwrap().sent(&edits::NONE);
        prop_assert_eq!(trimmed_lines(&head.sent(&edits)), trimmed_lines(&expected));
    }

    #[test]
    fn insert_changes_a_request_as_the_slow_way_does(lines in lines("Cookie")) {
        let head = try_request(&joined(&lines)).unwrap();
        let mut edits = Edits::new();
        let tied = insert::request(&head.fields, &head.bytes, SID, known, &mut edits);
        let slow = changed(&lines, "Cookie", naive_remove);
        let first = naive_values(&lines).into_iter().next();
        let slow_tied = first.and_then(|v| OutputId::from_name(&v)).filter(|output| known(*output));
        prop_assert_eq!(tied, slow_tied);
        let again = try_request(&joined(&slow)).unwrap();
        prop_assert_eq!(trimmed_lines(&head.sent(&edits)), trimmed_lines(&again.sent(&edits::NONE)));
        prop_assert_eq!(found(&again).len(), 0);
    }

    /// What an output sets comes back to it as it was, whatever else was said.
    #[test]
    fn what_sync_puts_in_front_it_takes_off_again(value in "[ -:<-~]{1,20}", number in 1usize..=4) {
        let output = OutputId::from_index(number - 1).unwrap();
        let set = format!("Set-Cookie: SID={value}; path=/\r\n");
        let head = try_response(200, Method::Get, set.as_bytes()).unwrap();
        let mut edits = Edits::new();
        sync::response(&head.fields, &head.bytes, SID, output, &mut edits);
        let sent = String::from_utf8(head.sent(&edits)).unwrap();
        let kept = sent.strip_prefix("Set-Cookie: ").unwrap().split(';').next().unwrap();

        let back = format!("Cookie: a=1; {kept}\r\n");
        let head = try_request(back.as_bytes()).unwrap();
        edits.clear();
        let tied = sync::request(&head.fields, &head.bytes, SID, known, &mut edits);
        let empty = naive_unquoted(value.trim_matches(BLANK)).is_empty();
        prop_assert_eq!(tied, Some(output).filter(|_| !empty));
        let expected = format!("Cookie: a=1; SID={value}");
        let sent = String::from_utf8(head.sent(&edits)).unwrap();
        prop_assert_eq!(sent.trim_end(), expected.trim_end());
    }

    #[test]
    fn sync_changes_a_response_as_the_slow_way_does(lines in lines("Set-Cookie")) {
        let head = try_response(200, Method::Get, &joined(&lines)).unwrap();
        let mut edits = Edits::new();
        let output = OutputId::from_index(0).unwrap();
        sync::response(&head.fields, &head.bytes, SID, output, &mut edits);
        let slow = changed(&lines, "Set-Cookie", |line| Some(naive_put(line)));
        let expected = try_response(200, Method::Get, &joined(&slow)).unwrap().sent(&edits::NONE);
        prop_assert_eq!(trimmed_lines(&head.sent(&edits)), trimmed_lines(&expected));
    }

    #[test]
    fn dates_that_are_written_can_be_read(seconds in 0u64..253_402_300_800) {
        let mut room = [0; 29];
        Writer::new(&mut room).date(seconds).unwrap();
        prop_assert_eq!(date::cookie_date(&room), Some(seconds as i64));
        let dashed: Vec<u8> = room.iter().enumerate().map(|(at, byte)| if at == 7 || at == 11 { b'-' } else { *byte }).collect();
        prop_assert_eq!(date::cookie_date(&dashed), Some(seconds as i64));
        if seconds < 3_155_760_000 { // 2070: before that two digits are enough
            let short = [&dashed[..12], &dashed[14..]].concat();
            prop_assert_eq!(date::cookie_date(&short), Some(seconds as i64));
        }
    }

    #[test]
    fn no_bytes_are_too_much(value in vec(any::<u8>(), 0..200), cache in vec(any::<u8>(), 0..40)) {
        let lines = [b"Cookie: SID=" as &[u8], &value, b"\r\nSet-Cookie: SID=", &value, b"\r\nCache-Control:", &cache, b"\r\n"].concat();
        everything(&lines);
        everything(&value);
        date::cookie_date(&value);
    }
}

fn naive_put(line: &str) -> String {
    let first = line.split(';').next().unwrap_or_default();
    match naive_value(first).filter(|value| !naive_unquoted(value).is_empty()) {
        None => line.to_owned(),
        Some(value) => {
            let (start, rest) = line.split_once('=').unwrap();
            let blank = rest.len() - rest.trim_start_matches(BLANK).len();
            let quoted = usize::from(naive_unquoted(value) != value);
            let (before, after) = rest.split_at(blank + quoted);
            format!("{start}={before}out1~{after}")
        }
    }
}

/// The slow way loses the white space at the ends of a value, which is no part of it.
fn trimmed_lines(lines: &[u8]) -> Vec<String> {
    let text = String::from_utf8(lines.to_vec()).unwrap();
    let line = |line: &str| match line.split_once(':') {
        Some((name, value)) => format!("{name}:{}", value.trim_matches(BLANK)),
        None => line.to_owned(),
    };
    text.split("\r\n").map(line).collect()
}

/// All that can be done to heads with these lines.
fn everything(lines: &[u8]) {
    let mut edits = Edits::new();
    if let Some(head) = try_request(lines) {
        passive::request(&head.fields, &head.bytes, SID, 3);
        sync::request(&head.fields, &head.bytes, SID, known, &mut edits);
        head.sent(&edits);
        edits.clear();
        insert::request(&head.fields, &head.bytes, SID, known, &mut edits);
        assert!(head.sent(&edits).len() < LIMIT);
        edits.clear();
    }
    if let Some(head) = try_response(200, Method::Get, lines) {
        let output = OutputId::from_index(63);
        passive::response(&head.fields, &head.bytes, SID, 3, 1);
        sync::response(&head.fields, &head.bytes, SID, output.unwrap(), &mut edits);
        head.sent(&edits);
        edits.clear();
        let cookie = insert::Inserted {
            name: SID,
            secure: true,
        };
        insert::response(
            &head.head,
            Method::Get,
            &head.fields,
            &head.bytes,
            cookie,
            output,
            &mut edits,
        );
        head.sent(&edits);
    }
}
