use super::*;

fn written(write: impl Fn(&mut Writer<'_>) -> Result<(), Full>) -> String {
    let mut room = [0; 64];
    let mut out = Writer::new(&mut room);
    write(&mut out).unwrap();
    let used = out.used();
    String::from_utf8(room[..used].to_vec()).unwrap()
}

#[test]
fn numbers() {
    for value in [0, 9, 10, 99, 100, 4096, u64::MAX] {
        assert_eq!(written(|out| out.decimal(value)), value.to_string());
    }
}

#[test]
fn addresses() {
    for (address, text) in [
        ("192.0.2.1", "192.0.2.1"),
        ("255.0.10.100", "255.0.10.100"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::1", "::1"),
    ] {
        assert_eq!(written(|out| out.address(address.parse().unwrap())), text);
    }
}

/// Each checked with `date -u -R -d @…`.
#[test]
fn dates() {
    for (unix_seconds, text) in [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (1_078_012_799, "Sat, 28 Feb 2004 23:59:59 GMT"),
        (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
        (1_767_225_599, "Wed, 31 Dec 2025 23:59:59 GMT"),
        (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] {
        assert_eq!(
            written(|out| out.date(unix_seconds)),
            text,
            "{unix_seconds}"
        );
    }
}

#[test]
fn all_or_nothing() {
    let mut room = [0; 4];
    let mut out = Writer::new(&mut room);
    assert_eq!(out.put(b"abc"), Ok(()));
    assert_eq!(out.put(b"de"), Err(Full));
    assert_eq!(out.used(), 3);
    assert_eq!(out.put(b"d"), Ok(()));
    assert_eq!(out.put(b""), Ok(()));
    assert_eq!(out.used(), 4);
    assert_eq!(&room, b"abcd");
}
