//! The memory the kernel may write: taken once, never moved, given back only when every buffer is home.
//!
//! A [`Buffer`] is owned by whoever holds it; while an operation is in flight the ring holds it. There is no
//! third state, and the type says so: a buffer cannot be copied.
//!
//! Invariants the `unsafe` here rests on:
//! - A1: `base` maps `small_count * SMALL_BYTES + large_count * LARGE_BYTES` bytes, readable and writable,
//!   and stays mapped as long as any buffer is not home.
//! - A2: for each index at most one of these exists: an entry in a free list, a `Buffer`, or the kernel's
//!   right to the memory (`Place`). Different indices name disjoint memory.

use std::num::NonZeroUsize;
use std::ops::Deref;
use std::ops::DerefMut;
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::sys::mman::MapFlags;
use nix::sys::mman::ProtFlags;
use nix::sys::mman::mmap_anonymous;
use nix::sys::mman::munmap;

use crate::ring::port::Size;
use crate::ring::token::Token;

/// Bytes kept free before what arrives, so that a chunk's size line can be written in front of it.
pub const HEADROOM: usize = 16;
/// Bytes kept free behind what arrives, so that a chunk's end and the last chunk fit behind it.
pub const TAILROOM: usize = 16;
/// A small buffer, whole: a page, enough for the heads that browsers send.
pub const SMALL_BYTES: usize = 4096;
/// A large buffer, whole: sixteen pages; copying in smaller pieces costs more calls for a body.
pub const LARGE_BYTES: usize = 64 * 1024;

/// One small buffer in so many is the reserve.
const RESERVE_SHARE: usize = 8;

/// Where one buffer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Home,
    Leased,
    Kernel,
}

/// One piece of the arena, held by exactly one owner. It has to be given back to its arena.
pub struct Buffer {
    start: NonNull<u8>,
    bytes: u32,
    index: u32,
}

impl Buffer {
    /// Whether it is one of the large ones.
    pub fn size(&self) -> Size {
        if self.len() == SMALL_BYTES {
            Size::Small
        } else {
            Size::Large
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: A1 keeps the memory mapped and A2 makes this handle the only one to it.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.bytes as usize) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: A1 keeps the memory mapped and A2 makes this handle the only one to it.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.bytes as usize) }
    }
}

/// All buffers of one worker.
pub struct Arena {
    base: NonNull<u8>,
    length: NonZeroUsize,
    small_count: u32,
    free_small: Vec<u32>,
    free_large: Vec<u32>,
    places: Vec<Place>,
}

impl Arena {
    /// Reserves room for so many buffers of each size. Pages become resident as they are first used.
    pub fn new(small_count: u32, large_count: u32) -> Result<Arena, Errno> {
        assert!(
            small_count + large_count < Token::NO_BUFFER,
            "a token has 20 bits for a buffer"
        );
        let bytes = small_count as usize * SMALL_BYTES + large_count as usize * LARGE_BYTES;
        let length = NonZeroUsize::new(bytes).ok_or(Errno::EINVAL)?;
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches nothing that exists.
        let base = unsafe { mmap_anonymous(None, length, access, flags)? };
        Ok(Arena {
            base: base.cast(),
            length,
            small_count,
            free_small: (0..small_count).rev().collect(),
            free_large: (small_count..small_count + large_count).rev().collect(),
            places: vec![Place::Home; (small_count + large_count) as usize],
        })
    }

    /// A free buffer, the one used last first (its memory is warm).
    pub fn lease(&mut self, size: Size) -> Option<Buffer> {
        let index = match size {
            Size::Small => self.free_small.pop()?,
            Size::Large => self.free_large.pop()?,
        };
        Some(self.handle(index, Place::Home))
    }

    /// Takes a buffer home.
    pub fn give_back(&mut self, buffer: Buffer) {
        let place = &mut self.places[buffer.index as usize];
        assert_eq!(*place, Place::Leased, "a buffer comes home once");
        *place = Place::Home;
        if buffer.index < self.small_count {
            self.free_small.push(buffer.index);
        } else {
            self.free_large.push(buffer.index);
        }
    }

