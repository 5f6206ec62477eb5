//! Servers that may talk with each other.

use std::net::TcpStream;
use std::time::Duration;

use super::rig::Node;
use super::rig::PATIENCE;
use super::rig::Plan;
use super::rig::address;
use super::rig::ask;
use super::rig::member;
use super::rig::two;
use super::rig::wait_until;
use crate::control::domain::Subject;
use crate::control::domain::stream::BODY_MOST;
use crate::control::domain::stream::Members;
use crate::control::domain::stream::Protocols;
use crate::control::domain::stream::subject::Happening;
use crate::control::domain::stream::subject::NotTold;
use crate::control::domain::stream::subject::Unreachable;
use crate::pair::node::NodeId;

fn settled(one: &Node, two: &Node) {
    // Both dial; until one stream is left, a question may be lost with the other.
    wait_until(|| {
        one.ask("lb2", Subject::Remote, b"x").is_ok()
            && two.ask("lb1", Subject::Remote, b"x").is_ok()
    });
}

#[test]
fn both_ask_and_are_answered_over_one_stream() {
    let (one, two) = two();
    settled(&one, &two);
    assert_eq!(one.ask("lb2", Subject::Remote, b"abc"), Ok(b"cba".to_vec()));
    assert_eq!(two.ask("lb1", Subject::Remote, b"xyz"), Ok(b"zyx".to_vec()));
    let (ones, twos) = (one.streams.peers(), two.streams.peers());
    assert_eq!((ones.len(), twos.len()), (1, 1));
    assert_eq!((ones[0].node, ones[0].boot), (NodeId::of("lb2"), 1));
    assert_eq!(ones[0].name, "lb2");
    // The largest body that there may be, there and back; and one more.
    let mut body = vec![7; BODY_MOST];
    body[0] = 1;
    let answer = one.ask("lb2", Subject::Remote, &body).unwrap();
    assert_eq!((answer.len(), answer[BODY_MOST - 1]), (BODY_MOST, 1));
    body.push(0);
    assert_eq!(
        one.ask("lb2", Subject::Remote, &body),
        Err(Unreachable::TooMuch)
    );
}

#[test]
fn who_gets_no_answer_is_told_why() {
    let (one, two) = two();
    settled(&one, &two);
    assert_eq!(
        one.ask("lb3", Subject::Remote, b""),
        Err(Unreachable::NoStream)
    );
    let refused = |sentence: &str| Err(Unreachable::Refused(sentence.to_owned()));
    assert_eq!(one.ask("lb2", Subject::Switch, b""), refused("not now"));
    assert_eq!(
        one.ask("lb2", Subject::Mirror, b""),
        refused("this release does not know what it is asked")
    );
    let patience = Duration::from_millis(20);
    let asked = one.ask_within("lb2", Subject::File, b"", patience);
    assert_eq!(asked, Err(Unreachable::Silent));
    // It dies over the question.
    std::thread::scope(|scope| {
        let streams = &one.streams;
        let asked = scope.spawn(|| ask(streams, "lb2", Subject::File, b"", PATIENCE));
        wait_until(|| one.ask("lb2", Subject::Remote, b"").is_ok());
        drop(two);
        let answer = asked.join().unwrap();
        assert!(
            matches!(answer, Err(Unreachable::Lost | Unreachable::NoStream)),
            "{answer:?}"
        );
    });
}

#[test]
fn what_is_told_comes_in_order_or_is_known_not_to() {
    let (one, two) = two();
    settled(&one, &two);
    let node = NodeId::of("lb2");
    let mut told = 0_u32;
    for number in 0..10_000_u32 {
        match one
            .streams
            .tell(node, Subject::Mirror, &number.to_be_bytes())
        {
            Ok(()) => told += 1,
            Err(NotTold::Full) => break,
            Err(NotTold::NoStream) => panic!("the stream stays"),
        }
    }
    assert!(told > 1000);
    for number in 0..told {
        let body = two.told.recv_timeout(PATIENCE).unwrap();
        assert_eq!(body, number.to_be_bytes());
    }
    // More than waits at a time is refused at once.
    let big = vec![0; 300_000];
    let full = (0..100).find_map(|_| one.streams.tell(node, Subject::Mirror, &big).err());
    assert_eq!(full, Some(NotTold::Full));
    wait_until(|| one.streams.has_room(node));
    let is_full =
        |_| one.streams.tell(node, Subject::Mirror, &big).is_ok() && !one.streams.has_room(node);
    assert!((0..1000).any(is_full), "half of it shows");
    assert!(one.streams.figures().dropped > 0);
    assert_eq!(
        one.streams.tell(NodeId::of("lb3"), Subject::Mirror, b""),
        Err(NotTold::NoStream)
    );
}

fn until_down(node: &Node) -> Vec<Happening> {
    let mut seen = Vec::new();
    while !matches!(seen.last(), Some(Happening::Crashed { .. })) {
        let Ok(next) = node.happened.recv_timeout(Duration::from_millis(500)) else {
            break;
        };
        seen.push(next);
    }
    seen
}

