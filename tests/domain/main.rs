//! Pairs of HALB, and three of them, on hosts of their own: network namespaces with cables that can be cut, clients, outputs and a gateway.
#![forbid(unsafe_code)]

mod world;

mod alone;
mod crash;
mod cuts;
mod file;
mod ipv6;
mod roles;
mod sessions;
mod stalls;
mod start;
mod strangers;
mod switch;
mod three;
mod versions;
