//! A backend that dies at every byte of its answer.

use std::fmt;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpStream;
use std::time::Duration;

use socket2::SockRef;

use crate::dying::model;
use crate::dying::model::View;
use crate::dying::model::Whole;
use crate::side::Over;
use crate::stage::Setting;
use crate::stage::Stage;

/// How it dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Death {
    /// It closes: the end of its stream is right behind its last byte.
    Close,
    /// It is reset, once its last byte has got as far as it can.
    Reset,
}

/// What is asked, and what would be answered.
struct Exchange {
    request: &'static str,
    /// As the backend has to see it.
    seen: &'static str,
    answer: Vec<u8>,
}

impl Exchange {
    fn to_head(&self) -> bool {
        self.request.starts_with("HEAD")
    }

    fn is_old(&self) -> bool {
        self.request.contains(" HTTP/1.0\r\n")
    }

    /// It may be asked twice (RFC 9110 §9.2.2).
    fn is_idempotent(&self) -> bool {
        !self.request.starts_with("POST")
    }
}

/// What a client has to have got in the end.
#[derive(PartialEq, Eq, Debug)]
struct Outcome {
    view: View,
    over: Over,
}

impl Outcome {
    /// A reset may overtake what was still on its way: that it came is enough to know that the rest is missing.
    fn is_as(&self, wanted: &Outcome) -> bool {
        let mut view = self.view.clone();
        if wanted.over == Over::Reset && wanted.view.body.starts_with(&view.body) {
            view.body.clone_from(&wanted.view.body);
        }
        view == wanted.view && self.over == wanted.over
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let View {
            interims,
            status,
            body,
            trailers,
            whole,
            ..
        } = &self.view;
        let (bytes, trailers) = (body.len(), trailers.escape_ascii());
        write!(
            f,
            "{interims} interims, {status:?}, {bytes} bytes, trailers {trailers}, whole: {whole:?}, "
        )?;
        write!(f, "then {:?}", self.over)
    }
}

const GET: (&str, &str) = (
    "GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
);
const OLD_GET: (&str, &str) = ("GET /x HTTP/1.0\r\nHost: a\r\n\r\n", GET.1);
const HEAD: (&str, &str) = (
    "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n",
);
const SWITCH: (&str, &str) = (
    "GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n",
    "GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n",
);
const POST: (&str, &str) = (
    "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
    "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
);

const LENGTH: &str = "HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 12\r\n\r\nhello, world";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
    5;x=y\r\nhello\r\n7\r\n, world\r\n0\r\nX-Sum: 12\r\nX-More: 1\r\n\r\n";
const UNTIL_CLOSE: &str = "HTTP/1.1 200 OK\r\nX: 1\r\n\r\nhello, world";
const HINTED: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
    HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const BODILESS: &str = "HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n";
const TO_HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n";
const SWITCHED: &str = "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\nin a tunnel";

#[test]
fn of_known_length() {
    at_every_byte(GET, LENGTH);
}

#[test]
fn of_known_length_to_post() {
    at_every_byte(POST, LENGTH);
}

#[test]
fn of_known_length_to_http_1_0() {
    at_every_byte(OLD_GET, LENGTH);
}

#[test]
fn chunked() {
    at_every_byte(GET, CHUNKED);
}

#[test]
fn chunked_to_post() {
    at_every_byte(POST, CHUNKED);
}

#[test]
fn chunked_to_http_1_0() {
    at_every_byte(OLD_GET, CHUNKED);
}

#[test]
fn until_the_close() {
    at_every_byte(GET, UNTIL_CLOSE);
}

#[test]
fn until_the_close_to_http_1_0() {
    at_every_byte(OLD_GET, UNTIL_CLOSE);
}

#[test]
fn behind_early_hints() {
    at_every_byte(GET, HINTED);
}

#[test]
fn behind_early_hints_to_http_1_0() {
    at_every_byte(OLD_GET, HINTED);
}

#[test]
fn without_a_body() {
    at_every_byte(GET, BODILESS);
    at_every_byte(HEAD, TO_HEAD);
}

