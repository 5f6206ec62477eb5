//! One test for every behaviour of the kernel that the ring, and the simulator that stands in for it, rely
//! on. They drive the real ring through its port. When one fails on a new kernel, that kernel differs.

#[path = "kernel/accepting.rs"]
mod accepting;
#[path = "kernel/closing.rs"]
mod closing;
#[path = "kernel/network/mod.rs"]
mod network;
#[path = "kernel/picking.rs"]
mod picking;
#[path = "kernel/piping.rs"]
mod piping;
#[path = "kernel/polling.rs"]
mod polling;
#[path = "kernel/refusing.rs"]
mod refusing;
#[path = "kernel/rig.rs"]
mod rig;
#[path = "kernel/sending.rs"]
mod sending;
#[path = "kernel/waking.rs"]
mod waking;
