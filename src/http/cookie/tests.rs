use super::*;

use std::net::IpAddr;
use std::net::Ipv4Addr;

use crate::http::edits::EDITS_MAX;
use crate::http::edits::Edits;
use crate::http::forward;
use crate::http::forward::RequestRules;
use crate::http::forward::ResponseRules;
use crate::http::request;
use crate::http::request::Method;
use crate::http::request::Request;
use crate::http::request::Version;
use crate::http::response;
use crate::http::response::Asked;
use crate::http::response::Response;

pub(super) const SID: &[u8] = b"SID";
pub(super) const LIMIT: usize = 60_000;
const NOW: u64 = 1_800_000_000; // 2027-01-15

/// The outputs of the tests: out1 … out4 and out64.
pub(super) fn known(output: OutputId) -> bool {
    matches!(output.number(), 1..=4 | 64)
}

fn output(number: usize) -> OutputId {
    OutputId::from_index(number - 1).unwrap()
}

/// A head, and what a parser made of it.
pub(super) struct Head<H> {
    pub(super) bytes: Vec<u8>,
    pub(super) fields: Fields,
    pub(super) head: H,
}

pub(super) fn try_request(lines: &[u8]) -> Option<Head<Request>> {
    let bytes = [b"GET / HTTP/1.1\r\nHost: a\r\n", lines, b"\r\n"].concat();
    let mut fields = Fields::new();
    let head = request::parse(&bytes, LIMIT, &mut fields).ok()??;
    Some(Head {
        bytes,
        fields,
        head,
    })
}

pub(super) fn try_response(status: u16, asked: Method, lines: &[u8]) -> Option<Head<Response>> {
    let start = format!("HTTP/1.1 {status} X\r\nDate: d\r\n");
    let bytes = [start.as_bytes(), lines, b"\r\n"].concat();
    let mut fields = Fields::new();
    let asked = Asked {
        method: asked,
        upgrade: true,
    };
    let head = response::parse(&bytes, LIMIT, asked, &mut fields).ok()??;
    Some(Head {
        bytes,
        fields,
        head,
    })
}

impl Head<Request> {
    /// The field lines that go out.
    pub(super) fn sent(&self, edits: &Edits) -> Vec<u8> {
        let rules = RequestRules {
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            forwarded: false,
            trusted: false,
            via: false,
            default_host: "",
        };
        let mut room = vec![0; 2 * LIMIT];
        let mut out = Writer::new(&mut room);
        let (fields, bytes) = (&self.fields, &self.bytes);
        forward::request(&self.head, fields, bytes, edits, &rules, &mut out).unwrap();
        let used = out.used();
        let start = b"GET / HTTP/1.1\r\nHost: a\r\n".len();
        room[start..used - 2].to_vec()
    }
}

