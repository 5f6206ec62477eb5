//! The harness: HALB beside its peers on one machine.
//!
//! - [`compare`] runs everybody in turns and condenses the figures; [`crew`] is its line to
//! - [`station`]: load generator and origin on one ring, in a process bound to its own core.
//! - [`verify`] tries whether this machine carries what HALB promises, in cgroups ([`allotment`]).
//! - [`workers`] shows what several workers of HALB bring and cost.
//! - [`takeover`] shows how long a pair is away when its active meets with something.
//! - [`relay`] is the floor: a proxy that does not look at what it moves.
//! - [`report`] is what a person sees of a record, [`progress`] what they see meanwhile.
//! - [`machine`] reads what processes and cores spent; [`stats`] condenses.
#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a harness measures real time, and talks to the person who runs it"
)]

mod allotment;
mod cli;
mod compare;
mod crew;
mod interrupt;
mod machine;
mod process;
mod progress;
mod record;
mod relay;
mod report;
mod ring;
mod slots;
mod station;
mod stats;
mod takeover;
mod trouble;
mod verify;
mod workers;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use halb::ring::port::Socket;

use crate::cli::CommandLine;
use crate::cli::Verb;
use crate::station::order::Hello;
use crate::trouble::Trouble;

/// Standard input, through which the station talks with its crew.
const CREW: Socket = Socket(0);

/// 0: all is well; 1: faults or an interruption, the report says which; 2: it could not be done.
fn main() -> ExitCode {
    match run(CommandLine::parse().verb) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(trouble) => {
            eprintln!("halb-bench: {trouble}");
            ExitCode::from(2)
        }
    }
}

fn run(verb: Verb) -> Result<bool, Trouble> {
    match verb {
        Verb::Compare(options) => compare::run(&options.plan()?),
        Verb::Verify(options) => verify::run(&options.plan()?),
        Verb::Workers(options) => workers::run(options),
        Verb::Takeover(options) => takeover::run(options),
        Verb::Report(options) => report::run(&options),
        Verb::Origin { listen } => {
            let mut ring = ring::open()?;
            let (listener, address) = ring::listen(&mut ring, &listen)?;
            compare::print(&format!("http://{address}/128\n"))?;
            station::serve_origin(&mut ring, listener)
        }
        Verb::Relay {
            listen,
            to,
            threads,
        } => Err(relay::serve(listen, to, threads)),
        Verb::Crew { core, stations } => crew::trial::run(core, stations),
        Verb::Station => {
            crew::share::raise_limit()?;
            let mut ring = ring::open()?;
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let (listener, origin) = ring::listen(&mut ring, &any)?;
            let process = std::process::id().cast_signed();
            station::serve(&mut ring, listener, CREW, Hello { origin, process })?;
            Ok(true)
        }
        Verb::Pinned(pinned) => {
            pinned.become_program()?;
            Ok(true)
        }
    }
}
