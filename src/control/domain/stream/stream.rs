//! One stream, once both sides know who is there: what waits to be sent, what has been asked, and when it was heard.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::control::domain::stream::frame::Frame;
use crate::control::domain::stream::frame::Kind;
use crate::control::domain::stream::seat::Claim;
use crate::control::domain::stream::seat::Times;
use crate::control::domain::stream::subject::NotTold;
use crate::control::domain::stream::subject::Sender;
use crate::control::domain::stream::subject::Unreachable;
use crate::model::time::Instant;
use crate::pair::node::NodeId;
use crate::ring::clock;

/// What is told waits up to here: some tens of milliseconds of a slow network, or a second of a busy mirror.
const TOLD_MOST_BYTES: usize = 1 << 20;
/// Questions and answers wait up to here: some bodies of full length.
const ASKED_MOST_BYTES: usize = 16 << 20;
/// Questions of the other side that are being answered.
const ANSWERING_MOST: usize = 32;

pub struct Stream {
    pub facts: Facts,
    pub since: Instant,
    pub since_unix_ms: u64,
    /// Our last word is said or about to be.
    pub ended: Notify,
    /// 0: never.
    heard: AtomicU64,
    outgoing: UnboundedSender<Outgoing>,
    /// Bytes in `outgoing`: of what is told, and of questions and answers.
    waiting: [AtomicUsize; 2],
    answering: AtomicUsize,
    asked: Mutex<BTreeMap<u32, oneshot::Sender<Answer>>>,
    next_number: AtomicU32,
}

/// A question under way. When it is dropped nobody waits for its answer any more: also because whoever asked has gone.
pub struct Question<'s> {
    stream: &'s Stream,
    number: u32,
    pub answer: oneshot::Receiver<Answer>,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.stream.asked().remove(&self.number);
    }
}

/// What came of a question; a sentence where it was refused.
pub type Answer = Result<Vec<u8>, String>;

/// What the writer gets.
pub enum Outgoing {
    Frame(Lane, Vec<u8>),
    /// The last one.
    Farewell(Vec<u8>),
}

/// What is counted together, so that a long answer does not make the mirror begin anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    Told,
    Asked,
}

/// Who a stream leads to.
pub struct Facts {
    pub number: u64,
    pub node: NodeId,
    pub name: String,
    pub claim: Claim,
    pub release: u32,
    pub protocol: u16,
    pub address: SocketAddr,
}

impl Stream {
    pub fn new(facts: Facts, outgoing: UnboundedSender<Outgoing>) -> Stream {
        let now = clock::read().now;
        Stream {
            facts,
            since: now,
            since_unix_ms: clock::unix_ms(),
            ended: Notify::new(),
            heard: AtomicU64::new(0),
            outgoing,
            waiting: [AtomicUsize::new(0), AtomicUsize::new(0)],
            answering: AtomicUsize::new(0),
            asked: Mutex::default(),
            next_number: AtomicU32::new(1),
        }
    }

    pub fn sender(&self) -> Sender {
        Sender {
            node: self.facts.node,
            boot: self.facts.claim.boot,
            stream: self.facts.number,
        }
    }

    pub fn times(&self) -> Times {
        let heard = self.heard.load(Ordering::Relaxed);
        Times {
            since: self.since,
            heard: (heard > 0).then(|| Instant::from_nanos(heard)),
        }
    }

    pub fn note_heard(&self) {
        let now = clock::read().now.as_nanos();
        self.heard.store(now, Ordering::Relaxed);
    }

    pub fn tell(&self, subject: u8, body: &[u8]) -> Result<(), NotTold> {
        let frame = Frame {
            kind: Kind::Tell,
            subject,
            number: 0,
            body: body.to_vec(),
        };
        self.put(&frame, Lane::Told).map_err(|()| NotTold::Full)
    }

    /// Less than half of what may wait does.
    pub fn has_room(&self) -> bool {
        self.waiting[Lane::Told as usize].load(Ordering::Relaxed) < TOLD_MOST_BYTES / 2
    }

    /// The first word, before anybody else knows of the stream.
    pub fn begin(&self, frame: &Frame) {
        // Nothing waits yet.
        let _ = self.put(frame, Lane::Asked);
    }

    /// Puts a question.
    pub fn ask(&self, subject: u8, body: Vec<u8>) -> Result<Question<'_>, Unreachable> {
        let (put, answer) = oneshot::channel();
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        self.asked().insert(number, put);
        let question = Question {
            stream: self,
            number,
            answer,
        };
        let frame = Frame {
            kind: Kind::Ask,
            subject,
            number,
            body,
        };
        self.put(&frame, Lane::Asked)
            .map_err(|()| Unreachable::TooMuch)?;
        Ok(question)
    }

    /// An answer has come.
    pub fn answered(&self, number: u32, answer: Result<Vec<u8>, String>) {
        // One that comes too late finds nobody.
        if let Some(waiting) = self.asked().remove(&number) {
            let _ = waiting.send(answer);
        }
    }

    /// Nothing more comes.
    pub fn forget_all(&self) {
        self.asked().clear();
    }

    /// A question of the other side may be answered; [`Stream::answer`] follows. `false`: there are too many.
    pub fn begins_answer(&self) -> bool {
        let before = self.answering.fetch_add(1, Ordering::Relaxed);
        if before >= ANSWERING_MOST {
            self.answering.fetch_sub(1, Ordering::Relaxed);
        }
        before < ANSWERING_MOST
    }

    /// Ends what [`Stream::begins_answer`] began.
    pub fn ends_answer(&self) {
        self.answering.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn answer(&self, number: u32, answer: Result<Vec<u8>, String>) {
        let (kind, body) = match answer {
            Ok(body) if body.len() > super::frame::BODY_MOST => {
                (Kind::Refusal, b"the answer is too long".to_vec())
            }
            Ok(body) => (Kind::Answer, body),
            Err(sentence) => (Kind::Refusal, sentence.into_bytes()),
        };
        let frame = Frame {
            kind,
            subject: 0,
            number,
            body,
        };
        // An answer that finds no room is missed by who asked: it waits no longer than it said.
        let _ = self.put(&frame, Lane::Asked);
    }

    /// The last word; the stream ends after it.
    pub fn say_farewell(&self, why: &str) {
        let frame = Frame::plain(Kind::Farewell, why.as_bytes().to_vec());
        // The writer has gone: then the stream has ended.
        let _ = self.outgoing.send(Outgoing::Farewell(frame.encode()));
        self.ended.notify_one();
    }

    /// By the writer: that much has been sent.
    pub fn sent(&self, lane: Lane, bytes: usize) {
        self.waiting[lane as usize].fetch_sub(bytes, Ordering::Relaxed);
    }

    fn put(&self, frame: &Frame, lane: Lane) -> Result<(), ()> {
        let most = match lane {
            Lane::Told => TOLD_MOST_BYTES,
            Lane::Asked => ASKED_MOST_BYTES,
        };
        let bytes = frame.encode();
        let length = bytes.len();
        let before = self.waiting[lane as usize].fetch_add(length, Ordering::Relaxed);
        let fits = before + length <= most;
        let sent = fits && self.outgoing.send(Outgoing::Frame(lane, bytes)).is_ok();
        if !sent {
            self.sent(lane, length);
        }
        sent.then_some(()).ok_or(())
    }

    /// Those without an answer yet.
    #[cfg(test)]
    pub fn questions(&self) -> usize {
        self.asked().len()
    }

    fn asked(&self) -> MutexGuard<'_, BTreeMap<u32, oneshot::Sender<Answer>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
