//! A small text that a person can read and that no damage goes unseen in: its first line says what it is, its last one
//! is a sum, the fingerprint of all before its line.

use crate::model::fingerprint::fingerprint;

/// Why bytes are no such text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// They begin otherwise.
    Foreign,
    /// Another program release wrote them.
    Version(u32),
    /// The checksum is missing or another.
    Damaged,
    /// The checksum is right, but they say what cannot be.
    Nonsense,
}

/// `kind` and `version` are the first line; each line of `body` ends.
pub fn write(kind: &str, version: u32, body: &str) -> Vec<u8> {
    let mut text = format!("{kind}{version}\n{body}");
    let sum = fingerprint(text.as_bytes());
    text.push_str(&format!("sum {sum:016x}\n"));
    text.into_bytes()
}

/// The lines between the first and the last one.
pub fn read<'b>(
    bytes: &'b [u8],
    kind: &str,
    version: u32,
) -> Result<impl Iterator<Item = &'b str> + use<'b>, Unreadable> {
    let text = str::from_utf8(bytes).map_err(|_| Unreadable::Damaged)?;
    let rest = text.strip_prefix(kind).ok_or(Unreadable::Foreign)?;
    let (found, _) = rest.split_once('\n').ok_or(Unreadable::Damaged)?;
    let found = found.parse().map_err(|_| Unreadable::Damaged)?;
    if found != version {
        return Err(Unreadable::Version(found));
    }
    let body = text.strip_suffix('\n').ok_or(Unreadable::Damaged)?;
    let (_, last) = body.rsplit_once('\n').ok_or(Unreadable::Damaged)?;
    let summed = &body[..body.len() - last.len()];
    if last != format!("sum {:016x}", fingerprint(summed.as_bytes())) {
        return Err(Unreadable::Damaged);
    }
    Ok(summed.lines().skip(1))
}

#[cfg(test)]
pub mod tests {
    /// Bytes that end early, or of which one bit is another, are refused.
    pub fn show_all_damage(whole: &[u8], is_refused: impl Fn(&[u8]) -> bool) {
        for end in 0..whole.len() {
            assert!(is_refused(&whole[..end]), "{end} bytes");
        }
        for (at, bit) in (0..whole.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut damaged = whole.to_vec();
            damaged[at] ^= 1 << bit;
            assert!(is_refused(&damaged), "bit {bit} of byte {at}");
        }
    }
}
