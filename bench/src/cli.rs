//! The command line.

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use clap::Subcommand;

use crate::compare::Plan;
use crate::compare::contender::Programs;
use crate::record::contender::Contender;
use crate::record::run::Part;
use crate::record::run::Scene;
use crate::station::order::Kind;
use crate::trouble::Trouble;
use crate::trouble::While;

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
    Compare(CompareOptions),
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
    /// Becomes another program, bound to one core; started by the others.
    #[command(hide = true)]
    Pinned {
        #[arg(long)]
        core: usize,
        #[arg(last = true)]
        command: Vec<String>,
    },
}

/// Generator and origin share a process, and each connection may need a descriptor on both ends, beside those
/// that contenders keep in their pools: more does not fit into 20,000.
const CONNECTIONS_MAX: usize = 6000;
/// Idle connections share few to the origin, but for the relay's.
const IDLE_MAX: usize = 9500;

#[derive(Args)]
pub struct CompareOptions {
    /// Kept-alive connections, each number a table.
    #[arg(long, value_delimiter = ',', default_value = "16,64,256")]
    connections: Vec<usize>,
    /// Sizes of bodies, each a table.
    #[arg(long, value_delimiter = ',', default_value = "128")]
    bytes: Vec<u64>,
    /// Length of a request's head.
    #[arg(long, default_value_t = 200)]
    head_bytes: usize,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of each measurement; the unit of /proc/stat makes less than 1 a guess.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Load before each measurement, not counted.
    #[arg(long, default_value_t = 0.5)]
    warm_seconds: f64,
    /// Who takes part, besides the direct run.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "relay,halb,haproxy,nginx"
    )]
    only: Vec<String>,
    /// Also a table with a new connection for every request.
    #[arg(long)]
    new_connections: bool,
    /// Also memory per idle connection, with so many.
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "9000")]
    idle: Option<usize>,
    /// Length of a request's head before idling.
    #[arg(long, default_value_t = 600)]
    idle_head_bytes: usize,
    /// No table of kept-alive connections.
    #[arg(long)]
    no_keep_alive: bool,
    /// Everybody adds X-Forwarded-For, -Proto and -Host.
    #[arg(long)]
    forwarded: bool,
    /// Everybody writes an access log, and has its page of statistics on where there is one.
    #[arg(long)]
    full: bool,
    /// HALB's program; without it, the `halb` beside this program.
    #[arg(long)]
    halb: Option<PathBuf>,
    #[arg(long, default_value = "haproxy")]
    haproxy: PathBuf,
    #[arg(long, default_value = "nginx")]
    nginx: PathBuf,
    #[arg(long, default_value_t = 0)]
    proxy_core: usize,
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// Write everything here, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl CompareOptions {
    /// What the options mean; impossible ones are refused here.
    pub fn plan(self) -> Result<Plan, Trouble> {
        if self.proxy_core == self.load_core {
            return Err(Trouble::new("proxy and generator need a core each"));
        }
        if self.rounds == 0 || !(0.1..=600.0).contains(&self.seconds) {
            return Err(Trouble::new("at least one round, of 0.1 to 600 seconds"));
        }
        if !(0.0..=60.0).contains(&self.warm_seconds) {
            return Err(Trouble::new("a warm-up has 0 to 60 seconds"));
        }
        let most = self.connections.iter().copied().max().unwrap_or(0);
        if most > CONNECTIONS_MAX || self.idle.is_some_and(|idle| idle > IDLE_MAX) {
            let text = format!("at most {CONNECTIONS_MAX} connections, {IDLE_MAX} idle ones");
            return Err(Trouble::new(text));
        }
        // The direct run's figures are needed to read all others.
        let order = ["direct", "relay", "halb", "haproxy", "nginx"];
        let wanted =
            |name: &&&str| **name == "direct" || self.only.iter().any(|only| only == **name);
        let contenders = order.iter().filter(wanted);
        let contenders: Vec<Contender> = contenders.map(|name| Contender::named(name)).collect();
        let halb = match &self.halb {
            Some(path) => path.clone(),
            None => beside_this("halb")?,
        };
        Ok(Plan {
            scenes: self.scenes(),
            programs: Programs {
                halb,
                haproxy: self.haproxy,
                nginx: self.nginx,
                core: self.proxy_core,
                forwarded: self.forwarded,
                full: self.full,
            },
            load_core: self.load_core,
            contenders,
            idle_connections: self.idle,
            idle_head_bytes: self.idle_head_bytes,
            head_bytes: self.head_bytes,
            rounds: self.rounds,
            warm_ms: (self.warm_seconds * 1000.0) as u64,
            measure_ms: (self.seconds * 1000.0) as u64,
            json: self.json,
        })
    }

    fn scenes(&self) -> Vec<Scene> {
        let mut kinds = Vec::new();
        if !self.no_keep_alive {
            kinds.push(Kind::Keep);
        }
        if self.new_connections {
            kinds.push(Kind::Fresh);
        }
        let mut scenes = Vec::new();
        for kind in kinds {
            for body_bytes in &self.bytes {
                let with = |connections: &usize| Scene {
                    part: Part::Requests,
                    kind,
                    connections: *connections,
                    body_bytes: *body_bytes,
                    offered: None,
                    allotment: None,
                };
                scenes.extend(self.connections.iter().map(with));
            }
        }
        scenes
    }
}

fn beside_this(name: &str) -> Result<PathBuf, Trouble> {
    let own = std::env::current_exe().during("finding this program")?;
    Ok(own.parent().unwrap_or(Path::new(".")).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &[&str]) -> Result<Plan, Trouble> {
        let words = ["halb-bench", "compare"].iter().chain(arguments);
        match CommandLine::parse_from(words).verb {
            Verb::Compare(options) => options.plan(),
            _ => Err(Trouble::new("another verb")),
        }
    }

    #[test]
    fn the_direct_run_always_takes_part_and_comes_first() {
        let plan = plan(&["--only", "nginx,halb", "--bytes", "128,65536"]).unwrap();
        let expected = [Contender::DIRECT, Contender::HALB, Contender::NGINX];
        assert_eq!(plan.contenders, expected);
        assert_eq!(plan.scenes.len(), 6);
        assert_eq!(plan.idle_connections, None);
    }

    #[test]
    fn modes_add_up() {
        let plan = plan(&["--no-keep-alive", "--new-connections", "--idle"]).unwrap();
        assert!(plan.scenes.iter().all(|scene| scene.kind == Kind::Fresh));
        assert_eq!(plan.idle_connections, Some(9000));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(plan(&["--load-core", "0"]).is_err());
        assert!(plan(&["--rounds", "0"]).is_err());
        assert!(plan(&["--connections", "64,6001"]).is_err());
        assert!(plan(&["--idle", "9501"]).is_err());
        assert!(plan(&["--seconds", "NaN"]).is_err());
    }
}
