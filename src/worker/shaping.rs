//! `[resources] bandwidth`: every send asks for its ration, and waits for it here.
//!
//! A worker asks its ring for sends as ever; the ring it sees is this one. With a limit, a send goes out as far as its
//! ration reaches, and what is left comes back as with any kernel that takes a part: it asks for the next ration, behind
//! everybody who waits already. Without a limit there is one branch, and the ring behind it.

mod port;
mod queue;

use std::ops::Range;
use std::sync::Arc;

use nix::errno::Errno;

use crate::model::time::Instant;
use crate::plane::bandwidth::Bucket;
use crate::plane::bandwidth::Ration;
use crate::ring::arena::Buffer;
use crate::ring::port::Completion;
use crate::ring::port::Pipe;
use crate::ring::port::Ring;
use crate::ring::port::Socket;
use crate::ring::token::Token;
use crate::worker::Kind;
use crate::worker::Worker;
use crate::worker::client::Phase;
use crate::worker::shaping::queue::Queue;
use crate::worker::table::Key;
use crate::worker::upstream::State;

/// So many may wait before anything grows.
const WAITING: usize = 256;

/// A ring whose sends keep within the bandwidth.
pub struct Shaped<R> {
    ring: R,
    /// `None`: there is no limit.
    shaping: Option<Box<Shaping>>,
}

struct Shaping {
    bucket: Arc<Bucket>,
    queue: Queue<Waiting>,
    /// By kind and slot, how many bytes the send in flight was allowed.
    allowed: [Vec<u32>; Token::KIND_MAX as usize + 1],
    /// Rations of pipes that came in this turn of the worker. One that is not used by the next is given back.
    pipe_rations: Vec<(Socket, u64)>,
    /// Sends that went out in this turn of the worker after they had waited.
    went_out: Vec<Token>,
    /// What waited when its socket was closed, on its way home.
    ended: Vec<Completion>,
}

/// What waits.
struct Waiting {
    token: Token,
    /// `None`: bytes in a pipe.
    cargo: Option<(Buffer, Range<usize>)>,
}

impl<R: Ring> Shaped<R> {
    pub fn new(ring: R, bucket: Option<&Arc<Bucket>>) -> Shaped<R> {
        let shaping = |bucket| {
            Box::new(Shaping {
                bucket: Arc::clone(bucket),
                queue: Queue::new(WAITING),
                allowed: Default::default(),
                pipe_rations: Vec::with_capacity(WAITING),
                went_out: Vec::with_capacity(WAITING),
                ended: Vec::with_capacity(WAITING),
            })
        };
        Shaped {
            ring,
            shaping: bucket.map(shaping),
        }
    }

    /// The ring behind it.
    pub fn inner(&self) -> &R {
        &self.ring
    }

    /// Whether a send to `socket` waits for its ration. Nobody but ourselves is to blame for that time.
    pub fn waits(&self, socket: Socket) -> bool {
        self.shaping
            .as_ref()
            .is_some_and(|shaping| shaping.queue.has(socket))
    }

    /// Moves what may be moved of `most` bytes, which are in the pipe, to a socket. `None`: it waits for its ration, like a
    /// send, and completes with `token` when that has come.
    pub fn empty_rationed(
        &mut self,
        pipe: &Pipe,
        to: Socket,
        most: usize,
        token: Token,
    ) -> Option<Result<usize, Errno>> {
        let Some(shaping) = &mut self.shaping else {
            return Some(self.ring.empty(pipe, to, most));
        };
        let allowed = shaping.allow_pipe(self.ring.now(), to, most as u64, token)?;
        let moved = self.ring.empty(pipe, to, allowed as usize);
        shaping
            .bucket
            .give_back(allowed - moved.unwrap_or(0) as u64);
        Some(moved)
    }

    /// One of the sends that went out in this turn of the worker after they had waited.
    fn take_gone_out(&mut self) -> Option<Token> {
        self.shaping.as_mut()?.went_out.pop()
    }
}

impl Shaping {
    /// Sends what may go of it, or lets it wait.
    fn send<R: Ring>(
        &mut self,
        ring: &mut R,
        socket: Socket,
        (buffer, range): (Buffer, Range<usize>),
        token: Token,
    ) {
        let now = ring.now();
        let ration = self.bucket.take(now, range.len() as u64);
        if self.bucket.is_due(ration.start, now) {
            self.start(ring, socket, (buffer, range), token, ration);
        } else {
            let cargo = Some((buffer, range));
            self.queue.push(ration, socket, Waiting { token, cargo });
        }
    }

