//! Mode passive: the backend's cookie is read and never changed.

use crate::http::cookie::set;
use crate::http::cookie::value;
use crate::http::field::Fields;

/// What identifies the session of a request: the first `check_bytes` of the cookie `name`. `None`: there is no such
/// cookie, or it is empty.
pub fn request<'h>(
    fields: &Fields,
    bytes: &'h [u8],
    name: &[u8],
    check_bytes: usize,
) -> Option<&'h [u8]> {
    let value = value(fields, bytes, name)?.of(bytes);
    key(value, check_bytes)
}

/// What a response says of the cookie.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Said<'h> {
    /// What will identify the session: from the last line that sets the cookie and does not delete it.
    pub key: Option<&'h [u8]>,
    /// The last line that is about the cookie deletes it.
    pub deleted: bool,
}

/// What a response says of the cookie `name`.
pub fn response<'h>(
    fields: &Fields,
    bytes: &'h [u8],
    name: &[u8],
    check_bytes: usize,
    unix_seconds: u64,
) -> Said<'h> {
    let mut said = Said::default();
    for cookie in set::all(fields, bytes, name) {
        said.deleted = cookie.deletes(bytes, unix_seconds);
        if !said.deleted {
            said.key = key(cookie.value.of(bytes), check_bytes);
        }
    }
    said
}

/// A shorter value is used whole.
fn key(value: &[u8], check_bytes: usize) -> Option<&[u8]> {
    assert!(check_bytes > 0, "the configuration says at least one");
    Some(&value[..value.len().min(check_bytes)]).filter(|key| !key.is_empty())
}
