//! A cursor over bytes to fill.

pub(crate) mod date;
#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::net::IpAddr;

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

    /// Writes a number in decimal.
    pub fn decimal(&mut self, value: u64) -> Result<(), Full> {
        let mut digits = [0; 20];
        let mut start = digits.len();
        let mut left = value;
        loop {
            start -= 1;
            digits[start] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                return self.put(&digits[start..]);
            }
        }
    }

    /// Writes an address; an IPv4 address that came over an IPv6 socket as IPv4.
    pub fn address(&mut self, address: IpAddr) -> Result<(), Full> {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [first, rest @ ..] = address.octets();
                self.decimal(u64::from(first))?;
                for octet in rest {
                    self.put(b".")?;
                    self.decimal(u64::from(octet))?;
                }
                Ok(())
            }
            IpAddr::V6(address) => write!(self, "{address}").map_err(|_| Full),
        }
    }

    /// Writes a point in time as `Date` has it (RFC 9110 §5.6.7).
    pub fn date(&mut self, unix_seconds: u64) -> Result<(), Full> {
        self.put(&date::imf_fixdate(unix_seconds))
    }
}

impl Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.put(text.as_bytes()).map_err(|Full| std::fmt::Error)
    }
}