#[test]
fn in_a_tunnel() {
    at_every_byte(SWITCH, SWITCHED);
}

#[test]
fn long_at_its_boundaries() {
    let body = "0123456789".repeat(40_000);
    let length = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n61a80\r\n";
    for (head, tail) in [
        (length.as_str(), ""),
        (chunk, "\r\n0\r\n\r\n"),
        ("HTTP/1.1 200 OK\r\n\r\n", ""),
    ] {
        let answer = format!("{head}{body}{tail}").into_bytes();
        let (start, end) = (head.len(), head.len() + body.len());
        // Round about the head, a buffer's end, what goes through a pipe, and the body's end.
        let places = [
            start,
            start + 4096,
            start + 65_536,
            start + 131_072,
            end,
            answer.len(),
        ];
        let around = |place: usize| place - 1..=answer.len().min(place + 1);
        for ask in [GET, OLD_GET] {
            at_bytes(ask, &answer, places.into_iter().flat_map(around));
        }
    }
}

fn at_every_byte(ask: (&'static str, &'static str), answer: &str) {
    at_bytes(ask, answer.as_bytes(), 0..=answer.len());
}

/// Lets a backend die behind each of these bytes; then the worker has to have nothing left.
fn at_bytes(
    (request, seen): (&'static str, &'static str),
    answer: &[u8],
    places: impl Iterator<Item = usize>,
) {
    let answer = answer.to_vec();
    let exchange = Exchange {
        request,
        seen,
        answer,
    };
    let stage = Stage::new(&Setting::plain());
    for sent in places {
        for death in [Death::Close, Death::Reset] {
            let retried = sent == 0 && exchange.is_idempotent();
            for recovers in [false, true] {
                if retried || !recovers {
                    play(&stage, &exchange, sent, death, recovers);
                    ask_innocently(&stage);
                }
            }
        }
    }
    stage.finish().unwrap();
}

/// The backend dies behind `sent` bytes. Where that is a reason to ask again, it dies again or `recovers`.
fn play(stage: &Stage, exchange: &Exchange, sent: usize, death: Death, recovers: bool) {
    let mut client = Reader::new(stage.client().unwrap(), exchange.to_head());
    client
        .stream
        .write_all(exchange.request.as_bytes())
        .unwrap();
    let mut backend = accept(stage, exchange.seen);
    if sent == 0 && exchange.is_idempotent() {
        die(backend, death);
        backend = accept(stage, exchange.seen);
    }
    let wanted = if recovers {
        backend.write_all(&exchange.answer).unwrap();
        backend.shutdown(Shutdown::Write).unwrap();
        expected(exchange, exchange.answer.len(), Death::Close)
    } else {
        backend.write_all(&exchange.answer[..sent]).unwrap();
        if death == Death::Reset {
            client.read_until(&progress(exchange, sent));
        }
        die(backend, death);
        expected(exchange, sent, death)
    };
    let got = client.outcome();
    let request = exchange.request;
    assert!(
        got.is_as(&wanted),
        "{death:?} behind {sent} bytes of the answer to\n{request}got {got}\nwanted {wanted}"
    );
}

/// What a client can have seen before the backend's stream ends.
fn progress(exchange: &Exchange, sent: usize) -> View {
    let mut view = model::response(&exchange.answer[..sent], exchange.to_head());
    if exchange.is_old() {
        view.interims = 0; // they are kept from it (RFC 9110 §15.2)
    }
    view
}

/// What a client has to have seen in the end.
fn expected(exchange: &Exchange, sent: usize, death: Death) -> Outcome {
    let mut view = progress(exchange, sent);
    // How the answer is framed for this client; what is cut has to be told from what is whole.
    let in_tunnel = view.status == Some(101);
    let ends_with_connection = in_tunnel || (exchange.is_old() && !is_framed_by_length(exchange));
    let whole = match view.whole {
        Whole::Yes => true,
        Whole::No => false,
        Whole::WithTheEnd => death == Death::Close,
    };
    view.bytes = 0;
    if view.status.is_none() {
        return refused(view.interims);
    }
    if ends_with_connection {
        view.trailers.clear();
        let over = if whole { Over::End } else { Over::Reset };
        view.whole = Whole::WithTheEnd;
        return Outcome { view, over };
    }
    view.whole = if whole { Whole::Yes } else { Whole::No };
    Outcome {
        view,
        over: Over::End,
    }
}

