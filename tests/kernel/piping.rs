//! Bytes that go from socket to socket through a pipe.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpStream;

use halb::ring::port::InFlight;
use halb::ring::port::PIPE_BYTES;
use halb::ring::port::Pipe;
use halb::ring::port::Ring;
use halb::ring::port::Socket;
use nix::errno::Errno;

use crate::rig::Rig;
use crate::rig::reset;
use crate::rig::rest;
use crate::rig::token;

/// Bytes of which no stretch repeats soon.
fn pattern(length: usize) -> Vec<u8> {
    (0..length as u64)
        .map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8)
        .collect()
}

/// Fills, waiting for bytes as long as there are none.
fn fill(rig: &mut Rig, pipe: &Pipe, from: Socket) -> Result<usize, Errno> {
    loop {
        match rig.ring.fill(pipe, from, PIPE_BYTES) {
            Err(Errno::EAGAIN) => {
                rig.ring.await_readable(from, token(1));
                rig.ready(1);
            }
            result => return result,
        }
    }
}

/// Empties all of it, waiting for room as long as there is none.
fn empty(rig: &mut Rig, pipe: &Pipe, to: Socket, mut inside: usize) {
    while inside > 0 {
        match rig.ring.empty(pipe, to, inside) {
            Ok(moved) => inside -= moved,
            Err(errno) => {
                assert_eq!(errno, Errno::EAGAIN);
                rig.ring.await_writable(to, token(2));
                rig.ready(2);
            }
        }
    }
}

/// Empties into `to`, whose peer does not read, until nothing more goes: what is left, and what went.
fn stuff(rig: &mut Rig, pipe: &Pipe, from: (Socket, &mut TcpStream), to: Socket) -> (usize, usize) {
    let (socket, feeder) = from;
    let mut gone = 0;
    loop {
        feeder.write_all(&[b'x'; 10_000]).unwrap();
        let mut inside = fill(rig, pipe, socket).unwrap();
        while inside > 0 {
            match rig.ring.empty(pipe, to, inside) {
                Ok(moved) => {
                    inside -= moved;
                    gone += moved;
                }
                Err(errno) => {
                    assert_eq!(errno, Errno::EAGAIN);
                    return (inside, gone);
                }
            }
        }
    }
}

#[test]
fn what_comes_out_is_what_went_in() {
    let mut rig = Rig::new();
    let (from, mut feeder) = rig.pair();
    let (to, mut reader) = rig.pair();
    let sent = pattern(20_000_000);
    let pipe = rig.ring.lease_pipe().unwrap();
    let came = std::thread::scope(|scope| {
        scope.spawn(|| {
            feeder.write_all(&sent).unwrap();
            feeder.shutdown(Shutdown::Write).unwrap();
        });
        let reader = scope.spawn(|| {
            let mut came = Vec::new();
            reader.read_to_end(&mut came).unwrap();
            came
        });
        loop {
            match fill(&mut rig, &pipe, from).unwrap() {
                0 => break,
                inside => empty(&mut rig, &pipe, to, inside),
            }
        }
        rig.ring.stop_sending(to);
        reader.join().unwrap()
    });
    assert!(came == sent, "{} bytes came, and not those", came.len());
    rig.ring.give_back_pipe(pipe);
    rig.ring.close(from, InFlight::Nothing);
    rig.ring.close(to, InFlight::Nothing);
    rig.finish();
}

#[test]
fn filling_says_what_there_is() {
    let mut rig = Rig::new();
    let (from, mut feeder) = rig.pair();
    let (to, reader) = rig.pair();
    let pipe = rig.ring.lease_pipe().unwrap();
    assert_eq!(rig.ring.fill(&pipe, from, 100), Err(Errno::EAGAIN));
    feeder.write_all(b"0123456789").unwrap();
    feeder.shutdown(Shutdown::Write).unwrap();
    rig.ring.await_readable(from, token(1));
    rig.ready(1);
    assert_eq!(rig.ring.fill(&pipe, from, 4), Ok(4), "no more than asked");
    assert_eq!(rig.ring.empty(&pipe, to, 3), Ok(3));
    assert_eq!(rig.ring.empty(&pipe, to, 1), Ok(1));
    assert_eq!(
        rig.ring.fill(&pipe, from, 100),
        Ok(6),
        "bytes before the end"
    );
    assert_eq!(rig.ring.empty(&pipe, to, 6), Ok(6));
    for _ in 0..2 {
        assert_eq!(fill(&mut rig, &pipe, from), Ok(0));
    }
    rig.ring.give_back_pipe(pipe);
    rig.ring.close(from, InFlight::Nothing);
    rig.ring.close(to, InFlight::Nothing);
    rig.submit();
    assert_eq!(rest(&reader), b"0123456789");
    rig.finish();
}

#[test]
fn filling_after_a_reset_is_an_error_once() {
    let mut rig = Rig::new();
    let (from, feeder) = rig.pair();
    let pipe = rig.ring.lease_pipe().unwrap();
    reset(feeder);
    assert_eq!(fill(&mut rig, &pipe, from), Err(Errno::ECONNRESET));
    assert_eq!(rig.ring.fill(&pipe, from, 100), Ok(0));
    rig.ring.give_back_pipe(pipe);
    rig.ring.close(from, InFlight::Nothing);
    rig.finish();
}

