use super::*;

use std::net::Ipv4Addr;

use crate::http::edits::NONE;
use crate::http::request::Method;
use crate::http::response::Asked;

const DEFAULT_HOST: &str = "out1.test:8080";

fn rules() -> RequestRules<'static> {
    RequestRules {
        client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        forwarded: false,
        trusted: false,
        via: false,
        default_host: DEFAULT_HOST,
    }
}

/// What the output gets for the head `from`.
#[track_caller]
fn sent(from: &str, rules: &RequestRules<'_>) -> String {
    let mut fields = Fields::new();
    let parsed = crate::http::request::parse(from.as_bytes(), 16384, &mut fields);
    let head = parsed.unwrap().expect("a whole head");
    let mut room = [0; 4096];
    let mut out = Writer::new(&mut room);
    request(&head, &fields, from.as_bytes(), &NONE, rules, &mut out).unwrap();
    let used = out.used();
    String::from_utf8(room[..used].to_vec()).unwrap()
}

#[track_caller]
fn goes_out(from: &str, to: &str) {
    assert_eq!(sent(from, &rules()), to);
}

#[test]
fn a_plain_head_goes_out_as_it_came() {
    let head = "GET /a?b=c HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nCookie: x=y\r\n\r\n";
    goes_out(head, head);
}

#[test]
fn what_concerns_the_connection_stays_behind() {
    goes_out(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Hop\r\nA: 1\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\
         Proxy-Connection: x\r\nTE: trailers\r\nTrailer: T\r\nUpgrade: h2c\r\nB: 2\r\nx-hop: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n",
    );
}

