//! The command line.

use std::time::Duration;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap_complete::Shell;

use crate::model::output::OutputId;

/// Where the configuration is when nobody says so.
pub const DEFAULT_FILE: &str = "/etc/halb/halb.toml";

/// Looks of `halb top`: more often than this nobody can read.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
const INTERVAL_MAX: Duration = Duration::from_secs(3600);

/// HTTP load balancer with its own hot standby.
///
/// Exit codes: 0 done, 1 configuration or start, 2 usage.
#[derive(Parser, Debug)]
#[command(name = "halb", version)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,

    #[command(flatten)]
    options: Options,

    /// Check the configuration and start nothing, as `halb check`
    #[arg(short = 'c', global = true)]
    check: bool,
}

/// What to do.
#[derive(Subcommand, Clone, Debug)]
pub enum Verb {
    /// Serve, in the foreground (what `halb` alone does)
    Run,
    /// Check the configuration, listing every mistake, and start nothing
    Check,
    /// Print the effective configuration with the origin of each value
    Config {
        /// Print what every property means instead, in Markdown
        #[arg(long)]
        reference: bool,
    },
    /// Serve four small built-in backends: the one-command first run
    Demo,
    /// Let the running HALB read its configuration again; it takes all of it into force, or says why nothing
    Reload,
    /// Ask the running HALB, or give it orders
    #[command(subcommand)]
    Ctl(Ask),
    /// Ask the servers of the domain, or give them orders
    #[command(subcommand)]
    Domain(DomainVerb),
    /// Watch the running HALB in the terminal, and enable, drain and disable its outputs
    Top {
        /// Seconds between two looks
        #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
        interval: Duration,
        /// Print one frame and leave; so it is also where stdout is no terminal
        #[arg(long)]
        once: bool,
    },
    /// Hold the virtual addresses; HALB starts it by itself
    #[command(hide = true)]
    Warden {
        /// Be the one that holds them, not the one that starts it
        #[arg(long)]
        alone: bool,
    },
    /// Print the completions of a shell
    Completions { shell: Shell },
    /// Print the manual page
    Man,
}

/// What to ask the running HALB. Its address, port and token are those of the same configuration.
#[derive(Subcommand, Clone, Debug)]
pub enum Ask {
    /// How the outputs stand, and how busy they are
    Status,
    /// Let an output have traffic
    Enable {
        #[arg(value_parser = output)]
        output: OutputId,
    },
    /// Take an output out: nobody new; what is under way finishes
    Disable {
        #[arg(value_parser = output)]
        output: OutputId,
    },
    /// Leave an output to the clients that are tied to it
    Drain {
        #[arg(value_parser = output)]
        output: OutputId,
        /// Return when no session is active there
        #[arg(long)]
        wait: bool,
    },
}

/// What to ask the domain. `--node NODE` asks that server instead of this one.
#[derive(Subcommand, Clone, Debug)]
pub enum DomainVerb {
    /// Which server is what, who serves, and whether the domain file is the same everywhere
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Let the standby that is asked take over: a planned switch
    Activate {
        /// Call the switch off if something is still under way after switch_grace, instead of cutting it
        #[arg(long)]
        no_cut: bool,
    },
    /// Take a server out of all events of the domain, or back in; a change of the domain file
    Maintenance {
        #[arg(value_parser = on_or_off, action = clap::ArgAction::Set, value_name = "on|off")]
        on: bool,
        /// Which one [default: the one that is asked]
        server: Option<String>,
        /// Also where nobody can take over, so that the service is lost
        #[arg(long)]
        force: bool,
    },
    /// Say that something is wrong with this server: the standby takes over
    ReportFailure {
        /// What is wrong, for the log
        text: String,
    },
    /// What was wrong is repaired, and files that were kept beside the domain file have been seen
    Ack,
    /// Bring what is in the domain file here into force on all servers
    Apply {
        /// Also where it would harm this server
        #[arg(long)]
        yes: bool,
    },
    /// Make a domain key, which all servers of a domain need
    Keygen {
        /// Where to [default: domain.key_file of the configuration, else /etc/halb/domain.key]
        // Not by the name of its field, which is that of -f.
        #[arg(id = "key", value_name = "FILE")]
        file: Option<String>,
    },
    /// What the domain file says otherwise on the other servers, or on that of `--node` alone
    Diff,
}

/// What says how the configuration is made.
#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// Configuration file [default: /etc/halb/halb.toml]
    #[arg(short = 'f', value_name = "FILE", global = true)]
    pub file: Option<String>,

    /// Give a property; stands above the environment and the file
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting, global = true)]
    pub sets: Vec<(String, String)>,

    /// Which server of the domain this one is; with `halb domain`: which one is asked
    #[arg(long, value_name = "NODE", global = true)]
    pub node: Option<String>,
}

impl Arguments {
    /// The verb; `-c` makes a check of what would have run.
    pub fn verb(&self) -> Verb {
        match &self.verb {
            None | Some(Verb::Run) if self.check => Verb::Check,
            None => Verb::Run,
            Some(verb) => verb.clone(),
        }
    }

    pub fn options(&self) -> Options {
        self.options.clone()
    }
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("write on or off".to_owned()),
    }
}

fn output(text: &str) -> Result<OutputId, String> {
    OutputId::from_name(text).ok_or_else(|| "write out1 to out64".to_owned())
}

fn interval(text: &str) -> Result<Duration, String> {
    let length = text
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    length
        .filter(|length| (INTERVAL_MIN..=INTERVAL_MAX).contains(length))
        .ok_or_else(|| "write a number of seconds between 0.1 and 3600".to_owned())
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}
