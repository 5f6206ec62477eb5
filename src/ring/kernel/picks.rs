//! The buffers the kernel picks from (a provided-buffer ring, Linux 5.19).
//!
//! The kernel takes published buffers in turn, so every one of them gets touched: few are published (they
//! stay in the processor's cache), and more only when a receive found none. Behind them stands the arena's
//! free list, which gives the buffer used last first.
//!
//! Invariants the `unsafe` here rests on:
//! - P1: `entries` maps `count` entries and stays mapped until the ring was told to forget them or is gone.
//! - P2: the kernel reads the entries before the published tail; this side writes only those behind it, and
//!   there are at most `count` between head and tail.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;

use io_uring::Submitter;
use io_uring::types::BufRingEntry;
use nix::errno::Errno;
use nix::sys::mman::MapFlags;
use nix::sys::mman::ProtFlags;
use nix::sys::mman::mmap_anonymous;
use nix::sys::mman::munmap;

use super::setup::PICK_ENTRIES;
use crate::ring::arena::Arena;
use crate::ring::arena::Buffer;
use crate::ring::arena::HEADROOM;
use crate::ring::arena::SMALL_BYTES;
use crate::ring::arena::TAILROOM;
use crate::ring::port::Size;

/// The group that receives name; there is one.
pub(super) const GROUP: u16 = 0;
/// What one picked buffer can take.
pub(super) const PICK_BYTES: u32 = (SMALL_BYTES - HEADROOM - TAILROOM) as u32;
/// Published at first: a mebibyte, what a busy turn takes and a cache holds.
const FIRST_LEVEL: u16 = 256;

/// So many are published even when buffers are short.
const LEAST_PUBLISHED: u16 = 16;

pub(super) struct Picks {
    entries: NonNull<BufRingEntry>,
    count: u16,
    /// How many shall be published, and how many may at most.
    level: u16,
    limit: u16,
    tail: u16,
    /// The arena's index of each published buffer, by the number the kernel knows it by.
    indices: Vec<u32>,
    /// Numbers that no published buffer has.
    numbers: Vec<u16>,
}

impl Picks {
    /// Registers an empty ring of buffers. `small_count` is the arena's; half of it may be published, so
    /// that [`Arena::lease`] finds some too.
    pub(super) fn new(submitter: &Submitter<'_>, small_count: u32) -> Result<Picks, Errno> {
        let half = u16::try_from(small_count / 2).unwrap_or(u16::MAX).max(1);
        let limit = half.min(PICK_ENTRIES);
        let count = limit.next_power_of_two();
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches nothing that exists.
        let memory = unsafe { mmap_anonymous(None, length(count), access, MapFlags::MAP_PRIVATE)? };
        let picks = Picks {
            entries: memory.cast(),
            count,
            level: FIRST_LEVEL.min(limit),
            limit,
            tail: 0,
            indices: vec![0; usize::from(count)],
            numbers: (0..count).rev().collect(),
        };
        let address = picks.entries.as_ptr() as u64;
        // SAFETY: P1, mapped until `drop`, which the owner does after `forget` or with the ring gone.
        unsafe { submitter.register_buf_ring_with_flags(address, count, GROUP, 0) }
            .map_err(|error| super::setup::errno(&error))?;
        Ok(picks)
    }

    /// Published and not yet known to be taken.
    pub(super) fn published(&self) -> usize {
        usize::from(self.count) - self.numbers.len()
    }

    /// Brings the published up to the level, as far as the arena has free ones; the tail moves once.
    pub(super) fn refill(&mut self, arena: &mut Arena) {
        let before = self.tail;
        // Enough for a busy turn is published in any case; it is what leases were given last.
        let least = usize::from(self.limit.min(LEAST_PUBLISHED));
        while self.published() < usize::from(self.level)
            && (self.published() < least || !arena.is_short())
        {
            let Some(buffer) = arena.lease(Size::Small) else {
                break;
            };
            self.add(arena, buffer);
        }
        if self.tail != before {
            self.publish();
        }
    }

    /// The buffer the kernel picked, by the number it told.
    pub(super) fn taken(&mut self, arena: &mut Arena, number: u16) -> Buffer {
        self.numbers.push(number);
        debug_assert!(self.numbers.len() <= usize::from(self.count), "taken once");
        arena.regain(self.indices[usize::from(number)])
    }

    /// A receive found none: publish twice as many from now on, up to the limit.
    pub(super) fn starved(&mut self) {
        self.level = self.level.saturating_mul(2).min(self.limit);
    }

    /// Takes all published buffers home. Only when nothing in flight could pick one.
    pub(super) fn forget(&mut self, submitter: &Submitter<'_>, arena: &mut Arena) {
        if submitter.unregister_buf_ring(GROUP).is_err() {
            return; // they stay lent, and the arena stays mapped
        }
        let free: HashSet<u16> = self.numbers.iter().copied().collect();
        for number in (0..self.count).filter(|number| !free.contains(number)) {
            let buffer = self.taken(arena, number);
            arena.give_back(buffer);
        }
    }

    fn add(&mut self, arena: &mut Arena, buffer: Buffer) {
        let index = arena.lend(buffer);
        let (start, _) = arena.extent(index);
        let Some(number) = self.numbers.pop() else {
            unreachable!("the level is below the number of entries");
        };
        self.indices[usize::from(number)] = index;
        let place = usize::from(self.tail & (self.count - 1));
        // SAFETY: P1, `place` is below `count`.
        let entry = unsafe { self.entries.add(place) };
        // SAFETY: P2, behind the published tail, so nobody reads it; the mapping is zeroed or was written.
        let entry = unsafe { &mut *entry.as_ptr() };
        entry.set_addr(start.as_ptr() as u64 + HEADROOM as u64);
        entry.set_len(PICK_BYTES);
        entry.set_bid(number);
        self.tail = self.tail.wrapping_add(1);
    }

    fn publish(&self) {
        // SAFETY: P1, the address of the first entry, which holds the tail in a field of its own.
        let tail = unsafe { BufRingEntry::tail(self.entries.as_ptr()) };
        // SAFETY: P1, mapped and aligned; shared with the kernel only, which reads it atomically.
        let tail = unsafe { AtomicU16::from_ptr(tail.cast_mut()) };
        tail.store(self.tail, Ordering::Release); // P2: the entries before it are written
    }
}

impl Drop for Picks {
    fn drop(&mut self) {
        // SAFETY: P1, the mapping made in `new`, whole; the kernel pins the pages while it still reads them.
        let unmapped = unsafe { munmap(self.entries.cast(), length(self.count).get()) };
        debug_assert_eq!(unmapped, Ok(()), "unmapping what was mapped");
    }
}

fn length(count: u16) -> NonZeroUsize {
    let bytes = usize::from(count) * size_of::<BufRingEntry>();
    NonZeroUsize::new(bytes).unwrap_or(NonZeroUsize::MIN)
}
