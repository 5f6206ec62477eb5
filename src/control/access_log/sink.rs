//! Where lines go: a file, or whoever reads our standard output. Writing never blocks on a pipe.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::ErrorKind;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::OpenOptionsExt;

use nix::libc::O_NONBLOCK;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use crate::model::config::AccessLog;

/// Who writes no more than this into a pipe that poll(2) calls writable is not held up (pipe(7), `PIPE_BUF`).
const PIPE_PIECE: usize = 4096;
/// Requests tell more about people than a log should show to everybody.
const MODE: u32 = 0o640;

/// An open one.
pub struct Sink {
    file: File,
    /// No pipe, terminal or socket: it takes all at once, or fails.
    regular: bool,
}

impl Sink {
    /// `None`: there is to be none.
    pub fn open(to: &AccessLog) -> io::Result<Option<Sink>> {
        let file = match to {
            AccessLog::None => return Ok(None),
            // Its flags are shared with whoever started us, so they stay as they are.
            AccessLog::Stdout => File::from(io::stdout().as_fd().try_clone_to_owned()?),
            AccessLog::File(path) => OpenOptions::new()
                .append(true)
                .create(true)
                .mode(MODE)
                .custom_flags(O_NONBLOCK) // a pipe with a name
                .open(path)
                .map_err(|error| named(&path.display().to_string(), &error))?,
        };
        let regular = file.metadata()?.is_file();
        Ok(Some(Sink { file, regular }))
    }

    /// Writes a first part of `bytes`. `WouldBlock`: nobody takes any at the moment.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.regular {
            return self.file.write(bytes);
        }
        let mut writable = [PollFd::new(self.file.as_fd(), PollFlags::POLLOUT)];
        let ready = poll(&mut writable, PollTimeout::ZERO).map_err(io::Error::from)?;
        if ready == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.file.write(&bytes[..bytes.len().min(PIPE_PIECE)])
    }

    /// What becomes writable when there is room again.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn named(path: &str, error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("cannot open {path} (access_log): {error}"),
    )
}
