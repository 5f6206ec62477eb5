//! The options of `halb-bench compare`.

use std::path::PathBuf;

use clap::Args;

use crate::compare::Plan;
use crate::compare::adapter;
use crate::compare::adapter::Adapter;
use crate::compare::contender::Cast;
use crate::compare::stages::HELD_CONNECTIONS_MAX;
use crate::compare::stages::LOAD_CONNECTIONS_MAX;
use crate::compare::stages::Wanted;
use crate::record::contender::Contender;
use crate::record::run::Part;
use crate::trouble::Trouble;

#[derive(Args)]
pub struct CompareOptions {
    /// What to measure.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "requests,growth,bodies,fresh,rates,quota,memory"
    )]
    parts: Vec<Part>,
    /// Who takes part, besides the direct run; without it, everybody known.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// A contender of your own: a folder with an `adapter.toml`.
    #[arg(long, value_name = "FOLDER")]
    peer: Vec<PathBuf>,
    #[command(flatten)]
    sizes: Sizes,
    #[command(flatten)]
    job: Job,
    #[command(flatten)]
    programs: Programs,
    #[command(flatten)]
    times: Times,
    #[arg(long, default_value_t = 0)]
    proxy_core: usize,
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// Write everything here, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// How much of each part; `--quick` changes what is not given.
#[derive(Args)]
struct Sizes {
    /// Part requests: kept-alive connections, each number a table.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    connections: Option<Vec<usize>>,
    /// Part requests: sizes of bodies, each a table.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "128")]
    bytes: Vec<u64>,
    /// Part growth: kept-alive connections.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    growth: Option<Vec<usize>>,
    /// Part bodies: their sizes.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    bodies: Option<Vec<u64>>,
    /// Part fresh: connections at a time.
    #[arg(long, value_name = "N", default_value_t = 64)]
    fresh_connections: usize,
    /// Part rates: what is offered, as parts of the most that HAProxy carries.
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    rates: Option<Vec<f64>>,
    /// Part memory: idle connections; 0: not measured.
    #[arg(long, value_name = "N")]
    idle: Option<usize>,
    /// Part memory: connections with a response under way; 0: not measured.
    #[arg(long, value_name = "N")]
    active: Option<usize>,
}

/// What everybody does.
#[derive(Args)]
struct Job {
    /// Length of a request's head.
    #[arg(long, default_value_t = 200)]
    head_bytes: usize,
    /// Part memory: length of a request's head.
    #[arg(long, default_value_t = 600)]
    idle_head_bytes: usize,
    /// Everybody adds X-Forwarded-For, -Proto and -Host.
    #[arg(long)]
    forwarded: bool,
    /// Everybody writes an access log, and has its page of statistics on where there is one.
    #[arg(long)]
    full: bool,
}

/// Other builds.
#[derive(Args)]
struct Programs {
    /// Another build of anybody; may come several times.
    #[arg(long, value_name = "NAME=PATH", value_parser = name_and_path)]
    program: Vec<(String, PathBuf)>,
    /// HALB's program; without it, the `halb` beside this program.
    #[arg(long, value_name = "PATH")]
    halb: Option<PathBuf>,
    #[arg(long, value_name = "PATH")]
    haproxy: Option<PathBuf>,
    #[arg(long, value_name = "PATH")]
    nginx: Option<PathBuf>,
}

/// How often and how long.
#[derive(Args)]
struct Times {
    /// Parts with many scenes take half as many.
    #[arg(long)]
    rounds: Option<usize>,
    /// Length of each measurement; the unit of /proc/stat makes less than 1 a guess.
    #[arg(long)]
    seconds: Option<f64>,
    /// Load before each measurement, not counted.
    #[arg(long, default_value_t = 0.5)]
    warm_seconds: f64,
    /// Few rounds, short ones, fewer scenes: to see that it runs, not to claim anything.
    #[arg(long)]
    quick: bool,
    /// Measure also what would be worth nothing: on a busy machine, with a wrong governor, a debug build. The record
    /// says so.
    #[arg(long)]
    even_if_busy: bool,
}

/// What is measured when nobody says otherwise.
struct Defaults {
    connections: &'static [usize],
    growth: &'static [usize],
    bodies: &'static [u64],
    rates: &'static [f64],
    idle: usize,
    active: usize,
    rounds: usize,
    seconds: f64,
}

const WHOLE: Defaults = Defaults {
    connections: &[16, 64, 256],
    growth: &[64, 256, 1024, 4096, 10_000],
    bodies: &[64 << 10, 1 << 20, 1 << 30],
    rates: &[0.25, 0.5, 0.75, 1.0, 1.25, 1.5],
    idle: 9000,
    active: 5000,
    rounds: 5,
    seconds: 3.0,
};

