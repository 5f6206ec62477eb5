//! The crew's end of the line to one station.

use std::io::Read;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;

use crate::process::Place;
use crate::process::Running;
use crate::station::order::Said;
use crate::station::order::Told;
use crate::trouble::Trouble;
use crate::trouble::While;

/// What is read at once of what a station says.
const READ_BYTES: usize = 64 * 1024;

/// One station's process, and the line to it.
pub struct Post {
    running: Running,
    line: UnixStream,
    received: Vec<u8>,
}

impl Post {
    /// Starts the `index`th station of a crew, on `core`.
    pub fn start(core: usize, index: usize, folder: &Path) -> Result<Post, Trouble> {
        let (ours, theirs) = UnixStream::pair().during("opening a line to a station")?;
        let own = std::env::current_exe().during("finding this program")?;
        let stdin = Stdio::from(OwnedFd::from(theirs));
        let arguments = ["station".to_owned()];
        let name = format!("station{index}");
        let running = Running::start(&name, Place::on(&[core]), &own, &arguments, stdin, folder)?;
        Ok(Post {
            running,
            line: ours,
            received: Vec::new(),
        })
    }

    /// To be waited for before [`Post::receive`].
    pub fn source(&self) -> BorrowedFd<'_> {
        self.line.as_fd()
    }

    pub fn tell(&mut self, told: &Told) -> Result<(), Trouble> {
        let mut text = serde_json::to_vec(told).during("writing to a station")?;
        text.push(b'\n');
        self.line.write_all(&text).during("telling a station")
    }

    /// Takes what has come; waits when there is nothing.
    pub fn receive(&mut self) -> Result<(), Trouble> {
        let mut piece = vec![0; READ_BYTES];
        let count = self.line.read(&mut piece).during("hearing a station")?;
        if count == 0 {
            self.running.check()?;
            return Err(Trouble::new("a station hung up"));
        }
        self.received.extend_from_slice(&piece[..count]);
        Ok(())
    }

    /// The next whole word of what was received.
    pub fn next(&mut self) -> Result<Option<Said>, Trouble> {
        let Some(end) = memchr::memchr(b'\n', &self.received) else {
            return Ok(None);
        };
        let said = serde_json::from_slice(&self.received[..end]);
        self.received.drain(..=end);
        said.map(Some).during("understanding a station")
    }
}
