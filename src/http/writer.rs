//! A cursor over bytes to fill.

/// What is written does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// Writes from the start of `room` on.
pub struct Writer<'b> {
    room: &'b mut [u8],
    used: usize,
}

impl<'b> Writer<'b> {
    pub fn new(room: &'b mut [u8]) -> Writer<'b> {
        Writer { room, used: 0 }
    }

    /// Bytes written so far.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Writes all of `bytes`, or nothing.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let end = self.used.checked_add(bytes.len()).ok_or(Full)?;
        let target = self.room.get_mut(self.used..end).ok_or(Full)?;
        target.copy_from_slice(bytes);
        self.used = end;
        Ok(())
    }
}
