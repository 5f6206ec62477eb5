//! The program as users meet it: the real `halb` in front of real servers, with real clients, on loopback.
//!
//! Every test ends with a graceful stop and the leak check: exit code 0, and nothing left. Nothing here waits
//! for time; deadlines only make a broken test fail instead of hanging.
#![forbid(unsafe_code)]

mod backend;
#[path = "../warden/capabilities.rs"]
mod capabilities;
mod cgroup;
mod chromium;
mod client;
mod lighttpd;
mod nginx;
mod node;
mod php;
mod process;
mod python;

mod access_log;
mod affinity;
mod against_nginx;
mod answers;
mod bandwidth;
mod bodies;
mod browser;
mod ctl;
mod domain;
mod error_files;
mod examples;
mod failures;
mod fields;
mod foreign_pages;
mod git;
mod load;
mod maximum;
mod messages;
mod metrics;
mod mon;
mod pair;
mod places;
mod probes;
mod registry;
mod reload;
mod resources;
mod sharing;
mod signals;
mod start;
mod streams;
mod systemd;
mod top;
mod tunnels;
mod ui;
mod unread;
mod versions;
