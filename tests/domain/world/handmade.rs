//! A server that exists only in its adverts: one that says whatever a test wants, with the domain's own key.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use halb::pair::advert::Advert;
use halb::pair::node::NodeId;
use halb::pair::seal::Channel;
use halb::pair::seal::DATAGRAM_MAX;
use halb::pair::state::State;
use halb::pair::term::Term;
use halb::ring::clock;
use halb::standby::key::Key;
use halb::standby::key::Use;

use super::server::Server;

/// As often as a server speaks.
const PACE: Duration = Duration::from_millis(50);
const BOOT: u64 = 77;

/// Goes on until it is dropped.
pub struct Handmade {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A word of an active that holds the addresses.
pub fn active(name: &str, protocol: u16) -> Advert {
    Advert {
        from: NodeId::of(name),
        boot: BOOT,
        protocol,
        release: 9 << 16,
        term: Term {
            number: 1000,
            main: false,
        },
        state: State::Active,
        holds: true,
        reaches_ping: true,
        able: true,
        ready: true,
        ..Advert::default()
    }
}

impl Handmade {
    /// Says `word` to `to` from the host of `on`, at their first addresses.
    pub fn start(on: &Server, to: &Server, key: &Path, word: Advert) -> Handmade {
        let key = Key::read(key).unwrap().derive(Use::Adverts);
        let bind = || std::net::UdpSocket::bind(on.link()).unwrap();
        let socket = on.space.within(bind);
        socket.set_read_timeout(Some(PACE)).unwrap();
        let mut channel = Channel::new(
            &key,
            word.from,
            BOOT,
            NodeId::of(to.name),
            clock::read().now,
        );
        let target: SocketAddr = to.link();
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let thread = thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                let (payload, mut datagram) = (word.encode(), [0; DATAGRAM_MAX]);
                channel.begin(&payload, clock::read().now);
                let sealed = channel.seal(0, payload.len(), &mut datagram);
                let _ = socket.send_to(sealed, target); // the other one may not be there yet
                let mut heard = [0; DATAGRAM_MAX];
                if let Ok(length) = socket.recv(&mut heard) {
                    // What it says is nothing to us, but it wants to hear that it has been heard.
                    let _ = channel.open(&heard[..length], clock::read().now);
                }
            }
        });
        Handmade {
            ended,
            thread: Some(thread),
        }
    }
}

impl Drop for Handmade {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // what went wrong on it has been printed
        }
    }
}