    fn start<R: Ring>(
        &mut self,
        ring: &mut R,
        socket: Socket,
        (buffer, range): (Buffer, Range<usize>),
        token: Token,
        ration: Ration,
    ) {
        let slots = &mut self.allowed[usize::from(token.kind)];
        let slot = token.slot as usize;
        if slot >= slots.len() {
            slots.resize(slot + 1, 0);
        }
        slots[slot] = ration.bytes as u32; // at most as long as a buffer
        let end = range.start + ration.bytes as usize;
        ring.send(socket, buffer, range.start..end, token);
    }

    fn allow_pipe(
        &mut self,
        now: Instant,
        socket: Socket,
        wanted: u64,
        token: Token,
    ) -> Option<u64> {
        let mut rations = self.pipe_rations.iter();
        if let Some(place) = rations.position(|(other, _)| *other == socket) {
            let (_, bytes) = self.pipe_rations.swap_remove(place);
            let allowed = bytes.min(wanted);
            self.bucket.give_back(bytes - allowed);
            return Some(allowed);
        }
        let ration = self.bucket.take(now, wanted);
        if self.bucket.is_due(ration.start, now) {
            return Some(ration.bytes);
        }
        let waiting = Waiting { token, cargo: None };
        self.queue.push(ration, socket, waiting);
        None
    }

    /// `socket` is closed: who waits to send to it need not wait any longer.
    fn end(&mut self, socket: Socket) {
        if let Some((ration, waiting)) = self.queue.remove(socket) {
            self.bucket.give_back(ration.bytes);
            self.ended.push(Completion {
                token: waiting.token,
                result: Err(Errno::ECANCELED),
                buffer: waiting.cargo.map(|(buffer, _)| buffer),
                last: true,
            });
        }
    }

    /// Until when the ring may wait.
    fn wake_time(&self, now: Instant, until: Option<Instant>) -> Option<Instant> {
        if !self.ended.is_empty() {
            return Some(now);
        }
        let next = self.queue.next().map(|start| self.bucket.due_at(start));
        until.into_iter().chain(next).min()
    }

    /// One turn of the ring.
    fn turn<R: Ring>(
        &mut self,
        ring: &mut R,
        until: Option<Instant>,
        completions: &mut Vec<Completion>,
    ) {
        for (_, bytes) in self.pipe_rations.drain(..) {
            self.bucket.give_back(bytes);
        }
        let first = completions.len();
        ring.turn(self.wake_time(ring.now(), until), completions);
        for completion in &completions[first..] {
            self.settle(completion);
        }
        completions.append(&mut self.ended);
        let now = ring.now();
        let bucket = Arc::clone(&self.bucket);
        while let Some((ration, socket, waiting)) =
            self.queue.pop(|start| bucket.is_due(start, now))
        {
            let token = waiting.token;
            match waiting.cargo {
                Some(cargo) => {
                    self.start(ring, socket, cargo, token, ration);
                    self.went_out.push(token);
                }
                None => {
                    self.pipe_rations.push((socket, ration.bytes));
                    completions.push(Completion {
                        token,
                        result: Ok(0),
                        buffer: None,
                        last: true,
                    });
                }
            }
        }
    }

    /// What the kernel did not take of a send is given back.
    fn settle(&mut self, completion: &Completion) {
        let token = completion.token;
        let slots = &mut self.allowed[usize::from(token.kind)];
        if let Some(allowed) = slots.get_mut(token.slot as usize) {
            let allowed = std::mem::take(allowed);
            let sent = completion.result.unwrap_or(0);
            self.bucket
                .give_back(u64::from(allowed.saturating_sub(sent)));
        }
    }
}

impl<R: Ring> Worker<R> {
    /// Sends that had to wait for their ration have gone out: from now on it is the other side that takes its time.
    pub(super) fn on_gone_out(&mut self) {
        while let Some(token) = self.ring.take_gone_out() {
            let key = Key {
                slot: token.slot,
                generation: token.generation,
            };
            if token.kind == Kind::ClientSend as u8 {
                self.on_gone_to_client(key);
            } else if let Some(upstream) = self.upstreams.get(key)
                && let State::Busy(session) = upstream.state
            {
                self.renew_deadlines(session);
            }
        }
    }

    fn on_gone_to_client(&mut self, key: Key) {
        let now = self.ring.now();
        let Some(client) = self.clients.get_mut(key) else {
            return;
        };
        client.stream.moved = now;
        match client.phase {
            Phase::Busy(session) => self.renew_deadlines(session),
            Phase::Replying { .. } => {
                let deadline = self.now_plus(self.plan.client_timeout);
                self.set_client_deadline(key, deadline);
            }
            Phase::Waiting | Phase::Idle | Phase::Reading | Phase::Queued(_) | Phase::Lingering => {
            }
        }
    }
}