impl Head<Response> {
    /// The field lines that go out.
    pub(super) fn sent(&self, edits: &Edits) -> Vec<u8> {
        let rules = ResponseRules {
            client: Version::Http11,
            framing: crate::http::body::Framing::None,
            close: false,
            via: false,
            unix_seconds: NOW,
        };
        let mut room = vec![0; 2 * LIMIT];
        let mut out = Writer::new(&mut room);
        let (fields, bytes) = (&self.fields, &self.bytes);
        forward::response(&self.head, fields, bytes, edits, &rules, &mut out).unwrap();
        let used = out.used();
        let start = b"HTTP/1.1 200 X\r\nDate: d\r\n".len();
        room[start..used - 2].to_vec()
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Cookie lines with these values.
fn cookie_lines(values: &[&str]) -> String {
    values.iter().map(|v| format!("Cookie: {v}\r\n")).collect()
}

fn set_cookie(value: &str) -> String {
    format!("Set-Cookie: {value}\r\n")
}

#[test]
fn cookies_are_found_however_they_are_spaced() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["SID=x"], &["x"]),
        (&["a=1; SID=x; b=2"], &["x"]),
        (&["a=1;SID=x;b=2"], &["x"]),
        (&["a=1 ;\t SID \t=  x\t ; b"], &["x"]),
        (&["SID=x; SID=y", "a=1", "SID=z"], &["x", "y", "z"]),
        (&["a=1", "SID=x"], &["x"]),
        (&["SID=", "SID= ", "SID=\"\""], &["", "", ""]),
        (&["SID=\"x y\""], &["x y"]),
        (
            &["SID=\"x", "SID=x\"", "SID=\"", "SID=\"\"\""],
            &["\"x", "x\"", "\"", "\""],
        ),
        (&["SID=x=y==", "SID==", "SID==;="], &["x=y==", "=", "="]),
        (&["SID=x y z"], &["x y z"]),
        // Not this name.
        (
            &["sid=x; Sid=x; SIDS=x; XSID=x; S ID=x; \"SID\"=x; $SID=x"],
            &[],
        ),
        // No value at all.
        (&["SID", "SID;", ";;SID;; ", "a=SID"], &[]),
        // Junk between.
        (&[";;; ;=;==;,;\";;SID=x;\"", ";", "="], &["x"]),
        // A comma separates nothing, quotes protect nothing.
        (&["a=1,SID=x", "a=1, SID=y; b"], &[]),
        (&["SID=x,y"], &["x,y"]),
        (&["a=\"u; SID=x", "b=\"; SID=y;\""], &["x", "y"]),
        (&["SID=\"a;b\""], &["\"a"]),
        (&[""], &[]),
    ];
    for (lines, expected) in cases {
        let lines = cookie_lines(lines);
        let head = try_request(lines.as_bytes()).unwrap();
        let spans: Vec<Span> = values(&head.fields, &head.bytes, SID).collect();
        let found: Vec<&[u8]> = spans.iter().map(|span| span.of(&head.bytes)).collect();
        let expected: Vec<&[u8]> = expected.iter().map(|value| value.as_bytes()).collect();
        assert_eq!(found, expected, "{lines}");
        assert_eq!(
            value(&head.fields, &head.bytes, SID),
            spans.first().copied()
        );
    }
}

#[test]
fn lines_that_do_not_go_on_do_not_count() {
    let lines = b"Connection: Cookie\r\ncookie: SID=out1~x\r\nA: b\r\n";
    let head = try_request(lines).unwrap();
    let mut edits = Edits::new();
    assert_eq!(values(&head.fields, &head.bytes, SID).count(), 0);
    assert_eq!(
        sync::request(&head.fields, &head.bytes, SID, known, &mut edits),
        None
    );
    assert!(edits.is_empty());
    let head = try_request(b"A: b\r\n").unwrap();
    assert_eq!(values(&head.fields, &head.bytes, SID).count(), 0);
}

#[test]
fn sync_takes_the_name_off_again() {
    let cases: &[(&[&str], &[&str], usize)] = &[
        (&["SID=out1~x"], &["SID=x"], 1),
        (&["a=out2~1; SID=out64~x; b"], &["a=out2~1; SID=x; b"], 64),
        (
            &["a=1;  SID = \"out3~x y\" ;b"],
            &["a=1;  SID = \"x y\" ;b"],
            3,
        ),
        (&["SID=out1~out2~x"], &["SID=out2~x"], 1),
        (&["SID=out1~"], &["SID="], 1),
        (&["SID=out1~\"x\""], &["SID=\"x\""], 1),
        (
            &["SID=x; SID=out2~y", "SID=out3~z;"],
            &["SID=x; SID=y", "SID=z;"],
            2,
        ),
        // Not of ours.
        (&["SID=out5~x"], &["SID=out5~x"], 0),
        (
            &["SID=out0~x; SID=out65~x; SID=out01~x; SID=out1"],
            &["SID=out0~x; SID=out65~x; SID=out01~x; SID=out1"],
            0,
        ),
        (
            &["SID=Out1~x; SID=~x; SID=xout1~x; SID=out+1~"],
            &["SID=Out1~x; SID=~x; SID=xout1~x; SID=out+1~"],
            0,
        ),
        (&["SID=out5~x; SID=out4~x"], &["SID=out5~x; SID=x"], 4),
    ];
    for (from, to, number) in cases {
        let head = try_request(cookie_lines(from).as_bytes()).unwrap();
        let mut edits = Edits::new();
        let tied = sync::request(&head.fields, &head.bytes, SID, known, &mut edits);
        assert_eq!(tied.map_or(0, OutputId::number), *number, "{from:?}");
        assert_eq!(text(head.sent(&edits)), cookie_lines(to));
    }
}

