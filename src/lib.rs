//! HALB: an HTTP load balancer on `io_uring`, with its own hot standby.
//!
//! The rooms, bottom up; each may name only those above it in this list (`tests/tidy` holds that):
//!
//! - [`model`]: words, properties, limits, configuration. No I/O, no clock.
//! - [`http`], [`balance`], [`probe`], [`pair`]: the deterministic core. Bytes and events go in, decisions come out.
//! - [`ring`]: the kernel; the only room with `unsafe`. Its `port` is what a simulator stands in for.
//! - [`plane`]: the memory that workers and the control core share; every word has one writer.
//! - [`worker`]: the data plane, one per core: wait, feed, flush.
//! - [`warden`]: the small process that holds the virtual addresses; [`standby`]: the thread that decides who does.
//! - [`control`]: what operators see and order: the terminal `ctl`, and what outlives a restart.
//! - [`daemon`]: joins them: command line, start, signals, stop.

pub mod model;

pub mod balance;
pub mod http;
pub mod pair;
pub mod probe;

pub mod ring;

pub mod plane;

pub mod worker;

pub mod warden;

pub mod standby;

pub mod control;

pub mod daemon;
