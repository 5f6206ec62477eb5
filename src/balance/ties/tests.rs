use proptest::prelude::*;

use super::*;

const KEY: HashKey = HashKey::from_bytes(*b"sixteen bytes ok");
const SAVED_AT: Duration = Duration::from_millis(1_795_000_000_123);

fn out(number: usize) -> OutputId {
    OutputId::from_index(number - 1).unwrap()
}

fn session(key: u128, output: usize, trust: Trust, idle_ms: u64) -> LearnedSession {
    LearnedSession {
        key: SessionKey(key),
        output: out(output),
        trust,
        idle: Duration::from_millis(idle_ms),
    }
}

fn name_of(output: OutputId) -> Option<&'static str> {
    match output.number() {
        1 => Some("web1:80"),
        3 => Some("[2001:db8::3]:8080"),
        64 => Some("last:1"),
        _ => None,
    }
}

fn output_of(name: &str) -> Option<OutputId> {
    (1..=64)
        .map(out)
        .find(|output| name_of(*output) == Some(name))
}

fn some() -> Vec<LearnedSession> {
    vec![
        session(u128::MAX - 1, 3, Trust::Learned, 5_000),
        session(7, 1, Trust::Used, 4_999),
        session(0x1234 << 64, 64, Trust::Learned, 0),
    ]
}

fn bytes_of(sessions: &[LearnedSession]) -> Vec<u8> {
    encode(&KEY, SAVED_AT, name_of, sessions.iter().copied())
}

/// Gives damaged bytes a sound checksum, as only a program could that writes something else.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = bytes.len() - CHECKSUM_BYTES;
    let rest = (bytes.len() - FRAME_BYTES) as u64;
    bytes[FRAME_BYTES - 8..FRAME_BYTES].copy_from_slice(&rest.to_le_bytes());
    let sum = fingerprint(&bytes[..length]);
    bytes[length..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

#[test]
fn what_was_saved_is_read() {
    let saved = decode(&bytes_of(&some())).unwrap();
    assert_eq!(saved.hash_key, KEY);
    assert_eq!(saved.saved_at, SAVED_AT);
    let read: Vec<_> = saved.sessions(Duration::ZERO, output_of).collect();
    assert_eq!(read, some(), "in the same order");
    let nothing = decode(&bytes_of(&[])).unwrap();
    assert_eq!(nothing.sessions(Duration::ZERO, output_of).count(), 0);
    assert_eq!(nothing.hash_key, KEY);
}

#[test]
fn the_format_is_the_one_that_is_documented() {
    let bytes = bytes_of(&[session(0x0102, 3, Trust::Learned, 0x0708)]);
    let mut expected = b"HALBTIES\x01\0\0\0".to_vec();
    expected.extend_from_slice(&(bytes.len() as u64 - 20).to_le_bytes());
    expected.extend_from_slice(b"sixteen bytes ok");
    expected.extend_from_slice(&1_795_000_000_123_u64.to_le_bytes());
    expected.extend_from_slice(b"\x03\x07\0web1:80\x12\0[2001:db8::3]:8080\x06\0last:1");
    expected.extend_from_slice(
        b"\x01\0\0\0\x02\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\x08\x07\0\0\0\0",
    );
    assert_eq!(bytes[..bytes.len() - CHECKSUM_BYTES], expected);
}

#[test]
fn outputs_go_by_their_names() {
    let saved = decode(&bytes_of(&some())).unwrap();
    // web1 is out2 now, out3 has another address, and it is ten seconds later.
    let today = |name: &str| match name {
        "web1:80" => Some(out(2)),
        "last:1" => Some(out(64)),
        _ => None,
    };
    let read: Vec<_> = saved.sessions(Duration::from_secs(10), today).collect();
    let expected = [
        session(7, 2, Trust::Used, 14_999),
        session(0x1234 << 64, 64, Trust::Learned, 10_000),
    ];
    assert_eq!(read, expected);
}

#[test]
fn what_is_not_worth_saving_is_left_out() {
    let sessions = [
        session(1, 2, Trust::Learned, 0),
        session(2, 1, Trust::Tied, 0),
        session(3, 1, Trust::Learned, 0),
    ];
    let read = decode(&bytes_of(&sessions)).unwrap();
    let read: Vec<_> = read.sessions(Duration::ZERO, output_of).collect();
    assert_eq!(read, sessions[2..]);
    let unnamed = encode(&KEY, SAVED_AT, |_| None, sessions.into_iter());
    assert_eq!(decode(&unnamed).unwrap().sessions.len(), 0);
}

#[test]
fn what_idled_for_ages_is_saved_as_the_oldest() {
    let ages = LearnedSession {
        idle: Duration::MAX,
        ..some()[0]
    };
    let read = decode(&bytes_of(&[ages])).unwrap();
    let idle = Duration::from_millis(IDLE_MOST_MS);
    assert_eq!(read.sessions[0].idle, idle);
    let later = read.sessions(Duration::MAX, output_of).next();
    assert_eq!(later.map(|session| session.idle), Some(Duration::MAX));
}

#[test]
fn every_beginning_is_told_from_the_whole() {
    let bytes = bytes_of(&some());
    for length in 0..bytes.len() {
        assert_eq!(decode(&bytes[..length]), Err(Unreadable::Short), "{length}");
    }
    let longer = [&bytes[..], b"\0"].concat();
    assert_eq!(decode(&longer), Err(Unreadable::Long));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let bytes = bytes_of(&some());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let expected = match at {
                0..8 => vec![Unreadable::Foreign],
                8..12 => vec![Unreadable::Version(1 ^ 1 << (8 * (at - 8) + bit))],
                12..20 => vec![Unreadable::Short, Unreadable::Long],
                _ => vec![Unreadable::Checksum],
            };
            let found = decode(&damaged).unwrap_err();
            assert!(expected.contains(&found), "{found:?} at {at}.{bit}");
        }
    }
}