#[test]
fn sync_puts_the_name_in_front() {
    for (from, to) in [
        ("SID=x", "SID=out12~x"),
        ("SID=x; path=/; SID=y", "SID=out12~x; path=/; SID=y"),
        ("SID = \"x y\" ;path=/", "SID = \"out12~x y\" ;path=/"),
        ("SID=\"x", "SID=out12~\"x"),
        ("SID=out1~x", "SID=out12~out1~x"),
        ("SID=deleted; Max-Age=0", "SID=out12~deleted; Max-Age=0"),
        ("SID=; Max-Age=0", "SID=; Max-Age=0"),
        ("SID=\"\"", "SID=\"\""),
        ("SID", "SID"),
        ("sid=x", "sid=x"),
        ("a=b; SID=x", "a=b; SID=x"),
        ("a=b, SID=x", "a=b, SID=x"),
        ("", ""),
    ] {
        let lines = set_cookie("SIDE=x") + &set_cookie(from) + &set_cookie("SID=z");
        let head = try_response(200, Method::Get, lines.as_bytes()).unwrap();
        let mut edits = Edits::new();
        sync::response(&head.fields, &head.bytes, SID, output(12), &mut edits);
        let expected = set_cookie("SIDE=x") + &set_cookie(to) + &set_cookie("SID=out12~z");
        assert_eq!(text(head.sent(&edits)), expected);
    }
}

#[test]
fn insert_leaves_no_trace_in_requests() {
    let cases: &[(&[&str], &[&str], usize)] = &[
        (&["SID=out1"], &[], 1),
        (&["SID=out64;"], &[], 64),
        (&[" ; SID=\"out2\" ;\t;"], &[], 2),
        (&["SID=out2; SID=out1; SID=x"], &[], 2),
        (&["SID=out1; a=1"], &["a=1"], 1),
        (&["SID=out1 ;\t  a=1"], &["a=1"], 1),
        (&["a=1; SID=out1"], &["a=1"], 1),
        (&["a=1;SID=out1;"], &["a=1;"], 1),
        (&["a=1; SID=out1; b=2"], &["a=1; b=2"], 1),
        (&["a=1;  SID=out1;b=2"], &["a=1;b=2"], 1),
        (&["SID=out1;a=1;SID=out2;b=2;SID=out3"], &["a=1;b=2"], 1),
        (
            &["SID=out1; SID=out2; a=1; SID=x; SID=y; b"],
            &["a=1; b"],
            1,
        ),
        (&["; SID=out1; a=1;;"], &["; a=1;;"], 1),
        (&["SID=out1;;a=1"], &[";a=1"], 1),
        (&["a=1", "SID=out3", "b=2; SID=out1"], &["a=1", "b=2"], 3),
        (&["SID=out5; a=1"], &["a=1"], 0),
        (&["SID=; a=1"], &["a=1"], 0),
        // The first is what counts.
        (&["SID=x; SID=out1; a=1"], &["a=1"], 0),
        // Not ours.
        (&["SID; a=1", ""], &["SID; a=1", ""], 0),
        (&["SID=out1; SID"], &["SID"], 1),
        (
            &["sid=out1; a=1,SID=out1,b=2"],
            &["sid=out1; a=1,SID=out1,b=2"],
            0,
        ),
    ];
    for (from, to, number) in cases {
        let lines = format!("A: 1\r\n{}B: 2\r\n", cookie_lines(from));
        let head = try_request(lines.as_bytes()).unwrap();
        let mut edits = Edits::new();
        let tied = insert::request(&head.fields, &head.bytes, SID, known, &mut edits);
        assert_eq!(tied.map_or(0, OutputId::number), *number, "{from:?}");
        let expected = format!("A: 1\r\n{}B: 2\r\n", cookie_lines(to));
        assert_eq!(text(head.sent(&edits)), expected);
    }
}

