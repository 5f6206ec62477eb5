use super::*;

use crate::http::body::FramingFault;
use crate::http::field::FieldFault;

const LIMIT: usize = 16384;

#[track_caller]
fn read(head: &[u8]) -> Result<Option<Request>, Refusal> {
    parse(head, LIMIT, &mut Fields::new())
}

#[track_caller]
fn good(head: &str) -> Request {
    read(head.as_bytes()).unwrap().expect("a whole head")
}

/// A request line with the least behind it.
fn with_line(line: &str) -> Vec<u8> {
    format!("{line}\r\nHost: a\r\n\r\n").into_bytes()
}

/// One more field line in a head that is sound otherwise.
fn with_field(line: &[u8]) -> Vec<u8> {
    [b"POST / HTTP/1.1\r\nHost: a\r\n", line, b"\r\n\r\n"].concat()
}

#[test]
fn a_plain_request() {
    let text = "GET /a?b HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\n\r\n";
    let request = good(text);
    assert_eq!(request.method, Method::Get);
    assert_eq!(request.target.form, Form::Origin);
    assert_eq!(request.target.path.of(text.as_bytes()), b"/a?b");
    assert_eq!(request.host.of(text.as_bytes()), b"a.test");
    assert_eq!(request.version, Version::Http11);
    assert_eq!(request.head_bytes, text.len());
    assert_eq!(request.body, Framing::None);
    assert!(request.persistent);
    assert!(!request.expects_continue);
}

#[test]
fn one_empty_line_may_come_first() {
    let text = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(good(text).head_bytes, text.len());
    assert_eq!(read(b"\r\n\r\nGET"), Err(Refusal::RequestLine));
    assert_eq!(read(b"\nGET"), Err(Refusal::RequestLine));
    assert_eq!(read(b"\rG"), Err(Refusal::RequestLine));
}

#[test]
fn what_follows_the_head_is_left_alone() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n\0\r\rrubbish";
    assert_eq!(good(text).head_bytes, text.len() - 10);
}

#[test]
fn methods_are_case_sensitive_tokens() {
    for (text, method) in [
        ("GET", Method::Get),
        ("HEAD", Method::Head),
        ("POST", Method::Post),
        ("PUT", Method::Put),
        ("DELETE", Method::Delete),
        ("OPTIONS", Method::Options),
        ("get", Method::Other),
        ("PROPFIND", Method::Other),
        ("M-SEARCH", Method::Other),
    ] {
        let head = format!("{text} / HTTP/1.1\r\nHost: a\r\n\r\n");
        let request = good(&head);
        assert_eq!(request.method, method, "{text}");
        assert_eq!(request.method_text.of(head.as_bytes()), text.as_bytes());
    }
}

#[test]
fn idempotent_methods() {
    for method in [
        Method::Get,
        Method::Head,
        Method::Put,
        Method::Delete,
        Method::Options,
    ] {
        assert!(method.is_idempotent(), "{method:?}");
    }
    for method in [Method::Post, Method::Other] {
        assert!(!method.is_idempotent(), "{method:?}");
    }
}

#[test]
fn request_lines_that_are_none() {
    for line in [
        "",
        " ",
        "GET",
        "GET ",
        "GET /",
        "GET  / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "G@T / HTTP/1.1",
        "GET,POST / HTTP/1.1",
        "G\u{c9}T / HTTP/1.1",
        "GET/ HTTP/1.1",
        "GET /p x HTTP/1.1",
        "GET / HTTP/1.1 HTTP/1.1",
        "GET / HTTP/1",
        "GET / HTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1,1",
        "GET / HTTP/1.1.1",
        "GET / HTTP/257.257",
        "GET / HTTP/-1.1",
        "GET / HTTP/1.a",
        "GET / HTTP/1.1x",
        "GET / HTTP/1.1\0",
        "GET / HTTP/1.1\nX: y",
        "GET / HTTP/1.1\rX: y",
        "Host: a",
        "\u{16}\u{3}\u{1}\u{2}",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1234 80",
    ] {
        assert!(
            matches!(
                read(&with_line(line)),
                Err(Refusal::RequestLine | Refusal::Target)
            ),
            "{line:?}: {:?}",
            read(&with_line(line))
        );
    }
}

