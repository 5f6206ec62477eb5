//! The harness' end of the line to the station: starts it, orders runs, waits for what came of them.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::interrupt::Interrupt;
use crate::interrupt::Woken;
use crate::process::Deadline;
use crate::process::Running;
use crate::station::order::Hello;
use crate::station::order::Order;
use crate::station::order::Outcome;
use crate::trouble::Trouble;
use crate::trouble::While;

/// What a run may take beyond its own times: opening, draining, and a phase of idle connections.
const PATIENCE: Duration = Duration::from_secs(240);

/// What came of an order.
pub enum Reply {
    Done(Outcome),
    Interrupted,
}

/// The station's process and the line to it.
pub struct Conductor {
    running: Running,
    line: BufReader<UnixStream>,
    /// Where its origin listens.
    pub origin: SocketAddr,
}

impl Conductor {
    /// Starts the station on `core`.
    pub fn start(core: usize, folder: &Path, interrupt: &Interrupt) -> Result<Conductor, Trouble> {
        let (ours, theirs) = UnixStream::pair().during("opening a line to the station")?;
        let own = std::env::current_exe().during("finding this program")?;
        let stdin = Stdio::from(OwnedFd::from(theirs));
        let arguments = ["station".to_owned()];
        let running = Running::start("station", core, &own, &arguments, stdin, folder)?;
        let mut conductor = Conductor {
            running,
            line: BufReader::new(ours),
            origin: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let hello = conductor.hear(interrupt, Duration::from_secs(10))?;
        let hello = hello.ok_or_else(|| Trouble::new("interrupted"))?;
        let hello: Hello = serde_json::from_str(&hello).during("greeting the station")?;
        conductor.origin = hello.origin;
        Ok(conductor)
    }

    /// One run, to its end.
    pub fn order(&mut self, order: &Order, interrupt: &Interrupt) -> Result<Reply, Trouble> {
        let mut text = serde_json::to_vec(order).during("writing an order")?;
        text.push(b'\n');
        self.line
            .get_ref()
            .write_all(&text)
            .during("ordering a run")?;
        let own = Duration::from_millis(order.warm_ms + order.measure_ms);
        let Some(answer) = self.hear(interrupt, own + PATIENCE)? else {
            return Ok(Reply::Interrupted);
        };
        let outcome = serde_json::from_str(&answer).during("understanding the station")?;
        Ok(Reply::Done(outcome))
    }

    /// The next line; `None` when a signal came first.
    fn hear(
        &mut self,
        interrupt: &Interrupt,
        patience: Duration,
    ) -> Result<Option<String>, Trouble> {
        let deadline = Deadline::after(patience);
        match interrupt.wait(self.line.get_ref().as_fd(), &deadline)? {
            Woken::Interrupted => return Ok(None),
            Woken::Late => return Err(Trouble::new("the station does not answer")),
            Woken::Readable => {}
        }
        let mut line = String::new();
        let count = self
            .line
            .read_line(&mut line)
            .during("hearing the station")?;
        if count == 0 {
            self.running.check()?;
            return Err(Trouble::new("the station hung up"));
        }
        Ok(Some(line))
    }
}
