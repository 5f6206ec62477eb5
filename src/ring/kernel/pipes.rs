//! Pipes for bodies that are moved without being copied: made when first wanted, kept for the next body.
//!
//! `splice(2)` is called on the worker's own thread: the ring's operation for it runs on a kernel thread (Linux
//! 6.18 forces it there), which costs more than the call.

use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::FcntlArg;
use nix::fcntl::OFlag;
use nix::fcntl::SpliceFFlags;
use nix::fcntl::fcntl;
use nix::fcntl::splice;
use nix::unistd::pipe2;

use crate::ring::port::PIPE_BYTES;
use crate::ring::port::Pipe;

/// One pipe.
struct Ends {
    into: OwnedFd,
    out: OwnedFd,
    /// Bytes in it.
    inside: usize,
}

pub(super) struct Pipes {
    /// By number; `None`: not made yet, or closed because something was left in it.
    all: Vec<Option<Ends>>,
    /// The one used last at the end.
    free: Vec<u32>,
}

impl Pipes {
    /// None is made yet.
    pub(super) fn new(most: u32) -> Pipes {
        Pipes {
            all: (0..most).map(|_| None).collect(),
            free: (0..most).rev().collect(),
        }
    }

    /// An empty one; none when all are taken, or when there are no descriptors for one.
    pub(super) fn lease(&mut self) -> Option<Pipe> {
        let index = *self.free.last()?;
        let place = &mut self.all[index as usize];
        if place.is_none() {
            *place = Some(make().ok()?);
        }
        self.free.pop();
        Some(Pipe::new(index))
    }

    /// Takes one back. What is left in it goes with it: a new one is made next time.
    pub(super) fn give_back(&mut self, pipe: Pipe) {
        let place = &mut self.all[pipe.index() as usize];
        if place.as_ref().is_some_and(|ends| ends.inside > 0) {
            *place = None;
        }
        self.free.push(pipe.index());
    }

    /// Moves bytes from a socket.
    pub(super) fn fill(
        &mut self,
        pipe: &Pipe,
        from: BorrowedFd<'_>,
        most: usize,
    ) -> Result<usize, Errno> {
        let ends = self.ends(pipe);
        assert_eq!(ends.inside, 0, "only an empty pipe is filled");
        let moved = splice(from, None, &ends.into, None, most, how())?;
        ends.inside = moved;
        Ok(moved)
    }

    /// Moves bytes to a socket.
    pub(super) fn empty(
        &mut self,
        pipe: &Pipe,
        to: BorrowedFd<'_>,
        most: usize,
    ) -> Result<usize, Errno> {
        let ends = self.ends(pipe);
        assert!(most <= ends.inside, "what is in the pipe");
        let moved = splice(&ends.out, None, to, None, most, how())?;
        ends.inside -= moved;
        Ok(moved)
    }

    /// Pipes leased out.
    pub(super) fn away(&self) -> usize {
        self.all.len() - self.free.len()
    }

    fn ends(&mut self, pipe: &Pipe) -> &mut Ends {
        match &mut self.all[pipe.index() as usize] {
            Some(ends) => ends,
            None => unreachable!("a leased pipe has been made"),
        }
    }
}

fn make() -> Result<Ends, Errno> {
    let (out, into) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
    // EPERM: the user has too many pages in pipes (`fs.pipe-user-pages-soft`); it stays as small as it is.
    let size = i32::try_from(PIPE_BYTES).unwrap_or(i32::MAX);
    let _bytes = fcntl(&into, FcntlArg::F_SETPIPE_SZ(size));
    Ok(Ends {
        into,
        out,
        inside: 0,
    })
}

fn how() -> SpliceFFlags {
    SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK
}