#[test]
fn targets_in_their_forms() {
    for (line, form, authority, path) in [
        ("GET /", Form::Origin, "", "/"),
        ("GET //a///b", Form::Origin, "", "//a///b"),
        (
            "GET /%7e/../%2F?a=[1]{2}|^`<>\"\\",
            Form::Origin,
            "",
            "/%7e/../%2F?a=[1]{2}|^`<>\"\\",
        ),
        ("GET /caf\u{e9}", Form::Origin, "", "/caf\u{e9}"),
        ("OPTIONS *", Form::Asterisk, "", "*"),
        ("GET http://b.test", Form::Absolute, "b.test", ""),
        (
            "GET HTTPS://b.test:8080/p?q",
            Form::Absolute,
            "b.test:8080",
            "/p?q",
        ),
        ("GET http://[::1]:80?q", Form::Absolute, "[::1]:80", "?q"),
    ] {
        let head = format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n");
        let target = good(&head).target;
        assert_eq!(target.form, form, "{line}");
        assert_eq!(
            target.authority.of(head.as_bytes()),
            authority.as_bytes(),
            "{line}"
        );
        assert_eq!(target.path.of(head.as_bytes()), path.as_bytes(), "{line}");
    }
}

#[test]
fn targets_in_no_form() {
    for target in [
        "p",
        "admin/a",
        "!",
        "@evil.test/p",
        "*",
        "*/p",
        "http:///p",
        "http://?q",
        "http://",
        "http:/p",
        "http:p",
        "http://user:pw@a.test/",
        "http://a:b/",
        "http://a\\b/",
        "gopher://a/",
        "/p#f",
        "/p\0x",
        "/p\tx",
        "/p\u{7f}",
        "a.test:80",
        "ws://a/",
        "//",
    ] {
        let expected = if target == "//" {
            Ok(())
        } else {
            Err(Refusal::Target)
        };
        let got = read(&with_line(&format!("GET {target} HTTP/1.1")));
        assert_eq!(got.map(|_| ()), expected, "{target:?}");
    }
    let got = read(&with_line("OPTIONS */p HTTP/1.1"));
    assert_eq!(got, Err(Refusal::Target));
}

#[test]
fn versions() {
    for (text, version) in [
        ("HTTP/1.0", Ok(Version::Http10)),
        ("HTTP/1.1", Ok(Version::Http11)),
        ("HTTP/1.2", Ok(Version::Http11)),
        ("HTTP/1.9", Ok(Version::Http11)),
        ("HTTP/0.9", Err(Refusal::Version)),
        ("HTTP/2.0", Err(Refusal::Version)),
        ("HTTP/9.9", Err(Refusal::Version)),
    ] {
        let got = read(&with_line(&format!("GET / {text}")));
        assert_eq!(
            got.map(|request| request.unwrap().version),
            version,
            "{text}"
        );
    }
    // Targets that mean something in another version only. The preface of HTTP/2 is told apart before its rest
    // arrives.
    for line in ["PRI * HTTP/2.0", "GET p HTTP/3.0", "CONNECT a HTTP/2.0"] {
        let got = read(format!("{line}\r\n").as_bytes());
        assert_eq!(got, Err(Refusal::Version), "{line}");
    }
    assert_eq!(read(b"PRI * HTTP/1.1\r\n"), Err(Refusal::Target));
    assert_eq!(read(b"PRI * HTTP/2.0"), Ok(None));
}

#[test]
fn methods_that_are_not_served() {
    for head in [
        "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n",
        "CONNECT http://a.test/ HTTP/1.1\r\nHost: a.test:80\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        assert_eq!(read(head.as_bytes()), Err(Refusal::Method), "{head:?}");
    }
    assert!(read(&with_line("connect / HTTP/1.1")).is_ok());
}

#[test]
fn hosts() {
    for host in [
        "a",
        "a.test",
        "a.test.",
        "a.test:8080",
        "a.test:",
        "192.0.2.1:80",
        "[::1]",
        "[::1]:80",
        "[2001:db8::1]:8080",
        "a_b.test",
        "a%41.test",
        "xn--e1a.test",
        "a!$&'()*+,;=",
    ] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(good(&head).host.of(head.as_bytes()), host.as_bytes());
    }
    for host in [
        "a b",
        "user@a",
        "a/b",
        "a, b",
        "a?b",
        "a#b",
        "a:abc",
        "a:-1",
        "a:65536",
        "a:080a",
        "[::1",
        "::1",
        "[::1]80",
        "[::g]",
        "[]",
        "[1.2.3.4]",
        "a\\b",
        "a^b",
        "<a>",
        "a%zz",
        "a%4",
        "a\"b",
        "a;x y",
        "\u{85}a",
        ":80",
        ":",
    ] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(read(head.as_bytes()), Err(Refusal::HostInvalid), "{host:?}");
    }
}

