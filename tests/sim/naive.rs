//! A relay of bytes that knows nothing of HTTP: one connection to a backend for each client's. It stands in
//! for the worker in the simulator's own tests, whole or with a fault that the simulator has to find.

use std::collections::BTreeMap;
use std::sync::Arc;

use halb::model::plan::Plan;
use halb::plane::Order;
use halb::plane::Plane;
use halb::ring::arena::Buffer;
use halb::ring::arena::HEADROOM;
use halb::ring::port::Arrival;
use halb::ring::port::Completion;
use halb::ring::port::InFlight;
use halb::ring::port::Into;
use halb::ring::port::Ring;
use halb::ring::port::Size;
use halb::ring::port::Socket;
use halb::ring::token::Token;
use halb::worker::Progress;
use nix::errno::Errno;

use crate::port::LISTENER;
use crate::ring::SimRing;
use crate::run::Subject;

/// What is wrong with a relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    None,
    LosesByte,
    AddsByte,
    CrossesResponses,
    RepeatsRequest,
    KeepsSocket,
    KeepsBuffer,
    ClosesBusy,
    SendsTwice,
    IgnoresShortSend,
    ForgetsToReceive,
    Spins,
    DropsBacklog,
}

pub const FLAWS: [(Flaw, &str); 12] = [
    (Flaw::LosesByte, ""),
    (Flaw::AddsByte, ""),
    (Flaw::CrossesResponses, ""),
    (Flaw::RepeatsRequest, ""),
    (Flaw::KeepsSocket, "open sockets"),
    (Flaw::KeepsBuffer, "buffers away"),
    (Flaw::ClosesBusy, "closed as idle"),
    (Flaw::SendsTwice, "two sends"),
    (Flaw::IgnoresShortSend, ""),
    (Flaw::ForgetsToReceive, "no sign"),
    (Flaw::Spins, "spins"),
    (Flaw::DropsBacklog, "backlog"),
];

const ACCEPT: u8 = 0;
const WAKE: u8 = 1;
const CONNECT: u8 = 2;
/// Plus the side: 0 is the client's, 1 the backend's.
const RECEIVE: u8 = 4;
const SEND: u8 = 6;

/// One client's connection and its backend's.
struct Couple {
    sockets: [Socket; 2],
    in_flight: u32,
    closing: bool,
    open: bool,
    ended: [bool; 2],
}

pub struct Naive {
    ring: SimRing,
    flaw: Flaw,
    plan: Arc<Plan>,
    plane: Arc<Plane>,
    couples: Vec<Couple>,
    accepting: bool,
    finishing: bool,
    ranges: BTreeMap<(u32, usize), (usize, usize)>,
    kept: Vec<Buffer>,
    moves: u64,
}

impl Naive {
    pub fn new(ring: SimRing, plan: &Arc<Plan>, plane: &Arc<Plane>, flaw: Flaw) -> Naive {
        let mut naive = Naive {
            ring,
            flaw,
            plan: Arc::clone(plan),
            plane: Arc::clone(plane),
            couples: Vec::new(),
            accepting: false,
            finishing: false,
            ranges: BTreeMap::new(),
            kept: Vec::new(),
            moves: 0,
        };
        naive.accept();
        naive.ring.await_wake(token(WAKE, 0));
        naive
    }

    fn accept(&mut self) {
        self.ring.accept(Socket(LISTENER), token(ACCEPT, 0));
        self.accepting = true;
    }

    fn take(&mut self, completion: Completion) {
        let slot = completion.token.slot;
        match completion.token.kind {
            ACCEPT => self.accepted(completion),
            WAKE => {
                if self.plane.order() != Order::Run {
                    self.finish();
                }
            }
            CONNECT => {
                self.couples[slot as usize].in_flight -= 1;
                match completion.result {
                    Ok(_) if !self.couples[slot as usize].closing => {
                        self.receive(slot, 0);
                        self.receive(slot, 1);
                    }
                    _ => self.close(slot),
                }
            }
            kind if kind < SEND => self.received(slot, usize::from(kind - RECEIVE), completion),
            kind => self.sent(slot, usize::from(kind - SEND), completion),
        }
        if let Some(couple) = self.couples.get(slot as usize)
            && couple.closing
            && couple.in_flight == 0
        {
            self.close(slot);
        }
    }

    fn accepted(&mut self, completion: Completion) {
        if completion.last {
            self.accepting = false;
        }
        if let Ok(number) = completion.result {
            self.begin(Socket(number as i32));
        }
        if !self.accepting && !self.finishing {
            self.accept();
        }
    }

    fn begin(&mut self, client: Socket) {
        let slot = self.couples.len() as u32;
        let address = self.plan.outputs[slot as usize % self.plan.outputs.len()].address;
        let address = address.expect("an address");
        let backend = self.ring.open(&address).expect("a socket");
        self.couples.push(Couple {
            sockets: [client, backend],
            in_flight: 1,
            closing: false,
            open: true,
            ended: [false; 2],
        });
        self.ring.connect(backend, &address, token(CONNECT, slot));
    }

    fn receive(&mut self, slot: u32, side: usize) {
        let couple = &mut self.couples[slot as usize];
        couple.in_flight += 1;
        let token = token(RECEIVE + side as u8, slot);
        self.ring
            .recv(couple.sockets[side], Into::Pick, Arrival::Now, token);
    }

