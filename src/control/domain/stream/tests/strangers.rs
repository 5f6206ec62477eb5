//! Those without the key, and those between two who have it.

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;

use super::rig::Node;
use super::rig::PATIENCE;
use super::rig::Plan;
use super::rig::address;
use super::rig::member;
use super::rig::wait_until;
use crate::control::domain::Subject;
use crate::control::domain::stream::Members;
use crate::control::domain::stream::subject::Happening;

#[test]
fn another_key_gets_nobody_in() {
    let (at_one, at_two) = (address(), address());
    let one = Plan::new("lb1", at_one, vec![member("lb2", at_two)]).start();
    let mut plan = Plan::new("lb2", at_two, vec![member("lb1", at_one)]);
    plan.key = [1; 32];
    let two = plan.start();
    wait_until(|| one.streams.figures().foreign > 1 || two.streams.figures().foreign > 1);
    assert_eq!((one.streams.peers(), two.streams.peers()), (vec![], vec![]));
    assert!(one.happened.try_recv().is_err());
}

fn connected(to: SocketAddr) -> TcpStream {
    let mut stream = None;
    wait_until(|| {
        stream = TcpStream::connect(to).ok();
        stream.is_some()
    });
    let stream = stream.unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Everything until the other side closes.
fn rest(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _reset_or_end = stream.read_to_end(&mut bytes);
    bytes
}

#[test]
fn foreign_bytes_and_silence_end_soon_and_block_nobody() {
    let (at_one, at_two) = (address(), address());
    let one = Plan::new("lb1", at_one, vec![member("lb2", at_two)]).start();
    let http = connected(at_one);
    (&http).write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(rest(&http), b"");
    wait_until(|| one.streams.figures().foreign == 1);
    // As long as a handshake, but none.
    let random = connected(at_one);
    (&random)
        .write_all(&[&[0, 48][..], &[9; 48]].concat())
        .unwrap();
    assert_eq!(rest(&random), b"");
    wait_until(|| one.streams.figures().foreign == 2);
    // Many that say nothing, from an address that is no server's: the first few are waited for.
    let silent: Vec<TcpStream> = (0..20).map(|_| connected(at_one)).collect();
    wait_until(|| one.streams.figures().crowded >= 16);
    let two = Plan::new("lb2", at_two, vec![member("lb1", at_one)]).start();
    two.wait_for("lb1");
    for stream in &silent {
        assert_eq!(rest(stream), b"");
    }
    // Two of the places were still warm from those before.
    wait_until(|| {
        let figures = one.streams.figures();
        figures.slow > 0 && figures.slow + figures.crowded == 20
    });
    assert!(one.streams.figures().slow <= 4);
}

/// Each costs a handshake until it fails: who tries again and again is not answered each time.
#[test]
fn whose_handshake_fails_keeps_its_place_for_a_moment() {
    let at_one = address();
    let one = Plan::new("lb1", at_one, Vec::new()).start();
    wait_until(|| {
        let random = connected(at_one);
        let _closed_before = (&random).write_all(&[&[0, 48][..], &[9; 48]].concat());
        rest(&random);
        one.streams.figures().crowded > 0
    });
}

/// Takes one connection at `at` and passes it on to `to`. What comes from there is told to `spoil`, which may
/// change it. Gives what was sent there.
fn between(
    at: SocketAddr,
    to: SocketAddr,
    mut spoil: impl FnMut(Vec<u8>) -> Vec<u8> + Send + 'static,
) -> thread::JoinHandle<Vec<u8>> {
    let listener = TcpListener::bind(at).unwrap();
    thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        drop(listener);
        let server = connected(to);
        let (mut back_from, mut back_to) =
            (server.try_clone().unwrap(), client.try_clone().unwrap());
        let back = thread::spawn(move || {
            let _ends = std::io::copy(&mut back_from, &mut back_to);
            let _ends = back_to.shutdown(std::net::Shutdown::Both);
        });
        let mut recorded = Vec::new();
        while let Some(message) = message(&client) {
            recorded.extend_from_slice(&message);
            if (&server).write_all(&spoil(message)).is_err() {
                break;
            }
        }
        let _ends = server.shutdown(std::net::Shutdown::Both);
        back.join().unwrap();
        recorded
    })
}

