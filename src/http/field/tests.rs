use super::*;

#[track_caller]
fn read(section: &[u8]) -> Result<Option<usize>, FieldFault> {
    Fields::new().read(section, 0)
}

#[test]
fn lines_are_taken_apart() {
    let section = b"Host: a\r\nX-A:\t b c \t\r\nEmpty:\r\nx!#$%&'*+-.^_`|~9:\xe9\r\n\r\nrest";
    let mut fields = Fields::new();
    assert_eq!(fields.read(section, 0), Ok(Some(section.len() - 4)));
    let parts: Vec<(&[u8], &[u8])> = fields
        .iter()
        .map(|field| (field.name.of(section), field.value.of(section)))
        .collect();
    assert_eq!(
        parts,
        [
            (b"Host".as_slice(), b"a".as_slice()),
            (b"X-A", b"b c"),
            (b"Empty", b""),
            (b"x!#$%&'*+-.^_`|~9", b"\xe9"),
        ]
    );
    let lines: Vec<u8> = fields
        .iter()
        .flat_map(|field| field.line.of(section))
        .copied()
        .collect();
    assert_eq!(lines, section[..section.len() - 6]);
}

#[test]
fn lines_that_are_none() {
    for (section, fault) in [
        (b"X-A : b\r\n\r\n".as_slice(), FieldFault::Name),
        (b"X-A\t: b\r\n\r\n", FieldFault::Name),
        (b": b\r\n\r\n", FieldFault::Name),
        (b"X A: b\r\n\r\n", FieldFault::Name),
        (b"X\xadA: b\r\n\r\n", FieldFault::Name),
        (b"X(A: b\r\n\r\n", FieldFault::Name),
        (b"X\0A: b\r\n\r\n", FieldFault::Name),
        (b"garbage\r\n\r\n", FieldFault::Name),
        (b"X-A: b\r\n c\r\n\r\n", FieldFault::Folded),
        (b"X-A: b\r\n\tc\r\n\r\n", FieldFault::Folded),
        (b" X-A: b\r\n\r\n", FieldFault::Folded),
        (b"X-A: b\0\r\n\r\n", FieldFault::Value),
        (b"X-A: \x07\r\n\r\n", FieldFault::Value),
        (b"X-A: bbbbbbbbbb\x0bbbbbbbb\r\n\r\n", FieldFault::Value),
        (b"X-A: b\x7f\r\n\r\n", FieldFault::Value),
        (b"X-A: b\n\r\n", FieldFault::LineEnd),
        (b"X-A: b\rX-B: c\r\n\r\n", FieldFault::LineEnd),
        (b"X-A: b\r\r\n\r\n", FieldFault::LineEnd),
        (b"X-A: b\r\n\n", FieldFault::LineEnd),
        (b"X-A: b\r\n\rX", FieldFault::LineEnd),
        (b"X-A:\r b\r\n", FieldFault::LineEnd),
    ] {
        assert_eq!(read(section), Err(fault), "{}", section.escape_ascii());
    }
}

#[test]
fn every_byte_in_a_name_and_in_a_value() {
    for byte in 0..=255u8 {
        let token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let name = [b"X".as_slice(), &[byte], b"A: b\r\n\r\n"].concat();
        assert_eq!(
            read(&name).is_ok(),
            token || byte == b':',
            "{byte:#x} in a name"
        );
        let text = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        for before in 0..20 {
            let value = [
                b"X:".as_slice(),
                &b"v".repeat(before),
                &[byte],
                b"v\r\n\r\n",
            ]
            .concat();
            assert_eq!(
                read(&value).is_ok(),
                text,
                "{byte:#x} behind {before} in a value"
            );
        }
    }
}

#[test]
fn known_fields_are_recognised_in_any_case() {
    for (name, known) in [
        ("TE", Known::Te),
        ("Via", Known::Via),
        ("hOST", Known::Host),
        ("Date", Known::Date),
        ("Cookie", Known::Cookie),
        ("Expect", Known::Expect),
        ("Upgrade", Known::Upgrade),
        ("Trailer", Known::Trailer),
        ("CONNECTION", Known::Connection),
        ("Keep-Alive", Known::KeepAlive),
        ("Set-Cookie", Known::SetCookie),
        ("Max-Forwards", Known::MaxForwards),
        ("Cache-Control", Known::CacheControl),
        ("Content-Length", Known::ContentLength),
        ("HTTP2-Settings", Known::Http2Settings),
        ("X-Forwarded-For", Known::XForwardedFor),
        ("Proxy-Connection", Known::ProxyConnection),
        ("X-Forwarded-Host", Known::XForwardedHost),
        ("Transfer-Encoding", Known::TransferEncoding),
        ("X-Forwarded-Proto", Known::XForwardedProto),
        ("Transfer_Encoding", Known::Other),
        ("Content-Lengths", Known::Other),
        ("Accept", Known::Other),
    ] {
        assert_eq!(known::recognise(name.as_bytes()), known, "{name}");
    }
}

#[test]
fn connection_ties_the_fields_it_names() {
    let section = b"Connection: , X-Hop ,close,(junk), Host, cookie\r\nHost: a\r\nx-hop: 1\r\n\
                    Cookie: c\r\nX-Hop2: 2\r\nTE: t\r\nX-Late: 3\r\nconnection: x-late\r\n\r\n";
    let mut fields = Fields::new();
    assert!(fields.read(section, 0).unwrap().is_some());
    let kept: Vec<&[u8]> = fields
        .iter()
        .filter(|field| !field.hop_by_hop)
        .map(|field| field.name.of(section))
        .collect();
    assert_eq!(kept, [b"Host".as_slice(), b"X-Hop2"]);
    assert!(fields.close());
    assert!(!fields.keep_alive());
}

#[test]
fn connection_may_name_so_many_fields() {
    for (names, expected) in [
        (CONNECTION_OPTIONS_MAX, true),
        (CONNECTION_OPTIONS_MAX + 1, false),
    ] {
        let section = format!("Connection: {}close\r\n\r\n", "a,".repeat(names));
        let got = read(section.as_bytes());
        assert_eq!(got.is_ok(), expected, "{names}: {got:?}");
    }
}

#[test]
fn what_was_read_before_is_forgotten() {
    let mut fields = Fields::new();
    let first = b"Connection: close, keep-alive, upgrade\r\nHost: a\r\n\r\n";
    assert!(fields.read(first, 0).unwrap().is_some());
    assert!(fields.close() && fields.keep_alive() && fields.upgrade() && fields.has(Known::Host));
    assert_eq!(fields.read(b"\r\n", 0), Ok(Some(2)));
    assert!(!fields.close() && !fields.keep_alive() && !fields.upgrade());
    assert!(!fields.has(Known::Host));
    assert_eq!(fields.iter().count(), 0);
    assert_eq!(fields.all(Known::Host).count(), 0);
}