#[test]
fn connection_cannot_take_away_what_the_message_stands_on() {
    goes_out(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: host, content-length, cookie\r\nCookie: c\r\n\
         Content-Length: 3\r\nA: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nA: 1\r\nContent-Length: 3\r\n\r\n",
    );
    goes_out(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
}

#[test]
fn the_length_is_said_once_and_plainly() {
    goes_out(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 005, 5\r\nA: 1\r\ncontent-length:5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nA: 1\r\nContent-Length: 5\r\n\r\n",
    );
}

#[test]
fn a_chunked_body_keeps_its_announced_trailers() {
    goes_out(
        "POST / HTTP/1.1\r\nHost: a\r\nTrailer: Sum\r\nTransfer-Encoding: CHUNKED\r\nB: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTrailer: Sum\r\nB: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
}

#[test]
fn absolute_targets_become_origin_form_with_their_host() {
    for (from, to) in [
        ("GET http://b.test:81/p?q", "GET /p?q"),
        ("GET HTTP://b.test:81", "GET /"),
        ("GET https://b.test:81?q", "GET /?q"),
        ("OPTIONS http://b.test:81", "OPTIONS *"),
        ("OPTIONS http://b.test:81/", "OPTIONS /"),
    ] {
        let from = format!("{from} HTTP/1.1\r\nA: 1\r\nHost: a.test\r\nB: 2\r\n\r\n");
        let to = format!("{to} HTTP/1.1\r\nHost: b.test:81\r\nA: 1\r\nB: 2\r\n\r\n");
        goes_out(&from, &to);
    }
    goes_out(
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    );
}

#[test]
fn old_requests_go_out_as_new_ones() {
    goes_out(
        "GET /p HTTP/1.0\r\nExpect: 100-continue\r\nA: 1\r\n\r\n",
        "GET /p HTTP/1.1\r\nHost: out1.test:8080\r\nA: 1\r\n\r\n",
    );
    goes_out(
        "GET /p HTTP/1.0\r\nHost: a.test\r\n\r\n",
        "GET /p HTTP/1.1\r\nHost: a.test\r\n\r\n",
    );
    goes_out(
        "GET /p HTTP/1.1\r\nHost:\r\nA: 1\r\n\r\n",
        "GET /p HTTP/1.1\r\nHost: out1.test:8080\r\nA: 1\r\n\r\n",
    );
    goes_out(
        "GET /p HTTP/1.7\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
        "GET /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
    );
}

#[test]
fn strangers_cannot_say_who_they_are() {
    let rules = RequestRules {
        forwarded: true,
        ..rules()
    };
    assert_eq!(
        sent(
            "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 10.0.0.1\r\nA: 1\r\n\
             Connection: X-Forwarded-For\r\nx-forwarded-proto: https\r\nX-Forwarded-Host: evil\r\n\r\n",
            &rules
        ),
        "GET / HTTP/1.1\r\nHost: a.test\r\nA: 1\r\nX-Forwarded-For: 192.0.2.7\r\n\
         X-Forwarded-Proto: http\r\nX-Forwarded-Host: a.test\r\n\r\n"
    );
    assert_eq!(
        sent("GET / HTTP/1.0\r\n\r\n", &rules),
        "GET / HTTP/1.1\r\nHost: out1.test:8080\r\nX-Forwarded-For: 192.0.2.7\r\n\
         X-Forwarded-Proto: http\r\n\r\n"
    );
}

#[test]
fn trusted_proxies_are_believed() {
    let rules = RequestRules {
        forwarded: true,
        trusted: true,
        client: "::ffff:192.0.2.7".parse().unwrap(),
        ..rules()
    };
    assert_eq!(
        sent(
            "GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 10.0.0.1, 10.0.0.2\r\n\
             X-Forwarded-For:\r\nX-Forwarded-For: 10.0.0.3\r\nX-Forwarded-Proto: https\r\n\r\n",
            &rules
        ),
        "GET / HTTP/1.1\r\nHost: b.test\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-For: 10.0.0.1, 10.0.0.2, 10.0.0.3, 192.0.2.7\r\nX-Forwarded-Host: b.test\r\n\r\n"
    );
}

#[test]
fn a_request_to_switch_goes_on_without_h2c() {
    goes_out(
        "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: h2c, websocket\r\nA: 1\r\nHTTP2-Settings: A\r\n\
         Connection: keep-alive, Upgrade, HTTP2-Settings\r\nSec-WebSocket-Key: k\r\nUpgrade: b/2\r\n\r\n",
        "GET /chat HTTP/1.1\r\nHost: a\r\nA: 1\r\nSec-WebSocket-Key: k\r\nConnection: upgrade\r\n\
         Upgrade: websocket, b/2\r\n\r\n",
    );
    goes_out(
        "POST / HTTP/1.1\r\nHost: a\r\nUpgrade: a\r\nConnection: upgrade\r\nContent-Length: 3\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: a\r\nContent-Length: 3\r\n\r\n",
    );
    for (version, fields) in [
        (
            "1.1",
            "Connection: upgrade\r\nUpgrade: H2C\r\nHTTP2-Settings: A\r\n",
        ),
        ("1.1", "Connection: upgrade\r\nUpgrade: a b\r\n"),
        ("1.1", "Upgrade: websocket\r\nhttp2-settings: A\r\n"),
        ("1.0", "Connection: upgrade\r\nUpgrade: websocket\r\n"),
    ] {
        goes_out(
            &format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n"),
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        );
    }
}

#[test]
fn options_is_counted_down() {
    for (method, value, left) in [
        ("OPTIONS", "3", "2"),
        ("OPTIONS", "01", "0"),
        ("OPTIONS", "99999999999999999999", "18446744073709551614"),
        ("OPTIONS", "x", "x"),
        ("GET", "3", "3"),
    ] {
        goes_out(
            &format!("{method} / HTTP/1.1\r\nHost: a\r\nMax-Forwards: {value}\r\n\r\n"),
            &format!("{method} / HTTP/1.1\r\nHost: a\r\nMax-Forwards: {left}\r\n\r\n"),
        );
    }
}

#[test]
fn via_names_the_version_that_came_in() {
    let rules = RequestRules {
        via: true,
        ..rules()
    };
    assert_eq!(
        sent("GET / HTTP/1.0\r\nHost: a\r\nVia: 1.1 x\r\n\r\n", &rules),
        "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 x\r\nVia: 1.0 halb\r\n\r\n"
    );
}

#[test]
fn a_full_writer_is_an_error_at_every_length() {
    let from = b"OPTIONS http://b/ HTTP/1.1\r\nHost: a\r\nA: 1\r\nContent-Length: 3\r\n\
                 Connection: upgrade\r\nUpgrade: a, b\r\nMax-Forwards: 2\r\n\r\n";
    let mut fields = Fields::new();
    let parsed = crate::http::request::parse(from, 16384, &mut fields);
    let head = parsed.unwrap().unwrap();
    let rules = RequestRules {
        forwarded: true,
        via: true,
        ..rules()
    };
    let mut room = [0; 512];
    let mut out = Writer::new(&mut room);
    request(&head, &fields, from, &NONE, &rules, &mut out).unwrap();
    let whole = out.used();
    for length in 0..whole {
        let mut out = Writer::new(&mut room[..length]);
        let written = request(&head, &fields, from, &NONE, &rules, &mut out);
        assert_eq!(written, Err(Full), "into {length} bytes");
    }
}

fn to_new() -> ResponseRules {
    ResponseRules {
        client: Version::Http11,
        framing: Framing::None,
        close: false,
        via: false,
        unix_seconds: 784_111_777,
    }
}

/// What the client gets for the head `from`, and how the body goes on.
#[track_caller]
fn answered(from: &str, asked: Method, rules: &ResponseRules) -> (String, Onward) {
    let mut fields = Fields::new();
    let asked = Asked {
        method: asked,
        upgrade: true,
    };
    let parsed = crate::http::response::parse(from.as_bytes(), 16384, asked, &mut fields);
    let head = parsed.unwrap().expect("a whole head");
    let way = onward(&head, rules.client);
    let rules = ResponseRules {
        framing: way.framing,
        close: rules.close || way.must_close,
        ..*rules
    };
    let mut room = [0; 4096];
    let mut out = Writer::new(&mut room);
    response(&head, &fields, from.as_bytes(), &NONE, &rules, &mut out).unwrap();
    let used = out.used();
    (String::from_utf8(room[..used].to_vec()).unwrap(), way)
}

#[track_caller]
fn comes_back(from: &str, rules: &ResponseRules, to: &str) {
    assert_eq!(answered(from, Method::Get, rules).0, to);
}

const DATE: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

#[test]
fn responses_are_framed_for_their_client() {
    let old = ResponseRules {
        client: Version::Http10,
        ..to_new()
    };
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\nA: 1\r\n\r\n";
    let endless = "HTTP/1.1 200 OK\r\nA: 1\r\n\r\n";
    let sized = "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\nA: 1\r\n\r\n";
    comes_back(
        chunked,
        &to_new(),
        &format!(
            "HTTP/1.1 200 OK\r\nTrailer: T\r\nA: 1\r\nTransfer-Encoding: chunked\r\n{DATE}\r\n"
        ),
    );
    comes_back(
        chunked,
        &old,
        &format!("HTTP/1.1 200 OK\r\nA: 1\r\n{DATE}Connection: close\r\n\r\n"),
    );
    comes_back(
        endless,
        &to_new(),
        &format!("HTTP/1.1 200 OK\r\nA: 1\r\nTransfer-Encoding: chunked\r\n{DATE}\r\n"),
    );
    comes_back(
        endless,
        &old,
        &format!("HTTP/1.1 200 OK\r\nA: 1\r\n{DATE}Connection: close\r\n\r\n"),
    );
    comes_back(
        sized,
        &to_new(),
        &format!("HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 5\r\n{DATE}\r\n"),
    );
    comes_back(
        sized,
        &old,
        &format!(
            "HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 5\r\n{DATE}Connection: keep-alive\r\n\r\n"
        ),
    );
}

#[test]
fn a_length_without_a_body_is_passed_on_where_it_may_stand() {
    let head = |status: u16| format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\nDate: d\r\n\r\n");
    let kept = |status: u16| format!("HTTP/1.1 {status} X\r\nDate: d\r\nContent-Length: 5\r\n\r\n");
    let dropped = |status: u16| format!("HTTP/1.1 {status} X\r\nDate: d\r\n\r\n");
    comes_back(&head(304), &to_new(), &kept(304));
    comes_back(&head(204), &to_new(), &dropped(204));
    comes_back(&head(103), &to_new(), &dropped(103));
    let (text, way) = answered(&head(200), Method::Head, &to_new());
    assert_eq!((text, way.framing), (kept(200), Framing::None));
}

#[test]
fn a_response_says_what_becomes_of_the_connection() {
    let closing = ResponseRules {
        close: true,
        via: true,
        ..to_new()
    };
    comes_back(
        "HTTP/1.1 200 All is well\r\nConnection: X-Hop\r\nX-Hop: 1\r\nDate: d\r\nContent-Length: 0\r\n\r\n",
        &closing,
        "HTTP/1.1 200 All is well\r\nDate: d\r\nVia: 1.1 halb\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n",
    );
}

#[test]
fn an_interim_response_carries_its_own_fields_only() {
    comes_back(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n",
        &to_new(),
        "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n",
    );
}

#[test]
fn a_switch_says_what_to_and_nothing_else() {
    comes_back(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: close, Upgrade, X-Hop\r\nX-Hop: 1\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Accept: s\r\nContent-Length: 5\r\nUpgrade: b/2\r\n\r\n",
        &ResponseRules {
            close: true,
            ..to_new()
        },
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s\r\nConnection: upgrade\r\n\
         Upgrade: websocket, b/2\r\n\r\n",
    );
}

#[test]
fn only_a_426_says_what_it_would_switch_to() {
    let rest = "\r\nDate: d\r\nContent-Length: 0\r\n";
    let old = Version::Http10;
    for (status, client, close, upgrade, expected) in [
        (
            426,
            Version::Http11,
            false,
            "a/1, h2c",
            "Connection: upgrade\r\nUpgrade: a/1\r\n",
        ),
        (
            426,
            Version::Http11,
            true,
            "a",
            "Connection: close, upgrade\r\nUpgrade: a\r\n",
        ),
        (
            426,
            old,
            false,
            "a",
            "Connection: keep-alive, upgrade\r\nUpgrade: a\r\n",
        ),
        (426, Version::Http11, false, "h2c", ""),
        (426, Version::Http11, true, "a b", "Connection: close\r\n"),
        (200, Version::Http11, false, "a", ""),
    ] {
        let rules = ResponseRules {
            client,
            close,
            ..to_new()
        };
        comes_back(
            &format!("HTTP/1.1 {status} X{rest}Connection: upgrade\r\nUpgrade: {upgrade}\r\n\r\n"),
            &rules,
            &format!("HTTP/1.1 {status} X{rest}{expected}\r\n"),
        );
    }
}

#[test]
fn a_missing_reason_leaves_its_space() {
    comes_back(
        "HTTP/1.1 404\r\nContent-Length: 0\r\nDate: d\r\n\r\n",
        &to_new(),
        "HTTP/1.1 404 \r\nDate: d\r\nContent-Length: 0\r\n\r\n",
    );
}

#[test]
fn another_output_takes_the_place_of_the_first_in_a_head_without_a_host() {
    let from = "GET /a HTTP/1.0\r\nA: 1\r\n\r\n";
    for name in ["b:1", "out2.test:8081", "a-much-longer-name.test:65535"] {
        let mut head = sent(from, &rules()).into_bytes();
        head.extend_from_slice(b"body");
        let used = head.len();
        head.resize(used + 32, 0);
        let renamed = rename_output(&mut head, used, name).unwrap();
        let expected = format!("GET /a HTTP/1.1\r\nHost: {name}\r\nA: 1\r\n\r\nbody");
        assert_eq!(String::from_utf8_lossy(&head[..renamed]), expected);
    }
    let mut full = sent(from, &rules()).into_bytes();
    let used = full.len();
    assert_eq!(
        rename_output(&mut full, used, "a-much-longer-name.test:65535"),
        Err(Full)
    );
    assert_eq!(rename_output(&mut full, used + 1, "b"), Err(Full));
}
