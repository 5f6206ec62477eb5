//! What the access log says of requests: begun when a head has been read, or refused, and put where the log's thread
//! takes it when the request has ended. Without an access log nothing of this takes memory.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::balance::choice::Tie;
use crate::http::client;
use crate::http::ending::Ending;
use crate::http::field::Field;
use crate::http::field::Fields;
use crate::http::request::Request;
use crate::http::request::Version;
use crate::model::output::OutputId;
use crate::model::plan::Plan;
use crate::model::time::Instant;
use crate::plane::record::Marks;
use crate::plane::record::RECORD_BYTES_MOST;
use crate::plane::record::Record;
use crate::plane::record::Text;
use crate::plane::records::Put;
use crate::ring::port::Ring;
use crate::worker::Worker;
use crate::worker::client::Client;
use crate::worker::client::Phase;
use crate::worker::session::Session;
use crate::worker::table::Key;

/// Texts are given room in steps of this, so that the same room soon suffices for all.
const ROOM_STEP: usize = 256;

/// The records of requests that have begun and not ended. A record that ends leaves its room to the next.
#[derive(Default)]
pub struct Recorder {
    slips: Vec<Slip>,
    free: Vec<SlipNumber>,
    encoded: Vec<u8>,
}

/// Which record is a client's: counted from one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlipNumber(NonZeroU32);

/// What is known until it ends.
struct Slip {
    asked: Instant,
    reading: Duration,
    client: IpAddr,
    port: u16,
    version: Option<Version>,
    cut: bool,
    lengths: [u16; Text::COUNT],
    texts: Vec<u8>,
    served: Option<Served>,
}

/// What is known of its session, which has ended.
struct Served {
    output: usize,
    placed: Instant,
    connected: Option<Instant>,
    answered: Option<Instant>,
    status: Option<u16>,
    bytes_in: u64,
    bytes_out: u64,
    retries: u8,
    marks: Marks,
}

/// What was said at the end of a request besides what its output said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LastWords {
    /// Of an answer of our own.
    pub status: Option<u16>,
    pub bytes: usize,
    /// The connection stays for another request.
    pub kept: bool,
}

impl LastWords {
    /// Nothing, and the connection ends.
    pub const NONE: LastWords = LastWords {
        status: None,
        bytes: 0,
        kept: false,
    };
}

impl<R: Ring> Worker<R> {
    /// A request's head has been read whole; `fields` are its. It may be read again later: the first time counts.
    pub(super) fn open_record(&mut self, key: Key, request: &Request) {
        if !self.plan.access_log {
            return;
        }
        let now = self.ring.now();
        let Some(client) = self.clients.get_mut(key).filter(|c| c.slip.is_none()) else {
            return;
        };
        let (number, slip) = self.recorder.take();
        slip.begin(client, now);
        slip.version = Some(request.version);
        slip.read(client, request, &self.fields, &self.plan);
        client.slip = Some(number);
    }

    /// A request is being answered, or given up, whose head has not been read: all that is known of it is its first
    /// line, as far as it has come.
    pub(super) fn open_unread(&mut self, key: Key) {
        if !self.plan.access_log {
            return;
        }
        let now = self.ring.now();
        // Later what a connection holds is a body, or the next request.
        let before = |c: &Client| matches!(c.phase, Phase::Waiting | Phase::Idle | Phase::Reading);
        let fresh = |c: &&mut Client| c.slip.is_none() && before(c);
        let Some(client) = self.clients.get_mut(key).filter(fresh) else {
            return;
        };
        let (number, slip) = self.recorder.take();
        slip.begin(client, now);
        slip.add(&[], Text::Method);
        slip.add(first_line(client.stream.bytes()), Text::Target);
        client.slip = Some(number);
    }

    /// A client's session has ended. How it ended is said next.
    pub(super) fn note_served(&mut self, session: &Session) {
        let client = self.clients.get(session.client);
        if let Some(number) = client.and_then(|client| client.slip) {
            self.recorder.slip(number).served = Some(Served::of(session));
        }
    }

    /// A client's request has ended.
    pub(super) fn close_record(&mut self, key: Key, ending: Ending, words: LastWords) {
        let client = self.clients.get_mut(key);
        let Some(number) = client.and_then(|client| client.slip.take()) else {
            return;
        };
        let now = self.ring.now();
        self.recorder.close(number, ending, words, now);
        let put = self
            .plane
            .open_records(self.index)
            .put(&self.recorder.encoded);
        match put {
            Put::Stored => {}
            Put::StoredWake => self.ring.wake_log(),
            Put::Dropped => self.plane.page(self.index).log_dropped.add(1),
        }
    }
}

impl Recorder {
    /// Records of requests that have not ended.
    pub fn open(&self) -> usize {
        self.slips.len() - self.free.len()
    }

    fn take(&mut self) -> (SlipNumber, &mut Slip) {
        let number = self.free.pop().unwrap_or_else(|| {
            self.slips.push(Slip::new());
            // There are never more of them than clients.
            let count = u32::try_from(self.slips.len()).unwrap_or(u32::MAX);
            SlipNumber(NonZeroU32::new(count).unwrap_or(NonZeroU32::MAX))
        });
        (number, self.slip(number))
    }

