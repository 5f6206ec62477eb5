//! The test's end of one connection: what was sent on it, and what is seen on it.

use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpStream;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::SockRef;

use crate::lens::Lens;
use crate::notation::agrees;
use crate::stage::PATIENCE;

/// When nothing came for so long, what was seen is shown, or written down, as all there was. It decides nothing.
const QUIET: Duration = Duration::from_millis(100);
/// More than this is sent by a thread: HALB does not take it before the other side reads.
const AT_ONCE: usize = 32 * 1024;

/// How a stream ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Over {
    End,
    Reset,
}

/// What was seen instead of what was expected.
#[derive(Debug)]
pub struct Mismatch {
    pub seen: Vec<u8>,
    pub over: Option<Over>,
}

pub struct Side {
    stream: TcpStream,
    expected: Lens,
    lens: Lens,
    /// What was seen through the lens, and belongs to no step yet.
    waiting: Vec<u8>,
    /// The same as it came.
    raw: Vec<u8>,
    over: Option<Over>,
    /// Our own stream has ended.
    pub ended: bool,
    /// That the other's has was expected, and seen.
    pub over_seen: bool,
    writer: Option<JoinHandle<io::Result<()>>>,
}

impl Side {
    /// With `joins`, it does not matter how bodies are cut into chunks.
    pub fn new(stream: TcpStream, joins: bool) -> Side {
        Side {
            stream,
            expected: Lens::new(joins),
            lens: Lens::new(joins),
            waiting: Vec::new(),
            raw: Vec::new(),
            over: None,
            ended: false,
            over_seen: false,
            writer: None,
        }
    }

    pub fn send(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.flush()?;
        if bytes.len() <= AT_ONCE {
            return self.stream.write_all(&bytes);
        }
        let mut stream = self.stream.try_clone()?;
        self.writer = Some(thread::spawn(move || stream.write_all(&bytes)));
        Ok(())
    }

    /// Waits for all of `pattern`, and for nothing that differs from it.
    pub fn see(&mut self, pattern: &[u8]) -> Result<(), Mismatch> {
        let mut wanted = Vec::new();
        self.expected.feed(pattern, &mut wanted);
        loop {
            if !agrees(&wanted, &self.waiting) {
                return Err(self.mismatch());
            }
            if self.waiting.len() >= wanted.len() {
                self.waiting.drain(..wanted.len());
                let keep = self.waiting.len().min(self.raw.len());
                self.raw.drain(..self.raw.len() - keep);
                return Ok(());
            }
            if !self.read() {
                return Err(self.mismatch());
            }
        }
    }

    /// Waits for the end of the stream; not a byte may come before it.
    pub fn see_over(&mut self) -> Result<Over, Mismatch> {
        loop {
            if !self.waiting.is_empty() {
                return Err(self.mismatch());
            }
            if let Some(over) = self.over {
                self.over_seen = true;
                return Ok(over);
            }
            if !self.read() && self.over.is_none() {
                return Err(self.mismatch());
            }
        }
    }

    /// Whether nothing is there now.
    pub fn sees_nothing(&mut self) -> Result<(), Mismatch> {
        self.bounded(Some(Duration::from_millis(1)), |side| {
            side.read();
        });
        if self.waiting.is_empty() && self.over.is_none() {
            Ok(())
        } else {
            Err(self.mismatch())
        }
    }

    /// Sends the end of the stream.
    pub fn end(&mut self) -> io::Result<()> {
        self.flush()?;
        self.ended = true;
        self.stream.shutdown(Shutdown::Write)
    }

    pub fn close(mut self) -> io::Result<()> {
        self.flush()
    }

    pub fn reset(self) -> io::Result<()> {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))
    }

    /// What was seen and not claimed, and all that still comes, is a step of its own: for writing it down.
    pub fn take_rest(&mut self) -> Vec<u8> {
        let seen = self.mismatch().seen;
        self.waiting.clear();
        self.raw.clear();
        seen
    }

    /// Waits until all that was given to `send` has gone.
    pub fn flush(&mut self) -> io::Result<()> {
        match self.writer.take() {
            Some(writer) => writer
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("it panicked"))),
            None => Ok(()),
        }
    }

    /// Reads once; whether bytes came.
    fn read(&mut self) -> bool {
        if self.over.is_some() {
            return false;
        }
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => self.over = Some(Over::End),
            Ok(count) => {
                self.lens.feed(&bytes[..count], &mut self.waiting);
                self.raw.extend_from_slice(&bytes[..count]);
                return true;
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                self.over = Some(Over::Reset)
            }
            Err(_) => {}
        }
        false
    }

    fn mismatch(&mut self) -> Mismatch {
        self.bounded(Some(QUIET), |side| while side.read() {});
        Mismatch {
            seen: self.raw.clone(),
            over: self.over,
        }
    }

    fn bounded(&mut self, patience: Option<Duration>, act: impl FnOnce(&mut Side)) {
        // A socket takes any timeout but zero.
        self.stream.set_read_timeout(patience).unwrap();
        act(self);
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
}