#[track_caller]
fn inserted(status: u16, asked: Method, from: &str, tie: Option<usize>, secure: bool) -> String {
    let head = try_response(status, asked, from.as_bytes()).unwrap();
    let mut edits = Edits::new();
    insert::response(
        &head.head,
        asked,
        &head.fields,
        &head.bytes,
        insert::Inserted { name: SID, secure },
        tie.map(output),
        &mut edits,
    );
    text(head.sent(&edits))
}

#[test]
fn insert_sets_its_cookie() {
    let ours = "Set-Cookie: SID=out7; path=/; HttpOnly; SameSite=Lax";
    let private = "Cache-Control: no-store\r\n";
    let from = format!("{private}Set-Cookie: a=1\r\nset-cookie: SID=own; path=/a\r\nB: 2\r\n");
    let rest = format!("{private}Set-Cookie: a=1\r\nB: 2\r\n");
    for (tie, secure, added) in [
        (None, true, String::new()),
        (Some(7), false, format!("{ours}\r\n")),
        (Some(7), true, format!("{ours}; Secure\r\n")),
    ] {
        let expected = format!("{rest}{added}");
        assert_eq!(inserted(200, Method::Get, &from, tie, secure), expected);
    }
    assert_eq!(
        inserted(200, Method::Get, "A: 1\r\n", None, false),
        "A: 1\r\n"
    );
}

/// What becomes of the Cache-Control lines, and of Expires.
#[track_caller]
fn kept_private(status: u16, asked: Method, from: &str, to: &str) {
    let sent = inserted(status, asked, from, Some(7), false);
    let ours = "Set-Cookie: SID=out7; path=/; HttpOnly; SameSite=Lax\r\n";
    assert_eq!(sent.replace(ours, ""), to, "{status} {asked:?}");
}

const PRIVATE: &str = "Cache-Control: private\r\n";

#[test]
fn what_may_be_stored_by_itself_becomes_private() {
    for status in [
        200, 203, 204, 206, 300, 301, 304, 308, 404, 405, 410, 414, 501,
    ] {
        kept_private(status, Method::Get, "", PRIVATE);
        kept_private(status, Method::Head, "", PRIVATE);
        kept_private(status, Method::Post, "", "");
        kept_private(status, Method::Delete, "", "");
    }
    for status in [201, 302, 303, 307, 400, 401, 403, 500, 502, 503, 504] {
        kept_private(status, Method::Get, "", "");
        let lives = "Expires: x\r\n";
        kept_private(status, Method::Get, lives, &format!("{lives}{PRIVATE}"));
        kept_private(status, Method::Post, lives, &format!("{lives}{PRIVATE}"));
        kept_private(status, Method::Other, lives, &format!("{lives}{PRIVATE}"));
        kept_private(status, Method::Put, lives, lives);
        let shared = "Cache-Control: s-maxage=5\r\n";
        let both = "Cache-Control: private, s-maxage=5\r\n";
        kept_private(status, Method::Get, shared, both);
    }
    let switch = "Upgrade: a\r\nConnection: upgrade\r\nCache-Control: public\r\n";
    let rest = "Cache-Control: public\r\nConnection: upgrade\r\nUpgrade: a\r\n";
    kept_private(101, Method::Get, switch, rest);
}

