//! The parts that know no socket.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;

use crate::control::domain::stream::dial::in_order;
use crate::control::domain::stream::frame::Assembler;
use crate::control::domain::stream::frame::BODY_MOST;
use crate::control::domain::stream::frame::Frame;
use crate::control::domain::stream::frame::Kind;
use crate::control::domain::stream::hello::Hello;
use crate::control::domain::stream::hello::Protocols;
use crate::control::domain::stream::hello::Refused;
use crate::control::domain::stream::hello::meet;
use crate::control::domain::stream::noise::Broken;
use crate::control::domain::stream::noise::Handshake;
use crate::control::domain::stream::noise::Opener;
use crate::control::domain::stream::noise::PIECE_MOST;
use crate::control::domain::stream::noise::Sealer;
use crate::control::domain::stream::seat::Claim;
use crate::control::domain::stream::seat::End;
use crate::control::domain::stream::seat::LIVELY;
use crate::control::domain::stream::seat::SILENT;
use crate::control::domain::stream::seat::Times;
use crate::control::domain::stream::seat::is_crash;
use crate::control::domain::stream::seat::takes_over;
use crate::model::time::Instant;
use crate::pair::node::NodeId;

fn ends(key: &[u8; 32]) -> ((Sealer, Opener), (Sealer, Opener)) {
    let (dialler, first) = Handshake::dial(key).unwrap();
    let (there, second) = Handshake::answer(key, &first).unwrap();
    (dialler.finish(&second).unwrap().split(), there.split())
}

/// Each message without its length.
fn messages(sealed: &[u8]) -> Vec<&[u8]> {
    let mut rest = sealed;
    let mut found = Vec::new();
    while let [high, low, ..] = rest {
        let (message, after) = rest[2..].split_at(u16::from_be_bytes([*high, *low]).into());
        found.push(message);
        rest = after;
    }
    found
}

#[test]
fn what_is_sealed_is_opened_in_order_and_only_there() {
    let ((mut seal, _), (_, mut open)) = ends(&[7; 32]);
    let long = vec![3; 2 * PIECE_MOST + 1];
    let mut sealed = Vec::new();
    seal.seal(b"first", &mut sealed);
    seal.seal(&long, &mut sealed);
    let messages = messages(&sealed);
    assert_eq!(messages.len(), 4, "one, and three pieces");
    let mut opened = Vec::new();
    for message in &messages {
        open.open(message, &mut opened).unwrap();
    }
    assert_eq!(opened, [b"first".as_slice(), &long].concat());
    // Again, and on another stream with the same key: nothing.
    assert_eq!(open.open(messages[0], &mut opened), Err(Broken::Foreign));
    let (_, (_, mut other)) = ends(&[7; 32]);
    assert_eq!(other.open(messages[0], &mut opened), Err(Broken::Foreign));
    for length in 0..20 {
        let short = open.open(&messages[0][..length], &mut opened);
        assert_eq!(short, Err(Broken::Foreign), "{length} bytes");
    }
    assert_eq!(opened.len(), 5 + long.len(), "nothing of it is left");
}

#[test]
fn nothing_is_left_out_moved_or_changed() {
    for (order, changed) in [([1, 0], None), ([1, 1], None), ([0, 1], Some(0))] {
        let ((mut seal, _), (_, mut open)) = ends(&[7; 32]);
        let mut sealed = Vec::new();
        seal.seal(b"one", &mut sealed);
        seal.seal(b"two", &mut sealed);
        let messages = messages(&sealed);
        let mut message = messages[order[0]].to_vec();
        if let Some(at) = changed {
            message[at] ^= 1;
        }
        let opened = open.open(&message, &mut Vec::new());
        assert_eq!(opened, Err(Broken::Foreign), "{order:?} {changed:?}");
    }
}

#[test]
fn another_key_opens_no_handshake() {
    let (dialler, first) = Handshake::dial(&[1; 32]).unwrap();
    assert!(Handshake::answer(&[2; 32], &first).is_err());
    let (_, answer) = Handshake::answer(&[1; 32], &first).unwrap();
    let mut changed = answer;
    changed[47] ^= 1;
    assert_eq!(dialler.finish(&changed).err(), Some(Broken::Foreign));
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let body = prop::collection::vec(any::<u8>(), 0..50);
    let kind = prop_oneof![
        Just(Kind::Hello),
        Just(Kind::Ask),
        Just(Kind::Answer),
        Just(Kind::Refusal),
        Just(Kind::Tell),
        Just(Kind::Alive),
        Just(Kind::Farewell),
        (8..=u8::MAX).prop_map(Kind::Unknown),
    ];
    (kind, any::<u8>(), any::<u32>(), body).prop_map(|(kind, subject, number, body)| Frame {
        kind,
        subject,
        number,
        body,
    })
}

