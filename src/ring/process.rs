//! Another process, by a descriptor: its number may become somebody else's when it has ended.
//!
//! Invariants the `unsafe` here rests on:
//! - P1: `pidfd_open` and `pidfd_send_signal` get numbers and a null pointer, and touch no memory of ours.
//! - P2: what `pidfd_open` returns is a descriptor that nobody else knows of.

use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::libc;

/// A process that was there once.
#[derive(Debug)]
pub struct Process(OwnedFd);

impl Process {
    /// The one with that number now. `ESRCH`: there is none.
    pub fn open(number: u32) -> Result<Process, Errno> {
        // SAFETY: P1.
        let result = unsafe { libc::syscall(libc::SYS_pidfd_open, number, 0u32) };
        let descriptor = Errno::result(result)?;
        let descriptor = RawFd::try_from(descriptor).map_err(|_| Errno::EBADF)?;
        // SAFETY: P2.
        Ok(Process(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// SIGKILL. `ESRCH`: it has ended already.
    pub fn kill(&self) -> Result<(), Errno> {
        let descriptor = self.0.as_raw_fd();
        let nothing = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: P1.
        let result = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                descriptor,
                libc::SIGKILL,
                nothing,
                0u32,
            )
        };
        Errno::result(result).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    #[test]
    fn a_process_is_killed_once_and_no_other_one_in_its_place() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::open(child.id()).unwrap();
        process.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
        assert_eq!(process.kill(), Err(Errno::ESRCH));
    }
}