#[test]
fn private_takes_the_place_of_public_and_goes_before_the_rest() {
    for (from, to) in [
        ("public", "private"),
        ("Public , max-age=5", "private , max-age=5"),
        ("max-age=5,public", "max-age=5,private"),
        ("max-age=5", "private, max-age=5"),
        ("no-cache", "private, no-cache"),
        ("", "private"),
        // Names fields, so the rest is still for all.
        ("private=\"Set-Cookie\"", "private, private=\"Set-Cookie\""),
        ("private=\"a, public\"", "private, private=\"a, public\""),
        ("x=\"a\\\", private, \"", "private, x=\"a\\\", private, \""),
        ("x=\"a\\\\\", public", "x=\"a\\\\\", private"),
        // A quote that is never closed hides what is behind it.
        ("x=\"a, private", "private, x=\"a, private"),
        (
            "no-store, must-understand",
            "private, no-store, must-understand",
        ),
        // Stays as it is.
        ("no-store", "no-store"),
        ("max-age=5, NO-STORE", "max-age=5, NO-STORE"),
        ("Private", "Private"),
        ("public, private", "public, private"),
        (" ,, private ,", " ,, private ,"),
    ] {
        let line = |value: &str| format!("Cache-Control: {value}\r\n");
        kept_private(200, Method::Get, &line(from), &line(to));
        kept_private(200, Method::Put, &line(from), &line(from));
    }
    let two = "Cache-Control: max-age=5\r\nA: 1\r\ncache-control: public, x\r\n";
    kept_private(200, Method::Get, two, &two.replace("public", "private"));
    let two = "Cache-Control: max-age=5\r\nA: 1\r\ncache-control: private\r\n";
    kept_private(200, Method::Get, two, two);
    let hop = "Connection: cache-control\r\nCache-Control: no-store\r\n";
    kept_private(200, Method::Get, hop, PRIVATE);
}

#[test]
fn passive_reads_the_first_bytes() {
    for (lines, check_bytes, key) in [
        (&["SID=abcdef"][..], 4, Some("abcd")),
        (&["SID=abc"], 4, Some("abc")),
        (&["SID=\"abcdef\""], 4, Some("abcd")),
        (&["SID=abc; SID=x"], usize::MAX, Some("abc")),
        (&["a=1", "SID=x"], 1, Some("x")),
        (&["SID=; SID=x"], 4, None),
        (&["SID=\"\""], 4, None),
        (&["a=1"], 4, None),
    ] {
        let head = try_request(cookie_lines(lines).as_bytes()).unwrap();
        let found = passive::request(&head.fields, &head.bytes, SID, check_bytes);
        assert_eq!(found, key.map(str::as_bytes), "{lines:?}");
    }
}

#[test]
fn passive_learns_what_is_set_last() {
    let gone = "SID=deleted; Max-Age=0";
    for (lines, key, deleted) in [
        (&["SID=abcdef; path=/"][..], Some("abcd"), false),
        (&["SID=\"abcdef\""], Some("abcd"), false),
        (&["SID=ab", "a=1", "SID=cd"], Some("cd"), false),
        (&[gone, "SID=cd"], Some("cd"), false),
        (&["SID=cd", gone], Some("cd"), true),
        (&[gone], None, true),
        (&["SID="], None, true),
        (&["a=1", "sid=x", "SID"], None, false),
        (&[], None, false),
    ] {
        let lines: String = lines.iter().map(|value| set_cookie(value)).collect();
        let head = try_response(200, Method::Get, lines.as_bytes()).unwrap();
        let said = passive::response(&head.fields, &head.bytes, SID, 4, NOW);
        let key = key.map(str::as_bytes);
        assert_eq!(said, passive::Said { key, deleted }, "{lines}");
    }
}

#[test]
fn a_set_cookie_deletes_when_it_says_so() {
    for (line, deletes) in [
        ("SID=x", false),
        ("SID=", true),
        ("SID=\"\"", true),
        ("SID= ; path=/", true),
        ("SID=x; Max-Age=0", true),
        ("SID=x;MAX-AGE = -5 ;", true),
        ("SID=x; max-age=-0", true),
        ("SID=x; max-age=000", true),
        ("SID=x; Max-Age=1", false),
        ("SID=x; Max-Age=99999999999999999999999", false),
        ("SID=x; Max-Age=-99999999999999999999999", true),
        // No numbers: as if they were not there.
        ("SID=x; Max-Age", false),
        ("SID=x; Max-Age=", false),
        ("SID=x; Max-Age=-", false),
        ("SID=x; Max-Age=+0", false),
        ("SID=x; Max-Age=0x0", false),
        ("SID=x; Max-Age=\"0\"", false),
        ("SID=x; Max-Age=0; Max-Age=5", false),
        ("SID=x; Max-Age=5; Max-Age=0", true),
        ("SID=x; Max-Age=0; Max-Age=y", true),
        // NOW is 2027-01-15 08:00:00.
        ("SID=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT", true),
        ("SID=x;  eXPIRES  =  Thu, 01-Jan-1970 00:00:01 GMT  ", true),
        ("SID=x; expires=Fri, 15 Jan 2027 08:00:00 GMT", true),
        ("SID=x; expires=Fri, 15 Jan 2027 08:00:01 GMT", false),
        ("SID=x; expires=0", false),
        ("SID=x; expires", false),
        (
            "SID=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=5",
            false,
        ),
        (
            "SID=x; Max-Age=5; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            false,
        ),
        (
            "SID=x; Max-Age=0; Expires=Thu, 01 Jan 2099 00:00:00 GMT",
            true,
        ),
        (
            "SID=x; Max-Age=y; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            true,
        ),
        ("SID=x; xMax-Age=0; a=Max-Age=0, Max-Age=0", false),
        ("SID=x\"; Max-Age=0", true),
    ] {
        let head = try_response(200, Method::Get, set_cookie(line).as_bytes()).unwrap();
        let mut all = set::all(&head.fields, &head.bytes, SID);
        let cookie = all.next().unwrap();
        assert_eq!(cookie.deletes(&head.bytes, NOW), deletes, "{line}");
    }
}

