//! The port as a worker sees it: all of it is the ring's own, but for what sends, ends a send, or waits.

use std::net::SocketAddr;
use std::ops::Range;

use nix::errno::Errno;

use crate::model::time::Instant;
use crate::ring::arena::Buffer;
use crate::ring::port::Adopted;
use crate::ring::port::Arrival;
use crate::ring::port::Completion;
use crate::ring::port::InFlight;
use crate::ring::port::Into;
use crate::ring::port::Pipe;
use crate::ring::port::Ring;
use crate::ring::port::RingCounts;
use crate::ring::port::Size;
use crate::ring::port::Socket;
use crate::ring::token::Token;
use crate::worker::shaping::Shaped;

impl<R: Ring> Ring for Shaped<R> {
    fn send(&mut self, socket: Socket, buffer: Buffer, range: Range<usize>, token: Token) {
        match &mut self.shaping {
            None => self.ring.send(socket, buffer, range, token),
            Some(shaping) => shaping.send(&mut self.ring, socket, (buffer, range), token),
        }
    }

    fn empty(&mut self, _: &Pipe, _: Socket, _: usize) -> Result<usize, Errno> {
        unreachable!("what is in a pipe is rationed: see `empty_rationed`")
    }

    fn cancel(&mut self, socket: Socket) {
        if let Some(shaping) = &mut self.shaping {
            shaping.end(socket);
        }
        self.ring.cancel(socket);
    }

    fn close(&mut self, socket: Socket, in_flight: InFlight) {
        if let Some(shaping) = &mut self.shaping {
            shaping.end(socket);
        }
        self.ring.close(socket, in_flight);
    }

    fn turn(&mut self, until: Option<Instant>, completions: &mut Vec<Completion>) {
        match &mut self.shaping {
            None => self.ring.turn(until, completions),
            Some(shaping) => shaping.turn(&mut self.ring, until, completions),
        }
    }

    fn now(&self) -> Instant {
        self.ring.now()
    }

    fn unix_seconds(&self) -> u64 {
        self.ring.unix_seconds()
    }

    fn accept(&mut self, listener: Socket, token: Token) {
        self.ring.accept(listener, token);
    }

    fn listen(&mut self, address: &SocketAddr) -> Result<Socket, Errno> {
        self.ring.listen(address)
    }

    fn listen_virtual(&mut self, address: &SocketAddr) -> Result<Socket, Errno> {
        self.ring.listen_virtual(address)
    }

    fn refuse_new(&mut self, listener: Socket, refuse: bool) {
        self.ring.refuse_new(listener, refuse);
    }

    fn open(&mut self, to: &SocketAddr) -> Result<Socket, Errno> {
        self.ring.open(to)
    }

    fn connect(&mut self, socket: Socket, to: &SocketAddr, token: Token) {
        self.ring.connect(socket, to, token);
    }

    fn recv(&mut self, socket: Socket, into: Into, when: Arrival, token: Token) {
        self.ring.recv(socket, into, when, token);
    }

    fn stop_sending(&mut self, socket: Socket) {
        self.ring.stop_sending(socket);
    }

    fn reset_at_close(&mut self, socket: Socket) {
        self.ring.reset_at_close(socket);
    }

    fn await_readable(&mut self, socket: Socket, token: Token) {
        self.ring.await_readable(socket, token);
    }

    fn await_writable(&mut self, socket: Socket, token: Token) {
        self.ring.await_writable(socket, token);
    }

    fn takes_more(&mut self, socket: Socket) -> bool {
        self.ring.takes_more(socket)
    }

    fn is_unheard(&mut self, socket: Socket) -> bool {
        self.ring.is_unheard(socket)
    }

    fn lease_pipe(&mut self) -> Option<Pipe> {
        self.ring.lease_pipe()
    }

    fn give_back_pipe(&mut self, pipe: Pipe) {
        self.ring.give_back_pipe(pipe);
    }

    fn fill(&mut self, pipe: &Pipe, from: Socket, most: usize) -> Result<usize, Errno> {
        self.ring.fill(pipe, from, most)
    }

    fn peer(&mut self, socket: Socket) -> Option<SocketAddr> {
        self.ring.peer(socket)
    }

    fn accept_now(&mut self, listener: Socket) -> Option<Socket> {
        self.ring.accept_now(listener)
    }

    fn await_wake(&mut self, token: Token) {
        self.ring.await_wake(token);
    }

    fn adopt(&mut self) -> Option<Adopted> {
        self.ring.adopt()
    }

    fn hand_over(&mut self, socket: Socket, worker: usize) -> bool {
        self.ring.hand_over(socket, worker)
    }

    fn wake(&mut self, worker: usize) {
        self.ring.wake(worker);
    }

    fn wake_control(&mut self) {
        self.ring.wake_control();
    }

    fn wake_log(&mut self) {
        self.ring.wake_log();
    }

    fn lease(&mut self, size: Size) -> Option<Buffer> {
        self.ring.lease(size)
    }

    fn is_short(&self) -> bool {
        self.ring.is_short()
    }

    fn give_back(&mut self, buffer: Buffer) {
        self.ring.give_back(buffer);
    }

    fn counts(&self) -> RingCounts {
        self.ring.counts()
    }
}
