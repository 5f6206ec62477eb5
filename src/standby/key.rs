//! The domain key: one secret that all servers of a domain have, and nobody else.
//!
//! Nothing is ever sealed with it: each use has a key of its own, so that what goes wrong with one says nothing of the
//! others.

use std::fmt;
use std::fs::File;
use std::io;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc::O_NONBLOCK;
use snow::params::HashChoice;
use snow::resolvers::CryptoResolver;
use snow::resolvers::DefaultResolver;

/// A line that begins so, then 64 hexadecimal digits.
const PREFIX: &str = "HALB domain key 1 ";
const LENGTH: usize = 32;
/// The line, its end, and one more byte by which a longer file shows.
const FILE_MOST: usize = PREFIX.len() + 2 * LENGTH + 2;

/// See above. It cannot be printed by accident.
#[derive(Clone)]
pub struct Key([u8; LENGTH]);

/// What a key derived from it is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// Sealing adverts.
    Adverts,
    /// Beginning the stream between two servers.
    Stream,
    /// Telling learned sessions apart: a session has the same hash on all servers.
    Sessions,
    /// Telling the others which key lies here for the next start.
    Comparison,
}

/// Why there is no key.
#[derive(Debug)]
pub enum NoKey {
    Missing,
    Unreadable(io::Error),
    /// Others than the owner may read it.
    Open,
    /// Not a line as `halb domain keygen` writes it.
    Malformed,
}

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoKey::Missing => f.write_str(
                "it does not exist; `halb domain keygen` makes one, which all servers of the domain need",
            ),
            NoKey::Unreadable(error) => write!(f, "it cannot be read: {error}"),
            NoKey::Open => {
                f.write_str("others than its owner may read it (chmod 600, and keep it secret)")
            }
            NoKey::Malformed => f.write_str("it is not what `halb domain keygen` writes"),
        }
    }
}

impl Key {
    /// A new one, by chance.
    pub fn draw() -> io::Result<Key> {
        let mut bytes = [0; LENGTH];
        fill(&mut bytes)?;
        Ok(Key(bytes))
    }

    /// The content of a key file. To be written where nobody else can read it.
    pub fn text(&self) -> String {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{PREFIX}{digits}\n")
    }

    /// What [`Key::text`] has written.
    pub fn parse(text: &[u8]) -> Result<Key, NoKey> {
        let line = text.strip_suffix(b"\n").unwrap_or(text);
        let digits = line.strip_prefix(PREFIX.as_bytes());
        let digits = digits.filter(|digits| digits.len() == 2 * LENGTH);
        let mut bytes = [0; LENGTH];
        for (byte, pair) in bytes
            .iter_mut()
            .zip(digits.ok_or(NoKey::Malformed)?.chunks(2))
        {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Key(bytes))
    }

    /// Reads a key file, which nobody but its owner may be able to read.
    pub fn read(path: &Path) -> Result<Key, NoKey> {
        // What never ends and what nobody writes to is not waited for.
        let opened = File::options()
            .read(true)
            .custom_flags(O_NONBLOCK)
            .open(path);
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => NoKey::Missing,
            _ => NoKey::Unreadable(error),
        })?;
        let metadata = file.metadata().map_err(NoKey::Unreadable)?;
        if !metadata.is_file() {
            return Err(NoKey::Malformed);
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(NoKey::Open);
        }
        let mut text = Vec::with_capacity(FILE_MOST);
        let mut start = file.take(FILE_MOST as u64);
        start.read_to_end(&mut text).map_err(NoKey::Unreadable)?;
        Key::parse(&text)
    }

    /// The key for one use (HMAC with BLAKE2s, RFC 2104 and RFC 7693).
    pub fn derive(&self, purpose: Use) -> [u8; LENGTH] {
        let label: &[u8] = match purpose {
            Use::Adverts => b"HALB 1 adverts",
            Use::Stream => b"HALB 1 stream",
            Use::Sessions => b"HALB 1 sessions",
            Use::Comparison => b"HALB 1 comparison",
        };
        let mut out = [0; LENGTH];
        let Some(mut hash) = DefaultResolver.resolve_hash(&HashChoice::Blake2s) else {
            panic!("BLAKE2s is compiled in");
        };
        hash.hmac(&self.0, label, &mut out);
        out
    }

    /// Whether both are the same, in a time that says nothing of where they differ.
    pub fn is(&self, other: &Key) -> bool {
        let difference = self.0.iter().zip(&other.0);
        let difference = difference.fold(0, |all, (one, other)| all | (one ^ other));
        std::hint::black_box(difference) == 0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// Bytes by chance, of the kernel.
pub fn fill(bytes: &mut [u8]) -> io::Result<()> {
    File::open("/dev/urandom")?.read_exact(bytes)
}

fn digit(byte: u8) -> Result<u8, NoKey> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(NoKey::Malformed),
    }
}

#[cfg(test)]
mod tests;