#[test]
fn dates_are_read_however_servers_write_them() {
    for (text, seconds) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
        ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
        ("Sun, 06-Nov-1994 08:49:37 GMT", Some(784_111_777)),
        ("06 november 94 8:49:37", Some(784_111_777)),
        ("1994 NOV 06 08:49:37", Some(784_111_777)),
        ("06th;NOVxyz;1994pm;8:49:37.5", Some(784_111_777)),
        ("01 Jan 70 00:00:00", Some(0)),
        ("31 Dec 69 23:59:59", Some(3_155_759_999)),
        ("01 Jan 1969 00:00:00", Some(-31_536_000)),
        ("29 Feb 2000 00:00:00", Some(951_782_400)),
        ("29 Feb 2024 00:00:00", Some(1_709_164_800)),
        ("01 Jan 1601 00:00:00", Some(-11_644_473_600)),
        ("31 Dec 9999 23:59:59", Some(253_402_300_799)),
        // None at all.
        ("29 Feb 1900 00:00:00", None),
        ("29 Feb 2023 00:00:00", None),
        ("31 Apr 2023 00:00:00", None),
        ("31 Dec 1600 23:59:59", None),
        ("00 Jan 2000 00:00:00", None),
        ("32 Jan 2000 00:00:00", None),
        ("01 Jan 2000 24:00:00", None),
        ("01 Jan 2000 00:60:00", None),
        ("01 Jan 2000 00:00:60", None),
        ("01 Jan 2000 00:00", None),
        ("01 Jan 2000 000:00:00", None),
        ("01 Jan 20000 00:00:00", None),
        ("001 Jan 2000 00:00:00", None),
        ("01 Jän 2000 00:00:00", None),
        ("01 Jan 00:00:00", None),
        ("Jan 2000 00:00:00", None),
        ("0", None),
        ("", None),
    ] {
        assert_eq!(date::cookie_date(text.as_bytes()), seconds, "{text}");
    }
}

#[test]
fn more_edits_than_there_is_room_for_leave_the_rest_alone() {
    let many = "SID=out1~x;".repeat(EDITS_MAX + 1);
    let head = try_request(cookie_lines(&[&many]).as_bytes()).unwrap();
    let mut edits = Edits::new();
    let tied = sync::request(&head.fields, &head.bytes, SID, known, &mut edits);
    assert_eq!(tied, Some(output(1)));
    let rest = "SID=x;".repeat(EDITS_MAX) + "SID=out1~x;";
    assert_eq!(text(head.sent(&edits)), cookie_lines(&[&rest]));

    let many = "a;SID=x;".repeat(EDITS_MAX + 1);
    let head = try_request(cookie_lines(&[&many]).as_bytes()).unwrap();
    edits.clear();
    insert::request(&head.fields, &head.bytes, SID, known, &mut edits);
    let rest = "a;".repeat(EDITS_MAX) + "a;SID=x;";
    assert_eq!(text(head.sent(&edits)), cookie_lines(&[&rest]));
}
