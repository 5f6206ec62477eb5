//! The process itself: waits for the pipe, the kernel and the service network, and for nothing else.

use std::io;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::prctl;
use nix::sys::signal::SigSet;

use crate::model::time::Instant;
use crate::pair::lease::Clocks;
use crate::ring::clock;
use crate::ring::thread;
use crate::warden::keeper;
use crate::warden::pipe::Came;
use crate::warden::pipe::Pipe;
use crate::warden::rights;
use crate::warden::turn::Warden;
use crate::warden::wire::Said;

/// The argument that makes a warden instead of its keeper.
pub const ALONE: &str = "--alone";
/// Wrong usage, as the command line has it.
const EXIT_USAGE: u8 = 2;

/// `halb warden`, which only HALB itself starts, with the pipe as its standard input: keeps a warden running. `alone`: is
/// one.
pub fn main(alone: bool) -> ExitCode {
    match begin(alone) {
        Ok(pipe) if alone => ended(run(pipe)),
        Ok(pipe) => {
            keeper::run(&pipe);
            ExitCode::SUCCESS
        }
        Err(error) => {
            // Where nobody reads that, there is nobody to tell.
            let _ = writeln!(io::stderr(), "halb warden: {error}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// What both do first: signals that a terminal or a service manager sends to all processes are for the main process to
/// decide about (a stop of all would leave the addresses to the kernel's lease); no descriptor but the pipe and
/// standard error; no right that is not needed.
fn begin(alone: bool) -> io::Result<OwnedFd> {
    SigSet::all().thread_block()?;
    prctl::set_name(if alone {
        c"halb-warden"
    } else {
        c"halb-keeper"
    })?;
    thread::own_table(&[])?;
    // While there may still be the right to; where there is none, a busy host loses its addresses sooner.
    let _ = thread::go_first();
    rights::keep(!alone).map_err(|denied| io::Error::other(denied.to_string()))?;
    let pipe = io::stdin().as_fd().try_clone_to_owned()?;
    Ok(pipe)
}

fn ended(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Until the main process is gone.
fn run(pipe: OwnedFd) -> io::Result<()> {
    let mut pipe = Pipe::new(pipe);
    pipe.say(Said::Started {
        process: std::process::id(),
    });
    let mut warden = Warden::open().inspect_err(|error| {
        pipe.say(Said::Trouble(format!("the warden cannot start: {error}")));
    })?;
    loop {
        loop {
            match pipe.read() {
                Came::Told(told) => warden.on_told(told, clocks(), &mut pipe),
                Came::Nothing => break,
                Came::Closed => {
                    warden.on_closed(clocks(), &mut pipe);
                    return Ok(());
                }
            }
        }
        warden.turn(clocks(), &mut pipe);
        pipe.flush();
        wait(&warden, &pipe)?;
    }
}

fn clocks() -> Clocks {
    Clocks {
        now: clock::read().now,
        boot: clock::boot(),
    }
}

/// Until something comes, or is due.
fn wait(warden: &Warden, pipe: &Pipe) -> io::Result<()> {
    let mut wanted = PollFlags::POLLIN;
    wanted.set(PollFlags::POLLOUT, pipe.waits());
    let mut polled = vec![PollFd::new(pipe.as_fd(), wanted)];
    let others = warden.watched();
    polled.extend(others.map(|other| PollFd::new(other, PollFlags::POLLIN)));
    match poll(&mut polled, timeout(warden.next(), clock::read().now)) {
        // ENOMEM passes; who is not there any more lets nobody's addresses go in time.
        Ok(_) | Err(Errno::EINTR | Errno::ENOMEM) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whole milliseconds, and not before the moment.
fn timeout(next: Option<Instant>, now: Instant) -> PollTimeout {
    let Some(next) = next else {
        return PollTimeout::NONE;
    };
    let left = next.since(now) + Duration::from_micros(999);
    PollTimeout::try_from(left.as_millis()).unwrap_or(PollTimeout::MAX)
}
