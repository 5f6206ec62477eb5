//! The options of `halb-bench verify`.

use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;

use crate::allotment::Allotment;
use crate::compare::adapter::beside_this;
use crate::trouble::Trouble;
use crate::trouble::While;
use crate::verify::Plan;
use crate::verify::subject::Program;
use crate::verify::wanted::Wanted;

#[derive(Args)]
pub struct VerifyOptions {
    /// HALB's program; without it, the `halb` beside this program.
    #[arg(long)]
    halb: Option<PathBuf>,
    /// The core of load and origin; without it, the last one. The program may use all others.
    #[arg(long)]
    load_core: Option<usize>,
    /// Verify although the machine is busy or not fit for it; the record says so.
    #[arg(long)]
    even_if_busy: bool,
    /// Write everything here, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page with all of it here, too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// What is verified; the relay carries a trial of this verb itself.
    #[arg(long, hide = true, value_enum, default_value_t = ProgramName::Halb)]
    program: ProgramName,
    #[command(flatten)]
    amounts: Amounts,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProgramName {
    Halb,
    Relay,
}

/// Other amounts than HALB promises: for trials of this verb itself.
#[derive(Args)]
struct Amounts {
    #[arg(long, hide = true, default_value_t = 6000.0)]
    rate: f64,
    #[arg(long, hide = true, default_value_t = 15.0)]
    megabytes: f64,
    #[arg(long, hide = true, default_value_t = 2000)]
    outstanding: usize,
    #[arg(long, hide = true, default_value_t = 5000)]
    more_outstanding: usize,
    #[arg(long, hide = true, default_value_t = 2000)]
    delay_ms: u64,
    #[arg(long, hide = true, default_value_t = 40_000)]
    sessions: usize,
    #[arg(long, hide = true, default_value_t = 15_000)]
    moving: usize,
    #[arg(long, hide = true, default_value_t = 64)]
    idle_megabytes: u64,
    /// Length of each measurement.
    #[arg(long, hide = true, default_value_t = 10.0)]
    seconds: f64,
    /// Length of each transfer.
    #[arg(long, hide = true, default_value_t = 25)]
    transfer_seconds: u64,
}

impl VerifyOptions {
    /// What the options mean; impossible ones are refused here.
    pub fn plan(self) -> Result<Plan, Trouble> {
        let mut cores = halb::ring::thread::cores().during("asking which cores there are")?;
        let load_core = match self.load_core.or(cores.last().copied()) {
            Some(core) if cores.contains(&core) => core,
            _ => return Err(Trouble::new("this process may not use that core")),
        };
        cores.retain(|core| *core != load_core);
        if cores.is_empty() {
            return Err(Trouble::new(
                "there is one core only; the program and the load need one each",
            ));
        }
        let program = match self.program {
            ProgramName::Relay => Program::Relay,
            ProgramName::Halb => Program::Halb {
                path: self.halb.map_or_else(|| beside_this("halb"), Ok)?,
                workers: None,
            },
        };
        Ok(Plan {
            program,
            cores,
            load_core,
            wanted: self.amounts.wanted()?,
            even_if_busy: self.even_if_busy,
            json: self.json,
            html: self.html,
        })
    }
}

impl Amounts {
    fn wanted(&self) -> Result<Wanted, Trouble> {
        let amounts = [self.rate, self.megabytes];
        if amounts.iter().any(|amount| !(0.1..=1e6).contains(amount)) {
            return Err(Trouble::new("rates are from 0.1 to a million"));
        }
        if !(0.1..=60.0).contains(&self.seconds)
            || self.delay_ms > 60_000
            || self.transfer_seconds > 600
        {
            return Err(Trouble::new("a measurement has 0.1 to 60 seconds"));
        }
        if self.moving > self.sessions {
            return Err(Trouble::new("no more than all sessions can be in transfer"));
        }
        Ok(Wanted {
            small: Allotment {
                cpus: 0.4,
                memory_bytes: 96 << 20,
            },
            large: Allotment {
                cpus: 1.0,
                memory_bytes: 1 << 30,
            },
            tight: Allotment {
                cpus: 1.0,
                memory_bytes: 512 << 20,
            },
            rate: self.rate,
            megabytes: self.megabytes,
            outstanding: self.outstanding,
            more_outstanding: self.more_outstanding,
            delay_ms: self.delay_ms,
            sessions: self.sessions,
            moving: self.moving,
            idle_bytes: self.idle_megabytes << 20,
            transfer_s: self.transfer_seconds,
            measure_ms: (self.seconds * 1000.0) as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::CommandLine;
    use crate::cli::Verb;

    fn plan(arguments: &[&str]) -> Result<Plan, Trouble> {
        let words = ["halb-bench", "verify"].iter().chain(arguments);
        match CommandLine::parse_from(words).verb {
            Verb::Verify(options) => options.plan(),
            _ => Err(Trouble::new("another verb")),
        }
    }

    #[test]
    fn without_options_it_is_what_halb_promises() {
        let plan = plan(&["--halb", "/usr/bin/halb"]).unwrap();
        assert!(matches!(plan.program, Program::Halb { path, .. } if path.ends_with("halb")));
        assert!(!plan.cores.contains(&plan.load_core));
        let wanted = plan.wanted;
        assert_eq!(wanted.small.to_string(), "0.4 CPU, 96 MB");
        assert_eq!(wanted.large.to_string(), "1 CPU, 1 GB");
        assert_eq!((wanted.rate, wanted.megabytes), (6000.0, 15.0));
        assert_eq!((wanted.outstanding, wanted.delay_ms), (2000, 2000));
        assert_eq!((wanted.sessions, wanted.moving), (40_000, 15_000));
        assert_eq!(wanted.idle_bytes, 64 << 20);
        assert!(!plan.even_if_busy);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for arguments in [
            ["--load-core", "4000"],
            ["--rate", "NaN"],
            ["--seconds", "0"],
            ["--moving", "40001"],
        ] {
            assert!(plan(&arguments).is_err(), "{arguments:?}");
        }
    }
}