#[test]
fn a_crash_is_told_at_once_and_a_farewell_is_none() {
    for crash in [true, false] {
        let (one, two) = two();
        settled(&one, &two);
        while one.happened.try_recv().is_ok() {}
        if !crash {
            two.streams.finish(PATIENCE);
            assert_eq!(two.streams.peers(), [], "and it was waited for");
        }
        drop(two);
        let seen = until_down(&one);
        assert!(matches!(seen[0], Happening::Down(_)), "{seen:?}");
        let crashed = Happening::Crashed {
            node: NodeId::of("lb2"),
            boot: 1,
        };
        assert_eq!(seen.contains(&crashed), crash, "{seen:?}");
        assert_eq!(one.streams.figures().crashes, u64::from(crash));
    }
}

#[test]
fn who_comes_back_is_found_again() {
    let (at_one, at_two) = (address(), address());
    let one = Plan::new("lb1", at_one, vec![member("lb2", at_two)]).start();
    for boot in 1..4 {
        let mut plan = Plan::new("lb2", at_two, vec![member("lb1", at_one)]);
        plan.boot = boot;
        let two = plan.start();
        settled(&one, &two);
        wait_until(|| one.streams.peers().iter().any(|peer| peer.boot == boot));
    }
}

#[test]
fn a_neighbour_of_another_release_is_talked_with_and_no_other() {
    for (newest, talks) in [(4, true), (5, true), (6, false)] {
        let (at_one, at_two) = (address(), address());
        let mut plan = Plan::new("lb1", at_one, vec![member("lb2", at_two)]);
        plan.protocols = Protocols {
            oldest: 3,
            newest: 4,
        };
        let one = plan.start();
        let mut plan = Plan::new("lb2", at_two, vec![member("lb1", at_one)]);
        plan.protocols = Protocols {
            oldest: newest - 1,
            newest,
        };
        let two = plan.start();
        if talks {
            settled(&one, &two);
            assert_eq!(one.streams.peers()[0].protocol, 4);
            continue;
        }
        for (node, upgraded) in [(&one, "upgrade this server"), (&two, "upgrade lb1")] {
            wait_until(|| {
                let refusals = node.streams.refusals();
                refusals
                    .iter()
                    .any(|(_, sentence)| sentence.contains(upgraded))
            });
            assert_eq!(node.streams.peers(), []);
        }
    }
}

#[test]
fn the_next_path_is_taken_and_who_leaves_the_domain_is_bidden_farewell() {
    let (at_one, dead, at_two) = (address(), address(), address());
    let mut to_two = member("lb2", dead);
    to_two.addresses.push(at_two);
    let one = Plan::new("lb1", at_one, vec![to_two]).start();
    // It knows no path to the other one.
    let mut nowhere = member("lb1", at_one);
    nowhere.addresses.clear();
    let two = Plan::new("lb2", at_two, vec![nowhere]).start();
    settled(&one, &two);
    assert_eq!(one.streams.peers()[0].address, at_two);
    while two.happened.try_recv().is_ok() {}
    one.streams.set_members(Members {
        addresses: vec![at_one],
        peers: Vec::new(),
    });
    let seen = until_down(&two);
    assert!(matches!(seen[..], [Happening::Down(_)]), "{seen:?}");
    let asked = two.ask("lb1", Subject::Remote, b"");
    assert_eq!(asked, Err(Unreachable::NoStream));
    let seen = until_down(&one);
    assert!(
        matches!(seen[..], [Happening::Up(_), Happening::Down(_)]),
        "{seen:?}"
    );
}

/// At the first address of the one who is dialled there is somebody else, who has nothing to do with it.
#[test]
fn who_is_at_the_wrong_address_is_left_alone_and_has_not_crashed() {
    let [at_one, at_two, at_three] = [(); 3].map(|()| address());
    let mut nowhere = member("lb1", at_one);
    nowhere.addresses.clear();
    let two = Plan::new("lb2", at_two, vec![nowhere.clone()]).start();
    let three = Plan::new("lb3", at_three, vec![nowhere]).start();
    wait_until(|| TcpStream::connect(at_three).is_ok());
    let mut to_two = member("lb2", at_three);
    to_two.addresses.push(at_two);
    let one = Plan::new("lb1", at_one, vec![to_two]).start();
    settled(&one, &two);
    assert!(three.streams.figures().refused > 0);
    assert!(three.happened.try_recv().is_err(), "it never had a stream");
    assert_eq!(one.streams.peers()[0].name, "lb2");
}

/// Two servers with one name, each with a stream until the other takes it.
#[test]
fn two_of_one_name_do_not_dial_as_fast_as_they_can() {
    let [at_one, at_two, at_other] = [(); 3].map(|()| address());
    let one = Plan::new("lb1", at_one, vec![member("lb2", at_two)]).start();
    let namesakes = [(at_two, 7), (at_other, 8)].map(|(at, boot)| {
        let mut plan = Plan::new("lb2", at, vec![member("lb1", at_one)]);
        plan.boot = boot;
        plan.start()
    });
    wait_until(|| one.streams.figures().ups > 4);
    while one.happened.try_recv().is_ok() {}
    // Sooner or later nothing happens for a moment.
    let quiet = Duration::from_millis(50);
    let rests = (0..200).any(|_| one.happened.recv_timeout(quiet).is_err());
    assert!(rests, "streams come and go without end");
    drop(namesakes);
}

#[test]
fn who_waits_no_longer_is_forgotten() {
    let (one, two) = two();
    settled(&one, &two);
    let stream = one.streams.stream(NodeId::of("lb2")).unwrap();
    let question = stream.ask(Subject::File as u8, Vec::new()).unwrap();
    assert_eq!(stream.questions(), 1);
    drop(question);
    assert_eq!(stream.questions(), 0);
}