proptest! {
    #[test]
    fn every_split_gives_the_same_frames(
        frames in prop::collection::vec(any_frame(), 0..8),
        cuts in prop::collection::vec(1..40_usize, 0..40),
    ) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        let mut assembler = Assembler::default();
        let mut rest = bytes.as_slice();
        let mut found = Vec::new();
        let mut cuts = cuts.into_iter();
        while !rest.is_empty() {
            let cut = cuts.next().unwrap_or(usize::MAX).min(rest.len());
            assembler.room().extend_from_slice(&rest[..cut]);
            rest = &rest[cut..];
            while let Some(frame) = assembler.take().unwrap() {
                found.push(frame);
            }
        }
        prop_assert_eq!(found, frames);
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut assembler = Assembler::default();
        assembler.room().extend_from_slice(&bytes);
        while let Ok(Some(_)) = assembler.take() {}
        let _ = Hello::decode(&bytes);
    }

    #[test]
    fn both_servers_keep_the_same_of_two_streams(low_first in any::<bool>(), other_first in any::<bool>()) {
        let (low, high) = (NodeId::from_bits(1), NodeId::from_bits(2));
        let claim = |dialled_by| Claim { boot: 5, dialled_by, replaces: false };
        let now = Instant::from_nanos(1_000_000_000_000);
        let times = Times { since: now, heard: Some(now) };
        // Each server sees both come into being, in an order of its own.
        let kept = |first, second| {
            let takes = takes_over(claim(second), claim(first), times, now);
            if takes { second } else { first }
        };
        let seen = |low_first| if low_first { kept(low, high) } else { kept(high, low) };
        prop_assert_eq!(seen(low_first), seen(other_first));
        prop_assert_eq!(seen(low_first), low);
    }
}

#[test]
fn a_frame_that_announces_too_much_takes_no_memory() {
    let mut head = Frame::plain(Kind::Tell, Vec::new()).encode();
    head[6..10].copy_from_slice(&(BODY_MOST as u32 + 1).to_be_bytes());
    let mut assembler = Assembler::default();
    assembler.room().extend_from_slice(&head);
    assert!(assembler.take().is_err());
    assert!(assembler.room().capacity() < 1000);
}

#[test]
fn the_room_of_a_long_body_is_given_back() {
    let mut assembler = Assembler::default();
    let long = Frame::plain(Kind::Tell, vec![5; BODY_MOST]);
    assembler.room().extend_from_slice(&long.encode());
    assert_eq!(assembler.take(), Ok(Some(long)));
    assert!(assembler.room().capacity() < BODY_MOST);
    let next = Frame::plain(Kind::Alive, Vec::new());
    assembler.room().extend_from_slice(&next.encode());
    assert_eq!(assembler.take(), Ok(Some(next)));
}

#[test]
fn the_path_of_a_silent_stream_is_tried_last() {
    let path = |last: u8| (None, SocketAddr::from(([10, 0, 0, last], 7400)));
    let all = || [1, 2, 3].map(path).to_vec();
    for (there_is, order) in [
        (None, [1, 2, 3]),
        (Some(1), [2, 3, 1]),
        (Some(9), [1, 2, 3]),
    ] {
        let there_is = there_is.map(|last| path(last).1.ip());
        assert_eq!(in_order(all(), there_is), order.map(path), "{there_is:?}");
    }
}

fn hello(name: &str, oldest: u16, newest: u16) -> Hello {
    Hello {
        protocols: Protocols { oldest, newest },
        release: 2 << 16 | 5,
        boot: 9,
        replaces: false,
        name: name.to_owned(),
        wanted: None,
    }
}

#[test]
fn a_hello_is_read_as_written_and_its_end_may_grow() {
    for (replaces, wanted) in [(false, None), (true, Some("lb2".to_owned()))] {
        let said = Hello {
            replaces,
            wanted,
            ..hello("lb1", 1, 2)
        };
        let mut bytes = said.encode();
        assert_eq!(Hello::decode(&bytes), Ok(said.clone()));
        bytes.extend_from_slice(b"of a later release");
        assert_eq!(Hello::decode(&bytes), Ok(said));
    }
    let whole = hello("lb1", 1, 2).encode();
    for length in 0..whole.len() {
        assert!(Hello::decode(&whole[..length]).is_err(), "{length}");
    }
}