    fn slip(&mut self, number: SlipNumber) -> &mut Slip {
        &mut self.slips[number.0.get() as usize - 1]
    }

    fn close(&mut self, number: SlipNumber, ending: Ending, words: LastWords, now: Instant) {
        if self.encoded.capacity() == 0 {
            self.encoded.reserve_exact(RECORD_BYTES_MOST);
        }
        let slip = &mut self.slips[number.0.get() as usize - 1];
        let record = slip.record(ending, words, now);
        record.encode(&slip.texts, &mut self.encoded);
        self.free.push(number);
    }
}

impl Slip {
    fn new() -> Slip {
        Slip {
            asked: Instant::ZERO,
            reading: Duration::ZERO,
            client: IpAddr::from([0, 0, 0, 0]),
            port: 0,
            version: None,
            cut: false,
            lengths: [0; Text::COUNT],
            texts: Vec::new(),
            served: None,
        }
    }

    fn begin(&mut self, client: &Client, now: Instant) {
        self.asked = now;
        self.reading = match client.phase {
            Phase::Reading => now.since(client.stream.moved),
            _ => Duration::ZERO,
        };
        (self.client, self.port) = (client.peer, client.port);
        self.version = None;
        self.cut = false;
        self.lengths = [0; Text::COUNT];
        self.texts.clear();
        self.served = None;
    }

    fn read(&mut self, client: &Client, request: &Request, fields: &Fields, plan: &Plan) {
        let bytes = client.stream.bytes();
        let trusted = |address| plan.trusts(address);
        let named = client::address(fields, bytes, client.peer, trusted);
        if named != client.peer {
            (self.client, self.port) = (named, 0); // which port a proxy's client has nobody says
        }
        let method = request.method_text;
        let target = usize::from(method.end) + 1..usize::from(request.target.path.end);
        self.add(method.of(bytes), Text::Method);
        self.add(bytes.get(target).unwrap_or_default(), Text::Target);
        self.add(request.host.of(bytes), Text::Host);
        self.add(value(fields, bytes, b"referer"), Text::Referer);
        self.add(value(fields, bytes, b"user-agent"), Text::UserAgent);
    }

    /// Texts are added in their order.
    fn add(&mut self, text: &[u8], what: Text) {
        let kept = &text[..text.len().min(what.most())];
        self.cut |= kept.len() < text.len();
        self.lengths[what as usize] = kept.len() as u16;
        let needed = (self.texts.len() + kept.len()).next_multiple_of(ROOM_STEP);
        if needed > self.texts.capacity() {
            self.texts.reserve_exact(needed - self.texts.len());
        }
        self.texts.extend_from_slice(kept);
    }

    fn record(&self, ending: Ending, words: LastWords, now: Instant) -> Record {
        let served = self.served.as_ref();
        let connected = served.and_then(|served| served.connected);
        let steps = served.map(|served| (served.placed, connected, served.answered));
        let (waited, established, answered) = match steps {
            Some((placed, connected, answered)) => (
                Some(placed.since(self.asked)),
                connected.map(|at| at.since(placed)),
                answered.map(|at| at.since(connected.unwrap_or(placed))),
            ),
            None => (None, None, None),
        };
        let marks = served.map_or(Marks::default(), |served| served.marks);
        Record {
            asked: self.asked,
            reading: self.reading,
            waited,
            connected: established,
            answered,
            total: now.since(self.asked),
            bytes_in: served.map_or(0, |served| served.bytes_in),
            bytes_out: served.map_or(0, |served| served.bytes_out) + words.bytes as u64,
            client: self.client,
            port: self.port,
            status: words.status.or(served.and_then(|served| served.status)),
            output: served.and_then(|served| OutputId::from_index(served.output)),
            ending,
            retries: served.map_or(0, |served| served.retries),
            version: self.version,
            marks: marks
                .with(Marks::CUT, self.cut)
                .with(Marks::KEPT, words.kept),
            lengths: self.lengths,
        }
    }
}

impl Served {
    fn of(session: &Session) -> Served {
        let measures = &session.measures;
        Served {
            output: session.output,
            placed: measures.placed,
            connected: measures.connected,
            answered: measures.answered,
            status: measures.status,
            bytes_in: measures.bytes_in,
            bytes_out: measures.bytes_out,
            retries: session.tries + u8::from(session.resent),
            marks: Marks::default()
                .with(Marks::TIED, session.tie != Tie::Free)
                .with(Marks::MOVED, session.moved),
        }
    }
}

/// The value of the first field with this name, which is none that HALB acts on.
fn value<'b>(fields: &Fields, bytes: &'b [u8], name: &[u8]) -> &'b [u8] {
    let named = |field: &&Field| {
        let found = field.name.of(bytes);
        found.len() == name.len() && found.eq_ignore_ascii_case(name)
    };
    let field = fields.iter().find(named);
    field.map_or(&[], |field| field.value.of(bytes))
}

/// As far as it has come. An empty one ahead of it is passed over, as in `http::request`.
fn first_line(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    &bytes[..end.unwrap_or(bytes.len())]
}
