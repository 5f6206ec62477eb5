//! What control has of the pair thread: orders go in, what has happened comes out, and how it stands can be looked at
//! any time. Neither side waits for the other.

use std::fmt;
use std::io;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::TrySendError;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;

use crate::pair::action::Note;
use crate::pair::action::Outcome;
use crate::pair::event::Event;
use crate::pair::event::Order;
pub use crate::pair::standing::Peer;
pub use crate::pair::standing::Standing;
use crate::plane::board::Board;
use crate::standby::domain::Setting;

/// Orders that wait for the pair thread, which takes them within microseconds.
const GIVEN_MOST: usize = 64;
/// What waits for control, which may stall for seconds: more than happens to a pair in a minute of unrest.
const TOLD_MOST: usize = 256;
/// Changes of the domain file come one at a time.
const SETTINGS_MOST: usize = 2;

/// What the pair thread tells control.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    Note(Note),
    /// To the order with that number.
    Answer(u32, Outcome),
    /// The process may end.
    Leave,
    /// A sentence for the log, of the warden or of a link.
    Trouble(String),
}

/// What control gives the pair thread: only `Crashed`, `Readiness`, `Domain` and `Order` make sense from there.
pub struct Given {
    /// Of an order, so that its answer is known.
    pub number: u32,
    pub event: Event,
}

/// Why the pair thread did not get something. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unheard {
    /// More is waiting for it than it ever lets wait: it hangs.
    Full,
    /// It has ended.
    Gone,
}

impl fmt::Display for Unheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unheard::Full => "the pair thread takes nothing any more",
            Unheard::Gone => "the pair thread has ended",
        })
    }
}

/// Control's side. One for a process.
pub struct Handle {
    given: SyncSender<Given>,
    settings: SyncSender<Box<Setting>>,
    told: Mutex<Receiver<Told>>,
    /// Readable when something was told.
    heard: UnixStream,
    common: Arc<Common>,
    numbers: AtomicU32,
}

/// The pair thread's side.
pub struct Inside {
    pub(super) given: Receiver<Given>,
    pub(super) settings: Receiver<Box<Setting>>,
    told: SyncSender<Told>,
    cord: UnixStream,
    common: Arc<Common>,
}

struct Common {
    standing: Board<Option<Standing>>,
    /// Wakes the pair thread.
    wake: EventFd,
    /// Told that control never heard.
    lost: AtomicU64,
    /// Written once the process may end.
    leave: EventFd,
    /// Written when the pair thread is to end.
    stop: EventFd,
}

/// Both sides.
pub fn sides() -> io::Result<(Handle, Inside)> {
    let (given, orders) = sync_channel(GIVEN_MOST);
    let (settings, news) = sync_channel(SETTINGS_MOST);
    let (told, answers) = sync_channel(TOLD_MOST);
    let (cord, heard) = UnixStream::pair()?;
    cord.set_nonblocking(true)?;
    heard.set_nonblocking(true)?;
    let common = Arc::new(Common {
        standing: Board::new(None),
        wake: event()?,
        lost: AtomicU64::new(0),
        leave: event()?,
        stop: event()?,
    });
    let handle = Handle {
        given,
        settings,
        told: Mutex::new(answers),
        heard,
        common: Arc::clone(&common),
        numbers: AtomicU32::new(0),
    };
    let inside = Inside {
        given: orders,
        settings: news,
        told,
        cord,
        common,
    };
    Ok((handle, inside))
}

impl Handle {
    /// A number that no other order of this process has.
    pub fn number(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// Never waits.
    pub fn give(&self, given: Given) -> Result<(), Unheard> {
        self.given.try_send(given).map_err(unheard)?;
        ring(&self.common.wake);
        Ok(())
    }

    /// The same with something that has no answer.
    pub fn report(&self, event: Event) -> Result<(), Unheard> {
        self.give(Given { number: 0, event })
    }

    /// An order, whose answer carries the number that this returns.
    pub fn order(&self, order: Order) -> Result<u32, Unheard> {
        let number = self.number();
        let event = Event::Order(order);
        self.give(Given { number, event })?;
        Ok(number)
    }

    /// The domain file says otherwise now: for the machine, the links and the warden.
    pub fn set(&self, setting: Box<Setting>) -> Result<(), Unheard> {
        self.settings.try_send(setting).map_err(unheard)?;
        ring(&self.common.wake);
        Ok(())
    }

    /// How the pair stands, or stood 50 ms ago at most; `None` before the pair thread has said so.
    pub fn standing(&self) -> Option<Standing> {
        self.common.standing.read()
    }

    /// The next thing that was told. To be asked until there is none, by one task alone.
    pub fn take(&self) -> Option<Told> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.try_recv().ok()
    }

    /// A descriptor to wait at: readable once something was told, until it has been read.
    pub fn bell(&self) -> io::Result<UnixStream> {
        self.heard.try_clone()
    }

    /// What was told and nobody took in time.
    pub fn lost(&self) -> u64 {
        self.common.lost.load(Ordering::Relaxed)
    }

    /// Waits, for so long at most, until the process may end. Without control, which may stall.
    pub fn await_leave(&self, patience: Duration) -> bool {
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.common.leave.as_fd(), PollFlags::POLLIN)];
        matches!(poll(&mut fds, timeout), Ok(1))
    }

    /// The pair thread ends, and lets go of the addresses.
    pub fn stop(&self) {
        ring(&self.common.stop);
    }
}

impl Inside {
    /// Never waits: what control does not take is counted as lost.
    pub fn tell(&self, told: Told) {
        if told == Told::Leave {
            ring(&self.common.leave);
        }
        if self.told.try_send(told).is_err() {
            self.common.lost.fetch_add(1, Ordering::Relaxed);
        }
        // A full bell is heard, too; with nobody there nobody is missed.
        let _ = (&self.cord).write(b"!");
    }

    /// The next thing that control has given.
    #[cfg(test)]
    pub fn given(&self) -> Option<Given> {
        self.given.try_recv().ok()
    }

    /// The next change of the domain file.
    #[cfg(test)]
    pub fn setting(&self) -> Option<Box<Setting>> {
        self.settings.try_recv().ok()
    }

    /// From now on this is to be seen; unless readers are in the way, then the next one is.
    pub(super) fn show(&self, standing: Standing) {
        let _seen_later = self.common.standing.put(Some(standing));
    }

    /// Readable when something was given.
    pub(super) fn wake(&self) -> &EventFd {
        &self.common.wake
    }

    /// Readable when the pair thread is to end.
    pub(super) fn stop(&self) -> &EventFd {
        &self.common.stop
    }
}

fn unheard<T>(error: TrySendError<T>) -> Unheard {
    match error {
        TrySendError::Full(_) => Unheard::Full,
        TrySendError::Disconnected(_) => Unheard::Gone,
    }
}

fn event() -> io::Result<EventFd> {
    let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
    Ok(EventFd::from_value_and_flags(0, flags)?)
}

fn ring(bell: &EventFd) {
    match bell.write(1) {
        // EAGAIN: the counter is full, so whoever waits is awake already.
        Ok(_) | Err(Errno::EAGAIN) => {}
        Err(errno) => panic!("an eventfd of ours refused a write: {errno}"),
    }
}
