//! Set-Cookie lines (RFC 6265 §4.1.1, read as §5.2 says). Each stands for itself: they cannot be joined.

use crate::http::cookie::date;
use crate::http::cookie::inside_quotes;
use crate::http::cookie::items;
use crate::http::cookie::lines;
use crate::http::field::Fields;
use crate::http::field::Known;
use crate::http::field::Span;

/// A line that sets the cookie that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetCookie {
    /// The whole line with its CRLF.
    pub line: Span,
    /// Without the quotes around it.
    pub value: Span,
    /// The value of the field: the cookie and its attributes.
    text: Span,
}

/// The lines that set the cookie `name`, in their order.
pub fn all<'h>(
    fields: &'h Fields,
    bytes: &'h [u8],
    name: &'h [u8],
) -> impl Iterator<Item = SetCookie> + 'h {
    lines(fields, Known::SetCookie).filter_map(move |field| {
        let pair = items(bytes, field.value).next()?;
        let value = pair.value_of(bytes, name)?;
        Some(SetCookie {
            line: field.line,
            value: inside_quotes(bytes, value),
            text: field.value,
        })
    })
}

impl SetCookie {
    /// Whether the client forgets the cookie: it is set to nothing, or it has expired when it comes. Max-Age wins
    /// over Expires, and of several the last that can be read counts (§5.3). What cannot be read is not there.
    pub fn deletes(&self, bytes: &[u8], unix_seconds: u64) -> bool {
        if self.value.is_empty() {
            return true;
        }
        let (mut max_age, mut expires) = (None, None);
        for attribute in items(bytes, self.text).skip(1) {
            let name = attribute.name.of(bytes);
            let value = attribute.value.unwrap_or_default().of(bytes);
            if name.eq_ignore_ascii_case(b"max-age") {
                max_age = is_over(value).or(max_age);
            } else if name.eq_ignore_ascii_case(b"expires") {
                expires = date::cookie_date(value).or(expires);
            }
        }
        let now = i64::try_from(unix_seconds).unwrap_or(i64::MAX);
        max_age.unwrap_or(expires.is_some_and(|at| at <= now))
    }
}

/// Whether a Max-Age is zero or less; `None`: it is no number (§5.2.2).
fn is_over(max_age: &[u8]) -> Option<bool> {
    let negative = max_age.strip_prefix(b"-");
    let digits = negative.unwrap_or(max_age);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(negative.is_some() || digits.iter().all(|digit| *digit == b'0'))
}