    /// Hands a buffer's memory to the kernel; [`Arena::regain`] brings it back by its index.
    pub fn lend(&mut self, buffer: Buffer) -> u32 {
        let place = &mut self.places[buffer.index as usize];
        assert_eq!(*place, Place::Leased, "only a leased buffer can be lent");
        *place = Place::Kernel;
        buffer.index
    }

    /// The buffer that was lent under `index`; the kernel has finished with it.
    pub fn regain(&mut self, index: u32) -> Buffer {
        self.handle(index, Place::Kernel)
    }

    /// Where the memory of `index` begins and how long it is.
    pub fn extent(&self, index: u32) -> (NonNull<u8>, u32) {
        let small = index.min(self.small_count) as usize;
        let large = index.saturating_sub(self.small_count) as usize;
        let offset = small * SMALL_BYTES + large * LARGE_BYTES;
        let bytes = if index < self.small_count {
            SMALL_BYTES
        } else {
            LARGE_BYTES
        };
        assert!(
            offset + bytes <= self.length.get(),
            "an index of this arena"
        );
        // SAFETY: the assertion keeps the offset inside the mapping of A1.
        let start = unsafe { self.base.add(offset) };
        (start, bytes as u32)
    }

    /// Free buffers of one size.
    pub fn free(&self, size: Size) -> usize {
        match size {
            Size::Small => self.free_small.len(),
            Size::Large => self.free_large.len(),
        }
    }

    /// Whether small ones are running out. What is left then is for requests that have been read and need one to go
    /// on.
    pub fn is_short(&self) -> bool {
        self.free_small.len() <= self.small_count as usize / RESERVE_SHARE
    }

    /// Buffers that are not home: leased, or the kernel's.
    pub fn away(&self) -> usize {
        self.places.len() - self.free_small.len() - self.free_large.len()
    }

    fn handle(&mut self, index: u32, from: Place) -> Buffer {
        let (start, bytes) = self.extent(index);
        let place = &mut self.places[index as usize];
        assert_eq!(*place, from, "one owner at a time");
        *place = Place::Leased;
        Buffer {
            start,
            bytes,
            index,
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        if self.away() > 0 {
            return; // A1: somebody may still look at it, so it stays mapped.
        }
        // SAFETY: the mapping of A1, whole; every buffer is home, so nobody has a pointer into it.
        let unmapped = unsafe { munmap(self.base.cast(), self.length.get()) };
        debug_assert_eq!(unmapped, Ok(()), "unmapping what was mapped");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_disjoint_and_come_home() {
        let mut arena = Arena::new(3, 2).unwrap();
        let mut held = Vec::new();
        for size in [Size::Small, Size::Large] {
            while let Some(buffer) = arena.lease(size) {
                held.push(buffer);
            }
        }
        assert_eq!(held.len(), 5);
        for (mark, buffer) in (1u8..).zip(held.iter_mut()) {
            buffer.fill(mark);
        }
        for (mark, buffer) in (1u8..).zip(held.iter()) {
            assert!(buffer.iter().all(|byte| *byte == mark));
        }
        assert_eq!(arena.away(), 5);
        for buffer in held {
            arena.give_back(buffer);
        }
        assert_eq!(arena.away(), 0);
    }

    #[test]
    fn what_is_lent_comes_back_with_its_bytes() {
        let mut arena = Arena::new(1, 1).unwrap();
        let mut buffer = arena.lease(Size::Large).unwrap();
        buffer[LARGE_BYTES - 1] = 7;
        let index = arena.lend(buffer);
        assert!(arena.lease(Size::Large).is_none());
        let buffer = arena.regain(index);
        assert_eq!(buffer[LARGE_BYTES - 1], 7);
        assert_eq!(buffer.size(), Size::Large);
        arena.give_back(buffer);
    }

    #[test]
    #[should_panic(expected = "one owner at a time")]
    fn what_is_home_cannot_be_regained() {
        let mut arena = Arena::new(1, 0).unwrap();
        let _second = arena.regain(0);
    }
}
