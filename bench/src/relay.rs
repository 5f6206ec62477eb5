//! The relay without parsing: what it costs to move the bytes and nothing else, with HALB's own ring and
//! HALB's number of operations (recv, send, recv, send for an exchange). No proxy on this ring that looks
//! at what it moves can be cheaper, so the distance to it is what HALB's work costs.
//!
//! Each client connection has one connection to the origin. Each direction has one operation in flight, a
//! `recv` or a `send`; an end or a fault on either side ends both.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::mpsc;

use halb::ring::arena::Buffer;
use halb::ring::arena::HEADROOM;
use halb::ring::port::Arrival;
use halb::ring::port::Completion;
use halb::ring::port::InFlight;
use halb::ring::port::Into;
use halb::ring::port::Ring;
use halb::ring::port::Size;
use halb::ring::port::Socket;
use halb::ring::thread::own_table;
use halb::ring::token::Token;
use nix::errno::Errno;

use crate::ring;
use crate::slots::Slots;
use crate::trouble::Trouble;
use crate::trouble::While;

const ACCEPT: u8 = 0;
const CONNECT: u8 = 1;
/// The kinds of the two directions, and of their two operations.
const RECV: [u8; 2] = [2, 3];
const SEND: [u8; 2] = [4, 5];
/// From the client to the origin.
const FORTH: usize = 0;
/// From the origin to the client.
const BACK: usize = 1;

/// A send that took only a part, and what is left of it.
#[derive(Clone, Copy, Default)]
struct Sending {
    next: usize,
    end: usize,
}

struct Pair {
    /// The client's socket and the origin's, in the order of the directions that read them.
    sockets: [Socket; 2],
    sending: [Sending; 2],
    /// The last piece filled its buffer: more is there already, and a large one is worth it.
    bulk: [bool; 2],
    in_flight: u8,
    closing: bool,
}

/// Relays every connection of `listen` to `to`, for as long as the process lives; what comes back is why it ended.
/// Each thread has a ring, a listener and a descriptor table of its own; the kernel shares out the connections.
pub fn serve(listen: SocketAddr, to: SocketAddr, threads: usize) -> Trouble {
    let reserved = halb::ring::socket::probe_bind(&listen);
    let reserved = match reserved.during(&format!("listening on {listen}")) {
        Ok(reserved) => reserved,
        Err(trouble) => return trouble,
    };
    let address = reserved.address;
    let (tell, hear) = mpsc::channel();
    for _ in 0..threads.max(1) {
        let tell = tell.clone();
        std::thread::spawn(move || {
            let Err(trouble) = serve_one(address, to);
            // Nobody hears it when another thread's trouble has ended the program already.
            let _heard = tell.send(trouble);
        });
    }
    drop(tell);
    hear.recv()
        .unwrap_or_else(|_| Trouble::new("every thread of the relay has ended"))
}

fn serve_one(address: SocketAddr, to: SocketAddr) -> Result<Infallible, Trouble> {
    own_table(&[]).during("taking a descriptor table")?;
    let mut ring = ring::open()?;
    let listener = ring.listen(&address);
    let listener = listener.during(&format!("listening on {address}"))?;
    run(&mut ring, listener, to)
}

/// Relays every connection of `listener` to `to`.
fn run<R: Ring>(ring: &mut R, listener: Socket, to: SocketAddr) -> ! {
    let mut relay = Relay {
        listener,
        to,
        pairs: Slots::new(),
    };
    relay.accept(ring);
    let mut completions = Vec::new();
    loop {
        ring.turn(None, &mut completions);
        for completion in completions.drain(..) {
            relay.on_completion(ring, completion);
        }
    }
}

struct Relay {
    listener: Socket,
    to: SocketAddr,
    pairs: Slots<Pair>,
}

impl Relay {
    fn accept<R: Ring>(&self, ring: &mut R) {
        let token = Token {
            kind: ACCEPT,
            slot: 0,
            generation: 0,
        };
        ring.accept(self.listener, token);
    }

    fn on_completion<R: Ring>(&mut self, ring: &mut R, completion: Completion) {
        if completion.token.kind == ACCEPT {
            return self.on_accept(ring, &completion);
        }
        let slot = completion.token.slot;
        let Some(pair) = self.pairs.find(completion.token) else {
            unreachable!("a pair lives until its last completion has come");
        };
        pair.in_flight -= 1;
        if pair.closing {
            give_back(ring, completion.buffer);
            return self.reap(slot);
        }
        match completion.token.kind {
            CONNECT => self.on_connect(ring, slot, completion.result),
            kind if kind == RECV[FORTH] => self.on_recv(ring, slot, FORTH, completion),
            kind if kind == RECV[BACK] => self.on_recv(ring, slot, BACK, completion),
            kind if kind == SEND[FORTH] => self.on_send(ring, slot, FORTH, completion),
            _ => self.on_send(ring, slot, BACK, completion),
        }
    }

