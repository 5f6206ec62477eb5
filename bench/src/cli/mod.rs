//! The command line: one file for each verb's options.

pub mod compare;
pub mod verify;

use std::net::SocketAddr;

use clap::Parser;
use clap::Subcommand;

use crate::cli::compare::CompareOptions;
use crate::cli::verify::VerifyOptions;
use crate::process::Pinned;
use crate::report::ReportOptions;
use crate::takeover::TakeoverOptions;
use crate::workers::WorkersOptions;

/// HALB beside its peers, on one machine.
#[derive(Parser)]
#[command(version)]
pub struct CommandLine {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Subcommand)]
pub enum Verb {
    /// Everybody does the same job on the same core, in turns; CPU is counted twice.
    Compare(Box<CompareOptions>),
    /// Whether this machine carries what HALB promises; in less than five minutes.
    Verify(VerifyOptions),
    /// What several workers bring and cost, how clients are spread over them, and what a slow one does to others.
    Workers(WorkersOptions),
    /// How long the service is away when the active of a pair dies, hangs or loses its network; as root.
    Takeover(TakeoverOptions),
    /// One page of HTML from what `compare` and `verify` have written.
    Report(ReportOptions),
    /// Only the origin: `GET /N` is answered with N bytes.
    Origin {
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
    /// The relay without parsing: every connection goes to one address.
    Relay {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        to: SocketAddr,
        /// Each has as many descriptors as a process; a connection needs two.
        #[arg(long, default_value_t = 1)]
        threads: usize,
    },
    /// Generator and origin, ordered through standard input (a socket); started by the others.
    #[command(hide = true)]
    Station,
    /// A crew that carries out orders from standard input, one line of JSON each: for trials and tests.
    #[command(hide = true)]
    Crew {
        #[arg(long)]
        core: usize,
        #[arg(long, default_value_t = 1)]
        stations: usize,
    },
    /// Becomes another program, bound to cores and perhaps in a cgroup; started by the others.
    #[command(hide = true)]
    Pinned(Pinned),
}