#[test]
fn nonsense_under_a_sound_checksum_is_refused() {
    let good = bytes_of(&some());
    assert!(decode(&sealed(good.clone())).is_ok());
    let names_at = FRAME_BYTES + HashKey::LENGTH + 8;
    let last = good.len() - CHECKSUM_BYTES - SESSION_BYTES;
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        sealed(bytes)
    };
    for (what, bytes) in [
        ("65 names", with(names_at, 65)),
        ("a name longer than the rest", with(names_at + 2, 0xff)),
        ("a name that is not UTF-8", with(names_at + 3, 0xff)),
        ("fewer names", with(names_at, 2)),
        ("more sessions", with(last - 2 * SESSION_BYTES - 4, 4)),
        ("fewer sessions", with(last - 2 * SESSION_BYTES - 4, 2)),
        ("a name that is none", with(last + 16, 3)),
        ("no trust", with(last + 17, 0)),
        ("too much trust", with(last + 17, 3)),
        (
            "no room for a key",
            sealed(good[..FRAME_BYTES + 20].to_vec()),
        ),
        ("nothing at all", sealed(good[..FRAME_BYTES + 8].to_vec())),
    ] {
        assert_eq!(decode(&bytes), Err(Unreadable::Nonsense), "{what}");
    }
    let mut tiny = good[..FRAME_BYTES + 4].to_vec();
    tiny[FRAME_BYTES - 8..FRAME_BYTES].copy_from_slice(&4_u64.to_le_bytes());
    assert_eq!(decode(&tiny), Err(Unreadable::Checksum));
}

#[test]
fn reasons_are_sentences_for_users() {
    let version = Unreadable::Version(2).to_string();
    assert_eq!(
        version,
        "they are of version 2; this release reads version 1"
    );
    assert_eq!(Unreadable::Short.to_string(), "they end early");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), framed in any::<bool>()) {
        let bytes = if framed && bytes.len() > CHECKSUM_BYTES {
            sealed([&bytes_of(&[])[..FRAME_BYTES], &bytes].concat())
        } else {
            bytes
        };
        if let Ok(saved) = decode(&bytes) {
            let _ = saved.sessions(Duration::ZERO, output_of).count();
        }
    }

    #[test]
    fn any_sessions_come_back(rows in prop::collection::vec((any::<u128>(), 0..3_usize, any::<bool>(), 0..1_u64 << 48), 0..50)) {
        let sessions: Vec<_> = rows
            .into_iter()
            .map(|(key, name, learned, idle_ms)| {
                let trust = if learned { Trust::Learned } else { Trust::Used };
                session(key, [1, 3, 64][name], trust, idle_ms)
            })
            .collect();
        let saved = decode(&bytes_of(&sessions)).unwrap();
        let read: Vec<_> = saved.sessions(Duration::ZERO, output_of).collect();
        prop_assert_eq!(read, sessions);
    }
}