/// Two servers with a relay between them, over which the first one dials. It gives what was sent over it.
struct Relayed {
    one: Node,
    two: Node,
    at: [SocketAddr; 2],
    relay: thread::JoinHandle<Vec<u8>>,
}

impl Relayed {
    fn start(spoil: impl FnMut(Vec<u8>) -> Vec<u8> + Send + 'static) -> Relayed {
        let (at_one, middle, at_two) = (address(), address(), address());
        let mut nowhere = member("lb1", at_one);
        nowhere.addresses.clear();
        let two = Plan::new("lb2", at_two, vec![nowhere]).start();
        let relay = between(middle, at_two, spoil);
        let one = Plan::new("lb1", at_one, vec![member("lb2", middle)]).start();
        one.wait_for("lb2");
        Relayed {
            one,
            two,
            at: [at_one, at_two],
            relay,
        }
    }
}

/// The next one with its length.
fn message(mut from: &TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    from.read_exact(&mut length).ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    from.read_exact(&mut message).ok()?;
    Some([&length[..], &message].concat())
}

#[test]
fn recorded_bytes_open_nothing() {
    let Relayed {
        one,
        two,
        at: [_, at_two],
        relay,
    } = Relayed::start(|message| message);
    let ordered = one.ask("lb2", Subject::Remote, b"an order");
    assert_eq!(ordered, Ok(b"redro na".to_vec()));
    let node = crate::pair::node::NodeId::of("lb2");
    one.streams.tell(node, Subject::Mirror, b"once").unwrap();
    assert_eq!(two.told.recv_timeout(PATIENCE).unwrap(), b"once");
    one.streams.finish(PATIENCE);
    let recorded = relay.join().unwrap();
    let before = two.streams.figures();
    let replayed = connected(at_two);
    (&replayed).write_all(&recorded).unwrap();
    assert_eq!(
        rest(&replayed).len(),
        2 + 48,
        "the handshake's answer, and no more"
    );
    wait_until(|| two.streams.figures().foreign == before.foreign + 1);
    assert_eq!(two.streams.figures().ups, before.ups);
    assert!(two.told.try_recv().is_err());
}

#[test]
fn whoever_moves_messages_ends_the_stream_and_nobody_has_crashed() {
    let mut kept: Option<Vec<u8>> = None;
    let mut count = 0;
    // One goes behind the next one.
    let Relayed {
        one, two, relay, ..
    } = Relayed::start(move |message| {
        count += 1;
        match count {
            9 => {
                kept = Some(message);
                Vec::new()
            }
            10 => [message, kept.take().unwrap()].concat(),
            _ => message,
        }
    });
    let node = crate::pair::node::NodeId::of("lb2");
    while two.streams.figures().garbled == 0 {
        let _ = one.streams.tell(node, Subject::Mirror, b"x");
        thread::yield_now();
    }
    assert!(matches!(two.next(), Happening::Up(_)));
    assert!(matches!(two.next(), Happening::Down(_)));
    assert!(matches!(one.next(), Happening::Up(_)));
    assert!(matches!(one.next(), Happening::Down(_)), "it is told why");
    let crashes = [&one, &two].map(|node| node.streams.figures().crashes);
    assert_eq!(crashes, [0, 0]);
    drop(one);
    drop(two);
    relay.join().unwrap();
}

/// A path that takes everything and passes nothing on: the stream goes over another one, and nobody has crashed.
#[test]
fn a_path_that_falls_silent_is_left_and_tells_nothing_of_the_server() {
    let silent = Arc::new(AtomicBool::new(false));
    let is_silent = Arc::clone(&silent);
    let Relayed {
        one,
        two,
        at: [at_one, at_two],
        relay,
    } = Relayed::start(move |message| {
        let passes = !is_silent.load(Ordering::Relaxed);
        if passes { message } else { Vec::new() }
    });
    silent.store(true, Ordering::Relaxed);
    two.streams.set_members(Members {
        addresses: vec![at_two],
        peers: vec![member("lb1", at_one)],
    });
    wait_until(|| {
        let peers = two.streams.peers();
        peers.iter().any(|peer| peer.address == at_one)
    });
    one.wait_for("lb2");
    two.wait_for("lb1");
    assert_eq!(
        (one.streams.figures().crashes, two.streams.figures().crashes),
        (0, 0)
    );
    drop(one);
    drop(two);
    relay.join().unwrap();
}
