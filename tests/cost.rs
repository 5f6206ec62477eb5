//! The cost gate: what one request costs the worker, counted instead of timed: ring operations, enters, other
//! system calls and allocations. A count is the same on every machine, and under any load.
//!
//! The real worker turns on the real ring, in lockstep with its client and its output: a test lets it turn until
//! it has done its part, then plays the other side's. So each test knows every completion there can be.
#![forbid(unsafe_code)]

#[path = "cost/affinity.rs"]
mod affinity;
#[path = "cost/bandwidth.rs"]
mod bandwidth;
#[path = "cost/bodies.rs"]
mod bodies;
#[path = "cost/connections.rs"]
mod connections;
#[path = "cost/lines.rs"]
mod lines;
#[path = "cost/requests.rs"]
mod requests;
#[path = "cost/shortage.rs"]
mod shortage;
#[path = "cost/stand.rs"]
mod stand;
