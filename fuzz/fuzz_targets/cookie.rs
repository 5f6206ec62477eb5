//! Cookies in any head: what is sent on is a head, without our cookie or with what the output had set.
#![no_main]

use std::net::IpAddr;
use std::net::Ipv4Addr;

use halb::http::body::Framing;
use halb::http::cookie::insert;
use halb::http::cookie::insert::Inserted;
use halb::http::cookie::passive;
use halb::http::cookie::sync;
use halb::http::cookie::value;
use halb::http::edits::EDITS_MAX;
use halb::http::edits::Edits;
use halb::http::field::Fields;
use halb::http::forward;
use halb::http::forward::RequestRules;
use halb::http::forward::ResponseRules;
use halb::http::request;
use halb::http::request::Method;
use halb::http::request::Version;
use halb::http::response;
use halb::http::response::Asked;
use halb::http::writer::Writer;
use halb::model::output::OutputId;
use libfuzzer_sys::fuzz_target;

const NAME: &[u8] = b"S";

fuzz_target!(|bytes: &[u8]| {
    requests(&[b"GET / HTTP/1.1\r\nHost: a\r\n", bytes, b"\r\n\r\n"].concat());
    responses(&[b"HTTP/1.1 200 \r\n", bytes, b"\r\n\r\n"].concat());
});

fn requests(bytes: &[u8]) {
    let (mut fields, mut edits) = (Fields::new(), Edits::new());
    let Ok(Some(head)) = request::parse(bytes, 4096, &mut fields) else {
        return;
    };
    passive::request(&fields, bytes, NAME, 3);
    let known = |output: OutputId| output.number() != 2;
    let rules = RequestRules {
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        forwarded: false,
        trusted: false,
        via: false,
        default_host: "a",
    };
    let mut room = [0; 8192];
    sync::request(&fields, bytes, NAME, known, &mut edits);
    let mut out = Writer::new(&mut room);
    forward::request(&head, &fields, bytes, &edits, &rules, &mut out).unwrap();
    edits.clear();
    insert::request(&fields, bytes, NAME, known, &mut edits);
    let mut out = Writer::new(&mut room);
    forward::request(&head, &fields, bytes, &edits, &rules, &mut out).unwrap();
    let used = out.used();
    let again = request::parse(&room[..used], 8192, &mut fields);
    assert!(again.unwrap().is_some());
    // More of them than a list of edits holds do not all go.
    let many = bytes.iter().filter(|byte| **byte == b';').count() >= EDITS_MAX;
    assert!(many || value(&fields, &room[..used], NAME).is_none());
}

fn responses(bytes: &[u8]) {
    let (mut fields, mut edits) = (Fields::new(), Edits::new());
    let asked = Asked {
        method: Method::Get,
        upgrade: true,
    };
    let Ok(Some(head)) = response::parse(bytes, 4096, asked, &mut fields) else {
        return;
    };
    let rules = ResponseRules {
        client: Version::Http11,
        framing: Framing::None,
        close: false,
        via: false,
        unix_seconds: 0,
    };
    let output = OutputId::from_index(63).unwrap();
    let before = passive::response(&fields, bytes, NAME, 99, 1 << 31);
    let mut room = [0; 8192];
    sync::response(&fields, bytes, NAME, output, &mut edits);
    let mut out = Writer::new(&mut room);
    forward::response(&head, &fields, bytes, &edits, &rules, &mut out).unwrap();
    let used = out.used();
    let mut sent = Fields::new();
    response::parse(&room[..used], 8192, asked, &mut sent).unwrap();
    let after = passive::response(&sent, &room[..used], NAME, 105, 1 << 31);
    assert_eq!(after.deleted, before.deleted);
    assert_eq!(
        after.key.map(|key| key.strip_prefix(b"out64~").unwrap()),
        before.key
    );
    edits.clear();
    let cookie = Inserted {
        name: NAME,
        secure: true,
    };
    insert::response(
        &head,
        Method::Get,
        &fields,
        bytes,
        cookie,
        Some(output),
        &mut edits,
    );
    let mut out = Writer::new(&mut room);
    forward::response(&head, &fields, bytes, &edits, &rules, &mut out).unwrap();
    let used = out.used();
    response::parse(&room[..used], 8192, asked, &mut sent).unwrap();
    let ours = passive::response(&sent, &room[..used], NAME, 99, 1 << 31);
    assert_eq!(ours.key, Some(b"out64".as_slice()));
}
