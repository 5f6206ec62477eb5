//! How the parts of a message lie in its bytes: numbers with the little end first, lengths before what they count.

use std::net::IpAddr;

pub struct Writer<'a> {
    to: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    pub fn new(to: &'a mut Vec<u8>) -> Writer<'a> {
        to.clear();
        Writer { to }
    }

    pub fn byte(&mut self, byte: u8) {
        self.to.push(byte);
    }

    pub fn long(&mut self, number: u64) {
        self.to.extend_from_slice(&number.to_le_bytes());
    }

    /// At most `most` bytes of it, whole characters.
    pub fn text(&mut self, text: &str, most: usize) {
        let text = &text[..text.floor_char_boundary(most)];
        self.long(text.len() as u64);
        self.to.extend_from_slice(text.as_bytes());
    }

    pub fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => {
                self.byte(4);
                self.to.extend_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                self.byte(6);
                self.to.extend_from_slice(&address.octets());
            }
        }
    }

    /// Of at most 255 things.
    pub fn list<T>(&mut self, things: &[T], mut write: impl FnMut(&mut Self, &T)) {
        let count = u8::try_from(things.len()).unwrap_or(u8::MAX);
        self.byte(count);
        for thing in things.iter().take(usize::from(count)) {
            write(self, thing);
        }
    }
}

pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub fn ended(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub fn long(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn number(&mut self) -> Option<u32> {
        self.long()?.try_into().ok()
    }

    /// Of at most so many bytes.
    pub fn text(&mut self, most: usize) -> Option<String> {
        let length = usize::try_from(self.long()?).ok();
        let length = length.filter(|length| *length <= most)?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        str::from_utf8(bytes).ok().map(str::to_owned)
    }

    pub fn address(&mut self) -> Option<IpAddr> {
        match self.byte()? {
            4 => self.array::<4>().map(IpAddr::from),
            6 => self.array::<16>().map(IpAddr::from),
            _ => None,
        }
    }

    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.byte()?;
        (0..count).map(|_| read(self)).collect()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*bytes)
    }
}
