//! What a text must be like, where its kind alone does not say it.

use crate::model::address;
use crate::model::pattern;

/// Linux's IFNAMSIZ, less the closing NUL.
const INTERFACE_BYTES_MAX: usize = 15;

/// A cookie's name is a token (RFC 6265 §4.1.1, RFC 9110 §5.6.2), or empty.
pub fn cookie_name(text: &str) -> Result<(), String> {
    match text.chars().find(|letter| !is_token(*letter)) {
        None => Ok(()),
        Some(letter) => Err(format!("a cookie's name cannot hold {letter:?}")),
    }
}

/// A field value that cannot end its own line (RFC 9110 §5.5).
pub fn field_value(text: &str) -> Result<(), String> {
    if text.chars().any(char::is_control) {
        Err("control characters are not allowed here".to_owned())
    } else if text != text.trim() {
        Err("white space at an end would be lost on the way".to_owned())
    } else {
        Ok(())
    }
}

/// Empty, a path, or a full URL with a path.
pub fn healthcheck_url(text: &str) -> Result<(), String> {
    if let Some(letter) = text.chars().find(|letter| !letter.is_ascii_graphic()) {
        return Err(format!("{letter:?} must be percent-encoded"));
    }
    if text.contains('#') {
        return Err("a fragment is never sent to a server".to_owned());
    }
    if text.is_empty() || text.starts_with('/') {
        return Ok(());
    }
    let Some(rest) = text.strip_prefix("http://") else {
        return Err(format!("{text:?} begins with neither http:// nor /"));
    };
    let Some((host, _)) = rest.split_once('/') else {
        return Err(format!("{text:?} has no path"));
    };
    if host.is_empty() {
        return Err(format!("{text:?} has no host"));
    }
    address::HostPort::parse(host, 80).map(|_| ())
}

pub fn regexp(text: &str) -> Result<(), String> {
    pattern::compile(text)
        .map(|_| ())
        .map_err(|cause| format!("does not compile: {cause}"))
}

/// Basic authentication ends the name at the first colon (RFC 7617 §2).
pub fn username(text: &str) -> Result<(), String> {
    if text.contains(':') {
        return Err("a colon cannot be part of it: basic authentication ends it there".to_owned());
    }
    no_control(text)
}

pub fn no_control(text: &str) -> Result<(), String> {
    if text.chars().any(char::is_control) {
        Err("control characters are not allowed here".to_owned())
    } else {
        Ok(())
    }
}

/// A bearer token (RFC 6750 §2.1).
pub fn bearer_token(text: &str) -> Result<(), String> {
    let allowed = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
    };
    if text.trim_end_matches('=').bytes().all(allowed) && !text.starts_with('=') {
        Ok(())
    } else {
        Err("a token holds only letters, digits and -._~+/, then perhaps =".to_owned())
    }
}

/// What names a domain or a server; it becomes part of file names.
pub fn node_name(text: &str) -> Result<(), String> {
    address::host_name(text)
        .map_err(|_| format!("{text:?} is not a name: letters, digits, - and _, joined by dots"))
}

pub fn node_name_or_none(text: &str) -> Result<(), String> {
    if text.is_empty() {
        Ok(())
    } else {
        node_name(text)
    }
}

pub fn interface(text: &str) -> Result<(), String> {
    let allowed = |letter: char| letter.is_ascii_graphic() && letter != '/';
    if text.len() > INTERFACE_BYTES_MAX || !text.chars().all(allowed) || text.starts_with('.') {
        Err(format!("{text:?} is not the name of a network interface"))
    } else {
        Ok(())
    }
}

fn is_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter)
}
