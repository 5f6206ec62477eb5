//! What a service manager is told (`sd_notify(3)`), and the watchdog: it is fed only while every worker moves.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::process;
use std::time::Duration;

use nix::time::ClockId;
use nix::time::clock_gettime;
use tokio::time::sleep;

use crate::control::log;
use crate::control::shared::Shared;
use crate::plane::Order;
use crate::plane::Plane;

/// Of one process.
pub struct Notifier {
    /// `None`: nobody wants to know.
    to: Option<(UnixDatagram, SocketAddr)>,
    /// It is given up on after so long without a beat.
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As the one who started this program wants it.
    pub fn from_environment() -> Notifier {
        let number = |name| env::var(name).ok()?.parse::<u64>().ok();
        let watchdog = number("WATCHDOG_USEC").filter(|micros| *micros > 0);
        // Of a process that started this one, and left the variables as they were.
        let is_ours = number("WATCHDOG_PID").is_none_or(|id| id == u64::from(process::id()));
        let watchdog = watchdog.filter(|_| is_ours).map(Duration::from_micros);
        let socket = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        match socket.map(|name| Notifier::to(&name, watchdog)) {
            None => Notifier::nobody(),
            Some(Ok(notifier)) => notifier,
            Some(Err(error)) => {
                log::event("notify_failed", &[("cause", &error)]);
                Notifier::nobody()
            }
        }
    }

    /// Tells nobody.
    pub fn nobody() -> Notifier {
        Notifier {
            to: None,
            watchdog: None,
        }
    }

    /// Tells the socket called `name`.
    pub fn to(name: &OsStr, watchdog: Option<Duration>) -> io::Result<Notifier> {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read holds nobody up.
        socket.set_nonblocking(true)?;
        Ok(Notifier {
            to: Some((socket, address)),
            watchdog,
        })
    }

    /// It serves; after the start, and after each reload.
    pub fn ready(&self, status: &str) {
        self.say(&format!("READY=1\nSTATUS={}\n", one_line(status)));
    }

    /// A reload has begun. The time tells the manager whether it began after its order.
    pub fn reloading(&self) {
        if let Ok(time) = clock_gettime(ClockId::CLOCK_MONOTONIC) {
            let micros = time.tv_sec() * 1_000_000 + time.tv_nsec() / 1000;
            self.say(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\n"));
        }
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=finishing what was begun\n");
    }

    /// Feeds the watchdog for ever, or for as long as everything moves.
    pub async fn watch(&self, shared: &Shared) {
        let Some(watchdog) = self.watchdog else {
            return;
        };
        let mut pulse = Pulse::new(&shared.plane);
        loop {
            // Who sleeps makes a turn now. That this runs at all says that control moves.
            (0..shared.hub.workers()).for_each(|worker| shared.hub.wake(worker));
            sleep(watchdog / 2).await;
            match pulse.still() {
                None => self.say("WATCHDOG=1\n"),
                Some(worker) => {
                    let text = format!("worker {worker} makes no turns");
                    self.say(&format!("STATUS={text}\n"));
                    shared.journal.note("stuck", None, text);
                }
            }
        }
    }

    fn say(&self, text: &str) {
        if let Some((socket, address)) = &self.to
            && let Err(error) = socket.send_to_addr(text.as_bytes(), address)
        {
            log::event("notify_failed", &[("cause", &error)]);
        }
    }
}

/// A line of its own is a word of its own to the manager.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Whether the workers move.
struct Pulse<'a> {
    plane: &'a Plane,
    turns: Vec<u64>,
}

impl Pulse<'_> {
    fn new(plane: &Plane) -> Pulse<'_> {
        let turns = turns(plane);
        Pulse { plane, turns }
    }

    /// A worker that has made no turn since this was last asked. At the end they go one by one, and none is missed.
    fn still(&mut self) -> Option<usize> {
        let now = turns(self.plane);
        let before = std::mem::replace(&mut self.turns, now);
        if self.plane.order() != Order::Run {
            return None;
        }
        (0..before.len()).find(|worker| before[*worker] == self.turns[*worker])
    }
}

/// How many turns each worker has made.
pub fn turns(plane: &Plane) -> Vec<u64> {
    plane.pages().iter().map(|page| page.turns.get()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_worker_that_does_not_move_is_missed_until_the_end_begins() {
        let plane = Plane::new(2, 10);
        let mut pulse = Pulse::new(&plane);
        plane.page(0).turns.add(1);
        assert_eq!(pulse.still(), Some(1));
        plane.page(1).turns.add(3);
        assert_eq!(pulse.still(), Some(0));
        (0..2).for_each(|worker| plane.page(worker).turns.add(1));
        assert_eq!(pulse.still(), None);
        assert_eq!(pulse.still(), Some(0), "each time anew");
        plane.set_order(Order::Finish);
        assert_eq!(pulse.still(), None);
    }

    #[test]
    fn what_is_said_arrives_by_both_kinds_of_names() {
        let name = format!("halb-notify-{}", process::id());
        let path = env::temp_dir().join(&name);
        let hidden = SocketAddr::from_abstract_name(&name).unwrap();
        let sockets = [
            (
                UnixDatagram::bind(&path).unwrap(),
                path.clone().into_os_string(),
            ),
            (
                UnixDatagram::bind_addr(&hidden).unwrap(),
                format!("@{name}").into(),
            ),
        ];
        for (socket, name) in sockets {
            let notifier = Notifier::to(&name, None).unwrap();
            notifier.ready("one\ntwo");
            notifier.stopping();
            let mut bytes = [0; 200];
            let count = socket.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..count], b"READY=1\nSTATUS=one two\n");
            let count = socket.recv(&mut bytes).unwrap();
            assert!(bytes[..count].starts_with(b"STOPPING=1\n"));
        }
        fs::remove_file(path).unwrap();
        Notifier::nobody().reloading();
    }
}
