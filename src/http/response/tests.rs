use super::*;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const LIMIT: usize = 16384;

#[track_caller]
fn read(head: &[u8], method: Method) -> Result<Option<Response>, Broken> {
    parse(head, LIMIT, plain(method), &mut Fields::new())
}

fn plain(method: Method) -> Asked {
    Asked {
        method,
        upgrade: false,
    }
}

#[track_caller]
fn good(head: &str, asked: Method) -> Response {
    read(head.as_bytes(), asked).unwrap().expect("a whole head")
}

#[test]
fn status_lines() {
    for (line, version, status, reason) in [
        ("HTTP/1.1 200 OK", Version::Http11, 200, "OK"),
        ("HTTP/1.0 404 Not Found", Version::Http10, 404, "Not Found"),
        ("HTTP/1.3 100 ", Version::Http11, 100, ""),
        ("HTTP/1.1 599", Version::Http11, 599, ""),
        (
            "HTTP/1.1 200 \tcaf\u{e9} ",
            Version::Http11,
            200,
            "\tcaf\u{e9} ",
        ),
    ] {
        let head = format!("{line}\r\nContent-Length: 0\r\n\r\n");
        let response = good(&head, Method::Get);
        assert_eq!(
            (response.version, response.status),
            (version, status),
            "{line}"
        );
        assert_eq!(
            response.reason.of(head.as_bytes()),
            reason.as_bytes(),
            "{line}"
        );
        assert_eq!(response.head_bytes, head.len());
    }
}

#[test]
fn status_lines_that_are_none() {
    for line in [
        "",
        "garbage",
        "HTTP/1.1",
        "HTTP/1.1 ",
        "HTTP/1.1 20",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 abc OK",
        "HTTP/1.1 -20 OK",
        "HTTP/1.1200 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 099 X",
        "HTTP/1.1 600 X",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 200OK",
        "HTTP/1.1 200\tOK",
        "http/1.1 200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/1.1 200 O\rK",
        "HTTP/1.1 200 O\nK",
        "HTTP/1.1 200 O\0K",
        " HTTP/1.1 200 OK",
        "\r\nHTTP/1.1 200 OK",
    ] {
        let head = format!("{line}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(
            read(head.as_bytes(), Method::Get),
            Err(Broken::StatusLine),
            "{line:?}"
        );
    }
}

/// The table of RFC 9112 §6.3, for what a gateway can have asked.
#[test]
fn how_the_body_is_framed() {
    let nothing = "";
    let length = "Content-Length: 5\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (status, asked, fields, body) in [
        (200, Method::Get, nothing, Framing::UntilClose),
        (200, Method::Get, length, Framing::Length(5)),
        (200, Method::Get, chunked, Framing::Chunked),
        (200, Method::Head, nothing, Framing::None),
        (200, Method::Head, length, Framing::None),
        (200, Method::Head, chunked, Framing::None),
        (500, Method::Post, nothing, Framing::UntilClose),
        (
            205,
            Method::Get,
            "Content-Length: 0\r\n",
            Framing::Length(0),
        ),
        (204, Method::Get, nothing, Framing::None),
        (204, Method::Get, length, Framing::None),
        (204, Method::Get, chunked, Framing::None),
        (304, Method::Get, nothing, Framing::None),
        (304, Method::Get, length, Framing::None),
        (304, Method::Get, chunked, Framing::None),
        (100, Method::Post, nothing, Framing::None),
        (103, Method::Get, length, Framing::None),
    ] {
        let response = good(&format!("HTTP/1.1 {status} X\r\n{fields}\r\n"), asked);
        assert_eq!(response.body, body, "{status} to {asked:?} with {fields:?}");
        assert_eq!(
            response.length,
            (fields == length).then_some(5).or(response.length)
        );
        assert_eq!(response.is_interim(), status < 200);
    }
}