const QUICK: Defaults = Defaults {
    connections: &[64],
    growth: &[64, 4096],
    bodies: &[1 << 20],
    rates: &[0.5, 1.0],
    idle: 2000,
    active: 0,
    rounds: 2,
    seconds: 1.0,
};

impl CompareOptions {
    /// What the options mean; impossible ones are refused here.
    pub fn plan(self) -> Result<Plan, Trouble> {
        if self.proxy_core == self.load_core {
            return Err(Trouble::new("proxy and generator need a core each"));
        }
        let quick = self.times.quick;
        let defaults = if quick { QUICK } else { WHOLE };
        let wanted = self.wanted(&defaults)?;
        if !(0.0..=60.0).contains(&self.times.warm_seconds) {
            return Err(Trouble::new("a warm-up has 0 to 60 seconds"));
        }
        Ok(Plan {
            stages: wanted.stages(),
            idle_head_bytes: self.job.idle_head_bytes,
            head_bytes: self.job.head_bytes,
            warm_ms: (self.times.warm_seconds * 1000.0) as u64,
            quick,
            even_if_busy: self.times.even_if_busy,
            load_core: self.load_core,
            cast: Cast {
                adapters: self.programs.replace(chosen(&self.peer, &self.only)?)?,
                core: self.proxy_core,
                forwarded: self.job.forwarded,
                full: self.job.full,
            },
            json: self.json,
        })
    }

    fn wanted(&self, defaults: &Defaults) -> Result<Wanted, Trouble> {
        let sizes = &self.sizes;
        let seconds = self.times.seconds.unwrap_or(defaults.seconds);
        let rounds = self.times.rounds.unwrap_or(defaults.rounds);
        if rounds == 0 || !(0.1..=600.0).contains(&seconds) {
            return Err(Trouble::new("at least one round, of 0.1 to 600 seconds"));
        }
        let or = |given: &Option<Vec<usize>>, default: &[usize]| {
            given.clone().unwrap_or_else(|| default.to_vec())
        };
        let wanted = Wanted {
            parts: self.parts.clone(),
            requests: or(&sizes.connections, defaults.connections),
            request_bytes: sizes.bytes.clone(),
            growth: or(&sizes.growth, defaults.growth),
            bodies: sizes
                .bodies
                .clone()
                .unwrap_or_else(|| defaults.bodies.to_vec()),
            fresh: sizes.fresh_connections,
            rates: sizes
                .rates
                .clone()
                .unwrap_or_else(|| defaults.rates.to_vec()),
            idle: sizes.idle.unwrap_or(defaults.idle),
            active: sizes.active.unwrap_or(defaults.active),
            rounds,
            measure_ms: (seconds * 1000.0) as u64,
        };
        check(&wanted)?;
        Ok(wanted)
    }
}

impl Programs {
    /// Puts other builds in the places of those that were found.
    fn replace(&self, mut adapters: Vec<Adapter>) -> Result<Vec<Adapter>, Trouble> {
        let short = [
            (Contender::HALB, &self.halb),
            (Contender::HAPROXY, &self.haproxy),
            (Contender::NGINX, &self.nginx),
        ];
        for (contender, path) in short {
            let found = adapters.iter_mut().find(|one| one.contender == contender);
            if let (Some(path), Some(adapter)) = (path, found) {
                adapter.program.clone_from(path);
            }
        }
        for (name, path) in &self.program {
            let found = adapters.iter_mut().find(|one| one.contender.name() == name);
            let missing = || Trouble::new(format!("--program: {name} does not take part"));
            found.ok_or_else(missing)?.program.clone_from(path);
        }
        Ok(adapters)
    }
}

/// Everybody who is known, or only those that are named.
fn chosen(peers: &[PathBuf], only: &[String]) -> Result<Vec<Adapter>, Trouble> {
    let mut adapters = adapter::built_in()?;
    for folder in peers {
        let peer = adapter::from_folder(folder)?;
        if adapters
            .iter()
            .any(|known| known.contender == peer.contender)
        {
            return Err(Trouble::new(format!(
                "there are two contenders {}",
                peer.contender
            )));
        }
        adapters.push(peer);
    }
    let known = |name: &&String| adapters.iter().any(|one| one.contender.name() == **name);
    if let Some(unknown) = only.iter().find(|name| !known(name)) {
        let names: Vec<&str> = adapters.iter().map(|one| one.contender.name()).collect();
        let names = names.join(", ");
        return Err(Trouble::new(format!(
            "--only: there is no {unknown}, but {names}"
        )));
    }
    if !only.is_empty() {
        adapters.retain(|one| only.iter().any(|name| name == one.contender.name()));
    }
    Ok(adapters)
}

