//! Pairs of HALB on hosts of their own: network namespaces with cables that can be cut, clients, outputs and a gateway.
#![forbid(unsafe_code)]

#[path = "../warden/capabilities.rs"]
mod capabilities;
mod world;

mod alone;
mod crash;
mod cuts;
mod file;
mod roles;
mod sessions;
mod stalls;
mod start;
mod strangers;
mod switch;
mod versions;
