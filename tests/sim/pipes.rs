//! The pipes of one worker: what is in each, and who has it.

use halb::ring::port::PIPE_BYTES;
use halb::ring::port::Pipe;
use nix::errno::Errno;

use crate::port;
use crate::port::Deed;
use crate::world::World;

/// All pipes of one worker.
pub struct Pipes {
    all: Vec<One>,
}

#[derive(Default)]
struct One {
    leased: bool,
    bytes: Vec<u8>,
}

impl Pipes {
    pub fn new(most: usize) -> Pipes {
        Pipes {
            all: (0..most).map(|_| One::default()).collect(),
        }
    }

    pub fn lease(&mut self) -> Option<Pipe> {
        let index = self.all.iter().position(|one| !one.leased)?;
        self.all[index].leased = true;
        Some(Pipe::new(index as u32))
    }

    /// What is left in it is lost.
    pub fn give_back(&mut self, pipe: Pipe) {
        let one = self.leased(&pipe);
        one.leased = false;
        one.bytes.clear();
    }

    /// Where bytes go; it has to be empty.
    pub fn fill(&mut self, pipe: &Pipe) -> &mut Vec<u8> {
        let bytes = &mut self.leased(pipe).bytes;
        assert!(bytes.is_empty(), "fills a pipe that is not empty");
        bytes
    }

    /// The first `most` bytes, which have to be in it.
    pub fn front(&mut self, pipe: &Pipe, most: usize) -> &[u8] {
        let bytes = &self.leased(pipe).bytes;
        assert!(most > 0, "empties a pipe of nothing");
        assert!(most <= bytes.len(), "empties a pipe of more than it holds");
        &bytes[..most]
    }

    pub fn drop_front(&mut self, pipe: &Pipe, count: usize) {
        self.leased(pipe).bytes.drain(..count);
    }

    /// Pipes leased out.
    pub fn away(&self) -> usize {
        self.all.iter().filter(|one| one.leased).count()
    }

    fn leased(&mut self, pipe: &Pipe) -> &mut One {
        let one = &mut self.all[pipe.index() as usize];
        assert!(one.leased, "a pipe that was given back is used");
        one
    }
}

/// Moves what there is now, or a part of it, from a connection into a pipe.
pub fn fill(
    world: &mut World,
    index: usize,
    pipe: &Pipe,
    conn: usize,
    most: usize,
) -> Result<usize, Errno> {
    assert!(most > 0, "fills a pipe with nothing");
    let state = &mut world.ports[index];
    state.counts.calls += 1;
    let twice = state.is_busy(conn, |deed| matches!(deed, Deed::Receive { .. }));
    assert!(!twice, "fills a pipe from conn {conn} beside a recv");
    state.pipes.fill(pipe);
    if !world.conns[conn].can_receive() || is_missed(world) {
        return Err(Errno::EAGAIN);
    }
    let count = port::shorten(world, most.min(PIPE_BYTES));
    let mut bytes = vec![0; count];
    let moved = world.conns[conn].receive(&mut bytes);
    world.note(|| format!("worker {index}: fills a pipe from conn {conn}: {moved:?}"));
    bytes.truncate(moved.unwrap_or(0));
    *world.ports[index].pipes.fill(pipe) = bytes;
    world.poke(conn);
    moved
}

/// Moves what finds room now, or a part of it, from a pipe to a connection.
pub fn empty(
    world: &mut World,
    index: usize,
    pipe: &Pipe,
    conn: usize,
    most: usize,
) -> Result<usize, Errno> {
    let state = &mut world.ports[index];
    state.counts.calls += 1;
    let twice = state.is_busy(conn, |deed| matches!(deed, Deed::Send { .. }));
    assert!(!twice, "empties a pipe to conn {conn} beside a send");
    state.pipes.front(pipe, most);
    if !world.conns[conn].can_send() || is_missed(world) {
        return Err(Errno::EAGAIN);
    }
    let count = port::shorten(world, most);
    let pipes = &mut world.ports[index].pipes;
    let moved = world.conns[conn].send(pipes.front(pipe, count));
    pipes.drop_front(pipe, moved.unwrap_or(0));
    let actor = world.conns[conn].actor;
    world.flow.hand_over(world.now, moved.unwrap_or(0));
    world.flow.left(world.now, actor, moved.unwrap_or(0));
    world.note(|| format!("worker {index}: empties a pipe to conn {conn}: {moved:?}"));
    world.poke(conn);
    moved
}

/// It could be done, and yet the kernel says that it cannot just now.
fn is_missed(world: &mut World) -> bool {
    world.random.chance(world.profile.jitter.empty)
}