#[test]
fn framing_that_no_one_can_trust() {
    for (version, fields, fault) in [
        ("1.1", "Content-Length: +5", FramingFault::LengthInvalid),
        ("1.1", "Content-Length: 5 5", FramingFault::LengthInvalid),
        ("1.1", "Content-Length:", FramingFault::LengthInvalid),
        ("1.1", "Content-Length: 5, 6", FramingFault::LengthsDiffer),
        (
            "1.1",
            "Content-Length: 5\r\nContent-Length: 4",
            FramingFault::LengthsDiffer,
        ),
        (
            "1.1",
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            FramingFault::LengthAndCoding,
        ),
        (
            "1.1",
            "Transfer-Encoding: chunked, chunked",
            FramingFault::CodingMalformed,
        ),
        (
            "1.1",
            "Transfer-Encoding: chunked, gzip",
            FramingFault::CodingMalformed,
        ),
        (
            "1.1",
            "Transfer-Encoding: xchunked",
            FramingFault::CodingMalformed,
        ),
        (
            "1.1",
            "Transfer-Encoding: gzip, chunked",
            FramingFault::CodingUnknown,
        ),
        (
            "1.0",
            "Transfer-Encoding: chunked",
            FramingFault::CodingInOldVersion,
        ),
    ] {
        let head = format!("HTTP/{version} 200 OK\r\n{fields}\r\n\r\n");
        for asked in [Method::Get, Method::Head] {
            assert_eq!(
                read(head.as_bytes(), asked),
                Err(Broken::Framing(fault)),
                "{fields:?}"
            );
        }
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(good(head, Method::Get).body, Framing::Length(5));
}

#[test]
fn fields_are_read_as_strictly_as_in_requests() {
    for (field, fault) in [
        ("X-A : a", FieldFault::Name),
        ("garbage", FieldFault::Name),
        (" X-A: 1", FieldFault::Folded),
        ("X-A: a\0b", FieldFault::Value),
        ("X-A: a\rb", FieldFault::LineEnd),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{field}\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(
            read(head.as_bytes(), Method::Get),
            Err(Broken::Field(fault)),
            "{field:?}"
        );
    }
}

#[test]
fn when_the_protocol_is_switched() {
    let asked = Asked {
        method: Method::Get,
        upgrade: true,
    };
    for (fields, switches) in [
        ("Upgrade: websocket\r\nConnection: Upgrade\r\n", true),
        ("Upgrade: a/1\r\nupgrade: b\r\n", true),
        ("Upgrade: a\r\nContent-Length: 5\r\n", true),
        ("Connection: Upgrade\r\n", false),
        ("Upgrade:\r\nConnection: Upgrade\r\n", false),
        ("Upgrade: a b\r\n", false),
        ("Upgrade: h2c\r\n", false),
        ("Upgrade: websocket, H2C/1\r\n", false),
    ] {
        let head = format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n");
        let head = head.as_bytes();
        let unasked = read(head, Method::Get);
        assert_eq!(unasked, Err(Broken::SwitchUnasked), "{fields:?}");
        let got = parse(head, LIMIT, asked, &mut Fields::new());
        if !switches {
            assert_eq!(got, Err(Broken::SwitchUnasked), "{fields:?}");
            continue;
        }
        let response = got.unwrap().expect("a whole head");
        assert!(response.switches() && !response.is_interim());
        assert_eq!((response.body, response.persistent), (Framing::None, false));
    }
    // Asking changes nothing about other responses.
    for head in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 100 C\r\nUpgrade: a\r\n\r\n",
    ] {
        let got = parse(head.as_bytes(), LIMIT, asked, &mut Fields::new());
        assert_eq!(got, read(head.as_bytes(), Method::Get), "{head:?}");
        assert!(!got.unwrap().unwrap().switches());
    }
}

#[test]
fn whether_the_connection_stays() {
    for (head, persistent) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", true),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n",
            false,
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", true),
        ("HTTP/1.1 200 OK\r\n", false),
        ("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n", false),
        (
            "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n",
            true,
        ),
        ("HTTP/1.1 304 X\r\nContent-Length: 5\r\n", true),
        ("HTTP/1.1 204 X\r\n", true),
        ("HTTP/1.1 204 X\r\nContent-Length: 0\r\n", true),
        ("HTTP/1.1 204 X\r\nContent-Length: 5\r\n", false),
        ("HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n", false),
    ] {
        let response = good(&format!("{head}\r\n"), Method::Get);
        assert_eq!(response.persistent, persistent, "{head:?}");
    }
}

#[test]
fn a_head_has_its_limit() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    for limit in 0..=head.len() {
        let got = parse(head, limit, plain(Method::Get), &mut Fields::new());
        let expected = if limit < head.len() {
            Err(Broken::HeadTooLong)
        } else {
            Ok(())
        };
        assert_eq!(got.map(|_| ()), expected, "a limit of {limit}");
    }
}

fn rough() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&[u8]> = vec![
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 204",
        b"\r\n",
        b"\r",
        b"\n",
        b"Content-Length: 5\r\n",
        b"A: b\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"HTTP/1.1 101 S\r\nUpgrade: a\r\n",
        b"Upgrade: websocket\r\n",
        b"Upgrade: h2c\r\n",
        b" ",
        b"x",
        b":",
        b"\0",
        b"\r\n\r\n",
    ];
    let start = prop_oneof![
        Just(b"HTTP/1.1 200 OK\r\n".as_slice()),
        Just(b"HTTP/1.1 101 S\r\n".as_slice()),
        Just(b"".as_slice())
    ];
    (start, vec(select(words), 0..10)).prop_map(|(start, words)| [start, &words.concat()].concat())
}

proptest! {
    #[test]
    fn a_head_has_one_answer_wherever_it_is_cut(
        bytes in prop_oneof![rough(), vec(any::<u8>(), 0..200)],
        upgrade: bool,
    ) {
        let asked = Asked { method: Method::Get, upgrade };
        let mut fields = Fields::new();
        let mut answer = None;
        for length in 0..=bytes.len() {
            let got = parse(&bytes[..length], 100, asked, &mut fields);
            if let Some(answer) = answer {
                prop_assert_eq!(got, answer, "at {}", length);
            } else if let Ok(Some(response)) = got {
                prop_assert_eq!(response.head_bytes, length, "as soon as the head is whole");
                answer = Some(got);
            } else if got.is_err() {
                answer = Some(got);
            }
        }
    }
}
