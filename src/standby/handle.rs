//! What control has of the pair thread: orders go in, what has happened comes out, and how it stands can be looked at
//! any time. Neither side waits for the other, wherever that stands still; the locks here are among those of one side.

use std::fmt;
use std::io;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
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
use crate::plane::hatch::Hatch;
use crate::standby::domain::Setting;

/// Orders that wait for the pair thread, which takes them within microseconds.
pub(super) const GIVEN_MOST: usize = 64;
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
    common: Arc<Common>,
    /// One gives at a time.
    giving: Mutex<()>,
    /// One takes at a time.
    taking: Mutex<()>,
    /// Readable when something was told.
    heard: UnixStream,
    numbers: AtomicU32,
}

/// The pair thread's side.
pub struct Inside {
    common: Arc<Common>,
    cord: UnixStream,
}

struct Common {
    given: Hatch<Given>,
    settings: Hatch<Box<Setting>>,
    told: Hatch<Told>,
    standing: Board<Option<Standing>>,
    /// Wakes the pair thread.
    wake: EventFd,
    /// Told that control never heard.
    lost: AtomicU64,
    /// The process is to end: said by who got the signal, who waits for no other one who gives.
    leaving: AtomicBool,
    /// Written once the process may end.
    leave: EventFd,
    /// Written when the pair thread is to end.
    stop: EventFd,
    /// It has ended.
    gone: AtomicBool,
    /// There will be no warden any more.
    forsaken: AtomicBool,
}

/// Both sides.
pub fn sides() -> io::Result<(Handle, Inside)> {
    let (cord, heard) = UnixStream::pair()?;
    cord.set_nonblocking(true)?;
    heard.set_nonblocking(true)?;
    let common = Arc::new(Common {
        given: Hatch::new(GIVEN_MOST),
        settings: Hatch::new(SETTINGS_MOST),
        told: Hatch::new(TOLD_MOST),
        standing: Board::new(None),
        wake: event()?,
        lost: AtomicU64::new(0),
        leaving: AtomicBool::new(false),
        leave: event()?,
        stop: event()?,
        gone: AtomicBool::new(false),
        forsaken: AtomicBool::new(false),
    });
    let handle = Handle {
        common: Arc::clone(&common),
        giving: Mutex::default(),
        taking: Mutex::default(),
        heard,
        numbers: AtomicU32::new(0),
    };
    Ok((handle, Inside { common, cord }))
}

impl Handle {
    /// A number that no other order of this process has.
    pub fn number(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// Never waits for the pair thread.
    pub fn give(&self, given: Given) -> Result<(), Unheard> {
        self.put(&self.common.given, given)
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
        self.put(&self.common.settings, setting)
    }

    /// The process is to end: the service is handed over first, if there is somebody who can take it.
    /// [`Handle::await_leave`] says when that has been done.
    pub fn leave(&self) -> Result<(), Unheard> {
        self.common.leaving.store(true, Ordering::Release);
        self.wake()
    }

    /// How the pair stands, or stood 50 ms ago at most; `None` before the pair thread has said so.
    pub fn standing(&self) -> Option<Standing> {
        self.common.standing.read()
    }

    /// The next thing that was told. To be asked until there is none, by one task alone.
    pub fn take(&self) -> Option<Told> {
        let _turn = lock(&self.taking);
        self.common.told.take()
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

    /// Whether there is no warden any more, and nobody who would start another one.
    pub fn is_forsaken(&self) -> bool {
        self.common.forsaken.load(Ordering::Acquire)
    }

    /// The pair thread ends, and lets go of the addresses.
    pub fn stop(&self) {
        ring(&self.common.stop);
    }

    fn put<T>(&self, hatch: &Hatch<T>, thing: T) -> Result<(), Unheard> {
        let turn = lock(&self.giving);
        let put = hatch.give(thing);
        drop(turn);
        self.wake()?;
        put.map_err(|_| Unheard::Full)
    }

    fn wake(&self) -> Result<(), Unheard> {
        ring(&self.common.wake);
        match self.common.gone.load(Ordering::Acquire) {
            true => Err(Unheard::Gone),
            false => Ok(()),
        }
    }
}

impl Inside {
    /// Never waits: what control does not take is counted as lost.
    pub fn tell(&self, told: Told) {
        if told == Told::Leave {
            ring(&self.common.leave);
        }
        if self.common.told.give(told).is_err() {
            self.common.lost.fetch_add(1, Ordering::Relaxed);
        }
        // A full bell is heard, too; with nobody there nobody is missed.
        let _ = (&self.cord).write(b"!");
    }

    /// See [`Handle::is_forsaken`].
    pub(super) fn forsake(&self) {
        self.common.forsaken.store(true, Ordering::Release);
    }

    /// The next change of the domain file.
    pub fn setting(&self) -> Option<Box<Setting>> {
        self.common.settings.take()
    }

    /// The next thing that control has given. That the process is to end comes before all else.
    pub fn given(&self) -> Option<Given> {
        if self.common.leaving.swap(false, Ordering::AcqRel) {
            let event = Event::Order(Order::Leave);
            return Some(Given { number: 0, event });
        }
        self.common.given.take()
    }

    /// What is left of that is read in the next turn.
    pub(super) fn come_back(&self) {
        ring(&self.common.wake);
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

impl Drop for Inside {
    fn drop(&mut self) {
        self.common.gone.store(true, Ordering::Release);
    }
}

fn lock(turn: &Mutex<()>) -> MutexGuard<'_, ()> {
    turn.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn acknowledge(number: u32) -> Given {
        let event = Event::Order(Order::Acknowledge);
        Given { number, event }
    }

    #[test]
    fn what_is_given_comes_in_order_and_the_end_of_the_process_first() {
        let (handle, inside) = sides().unwrap();
        for number in 1..=GIVEN_MOST as u32 {
            handle.give(acknowledge(number)).unwrap();
        }
        let more = handle.give(acknowledge(0));
        assert_eq!(more, Err(Unheard::Full));
        handle.leave().unwrap();
        let first = inside.given().map(|given| given.event);
        assert_eq!(first, Some(Event::Order(Order::Leave)));
        for number in 1..=GIVEN_MOST as u32 {
            assert_eq!(inside.given().map(|given| given.number), Some(number));
        }
        assert!(inside.given().is_none());
    }

    #[test]
    fn who_speaks_to_a_thread_that_has_ended_is_told() {
        let (handle, inside) = sides().unwrap();
        handle.give(acknowledge(1)).unwrap();
        drop(inside);
        assert_eq!(handle.give(acknowledge(2)), Err(Unheard::Gone));
        assert_eq!(handle.leave(), Err(Unheard::Gone));
    }

    #[test]
    fn what_control_does_not_take_is_counted_and_the_rest_is_there() {
        let (handle, inside) = sides().unwrap();
        for number in 0..TOLD_MOST as u32 + 3 {
            inside.tell(Told::Answer(number, Outcome::Done));
        }
        assert_eq!(handle.lost(), 3);
        for number in 0..TOLD_MOST as u32 {
            assert_eq!(handle.take(), Some(Told::Answer(number, Outcome::Done)));
        }
        assert_eq!(handle.take(), None);
    }
}