fn check(wanted: &Wanted) -> Result<(), Trouble> {
    let loads = wanted
        .requests
        .iter()
        .chain(&wanted.growth)
        .chain([&wanted.fresh]);
    let (mut loads, held) = (loads.copied(), wanted.idle.max(wanted.active));
    let possible = loads.all(|connections| (1..=LOAD_CONNECTIONS_MAX).contains(&connections));
    if !possible || held > HELD_CONNECTIONS_MAX {
        return Err(Trouble::new(format!(
            "at least one connection and at most {LOAD_CONNECTIONS_MAX}, {HELD_CONNECTIONS_MAX} held ones"
        )));
    }
    if !wanted.rates.iter().all(|rate| (0.01..=10.0).contains(rate)) {
        return Err(Trouble::new(
            "rates are 0.01 to 10 times the most that HAProxy carries",
        ));
    }
    Ok(())
}

fn name_and_path(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("it reads NAME=PATH")?;
    Ok((name.to_owned(), PathBuf::from(path)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;
    use crate::cli::CommandLine;
    use crate::cli::Verb;
    use crate::compare::stages::Work;

    fn plan(arguments: &[&str]) -> Result<Plan, Trouble> {
        let words = ["halb-bench", "compare"].iter().chain(arguments);
        match CommandLine::parse_from(words).verb {
            Verb::Compare(options) => options.plan(),
            _ => Err(Trouble::new("another verb")),
        }
    }

    fn names(plan: &Plan) -> Vec<&str> {
        let adapters = plan.cast.adapters.iter();
        adapters.map(|one| one.contender.name()).collect()
    }

    #[test]
    fn everything_is_measured_unless_less_is_asked_for() {
        let whole = plan(&[]).unwrap();
        assert_eq!(names(&whole), ["relay", "halb", "haproxy", "nginx"]);
        let mut parts: Vec<Part> = whole.stages.iter().map(|stage| stage.part).collect();
        parts.dedup();
        assert_eq!(parts.len(), 7);
        assert!(
            whole
                .stages
                .iter()
                .any(|stage| stage.connections() == 10_000)
        );
        let minutes = whole
            .stages
            .iter()
            .map(|stage| stage.time(4, whole.warm_ms).as_secs())
            .sum::<u64>()
            / 60;
        assert!(minutes <= 30, "{minutes} minutes");
        let quick = plan(&["--quick", "--growth", "16"]).unwrap();
        assert!(quick.quick && quick.stages.iter().all(|stage| stage.rounds <= 2));
        assert!(quick.stages.iter().all(|stage| stage.connections() < 4096));
    }

    #[test]
    fn parts_and_their_sizes_are_chosen() {
        let plan = plan(&[
            "--parts",
            "requests,memory",
            "--bytes",
            "128,65536",
            "--active",
            "0",
        ]);
        let plan = plan.unwrap();
        let [requests, memory] = &plan.stages[..] else {
            unreachable!("two parts");
        };
        let Work::Loads(scenes) = &requests.work else {
            unreachable!("a load");
        };
        assert_eq!(scenes.len(), 6);
        assert_eq!(memory.connections(), 9000);
    }

    #[test]
    fn contenders_are_chosen_and_replaced_by_name() {
        let peer = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/example");
        let all = ["--only", "nginx,second-relay,halb", "--peer", peer];
        let plan_of = |more: &[&str]| plan(&[&all[..], more].concat());
        let plan = plan_of(&[
            "--nginx",
            "/other/nginx",
            "--program",
            "second-relay=/other/relay",
        ]);
        let plan = plan.unwrap();
        assert_eq!(names(&plan), ["halb", "nginx", "second-relay"]);
        let paths: Vec<&Path> = plan.cast.adapters[1..]
            .iter()
            .map(|one| one.program.as_path())
            .collect();
        assert_eq!(
            paths,
            [Path::new("/other/nginx"), Path::new("/other/relay")]
        );
        assert!(plan_of(&["--peer", peer]).is_err());
        assert!(plan_of(&["--program", "haproxy=/other"]).is_err());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for impossible in [
            ["--load-core", "0"],
            ["--rounds", "0"],
            ["--connections", "64,12001"],
            ["--growth", "0"],
            ["--idle", "9501"],
            ["--seconds", "NaN"],
            ["--warm-seconds", "-1"],
            ["--rates", "0"],
            ["--only", "relay,somebody"],
            ["--peer", "/nowhere"],
        ] {
            let arguments = [impossible[0].to_owned() + "=" + impossible[1]];
            assert!(
                plan(&arguments.each_ref().map(String::as_str)).is_err(),
                "{impossible:?}"
            );
        }
    }
}
