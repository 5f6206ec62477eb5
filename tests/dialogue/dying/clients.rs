//! A client that dies at every byte of its request.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::SockRef;

use crate::dying::model;
use crate::dying::model::Whole;
use crate::stage::Setting;
use crate::stage::Stage;

/// How it dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Death {
    /// It ends its stream and reads what comes: it is not dead yet, and has asked what it has asked.
    End,
    /// It closes and reads nothing.
    Close,
    Reset,
}

/// One request, or two on one connection.
struct Sample {
    /// What the client sends.
    sent: Vec<u8>,
    /// What the backend has to see of each, were it whole.
    seen: Vec<Seen>,
}

/// A request as the backend sees it: its bodies' chunks are joined.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    head: String,
    body: Vec<u8>,
    trailers: Vec<u8>,
    whole: bool,
    /// Where it ends in what the client sends.
    end: usize,
}

/// A head's path holds a number of five digits in place of this.
const NUMBER: &str = "#####";

const GET: &str = "GET /##### HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n";
const LENGTH: &str = "POST /##### HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nhello, world";
const CHUNKED: &str = "PUT /##### HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
    5;x=y\r\nhello\r\n7\r\n, world\r\n0\r\nX-Sum: 12\r\n\r\n";
const EXPECTING: &str =
    "POST /##### HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok";
const OLD: &str = "POST /##### HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
/// The same in words of HTTP/1.1.
const OLD_SEEN: &str = "POST /##### HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn without_a_body() {
    at_every_byte(&[GET], &[GET]);
}

#[test]
fn of_known_length() {
    at_every_byte(&[LENGTH], &[LENGTH]);
}

#[test]
fn chunked() {
    at_every_byte(&[CHUNKED], &[CHUNKED]);
}

#[test]
fn that_expects() {
    at_every_byte(&[EXPECTING], &[EXPECTING]);
}

#[test]
fn of_http_1_0() {
    at_every_byte(&[OLD], &[OLD_SEEN]);
}

#[test]
fn pipelined() {
    at_every_byte(&[GET, LENGTH], &[GET, LENGTH]);
    at_every_byte(&[CHUNKED, GET], &[CHUNKED, GET]);
}

#[test]
fn long_at_its_boundaries() {
    let body = "0123456789".repeat(40_000);
    let fields = format!("Host: a\r\nContent-Length: {}\r\n\r\n", body.len());
    let head = format!("POST /{NUMBER} HTTP/1.1\r\n{fields}");
    let request = format!("{head}{body}");
    let (start, end) = (head.len(), request.len());
    let places = [start, start + 4096, start + 65_536, start + 131_072, end];
    let around = |place: usize| place - 1..=end.min(place + 1);
    at_bytes(
        &[&request],
        &[&request],
        places.into_iter().flat_map(around),
    );
}

fn at_every_byte(sent: &[&str], seen: &[&str]) {
    at_bytes(sent, seen, 0..=sent.concat().len());
}

/// Lets clients die behind each of these bytes; then the worker has to have nothing left, and the backend to have
/// seen nothing that was not asked.
fn at_bytes(sent: &[&str], seen: &[&str], places: impl Iterator<Item = usize>) {
    let stage = Stage::new(&Setting::plain());
    let backend = Backend::start(stage.listener());
    let mut deaths = Vec::new();
    for place in places {
        for death in [Death::End, Death::Close, Death::Reset] {
            let number = format!("{:05}", deaths.len());
            let sample = Sample::new(sent, seen, &number);
            die(&stage, &sample, place, death);
            ask_innocently(&stage);
            deaths.push((sample, place, death));
        }
    }
    let innocents = deaths.len();
    stage.finish().unwrap();
    let records = backend.stop();
    for record in &records {
        record.check(&deaths);
    }
    let whole = |record: &&Record| record.seen.head.starts_with("GET /innocent ");
    assert_eq!(records.iter().filter(whole).count(), innocents);
    check_answered(&records, &deaths);
}

/// What was asked whole by a client that still reads has been seen whole.
fn check_answered(records: &[Record], deaths: &[(Sample, usize, Death)]) {
    for (sample, place, death) in deaths.iter().filter(|(_, _, death)| *death == Death::End) {
        for wanted in sample.seen.iter().filter(|wanted| wanted.end <= *place) {
            let found = records
                .iter()
                .any(|record| record.seen.whole && record.seen.head == wanted.head);
            assert!(
                found,
                "{death:?} behind {place} bytes: not seen\n{}",
                wanted.head
            );
        }
    }
}

fn die(stage: &Stage, sample: &Sample, place: usize, death: Death) {
    let mut client = stage.client().unwrap();
    client.write_all(&sample.sent[..place]).unwrap();
    match death {
        Death::Close => drop(client),
        Death::Reset => {
            SockRef::from(&client)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
            drop(client);
        }
        Death::End => {
            client.shutdown(Shutdown::Write).unwrap();
            let mut answers = Vec::new();
            client.read_to_end(&mut answers).unwrap();
            let asked = sample.seen.iter().filter(|seen| seen.end <= place).count();
            let wanted = "HTTP/1.1 200 OK".to_owned();
            let got = first_lines(&answers);
            assert_eq!(
                got,
                vec![wanted; asked],
                "behind {place} bytes of\n{}",
                sample.seen[0].head
            );
        }
    }
}

