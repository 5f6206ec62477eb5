//! The request target and its forms (RFC 9112 §3.2).

use crate::http::field::Span;
use crate::http::request::Method;
use crate::http::request::host;

/// Which form a request target has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A path, with a query or without.
    Origin,
    /// A whole `http` or `https` address.
    Absolute,
    /// `*`, the server as a whole (OPTIONS only).
    Asterisk,
}

/// A request target, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    pub form: Form,
    /// Of an absolute-form target: its `host[:port]`. Otherwise empty.
    pub authority: Span,
    /// Path and query. Of an absolute-form target they may be empty, or only the query.
    pub path: Span,
}

impl Target {
    /// What goes before [`Target::path`] to make it a target for the output (RFC 9112 §3.2.1, §3.2.4).
    pub fn prefix(&self, method: Method, bytes: &[u8]) -> &'static [u8] {
        match (self.form, self.path.of(bytes).first()) {
            (Form::Origin | Form::Asterisk, _) | (Form::Absolute, Some(b'/')) => b"",
            (Form::Absolute, None) if method == Method::Options => b"*",
            (Form::Absolute, _) => b"/",
        }
    }
}

/// Takes apart the target at `span`; `None`: it has none of the forms that a gateway serves.
pub(crate) fn parse(bytes: &[u8], span: Span, method: Method) -> Option<Target> {
    let text = span.of(bytes);
    let whole = |form| Target {
        form,
        authority: Span::default(),
        path: span,
    };
    match text {
        [b'/', ..] => Some(whole(Form::Origin)),
        b"*" if method == Method::Options => Some(whole(Form::Asterisk)),
        _ => {
            let start = usize::from(span.start) + scheme_bytes(text)?;
            let rest = &bytes[start..usize::from(span.end)];
            let length = rest.iter().position(|byte| matches!(byte, b'/' | b'?'));
            let (authority, _) = rest.split_at(length.unwrap_or(rest.len()));
            let path_start = start + authority.len();
            host::is_valid(authority).then_some(Target {
                form: Form::Absolute,
                authority: Span::new(start, path_start),
                path: Span::new(path_start, usize::from(span.end)),
            })
        }
    }
}

/// Where the target that starts at `start` ends. All that is visible may stand in it but `#`: browsers send `|`,
/// `{` and `"` unescaped, and a few clients send UTF-8; a fragment never leaves a client (RFC 9110 §7.1).
pub(crate) fn end(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest
        .iter()
        .position(|byte| *byte <= b' ' || matches!(byte, b'#' | 0x7f));
    start + length.unwrap_or(rest.len())
}

fn scheme_bytes(text: &[u8]) -> Option<usize> {
    [b"http://".as_slice(), b"https://".as_slice()]
        .into_iter()
        .find(|scheme| {
            text.get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
        .map(<[u8]>::len)
}