    fn on_accept<R: Ring>(&mut self, ring: &mut R, completion: &Completion) {
        if let Ok(number) = completion.result {
            let client = Socket(i32::try_from(number).unwrap_or(-1));
            match ring.open(&self.to) {
                Ok(origin) => self.connect(ring, client, origin),
                Err(_) => ring.close(client, InFlight::Nothing), // out of descriptors: the client sees it at once
            }
        }
        if completion.last {
            self.accept(ring);
        }
    }

    fn connect<R: Ring>(&mut self, ring: &mut R, client: Socket, origin: Socket) {
        let slot = self.pairs.insert(Pair {
            sockets: [client, origin],
            sending: [Sending::default(); 2],
            bulk: [false; 2],
            in_flight: 1,
            closing: false,
        });
        ring.connect(origin, &self.to, self.pairs.token(CONNECT, slot));
    }

    fn on_connect<R: Ring>(&mut self, ring: &mut R, slot: u32, result: Result<u32, Errno>) {
        if result.is_err() {
            return self.close(ring, slot);
        }
        self.listen(ring, slot, FORTH);
        self.listen(ring, slot, BACK);
    }

    fn on_recv<R: Ring>(&mut self, ring: &mut R, slot: u32, way: usize, completion: Completion) {
        let token = self.pairs.token(SEND[way], slot);
        let Some(pair) = self.pairs.at(slot) else {
            return give_back(ring, completion.buffer);
        };
        match (completion.result, completion.buffer) {
            (Ok(count), Some(buffer)) if count > 0 => {
                let start = match buffer.size() {
                    Size::Small => HEADROOM,
                    Size::Large => 0,
                };
                let end = start + count as usize;
                // A picked buffer keeps some room at its ends, so "full" is a little less than its length.
                pair.bulk[way] = end + 2 * HEADROOM >= buffer.len();
                pair.sending[way] = Sending { next: start, end };
                pair.in_flight += 1;
                ring.send(pair.sockets[1 - way], buffer, start..end, token);
            }
            (Err(Errno::ENOBUFS), buffer) => {
                give_back(ring, buffer);
                self.listen(ring, slot, way);
            }
            (Ok(_) | Err(_), buffer) => {
                give_back(ring, buffer);
                self.close(ring, slot);
            }
        }
    }

    fn on_send<R: Ring>(&mut self, ring: &mut R, slot: u32, way: usize, completion: Completion) {
        let token = self.pairs.token(SEND[way], slot);
        let (Some(pair), Some(buffer)) = (self.pairs.at(slot), completion.buffer) else {
            return;
        };
        let Ok(count) = completion.result else {
            ring.give_back(buffer);
            return self.close(ring, slot);
        };
        let sending = &mut pair.sending[way];
        sending.next += count as usize;
        if sending.next < sending.end {
            pair.in_flight += 1;
            let rest = sending.next..sending.end;
            return ring.send(pair.sockets[1 - way], buffer, rest, token);
        }
        ring.give_back(buffer);
        self.listen(ring, slot, way);
    }

    fn listen<R: Ring>(&mut self, ring: &mut R, slot: u32, way: usize) {
        let token = self.pairs.token(RECV[way], slot);
        let Some(pair) = self.pairs.at(slot) else {
            return;
        };
        pair.in_flight += 1;
        let large = if pair.bulk[way] {
            ring.lease(Size::Large)
        } else {
            None
        };
        let (into, when) = match large {
            Some(buffer) => {
                let whole = 0..buffer.len();
                (Into::Lease(buffer, whole), Arrival::Now)
            }
            None => (Into::Pick, Arrival::Later),
        };
        ring.recv(pair.sockets[way], into, when, token);
    }

    /// Ends both sides. What was sent before is still delivered: the sockets are closed, not reset.
    fn close<R: Ring>(&mut self, ring: &mut R, slot: u32) {
        if let Some(pair) = self.pairs.at(slot) {
            pair.closing = true;
            let in_flight = InFlight::any_if(pair.in_flight > 0);
            for socket in pair.sockets {
                ring.close(socket, in_flight);
            }
        }
        self.reap(slot);
    }

    fn reap(&mut self, slot: u32) {
        if self.pairs.at(slot).is_some_and(|pair| pair.in_flight == 0) {
            self.pairs.remove(slot);
        }
    }
}

fn give_back<R: Ring>(ring: &mut R, buffer: Option<Buffer>) {
    if let Some(buffer) = buffer {
        ring.give_back(buffer);
    }
}