/// The status lines of whole answers; there is nothing else.
fn first_lines(mut bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    while !bytes.is_empty() {
        let view = model::response(bytes, false);
        assert_eq!(view.whole, Whole::Yes, "{}", bytes.escape_ascii());
        let line = bytes
            .split(|byte| *byte == b'\r')
            .next()
            .unwrap_or_default();
        lines.push(String::from_utf8_lossy(line).into_owned());
        bytes = &bytes[view.bytes..];
    }
    lines
}

fn ask_innocently(stage: &Stage) {
    let mut client = stage.client().unwrap();
    client
        .write_all(b"GET /innocent HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    let view = model::response(&answer, false);
    assert_eq!(
        (view.status, view.body.as_slice()),
        (Some(200), b"fine".as_slice())
    );
}

impl Sample {
    fn new(sent: &[&str], seen: &[&str], number: &str) -> Sample {
        let numbered = |text: &str, part: usize| {
            // The parts of a pair are told apart by their first digit.
            text.replacen(NUMBER, &format!("{part}{}", &number[1..]), 1)
        };
        let mut sample = Sample {
            sent: Vec::new(),
            seen: Vec::new(),
        };
        for (part, (sent, seen)) in sent.iter().zip(seen).enumerate() {
            sample
                .sent
                .extend_from_slice(numbered(sent, part).as_bytes());
            let mut seen = Seen::of(numbered(seen, part).as_bytes());
            seen.end = sample.sent.len();
            sample.seen.push(seen);
        }
        sample
    }
}

impl Seen {
    /// The first request in there, or as much of it as there is.
    fn of(bytes: &[u8]) -> Seen {
        match model::request(bytes) {
            Some((head, view)) => Seen {
                head,
                body: view.body,
                trailers: view.trailers,
                whole: view.whole == Whole::Yes,
                end: view.bytes,
            },
            None => Seen {
                head: String::from_utf8_lossy(bytes).into_owned(),
                body: Vec::new(),
                trailers: Vec::new(),
                whole: false,
                end: bytes.len(),
            },
        }
    }
}

/// What a backend saw of one request.
struct Record {
    seen: Seen,
}

impl Record {
    /// It is an innocent one, or the beginning of one that was asked, and whole only if that was.
    fn check(&self, deaths: &[(Sample, usize, Death)]) {
        if self.seen.head.starts_with("GET /innocent ") {
            assert!(self.seen.whole && self.seen.body.is_empty());
            return;
        }
        let found = deaths.iter().find_map(|(sample, place, death)| {
            let seen = sample
                .seen
                .iter()
                .find(|seen| seen.head == self.seen.head)?;
            Some((seen, place, death))
        });
        let (asked, place, death) =
            found.unwrap_or_else(|| panic!("nobody asked {:?}", self.seen.head));
        let told = format!("{death:?} behind {place} bytes of\n{}", asked.head);
        assert!(asked.body.starts_with(&self.seen.body), "{told}");
        assert!(asked.trailers.starts_with(&self.seen.trailers), "{told}");
        if self.seen.whole {
            assert!(
                *place >= asked.end,
                "a request that was not whole became so: {told}"
            );
            assert_eq!(
                (&self.seen.body, &self.seen.trailers),
                (&asked.body, &asked.trailers),
                "{told}"
            );
        }
    }
}

/// Answers what is whole, and keeps what it has seen.
struct Backend {
    records: Arc<Mutex<Vec<Record>>>,
    listener: TcpListener,
    thread: JoinHandle<()>,
}

impl Backend {
    fn start(listener: TcpListener) -> Backend {
        let records = Arc::new(Mutex::new(Vec::new()));
        let (ours, accepting) = (Arc::clone(&records), listener.try_clone().unwrap());
        let thread = thread::spawn(move || {
            thread::scope(|scope| {
                loop {
                    let (mut stream, _) = accepting.accept().expect("a connection comes");
                    let mut first = [0];
                    if stream
                        .peek(&mut first)
                        .is_ok_and(|count| count == 1 && first[0] == 0)
                    {
                        return; // the end: HALB never sends this
                    }
                    let records = Arc::clone(&ours);
                    scope.spawn(move || serve(&mut stream, &records));
                }
            });
        });
        Backend {
            records,
            listener,
            thread,
        }
    }

    /// All it has seen; every connection has ended.
    fn stop(self) -> Vec<Record> {
        let mut last = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
        last.write_all(&[0]).unwrap();
        self.thread.join().unwrap();
        let records = Arc::into_inner(self.records).expect("all threads have ended");
        records.into_inner().unwrap()
    }
}

fn serve(stream: &mut TcpStream, records: &Mutex<Vec<Record>>) {
    let mut seen = Vec::new();
    let mut bytes = [0; 65_536];
    loop {
        let request = Seen::of(&seen);
        if request.whole {
            seen.drain(..request.end);
            let innocent = request.head.starts_with("GET /innocent ");
            let body = if innocent { "fine" } else { "done" };
            records.lock().unwrap().push(Record { seen: request });
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{body}");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
            continue;
        }
        match stream.read(&mut bytes) {
            Ok(count) if count > 0 => seen.extend_from_slice(&bytes[..count]),
            _ => break,
        }
    }
    if !seen.is_empty() {
        records.lock().unwrap().push(Record {
            seen: Seen::of(&seen),
        });
    }
}
