//! What holds for every request head, wherever it is cut.

use std::net::IpAddr;
use std::net::Ipv4Addr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::http::body::Framing;
use crate::http::edits::NONE;
use crate::http::field::Fields;
use crate::http::field::Known;
use crate::http::forward;
use crate::http::forward::RequestRules;
use crate::http::request::parse;
use crate::http::writer::Writer;

const LIMIT: usize = 600;

/// Request lines and field lines, sound and not, and what may stand between them.
fn head() -> impl Strategy<Value = Vec<u8>> {
    let starts: Vec<&[u8]> = vec![b"", b"\r\n", b"\r\n\r\n", b" ", b"\0"];
    let lines: Vec<&[u8]> = vec![
        b"GET / HTTP/1.1",
        b"POST /a?b HTTP/1.1",
        b"GET http://b.test HTTP/1.1",
        b"OPTIONS * HTTP/1.0",
        b"OPTIONS http://b.test HTTP/1.1",
        b"GET / HTTP/2.0",
        b"PRI * HTTP/2.0",
        b"get\t/ HTTP/1.1",
        b"CONNECT a:1 HTTP/1.1",
        b"PUT /\xc3\xa9 HTTP/1.0",
        b"GET /",
        b"",
    ];
    let fields: Vec<&[u8]> = vec![
        b"Host: a.test",
        b"Host:",
        b"Content-Length: 5",
        b"Content-Length: 5, 5",
        b"Content-Length: 6",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip",
        b"Connection: close, X-Hop",
        b"X-Hop: 1",
        b"Connection: keep-alive",
        b"Cookie: a=b",
        b"X-Forwarded-For: 10.0.0.1",
        b"Expect: 100-continue",
        b"Trailer: A",
        b"Connection: Upgrade",
        b"Upgrade: websocket, h2c/1",
        b"Upgrade: a b",
        b"HTTP2-Settings: A",
        b"Max-Forwards: 7",
        b" folded",
        b"bad name: 1",
        b"control: \x01",
        b"\xff\xfe",
        b"Empty:",
        b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ];
    let ends: Vec<&[u8]> = vec![b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"];
    let end = select(ends);
    // Most lines end as they should, most heads have a Host.
    let line = (
        select(fields),
        prop_oneof![20 => Just(b"\r\n".as_slice()), 1 => end],
    );
    let start = prop_oneof![9 => Just(b"".as_slice()), 1 => select(starts)];
    (start, select(lines), vec(line, 0..8), any::<bool>()).prop_map(
        |(start, line, fields, host)| {
            let mut head = [start, line, b"\r\n"].concat();
            if host {
                head.extend(b"Host: c.test\r\n");
            }
            for (field, end) in fields {
                head.extend_from_slice(field);
                head.extend_from_slice(end);
            }
            head.extend(b"\r\nbehind");
            head
        },
    )
}

/// Once a prefix is accepted or refused, what comes behind it changes nothing.
fn one_answer(bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut fields = Fields::new();
    let mut answer = None;
    for length in 0..=bytes.len() {
        let got = parse(&bytes[..length], LIMIT, &mut fields);
        if let Some(answer) = answer {
            prop_assert_eq!(got, answer, "at {}", length);
        } else if let Ok(Some(request)) = got {
            prop_assert_eq!(request.head_bytes, length, "as soon as the head is whole");
            answer = Some(got);
        } else if got.is_err() {
            answer = Some(got);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_head_has_one_answer_wherever_it_is_cut(bytes in head()) {
        one_answer(&bytes)?;
    }

    #[test]
    fn so_have_any_bytes(bytes in vec(any::<u8>(), 0..700)) {
        one_answer(&bytes)?;
    }

    #[test]
    fn what_is_forwarded_reads_as_the_same_request(bytes in head(), forwarded: bool, trusted: bool) {
        let mut fields = Fields::new();
        let Ok(Some(request)) = parse(&bytes, LIMIT, &mut fields) else {
            return Ok(());
        };
        let rules = RequestRules {
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            forwarded,
            trusted,
            via: true,
            default_host: "default.test",
        };
        let mut room = [0; 2048];
        let mut out = Writer::new(&mut room);
        forward::request(&request, &fields, &bytes, &NONE, &rules, &mut out).unwrap();
        let used = out.used();
        let again = parse(&room[..used], 2048, &mut fields).unwrap().unwrap();
        prop_assert_eq!(again.head_bytes, used);
        prop_assert_eq!(again.method, request.method);
        prop_assert_eq!(again.body, request.body);
        prop_assert!(again.persistent);
        prop_assert_eq!(again.upgrade, request.upgrade);
        prop_assert!(!again.last_hop, "7 hops are enough for two of us");
        prop_assert_eq!(fields.has(Known::Upgrade), request.upgrade);
        prop_assert!(!fields.has(Known::Http2Settings));
        prop_assert!(!again.host.is_empty());
        let framing_lines = fields.iter().filter(|field| {
            let name = field.name.of(&room[..used]);
            name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding")
        });
        prop_assert_eq!(framing_lines.count(), usize::from(request.body != Framing::None));
    }
}
