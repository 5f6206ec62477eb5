//! The station against servers that do not do as they should: each fault has to be seen.

mod asked;
mod offered;

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;

use super::*;
use crate::ring;
use crate::station::order::Asked;

/// A station on a thread of its own, and the line to it.
struct Place {
    line: BufReader<UnixStream>,
    thread: thread::JoinHandle<()>,
    origin: SocketAddr,
}

impl Place {
    fn new() -> Place {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let thread = thread::spawn(move || {
            let mut ring = ring::open().unwrap();
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let (listener, origin) = ring::listen(&mut ring, &any).unwrap();
            let line = Socket(theirs.as_raw_fd());
            let hello = Hello { origin, process: 0 };
            serve(&mut ring, listener, line, hello).unwrap();
        });
        let mut place = Place {
            line: BufReader::new(ours),
            thread,
            origin: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        match place.hear() {
            Said::Hello(hello) => place.origin = hello.origin,
            said => panic!("{said:?}"),
        }
        place
    }

    fn hear(&mut self) -> Said {
        let mut line = String::new();
        self.line.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn order(&mut self, order: Order) -> Outcome {
        self.tell(&Told::Order(order));
        loop {
            match self.hear() {
                Said::Done(outcome) => return outcome,
                Said::Reached(_) => self.tell(&Told::Pass),
                said => panic!("{said:?}"),
            }
        }
    }

    /// Hangs up after the order.
    fn only(mut self, order: Order) -> Outcome {
        let outcome = self.order(order);
        self.leave();
        outcome
    }

    fn tell(&self, told: &Told) {
        let mut text = serde_json::to_vec(told).unwrap();
        text.push(b'\n');
        self.line.get_ref().write_all(&text).unwrap();
    }

    /// Hangs up and waits until the station has gone.
    fn leave(self) {
        drop(self.line);
        self.thread.join().unwrap();
    }
}

/// Small and short.
fn order(target: SocketAddr, kind: Kind) -> Order {
    Order {
        target,
        kind,
        connections: 4,
        asked: Asked {
            body_bytes: 128,
            head_bytes: 200,
            ..Asked::default()
        },
        rate: 1000.0,
        moving: 0,
        first_source: 0,
        warm_ms: 10,
        measure_ms: 50,
        watch: Vec::new(),
        crew: Vec::new(),
    }
}

/// Answers each request as it is told, on many connections; the end of an answer may be the end of the connection.
struct Server {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

/// What a server does after an answer.
enum Then {
    GoOn,
    Close,
}

impl Server {
    /// Requests are small and come one by one, so each arrives whole.
    fn new(answer: impl Fn(&[u8]) -> (Vec<u8>, Then) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let answer = Arc::new(answer);
            let mut serving = Vec::new();
            for stream in listener.incoming() {
                if seen.load(Ordering::Acquire) {
                    break;
                }
                let (mut stream, answer) = (stream.unwrap(), Arc::clone(&answer));
                serving.push(thread::spawn(move || {
                    let mut request = [0; 4096];
                    while let Ok(count @ 1..) = stream.read(&mut request) {
                        let (bytes, then) = answer(&request[..count]);
                        if stream.write_all(&bytes).is_err() || matches!(then, Then::Close) {
                            return;
                        }
                    }
                }));
            }
            for one in serving {
                one.join().unwrap();
            }
        });
        Server {
            address,
            over,
            thread,
        }
    }

    fn leave(self) {
        self.over.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address).unwrap());
        self.thread.join().unwrap();
    }
}

/// A right answer with so many bytes.
fn right(body_bytes: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {body_bytes}\r\n\r\n");
    let mut answer = head.into_bytes();
    let start = answer.len();
    answer.resize(start + body_bytes, 0);
    Pattern::new().fill(&mut answer[start..], 0);
    answer
}

/// Answers every request with the same bytes; `None` closes instead.
struct Liar {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl Liar {
    fn new(answer: Option<Vec<u8>>) -> Liar {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if seen.load(Ordering::Acquire) {
                    return;
                }
                let (mut stream, mut request) = (stream.unwrap(), [0; 4096]);
                // The other side may be gone already; that is its business.
                let _count = stream.read(&mut request);
                if let Some(answer) = &answer {
                    let _sent = stream.write_all(answer);
                }
            }
        });
        Liar {
            address,
            over,
            thread,
        }
    }

    fn leave(self) {
        self.over.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address).unwrap());
        self.thread.join().unwrap();
    }
}

/// What the station says of a server that always answers so.
fn judged(answer: Option<Vec<u8>>) -> String {
    let liar = Liar::new(answer);
    let mut place = Place::new();
    let outcome = place.order(order(liar.address, Kind::Keep));
    place.leave();
    liar.leave();
    match outcome {
        Outcome::Failed(reason) => reason,
        Outcome::Load(load) => format!("{:?}", load.faults),
        Outcome::Held(_) => "another job".to_owned(),
    }
}

#[test]
fn the_origin_itself_is_clean_in_every_kind() {
    let mut place = Place::new();
    let origin = place.origin;
    for kind in [Kind::Keep, Kind::Fresh, Kind::Offered] {
        let Outcome::Load(load) = place.order(order(origin, kind)) else {
            panic!("{kind:?} did not end well");
        };
        assert!(load.answered > 0);
        assert_eq!(load.faults.len(), 0, "{:?}", load.faults);
    }
    let Outcome::Held(idle) = place.order(order(origin, Kind::Idle)) else {
        panic!("idling did not end well");
    };
    assert_eq!((idle.held, idle.answered_again), (4, 4));
    assert_eq!(idle.faults.len(), 0, "{:?}", idle.faults);
    place.leave();
}

#[test]
fn a_wrong_body_is_seen() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 128\r\n\r\n".to_vec();
    let said = judged(Some([head, vec![0; 128]].concat()));
    assert!(said.contains("Wrong(Content)"), "{said}");
}

#[test]
fn an_answer_of_the_proxys_own_is_seen() {
    let answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    let said = judged(Some(answer.to_vec()));
    assert!(said.contains("Wrong(Status)"), "{said}");
}

#[test]
fn a_connection_that_just_ends_is_seen() {
    let said = judged(None);
    assert!(
        said.contains("Ended") || said.contains("ECONNRESET"),
        "{said}"
    );
}

#[test]
fn a_port_where_nobody_listens_is_seen() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut place = Place::new();
    let Outcome::Failed(reason) = place.order(order(address, Kind::Keep)) else {
        panic!("nobody answered, and that went well");
    };
    place.leave();
    assert!(reason.contains("Connect(ECONNREFUSED)"), "{reason}");
}
