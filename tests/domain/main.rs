//! Pairs of HALB, and three of them, on hosts of their own: network namespaces with cables that can be cut, clients,
//! outputs and a gateway.
#![forbid(unsafe_code)]

#[path = "../warden/capabilities.rs"]
mod capabilities;
mod world;

mod alone;
mod crash;
mod cuts;
mod failure;
mod file;
mod ipv6;
mod maintenance;
mod measured;
mod pieces;
mod reload;
mod roles;
mod sessions;
mod stalls;
mod start;
mod strangers;
mod switch;
mod three;
mod upgrade;
mod versions;