#[test]
fn neighbours_talk_and_others_are_told_what_to_do() {
    let table = [
        ((1, 1), (1, 1), Some(1)),
        ((1, 2), (1, 1), Some(1)),
        ((2, 3), (1, 2), Some(2)),
        ((2, 3), (3, 4), Some(3)),
        ((3, 4), (1, 2), None),
        ((1, 2), (3, 4), None),
    ];
    for (ours, theirs, spoken) in table {
        let ours = hello("lb1", ours.0, ours.1);
        let theirs = hello("lb2", theirs.0, theirs.1);
        let met = meet(&ours, &theirs, None, true);
        assert_eq!(met.as_ref().ok().copied(), spoken, "{ours:?} {theirs:?}");
    }
    let sentence = |ours, theirs| meet(&ours, &theirs, None, true).unwrap_err().to_string();
    assert_eq!(
        sentence(hello("lb1", 1, 2), hello("lb2", 3, 4)),
        "lb2 (release 2.5) speaks protocol 4 of the links, this server 2: upgrade this server, one release line \
         after the other"
    );
    assert!(sentence(hello("lb1", 3, 4), hello("lb2", 1, 2)).contains("upgrade lb2,"));
}

#[test]
fn whoever_is_not_who_was_meant_is_refused() {
    let ours = hello("lb1", 1, 1);
    let met = |name: &str, wanted, member| meet(&ours, &hello(name, 1, 1), wanted, member);
    assert_eq!(met("lb2", None, true), Ok(1));
    assert_eq!(met("lb2", Some("lb2"), true), Ok(1));
    let named = |name: &str| name.to_owned();
    assert_eq!(met("lb1", None, true), Err(Refused::Namesake(named("lb1"))));
    assert_eq!(
        met("lb9", None, false),
        Err(Refused::Stranger(named("lb9")))
    );
    let (wanted, name) = (named("lb2"), named("lb3"));
    let other = Refused::Other { wanted, name };
    assert_eq!(met("lb3", Some("lb2"), true), Err(other));
    for (wanted, protocol) in [("lb1", Ok(1)), ("lb2", Err(()))] {
        let dialler = Hello {
            wanted: Some(named(wanted)),
            ..hello("lb3", 1, 1)
        };
        let met = meet(&ours, &dialler, None, true);
        assert_eq!(met.clone().map_err(|_| ()), protocol, "{wanted}");
        if let Err(elsewhere) = met {
            assert_eq!(elsewhere.to_string(), "lb3 has dialled lb2 and found lb1");
        }
    }
}

#[test]
fn which_stream_stays_and_which_end_is_a_crash() {
    let now = Instant::from_nanos(1_000_000_000_000);
    let before = |length: Duration| Instant::from_nanos(now.as_nanos() - length.as_nanos() as u64);
    let short = Duration::from_millis(100);
    let claim = |boot, dialled_by, replaces| Claim {
        boot,
        dialled_by: NodeId::from_bits(dialled_by),
        replaces,
    };
    let table = [
        // new, dialled by whom the old one was, since, heard: whether it takes over
        (claim(1, 1, false), 1, SILENT, short, true),
        (claim(1, 1, false), 2, SILENT, short, true),
        (claim(1, 2, false), 1, SILENT, short, false),
        (claim(2, 2, false), 1, short, short, true),
        (claim(1, 2, true), 1, SILENT, short, true),
        (claim(1, 2, true), 1, short, short, false),
        (claim(1, 2, false), 1, SILENT, SILENT, true),
    ];
    for (new, old, since, heard, takes) in table {
        let times = Times {
            since: before(since),
            heard: Some(before(heard)),
        };
        let taken = takes_over(new, claim(1, old, false), times, now);
        assert_eq!(taken, takes, "{new:?} {old} {since:?} {heard:?}");
    }
    for (end, heard, crash) in [
        (End::Cut, Some(short), true),
        (End::Cut, Some(LIVELY), false),
        (End::Cut, None, false),
        (End::Farewell, Some(short), false),
        (End::Lost, Some(short), false),
        (End::Garbled, Some(short), false),
        (End::Ours, Some(short), false),
    ] {
        let times = Times {
            since: before(SILENT),
            heard: heard.map(before),
        };
        assert_eq!(is_crash(end, times, now), crash, "{end:?} {heard:?}");
    }
}