    fn received(&mut self, slot: u32, side: usize, completion: Completion) {
        self.couples[slot as usize].in_flight -= 1;
        let closing = self.couples[slot as usize].closing;
        match (completion.result, completion.buffer) {
            (Ok(count), Some(buffer)) if count > 0 && !closing => {
                self.pass(slot, side, buffer, count as usize);
            }
            (Err(Errno::ENOBUFS), None) if !closing => self.receive(slot, side),
            (_, buffer) => {
                if let Some(buffer) = buffer {
                    self.ring.give_back(buffer);
                }
                self.couples[slot as usize].ended[side] = true;
                self.couples[slot as usize].closing = true;
                if self.couples[slot as usize].open {
                    self.ring
                        .cancel(self.couples[slot as usize].sockets[1 - side]);
                }
            }
        }
    }

    fn pass(&mut self, slot: u32, side: usize, mut buffer: Buffer, count: usize) {
        let start = HEADROOM;
        let mut range = start..start + count;
        self.moves += 1;
        let now = self.moves == 5;
        let mut to = self.couples[slot as usize].sockets[1 - side];
        match self.flaw {
            Flaw::LosesByte if now => range.end -= 1,
            Flaw::AddsByte if now => {
                buffer[range.end] = b'x';
                range.end += 1;
            }
            Flaw::CrossesResponses if side == 1 && slot > 0 => {
                let other = &self.couples[slot as usize - 1];
                if other.open && !self.ranges.contains_key(&(slot - 1, 0)) {
                    to = other.sockets[0];
                }
            }
            Flaw::RepeatsRequest if side == 0 && now => {
                let copy = buffer[range.clone()].to_vec();
                if range.end + copy.len() < buffer.len() {
                    buffer[range.end..range.end + copy.len()].copy_from_slice(&copy);
                    range.end += copy.len();
                }
            }
            Flaw::KeepsBuffer if now => self.kept.extend(self.ring.lease(Size::Small)),
            _ => {}
        }
        if range.is_empty() {
            self.ring.give_back(buffer);
            self.receive(slot, side);
            return;
        }
        self.ranges
            .insert((slot, 1 - side), (range.start, range.end));
        self.couples[slot as usize].in_flight += 1;
        let token = token(SEND + 1 - side as u8, slot);
        self.ring.send(to, buffer, range, token);
        if self.flaw == Flaw::SendsTwice && now {
            let spare = self.ring.lease(Size::Small).expect("a buffer");
            self.ring.send(to, spare, 0..1, token);
        }
    }

    fn sent(&mut self, slot: u32, side: usize, completion: Completion) {
        let buffer = completion.buffer.expect("a send returns its buffer");
        self.couples[slot as usize].in_flight -= 1;
        let (start, end) = self.ranges.remove(&(slot, side)).expect("it was sent");
        let couple = &mut self.couples[slot as usize];
        match completion.result {
            Ok(count)
                if start + (count as usize) < end
                    && self.flaw != Flaw::IgnoresShortSend
                    && couple.open =>
            {
                let start = start + count as usize;
                self.ranges.insert((slot, side), (start, end));
                couple.in_flight += 1;
                let token = token(SEND + side as u8, slot);
                self.ring
                    .send(couple.sockets[side], buffer, start..end, token);
            }
            Ok(_) => {
                self.ring.give_back(buffer);
                let forgets = self.flaw == Flaw::ForgetsToReceive && self.moves == 3;
                if !couple.closing && !forgets {
                    self.receive(slot, 1 - side);
                }
            }
            Err(_) => {
                self.ring.give_back(buffer);
                couple.closing = true;
                self.ring.cancel(couple.sockets[1 - side]);
            }
        }
    }

    fn close(&mut self, slot: u32) {
        let couple = &mut self.couples[slot as usize];
        if !std::mem::take(&mut couple.open) {
            return;
        }
        couple.closing = true;
        let in_flight = InFlight::any_if(couple.in_flight > 0);
        for (side, socket) in couple.sockets.into_iter().enumerate() {
            if !(self.flaw == Flaw::KeepsSocket && side == 1) {
                self.ring.close(socket, in_flight);
            }
        }
    }

    fn finish(&mut self) {
        self.finishing = true;
        if self.flaw != Flaw::DropsBacklog {
            while let Some(client) = self.ring.accept_now(Socket(LISTENER)) {
                self.begin(client);
            }
        }
        self.ring.close(Socket(LISTENER), InFlight::Any);
        if self.flaw == Flaw::ClosesBusy {
            for slot in 0..self.couples.len() {
                let couple = &mut self.couples[slot];
                if couple.open {
                    self.ring.close(couple.sockets[0], InFlight::Nothing);
                }
            }
        }
        for slot in 0..self.couples.len() {
            let couple = &mut self.couples[slot];
            // Whoever is between two requests may go; a relay of bytes cannot tell, so it waits for clients.
            if couple.open && couple.ended[0] {
                self.ring.cancel(couple.sockets[1]);
            }
        }
    }
}

impl Subject for Naive {
    fn turn(&mut self) -> Progress {
        let until = match self.flaw {
            Flaw::Spins if self.moves > 3 => Some(self.ring.now()),
            _ => None,
        };
        let mut completions = Vec::new();
        self.ring.turn(until, &mut completions);
        for completion in completions {
            self.take(completion);
        }
        let open = self
            .couples
            .iter()
            .any(|couple| couple.open || couple.in_flight > 0);
        match self.finishing && !self.accepting && !open {
            true => Progress::Stopped,
            false => Progress::Running,
        }
    }
}

fn token(kind: u8, slot: u32) -> Token {
    Token {
        kind,
        slot,
        generation: 0,
    }
}
