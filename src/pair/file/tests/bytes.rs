//! What travels arrives, and nothing else is taken for it.

use proptest::prelude::*;

use crate::pair::advert::FileVersion;
use crate::pair::file::bytes::Unreadable;
use crate::pair::file::bytes::decode;
use crate::pair::file::bytes::encode;
use crate::pair::file::head::ANCESTORS_MAX;
use crate::pair::file::head::Head;
use crate::pair::file::message::Message;
use crate::pair::file::message::Refusal;
use crate::pair::term::Term;

fn all() -> Vec<Message> {
    let root = Head::first(b"a");
    let mut head = root.child(4, b"b");
    head.served = Term {
        number: 3,
        main: true,
    };
    head.own.number = 2;
    let version = FileVersion {
        term: 1,
        generation: u64::MAX,
        hash: 7,
    };
    let refusals = [
        Refusal::Busy,
        Refusal::Stale,
        Refusal::Mistaken("f:1:1: so\n".to_owned()),
        Refusal::NotWritten("no room".to_owned()),
        Refusal::Silent,
    ];
    let mut all = vec![
        Message::Head {
            head: head.clone(),
            aside: vec![("/503.html".to_owned(), 9), (String::new(), 0)],
        },
        Message::Give,
        Message::Given {
            head: head.clone(),
            text: b"b"[..].into(),
        },
        Message::Propose {
            head,
            text: b""[..].into(),
        },
        Message::Prepared { version },
        Message::Commit { version },
        Message::Abort { version },
        Message::Applied {
            version,
            said: "out3 added → ü".to_owned(),
        },
    ];
    all.extend(
        refusals
            .into_iter()
            .map(|why| Message::Refused { version, why }),
    );
    all
}

#[test]
fn what_is_sent_is_read() {
    for message in all() {
        assert_eq!(decode(&encode(&message)), Ok(message));
    }
}

#[test]
fn what_is_cut_or_longer_is_refused() {
    for message in all() {
        let whole = encode(&message);
        for end in 0..whole.len() {
            assert!(decode(&whole[..end]).is_err(), "{message:?} cut at {end}");
        }
        let longer = [&whole[..], b"x"].concat();
        assert_eq!(decode(&longer), Err(Unreadable::Damaged));
    }
    assert_eq!(decode(&[2, 2]), Err(Unreadable::Form(2)));
}

#[test]
fn nothing_that_is_claimed_to_be_long_takes_memory() {
    let mut bytes = encode(&Message::Head {
        head: Head::first(b"a"),
        aside: Vec::new(),
    });
    let at = bytes.len() - 16;
    bytes[at..at + 8].copy_from_slice(&(ANCESTORS_MAX as u64 + 1).to_le_bytes());
    assert_eq!(decode(&bytes), Err(Unreadable::Damaged));
    bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(decode(&bytes), Err(Unreadable::Damaged));
}

proptest! {
    #[test]
    fn no_bytes_lead_to_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0u8..12) {
        let _ = decode(&bytes);
        if bytes.len() > 2 {
            (bytes[0], bytes[1]) = (1, kind);
        }
        if let Ok(message) = decode(&bytes) {
            prop_assert_eq!(encode(&message), bytes);
        }
    }
}