fn is_framed_by_length(exchange: &Exchange) -> bool {
    let head = String::from_utf8_lossy(&exchange.answer);
    head.contains("Content-Length: ") || head.contains(" 204 ")
}

/// 502, whole.
fn refused(interims: usize) -> Outcome {
    let view = View {
        interims,
        status: Some(502),
        whole: Whole::Yes,
        ..View::default()
    };
    Outcome {
        view,
        over: Over::End,
    }
}

/// A GET that goes nowhere near the other one.
pub fn ask_innocently(stage: &Stage) {
    let request = "GET /innocent HTTP/1.1\r\nHost: b\r\n\r\n";
    let mut client = Reader::new(stage.client().unwrap(), false);
    client.stream.write_all(request.as_bytes()).unwrap();
    let mut backend = accept(stage, request);
    let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nfine";
    backend.write_all(answer).unwrap();
    let Outcome { view, over } = client.outcome();
    assert_eq!(
        (view.status, view.body.as_slice(), over),
        (Some(200), b"fine".as_slice(), Over::End)
    );
}

/// The next connection, with exactly this request on it.
fn accept(stage: &Stage, request: &str) -> TcpStream {
    let mut stream = stage.accept(0).expect("a connection comes");
    let mut seen = vec![0; request.len()];
    stream.read_exact(&mut seen).unwrap();
    assert_eq!(String::from_utf8_lossy(&seen), request);
    stream
}

fn die(stream: TcpStream, death: Death) {
    if death == Death::Reset {
        SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
    drop(stream);
}

/// A client that reads its answer.
struct Reader {
    stream: TcpStream,
    to_head: bool,
    seen: Vec<u8>,
    over: Option<Over>,
}

impl Reader {
    fn new(stream: TcpStream, to_head: bool) -> Reader {
        Reader {
            stream,
            to_head,
            seen: Vec::new(),
            over: None,
        }
    }

    fn view(&self) -> View {
        model::response(&self.seen, self.to_head)
    }

    /// Reads until as much has come as `wanted` says; the rest is known by then not to be there yet.
    fn read_until(&mut self, wanted: &View) {
        loop {
            let view = self.view();
            let enough = view.interims >= wanted.interims
                && view.status.is_some() >= wanted.status.is_some()
                && view.body.len() >= wanted.body.len()
                && (wanted.whole != Whole::Yes || view.whole != Whole::No);
            if enough || !self.read() {
                return;
            }
        }
    }

    /// Reads until the answer is whole, says that nothing more is asked, and reads to the end.
    fn outcome(mut self) -> Outcome {
        while self.view().whole != Whole::Yes && self.read() {}
        if self.over.is_none() {
            self.stream.shutdown(Shutdown::Write).unwrap();
            while self.read() {}
        }
        let mut view = self.view();
        if view.whole == Whole::Yes {
            assert_eq!(
                view.bytes,
                self.seen.len(),
                "nothing comes behind an answer"
            );
        }
        if view.status == Some(502) {
            view.body.clear(); // in words of HALB's own
        }
        view.bytes = 0;
        let over = self.over.expect("the stream has ended");
        Outcome { view, over }
    }

    fn read(&mut self) -> bool {
        let mut bytes = [0; 65_536];
        match self.stream.read(&mut bytes) {
            Ok(0) => self.over = Some(Over::End),
            Ok(count) => self.seen.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                self.over = Some(Over::Reset)
            }
            Err(error) => panic!("{error}: nothing comes any more"),
        }
        self.over.is_none()
    }
}