#[test]
fn a_full_receiver_takes_nothing_until_it_has_read() {
    let mut rig = Rig::new();
    let (from, mut feeder) = rig.pair();
    let (to, mut reader) = rig.pair();
    let pipe = rig.ring.lease_pipe().unwrap();
    let (inside, gone) = stuff(&mut rig, &pipe, (from, &mut feeder), to);
    rig.ring.await_writable(to, token(2));
    assert!(!rig.is_done(2));
    let mut heap = vec![0; 64 * 1024];
    let mut read = 0;
    while !rig.is_done(2) {
        read += reader.read(&mut heap).unwrap();
    }
    rig.ready(2);
    let moved = rig.ring.empty(&pipe, to, inside).unwrap();
    assert!(moved > 0, "and the bytes were still in the pipe");
    rig.ring.give_back_pipe(pipe);
    rig.ring.close(from, InFlight::Nothing);
    rig.ring.close(to, InFlight::Nothing);
    rig.submit();
    assert_eq!(read + rest(&reader).len(), gone + moved);
    rig.finish();
}

#[test]
fn emptying_after_a_reset_is_an_error_and_no_signal() {
    let mut rig = Rig::new();
    let (from, mut feeder) = rig.pair();
    let (to, reader) = rig.pair();
    let pipe = rig.ring.lease_pipe().unwrap();
    feeder.write_all(b"late").unwrap();
    assert_eq!(fill(&mut rig, &pipe, from), Ok(4));
    rig.ring.await_readable(to, token(2));
    rig.submit();
    reset(reader);
    rig.ready(2);
    assert_eq!(rig.ring.empty(&pipe, to, 4), Err(Errno::ECONNRESET));
    // splice(2) knows no MSG_NOSIGNAL: what keeps this from killing is that Rust's runtime ignores SIGPIPE.
    assert_eq!(rig.ring.empty(&pipe, to, 4), Err(Errno::EPIPE));
    rig.ring.give_back_pipe(pipe);
    rig.ring.close(from, InFlight::Nothing);
    rig.ring.close(to, InFlight::Nothing);
    rig.finish();
}

#[test]
fn each_direction_outlives_the_end_of_the_other() {
    let mut rig = Rig::new();
    let (one, mut first) = rig.pair();
    let (two, mut second) = rig.pair();
    let pipe = rig.ring.lease_pipe().unwrap();
    first.shutdown(Shutdown::Write).unwrap();
    assert_eq!(fill(&mut rig, &pipe, one), Ok(0));
    rig.ring.stop_sending(two);
    assert_eq!(rest(&second), b"", "the end is passed on");
    for _ in 0..2 {
        second.write_all(b"back").unwrap();
        assert_eq!(fill(&mut rig, &pipe, two), Ok(4));
        empty(&mut rig, &pipe, one, 4);
        let mut came = [0; 4];
        first.read_exact(&mut came).unwrap();
        assert_eq!(&came, b"back");
    }
    second.shutdown(Shutdown::Write).unwrap();
    assert_eq!(fill(&mut rig, &pipe, two), Ok(0));
    rig.ring.give_back_pipe(pipe);
    rig.ring.close(one, InFlight::Nothing);
    rig.ring.close(two, InFlight::Nothing);
    rig.submit();
    assert_eq!(rest(&first), b"");
    rig.finish();
}

#[test]
fn what_is_left_in_a_pipe_meets_nobody_else() {
    let mut rig = Rig::new();
    let (from, mut feeder) = rig.pair();
    let (to, reader) = rig.pair();
    let pipe = rig.ring.lease_pipe().unwrap();
    let index = pipe.index();
    feeder.write_all(b"left behind").unwrap();
    assert_eq!(fill(&mut rig, &pipe, from), Ok(11));
    assert_eq!(rig.ring.empty(&pipe, to, 2), Ok(2));
    rig.ring.give_back_pipe(pipe);
    let pipe = rig.ring.lease_pipe().unwrap();
    assert_eq!(pipe.index(), index, "the same, as far as anybody can tell");
    feeder.write_all(b"new").unwrap();
    assert_eq!(fill(&mut rig, &pipe, from), Ok(3));
    empty(&mut rig, &pipe, to, 3);
    rig.ring.give_back_pipe(pipe);
    rig.ring.close(from, InFlight::Nothing);
    rig.ring.close(to, InFlight::Nothing);
    rig.submit();
    assert_eq!(rest(&reader), b"lenew");
    rig.finish();
}

#[test]
fn there_are_as_many_pipes_as_were_asked_for() {
    let mut rig = Rig::new();
    let one = rig.ring.lease_pipe().unwrap();
    let two = rig.ring.lease_pipe().unwrap();
    assert_eq!(rig.ring.counts().pipes, 2);
    assert!(rig.ring.lease_pipe().is_none());
    rig.ring.give_back_pipe(one);
    let again = rig.ring.lease_pipe().unwrap();
    rig.ring.give_back_pipe(again);
    rig.ring.give_back_pipe(two);
    rig.finish();
}
