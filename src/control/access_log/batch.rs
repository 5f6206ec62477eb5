//! Lines that are written and not yet taken, and the one rule for them: a line never goes into two files.

use std::io;
use std::io::ErrorKind;

use crate::control::access_log::sink::Sink;

/// Lines on their way into a sink.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// So many of them have been taken.
    pub(super) taken: usize,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that nobody has taken.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// Where further lines are written.
    pub fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Hands on what the sink takes now. An error: not all of it.
    pub fn flush(&mut self, sink: &mut Sink) -> io::Result<()> {
        while self.taken < self.bytes.len() {
            match sink.write(&self.bytes[self.taken..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.taken += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.clear();
        Ok(())
    }

    /// What is left shall go elsewhere: with the line that has gone in part.
    pub fn rewind(&mut self) {
        let whole = self.bytes[..self.taken].iter().rposition(|b| *b == b'\n');
        self.bytes.drain(..whole.map_or(0, |end| end + 1));
        self.taken = 0;
    }

    /// Nobody shall have what is left; so many lines.
    pub fn give_up(&mut self) -> usize {
        let left = &self.bytes[self.taken..];
        let lines = left.iter().filter(|byte| **byte == b'\n').count();
        self.clear();
        lines
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.taken = 0;
    }
}