#[test]
fn how_often_host_may_stand() {
    for (version, lines, expected) in [
        ("1.1", "", Err(Refusal::HostMissing)),
        ("1.0", "", Ok("")),
        ("1.1", "Host: a\r\n", Ok("a")),
        ("1.1", "Host:\r\n", Ok("")),
        ("1.1", "Host: a\r\nHost: a\r\n", Err(Refusal::HostRepeated)),
        ("1.0", "Host: a\r\nhost: b\r\n", Err(Refusal::HostRepeated)),
        ("1.0", "Host: a b\r\n", Err(Refusal::HostInvalid)),
    ] {
        let head = format!("GET / HTTP/{version}\r\nX: y\r\n{lines}\r\n");
        let got = read(head.as_bytes());
        let host = got.map(|request| request.unwrap().host.of(head.as_bytes()));
        assert_eq!(host, expected.map(str::as_bytes), "{version} {lines:?}");
    }
    let head = "GET http://b/ HTTP/1.1\r\n\r\n";
    assert_eq!(read(head.as_bytes()), Err(Refusal::HostMissing));
}

#[test]
fn content_lengths() {
    for (value, expected) in [
        ("0", Ok(0)),
        ("00", Ok(0)),
        ("5", Ok(5)),
        ("\t5 \t", Ok(5)),
        ("0000000000000000000000000000005", Ok(5)),
        ("18446744073709551615", Ok(u64::MAX)),
        ("18446744073709551616", Err(FramingFault::LengthInvalid)),
        (
            "99999999999999999999999999999999",
            Err(FramingFault::LengthInvalid),
        ),
        ("", Err(FramingFault::LengthInvalid)),
        ("+5", Err(FramingFault::LengthInvalid)),
        ("-5", Err(FramingFault::LengthInvalid)),
        ("0x5", Err(FramingFault::LengthInvalid)),
        ("5 5", Err(FramingFault::LengthInvalid)),
        ("5.0", Err(FramingFault::LengthInvalid)),
        ("5e0", Err(FramingFault::LengthInvalid)),
        ("\"5\"", Err(FramingFault::LengthInvalid)),
        ("5;q=1", Err(FramingFault::LengthInvalid)),
        ("5\u{85}", Err(FramingFault::LengthInvalid)),
        ("5,", Err(FramingFault::LengthInvalid)),
        (",5", Err(FramingFault::LengthInvalid)),
        ("5, 5", Ok(5)),
        ("5,05 ,5", Ok(5)),
        ("5, 6", Err(FramingFault::LengthsDiffer)),
        ("5\r\nContent-Length: 5", Ok(5)),
        (
            "5\r\nX: y\r\nCONTENT-LENGTH: 6",
            Err(FramingFault::LengthsDiffer),
        ),
        ("5\r\nContent-Length:", Err(FramingFault::LengthInvalid)),
    ] {
        let got = read(&with_field(format!("content-length:{value}").as_bytes()));
        let body = got.map(|request| request.unwrap().body);
        let expected = expected.map(Framing::Length).map_err(Refusal::Framing);
        assert_eq!(body, expected, "{value:?}");
    }
}

#[test]
fn transfer_codings() {
    use FramingFault::CodingMalformed;
    use FramingFault::CodingUnknown;
    for (value, expected) in [
        ("chunked", Ok(())),
        (" \tcHuNkeD\t ", Ok(())),
        ("", Err(CodingMalformed)),
        (",chunked", Err(CodingMalformed)),
        ("chunked,", Err(CodingMalformed)),
        ("chunked, chunked", Err(CodingMalformed)),
        (
            "chunked\r\nTransfer-Encoding: chunked",
            Err(CodingMalformed),
        ),
        ("chunked, gzip", Err(CodingMalformed)),
        (
            "chunked\r\nX: y\r\nTransfer-Encoding: identity",
            Err(CodingMalformed),
        ),
        ("xchunked", Err(CodingMalformed)),
        ("chunk", Err(CodingMalformed)),
        ("identity", Err(CodingMalformed)),
        ("cow chunked bar", Err(CodingMalformed)),
        ("chunked chunked", Err(CodingMalformed)),
        ("chunked;chunked", Err(CodingMalformed)),
        ("\"chunked\"", Err(CodingMalformed)),
        ("\u{a0}chunked", Err(CodingMalformed)),
        ("'chunked'", Err(CodingMalformed)),
        ("gzip, chunked", Err(CodingUnknown)),
        ("cow\r\nTransfer-Encoding: chunked", Err(CodingUnknown)),
    ] {
        let got = read(&with_field(format!("Transfer-Encoding:{value}").as_bytes()));
        let body = got.map(|request| request.unwrap().body);
        let expected = expected.map(|()| Framing::Chunked);
        assert_eq!(body, expected.map_err(Refusal::Framing), "{value:?}");
    }
}

