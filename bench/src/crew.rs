//! The stations that make the load: starts them, shares an order among them, and adds up what came of it.

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
use crate::process::Place;
use crate::process::Running;
use crate::station::order::Gate;
use crate::station::order::Order;
use crate::station::order::Outcome;
use crate::station::order::Said;
use crate::station::order::Told;
use crate::trouble::Trouble;
use crate::trouble::While;

/// What a run may take beyond its own times: opening, draining, and a phase of idle connections.
const PATIENCE: Duration = Duration::from_secs(240);

/// What came of an order.
pub enum Reply {
    Done(Outcome),
    Interrupted,
}

/// The stations' processes and the lines to them. The first one's origin is everybody's.
pub struct Crew {
    running: Running,
    line: BufReader<UnixStream>,
    /// Where its origin listens.
    pub origin: SocketAddr,
}

impl Crew {
    /// Starts `count` stations on `core`. One is the cheapest, as no two then wake each other; each further one
    /// brings the descriptors of one more process.
    pub fn start(
        core: usize,
        count: usize,
        folder: &Path,
        interrupt: &Interrupt,
    ) -> Result<Crew, Trouble> {
        assert_eq!(count, 1, "several stations are not there yet");
        let (ours, theirs) = UnixStream::pair().during("opening a line to the station")?;
        let own = std::env::current_exe().during("finding this program")?;
        let stdin = Stdio::from(OwnedFd::from(theirs));
        let arguments = ["station".to_owned()];
        let running = Running::start(
            "station",
            Place::on(&[core]),
            &own,
            &arguments,
            stdin,
            folder,
        )?;
        let mut crew = Crew {
            running,
            line: BufReader::new(ours),
            origin: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        match crew.hear(interrupt, Duration::from_secs(10))? {
            Some(Said::Hello(hello)) => crew.origin = hello.origin,
            Some(_) => return Err(Trouble::new("a station does not greet")),
            None => return Err(Trouble::new("interrupted")),
        }
        Ok(crew)
    }

    /// One run, to its end. `order` is for all stations together; `at_gate` is called when all have reached a gate,
    /// before they may pass it.
    pub fn order(
        &mut self,
        order: &Order,
        at_gate: &mut dyn FnMut(Gate) -> Result<(), Trouble>,
        interrupt: &Interrupt,
    ) -> Result<Reply, Trouble> {
        self.tell(&Told::Order(order.clone()))?;
        let own = Duration::from_millis(order.warm_ms + order.measure_ms);
        loop {
            match self.hear(interrupt, own + PATIENCE)? {
                None => return Ok(Reply::Interrupted),
                Some(Said::Done(outcome)) => return Ok(Reply::Done(outcome)),
                Some(Said::Reached(gate)) => {
                    at_gate(gate)?;
                    self.tell(&Told::Pass)?;
                }
                Some(Said::Hello(_)) => return Err(Trouble::new("a station greets again")),
            }
        }
    }

    fn tell(&mut self, told: &Told) -> Result<(), Trouble> {
        let mut text = serde_json::to_vec(told).during("writing to a station")?;
        text.push(b'\n');
        let mut line = self.line.get_ref();
        line.write_all(&text).during("telling a station")
    }

    /// The next line; `None` when a signal came first.
    fn hear(&mut self, interrupt: &Interrupt, patience: Duration) -> Result<Option<Said>, Trouble> {
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
        let said = serde_json::from_str(&line).during("understanding the station")?;
        Ok(Some(said))
    }
}
