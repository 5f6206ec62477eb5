//! `halb demo`: the backends, a balancer in front of them, and an invitation.
#![expect(clippy::print_stdout, reason = "it talks to the person who started it")]

use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use nix::errno::Errno;

use crate::daemon::demo::DemoBackends;
use crate::daemon::run;
use crate::daemon::run::Reading;
use crate::daemon::run::StartError;
use crate::daemon::run::Started;
use crate::daemon::workers::WorkersError;
use crate::model::load;
use crate::model::load::Sources;

const BACKENDS: usize = 4;
/// What a reload of it says.
const NO_FILE: &str = "a demo has no configuration file";
/// Easy to type; another port when it is taken.
const FRONT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);

/// The verb: serves until a signal ends it.
pub fn verb() -> ExitCode {
    run::conclude(demo())
}

fn demo() -> Result<(), StartError> {
    let backends = Arc::new(DemoBackends::start(BACKENDS).map_err(StartError::Other)?);
    let started = match balancer(&backends, FRONT) {
        Err(StartError::Workers(WorkersError::Listen(_, Errno::EADDRINUSE))) => {
            balancer(&backends, SocketAddr::new(FRONT.ip(), 0))?
        }
        started => started?,
    };
    if let Some(front) = started.workers.addresses().first() {
        println!("{}", backends.invitation(*front, started.terminals.ui));
    }
    let ordered = Arc::clone(&backends);
    let keyboard = thread::Builder::new().name("demo-keyboard".to_owned());
    keyboard
        .spawn(move || ordered.obey(io::stdin().lock(), io::stdout()))
        .map_err(StartError::Other)?;
    run::serve(started)
}

/// A balancer configured as a user would: by the properties' names.
fn balancer(backends: &DemoBackends, front: SocketAddr) -> Result<Started, StartError> {
    let outputs = (1..).zip(&backends.addresses);
    let outputs = outputs.map(|(number, address)| (format!("out{number}"), address.to_string()));
    let front = ("in".to_owned(), front.to_string());
    let sets: Vec<(String, String)> = std::iter::once(front).chain(outputs).collect();
    let sources = Sources {
        file: None,
        environment: &[],
        sets: &sets,
        node: None,
        host_name: None,
        read: &|_path| Ok(Vec::new()),
    };
    match load::load(&sources) {
        Ok(mut loaded) => {
            // Beside a HALB that runs here: any ports for ctl and ui, and nothing kept.
            loaded.config.ctl_port = 0;
            loaded.config.ui_port = 0;
            run::start(
                &loaded.config,
                None,
                Reading {
                    source: Arc::new(|| Err(vec![NO_FILE.to_owned()])),
                    file: PathBuf::new(),
                    text: Vec::new(),
                    trial: Arc::new(|_| Err(vec![NO_FILE.to_owned()])),
                },
            )
        }
        Err(refused) => {
            let said: Vec<String> = refused.mistakes.iter().map(|m| m.message.clone()).collect();
            Err(StartError::Other(io::Error::other(said.join("; "))))
        }
    }
}