#[test]
fn a_coding_beside_a_length_or_in_an_old_version() {
    for (version, lines, fault) in [
        (
            "1.1",
            "Content-Length: 4\r\nTransfer-Encoding: chunked",
            FramingFault::LengthAndCoding,
        ),
        (
            "1.1",
            "Transfer-Encoding: chunked\r\nContent-Length: 0",
            FramingFault::LengthAndCoding,
        ),
        (
            "1.1",
            "Transfer-Encoding: chunked\r\nContent-Length: x",
            FramingFault::LengthInvalid,
        ),
        (
            "1.0",
            "Transfer-Encoding: chunked",
            FramingFault::CodingInOldVersion,
        ),
        (
            "1.0",
            "Transfer-Encoding: x\r\nContent-Length: 4",
            FramingFault::CodingInOldVersion,
        ),
    ] {
        let head = format!("POST / HTTP/{version}\r\nHost: a\r\n{lines}\r\n\r\n");
        assert_eq!(
            read(head.as_bytes()),
            Err(Refusal::Framing(fault)),
            "{lines:?}"
        );
    }
}

#[test]
fn whether_the_connection_stays() {
    for (version, connection, persistent) in [
        ("1.1", "", true),
        ("1.1", "Connection: keep-alive\r\n", true),
        ("1.1", "connection: ClOsE\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.1", "Connection: keep-alive, close\r\n", false),
        (
            "1.1",
            "Connection: X\r\nA: b\r\nConnection: ,,close\r\n",
            false,
        ),
        ("1.1", "Connection: \"close\", (x)\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        (
            "1.0",
            "Connection: keep-alive\r\nConnection: close\r\n",
            false,
        ),
        ("1.0", "Proxy-Connection: keep-alive\r\n", false),
    ] {
        let head = format!("GET / HTTP/{version}\r\nHost: a\r\n{connection}\r\n");
        assert_eq!(
            good(&head).persistent,
            persistent,
            "{version} {connection:?}"
        );
    }
}

#[test]
fn expectations() {
    for (version, value, expects) in [
        ("1.1", "100-continue", true),
        ("1.1", "100-Continue", true),
        ("1.1", "y 100-continue", false),
        ("1.1", "foo", false),
        ("1.0", "100-continue", false),
    ] {
        let head = format!("PUT / HTTP/{version}\r\nHost: a\r\nExpect: {value}\r\n\r\n");
        assert_eq!(good(&head).expects_continue, expects, "{version} {value:?}");
    }
}

#[test]
fn what_is_too_long() {
    let line = b"GET /aaaaaaaa HTTP/1.1\r\n";
    let whole = [line, b"Host: a\r\n\r\n".as_slice()].concat();
    for limit in 0..=whole.len() {
        let expected = if limit < line.len() {
            Err(Refusal::TargetTooLong)
        } else if limit < whole.len() {
            Err(Refusal::HeadTooLong)
        } else {
            Ok(())
        };
        let got = parse(&whole, limit, &mut Fields::new());
        assert_eq!(got.map(|_| ()), expected, "a limit of {limit}");
    }
    // What no span can name is too long whatever the limit.
    let endless = [b"GET /".as_slice(), &vec![b'a'; 70_000]].concat();
    let got = parse(&endless, usize::MAX, &mut Fields::new());
    assert_eq!(got, Err(Refusal::TargetTooLong));
}

#[test]
fn how_many_fields_there_may_be() {
    for (lines, expected) in [
        (127, Ok(())),
        (128, Err(Refusal::Field(FieldFault::TooMany))),
    ] {
        let fields = "X: y\r\n".repeat(lines);
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(read(head.as_bytes()).map(|_| ()), expected, "{lines}");
    }
}
